//! `crypto::*`: hashes, HMAC, and JSON web tokens signed with HMAC (RFC 7515, RFC 7518 §3.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};
use sha1::Digest;

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::value::{DEPTH_MAX, from_json, is_deeper_than, to_json};
use super::bytes::{Encoding, to_bytes};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// A hash function that scripts can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

const ALGORITHMS: [(&str, &str, &str, &str, Algorithm); 5] = [
    ("md5", "crypto::md5(data)", "crypto::md5(data, encoding)", "MD5, for checksums alone", Algorithm::Md5),
    ("sha1", "crypto::sha1(data)", "crypto::sha1(data, encoding)", "SHA-1", Algorithm::Sha1),
    ("sha256", "crypto::sha256(data)", "crypto::sha256(data, encoding)", "SHA-256", Algorithm::Sha256),
    ("sha384", "crypto::sha384(data)", "crypto::sha384(data, encoding)", "SHA-384", Algorithm::Sha384),
    ("sha512", "crypto::sha512(data)", "crypto::sha512(data, encoding)", "SHA-512", Algorithm::Sha512),
];

/// HMAC algorithms of JSON web tokens.
const SIGNATURES: [(&str, Algorithm); 3] =
    [("HS256", Algorithm::Sha256), ("HS384", Algorithm::Sha384), ("HS512", Algorithm::Sha512)];

impl Algorithm {
    fn parse(name: &str) -> Outcome<Self> {
        let known = ALGORITHMS.iter().find(|(known, ..)| *known == name).map(|(.., algorithm)| *algorithm);
        known.ok_or_else(|| {
            HostError::new(format!("there is no hash `{name}`"))
                .hint("write \"md5\", \"sha1\", \"sha256\", \"sha384\" or \"sha512\"")
                .word(name)
                .into()
        })
    }

    fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => md5::Md5::digest(data).to_vec(),
            Self::Sha1 => sha1::Sha1::digest(data).to_vec(),
            Self::Sha256 => sha2::Sha256::digest(data).to_vec(),
            Self::Sha384 => sha2::Sha384::digest(data).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(data).to_vec(),
        }
    }

    fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        fn sign<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
            let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        }
        match self {
            Self::Md5 => sign::<Hmac<md5::Md5>>(key, data),
            Self::Sha1 => sign::<Hmac<sha1::Sha1>>(key, data),
            Self::Sha256 => sign::<Hmac<sha2::Sha256>>(key, data),
            Self::Sha384 => sign::<Hmac<sha2::Sha384>>(key, data),
            Self::Sha512 => sign::<Hmac<sha2::Sha512>>(key, data),
        }
    }
}

pub(super) fn register(registry: &mut Registry<'_>) {
    for (_, plain, encoded, about, algorithm) in ALGORITHMS {
        let name = plain.split('(').next().unwrap_or(plain);
        registry.define(plain, about, move |data: Dynamic| -> Outcome<Dynamic> {
            Ok(Encoding::Hex.write(&algorithm.digest(&to_bytes(name, &data)?)))
        });
        registry.define(
            encoded,
            "the same as \"hex\", \"base64\", \"base64url\" or \"bytes\"",
            move |data: Dynamic, encoding: ImmutableString| -> Outcome<Dynamic> {
                let encoding = Encoding::parse(name, &encoding)?;
                Ok(encoding.write(&algorithm.digest(&to_bytes(name, &data)?)))
            },
        );
    }
    registry.define(
        "crypto::hmac(hash, key, data)",
        "the data's HMAC (RFC 2104) by \"sha256\" and the like, in hexadecimal digits",
        |hash: ImmutableString, key: Dynamic, data: Dynamic| hmac(&hash, &key, &data, "hex"),
    );
    registry.define(
        "crypto::hmac(hash, key, data, encoding)",
        "the same as \"hex\", \"base64\", \"base64url\" or \"bytes\"",
        |hash: ImmutableString, key: Dynamic, data: Dynamic, encoding: ImmutableString| {
            hmac(&hash, &key, &data, &encoding)
        },
    );
    registry.define(
        "crypto::jwt(claims, key)",
        "a JSON web token of the claims, signed by HS256",
        |claims: Map, key: Dynamic| jwt(claims, &key, "HS256"),
    );
    registry.define(
        "crypto::jwt(claims, key, algorithm)",
        "the same by \"HS256\", \"HS384\" or \"HS512\"",
        |claims: Map, key: Dynamic, algorithm: ImmutableString| jwt(claims, &key, &algorithm),
    );
    registry.define(
        "crypto::jwt_claims(token)",
        "the claims of a JSON web token; its signature is not looked at",
        |token: ImmutableString| claims(&token),
    );
}

fn hmac(hash: &str, key: &Dynamic, data: &Dynamic, encoding: &str) -> Outcome<Dynamic> {
    let encoding = Encoding::parse("crypto::hmac", encoding)?;
    let (key, data) = (to_bytes("crypto::hmac", key)?, to_bytes("crypto::hmac", data)?);
    Ok(encoding.write(&Algorithm::parse(hash)?.hmac(&key, &data)))
}

fn jwt(claims: Map, key: &Dynamic, algorithm: &str) -> Outcome<String> {
    let Some((name, hash)) = SIGNATURES.iter().find(|(name, _)| *name == algorithm) else {
        return Err(HostError::new(format!("`crypto::jwt` knows no algorithm `{algorithm}`"))
            .hint("write \"HS256\", \"HS384\" or \"HS512\"")
            .word(algorithm)
            .into());
    };
    let claims = Dynamic::from_map(claims);
    if is_deeper_than(&claims, DEPTH_MAX) {
        return Err(HostError::new(format!("`crypto::jwt`: claims nested deeper than {DEPTH_MAX}")).into());
    }
    let claims =
        to_json(&claims).map_err(|what| HostError::new(format!("`crypto::jwt` can't hold {what}")))?;
    let header = serde_json::json!({ "alg": name, "typ": "JWT" });
    let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = hash.hmac(&to_bytes("crypto::jwt", key)?, signed.as_bytes());
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn claims(token: &str) -> Outcome<Dynamic> {
    let fault = || {
        HostError::new("`crypto::jwt_claims`: no JSON web token").hint("it has three parts, joined by dots")
    };
    let part = token.split('.').nth(1).ok_or_else(fault)?;
    let bytes = Encoding::Base64Url.read("crypto::jwt_claims", part)?;
    let json: serde_json::Value = serde_json::from_slice(&bytes).map_err(|_| fault())?;
    Ok(from_json(&json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        Encoding::Hex.write(bytes).into_string().unwrap()
    }

    #[test]
    fn digests_are_those_of_the_standards() {
        // RFC 1321 A.5, FIPS 180-2 A and B.
        assert_eq!(hex(&Algorithm::Md5.digest(b"abc")), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(hex(&Algorithm::Sha1.digest(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            hex(&Algorithm::Sha256.digest(b"abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(hex(&Algorithm::Sha512.digest(b"abc")).starts_with("ddaf35a193617abacc417349ae204131"));
        assert!(hex(&Algorithm::Sha384.digest(b"abc")).starts_with("cb00753f45a35e8bb5a03d699ac65007"));
    }

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        // Test case 2.
        let mac = Algorithm::Sha256.hmac(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex(&mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn a_token_carries_its_claims_and_its_signature() {
        let claims_in = Map::from([("sub".into(), "1".into())]);
        let token = jwt(claims_in, &"secret".into(), "HS256").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let expected = Algorithm::Sha256.hmac(b"secret", signed.as_bytes());
        assert_eq!(Encoding::Base64Url.read("f", signature).unwrap(), expected);
        let claims = claims(&token).unwrap();
        assert_eq!(claims.as_map_ref().unwrap()["sub"].clone().into_string().unwrap(), "1");
        assert!(jwt(Map::new(), &"k".into(), "none").is_err());
        assert!(super::claims("a.b").is_err());
    }
}
