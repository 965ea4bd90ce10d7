//! Whether a response came out of a cache, read from its headers.
//!
//! In order of trust: `Cache-Status` (RFC 9211), `CF-Cache-Status`, `X-Cache` and its relatives,
//! `Age`. A cache that says nothing stays unknown: silence is never counted as a miss.

use std::fmt;

use super::response::Response;

/// What the caches on the way did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheStatus {
    /// Served from a cache.
    Hit,
    /// Not in the cache.
    Miss,
    /// Served from a cache past its freshness.
    Stale,
    /// In the cache but too old, so fetched again.
    Expired,
    /// In the cache, and the origin confirmed that it still holds.
    Revalidated,
    /// Not looked up.
    Bypass,
    /// The response does not say.
    Unknown,
}

/// De-facto headers, after the standard's and Cloudflare's.
const RELATIVES: [&str; 3] = ["x-cache", "x-cache-status", "x-proxy-cache"];

/// Whether a response header of this name can tell of a cache.
pub(super) fn tells(name: &str) -> bool {
    match name.len() {
        3 => name.eq_ignore_ascii_case("age"),
        7 | 13 | 14 => RELATIVES.iter().any(|known| name.eq_ignore_ascii_case(known)),
        12 => name.eq_ignore_ascii_case("cache-status"),
        15 => name.eq_ignore_ascii_case("cf-cache-status"),
        _ => false,
    }
}

impl CacheStatus {
    /// As a tag prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Stale => "stale",
            Self::Expired => "expired",
            Self::Revalidated => "revalidated",
            Self::Bypass => "bypass",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the cache spared the origin the work of answering; `None` if nothing is known.
    pub fn is_hit(self) -> Option<bool> {
        match self {
            Self::Hit | Self::Stale | Self::Revalidated => Some(true),
            Self::Miss | Self::Expired | Self::Bypass => Some(false),
            Self::Unknown => None,
        }
    }

    pub(super) fn of(response: &Response) -> Self {
        let header = |name, read: fn(&str) -> Self| response.header(name).map(|value| read(&value));
        header("cache-status", standard)
            .or_else(|| header("cf-cache-status", word))
            .or_else(|| RELATIVES.iter().find_map(|name| header(name, words)))
            .filter(|&status| status != Self::Unknown)
            .or_else(|| header("age", age))
            .unwrap_or(Self::Unknown)
    }
}

impl fmt::Display for CacheStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// RFC 9211: one member a cache, the one nearest to the origin first. A hit in any of them served
/// the response; without one, the nearest to us says why it went on.
fn standard(value: &str) -> CacheStatus {
    let mut last = CacheStatus::Unknown;
    for member in split(value, ',') {
        let status = member_status(member);
        if matches!(status, CacheStatus::Hit | CacheStatus::Stale) {
            return status;
        }
        last = status;
    }
    last
}

fn member_status(member: &str) -> CacheStatus {
    let (mut hit, mut expired, mut confirmed, mut forward) = (false, false, false, None);
    for parameter in split(member, ';').skip(1) {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, "?1"));
        match (key.trim(), value.trim()) {
            ("hit", value) => hit = value != "?0",
            ("ttl", value) => expired = value.starts_with('-'),
            ("fwd", value) => forward = Some(value),
            ("fwd-status", value) => confirmed = value == "304",
            _ => {}
        }
    }
    match forward {
        _ if hit && expired => CacheStatus::Stale,
        _ if hit => CacheStatus::Hit,
        Some("bypass" | "method" | "request") => CacheStatus::Bypass,
        Some("stale") if confirmed => CacheStatus::Revalidated,
        Some("stale") => CacheStatus::Expired,
        Some(_) => CacheStatus::Miss,
        None => CacheStatus::Unknown,
    }
}

/// `HIT`, `Hit from cloudfront`, `TCP_MEM_HIT`, or a list of them, one a cache: any hit served it.
fn words(value: &str) -> CacheStatus {
    let mut last = CacheStatus::Unknown;
    for member in value.split(',') {
        let status = word(member.split_ascii_whitespace().next().unwrap_or_default());
        if status.is_hit() == Some(true) {
            return status;
        }
        if status != CacheStatus::Unknown {
            last = status;
        }
    }
    last
}

/// One word of a vendor. `TCP_REFRESH_HIT` must be seen before `HIT`.
fn word(word: &str) -> CacheStatus {
    const WORDS: [(&str, CacheStatus); 12] = [
        ("REFRESHHIT", CacheStatus::Revalidated),
        ("REFRESH_HIT", CacheStatus::Revalidated),
        ("REFRESH_MISS", CacheStatus::Expired),
        ("REVALIDATED", CacheStatus::Revalidated),
        ("STALE", CacheStatus::Stale),
        ("UPDATING", CacheStatus::Stale),
        ("EXPIRED", CacheStatus::Expired),
        ("BYPASS", CacheStatus::Bypass),
        ("DYNAMIC", CacheStatus::Bypass),
        ("PASS", CacheStatus::Bypass),
        ("HIT", CacheStatus::Hit),
        ("MISS", CacheStatus::Miss),
    ];
    let word = word.trim().to_ascii_uppercase();
    let found = WORDS.iter().find(|(known, _)| {
        word.strip_suffix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with("TCP_"))
    });
    found.map_or(CacheStatus::Unknown, |&(_, status)| status)
}

/// Only a response that has lain in a cache for a second shows it; 0 may be a fresh one.
fn age(value: &str) -> CacheStatus {
    match value.trim().parse::<u64>() {
        Ok(seconds) if seconds > 0 => CacheStatus::Hit,
        _ => CacheStatus::Unknown,
    }
}

/// Splits at `separator` outside quoted strings.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::response::Protocol;

    fn status(headers: &str) -> CacheStatus {
        let head = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n");
        let tells_of_a_cache = headers.lines().any(|line| tells(line.split(':').next().unwrap()));
        Response {
            head_len: head.len(),
            wire_bytes: 0,
            bytes: head.into_bytes(),
            status: 200,
            protocol: Protocol::Http11,
            tells_of_a_cache,
            sets_cookies: false,
        }
        .cache_status()
    }

    #[test]
    fn reads_the_standard_header() {
        for (value, expected) in [
            ("Demo; hit", CacheStatus::Hit),
            ("Demo; hit; ttl=30", CacheStatus::Hit),
            ("Demo;hit;ttl=-5", CacheStatus::Stale),
            ("Demo; fwd=uri-miss; stored", CacheStatus::Miss),
            ("Demo; fwd=vary-miss", CacheStatus::Miss),
            ("Demo; fwd=bypass", CacheStatus::Bypass),
            ("Demo; fwd=stale; fwd-status=304", CacheStatus::Revalidated),
            ("Demo; fwd=stale; fwd-status=200", CacheStatus::Expired),
            ("Origin; hit, \"CDN, Inc; x\"; fwd=uri-miss", CacheStatus::Hit),
            ("Origin; fwd=stale, CDN; fwd=uri-miss", CacheStatus::Miss),
            ("Demo; hit=?0; fwd=miss", CacheStatus::Miss),
            ("Demo", CacheStatus::Unknown),
        ] {
            assert_eq!(status(&format!("Cache-Status: {value}")), expected, "{value}");
        }
    }

    #[test]
    fn reads_what_vendors_say() {
        for (header, expected) in [
            ("X-Cache: HIT", CacheStatus::Hit),
            ("x-cache: miss", CacheStatus::Miss),
            ("X-Cache: Hit from cloudfront", CacheStatus::Hit),
            ("X-Cache: RefreshHit from cloudfront", CacheStatus::Revalidated),
            ("X-Cache: Error from cloudfront", CacheStatus::Unknown),
            ("X-Cache: TCP_MEM_HIT", CacheStatus::Hit),
            ("X-Cache: TCP_REFRESH_HIT from a.b", CacheStatus::Revalidated),
            ("X-Cache: MISS, HIT", CacheStatus::Hit),
            ("X-Cache: WHIT", CacheStatus::Unknown),
            ("X-Cache-Status: EXPIRED", CacheStatus::Expired),
            ("X-Proxy-Cache: BYPASS", CacheStatus::Bypass),
            ("CF-Cache-Status: DYNAMIC", CacheStatus::Bypass),
            ("CF-Cache-Status: UPDATING", CacheStatus::Stale),
            ("CF-Cache-Status: REVALIDATED", CacheStatus::Revalidated),
            ("Age: 12", CacheStatus::Hit),
            ("Age: 0", CacheStatus::Unknown),
            ("Age: x", CacheStatus::Unknown),
            ("X-Other: HIT", CacheStatus::Unknown),
            ("Cache-Status: Demo; fwd=miss\r\nX-Cache: HIT\r\nAge: 3", CacheStatus::Miss),
            ("X-Cache: Error from cloudfront\r\nAge: 3", CacheStatus::Hit),
        ] {
            assert_eq!(status(header), expected, "{header}");
        }
    }

    #[test]
    fn counts_as_a_hit_what_spared_the_origin() {
        assert_eq!(CacheStatus::Stale.is_hit(), Some(true));
        assert_eq!(CacheStatus::Expired.is_hit(), Some(false));
        assert_eq!(CacheStatus::Unknown.is_hit(), None);
        assert_eq!(CacheStatus::Revalidated.to_string(), "revalidated");
    }
}
