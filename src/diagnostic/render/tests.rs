//! How diagnostics look: snapshots, and carets under tabs and wide characters.

use super::super::{Code, Position, Source};
use super::*;
use std::sync::Arc;

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source { name: "scripts/a.rhai".into(), text: text.into() })
}

fn at(text: &str, line: u32, column: u32) -> Diagnostic {
    Diagnostic::new(Code::Script, "no function is named `htp`").at(
        &source(text),
        Position { line, column },
        "",
    )
}

#[test]
fn the_whole_form() {
    let diagnostic = Diagnostic::new(Code::Plan, "scenario `traffic` has no option `vuz`")
        .at(
            &source("let a = 1;\n\nscenario(\"traffic\", #{ vuz: 3 });\n"),
            Position { line: 3, column: 24 },
            "not an option",
        )
        .note("`constant-vus` takes `vus` and `duration`")
        .hint("write `vus`");
    insta::assert_snapshot!(render(&diagnostic, false, 80), @r#"
    error: scenario `traffic` has no option `vuz`
      --> scripts/a.rhai:3:24
       |
     3 | scenario("traffic", #{ vuz: 3 });
       |                        ^^^ not an option

    note: `constant-vus` takes `vus` and `duration`
    hint: write `vus`
    "#);
}

#[test]
fn without_a_place_there_is_only_the_message() {
    insta::assert_snapshot!(render(&Diagnostic::new(Code::Usage, "no script given"), false, 80), @"error: no script given");
}

#[test]
fn without_a_source_there_is_only_the_position() {
    let label =
        Label { source: None, position: Position { line: 7, column: 2 }, length: 1, text: String::new() };
    let diagnostic = Diagnostic::new(Code::Script, "odd").label(label);
    insta::assert_snapshot!(render(&diagnostic, false, 80), @r"
    error: odd
      --> 7:2
    ");
}

#[test]
fn a_second_place_explains_the_first() {
    let text = "fn a() { 1 }\n".repeat(120);
    let source = source(&text);
    let diagnostic = Diagnostic::new(Code::Script, "two functions are named `a`")
        .at(&source, Position { line: 101, column: 4 }, "again")
        .at(&source, Position { line: 5, column: 4 }, "first here");
    insta::assert_snapshot!(render(&diagnostic, false, 80), @r"
    error: two functions are named `a`
       --> scripts/a.rhai:101:4
        |
    101 | fn a() { 1 }
        |    ^ again
       ::: scripts/a.rhai:5:4
        |
      5 | fn a() { 1 }
        |    ^ first here
    ");
}

#[test]
fn tabs_and_wide_characters_keep_the_caret_right() {
    insta::assert_snapshot!(render(&at("\t\thtp::get(x)", 1, 3), false, 80), @r"
    error: no function is named `htp`
      --> scripts/a.rhai:1:3
       |
     1 |         htp::get(x)
       |         ^^^
    ");
    insta::assert_snapshot!(render(&at("f(\"日本\", htp)", 1, 9), false, 80), @r#"
    error: no function is named `htp`
      --> scripts/a.rhai:1:9
       |
     1 | f("日本", htp)
       |           ^^^
    "#);
}

#[test]
fn the_end_of_the_text_can_be_pointed_at() {
    insta::assert_snapshot!(render(&at("fn a() {\n  f(", 2, 5), false, 80), @r"
    error: no function is named `htp`
      --> scripts/a.rhai:2:5
       |
     2 |   f(
       |     ^
    ");
    let beyond = render(&at("", 9, 400), false, 80);
    assert!(beyond.contains("  --> scripts/a.rhai:9:400\n"), "{beyond}");
}

#[test]
fn a_long_line_is_cut_around_the_caret() {
    let line = format!("{} htp {}", "a".repeat(200), "b".repeat(200));
    insta::assert_snapshot!(render(&at(&line, 1, 202), false, 60), @r"
    error: no function is named `htp`
      --> scripts/a.rhai:1:202
       |
     1 | …aaaaaaaaaaaaaaa htp bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…
       |                  ^^^
    ");
    insta::assert_snapshot!(render(&at(&line, 1, 1), false, 60), @r"
    error: no function is named `htp`
      --> scripts/a.rhai:1:1
       |
     1 | aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…
       | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    ");
    insta::assert_snapshot!(render(&at(&line, 1, 406), false, 60), @r"
    error: no function is named `htp`
      --> scripts/a.rhai:1:406
       |
     1 | …bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
       |                                                       ^
    ");
}

#[test]
fn what_could_steer_a_terminal_is_not_printed() {
    let shown = render(&at("\u{1b}[31mhtp \u{202e}x\u{7}", 1, 6), false, 80);
    assert!(!shown.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{shown:?}");
    let shown = render(&Diagnostic::new(Code::Other, "bad \u{1b}[2Jmessage").hint("\u{1b}x"), false, 80);
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn colour_only_repeats_the_words() {
    let diagnostic = at("htp()", 1, 1).hint("write `http`").note("n");
    let coloured = render(&diagnostic, true, 80);
    assert!(coloured.starts_with("\u{1b}["));
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain += before;
        rest = after.split_once('m').expect("an escape ends in m").1;
    }
    plain += rest;
    assert_eq!(plain, render(&diagnostic, false, 80));
}

proptest::proptest! {
    #[test]
    fn any_line_and_place_fit_the_width(line in "[a-z\t日\u{301} ]{0,200}", column in 0u32..250, length in 0u32..300, width in 0usize..120) {
        let label = Label { source: None, position: Position { line: 1, column }, length, text: String::new() };
        let source = Source { name: String::new(), text: line };
        let Some((line, span)) = quoted(&source, &label, &Mask::default()) else { return Ok(()) };
        let quote = Quote::new(&line, span, width);
        let shown: usize = quote.text.chars().map(|c| c.width().unwrap_or(0)).sum();
        let limit = width.max(LINE_COLUMNS_MIN);
        proptest::prop_assert!(shown <= limit, "{shown} columns in {limit}: {:?}", quote.text);
        proptest::prop_assert!(quote.skip + quote.carets.len() <= limit + 1);
    }
}

#[test]
fn a_quoted_line_is_shown_without_secrets_and_its_place_is_that_of_the_file() {
    let mask = Mask::default();
    mask.hide("hunter2222");
    mask.hide("one\ntwo");
    let shown = |text: &str, line: u32, column: u32| {
        let source = Arc::new(Source { name: "a.rhai".into(), text: text.into() });
        let diagnostic =
            Diagnostic::new(Code::Script, "no `hunter2222`").at(&source, Position { line, column }, "");
        render_masked(&diagnostic, &mask, false, 80)
    };
    let expected = "error: no `***`\n  --> a.rhai:1:17\n   |\n 1 | f(\"***\", htp)\n   |          ^^^\n";
    assert_eq!(shown("f(\"hunter2222\", htp)", 1, 17), expected);
    let expected = "error: no `***`\n  --> a.rhai:1:3\n   |\n 1 | f(\"***\", htp)\n   |   ^^^^^\n";
    assert_eq!(shown("f(\"hunter2222\", htp)", 1, 3), expected);
    let expected = "error: no `***`\n  --> a.rhai:2:7\n   |\n 2 | ***`; htp()\n   |       ^^^\n";
    assert_eq!(shown("let a = `one\ntwo`; htp()", 2, 7), expected);
}
