//! The option `auth` of a request: basic and bearer become a header at once, digest waits for its challenge.

use rhai::{Dynamic, EvalAltResult, Map};

use super::super::error::HostError;
use super::super::frozen::FrozenMap;
use super::super::hops::Digest;
use super::super::value::described;
use crate::http::{Login, bearer};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

const HINT: &str = "write `auth: #{ basic: #{ user: \"ada\", password: PASSWORD } }`, `digest` in its place, or `auth: #{ bearer: TOKEN }`";

/// What an `auth` comes to.
#[derive(Debug)]
pub(super) enum Credentials {
    /// The value of `Authorization`.
    Header(String),
    Digest(Digest),
    /// What the URL says, which goes without saying.
    Url,
}

/// Reads the option.
pub(super) fn read(value: &Dynamic) -> Outcome<Credentials> {
    let refuse = |what: String| HostError::new(what).hint(HINT).word("auth");
    if let Ok(kind) = value.as_immutable_string_ref() {
        // k6's: the login stands in the URL.
        return match kind.as_str() {
            "basic" => Ok(Credentials::Url),
            "digest" => Ok(Credentials::Digest(Digest::Url)),
            other => Err(refuse(format!("`auth` knows basic, digest and bearer, not `{other}`")).into()),
        };
    }
    let map = map(value).ok_or_else(|| refuse(format!("`auth` takes a map, not {}", described(value))))?;
    let mut pairs = map.into_iter();
    let (Some((kind, given)), None) = (pairs.next(), pairs.next()) else {
        return Err(refuse("`auth` takes one of `basic`, `digest` and `bearer`".to_owned()).into());
    };
    let failed = |error: crate::http::AuthError| refuse(format!("`auth`: {error}"));
    match kind.as_str() {
        "bearer" => {
            let token = given.as_immutable_string_ref().map_err(|_| {
                refuse(format!("`bearer` takes a token as a text, not {}", described(&given)))
            })?;
            Ok(Credentials::Header(bearer(&token).map_err(failed)?))
        }
        "basic" => Ok(Credentials::Header(login(&kind, &given)?.basic().map_err(failed)?)),
        "digest" => {
            let login = login(&kind, &given)?;
            // A colon would end the name here as well.
            login.basic().map_err(failed)?;
            Ok(Credentials::Digest(Digest::Login(login)))
        }
        other => Err(refuse(format!("`auth` knows basic, digest and bearer, not `{other}`")).into()),
    }
}

fn map(value: &Dynamic) -> Option<Map> {
    let frozen = value.read_lock::<FrozenMap>().map(|map| map.to_map());
    frozen.or_else(|| value.as_map_ref().ok().map(|map| map.clone()))
}

fn login(kind: &str, given: &Dynamic) -> Outcome<Login> {
    let refuse = || HostError::new(format!("`{kind}` takes `#{{ user, password }}`")).hint(HINT).word(kind);
    let map = map(given).ok_or_else(refuse)?;
    let text = |names: [&str; 2]| -> Outcome<Box<str>> {
        let value = names.iter().find_map(|name| map.get(*name)).ok_or_else(refuse)?;
        Ok(value.as_immutable_string_ref().map_err(|_| refuse())?.as_str().into())
    };
    if map.len() != 2 {
        return Err(refuse().into());
    }
    Ok(Login { user: text(["user", "username"])?, password: text(["password", "pass"])? })
}
