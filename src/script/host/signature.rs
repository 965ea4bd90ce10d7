//! Signatures of JSON web tokens by key pairs (RFC 7518 §3.3 to §3.5): RSA and elliptic curves.
//!
//! A key is a PEM (a text or bytes) or a JWK (a map, or its JSON as a text). Nothing of a key gets into an
//! error: it may be a secret. `jwt.rs` uses this; the arithmetic is ring's.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rhai::{Dynamic, EvalAltResult};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair as RsaKeyPair, KeyPairComponents, PublicKeyComponents};
use ring::signature::{
    self as ring_signature, EcdsaKeyPair, KeyPair as _, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value as Json;

use super::super::error::HostError;
use super::argument::{misfit, to_bytes, to_map};
use super::encoding::json_of;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// How every PEM begins.
const PEM: &str = "-----BEGIN ";

/// What turns other forms of a private key into one that is read.
const CONVERT: &str = "convert it: `openssl pkcs8 -topk8 -nocrypt -in key.pem -out pkcs8.pem`";

/// A signature by a key pair.
#[derive(Debug)]
pub(super) struct Scheme {
    /// By which the header of a token names it.
    pub(super) name: &'static str,
    family: Family,
}

#[derive(Debug)]
enum Family {
    Rsa {
        signs: &'static dyn ring_signature::RsaEncoding,
        verifies: &'static ring_signature::RsaParameters,
    },
    Curve {
        /// As a JWK names it.
        curve: &'static str,
        signs: &'static ring_signature::EcdsaSigningAlgorithm,
        verifies: &'static ring_signature::EcdsaVerificationAlgorithm,
    },
}

macro_rules! rsa {
    ($name:literal, $signs:ident, $verifies:ident) => {
        Scheme {
            name: $name,
            family: Family::Rsa { signs: &ring_signature::$signs, verifies: &ring_signature::$verifies },
        }
    };
}

macro_rules! curve {
    ($name:literal, $curve:literal, $signs:ident, $verifies:ident) => {
        Scheme {
            name: $name,
            family: Family::Curve {
                curve: $curve,
                signs: &ring_signature::$signs,
                verifies: &ring_signature::$verifies,
            },
        }
    };
}

/// In the order in which hints name them.
pub(super) static SCHEMES: [Scheme; 8] = [
    rsa!("RS256", RSA_PKCS1_SHA256, RSA_PKCS1_2048_8192_SHA256),
    rsa!("RS384", RSA_PKCS1_SHA384, RSA_PKCS1_2048_8192_SHA384),
    rsa!("RS512", RSA_PKCS1_SHA512, RSA_PKCS1_2048_8192_SHA512),
    rsa!("PS256", RSA_PSS_SHA256, RSA_PSS_2048_8192_SHA256),
    rsa!("PS384", RSA_PSS_SHA384, RSA_PSS_2048_8192_SHA384),
    rsa!("PS512", RSA_PSS_SHA512, RSA_PSS_2048_8192_SHA512),
    curve!("ES256", "P-256", ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P256_SHA256_FIXED),
    curve!("ES384", "P-384", ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED),
];

/// A key as it came, before it is known what it is for.
enum Key {
    /// PKCS#8.
    Private(Vec<u8>),
    /// PKCS#1.
    RsaPrivate(Vec<u8>),
    /// SEC 1.
    CurvePrivate(Vec<u8>),
    /// What an X.509 public key holds: PKCS#1 of RSA, else a point of a curve.
    Public(Vec<u8>),
    Jwk(Json),
}

/// A key that signs.
enum Pair {
    Rsa(Box<RsaKeyPair>),
    Curve(Box<EcdsaKeyPair>),
}

/// Whether a key is a PEM, which no HMAC takes.
pub(super) fn is_pem(key: &[u8]) -> bool {
    key.trim_ascii_start().starts_with(PEM.as_bytes())
}

impl Scheme {
    /// Signs by a private key.
    pub(super) fn sign(&self, function: &str, key: &Dynamic, message: &[u8]) -> Outcome<Vec<u8>> {
        let key = Key::of(function, key)?;
        if key.is_public() {
            return Err(unusable(function, "it is a public one, and a private one signs")
                .hint("name the file with the private key; the service has the public one")
                .into());
        }
        let random = SystemRandom::new();
        let failed = |_| HostError::new(format!("`{function}` could not sign by {}", self.name));
        match (self.pair(function, &key, &random)?, &self.family) {
            (Pair::Rsa(pair), Family::Rsa { signs, .. }) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(*signs, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            (Pair::Curve(pair), _) => Ok(pair.sign(&random, message).map_err(failed)?.as_ref().to_vec()),
            (Pair::Rsa(_), Family::Curve { .. }) => unreachable!("`pair` makes what the scheme is of"),
        }
    }

    /// Whether a key made the signature; a private one stands for its public one.
    pub(super) fn verifies(
        &self,
        function: &str,
        key: &Dynamic,
        message: &[u8],
        signature: &[u8],
    ) -> Outcome<bool> {
        let key = Key::of(function, key)?;
        let public = if key.is_public() {
            match (&self.family, &key) {
                (Family::Rsa { verifies, .. }, Key::Jwk(jwk)) => {
                    self.expect_kind(function, jwk, "RSA")?;
                    let [n, e] = members(function, jwk, ["n", "e"])?;
                    return Ok(RsaPublicKeyComponents { n, e }.verify(verifies, message, signature).is_ok());
                }
                (Family::Curve { .. }, Key::Jwk(jwk)) => self.point(function, jwk)?,
                // PKCS#1 is a sequence, a point that isn't compressed begins with 4.
                (Family::Rsa { .. }, Key::Public(bytes)) if bytes.first() == Some(&0x30) => bytes.clone(),
                (Family::Curve { .. }, Key::Public(bytes)) if bytes.first() == Some(&0x04) => bytes.clone(),
                _ => return Err(self.of_another_kind(function).into()),
            }
        } else {
            match self.pair(function, &key, &SystemRandom::new())? {
                Pair::Rsa(pair) => pair.public_key().as_ref().to_vec(),
                Pair::Curve(pair) => pair.public_key().as_ref().to_vec(),
            }
        };
        Ok(match &self.family {
            Family::Rsa { verifies, .. } => {
                UnparsedPublicKey::new(*verifies, public).verify(message, signature).is_ok()
            }
            Family::Curve { verifies, .. } => {
                UnparsedPublicKey::new(*verifies, public).verify(message, signature).is_ok()
            }
        })
    }

    /// The key pair of a private key.
    fn pair(&self, function: &str, key: &Key, random: &SystemRandom) -> Outcome<Pair> {
        let rejected = |error: ring::error::KeyRejected| match error.to_string().as_str() {
            "WrongAlgorithm" => self.of_another_kind(function),
            "TooSmall" => unusable(function, "it is too small").hint("an RSA key has 2048 bits or more"),
            "TooLarge" => unusable(function, "it is too large").hint("an RSA key has 4096 bits at most"),
            "PublicKeyIsMissing" => unusable(function, "it comes without its public key").hint(CONVERT),
            _ => unusable(function, "it is damaged, or of another kind").hint(CONVERT),
        };
        let pair = match (&self.family, key) {
            (Family::Rsa { .. }, Key::Private(der)) => {
                Pair::Rsa(Box::new(RsaKeyPair::from_pkcs8(der).map_err(rejected)?))
            }
            (Family::Rsa { .. }, Key::RsaPrivate(der)) => {
                Pair::Rsa(Box::new(RsaKeyPair::from_der(der).map_err(rejected)?))
            }
            (Family::Rsa { .. }, Key::Jwk(jwk)) => {
                self.expect_kind(function, jwk, "RSA")?;
                let [n, e] = members(function, jwk, ["n", "e"])?;
                let [private, first, second] = members(function, jwk, ["d", "p", "q"])?;
                let [of_first, of_second, inverse] = members(function, jwk, ["dp", "dq", "qi"])?;
                let components = KeyPairComponents {
                    public_key: PublicKeyComponents { n, e },
                    d: private,
                    p: first,
                    q: second,
                    dP: of_first,
                    dQ: of_second,
                    qInv: inverse,
                };
                Pair::Rsa(Box::new(RsaKeyPair::from_components(&components).map_err(rejected)?))
            }
            (Family::Curve { signs, .. }, Key::Private(der)) => {
                Pair::Curve(Box::new(EcdsaKeyPair::from_pkcs8(signs, der, random).map_err(rejected)?))
            }
            (Family::Curve { signs, .. }, key @ (Key::CurvePrivate(_) | Key::Jwk(_))) => {
                let (private, public) = match key {
                    Key::Jwk(jwk) => {
                        let public = self.point(function, jwk)?;
                        let [private] = members(function, jwk, ["d"])?;
                        (private, public)
                    }
                    Key::CurvePrivate(der) => sec1(der)
                        .ok_or_else(|| unusable(function, "it comes without its public key").hint(CONVERT))?,
                    _ => unreachable!("matched above"),
                };
                let pair = EcdsaKeyPair::from_private_key_and_public_key(signs, &private, &public, random);
                Pair::Curve(Box::new(pair.map_err(rejected)?))
            }
            _ => return Err(self.of_another_kind(function).into()),
        };
        Ok(pair)
    }

    fn of_another_kind(&self, function: &str) -> HostError {
        let kind = match &self.family {
            Family::Rsa { .. } => "an RSA key".to_owned(),
            Family::Curve { curve, .. } => format!("a key of the curve {curve}"),
        };
        unusable(function, &format!("{} needs {kind}", self.name))
            .hint("name the algorithm that the key is for: \"RS256\" with RSA, \"ES256\" with P-256")
    }

    fn expect_kind(&self, function: &str, jwk: &Json, kind: &str) -> Outcome<()> {
        if jwk["kty"] == kind { Ok(()) } else { Err(self.of_another_kind(function).into()) }
    }

    /// A JWK's point of the curve, uncompressed.
    fn point(&self, function: &str, jwk: &Json) -> Outcome<Vec<u8>> {
        self.expect_kind(function, jwk, "EC")?;
        if let Family::Curve { curve, .. } = &self.family
            && jwk["crv"] != *curve
        {
            return Err(self.of_another_kind(function).into());
        }
        let [x, y] = members(function, jwk, ["x", "y"])?;
        Ok([vec![4], x, y].concat())
    }
}

impl Key {
    fn of(function: &str, key: &Dynamic) -> Outcome<Self> {
        let is_text = key.is_string() || key.is_blob();
        if !is_text {
            let map = to_map(function, key.clone());
            let map = map.map_err(|_| misfit(function, "a text, bytes or a map as a key", key))?;
            return Ok(Self::Jwk(json_of(function, &map.into())?));
        }
        let bytes = to_bytes(function, key)?;
        let text = String::from_utf8_lossy(&bytes);
        if text.trim_start().starts_with('{') {
            return match serde_json::from_str(&text) {
                Ok(jwk) => Ok(Self::Jwk(jwk)),
                Err(_) => Err(unusable(function, "it begins like a JWK, and is no JSON").into()),
            };
        }
        Self::of_pem(function, &text)
    }

    fn of_pem(function: &str, text: &str) -> Outcome<Self> {
        // OpenSSL puts a curve's parameters in front of the key.
        let mut blocks = text.split(PEM).skip(1).filter_map(|block| block.split_once("-----"));
        let Some((label, block)) = blocks.find(|(label, _)| *label != "EC PARAMETERS") else {
            return Err(unusable(function, "it is neither a PEM nor a JWK")
                .hint(
                    "hand over what is in the file, `secret(\"KEY\", #{ file: \"key.pem\" })`, not its path",
                )
                .into());
        };
        let code: String = block.split("-----").next().unwrap_or_default().split_ascii_whitespace().collect();
        let damaged = || unusable(function, "its PEM is damaged");
        let der = STANDARD.decode(code).map_err(|_| damaged())?;
        Ok(match label {
            "PRIVATE KEY" => Self::Private(der),
            "RSA PRIVATE KEY" => Self::RsaPrivate(der),
            "EC PRIVATE KEY" => Self::CurvePrivate(der),
            "RSA PUBLIC KEY" => Self::Public(der),
            "PUBLIC KEY" => Self::Public(x509(&der).ok_or_else(damaged)?),
            "ENCRYPTED PRIVATE KEY" => {
                return Err(unusable(function, "it is encrypted")
                    .hint("decrypt it first: `openssl pkcs8 -in key.pem -out plain.pem`")
                    .into());
            }
            "CERTIFICATE" => {
                return Err(unusable(function, "it is a certificate")
                    .hint("take its key out: `openssl x509 -in cert.pem -pubkey -noout`")
                    .into());
            }
            _ => return Err(unusable(function, "its PEM holds something else").hint(CONVERT).into()),
        })
    }

    fn is_public(&self) -> bool {
        match self {
            Self::Public(_) => true,
            Self::Jwk(jwk) => jwk.get("d").is_none(),
            Self::Private(_) | Self::RsaPrivate(_) | Self::CurvePrivate(_) => false,
        }
    }
}

fn unusable(function: &str, why: &str) -> HostError {
    HostError::new(format!("`{function}` can't use this key: {why}"))
}

/// Numbers of a JWK, as big-endian bytes.
fn members<const N: usize>(function: &str, jwk: &Json, names: [&str; N]) -> Outcome<[Vec<u8>; N]> {
    let mut all = [const { Vec::new() }; N];
    for (member, name) in all.iter_mut().zip(names) {
        let code = jwk[name].as_str().map(|code| URL_SAFE_NO_PAD.decode(code.trim_end_matches('=')));
        let Some(Ok(bytes)) = code else {
            return Err(unusable(function, &format!("`{name}` of the JWK is missing or no base64url")).into());
        };
        *member = bytes;
    }
    Ok(all)
}

/// Takes a value of a tag off what is in DER.
fn take<'d>(rest: &mut &'d [u8], tag: u8) -> Option<&'d [u8]> {
    let after = rest.strip_prefix(&[tag])?;
    let (length, after) = match after {
        [0x82, high, low, after @ ..] => (usize::from(*high) << 8 | usize::from(*low), after),
        [0x81, length, after @ ..] | [length @ 0..=0x7f, after @ ..] => (usize::from(*length), after),
        _ => return None,
    };
    let (value, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(value)
}

/// The key in an X.509 public key (RFC 5280 §4.1): algorithm, then a string of bits.
fn x509(mut der: &[u8]) -> Option<Vec<u8>> {
    let mut fields = take(&mut der, 0x30)?;
    take(&mut fields, 0x30)?;
    bits(&mut fields)
}

/// Private and public key of SEC 1 (RFC 5915): version, key, maybe the curve, maybe the point.
fn sec1(mut der: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut fields = take(&mut der, 0x30)?;
    take(&mut fields, 0x02)?;
    let private = take(&mut fields, 0x04)?.to_vec();
    take(&mut fields, 0xa0);
    let mut point = take(&mut fields, 0xa1)?;
    Some((private, bits(&mut point)?))
}

/// A string of whole bytes.
fn bits(rest: &mut &[u8]) -> Option<Vec<u8>> {
    take(rest, 0x03)?.strip_prefix(&[0]).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests;
