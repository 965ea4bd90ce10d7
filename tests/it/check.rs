//! `runner check`: several scripts, what editors and CI read, and files that are no scripts.

use crate::fixture::{Finished, runner};

const SOUND: &str =
    "fn flow() { let r = http::get(\"/\", #{ name: \"a\" }); check(r.status == 200, \"is up\"); }\n";
const WARNED: &str = "fn flow() { }\nfn other() { }\n";
const WRONG: &str = "fn flow() { chekc(1); print(totla); }\n";

fn check(flags: &[&str], files: &[(&str, &str)]) -> Finished {
    let names = files.iter().map(|(name, _)| *name);
    let call = runner(["check"].into_iter().chain(flags.iter().copied()).chain(names));
    files.iter().fold(call, |call, (name, text)| call.file(name, text)).run()
}

/// A script whose bytes are no text as we read it.
fn check_bytes(bytes: &[u8]) -> Finished {
    let call = runner(["check", "a.rhai"]);
    std::fs::write(call.folder().join("a.rhai"), bytes).expect("a file");
    call.run()
}

#[test]
fn all_scripts_are_looked_at_whatever_the_first_is_like() {
    let finished = check(&[], &[("a.rhai", WRONG), ("b.rhai", SOUND), ("c.rhai", WARNED)]).expect_code(107);
    assert!(
        finished.stderr.contains("`chekc`") && finished.stderr.contains("`totla`"),
        "{}",
        finished.stderr
    );
    assert_eq!(
        finished.stdout,
        "✓ b.rhai: 1 scenario, 0 targets\n✓ c.rhai: 1 scenario, 0 targets, 1 warning\n"
    );
}

#[test]
fn a_warning_fails_with_strict_alone() {
    check(&[], &[("a.rhai", WARNED)]).expect_code(0);
    check(&["--strict"], &[("a.rhai", WARNED)]).expect_code(104);
    check(&["--strict"], &[("a.rhai", SOUND)]).expect_code(0);
}

#[test]
fn json_is_a_list_of_errors_and_warnings_alike() {
    let finished = check(
        &["--json"],
        &[("a.rhai", WRONG), ("b.rhai", WARNED), ("c.rhai", SOUND), ("d.rhai", "fn x() { }")],
    );
    let findings: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(finished.stderr, "");
    let told: Vec<String> = findings
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            let field = |name: &str| one[name].to_string().replace('"', "");
            assert!(one["hint"].is_string() && one["message"].is_string(), "{one}");
            ["file", "line", "column", "end_column", "severity", "code"].map(field).join(" ")
        })
        .collect();
    assert_eq!(
        told,
        [
            "a.rhai 1 13 18 error script",
            "a.rhai 1 29 34 error script",
            "b.rhai 2 4 9 warning unused_flow",
            "d.rhai null null null error plan"
        ]
    );
    assert_eq!(check(&["--json"], &[("a.rhai", SOUND)]).expect_code(0).stdout, "[]\n");
}

#[test]
fn a_mark_in_front_and_windows_line_ends_are_no_part_of_a_script() {
    let text = format!("\u{feff}// prices\r\n{}", SOUND.replace('\n', "\r\n"));
    check(&["--strict"], &[("a.rhai", &text)]).expect_code(0);
    let finished =
        check(&[], &[("a.rhai", "\u{feff}// a\r\nfn flow() {\r\n    chekc(1);\r\n}\r\n")]).expect_code(107);
    assert!(
        finished.stderr.contains("a.rhai:3:5\n") && !finished.stderr.contains('\r'),
        "{}",
        finished.stderr
    );
}

#[test]
fn what_is_no_text_says_so() {
    let utf16: Vec<u8> =
        [0xfeff_u16].into_iter().chain(SOUND.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    check_bytes(&utf16).expect_code(104).expect_said("is no text in UTF-8: it is UTF-16");
    let latin_1 = b"// line\n// Pr\xfcfung\nfn flow() { }\n";
    check_bytes(latin_1).expect_code(104).expect_said("line 2 holds a byte that is none");
    check_bytes(&[0; 64]).expect_code(107);
    let call = runner(["check", "folder"]);
    std::fs::create_dir(call.folder().join("folder")).expect("a folder");
    call.run().expect_code(104).expect_said("`folder` is a folder, not a script");
    check(&[], &[("empty.rhai", "")]).expect_code(104).expect_said("declares no scenario");
}
