//! Which proxy a request goes through: named by the run, or by the environment as Go and so k6 reads it.
//!
//! A proxy's password never shows: not in a message, not in what is printed of a plan.

use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::super::percent::decode;
use super::exempt::{Exempt, address};
use super::place_error::PlaceError;

/// The port of a proxy without one, as for any `http://` URL.
const HTTP_PORT: u16 = 80;

/// `http://host:port`, perhaps with a user and a password.
#[derive(Clone, PartialEq, Eq)]
pub(in super::super) struct ProxyUrl {
    host: Box<str>,
    port: u16,
    /// What it is told about who asks: `Basic …`.
    authorization: Option<Box<str>>,
}

impl ProxyUrl {
    /// The host: a name, an IPv4 address, or an IPv6 address in brackets.
    pub(in super::super) fn host(&self) -> &str {
        &self.host
    }

    /// The port, also where the URL leaves it out.
    pub(in super::super) fn port(&self) -> u16 {
        self.port
    }

    /// The value of `Proxy-Authorization`, if the URL has a user.
    pub(in super::super) fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

impl FromStr for ProxyUrl {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let text = text.trim();
        // `proxy:3128`, as environments often have it.
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url = url::Url::parse(&whole).map_err(|_| PlaceError::ProxyUrl)?;
        if url.scheme() != "http" {
            return Err(PlaceError::ProxyScheme { scheme: url.scheme().into() });
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(PlaceError::ProxyUrl)?;
        let port = url.port().unwrap_or(HTTP_PORT);
        if port == 0 || url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(PlaceError::ProxyUrl);
        }
        let authorization = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => {
                let user = decode(user);
                // The first colon ends the user's name in Basic (RFC 7617 §2).
                if user.contains(&b':') {
                    return Err(PlaceError::ProxyUrl);
                }
                let pair = [&user[..], b":", &decode(password.unwrap_or_default())].concat();
                Some(format!("Basic {}", BASE64.encode(pair)).into())
            }
        };
        Ok(Self { host: host.into(), port, authorization })
    }
}

/// Without the credentials.
impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}", self.host, self.port)
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self}{})", if self.authorization.is_some() { ", credentials" } else { "" })
    }
}

/// The proxies of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Proxies {
    /// For `http://`.
    http: Option<Rc<ProxyUrl>>,
    /// For `https://`.
    https: Option<Rc<ProxyUrl>>,
    exempt: Exempt,
    /// Whether hosts on this machine are called through it, too.
    is_explicit: bool,
}

impl Proxies {
    /// One for everything: it was asked for, so nothing is exempt.
    pub(in super::super) fn all(proxy: ProxyUrl) -> Self {
        let proxy = Some(Rc::new(proxy));
        Self { http: proxy.clone(), https: proxy, exempt: Exempt::default(), is_explicit: true }
    }

    /// What the environment says: `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, each in capitals or not.
    /// `variable` gives a variable's value.
    pub(in super::super) fn from_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, PlaceError> {
        let first = |names: [&'static str; 2]| {
            let mut set = names.into_iter().filter_map(|name| Some((name, variable(name)?)));
            set.find(|(_, value)| !value.trim().is_empty())
        };
        let proxy = |names| match first(names) {
            None => Ok(None),
            Some((name, value)) => match value.parse() {
                Ok(proxy) => Ok(Some(Rc::new(proxy))),
                Err(error) => Err(PlaceError::Variable { name, error: Box::new(error) }),
            },
        };
        // A web server hands a client's header `Proxy` on to a CGI program as HTTP_PROXY.
        let http = if variable("REQUEST_METHOD").is_some() {
            proxy(["http_proxy", "http_proxy"])?
        } else {
            proxy(["HTTP_PROXY", "http_proxy"])?
        };
        let https = proxy(["HTTPS_PROXY", "https_proxy"])?;
        let exempt = first(["NO_PROXY", "no_proxy"]).map(|(_, list)| Exempt::parse(&list));
        Ok(Self { http, https, exempt: exempt.unwrap_or_default(), is_explicit: false })
    }

    /// The proxy for this host (an IPv6 address in brackets) and port; the environment's is not for hosts on
    /// this machine.
    pub(in super::super) fn find(&self, is_tls: bool, host: &str, port: u16) -> Option<&Rc<ProxyUrl>> {
        let proxy = if is_tls { &self.https } else { &self.http };
        let proxy = proxy.as_ref()?;
        let is_direct = !self.is_explicit && (is_local(host) || self.exempt.matches(host, port));
        (!is_direct).then_some(proxy)
    }
}

fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || address(host).is_some_and(|ip| ip.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(text: &str) -> ProxyUrl {
        text.parse().expect(text)
    }

    fn environment(pairs: &[(&str, &str)]) -> Result<Proxies, PlaceError> {
        Proxies::from_environment(|wanted| {
            pairs.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_proxy_is_a_url_or_a_host_and_a_port() {
        for (text, printed) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            ("http://proxy.example", "http://proxy.example:80"),
            ("proxy.example:3128/", "http://proxy.example:3128"),
            ("127.0.0.1:3128", "http://127.0.0.1:3128"),
            ("http://[::1]:3128", "http://[::1]:3128"),
        ] {
            assert_eq!(proxy(text).to_string(), printed);
            assert_eq!(proxy(text).authorization(), None);
        }
        let known = proxy("http://me:s%3Acr%40t%C3%A4@proxy:1");
        // `me:s:cr@tä`
        assert_eq!(known.authorization(), Some("Basic bWU6czpjckB0w6Q="));
        assert_eq!(proxy("me@proxy:1").authorization(), Some("Basic bWU6"));
    }

    #[test]
    fn a_password_never_shows() {
        let known = proxy("http://me:geheim@proxy:1");
        assert!(!format!("{known} {known:?}").contains("geheim"));
        for text in
            ["http://me:geheim@", "http://me:geheim@h:x", "socks5://me:geheim@h:1", "http://m%3A:geheim@h"]
        {
            let error = text.parse::<ProxyUrl>().expect_err(text);
            assert!(!format!("{error} {error:?}").contains("geheim"), "{error}");
        }
    }

    #[test]
    fn wrong_ones_say_what_to_write() {
        let error = |text: &str| text.parse::<ProxyUrl>().expect_err(text);
        for text in ["", "http://", "http://h:0", "http://h/path", "http://h?q", "h h"] {
            assert_eq!(error(text), PlaceError::ProxyUrl, "{text}");
        }
        assert_eq!(error("socks5://h:1").to_string(), "a proxy by `socks5` is not supported");
        assert_eq!(
            environment(&[("HTTPS_PROXY", "https://h:1")]).unwrap_err().to_string(),
            "the environment variable `HTTPS_PROXY`: a proxy by `https` is not supported"
        );
    }

    #[test]
    fn the_environments_proxies_are_gos() {
        let proxies = environment(&[
            ("HTTP_PROXY", "http://a:1"),
            ("http_proxy", "http://ignored:1"),
            ("HTTPS_PROXY", " "),
            ("https_proxy", "b:2"),
            ("no_proxy", "internal.example,10.0.0.0/8"),
        ])
        .unwrap();
        let found = |is_tls, host, port| proxies.find(is_tls, host, port).map(ToString::to_string);
        assert_eq!(found(false, "example.com", 80).as_deref(), Some("http://a:1"));
        assert_eq!(found(true, "example.com", 443).as_deref(), Some("http://b:2"));
        for host in
            ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]", "x.internal.example", "10.1.2.3"]
        {
            assert_eq!(found(false, host, 80), None, "{host}");
        }
        assert_eq!(environment(&[]).unwrap(), Proxies::default());
        let cgi = environment(&[("REQUEST_METHOD", "GET"), ("HTTP_PROXY", "http://evil:1")]).unwrap();
        assert_eq!(cgi, Proxies::default());
    }

    #[test]
    fn an_explicit_proxy_is_for_everything() {
        let proxies = Proxies::all(proxy("h:1"));
        for host in ["localhost", "127.0.0.1", "example.com"] {
            assert!(proxies.find(false, host, 80).is_some() && proxies.find(true, host, 443).is_some());
        }
    }
}
