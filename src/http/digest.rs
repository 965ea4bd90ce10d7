//! Digest authentication by RFC 7616: the server's challenge, and the answer that proves the password without
//! sending it.
//!
//! A [`Challenge`] is kept and answered again: its nonce counts on, so that only the first request of a user is sent
//! twice. Algorithms: MD5, SHA-256, SHA-512-256, each also with `-sess`; `qop` auth, auth-int, and none (RFC 2069).

use std::fmt::Write as _;

use sha2::Digest as _;

use super::auth::Login;

/// Bytes of all challenges of a response that are looked at: a nonce takes some hundred.
const CHALLENGE_BYTES_MAX: usize = 8 << 10;

/// How hashes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Md5,
    Sha256,
    Sha512Of256,
}

/// What of the request is proved to be unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quality {
    /// RFC 2069: no count, no nonce of the client.
    None,
    Auth,
    AuthInt,
}

/// A challenge that can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    /// As the server wrote it; nothing where it didn't.
    algorithm_name: Option<String>,
    algorithm: Algorithm,
    is_session: bool,
    quality: Quality,
    hides_user: bool,
    /// The server says that only its nonce had grown old: the password was right.
    pub is_stale: bool,
    /// Answers given so far.
    count: u32,
    /// The client's nonce, which a session keeps.
    client_nonce: String,
}

/// A challenge that can't be answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is none at all.
    #[error("the server asks for no digest authentication")]
    None,
    /// Only by other algorithms.
    #[error("the server's digest algorithm is not supported: MD5, SHA-256 and SHA-512-256 are")]
    Algorithm,
    /// Without a realm or a nonce, or not by its grammar.
    #[error("the server's digest challenge is malformed")]
    Malformed,
}

/// What is answered for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a str,
    /// Path and query, as in the request line.
    pub target: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl Challenge {
    /// The first of a response's challenges (the values of `WWW-Authenticate`) that can be answered: servers put
    /// first what they like best.
    pub fn read<'v>(values: impl IntoIterator<Item = &'v str>) -> Result<Self, DigestError> {
        let mut failed = DigestError::None;
        for value in values {
            if value.len() > CHALLENGE_BYTES_MAX {
                failed = DigestError::Malformed;
                continue;
            }
            for (scheme, parameters) in challenges(value).ok_or(DigestError::Malformed)? {
                if !scheme.eq_ignore_ascii_case("digest") {
                    continue;
                }
                match Self::of(parameters) {
                    Ok(challenge) => return Ok(challenge),
                    Err(error) => failed = error,
                }
            }
        }
        Err(failed)
    }

    fn of(parameters: Vec<(&str, String)>) -> Result<Self, DigestError> {
        let find = |name: &str| {
            let found = parameters.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        let is_true = |name: &str| find(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let algorithm_name = find("algorithm");
        let (algorithm, is_session) = match algorithm_name.as_deref().map(str::to_ascii_uppercase).as_deref()
        {
            None | Some("MD5") => (Algorithm::Md5, false),
            Some("MD5-SESS") => (Algorithm::Md5, true),
            Some("SHA-256") => (Algorithm::Sha256, false),
            Some("SHA-256-SESS") => (Algorithm::Sha256, true),
            Some("SHA-512-256") => (Algorithm::Sha512Of256, false),
            Some("SHA-512-256-SESS") => (Algorithm::Sha512Of256, true),
            Some(_) => return Err(DigestError::Algorithm),
        };
        let quality = match find("qop") {
            None => Quality::None,
            Some(list) => {
                let offers = |name: &str| list.split(',').any(|one| one.trim().eq_ignore_ascii_case(name));
                match (offers("auth"), offers("auth-int")) {
                    (true, _) => Quality::Auth,
                    (false, true) => Quality::AuthInt,
                    _ => return Err(DigestError::Malformed),
                }
            }
        };
        Ok(Self {
            realm: find("realm").ok_or(DigestError::Malformed)?,
            nonce: find("nonce").ok_or(DigestError::Malformed)?,
            opaque: find("opaque"),
            algorithm_name,
            algorithm,
            is_session,
            quality,
            hides_user: is_true("userhash"),
            is_stale: is_true("stale"),
            count: 0,
            client_nonce: String::new(),
        })
    }

    /// The value of `Authorization` for the next request. `client_nonce` is to be new each time.
    pub fn answer(&mut self, login: &Login, asked: Asked<'_>, client_nonce: &str) -> String {
        self.count += 1;
        if !self.is_session || self.count == 1 {
            client_nonce.clone_into(&mut self.client_nonce);
        }
        let hash = |parts: &[&[u8]]| self.algorithm.hash(parts);
        let (realm, nonce) = (self.realm.as_bytes(), self.nonce.as_bytes());
        let cnonce = self.client_nonce.as_bytes();
        let mut secret = hash(&[login.user.as_bytes(), realm, login.password.as_bytes()]);
        if self.is_session {
            secret = hash(&[secret.as_bytes(), nonce, cnonce]);
        }
        let (method, target) = (asked.method.as_bytes(), asked.target.as_bytes());
        let request = match self.quality {
            Quality::AuthInt => hash(&[method, target, hash(&[asked.body]).as_bytes()]),
            _ => hash(&[method, target]),
        };
        let count = format!("{:08x}", self.count);
        let quality = match self.quality {
            Quality::None => None,
            Quality::Auth => Some("auth"),
            Quality::AuthInt => Some("auth-int"),
        };
        let response = match quality {
            None => hash(&[secret.as_bytes(), nonce, request.as_bytes()]),
            Some(quality) => hash(&[
                secret.as_bytes(),
                nonce,
                count.as_bytes(),
                cnonce,
                quality.as_bytes(),
                request.as_bytes(),
            ]),
        };

        let mut out = String::from("Digest ");
        match (self.hides_user, login.user.is_ascii()) {
            (true, _) => quoted(&mut out, "username", &hash(&[login.user.as_bytes(), realm])),
            (false, true) => quoted(&mut out, "username", &login.user),
            // RFC 5987, as RFC 7616 §3.4 wants it for what is no ASCII.
            (false, false) => {
                let encoded = url::form_urlencoded::byte_serialize(login.user.as_bytes()).collect::<String>();
                let _ = write!(out, "username*=UTF-8''{}", encoded.replace('+', "%20").replace('*', "%2A"));
            }
        }
        for (name, value) in [
            (", realm", &*self.realm),
            (", uri", asked.target),
            (", nonce", &self.nonce),
            (", response", &response),
        ] {
            quoted(&mut out, name, value);
        }
        if let Some(name) = &self.algorithm_name {
            let _ = write!(out, ", algorithm={name}");
        }
        if let Some(quality) = quality {
            let _ = write!(out, ", qop={quality}, nc={count}");
        }
        if quality.is_some() || self.is_session {
            quoted(&mut out, ", cnonce", &self.client_nonce);
        }
        if let Some(opaque) = &self.opaque {
            quoted(&mut out, ", opaque", opaque);
        }
        if self.hides_user {
            out.push_str(", userhash=true");
        }
        out
    }
}

impl Algorithm {
    /// The hash of the parts, joined by colons, in hexadecimal digits.
    fn hash(self, parts: &[&[u8]]) -> String {
        let joined = parts.join(&b':');
        match self {
            Self::Md5 => hex(&md5::Md5::digest(&joined)),
            Self::Sha256 => hex(&sha2::Sha256::digest(&joined)),
            Self::Sha512Of256 => hex(&sha2::Sha512_256::digest(&joined)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn quoted(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, "{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
}

/// A scheme and its parameters, unquoted.
type Parsed<'a> = (&'a str, Vec<(&'a str, String)>);

/// RFC 9110 §11.6.1: several challenges may share a header, and commas part both them and their parameters.
fn challenges(value: &str) -> Option<Vec<Parsed<'_>>> {
    let mut found: Vec<Parsed<'_>> = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(found);
        }
        let (word, behind) = token(rest)?;
        let after = behind.trim_start_matches([' ', '\t']);
        // `name=value` belongs to the challenge before; `scheme name=value`, `scheme token68` or `scheme` begin one.
        if let Some(given) = after.strip_prefix('=') {
            let (value, behind) = parameter_value(given.trim_start_matches([' ', '\t']))?;
            found.last_mut()?.1.push((word, value));
            rest = behind.trim_start_matches([' ', '\t']);
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
            continue;
        }
        found.push((word, Vec::new()));
        rest = after;
        // A token68, as NTLM and Negotiate have it: it is no parameter, so it is skipped.
        let end = rest.find([',', ' ', '\t', '"']).unwrap_or(rest.len());
        let is_alone = rest[end..].trim_start_matches([' ', '\t']).is_empty()
            || rest[end..].trim_start_matches([' ', '\t']).starts_with(',');
        let is_parameter = rest[..end].trim_end_matches('=').contains('=')
            || rest[end..].trim_start_matches([' ', '\t']).starts_with('=');
        if behind.len() > after.len() && is_alone && !is_parameter {
            rest = &rest[end..];
        }
    }
}

fn token(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| !super::request::is_token(byte)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A token or a quoted string, and what follows.
fn parameter_value(text: &str) -> Option<(String, &str)> {
    let Some(inside) = text.strip_prefix('"') else {
        return token(text).map(|(value, rest)| (value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = inside.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &inside[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(user: &str, password: &str) -> Login {
        Login { user: user.into(), password: password.into() }
    }

    fn get(target: &str) -> Asked<'_> {
        Asked { method: "GET", target, body: b"" }
    }

    /// A parameter of an answer, without its quotes.
    fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
        let fields = answer.strip_prefix("Digest ").unwrap().split(", ");
        let found = fields.filter_map(|field| field.split_once('=')).find(|(known, _)| *known == name);
        found.map(|(_, value)| value.trim_matches('"'))
    }

    const RFC_7616: &str = "realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
        nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\"";

    #[test]
    fn the_examples_of_rfc_7616_hold() {
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let header = format!("Digest {RFC_7616}, algorithm={algorithm}");
            let mut challenge = Challenge::read([header.as_str()]).unwrap();
            let answer = challenge.answer(&login("Mufasa", "Circle of Life"), get("/dir/index.html"), cnonce);
            for (name, value) in [
                ("username", "Mufasa"),
                ("realm", "http-auth@example.org"),
                ("uri", "/dir/index.html"),
                ("algorithm", algorithm),
                ("nc", "00000001"),
                ("qop", "auth"),
                ("cnonce", cnonce),
                ("response", response),
                ("opaque", "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"),
            ] {
                assert_eq!(field(&answer, name), Some(value), "{name} in {answer}");
            }
            assert_eq!(field(&answer, "userhash"), None);
        }
    }

    #[test]
    fn the_example_of_rfc_2617_and_the_one_without_qop_hold() {
        let header = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
            nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
        let mufasa = login("Mufasa", "Circle Of Life");
        let mut challenge = Challenge::read([header]).unwrap();
        let answer = challenge.answer(&mufasa, get("/dir/index.html"), "0a4f113b");
        assert_eq!(field(&answer, "response"), Some("6629fae49393a05397450978507c4ef1"));
        assert_eq!(field(&answer, "algorithm"), None);
        // RFC 2069, with the response that its errata give.
        let header = "Digest realm=\"testrealm@host.com\", nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", \
            opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"";
        let mut challenge = Challenge::read([header]).unwrap();
        let answer = challenge.answer(&login("Mufasa", "CircleOfLife"), get("/dir/index.html"), "x");
        assert_eq!(field(&answer, "response"), Some("1949323746fe6a43ef61f9606e7febea"));
        assert_eq!(
            (field(&answer, "qop"), field(&answer, "nc"), field(&answer, "cnonce")),
            (None, None, None)
        );
    }

    #[test]
    fn a_hidden_user_name_is_sent_as_its_hash() {
        // RFC 7616 §3.9.2, whose response for SHA-512-256 its errata correct.
        let header = "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
            nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
            opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true";
        let mut challenge = Challenge::read([header]).unwrap();
        let user = login("J\u{e4}s\u{f8}n Doe", "Secret, or not?");
        let answer =
            challenge.answer(&user, get("/doe.json"), "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v");
        assert_eq!(
            field(&answer, "username"),
            Some("793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b")
        );
        assert_eq!(
            field(&answer, "response"),
            Some("3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5")
        );
        assert_eq!(field(&answer, "userhash"), Some("true"));
    }

    #[test]
    fn a_nonce_is_counted_and_a_session_keeps_its_own() {
        let header = format!("Digest {RFC_7616}, algorithm=MD5-sess");
        let mut challenge = Challenge::read([header.as_str()]).unwrap();
        let user = login("Mufasa", "Circle of Life");
        let first = challenge.answer(&user, get("/"), "one");
        let second = challenge.answer(&user, get("/"), "two");
        assert_eq!((field(&first, "nc"), field(&second, "nc")), (Some("00000001"), Some("00000002")));
        assert_eq!((field(&first, "cnonce"), field(&second, "cnonce")), (Some("one"), Some("one")));
        assert_ne!(field(&first, "response"), field(&second, "response"));
    }

    #[test]
    fn what_would_break_out_is_quoted_and_other_scripts_are_encoded() {
        let header = "Digest realm=\"a\\\"b\\\\c\", nonce=n, qop=auth-int";
        let mut challenge = Challenge::read([header]).unwrap();
        let answer = challenge.answer(&login("q\"", "p"), get("/"), "c");
        assert!(answer.starts_with("Digest username=\"q\\\"\", realm=\"a\\\"b\\\\c\""), "{answer}");
        assert_eq!(field(&answer, "qop"), Some("auth-int"));
        let answer = challenge.answer(&login("J\u{e4}s n", "p"), get("/"), "c");
        assert_eq!(field(&answer, "username*"), Some("UTF-8''J%C3%A4s%20n"));
    }

    #[test]
    fn challenges_are_found_among_others() {
        for header in [
            "Digest realm=\"r\", nonce=\"n\"",
            "Basic realm=\"x, y\", Digest realm=\"r\", nonce=\"n\"",
            "Digest realm=\"r\", nonce=\"n\", Basic realm=\"x\"",
            "Negotiate, Digest realm=r,nonce=n",
            "NTLM TlRMTVNTUAA=, digest Realm = \"r\" , Nonce = \"n\"",
            "Negotiate oRQwEqADCgEBoQsGCSqGSIL3EgECAg==, Digest realm=r, nonce=n",
            ",, Digest realm=r, nonce=n ,",
            "Digest algorithm=SHA-1, realm=no, nonce=no, Digest realm=r, nonce=n",
        ] {
            let challenge = Challenge::read([header]).unwrap_or_else(|error| panic!("{header}: {error}"));
            assert_eq!((&*challenge.realm, &*challenge.nonce), ("r", "n"), "{header}");
        }
        let two = Challenge::read(["Basic realm=x", "Digest realm=r, nonce=n, stale=TRUE"]).unwrap();
        assert!(two.is_stale);
        for (header, error) in [
            ("Basic realm=\"x\"", DigestError::None),
            ("Digest realm=r, nonce=n, algorithm=SHA-1", DigestError::Algorithm),
            ("Digest realm=r", DigestError::Malformed),
            ("Digest nonce=n", DigestError::Malformed),
            ("Digest realm=r, nonce=n, qop=other", DigestError::Malformed),
            ("Digest realm=\"r, nonce=n", DigestError::Malformed),
            ("Digest realm=r nonce=n", DigestError::Malformed),
            ("realm=r, nonce=n", DigestError::Malformed),
            ("Digest realm=, nonce=n", DigestError::Malformed),
        ] {
            assert_eq!(Challenge::read([header]), Err(error), "{header}");
        }
    }
}
