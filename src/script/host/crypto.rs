//! `crypto::*`: hashes and HMAC; JSON web tokens are in `jwt.rs`.

use hmac::{Hmac, KeyInit, Mac};
use rhai::{Dynamic, EvalAltResult, ImmutableString};
use sha1::Digest;

use super::super::error::HostError;
use super::super::registry::Registry;
use super::argument::to_bytes;
use super::bytes::Encoding;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// A hash function that scripts can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Md4,
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
    Sha512Of224,
    Sha512Of256,
    Ripemd160,
}

struct Form {
    name: &'static str,
    plain: &'static str,
    encoded: &'static str,
    about: &'static str,
    /// The beginning of the digest of `abc` in hexadecimal digits.
    example: &'static str,
    encoded_example: &'static str,
    algorithm: Algorithm,
}

macro_rules! form {
    ($name:literal, $about:literal, $algorithm:ident, $abc:literal, $base64:literal) => {
        Form {
            name: $name,
            plain: concat!("crypto::", $name, "(data)"),
            encoded: concat!("crypto::", $name, "(data, encoding)"),
            about: $about,
            example: concat!("crypto::", $name, "(\"abc\").sub_string(0, 8) // \"", $abc, "\""),
            encoded_example: concat!(
                "crypto::",
                $name,
                "(\"abc\", \"base64\").sub_string(0, 8) // \"",
                $base64,
                "\""
            ),
            algorithm: Algorithm::$algorithm,
        }
    };
}

const FORMS: [Form; 9] = [
    form!(
        "md4",
        "the data's MD4, for old protocols alone, in hexadecimal digits",
        Md4,
        "a448017a",
        "pEgBeq8h"
    ),
    form!("md5", "the data's MD5, for checksums alone, in hexadecimal digits", Md5, "90015098", "kAFQmDzS"),
    form!("sha1", "the data's SHA-1", Sha1, "a9993e36", "qZk+NkcG"),
    form!("sha256", "the data's SHA-256", Sha256, "ba7816bf", "ungWv48B"),
    form!("sha384", "the data's SHA-384", Sha384, "cb00753f", "ywB1P0Wj"),
    form!("sha512", "the data's SHA-512", Sha512, "ddaf35a1", "3a81oZNh"),
    form!("sha512_224", "the data's SHA-512/224", Sha512Of224, "4634270f", "RjQnD3B7"),
    form!("sha512_256", "the data's SHA-512/256", Sha512Of256, "53048e26", "UwSOJoGU"),
    form!("ripemd160", "the data's RIPEMD-160", Ripemd160, "8eb208f7", "jrII9+Bd"),
];

impl Algorithm {
    fn parse(name: &str) -> Outcome<Self> {
        let known = FORMS.iter().find(|form| form.name == name).map(|form| form.algorithm);
        known.ok_or_else(|| {
            let names: Vec<String> = FORMS.iter().map(|form| format!("\"{}\"", form.name)).collect();
            HostError::new(format!("`crypto::hmac` knows no hash `{name}`"))
                .hint(format!("write one of {}", names.join(", ")))
                .word(name)
                .into()
        })
    }

    fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Md4 => md4::Md4::digest(data).to_vec(),
            Self::Md5 => md5::Md5::digest(data).to_vec(),
            Self::Sha1 => sha1::Sha1::digest(data).to_vec(),
            Self::Sha256 => sha2::Sha256::digest(data).to_vec(),
            Self::Sha384 => sha2::Sha384::digest(data).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(data).to_vec(),
            Self::Sha512Of224 => sha2::Sha512_224::digest(data).to_vec(),
            Self::Sha512Of256 => sha2::Sha512_256::digest(data).to_vec(),
            Self::Ripemd160 => ripemd::Ripemd160::digest(data).to_vec(),
        }
    }

    pub(super) fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        fn sign<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
            let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        }
        match self {
            Self::Md4 => sign::<Hmac<md4::Md4>>(key, data),
            Self::Md5 => sign::<Hmac<md5::Md5>>(key, data),
            Self::Sha1 => sign::<Hmac<sha1::Sha1>>(key, data),
            Self::Sha256 => sign::<Hmac<sha2::Sha256>>(key, data),
            Self::Sha384 => sign::<Hmac<sha2::Sha384>>(key, data),
            Self::Sha512 => sign::<Hmac<sha2::Sha512>>(key, data),
            Self::Sha512Of224 => sign::<Hmac<sha2::Sha512_224>>(key, data),
            Self::Sha512Of256 => sign::<Hmac<sha2::Sha512_256>>(key, data),
            Self::Ripemd160 => sign::<Hmac<ripemd::Ripemd160>>(key, data),
        }
    }
}

pub(super) fn register(registry: &mut Registry<'_>) {
    for form in FORMS {
        let name = form.plain.split('(').next().unwrap_or(form.plain);
        let algorithm = form.algorithm;
        registry.define(form.plain, form.about, move |data: Dynamic| {
            Encoding::Hex.write(name, &algorithm.digest(&to_bytes(name, &data)?))
        });
        registry.takes("data", "text or bytes").gives("text").example(form.example);
        registry.define(
            form.encoded,
            "the same as \"hex\", \"base64\", \"base64url\" or \"bytes\"",
            move |data: Dynamic, encoding: ImmutableString| -> Outcome<Dynamic> {
                let encoding = Encoding::parse(name, &encoding)?;
                encoding.write(name, &algorithm.digest(&to_bytes(name, &data)?))
            },
        );
        registry.takes("data", "text or bytes").gives("text or bytes").example(form.encoded_example);
    }
    registry.define(
        "crypto::hmac(hash, key, data)",
        "the data's HMAC (RFC 2104) by \"sha256\" and the like, in hexadecimal digits",
        |hash: ImmutableString, key: Dynamic, data: Dynamic| hmac(&hash, &key, &data, "hex"),
    );
    registry.takes("key", "text or bytes").takes("data", "text or bytes").gives("text");
    registry.example("crypto::hmac(\"sha256\", \"key\", \"body\").sub_string(0, 8) // \"515aae13\"");
    registry.define(
        "crypto::hmac(hash, key, data, encoding)",
        "the same as \"hex\", \"base64\", \"base64url\" or \"bytes\"",
        |hash: ImmutableString, key: Dynamic, data: Dynamic, encoding: ImmutableString| {
            hmac(&hash, &key, &data, &encoding)
        },
    );
    registry.takes("key", "text or bytes").takes("data", "text or bytes").gives("text or bytes");
    registry.example(
        "let signature = crypto::hmac(\"sha256\", \"key\", \"body\", \"base64\");\n\
         http::post(\"/dsl/execute\", #{ body: \"body\", headers: #{ \"X-Signature\": signature } });",
    );
}

fn hmac(hash: &str, key: &Dynamic, data: &Dynamic, encoding: &str) -> Outcome<Dynamic> {
    let encoding = Encoding::parse("crypto::hmac", encoding)?;
    let (key, data) = (to_bytes("crypto::hmac", key)?, to_bytes("crypto::hmac", data)?);
    encoding.write("crypto::hmac", &Algorithm::parse(hash)?.hmac(&key, &data))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        Encoding::Hex.write("f", bytes).unwrap().into_string().unwrap()
    }

    #[test]
    fn digests_are_those_of_the_standards() {
        // RFC 1320 A.5, RFC 1321 A.5; FIPS 180-4's example of one block, `abc`; the authors' page of RIPEMD-160.
        for (algorithm, digest) in [
            (Algorithm::Md4, "a448017aaf21d8525fc10ae87aa6729d"),
            (Algorithm::Ripemd160, "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"),
            (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (Algorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (Algorithm::Sha512Of224, "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"),
            (Algorithm::Sha512Of256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
        ] {
            assert_eq!(hex(&algorithm.digest(b"abc")), digest, "{algorithm:?}");
        }
        assert_eq!(
            hex(&Algorithm::Sha384.digest(b"abc")),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
             8086072ba1e7cc2358baeca134c825a7"
        );
        assert_eq!(
            hex(&Algorithm::Sha512.digest(b"abc")),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        );
    }

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let cases: [(&[u8], &[u8], &str); 4] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, data, mac) in cases {
            assert_eq!(hex(&Algorithm::Sha256.hmac(key, data)), mac);
        }
        // Test case 2 by the longer hashes.
        let (key, data) = (b"Jefe", b"what do ya want for nothing?");
        assert_eq!(
            hex(&Algorithm::Sha384.hmac(key, data)),
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"
        );
        assert_eq!(
            hex(&Algorithm::Sha512.hmac(key, data)),
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd\
             caeab1a34d4a6b4b636e070a38bce737"
        );
        // RFC 2202, case 2.
        assert_eq!(hex(&Algorithm::Md5.hmac(key, data)), "750c783e6ab0b503eaa86e310a5db738");
        assert_eq!(hex(&Algorithm::Sha1.hmac(key, data)), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
        // RFC 2286, case 2.
        assert_eq!(hex(&Algorithm::Ripemd160.hmac(key, data)), "dda6c0213a485a9e24f4742064a7f033b43c4069");
    }
}
