//! Where a redirect leads, and what may come along: the rules of Fetch and RFC 9110 §15.4. Pure; the loop over the
//! hops is the caller's.
//!
//! Invariant: once scheme, host or port differ, nothing that identifies the user goes with the request.

use super::endpoint::Endpoint;
use super::request::Method;
use super::response::Response;
use super::url_error::UrlError;

/// Why a redirect is not followed. The response that wanted it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// One more than allowed.
    #[error("more than {max} redirects: it is a loop, or `redirects` is to be larger")]
    TooMany {
        /// How many are allowed.
        max: u64,
    },
    /// It leads to something that can't be called.
    #[error("the redirect can't be followed: {0}")]
    Url(#[from] UrlError),
    /// It leads to several places.
    #[error("the redirect can't be followed: its `Location` headers differ")]
    Ambiguous,
    /// The request would be repeated elsewhere, with a secret in its body.
    #[error("the redirect is not followed: it would send the body, which holds a secret, to `{host}`")]
    SecretBody {
        /// Where it leads.
        host: Box<str>,
    },
}

impl RedirectError {
    /// Ours: k6 has no number for it.
    pub fn error_code(&self) -> u16 {
        super::error_code::REDIRECT
    }
}

/// What follows on a redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// Where to: an absolute URL without a fragment.
    pub url: String,
    /// GET without the body in place of the method; else both are repeated.
    pub becomes_get: bool,
}

impl Redirect {
    /// Where a response to a request of `method` to `from` leads; `None` if it is no redirect or says no place.
    pub fn of(response: &Response, method: &Method, from: &Endpoint) -> Result<Option<Self>, RedirectError> {
        let status = response.status();
        if !is_redirect(status) {
            return Ok(None);
        }
        let mut places = response.values("location");
        let Some(place) = places.next() else { return Ok(None) };
        if places.any(|other| other != place) {
            return Err(RedirectError::Ambiguous);
        }
        let url = resolve(from, &place)?;
        Ok(Some(Self { url, becomes_get: becomes_get(status, method) }))
    }
}

/// Whether the status sends the client elsewhere.
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Fetch §4.4: 303 is always asked for by GET, but for HEAD; 301 and 302 make a POST a GET, as all browsers do.
fn becomes_get(status: u16, method: &Method) -> bool {
    match status {
        301 | 302 => *method == Method::Post,
        303 => !matches!(method, Method::Get | Method::Head),
        _ => false,
    }
}

/// A `Location` as an absolute URL (RFC 3986 §5), without its fragment, which is never sent.
fn resolve(from: &Endpoint, place: &str) -> Result<String, UrlError> {
    let invalid = |reason: &str| UrlError::Invalid { url: place.into(), reason: reason.into() };
    let base = url::Url::parse(from.url()).map_err(|error| invalid(&error.to_string()))?;
    let mut url = base.join(place).map_err(|error| invalid(&error.to_string()))?;
    url.set_fragment(None);
    Ok(url.into())
}

/// Whether two URLs differ in scheme, host or port, so that what identifies the user stays behind.
pub fn is_elsewhere(from: &Endpoint, to: &Endpoint) -> bool {
    from.origin() != to.origin()
}

/// Headers that say something of a body, which go with it (Fetch §2.2.2).
pub fn is_of_body(name: &str) -> bool {
    const NAMES: [&str; 5] =
        ["content-encoding", "content-language", "content-length", "content-location", "content-type"];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a header belongs to the place that the script asked, by its name: it names that place, or holds what a
/// stranger must not see.
pub fn stays_behind(name: &str) -> bool {
    name.eq_ignore_ascii_case("host") || tells_of_secret(name)
}

/// Whether what has this name, a header or a field, holds a secret by all that is known.
pub(super) fn tells_of_secret(name: &str) -> bool {
    /// A word of the name that tells of a secret.
    const WORDS: [&str; 19] = [
        "apikey",
        "auth",
        "authentication",
        "authorization",
        "bearer",
        "cookie",
        "cookie2",
        "credential",
        "credentials",
        "csrf",
        "jwt",
        "pass",
        "passwd",
        "password",
        "secret",
        "session",
        "signature",
        "sid",
        "xsrf",
    ];
    /// The end of one: `XSRFTOKEN`.
    const ENDS: [&str; 5] = ["token", "secret", "password", "apikey", "sessionid"];
    /// What a key opens: `X-Api-Key`. An `Idempotency-Key` is none of these.
    const KEYS: [&str; 7] = ["access", "api", "app", "auth", "private", "subscription", "functions"];
    let name = name.to_ascii_lowercase();
    let words: Vec<&str> = name.split(['-', '_', '.']).collect();
    words.iter().any(|word| WORDS.contains(word) || ENDS.iter().any(|end| word.ends_with(end)))
        || words.windows(2).any(|pair| pair[1] == "key" && KEYS.contains(&pair[0]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Endpoint {
        Endpoint::parse(None, url).unwrap()
    }

    fn of(head: &str, method: &Method) -> Result<Option<Redirect>, RedirectError> {
        let response = Response::sample(&format!("HTTP/1.1 {head}\r\n\r\n"), b"");
        Redirect::of(&response, method, &at("http://a.org:81/x/y?z=1"))
    }

    #[test]
    fn methods_and_bodies_change_as_in_browsers() {
        use Method::{Delete, Get, Head, Post, Put};
        for (status, method, becomes_get) in [
            (301, Get, false),
            (301, Head, false),
            (301, Post, true),
            (301, Put, false),
            (302, Post, true),
            (302, Delete, false),
            (303, Get, false),
            (303, Head, false),
            (303, Post, true),
            (303, Put, true),
            (303, Delete, true),
            (307, Post, false),
            (307, Put, false),
            (308, Post, false),
        ] {
            let redirect = of(&format!("{status} X\r\nLocation: /n"), &method).unwrap().unwrap();
            assert_eq!(redirect.becomes_get, becomes_get, "{status} {method}");
        }
    }

    #[test]
    fn what_is_no_redirect_is_an_answer() {
        for head in [
            "200 OK\r\nLocation: /n",
            "201 Created\r\nLocation: /n",
            "300 Multiple Choices\r\nLocation: /n",
            "304 Not Modified\r\nLocation: /n",
            "305 Use Proxy\r\nLocation: /n",
            "306 Unused\r\nLocation: /n",
            "302 Found",
            "302 Found\r\nContent-Location: /n",
        ] {
            assert_eq!(of(head, &Method::Get), Ok(None), "{head}");
        }
    }

    #[test]
    fn locations_are_resolved_by_rfc_3986() {
        for (location, url) in [
            ("http://b.org/n", "http://b.org/n"),
            ("http://b.org", "http://b.org/"),
            ("//b.org:90/n", "http://b.org:90/n"),
            ("/n", "http://a.org:81/n"),
            ("n", "http://a.org:81/x/n"),
            ("../n", "http://a.org:81/n"),
            ("../../../n", "http://a.org:81/n"),
            ("?q=2", "http://a.org:81/x/y?q=2"),
            ("", "http://a.org:81/x/y?z=1"),
            ("#part", "http://a.org:81/x/y?z=1"),
            ("/n#part", "http://a.org:81/n"),
            ("/a b/\u{fc}", "http://a.org:81/a%20b/%C3%BC"),
            ("HTTP://B.ORG:80/n", "http://b.org/n"),
        ] {
            let redirect = of(&format!("302 Found\r\nLocation: {location}"), &Method::Get).unwrap().unwrap();
            assert_eq!(redirect.url, url, "{location}");
        }
        assert!(matches!(
            of("302 Found\r\nLocation: http://[::/", &Method::Get),
            Err(RedirectError::Url(UrlError::Invalid { .. }))
        ));
    }

    #[test]
    fn several_places_are_none_unless_they_are_one() {
        let two =
            |second: &str| of(&format!("302 Found\r\nLocation: /n\r\nLocation: {second}"), &Method::Get);
        assert_eq!(two("/m"), Err(RedirectError::Ambiguous));
        assert_eq!(two("/n").unwrap().unwrap().url, "http://a.org:81/n");
    }

    #[test]
    fn another_host_or_port_is_elsewhere() {
        for (from, to, elsewhere) in [
            ("http://a.org/x", "http://a.org/y?z", false),
            ("http://a.org/", "http://A.org:80/", false),
            ("http://a.org/", "http://a.org:81/", true),
            ("http://a.org/", "http://b.org/", true),
            ("http://a.org/", "http://www.a.org/", true),
            ("http://127.0.0.1/", "http://localhost/", true),
        ] {
            assert_eq!(is_elsewhere(&at(from), &at(to)), elsewhere, "{from} {to}");
        }
    }

    #[test]
    fn headers_that_hold_a_secret_stay_behind() {
        for name in [
            "Authorization",
            "proxy-authorization",
            "Cookie",
            "Host",
            "X-Api-Key",
            "X-API-KEY",
            "apikey",
            "X-Auth-Token",
            "X-CSRF-Token",
            "X-XSRFTOKEN",
            "Ocp-Apim-Subscription-Key",
            "X-Amz-Security-Token",
            "X-Vault-Token",
            "client_secret",
            "X-Session-Id",
            "X-Hub-Signature",
        ] {
            assert!(stays_behind(name), "{name}");
        }
        for name in [
            "Accept",
            "Accept-Language",
            "Idempotency-Key",
            "Author",
            "X-Request-Id",
            "Traceparent",
            "X-Keyboard",
            "Content-Type",
            "If-None-Match",
        ] {
            assert!(!stays_behind(name), "{name}");
        }
        assert!(is_of_body("CONTENT-TYPE") && !is_of_body("Accept"));
    }
}
