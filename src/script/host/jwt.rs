//! `crypto::jwt…`: JSON web tokens (RFC 7515), signed with HMAC (RFC 7518 §3.2) or by the key pairs of
//! `signature.rs`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rhai::{Dynamic, EvalAltResult, ImmutableString};
use serde_json::Value as Json;

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::value::from_json;
use super::argument::{fits, to_bytes, to_map};
use super::bytes::Encoding;
use super::crypto::Algorithm;
use super::encoding::json_of;
use super::signature::{SCHEMES, Scheme, is_pem};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// HMAC algorithms of JSON web tokens.
const SIGNATURES: [(&str, Algorithm); 3] =
    [("HS256", Algorithm::Sha256), ("HS384", Algorithm::Sha384), ("HS512", Algorithm::Sha512)];

/// How a token is signed.
#[derive(Debug, Clone, Copy)]
enum Signing {
    Hmac(Algorithm),
    Pair(&'static Scheme),
}

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.define(
        "crypto::jwt(claims, key)",
        "a JSON web token of the claims, signed by HS256",
        |claims: Dynamic, key: Dynamic| jwt(claims, &key, &"HS256".into()),
    );
    registry.takes("claims", "map").takes("key", "text or bytes");
    registry.example(
        "let token = crypto::jwt(#{ sub: \"1\", exp: time::unix() + 3600 }, \"a secret of the service\");\n\
         http::get(\"/health\", #{ headers: #{ Authorization: `Bearer ${token}` } });",
    );
    registry.define(
        "crypto::jwt(claims, key, header)",
        "the same by \"HS512\", \"RS256\", \"ES256\" and the like; or with a map of the header's fields: `#{ alg: \"HS256\", kid: \"1\" }`",
        |claims: Dynamic, key: Dynamic, header: Dynamic| jwt(claims, &key, &header),
    );
    registry.takes("claims", "map").takes("key", "text or bytes or map").takes("header", "text or map");
    registry.example(
        "let token = crypto::jwt(#{ sub: \"1\" }, \"secret\", #{ alg: \"HS512\", kid: \"7\" });\n\
         crypto::jwt_header(token).kid // \"7\"",
    );
    registry.define(
        "crypto::jwt_claims(token)",
        "the claims of a JSON web token; its signature is not looked at",
        |token: ImmutableString| -> Outcome<Dynamic> {
            Ok(from_json(&part("crypto::jwt_claims", &token, 1)?))
        },
    );
    registry.example("crypto::jwt_claims(crypto::jwt(#{ sub: \"1\" }, \"secret\")).sub // \"1\"");
    registry.define(
        "crypto::jwt_header(token)",
        "the header of a JSON web token",
        |token: ImmutableString| -> Outcome<Dynamic> {
            Ok(from_json(&part("crypto::jwt_header", &token, 0)?))
        },
    );
    registry.example("crypto::jwt_header(crypto::jwt(#{ sub: \"1\" }, \"secret\")).alg // \"HS256\"");
    registry.define(
        "crypto::jwt_verify(token, key)",
        "whether the key, or the one that a public key is of, signed the JSON web token; its time is not looked at",
        |token: ImmutableString, key: Dynamic| verify(&token, &key),
    );
    registry.takes("key", "text or bytes or map");
    registry.example("crypto::jwt_verify(crypto::jwt(#{ sub: \"1\" }, \"secret\"), \"secret\") // true");
}

impl Signing {
    fn parse(function: &str, name: &str) -> Outcome<Self> {
        let hmac = SIGNATURES.iter().find(|(known, _)| *known == name).map(|(_, hash)| Self::Hmac(*hash));
        let pair = || SCHEMES.iter().find(|scheme| scheme.name == name).map(Self::Pair);
        hmac.or_else(pair).ok_or_else(|| {
            let names =
                SIGNATURES.iter().map(|(name, _)| *name).chain(SCHEMES.iter().map(|known| known.name));
            let names: Vec<String> = names.map(|name| format!("\"{name}\"")).collect();
            HostError::new(format!("`{function}` knows no algorithm `{name}`"))
                .hint(format!("write one of {}", names.join(", ")))
                .word(name)
                .into()
        })
    }

    fn sign(self, function: &str, key: &Dynamic, signed: &[u8]) -> Outcome<Vec<u8>> {
        match self {
            Self::Hmac(hash) => Ok(hash.hmac(&shared_key(function, key)?, signed)),
            Self::Pair(scheme) => scheme.sign(function, key, signed),
        }
    }

    fn verifies(self, function: &str, key: &Dynamic, signed: &[u8], signature: &[u8]) -> Outcome<bool> {
        match self {
            Self::Hmac(hash) => Ok(hash.hmac(&shared_key(function, key)?, signed) == signature),
            Self::Pair(scheme) => scheme.verifies(function, key, signed, signature),
        }
    }
}

/// The key of an HMAC. A PEM is none: whoever has the public key could sign by it.
fn shared_key(function: &str, key: &Dynamic) -> Outcome<Vec<u8>> {
    let key = to_bytes(function, key)?;
    if is_pem(&key) {
        return Err(HostError::new(format!("`{function}` can't use this key: a PEM is no key of an HMAC"))
            .hint("name the algorithm that it is for: `crypto::jwt(claims, key, \"RS256\")`; a token says it in its header")
            .into());
    }
    Ok(key)
}

pub(super) fn jwt(claims: Dynamic, key: &Dynamic, header: &Dynamic) -> Outcome<String> {
    const NAME: &str = "crypto::jwt";
    let header = if let Ok(name) = header.as_immutable_string_ref() {
        serde_json::json!({ "alg": name.as_str(), "typ": "JWT" })
    } else {
        let mut fields = to_map(NAME, header.clone())?;
        fields.entry("alg".into()).or_insert_with(|| "HS256".into());
        fields.entry("typ".into()).or_insert_with(|| "JWT".into());
        json_of(NAME, &fields.into())?
    };
    let Some(name) = header["alg"].as_str() else {
        return Err(HostError::new(format!("`{NAME}`: `alg` must be a text")).word("alg").into());
    };
    let signing = Signing::parse(NAME, name)?;
    let claims = json_of(NAME, &to_map(NAME, claims)?.into())?.to_string();
    fits(NAME, claims.len().saturating_mul(2))?;
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
    let signature = signing.sign(NAME, key, signed.as_bytes())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn no_token(function: &str) -> HostError {
    HostError::new(format!("`{function}`: no JSON web token"))
        .hint("it has three parts, joined by dots: header, claims, signature")
}

/// One of the first two parts.
fn part(function: &str, token: &str, index: usize) -> Outcome<Json> {
    let text = token.split('.').nth(index).filter(|_| token.matches('.').count() == 2);
    let text = text.ok_or_else(|| no_token(function))?;
    let bytes = Encoding::Base64Url.read(function, text.as_bytes())?;
    Ok(serde_json::from_slice(&bytes).map_err(|_| no_token(function))?)
}

pub(super) fn verify(token: &str, key: &Dynamic) -> Outcome<bool> {
    const NAME: &str = "crypto::jwt_verify";
    let header = part(NAME, token, 0)?;
    let signing = Signing::parse(NAME, header["alg"].as_str().unwrap_or_default())?;
    let (signed, signature) = token.rsplit_once('.').ok_or_else(|| no_token(NAME))?;
    let signature = Encoding::Base64Url.read(NAME, signature.as_bytes())?;
    signing.verifies(NAME, key, signed.as_bytes(), &signature)
}

#[cfg(test)]
mod tests {
    use rhai::Map;

    use super::*;

    fn claims() -> Dynamic {
        Map::from([("sub".into(), "1".into())]).into()
    }

    #[test]
    fn the_token_of_rfc_7515_is_verified() {
        // Appendix A.1.
        const TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
             eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
             dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        const KEY: &str =
            "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        let key = Dynamic::from_blob(Encoding::Base64Url.read("f", KEY.as_bytes()).unwrap());
        assert!(verify(TOKEN, &key).unwrap());
        assert!(!verify(TOKEN, &"another".into()).unwrap());
        assert_eq!(part("f", TOKEN, 1).unwrap()["iss"], "joe");
        assert_eq!(part("f", TOKEN, 0).unwrap()["alg"], "HS256");
    }

    #[test]
    fn a_token_carries_its_claims_and_its_signature() {
        for (name, hash) in SIGNATURES {
            let token = jwt(claims(), &"secret".into(), &name.into()).unwrap();
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let expected = hash.hmac(b"secret", signed.as_bytes());
            assert_eq!(Encoding::Base64Url.read("f", signature.as_bytes()).unwrap(), expected);
            assert_eq!(part("f", &token, 0).unwrap()["alg"], name);
            assert_eq!(part("f", &token, 1).unwrap()["sub"], "1");
            assert!(verify(&token, &"secret".into()).unwrap());
        }
    }

    #[test]
    fn what_is_no_token_or_no_algorithm_is_refused() {
        for name in ["none", "RS1", "hs256", ""] {
            let error = jwt(claims(), &"k".into(), &name.into()).unwrap_err();
            let told = HostError::of(&error).unwrap().message;
            assert!(told.contains(&format!("knows no algorithm `{name}`")), "{told}");
        }
        for token in ["", "a.b", "a.b.c", "....", "e30.e30", "bm9.bm9.bm9"] {
            assert!(part("f", token, 1).is_err(), "{token}");
            assert!(verify(token, &"k".into()).is_err(), "{token}");
        }
        // Without an algorithm anybody could have signed it.
        let unsigned =
            format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode("{}"));
        assert!(verify(&unsigned, &"k".into()).is_err());
    }
}
