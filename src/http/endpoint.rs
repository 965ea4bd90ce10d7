//! A URL made ready to be called often: parsed once, with its tags and the start of its request.
//!
//! The caller caches endpoints behind `Rc`; sending over one copies prebuilt bytes and compares the
//! origin, nothing more. Invariant: everything in the prebuilt head is percent-encoded ASCII, so
//! that no URL can smuggle a line break.

use std::net::SocketAddr;
use std::rc::Rc;

use url::{Host, ParseError, Url};

use super::error::UrlError;

/// What the client calls itself unless the script says otherwise.
const USER_AGENT: &str = concat!("runner/", env!("CARGO_PKG_VERSION"));
/// The port of `http://` without one.
const HTTP_PORT: u16 = 80;
/// That of `https://`.
const HTTPS_PORT: u16 = 443;

/// A parsed URL with all that a request needs of it.
#[derive(Debug)]
pub struct Endpoint {
    url: Rc<str>,
    is_tls: bool,
    /// Where in `url` the authority starts, and where it ends.
    authority_at: usize,
    origin_len: usize,
    origin: Rc<str>,
    tag: Rc<str>,
    name: Rc<str>,
    host: Box<str>,
    port: u16,
    /// The address, if the host is one.
    literal: Option<SocketAddr>,
    /// `/path?query HTTP/1.1\r\nHost: …\r\nUser-Agent: …\r\n`
    head: Box<[u8]>,
    /// Where the `Host` line and the `User-Agent` line start in `head`.
    host_at: usize,
    agent_at: usize,
}

impl Endpoint {
    /// Parses an absolute URL, or completes a relative one with `base`.
    ///
    /// The base is a prefix, as in Locust: `http://host/api` and `/x` give `http://host/api/x`.
    pub fn parse(base: Option<&str>, url: &str) -> Result<Self, UrlError> {
        Self::with_query(base, url, [])
    }

    /// The same with further query parameters, form-encoded behind those that the URL has.
    pub fn with_query<'q>(
        base: Option<&str>,
        url: &str,
        query: impl IntoIterator<Item = (&'q str, &'q str)>,
    ) -> Result<Self, UrlError> {
        let mut parsed = absolute(base, url)?;
        let mut query = query.into_iter().peekable();
        if query.peek().is_some() {
            parsed.query_pairs_mut().extend_pairs(query);
        }
        parsed.set_fragment(None);
        Self::build(&parsed, url)
    }

    fn build(parsed: &Url, written: &str) -> Result<Self, UrlError> {
        let url = || Box::from(written);
        let is_tls = match parsed.scheme() {
            "http" => false,
            "https" => true,
            scheme => return Err(UrlError::Scheme { scheme: scheme.into(), url: url() }),
        };
        let host = parsed.host().ok_or_else(|| UrlError::NoHost { url: url() })?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(UrlError::Userinfo { host: host.to_string().into() });
        }
        let port = parsed.port().unwrap_or(if is_tls { HTTPS_PORT } else { HTTP_PORT });
        if port == 0 {
            return Err(UrlError::Port { url: url() });
        }
        let literal = match host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(SocketAddr::from((address, port))),
            Host::Ipv6(address) => Some(SocketAddr::from((address, port))),
        };

        let origin_len = parsed[..url::Position::BeforePath].len();
        let path_end = parsed[..url::Position::AfterPath].len();
        let authority_at = parsed[..url::Position::BeforeHost].len();
        let text = parsed.as_str();

        let mut head = format!("{} HTTP/1.1\r\n", &text[origin_len..]);
        let host_at = head.len();
        head.push_str("Host: ");
        head.push_str(&text[authority_at..origin_len]);
        head.push_str("\r\n");
        let agent_at = head.len();
        head.push_str("User-Agent: ");
        head.push_str(USER_AGENT);
        head.push_str("\r\n");

        Ok(Self {
            url: text.into(),
            is_tls,
            origin_len,
            authority_at,
            origin: text[..origin_len].into(),
            tag: text[..path_end].into(),
            name: text[origin_len..path_end].into(),
            host: host.to_string().into(),
            port,
            literal,
            head: head.into_bytes().into(),
            host_at,
            agent_at,
        })
    }

    /// The whole URL, normalised, without its fragment.
    pub fn url(&self) -> &Rc<str> {
        &self.url
    }

    /// The scheme: `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.is_tls { "https" } else { "http" }
    }

    /// Whether TLS is spoken there.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The host: a name, an IPv4 address, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where the URL leaves it out.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host` or `host:port`, as in the `Host` header.
    pub fn authority(&self) -> &str {
        &self.url[self.authority_at..self.origin_len]
    }

    /// `scheme://authority`: what two URLs share that may share a connection.
    pub fn origin(&self) -> &Rc<str> {
        &self.origin
    }

    /// Path and query, as in the request line.
    pub fn target(&self) -> &str {
        &self.url[self.origin_len..]
    }

    /// The default `name` tag: the path without the query.
    pub fn name(&self) -> &Rc<str> {
        &self.name
    }

    /// The `url` tag: scheme, authority and path without the query, whose values would be too many.
    pub fn tag(&self) -> &Rc<str> {
        &self.tag
    }

    /// The address, if the host is written as one: nothing to resolve then.
    pub(super) fn literal(&self) -> Option<SocketAddr> {
        self.literal
    }

    /// The request after its method: target, version, `Host` and `User-Agent` lines.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// [`head`](Self::head) in its three parts, for requests that bring their own `Host` or `User-Agent`.
    pub(super) fn head_parts(&self) -> (&[u8], &[u8], &[u8]) {
        (&self.head[..self.host_at], &self.head[self.host_at..self.agent_at], &self.head[self.agent_at..])
    }
}

/// The URL that `written` stands for, before anything but its syntax was looked at.
fn absolute(base: Option<&str>, written: &str) -> Result<Url, UrlError> {
    let written = written.trim_matches(' ');
    for text in [Some(written), base].into_iter().flatten() {
        if text.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(UrlError::ControlCharacter { url: text.into() });
        }
    }
    if has_scheme(written) {
        return parse(written);
    }
    let rest = written.trim_start_matches('/');
    if written.starts_with("//")
        || starts_with_port(written)
        || (base.is_none() && rest.contains('.') && rest == written)
    {
        return Err(UrlError::NoScheme { url: written.into(), rest: rest.into() });
    }
    let Some(base) = base else { return Err(UrlError::Relative { url: written.into() }) };
    let base = base.trim_matches(' ');
    if base.contains(['?', '#']) {
        return Err(UrlError::Base { base: base.into() });
    }
    if !has_scheme(base) {
        return Err(UrlError::NoScheme { url: base.into(), rest: base.trim_start_matches('/').into() });
    }
    let prefix = base.trim_end_matches('/');
    let separator = if written.is_empty() || written.starts_with(['/', '?', '#']) { "" } else { "/" };
    parse(&format!("{prefix}{separator}{written}"))
}

fn parse(url: &str) -> Result<Url, UrlError> {
    Url::parse(url).map_err(|error| match error {
        ParseError::EmptyHost => UrlError::NoHost { url: url.into() },
        ParseError::InvalidPort => UrlError::Port { url: url.into() },
        error => UrlError::Invalid { url: url.into(), reason: error.to_string().into() },
    })
}

/// Whether it starts as `scheme://`. A `://` further in, as in `/go?to=http://x`, does not count.
fn has_scheme(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    })
}

/// Whether it starts as `host:port`, which a URL parser would take for a scheme.
fn starts_with_port(url: &str) -> bool {
    let authority = url.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(base: Option<&str>, url: &str) -> String {
        Endpoint::parse(base, url).expect_err(url).to_string()
    }

    #[test]
    fn takes_a_url_apart() {
        let endpoint = Endpoint::parse(None, "http://Example.com:8080/a b/c?q=ä#frag").unwrap();
        assert_eq!(&**endpoint.url(), "http://example.com:8080/a%20b/c?q=%C3%A4");
        assert_eq!(&**endpoint.origin(), "http://example.com:8080");
        assert_eq!(endpoint.authority(), "example.com:8080");
        assert_eq!((endpoint.scheme(), endpoint.host(), endpoint.port()), ("http", "example.com", 8080));
        assert_eq!(endpoint.target(), "/a%20b/c?q=%C3%A4");
        assert_eq!(&**endpoint.name(), "/a%20b/c");
        assert_eq!(&**endpoint.tag(), "http://example.com:8080/a%20b/c");
        let head = String::from_utf8(endpoint.head().to_vec()).unwrap();
        let agent = format!("User-Agent: {USER_AGENT}\r\n");
        assert_eq!(head, format!("/a%20b/c?q=%C3%A4 HTTP/1.1\r\nHost: example.com:8080\r\n{agent}"));
        let (line, host, own_agent) = endpoint.head_parts();
        assert_eq!(line, b"/a%20b/c?q=%C3%A4 HTTP/1.1\r\n");
        assert_eq!(host, b"Host: example.com:8080\r\n");
        assert_eq!(own_agent, agent.as_bytes());
    }

    #[test]
    fn knows_the_default_port_and_addresses() {
        let plain = Endpoint::parse(None, "http://example.com").unwrap();
        assert_eq!((plain.port(), plain.authority(), plain.target()), (80, "example.com", "/"));
        assert_eq!(plain.literal(), None);
        assert_eq!(Endpoint::parse(None, "http://example.com:80/").unwrap().origin(), plain.origin());
        let tls = Endpoint::parse(None, "https://example.com:443/x").unwrap();
        assert_eq!((tls.scheme(), tls.port(), tls.authority()), ("https", 443, "example.com"));
        assert!(tls.is_tls() && !plain.is_tls() && tls.origin() != plain.origin());
        let four = Endpoint::parse(None, "http://127.0.0.1:81/").unwrap();
        assert_eq!(four.literal(), Some("127.0.0.1:81".parse().unwrap()));
        let six = Endpoint::parse(None, "http://[::1]:81/x").unwrap();
        assert_eq!(six.literal(), Some("[::1]:81".parse().unwrap()));
        assert_eq!(six.authority(), "[::1]:81");
    }

    #[test]
    fn completes_a_relative_url_by_prefix() {
        for (base, url, whole) in [
            ("http://h", "/x", "http://h/x"),
            ("http://h/", "/x", "http://h/x"),
            ("http://h/api", "/x", "http://h/api/x"),
            ("http://h/api/", "x?y=1", "http://h/api/x?y=1"),
            ("http://h/api", "", "http://h/api"),
            ("http://h/api", "?y=1", "http://h/api?y=1"),
            ("http://h", "/go?to=http://other/", "http://h/go?to=http://other/"),
            ("http://h", "/at/12:30", "http://h/at/12:30"),
            ("http://h", "http://other/x", "http://other/x"),
            ("http://h", "data.json", "http://h/data.json"),
        ] {
            assert_eq!(&**Endpoint::parse(Some(base), url).unwrap().url(), whole, "{base} {url}");
        }
    }

    #[test]
    fn appends_query_parameters() {
        let endpoint = Endpoint::with_query(None, "http://h/x?a=1", [("b c", "d&e"), ("f", "")]).unwrap();
        assert_eq!(endpoint.target(), "/x?a=1&b+c=d%26e&f=");
        assert_eq!(&**endpoint.name(), "/x");
    }

    #[test]
    fn errors_say_what_to_write() {
        assert_eq!(error(None, "/x"), "`/x` is relative, and no `base_url` is set to complete it");
        assert_eq!(
            error(None, "localhost:80/x"),
            "`localhost:80/x` has no scheme: write `http://localhost:80/x`"
        );
        assert_eq!(
            error(Some("http://h"), "localhost:80"),
            "`localhost:80` has no scheme: write `http://localhost:80`"
        );
        assert_eq!(
            error(None, "example.com/x"),
            "`example.com/x` has no scheme: write `http://example.com/x`"
        );
        assert_eq!(error(None, "//h/x"), "`//h/x` has no scheme: write `http://h/x`");
        assert_eq!(error(Some("h:1"), "/x"), "`h:1` has no scheme: write `http://h:1`");
        assert_eq!(
            error(None, "ftp://h/"),
            "scheme `ftp` is not supported: use http:// or https:// (`ftp://h/`)"
        );
        assert_eq!(error(None, "http://h:99999/"), "`http://h:99999/` has an invalid port: use 1 to 65535");
        assert_eq!(error(None, "http://h:0/"), "`http://h:0/` has an invalid port: use 1 to 65535");
        assert_eq!(error(None, "http://h:x/"), "`http://h:x/` has an invalid port: use 1 to 65535");
        assert_eq!(error(None, "http://"), "`http://` has no host");
        assert!(error(None, "http://a b/").contains("is not a valid URL"));
        assert!(error(None, "http://h/\r\nX: y").contains("control character"));
        assert!(error(Some("http://h?x"), "/y").contains("must end with a host or a path"));
        let userinfo = error(None, "http://me:secret@h/");
        assert!(userinfo.contains("Authorization") && !userinfo.contains("secret"), "{userinfo}");
    }
}
