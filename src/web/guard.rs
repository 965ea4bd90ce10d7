//! Who may use the control API. Asked in this order, so that nobody without a right learns more than that:
//!
//! 1. The `Host` is ours. A page whose name was made to point at this machine (DNS rebinding) sends its own name.
//! 2. An `Origin`, if there is one, is ours too: a page of another site sends that. There is no CORS.
//! 3. The token, as `Authorization: Bearer`.
//! 4. The body's announced size.

use std::net::IpAddr;

use axum::http::{HeaderMap, StatusCode, Uri, header};

use super::reply::Refusal;
use super::token::Token;

/// The longest body: a wish is a line.
pub(super) const BODY_BYTES_MAX: usize = 16 << 10;

/// What a request must have.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) token: Token,
    /// Where it listens.
    pub(super) bound: IpAddr,
    /// The name by which it was told to listen.
    pub(super) name: String,
}

impl Guard {
    /// Whether a request may go on.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let foreign = |detail: &str| Refusal::new(StatusCode::FORBIDDEN, detail);
        let host = only(headers, &header::HOST).ok_or_else(|| foreign("one `Host` header is needed"))?;
        let is_ours = |host: &str| self.is_ours(name_of(host));
        if !is_ours(host) || !uri.authority().is_none_or(|authority| is_ours(authority.as_str())) {
            return Err(foreign("the `Host` is not this control API's: use the address that it listens at"));
        }
        if headers.contains_key(header::ORIGIN) {
            let origin = only(headers, &header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
            if !origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host)) {
                return Err(foreign("requests from pages of other sites are refused"));
            }
        }
        self.check_token(headers)?;
        let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        if length
            .and_then(|length| length.parse::<u64>().ok())
            .is_some_and(|length| length > BODY_BYTES_MAX as u64)
        {
            return Err(too_large());
        }
        Ok(())
    }

    fn check_token(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let refuse = |detail: &str| Err(Refusal::new(StatusCode::UNAUTHORIZED, detail));
        let Some(given) = only(headers, &header::AUTHORIZATION) else {
            return refuse("send the API token as `Authorization: Bearer TOKEN`");
        };
        let token = given.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        match token {
            Some((_, token)) if self.token.is(token.trim()) => Ok(()),
            Some(_) => refuse("the API token is another one"),
            None => refuse("send the API token as `Authorization: Bearer TOKEN`"),
        }
    }

    /// Whether a name leads here by right. Its port doesn't matter: a tunnel has another, and whoever is here got through.
    fn is_ours(&self, name: &str) -> bool {
        if name.eq_ignore_ascii_case(&self.name) {
            return true;
        }
        let serves_this_machine = self.bound.is_loopback() || self.bound.is_unspecified();
        match name.parse::<IpAddr>() {
            // No name, so nobody can have pointed it here; which of the machine's addresses it is, is the network's business.
            Ok(_) if self.bound.is_unspecified() => true,
            Ok(ip) => ip == self.bound || (self.bound.is_loopback() && ip.is_loopback()),
            Err(_) => serves_this_machine && name.eq_ignore_ascii_case("localhost"),
        }
    }
}

pub(super) fn too_large() -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("a body has at most {BODY_BYTES_MAX} bytes: it is a line of JSON"),
    )
}

/// A header's text, where it stands once.
fn only<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().filter(|_| values.next().is_none())?;
    first.to_str().ok()
}

/// A host without its port and its brackets.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or("", |(name, _)| name);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn guard(bound: &str, name: &str) -> Guard {
        Guard { token: Token::new(TOKEN).unwrap(), bound: bound.parse().unwrap(), name: name.to_owned() }
    }

    /// The status that a request with these headers gets, the right token among them; 200 where it may go on.
    fn status(guard: &Guard, headers: &[(&'static str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        map.insert(header::AUTHORIZATION, format!("Bearer {TOKEN}").parse().unwrap());
        for (name, value) in headers {
            if *name == "authorization" {
                map.remove(*name);
            }
            map.append(*name, value.parse().unwrap());
        }
        guard
            .check(&Uri::from_static("/v1/status"), &map)
            .map_or_else(|refusal| refusal.status.as_u16(), |()| 200)
    }

    #[test]
    fn a_name_that_is_not_ours_is_refused() {
        let own = guard("127.0.0.1", "127.0.0.1");
        for ours in ["127.0.0.1:6565", "localhost:6565", "LOCALHOST", "[::1]:6565", "127.0.0.1:7000"] {
            assert_eq!(status(&own, &[("host", ours)]), 200, "{ours}");
        }
        for foreign in [
            "evil.example",
            "evil.example:6565",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "10.0.0.1",
            "",
        ] {
            assert_eq!(status(&own, &[("host", foreign)]), 403, "{foreign}");
        }
        assert_eq!(status(&own, &[]), 403);
        assert_eq!(
            status(&own, &[("host", "localhost"), ("host", "localhost")]),
            403,
            "which of them is it?"
        );
    }

    #[test]
    fn a_machine_that_serves_others_is_known_by_its_addresses_and_the_name_it_was_given() {
        let every = guard("0.0.0.0", "0.0.0.0");
        assert_eq!(status(&every, &[("host", "10.1.2.3:6565")]), 200);
        assert_eq!(status(&every, &[("host", "localhost:6565")]), 200);
        assert_eq!(status(&every, &[("host", "evil.example:6565")]), 403);
        let named = guard("10.1.2.3", "loadbox");
        assert_eq!(status(&named, &[("host", "loadbox:6565")]), 200);
        assert_eq!(status(&named, &[("host", "10.1.2.3:6565")]), 200);
        assert_eq!(status(&named, &[("host", "10.1.2.4:6565")]), 403);
        assert_eq!(status(&named, &[("host", "localhost:6565")]), 403);
    }

    #[test]
    fn a_page_of_another_site_is_refused() {
        let own = guard("127.0.0.1", "127.0.0.1");
        let from = |origin: &str| status(&own, &[("host", "localhost:6565"), ("origin", origin)]);
        assert_eq!(from("http://localhost:6565"), 200);
        for foreign in ["http://evil.example", "http://localhost:3000", "https://localhost:6565", "null", ""]
        {
            assert_eq!(from(foreign), 403, "{foreign}");
        }
    }

    #[test]
    fn a_host_in_the_request_line_counts_too() {
        let mut map = HeaderMap::new();
        map.insert(header::HOST, "localhost".parse().unwrap());
        map.insert(header::AUTHORIZATION, format!("Bearer {TOKEN}").parse().unwrap());
        let own = guard("127.0.0.1", "127.0.0.1");
        assert!(own.check(&Uri::from_static("http://localhost:6565/v1/status"), &map).is_ok());
        assert!(own.check(&Uri::from_static("http://evil.example/v1/status"), &map).is_err());
    }

    #[test]
    fn a_wrong_token_is_none() {
        let own = guard("127.0.0.1", "127.0.0.1");
        let with = |value: &str| status(&own, &[("host", "localhost"), ("authorization", value)]);
        assert_eq!(with(&format!("bearer {TOKEN}")), 200);
        for wrong in ["", "Bearer", "Bearer ", TOKEN, "Bearer 0123456789abcdee", "Basic 0123456789abcdef"] {
            assert_eq!(with(wrong), 401, "{wrong}");
        }
        assert_eq!(status(&own, &[("host", "localhost"), ("content-length", "99999999")]), 413);
    }
}
