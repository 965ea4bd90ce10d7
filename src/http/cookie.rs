//! A cookie as a `Set-Cookie` header gives it, read by RFC 6265 §5.2, and the rules by which one matches a request.
//!
//! Lenient as the RFC wants it: an attribute that makes no sense is left out, and what is no cookie at all is
//! ignored. Pure: what time it is comes from the caller.

use std::net::Ipv4Addr;

use super::cookie_date::parse_cookie_date;

/// Bytes of a name and its value together, as browsers limit them.
const PAIR_BYTES_MAX: usize = 4_096;
/// Bytes of an attribute; a longer one is left out.
const ATTRIBUTE_BYTES_MAX: usize = 1_024;

/// What a `Set-Cookie` header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetCookie {
    /// The name; never empty.
    pub name: Box<str>,
    /// The value; quotes belong to it.
    pub value: Box<str>,
    /// Seconds from when it is set; 0 and less remove the cookie. Wins over `expires_s`.
    pub max_age_s: Option<i64>,
    /// Seconds since 1970.
    pub expires_s: Option<i64>,
    /// In lower case, without a dot before it. Without one, the cookie is for the host alone.
    pub domain: Option<Box<str>>,
    /// Begins with `/`. Without one, the folder of the request.
    pub path: Option<Box<str>>,
    /// Whether it is sent over TLS alone.
    pub secure: bool,
    /// Whether scripts of a page may not read it. It is kept, and read by ours.
    pub http_only: bool,
}

impl SetCookie {
    /// A cookie that says no more than its name and its value; `None` where they are none.
    pub fn new(name: &str, value: &str) -> Option<Self> {
        let is_fine = |text: &str| !text.bytes().any(|byte| byte == b';' || byte.is_ascii_control());
        let fits = name.len() + value.len() <= PAIR_BYTES_MAX;
        let is_cookie = fits && is_fine(name) && is_fine(value) && !name.is_empty() && !name.contains('=');
        is_cookie.then(|| Self { name: name.into(), value: value.into(), ..Self::default() })
    }

    /// Reads the value of a `Set-Cookie` header; `None` where it is to be ignored.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let mut cookie = Self::new(trim(name), trim(value))?;
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = trim(value);
            if value.len() <= ATTRIBUTE_BYTES_MAX {
                cookie.set(trim(name), value);
            }
        }
        Some(cookie)
    }

    /// Takes an attribute. Of several with one name the last holds.
    fn set(&mut self, name: &str, value: &str) {
        if name.eq_ignore_ascii_case("expires") {
            if let Some(at_s) = parse_cookie_date(value) {
                self.expires_s = Some(at_s);
            }
        } else if name.eq_ignore_ascii_case("max-age") {
            if let Some(age_s) = parse_age(value) {
                self.max_age_s = Some(age_s);
            }
        } else if name.eq_ignore_ascii_case("domain") {
            self.domain = canonical_domain(value);
        } else if name.eq_ignore_ascii_case("path") {
            self.path = value.starts_with('/').then(|| value.into());
        } else if name.eq_ignore_ascii_case("secure") {
            self.secure = true;
        } else if name.eq_ignore_ascii_case("httponly") {
            self.http_only = true;
        }
    }

    /// When it is over, in seconds since 1970; `None` for the end of the session.
    pub(super) fn over_s(&self, now_s: i64) -> Option<i64> {
        match self.max_age_s {
            Some(age_s) if age_s <= 0 => Some(i64::MIN),
            Some(age_s) => Some(now_s.saturating_add(age_s)),
            None => self.expires_s,
        }
    }
}

/// Without the blanks around it: spaces and tabs, nothing else.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// `-?[0-9]+`, as large as it can be told.
fn parse_age(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX }))
}

/// A domain as hosts are written: in lower case, other scripts in punycode, without the dot before it.
pub(super) fn canonical_domain(text: &str) -> Option<Box<str>> {
    let text = text.strip_prefix('.').unwrap_or(text);
    if text.is_empty() {
        return None;
    }
    if text.is_ascii() {
        return Some(text.to_ascii_lowercase().into());
    }
    // What is no name matches no host.
    Some(url::Host::parse(text).map_or_else(|_| text.into(), |host| host.to_string().into()))
}

/// RFC 6265 §5.1.3: whether a host is the domain or lies below it. Addresses have nothing below.
pub(super) fn domain_matches(host: &str, domain: &str) -> bool {
    if host == domain {
        return true;
    }
    let Some(below) = host.strip_suffix(domain) else { return false };
    below.ends_with('.') && !host.starts_with('[') && host.parse::<Ipv4Addr>().is_err()
}

/// RFC 6265 §5.1.4: whether a request's path is the cookie's or lies below it.
pub(super) fn path_matches(path: &str, cookie_path: &str) -> bool {
    path.strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || cookie_path.ends_with('/') || rest.starts_with('/'))
}

/// RFC 6265 §5.1.4: the folder of a request's path, for cookies that name none.
pub(super) fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        Some(last) if last > 0 && path.starts_with('/') => &path[..last],
        _ => "/",
    }
}

/// Whether anybody could register a name below it, so that a cookie for all of them would cross owners. Also
/// every name of one label, as the list's rule for unknown ones has it.
pub(super) fn is_public_suffix(domain: &str) -> bool {
    psl::suffix(domain.as_bytes()).is_some_and(|suffix| suffix.as_bytes() == domain.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(header: &str) -> Option<(String, String)> {
        SetCookie::parse(header).map(|cookie| (cookie.name.into(), cookie.value.into()))
    }

    #[test]
    fn names_and_values_are_read_as_rfc_6265_says() {
        for (header, name, value) in [
            ("SID=31d4d96e407aad42", "SID", "31d4d96e407aad42"),
            ("SID=31d4; Path=/; Secure; HttpOnly", "SID", "31d4"),
            ("  lang \t=\t en-US  ; Path=/", "lang", "en-US"),
            ("a=b=c", "a", "b=c"),
            ("a==b", "a", "=b"),
            ("a=", "a", ""),
            ("a=;Path=/", "a", ""),
            ("a=\"b c\"", "a", "\"b c\""),
            ("a=b,c=d", "a", "b,c=d"),
            ("a=%3B", "a", "%3B"),
            ("\u{fc}=\u{e9}", "\u{fc}", "\u{e9}"),
        ] {
            assert_eq!(pair(header), Some((name.into(), value.into())), "{header}");
        }
        for header in ["", "a", "; Path=/", "=b", " =b", "a; b=c", "a=b\0c", "a\x01=b", "a=b\x7f"] {
            assert_eq!(pair(header), None, "{header:?}");
        }
    }

    #[test]
    fn the_largest_pair_is_taken_and_a_larger_one_ignored() {
        assert!(SetCookie::parse(&format!("a={}", "x".repeat(4_095))).is_some());
        assert!(SetCookie::parse(&format!("a={}", "x".repeat(4_096))).is_none());
        let long = format!("a=b; Path=/{}; Secure", "x".repeat(1_024));
        let cookie = SetCookie::parse(&long).unwrap();
        assert!(cookie.path.is_none() && cookie.secure);
    }

    #[test]
    fn attributes_are_read_in_any_case_and_the_last_holds() {
        let of = |header: &str| SetCookie::parse(header).unwrap();
        let domain = |header: &str| of(header).domain.map(String::from);
        assert_eq!(domain("a=b; Domain=Example.COM").as_deref(), Some("example.com"));
        assert_eq!(domain("a=b; DOMAIN=.example.com").as_deref(), Some("example.com"));
        assert_eq!(domain("a=b; domain=").as_deref(), None);
        assert_eq!(domain("a=b; domain=a.org; domain=b.org").as_deref(), Some("b.org"));
        assert_eq!(domain("a=b; domain=b\u{fc}cher.example").as_deref(), Some("xn--bcher-kva.example"));
        let path = |header: &str| of(header).path.map(String::from);
        assert_eq!(path("a=b; Path=/x/y").as_deref(), Some("/x/y"));
        assert_eq!(path("a=b; path = /x "), Some("/x".into()));
        assert_eq!(path("a=b; Path=x"), None);
        assert_eq!(path("a=b; Path=/x; Path="), None);
        let cookie = of("a=b;secure=false;HTTPONLY; SameSite=Lax; Unknown=1;;");
        assert!(cookie.secure && cookie.http_only);
    }

    #[test]
    fn max_age_wins_over_expires_and_nonsense_is_left_out() {
        let over = |header: &str| SetCookie::parse(header).unwrap().over_s(1_000);
        assert_eq!(over("a=b"), None);
        assert_eq!(over("a=b; Max-Age=60"), Some(1_060));
        assert_eq!(over("a=b; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:10 GMT"), Some(1_060));
        assert_eq!(over("a=b; Expires=Thu, 01 Jan 1970 00:00:10 GMT"), Some(10));
        assert_eq!(over("a=b; Max-Age=0"), Some(i64::MIN));
        assert_eq!(over("a=b; Max-Age=-1"), Some(i64::MIN));
        assert_eq!(over("a=b; Max-Age=99999999999999999999"), Some(i64::MAX));
        for nonsense in ["", "x", "1x", "+1", "1.5", "-", "--1"] {
            assert_eq!(over(&format!("a=b; Max-Age={nonsense}")), None, "{nonsense}");
        }
        assert_eq!(over("a=b; Max-Age=5; Max-Age=x"), Some(1_005));
        assert_eq!(over("a=b; Expires=tomorrow"), None);
    }

    #[test]
    fn a_domain_matches_itself_and_what_lies_below() {
        for (host, domain, matches) in [
            ("example.com", "example.com", true),
            ("www.example.com", "example.com", true),
            ("a.b.example.com", "example.com", true),
            ("example.com", "www.example.com", false),
            ("badexample.com", "example.com", false),
            ("example.com.evil.org", "example.com", false),
            ("1.2.3.4", "1.2.3.4", true),
            ("1.2.3.4", "3.4", false),
            ("1.2.3.4", "2.3.4", false),
            ("[::1]", "[::1]", true),
            ("[2001:db8::1.2]", "2]", false),
            ("localhost", "localhost", true),
        ] {
            assert_eq!(domain_matches(host, domain), matches, "{host} {domain}");
        }
    }

    #[test]
    fn a_path_matches_itself_and_what_lies_below() {
        for (path, cookie_path, matches) in [
            ("/", "/", true),
            ("/foo", "/", true),
            ("/foo", "/foo", true),
            ("/foo/", "/foo", true),
            ("/foo/bar", "/foo", true),
            ("/foo/bar", "/foo/", true),
            ("/foobar", "/foo", false),
            ("/foo", "/foo/", false),
            ("/bar", "/foo", false),
            ("/FOO", "/foo", false),
        ] {
            assert_eq!(path_matches(path, cookie_path), matches, "{path} {cookie_path}");
        }
    }

    #[test]
    fn the_default_path_is_the_folder() {
        for (path, folder) in
            [("", "/"), ("/", "/"), ("/foo", "/"), ("/foo/", "/foo"), ("/foo/bar", "/foo"), ("x/y", "/")]
        {
            assert_eq!(default_path(path), folder, "{path}");
        }
    }

    #[test]
    fn public_suffixes_are_those_of_the_list() {
        for domain in
            ["com", "co.uk", "github.io", "uk", "s3.amazonaws.com", "x.kawasaki.jp", "x.ck", "localhost"]
        {
            assert!(is_public_suffix(domain), "{domain}");
        }
        for domain in [
            "example.com",
            "example.co.uk",
            "ada.github.io",
            "kawasaki.jp",
            "city.kawasaki.jp",
            "www.ck",
            "a.localhost",
        ] {
            assert!(!is_public_suffix(domain), "{domain}");
        }
    }
}
