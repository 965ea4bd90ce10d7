//! Keys in each form that OpenSSL writes, tokens that others signed, and keys that are refused.
//!
//! The keys beside this file were made for it and open nothing.

use rhai::Map;

use super::super::jwt::{jwt, verify};
use super::*;

const RSA: &str = include_str!("rsa.pem");
const RSA_PKCS1: &str = include_str!("rsa_pkcs1.pem");
const RSA_PUBLIC: &str = include_str!("rsa_public.pem");
const RSA_PUBLIC_PKCS1: &str = include_str!("rsa_public_pkcs1.pem");
const EC: &str = include_str!("ec.pem");
const EC_SEC1: &str = include_str!("ec_sec1.pem");
const EC_PUBLIC: &str = include_str!("ec_public.pem");

/// RFC 7515, appendix A.2: the public key and the token.
const RFC_RSA: &str = "{\"kty\": \"RSA\", \"e\": \"AQAB\", \"n\": \"\
     ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0B\
     m4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5\
     z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7\
     aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}";
const RFC_RS256: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlL\
     mNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7\
     AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWz\
     O75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZES\
     c6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlU\
     PQGe77Rw";

/// RFC 7515, appendix A.3.
const RFC_EC: &str = r#"{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;
const RFC_ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlL\
     mNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA\
     pmWQxfKTUJqPP3-Kg6NU1Q";

/// Tokens that another library signed with the RSA key.
const RS512: &str = "eyJhbGciOiAiUlM1MTIifQ.eyJzdWIiOiIxIn0.XBPtxg4dZ4lUCfv0jLnjCUyyDDrS3wq0OrnzMp7xHoJlpAnKuhS\
     AK1RbBzsDTkeLrO3phqoc0PGCSH_nEVPW2lPdSF1OlJuMOQpbY31oNlHH4VFqLzoe9pFWuRFvqyjsozRmP_hCKg9pM\
     epVMolF9V36YHHxBKUV2zy9QRRU_Ug5sV7-Lntcy-WLqDrtIYv8eLeQ7onUV3PPCV_zS2EvHcG1cN7mifufTuTIHTW\
     kFo7d1Tb_am73Vch0lqw33tHh_q7EPnCKbjpXLTF8v7AlFqO60pIe0u1yHAnv9O3qqa5Hl7YQq7QhuA8HcHG2KaTHh\
     hkMeDvu6Cti3KRT6iXvOg";
const PS256: &str = "eyJhbGciOiAiUFMyNTYifQ.eyJzdWIiOiIxIn0.lYwBkAhvZ_sTw8YfS7x4eoAzB16AlxXadmxdcbmDnAkpF2Oh_f9\
     PcrK4G4eHl_jyCQ-qAXsj36SLtJJY8BAvpbFPW6fCf0KjV99kWMA10-uoAX7Ueezjmy0Yu47BY3X_0iZwU5YORi7rP\
     El4CRffLliNel2Tt_JaaIVbKe2y2U5oPJ7mrhjtm7xVwAZxIHAT3qOTInxAbUPh-ssblBZ85Sj1AgJLMXQdZagvlf5\
     nV_D2ZBc2pOgJdsUYmDEICSfJ3l9DBGKH7OIiprTIJ5tXgdRZ3yaDt9bdFYRsXBpLdahr0b4c6t1K8F7uTzUfdMBUC\
     RnE_WA1-1qf-UVL8TgDNA";

fn token(key: &str, algorithm: &str) -> Outcome<String> {
    jwt(Map::from([("sub".into(), "1".into())]).into(), &key.into(), &algorithm.into())
}

/// The message and the hint of a refusal.
fn refused<T: std::fmt::Debug>(outcome: Outcome<T>) -> (String, String) {
    let error = HostError::of(&outcome.unwrap_err()).unwrap();
    (error.message, error.hint.unwrap_or_default())
}

#[test]
fn the_tokens_of_rfc_7515_are_verified() {
    for (token, key) in [(RFC_RS256, RFC_RSA), (RFC_ES256, RFC_EC)] {
        assert!(verify(token, &key.into()).unwrap(), "{token}");
        let as_map = super::super::super::value::from_json(&serde_json::from_str(key).unwrap());
        assert!(verify(token, &as_map).unwrap(), "{token}");
        // Another byte within the claims.
        assert!(!verify(&token.replace(".eyJpc3", ".eyJpc2"), &key.into()).unwrap_or(false), "{token}");
    }
}

#[test]
fn tokens_of_another_library_are_verified_by_each_form_of_the_key() {
    for key in [RSA, RSA_PKCS1, RSA_PUBLIC, RSA_PUBLIC_PKCS1] {
        for token in [RS512, PS256] {
            assert!(verify(token, &key.into()).unwrap(), "{key}");
        }
    }
    assert!(!verify(RS512, &RFC_RSA.into()).unwrap(), "another key");
}

#[test]
fn what_a_private_key_signs_its_public_one_verifies() {
    let rsa = [RSA, RSA_PKCS1, RSA_PUBLIC, RSA_PUBLIC_PKCS1];
    for (algorithms, private, all) in [
        (&["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"][..], &[RSA, RSA_PKCS1][..], &rsa[..]),
        (&["ES256"], &[EC, EC_SEC1], &[EC, EC_SEC1, EC_PUBLIC]),
        (&["ES256"], &[RFC_EC], &[RFC_EC]),
    ] {
        for (algorithm, private) in
            algorithms.iter().flat_map(|name| private.iter().map(move |key| (name, key)))
        {
            let token = token(private, algorithm).unwrap();
            for key in all {
                assert!(verify(&token, &(*key).into()).unwrap(), "{algorithm} {key}");
            }
            let forged = token.replacen(".eyJ", ".eyK", 1);
            assert!(!verify(&forged, &all[0].into()).unwrap(), "{algorithm}");
        }
    }
    let made =
        EcdsaKeyPair::generate_pkcs8(&ring_signature::ECDSA_P384_SHA384_FIXED_SIGNING, &SystemRandom::new());
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", STANDARD.encode(made.unwrap()));
    assert!(verify(&token(&pem, "ES384").unwrap(), &pem.into()).unwrap());
}

#[test]
fn an_rsa_key_is_a_jwk_too() {
    let Key::RsaPrivate(der) = Key::of_pem("f", RSA_PKCS1).unwrap() else { panic!("PKCS#1") };
    let mut fields = take(&mut &der[..], 0x30).unwrap();
    let mut jwk = serde_json::json!({ "kty": "RSA" });
    for name in ["version", "n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        let number = take(&mut fields, 0x02).unwrap();
        jwk[name] = URL_SAFE_NO_PAD.encode(number.strip_prefix(&[0]).unwrap_or(number)).into();
    }
    let token = token(&jwk.to_string(), "RS256").unwrap();
    assert!(verify(&token, &RSA_PUBLIC.into()).unwrap());
    jwk.as_object_mut().unwrap().remove("qi");
    assert!(refused(self::token(&jwk.to_string(), "RS256")).0.contains("`qi` of the JWK is missing"));
}

#[test]
fn a_key_that_does_not_fit_is_told_and_never_quoted() {
    let cut = RSA.replace("MII", "");
    let encrypted = RSA.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let certificate = RSA_PUBLIC.replace("PUBLIC KEY", "CERTIFICATE");
    let other = RSA_PUBLIC.replace("PUBLIC KEY", "DH PARAMETERS");
    for (key, algorithm, told) in [
        (RSA_PUBLIC, "RS256", "a public one"),
        (EC_PUBLIC, "ES256", "a public one"),
        (RSA, "ES256", "ES256 needs a key of the curve P-256"),
        (RSA_PKCS1, "ES256", "ES256 needs a key of the curve P-256"),
        (EC, "RS256", "RS256 needs an RSA key"),
        (EC_SEC1, "PS512", "PS512 needs an RSA key"),
        (EC, "ES384", "ES384 needs a key of the curve P-384"),
        (EC_SEC1, "ES384", "damaged, or of another kind"),
        (RFC_EC, "ES384", "ES384 needs a key of the curve P-384"),
        (RFC_EC, "RS256", "RS256 needs an RSA key"),
        ("a secret of the service", "RS256", "neither a PEM nor a JWK"),
        ("keys/rsa.pem", "RS256", "neither a PEM nor a JWK"),
        ("", "RS256", "neither a PEM nor a JWK"),
        ("{", "ES256", "no JSON"),
        ("{}", "ES256", "a public one"),
        (r#"{"kty": "EC", "crv": "P-256", "d": "%", "x": "", "y": 1}"#, "ES256", "`y` of the JWK"),
        ("-----BEGIN PRIVATE KEY-----\n???", "RS256", "its PEM is damaged"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA", "RS256", "damaged, or of another kind"),
        ("-----BEGIN EC PRIVATE KEY-----\nMP8=", "ES256", "without its public key"),
        ("-----BEGIN PUBLIC KEY-----\nMIL/", "ES256", "its PEM is damaged"),
        (&cut, "RS256", "damaged"),
        (&encrypted, "RS256", "it is encrypted"),
        (&certificate, "RS256", "a certificate"),
        (&other, "RS256", "something else"),
        (RSA, "HS256", "a PEM is no key of an HMAC"),
    ] {
        let (message, hint) = refused(token(key, algorithm));
        assert!(
            message.starts_with("`crypto::jwt` can't use this key") && message.contains(told),
            "{message}"
        );
        assert!(
            !hint.is_empty()
                || message.contains("PEM is damaged")
                || message.contains("JSON")
                || message.contains("JWK"),
            "{message}"
        );
        for line in key.lines().filter(|line| line.len() > 20) {
            assert!(!format!("{message} {hint}").contains(line), "{message} {hint}");
        }
    }
    assert!(refused(verify(RFC_RS256, &EC_PUBLIC.into())).0.contains("RS256 needs an RSA key"));
    assert!(refused(verify(RFC_ES256, &RSA_PUBLIC.into())).0.contains("a key of the curve P-256"));
    assert!(refused(verify(RFC_ES256, &7.into())).0.contains("takes a text, bytes or a map as a key, not"));
}

#[test]
fn a_public_key_is_no_secret_to_sign_by() {
    // The oldest trick with tokens: say HS256, and sign by what everybody has.
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#);
    let (message, _) = refused(verify(&format!("{header}.e30.AAAA"), &RSA_PUBLIC.into()));
    assert!(message.contains("a PEM is no key of an HMAC"), "{message}");
}
