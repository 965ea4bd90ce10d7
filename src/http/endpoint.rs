//! A URL made ready to be called often: parsed once, with its tags and the start of its request.
//!
//! The caller caches endpoints behind `Rc`; sending over one copies prebuilt bytes and compares the
//! origin, nothing more. Invariant: everything in the prebuilt head is percent-encoded ASCII, so
//! that no URL can smuggle a line break.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use url::{ParseError, Url};

use super::auth::Login;
use super::network::Destination;
use super::percent::decode;
use super::url_error::UrlError;

/// What the client calls itself unless the script says otherwise.
const USER_AGENT: &str = concat!("runner/", env!("CARGO_PKG_VERSION"));
/// The port of `http://` without one.
const HTTP_PORT: u16 = 80;
/// That of `https://`.
const HTTPS_PORT: u16 = 443;
/// The scheme of a URL whose host is the path of a Unix socket, as Python's and Node's clients write it.
const UNIX_SCHEME: &str = "http+unix";
/// What a server behind a Unix socket is told as its host, as curl does.
const UNIX_HOST: &str = "localhost";

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
    /// The Unix socket that stands in the host's place, if one does.
    unix: Option<Box<Path>>,
    /// `/path?query HTTP/1.1\r\nHost: …\r\nUser-Agent: …\r\n`
    head: Box<[u8]>,
    /// Where the `Host` line and the `User-Agent` line start in `head`.
    host_at: usize,
    agent_at: usize,
    /// The user and the password that the URL named; they stand nowhere else.
    login: Option<Box<Login>>,
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
        let login = take_login(&mut parsed);
        let endpoint = Self { login, ..Self::build(&parsed, url)? };
        if let Some(Err(reason)) = endpoint.login().map(Login::basic) {
            return Err(UrlError::Login { host: endpoint.host, reason });
        }
        Ok(endpoint)
    }

    fn build(parsed: &Url, written: &str) -> Result<Self, UrlError> {
        let url = || Box::from(written);
        if parsed.scheme() == UNIX_SCHEME {
            return Self::build_unix(parsed, written);
        }
        let is_tls = match parsed.scheme() {
            "http" => false,
            "https" => true,
            scheme => return Err(UrlError::Scheme { scheme: scheme.into(), url: url() }),
        };
        let host = parsed.host().ok_or_else(|| UrlError::NoHost { url: url() })?;
        let port = parsed.port().unwrap_or(if is_tls { HTTPS_PORT } else { HTTP_PORT });
        if port == 0 {
            return Err(UrlError::Port { url: url() });
        }
        let host = host.to_string();
        let authority = parsed[url::Position::BeforeHost..url::Position::BeforePath].to_owned();
        Ok(Self::assemble(parsed, (host, port), &authority, None))
    }

    /// `http+unix://%2Fpath%2Fto.sock/path`: the socket's path stands in the host's place.
    fn build_unix(parsed: &Url, written: &str) -> Result<Self, UrlError> {
        let wrong = || UrlError::Socket { url: written.into() };
        if !parsed.username().is_empty() || parsed.password().is_some() || parsed.port().is_some() {
            return Err(wrong());
        }
        let path = String::from_utf8(decode(parsed.host_str().unwrap_or_default())).map_err(|_| wrong())?;
        let Ok(Destination::Unix(path)) = Destination::unix(&path) else { return Err(wrong()) };
        let mut parsed = parsed.clone();
        if parsed.path().is_empty() {
            parsed.set_path("/");
        }
        Ok(Self::assemble(&parsed, (UNIX_HOST.to_owned(), HTTP_PORT), UNIX_HOST, Some(path)))
    }

    fn assemble(parsed: &Url, (host, port): (String, u16), authority: &str, unix: Option<PathBuf>) -> Self {
        let origin_len = parsed[..url::Position::BeforePath].len();
        let path_end = parsed[..url::Position::AfterPath].len();
        let authority_at = parsed[..url::Position::BeforeHost].len();
        let text = parsed.as_str();

        let mut head = format!("{} HTTP/1.1\r\n", &text[origin_len..]);
        let host_at = head.len();
        head.push_str("Host: ");
        head.push_str(authority);
        head.push_str("\r\n");
        let agent_at = head.len();
        head.push_str("User-Agent: ");
        head.push_str(USER_AGENT);
        head.push_str("\r\n");

        Self {
            url: text.into(),
            is_tls: parsed.scheme() == "https",
            origin_len,
            authority_at,
            origin: text[..origin_len].into(),
            tag: text[..path_end].into(),
            name: text[origin_len..path_end].into(),
            host: host.into(),
            port,
            unix: unix.map(PathBuf::into_boxed_path),
            head: head.into_bytes().into(),
            host_at,
            agent_at,
            login: None,
        }
    }

    /// The whole URL, normalised, without its fragment.
    pub fn url(&self) -> &Rc<str> {
        &self.url
    }

    /// The scheme: `http`, `https` or `http+unix`.
    pub fn scheme(&self) -> &'static str {
        match (&self.unix, self.is_tls) {
            (Some(_), _) => UNIX_SCHEME,
            (None, true) => "https",
            (None, false) => "http",
        }
    }

    /// Whether TLS is spoken there.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The user and the password that the URL named before its host.
    #[inline]
    pub fn login(&self) -> Option<&Login> {
        self.login.as_deref()
    }

    /// The host: a name, an IPv4 address, or an IPv6 address in brackets; `localhost` for a Unix socket.
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

    /// The Unix socket that is called, if it is one: `host` and `port` then say nothing.
    pub(super) fn unix(&self) -> Option<&Path> {
        self.unix.as_deref()
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

/// Takes `user:password@` out of a URL, so that no tag, message or `Host` header shows it.
fn take_login(url: &mut Url) -> Option<Box<Login>> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| -> Box<str> {
        let bytes = percent_encoding::percent_decode_str(text);
        bytes.decode_utf8_lossy().into()
    };
    let login = Login { user: decoded(url.username()), password: decoded(url.password().unwrap_or("")) };
    // Both only fail for URLs that can have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some(Box::new(login))
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

    #[test]
    fn a_login_in_the_url_is_kept_apart() {
        let endpoint = Endpoint::parse(None, "http://me%40x:s%3Acret@h:81/p?q").unwrap();
        let login = endpoint.login().unwrap();
        assert_eq!((&*login.user, &*login.password), ("me@x", "s:cret"));
        assert_eq!(&**endpoint.url(), "http://h:81/p?q");
        assert!(!format!("{endpoint:?}").contains("cret"), "{endpoint:?}");
        assert_eq!(endpoint.authority(), "h:81");
        let user = Endpoint::parse(None, "http://me@h/").unwrap();
        assert_eq!(user.login().map(|login| (&*login.user, &*login.password)), Some(("me", "")));
        assert!(Endpoint::parse(None, "http://h/@x").unwrap().login().is_none());
        let based = Endpoint::parse(Some("http://me:pw@h/api"), "/x").unwrap();
        assert_eq!((&**based.url(), based.login().is_some()), ("http://h/api/x", true));
    }

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
        assert_eq!(Endpoint::parse(None, "http://example.com:80/").unwrap().origin(), plain.origin());
        let tls = Endpoint::parse(None, "https://example.com:443/x").unwrap();
        assert_eq!((tls.scheme(), tls.port(), tls.authority()), ("https", 443, "example.com"));
        assert!(tls.is_tls() && !plain.is_tls() && tls.origin() != plain.origin());
        let six = Endpoint::parse(None, "http://[::1]:81/x").unwrap();
        assert_eq!((six.host(), six.port()), ("[::1]", 81));
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
    fn a_unix_socket_stands_in_the_hosts_place() {
        let endpoint = Endpoint::parse(None, "http+unix://%2Frun%2Fa+b.sock/x?y#z").unwrap();
        assert_eq!(endpoint.unix(), Some(Path::new("/run/a+b.sock")));
        assert_eq!((endpoint.host(), endpoint.target()), ("localhost", "/x?y"));
        assert_eq!(&**endpoint.origin(), "http+unix://%2Frun%2Fa+b.sock");
        assert_eq!(&**endpoint.tag(), "http+unix://%2Frun%2Fa+b.sock/x");
        assert!(endpoint.head().starts_with(b"/x?y HTTP/1.1\r\nHost: localhost\r\n"));
        let based = Endpoint::parse(Some("http+unix://%2Frun%2Fapp.sock"), "/a b").unwrap();
        assert_eq!(&**based.url(), "http+unix://%2Frun%2Fapp.sock/a%20b");
        let bare = Endpoint::parse(None, "http+unix://%2Frun%2Fapp.sock").unwrap();
        assert_eq!((bare.target(), &**bare.name()), ("/", "/"));
        let login = Endpoint::parse(None, "http+unix://me:pw@%2Fa/").unwrap();
        assert_eq!((&**login.url(), login.login().is_some()), ("http+unix://%2Fa/", true));
        for url in ["http+unix://run.sock/x", "http+unix:///run/app.sock", "http+unix://%2Fa:80/"] {
            assert_eq!(
                error(None, url),
                format!("`{url}` names no Unix socket: write `http+unix://%2Fpath%2Fto.sock/path`")
            );
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
    }
}
