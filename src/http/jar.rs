//! The cookies of one virtual user, kept and chosen by RFC 6265 §5.3 and §5.4.
//!
//! A copy shares what it holds until one of the two changes, so that a user can go back to what it had at no cost.
//! Invariant: at most [`COOKIES_MAX`] cookies, [`DOMAIN_COOKIES_MAX`] of one domain, and none that is over once
//! another was stored. Times are seconds since 1970 and come from the caller.

use std::rc::Rc;

use super::cookie::{SetCookie, default_path, domain_matches, is_public_suffix, path_matches};
use super::endpoint::Endpoint;

/// Cookies of one jar: what RFC 6265 §6.1 wants at least.
const COOKIES_MAX: usize = 3_000;
/// Cookies of one domain: Chrome's limit; the RFC wants 50.
const DOMAIN_COOKIES_MAX: usize = 180;

/// A cookie that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// The name.
    pub name: Box<str>,
    /// The value.
    pub value: Box<str>,
    /// The host that it is for, or the domain.
    pub domain: Box<str>,
    /// Whether it is for that host alone.
    pub host_only: bool,
    /// What the paths of requests begin with.
    pub path: Box<str>,
    /// When it is over, in seconds since 1970; `None` for the end of the session.
    pub over_s: Option<i64>,
    /// Whether it is sent over TLS alone.
    pub secure: bool,
    /// Whether scripts of a page may not read it.
    pub http_only: bool,
}

impl Cookie {
    fn is_over(&self, now_s: i64) -> bool {
        self.over_s.is_some_and(|over_s| over_s <= now_s)
    }

    fn matches(&self, endpoint: &Endpoint, path: &str) -> bool {
        let host = endpoint.host();
        let is_host = if self.host_only { host == &*self.domain } else { domain_matches(host, &self.domain) };
        is_host && path_matches(path, &self.path) && (!self.secure || endpoint.scheme() == "https")
    }
}

/// Why a cookie is not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CookieError {
    /// It would be sent to everybody's sites.
    #[error("`{domain}` is a public suffix: a cookie for it would cross owners")]
    PublicSuffix {
        /// The domain that it names.
        domain: Box<str>,
    },
    /// It is for others.
    #[error("the domain `{domain}` is not that of the host `{host}`")]
    Domain {
        /// The domain that it names.
        domain: Box<str>,
        /// The host of the request.
        host: Box<str>,
    },
    /// `__Secure-` or `__Host-` without what these promise.
    #[error(
        "the name `{name}` promises what the cookie lacks: `secure`, and for `__Host-` the path `/` and no domain"
    )]
    Prefix {
        /// The cookie's name.
        name: Box<str>,
    },
}

/// The cookies of one user, in the order in which they were first set.
#[derive(Clone, Debug, Default)]
pub struct Jar {
    cookies: Rc<Vec<Rc<Cookie>>>,
}

impl Jar {
    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }

    /// How many it keeps, those included that are over since.
    pub fn len(&self) -> usize {
        self.cookies.len()
    }

    /// Whether both are the same, unchanged since one was copied from the other.
    pub fn is_same(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.cookies, &other.cookies)
    }

    /// Keeps a cookie that came in an answer of `endpoint`, or takes it out if it is over. It replaces the one
    /// of the same name, domain and path.
    pub fn store(&mut self, set: SetCookie, endpoint: &Endpoint, now_s: i64) -> Result<(), CookieError> {
        let host = endpoint.host();
        let over_s = set.over_s(now_s);
        let (is_secure_name, is_host_name) =
            (has_prefix(&set.name, "__Secure-"), has_prefix(&set.name, "__Host-"));
        let promises_path = set.path.as_deref() == Some("/") && set.domain.is_none();
        if (is_secure_name || is_host_name) && !set.secure || is_host_name && !promises_path {
            return Err(CookieError::Prefix { name: set.name });
        }
        let (domain, host_only) = match set.domain {
            None => (Box::from(host), true),
            // Also one that is a public suffix may have cookies of its own.
            Some(domain) if is_public_suffix(&domain) && *domain == *host => (domain, true),
            Some(domain) if is_public_suffix(&domain) => return Err(CookieError::PublicSuffix { domain }),
            Some(domain) if !domain_matches(host, &domain) => {
                return Err(CookieError::Domain { domain, host: host.into() });
            }
            Some(domain) => (domain, false),
        };
        let path = set.path.unwrap_or_else(|| default_path(path_of(endpoint)).into());
        let (name, value) = (set.name, set.value);
        let (secure, http_only) = (set.secure, set.http_only);
        self.keep(Cookie { name, value, domain, host_only, path, over_s, secure, http_only }, now_s);
        Ok(())
    }

    fn keep(&mut self, cookie: Cookie, now_s: i64) {
        let at = self.cookies.iter().position(|known| {
            known.name == cookie.name && known.domain == cookie.domain && known.path == cookie.path
        });
        match (at, cookie.is_over(now_s)) {
            // A service that sets the same again and again changes nothing.
            (Some(at), false) if *self.cookies[at] == cookie => {}
            (Some(at), false) => Rc::make_mut(&mut self.cookies)[at] = Rc::new(cookie),
            (Some(at), true) => {
                Rc::make_mut(&mut self.cookies).remove(at);
            }
            (None, true) => {}
            (None, false) => {
                let cookies = Rc::make_mut(&mut self.cookies);
                cookies.retain(|known| !known.is_over(now_s));
                let of_domain = |known: &Rc<Cookie>| known.domain == cookie.domain;
                if cookies.iter().filter(|known| of_domain(known)).count() >= DOMAIN_COOKIES_MAX
                    && let Some(oldest) = cookies.iter().position(of_domain)
                {
                    cookies.remove(oldest);
                } else if cookies.len() >= COOKIES_MAX {
                    cookies.remove(0);
                }
                cookies.push(Rc::new(cookie));
            }
        }
    }

    /// The cookies that a request to `endpoint` sends: longer paths first, then older cookies.
    pub fn of<'a>(&'a self, endpoint: &'a Endpoint, now_s: i64) -> Vec<&'a Cookie> {
        let path = path_of(endpoint);
        let all = self.cookies.iter().map(|cookie| &**cookie);
        let mut found: Vec<&Cookie> =
            all.filter(|cookie| !cookie.is_over(now_s) && cookie.matches(endpoint, path)).collect();
        found.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        found
    }

    /// Takes out the cookies that a request to `endpoint` would send, or those of one name.
    pub fn remove(&mut self, endpoint: &Endpoint, name: Option<&str>) {
        let path = path_of(endpoint);
        let goes =
            |cookie: &Cookie| name.is_none_or(|name| name == &*cookie.name) && cookie.matches(endpoint, path);
        if self.cookies.iter().any(|cookie| goes(cookie)) {
            Rc::make_mut(&mut self.cookies).retain(|cookie| !goes(cookie));
        }
    }

    /// Takes out all.
    pub fn clear(&mut self) {
        if !self.is_empty() {
            self.cookies = Rc::default();
        }
    }
}

fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// The path of a URL, without its query.
fn path_of(endpoint: &Endpoint) -> &str {
    endpoint.name()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_S: i64 = 1_700_000_000;

    fn at(url: &str) -> Endpoint {
        Endpoint::parse(None, url).unwrap()
    }

    /// A jar after `Set-Cookie` headers, each in an answer of a URL.
    fn after(answers: &[(&str, &str)]) -> Jar {
        let mut jar = Jar::default();
        for (url, header) in answers {
            let _ = jar.store(SetCookie::parse(header).unwrap(), &at(url), NOW_S);
        }
        jar
    }

    /// As the `Cookie` header has them.
    fn sent(jar: &Jar, url: &str, now_s: i64) -> String {
        let endpoint = at(url);
        let pairs: Vec<String> = jar
            .of(&endpoint, now_s)
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        pairs.join("; ")
    }

    #[test]
    fn the_examples_of_rfc_6265_hold() {
        // §3.1, over plain HTTP: `Secure` is looked at below.
        let mut jar =
            after(&[("http://www.example.com/", "SID=31d4d96e407aad42; Path=/; Domain=example.com")]);
        assert_eq!(sent(&jar, "http://www.example.com/", NOW_S), "SID=31d4d96e407aad42");
        assert_eq!(sent(&jar, "http://site.example.com/x", NOW_S), "SID=31d4d96e407aad42");
        let _ = jar.store(
            SetCookie::parse("lang=en-US; Expires=Wed, 09 Jun 2100 10:18:14 GMT").unwrap(),
            &at("http://www.example.com/"),
            NOW_S,
        );
        assert_eq!(sent(&jar, "http://www.example.com/", NOW_S), "SID=31d4d96e407aad42; lang=en-US");
        assert_eq!(sent(&jar, "http://site.example.com/", NOW_S), "SID=31d4d96e407aad42");
        let _ = jar.store(
            SetCookie::parse("lang=; Expires=Sun, 06 Nov 1994 08:49:37 GMT").unwrap(),
            &at("http://www.example.com/"),
            NOW_S,
        );
        assert_eq!(sent(&jar, "http://www.example.com/", NOW_S), "SID=31d4d96e407aad42");
    }

    #[test]
    fn cookies_are_for_their_host_unless_they_name_a_domain() {
        let cases = [
            // (who sets it, the header, who is asked, whether it is sent)
            ("http://a.example.com/", "x=1", "http://a.example.com/", true),
            ("http://a.example.com/", "x=1", "http://b.a.example.com/", false),
            ("http://a.example.com/", "x=1", "http://example.com/", false),
            ("http://a.example.com/", "x=1; Domain=example.com", "http://b.example.com/", true),
            ("http://a.example.com/", "x=1; Domain=.example.com", "http://example.com/", true),
            ("http://a.example.com/", "x=1; Domain=a.example.com", "http://b.a.example.com/", true),
            ("http://a.example.com/", "x=1; Domain=b.example.com", "http://b.example.com/", false),
            ("http://a.example.com/", "x=1; Domain=other.org", "http://other.org/", false),
            ("http://example.com/", "x=1; Domain=a.example.com", "http://a.example.com/", false),
            ("http://a.example.com/", "x=1; Domain=EXAMPLE.com", "http://EXAMPLE.COM/", true),
            // Ports make no difference (§8.5).
            ("http://a.example.com:8080/", "x=1", "http://a.example.com:9090/", true),
            ("http://127.0.0.1/", "x=1", "http://127.0.0.1/", true),
            ("http://127.0.0.1/", "x=1; Domain=127.0.0.1", "http://127.0.0.1/", true),
            ("http://127.0.0.1/", "x=1; Domain=0.0.1", "http://127.0.0.1/", false),
            ("http://[::1]/", "x=1", "http://[::1]/", true),
            ("http://localhost/", "x=1; Domain=localhost", "http://localhost/", true),
            ("http://localhost/", "x=1; Domain=localhost", "http://a.localhost/", false),
        ];
        for (setter, header, asked, is_sent) in cases {
            let jar = after(&[(setter, header)]);
            assert_eq!(sent(&jar, asked, NOW_S) == "x=1", is_sent, "{setter} {header} {asked}");
        }
    }

    #[test]
    fn a_cookie_for_a_public_suffix_is_refused_but_for_that_host_itself() {
        let refused = |url: &str, domain: &str| {
            let cookie = SetCookie::parse(&format!("x=1; Domain={domain}")).unwrap();
            Jar::default().store(cookie, &at(url), NOW_S)
        };
        for (url, domain) in [
            ("http://example.com/", "com"),
            ("http://example.co.uk/", "co.uk"),
            ("http://ada.github.io/", "github.io"),
            ("http://a.internal/", "internal"),
        ] {
            assert_eq!(refused(url, domain), Err(CookieError::PublicSuffix { domain: domain.into() }));
        }
        assert_eq!(refused("http://www.example.co.uk/", "example.co.uk"), Ok(()));
        let jar = after(&[("http://github.io/", "x=1; Domain=github.io")]);
        assert_eq!(sent(&jar, "http://github.io/", NOW_S), "x=1");
        assert_eq!(sent(&jar, "http://ada.github.io/", NOW_S), "");
    }

    #[test]
    fn names_that_promise_something_keep_it() {
        for (header, is_kept) in [
            ("__Secure-x=1", false),
            ("__Secure-x=1; Secure", true),
            ("__Host-x=1; Secure; Path=/", true),
            ("__Host-x=1; Path=/", false),
            ("__Host-x=1; Secure", false),
            ("__host-x=1; Secure", false),
            ("__Host-x=1; Secure; Path=/; Domain=a.example.com", false),
            ("__Hostx=1", true),
        ] {
            assert_eq!(after(&[("http://a.example.com/", header)]).len() == 1, is_kept, "{header}");
        }
    }

    #[test]
    fn paths_decide_and_longer_ones_come_first() {
        let jar = after(&[
            ("http://a.org/docs/index.html", "folder=1"),
            ("http://a.org/docs/index.html", "root=2; Path=/"),
            ("http://a.org/", "web=3; Path=/docs/Web"),
            ("http://a.org/", "late=4; Path=/docs"),
        ]);
        assert_eq!(sent(&jar, "http://a.org/", NOW_S), "root=2");
        assert_eq!(sent(&jar, "http://a.org/docs", NOW_S), "folder=1; late=4; root=2");
        assert_eq!(sent(&jar, "http://a.org/docs/Web/x?y=/docs", NOW_S), "web=3; folder=1; late=4; root=2");
        assert_eq!(sent(&jar, "http://a.org/docsets?/docs/", NOW_S), "root=2");
    }

    #[test]
    fn secure_cookies_wait_for_tls() {
        let jar = after(&[("http://a.org/", "x=1; Secure"), ("http://a.org/", "y=2")]);
        assert_eq!(jar.len(), 2);
        assert_eq!(sent(&jar, "http://a.org/", NOW_S), "y=2");
    }

    #[test]
    fn time_takes_cookies_out() {
        let jar = after(&[("http://a.org/", "x=1; Max-Age=10"), ("http://a.org/", "y=2")]);
        assert_eq!(sent(&jar, "http://a.org/", NOW_S + 9), "x=1; y=2");
        assert_eq!(sent(&jar, "http://a.org/", NOW_S + 10), "y=2");
        let jar = after(&[("http://a.org/", "x=1"), ("http://a.org/", "x=; Max-Age=0")]);
        assert!(jar.is_empty());
        // Another path is another cookie: this removes nothing.
        let jar = after(&[("http://a.org/", "x=1"), ("http://a.org/", "x=; Max-Age=0; Path=/a")]);
        assert_eq!(jar.len(), 1);
    }

    #[test]
    fn a_cookie_that_is_set_again_keeps_its_place() {
        let url = "http://a.org/";
        let jar = after(&[(url, "x=1"), (url, "y=2"), (url, "x=3")]);
        assert_eq!(sent(&jar, url, NOW_S), "x=3; y=2");
    }

    #[test]
    fn a_copy_is_the_same_until_one_changes() {
        let url = "http://a.org/";
        let kept = after(&[(url, "x=1")]);
        let mut jar = kept.clone();
        let _ = jar.store(SetCookie::parse("x=1").unwrap(), &at(url), NOW_S);
        jar.remove(&at(url), Some("none"));
        assert!(jar.is_same(&kept));
        let _ = jar.store(SetCookie::parse("x=2").unwrap(), &at(url), NOW_S);
        assert!(!jar.is_same(&kept));
        assert_eq!((sent(&kept, url, NOW_S), sent(&jar, url, NOW_S)), ("x=1".into(), "x=2".into()));
    }

    #[test]
    fn a_hostile_service_fills_a_jar_only_so_far() {
        let mut jar = Jar::default();
        for host in 0..30 {
            let endpoint = at(&format!("http://h{host}.org/"));
            for number in 0..200 {
                let cookie = SetCookie::new(&format!("c{number}"), "v").unwrap();
                jar.store(cookie, &endpoint, NOW_S).unwrap();
            }
            let names: Vec<_> = jar.of(&endpoint, NOW_S).iter().map(|cookie| cookie.name.clone()).collect();
            assert_eq!((names.len(), &*names[0]), (DOMAIN_COOKIES_MAX, "c20"), "the oldest go first");
        }
        assert_eq!(jar.len(), COOKIES_MAX);
    }

    #[test]
    fn removing_and_clearing_keep_to_what_is_named() {
        let jar = || after(&[("http://a.org/", "x=1"), ("http://a.org/", "y=2"), ("http://b.org/", "x=3")]);
        let mut one = jar();
        one.remove(&at("http://a.org/"), Some("x"));
        assert_eq!((sent(&one, "http://a.org/", NOW_S), one.len()), ("y=2".into(), 2));
        let mut host = jar();
        host.remove(&at("http://a.org/"), None);
        assert_eq!((sent(&host, "http://b.org/", NOW_S), host.len()), ("x=3".into(), 1));
        let mut all = jar();
        all.clear();
        assert!(all.is_empty());
    }
}
