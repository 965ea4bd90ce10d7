//! Each of the encodings, secrets inside of others, and texts that show none.

use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};

use super::*;

fn mask(secrets: &[&str]) -> Mask {
    let mask = Mask::default();
    for secret in secrets {
        mask.hide(secret);
    }
    mask
}

#[track_caller]
fn hides(secret: &str, text: &str, expected: &str) {
    assert_eq!(mask(&[secret]).mask(text), expected, "{secret} in {text}");
}

/// All that has to be encoded by somebody.
const ODD: &str = "p@ss/wörd+1 &\"q\"\\\n>>>???~";

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |out, byte| match byte {
        byte if byte.is_ascii_alphanumeric() => out + &char::from(byte).to_string(),
        byte => out + &format!("%{byte:02X}"),
    })
}

#[test]
fn each_encoding_is_hidden() {
    let hex: String = ODD.bytes().fold(String::new(), |all, byte| all + &format!("{byte:02x}"));
    let form: String = url::form_urlencoded::byte_serialize(ODD.as_bytes()).collect();
    for (encoding, code) in [
        ("plain", ODD.to_owned()),
        ("percent", percent(ODD)),
        ("percent, lower case", percent(ODD).replace("%C3%B6", "%c3%b6").replace("%2F", "%2f")),
        ("form", form),
        ("base64", STANDARD.encode(ODD)),
        ("base64 without padding", STANDARD_NO_PAD.encode(ODD)),
        ("base64url", URL_SAFE.encode(ODD)),
        ("base64url without padding", URL_SAFE_NO_PAD.encode(ODD)),
        ("hex, lower case", hex.clone()),
        ("hex, upper case", hex.to_uppercase()),
        ("JSON", serde_json::to_string(ODD).unwrap().trim_matches('"').to_owned() + "\" "),
        ("debug", format!("{ODD:?}").trim_matches('"').to_owned() + "\" "),
    ] {
        let text = format!("<<{code}>>");
        let masked = mask(&[ODD]).mask(&text).into_owned();
        let masked = masked.replace("\" ", "").replace('"', "");
        assert_eq!(masked, "<<***>>", "{encoding}: {code}");
    }
}

#[test]
fn escapes_of_every_kind_are_hidden() {
    for text in [r#"a"b\c😀"#, r#"a\"b\\c😀"#, r"a\u0022b\u005Cc\ud83d\uDE00", r"a\x22b\u{5c}c\u{1f600}"]
    {
        hides("a\"b\\c😀", text, "***");
    }
    hides("a/b/c", r"a\/b\/c", "***");
    hides("tab\there\u{7}", "tab here\u{fffd}", "***");
    hides("100%25", "100%25 100%2525", "*** ***");
    hides(r"a\\b", r"a\\b a\\\\b", "*** ***");
}

#[test]
fn a_secret_is_found_in_the_base64_of_a_longer_text_wherever_it_stands() {
    for secret in ["s3cr", "s3cr3t", "s3cr3t!", "kötü-şifre", "????>>>>"] {
        for before in ["", "u", "us", "use", "user", "Aladdin:", "any:"] {
            for behind in ["", "!", "!!", "!!!", " and more"] {
                for code in [STANDARD.encode(format!("{before}{secret}{behind}")), {
                    URL_SAFE_NO_PAD.encode(format!("{before}{secret}{behind}"))
                }] {
                    let masked = mask(&[secret]).mask(&code).into_owned();
                    assert!(masked.contains("***"), "{before}{secret}{behind}: {code}");
                    // Not one character of the code that holds a bit of the secret stays.
                    let (first, last) =
                        (before.len() * 8 / 6, ((before.len() + secret.len()) * 8).div_ceil(6));
                    let expected = format!("{}***{}", &code[..first], &code[last..]);
                    assert_eq!(masked.trim_end_matches('='), expected.trim_end_matches('='), "{code}");
                }
            }
        }
    }
}

#[test]
fn codes_within_codes_are_hidden() {
    let basic = STANDARD.encode("user:>>>???>>>");
    assert!(basic.contains('/'), "{basic}");
    let masked = mask(&[">>>???>>>"]).mask(&percent(&basic)).into_owned();
    assert!(masked.starts_with("dXNlcj***"), "{masked}");
}

#[test]
fn overlapping_secrets_are_hidden_together() {
    let both = mask(&["abcdef", "defghi"]);
    assert_eq!(both.mask("x abcdefghi y"), "x *** y");
    assert_eq!(both.mask("abcdef, defghi"), "***, ***");
    assert_eq!(mask(&["pass", "password"]).mask("passwords pass"), "***s ***");
    assert_eq!(mask(&["password", "pass"]).mask("passwords pass"), "***s ***");
    hides("abab", "xabababty ababab", "x***ty ***");
    hides("aaaa", "aaaaaaaaa", "***");
}

#[test]
fn what_shows_no_secret_is_borrowed() {
    for text in ["", "nothing", "s3cr3", "%73%", "\\u", "\\u{", "+", "…", "…s3cr3", "x…"] {
        assert!(matches!(mask(&["s3cr3t"]).mask(text), Cow::Borrowed(_)), "{text}");
    }
    assert!(matches!(Mask::default().mask("s3cr3t"), Cow::Borrowed(_)));
    assert!(matches!(mask(&[""]).mask("s3cr3t"), Cow::Borrowed(_)));
}

#[test]
fn a_secret_that_was_cut_is_known_by_the_rest() {
    hides("0123456789", "key 012345…", "key ***…");
    hides("0123456789", "key 012345 … 6789 end", "key *** … *** end");
    hides("0123456789", "key 012…", "key 012…");
    hides("0123456789", "…456789 and …89", "…*** and …89");
    hides("0123456789", "…456…", "…456…");
    hides("0123456789", "…4567…", "…***…");
    hides("0123 \"quoted\"", "0123%20%2…", "***%2…");
}

#[test]
fn unicode_around_and_within_is_kept() {
    hides("şifre", "é şifre é", "é *** é");
    hides("値値値値", "x値値値値値y", "x***y");
    hides("value", "%é value %", "%é *** %");
}

#[test]
fn json_stays_json() {
    let mask = mask(&["name", "1234", "\": \"", "Hidden"]);
    let mut value = serde_json::json!({
        "name": "my name", "port": 1234, "text": "1234", "list": ["a\": \"b", null, true], "Hidden key": { "x": "name" },
    });
    mask.apply_json(&mut value);
    assert_eq!(
        value,
        serde_json::json!({
            "name": "my ***", "port": 1234, "text": "***", "list": ["a***b", null, true], "*** key": { "x": "***" },
        })
    );
}

#[test]
fn a_clone_learns_what_the_other_learns_and_neither_shows_it() {
    let mask = Mask::default();
    let other = mask.clone();
    mask.hide("s3cr3t");
    assert_eq!(other.mask("s3cr3t"), "***");
    assert!(!format!("{other:?}").contains("s3cr3t"));
}
