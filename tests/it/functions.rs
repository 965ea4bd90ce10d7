//! `runner functions`: the reference and the files for editors are those of the registry, and every
//! example in it runs.

use std::fmt::Write as _;

use serde_json::Value;

use crate::fixture::{root, runner};

/// What `runner functions` prints.
fn printed(flag: &str) -> String {
    runner(["functions", flag]).run().expect_code(0).stdout
}

fn functions() -> Vec<Value> {
    serde_json::from_str(&printed("--json")).expect("a list")
}

fn text<'a>(function: &'a Value, field: &str) -> &'a str {
    function[field].as_str().unwrap_or_else(|| panic!("{field} of {function}"))
}

/// A file of the repository is what the command prints; `FUNCTIONS_BLESS=1` renews it.
#[track_caller]
fn expect_copy(path: &str, flag: &str) {
    let printed = printed(flag);
    let file = root().join(path);
    if std::env::var_os("FUNCTIONS_BLESS").is_some() {
        std::fs::write(&file, &printed).expect("a writable repository");
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        kept == printed,
        "{path} is not what `runner functions {flag}` prints: renew it with `FUNCTIONS_BLESS=1 cargo test --test it functions`"
    );
}

#[test]
fn the_reference_page_is_that_of_the_registry() {
    expect_copy("docs/functions.md", "--markdown");
}

#[test]
fn the_files_for_editors_are_those_of_the_registry() {
    expect_copy("docs/editors/rhai.tmLanguage.json", "--grammar");
    expect_copy("docs/editors/rhai.code-snippets", "--snippets");
    for flag in ["--grammar", "--snippets"] {
        let _: Value = serde_json::from_str(&printed(flag)).expect("JSON");
    }
}

#[test]
fn a_function_is_shown_with_its_types_and_its_example() {
    let shown = runner(["functions", "random::int"]).run().expect_code(0).stdout;
    for part in ["random::int(min: integer, max: integer) -> integer", "both ends included", "in a flow:"] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    runner(["functions", "htpp"]).run().expect_code(2).expect_said("did you mean `http`?");
    runner(["functions", "--json", "--markdown"]).run().expect_code(2);
}

/// The value that stands behind a line, if what stands there is one.
fn value_behind(line: &str) -> Option<(&str, &str)> {
    let (code, value) = line.rsplit_once(" // ")?;
    let is_value = value.starts_with(['"', '[', '`', '-', '(']) || value.starts_with("#{");
    let is_word = value == "true" || value == "false" || value.starts_with(|c: char| c.is_ascii_digit());
    (is_value || is_word).then_some((code, value))
}

/// An example as the body of a function, which throws where a line gives something else than it says.
fn body(example: &str) -> String {
    let mut body = String::new();
    for line in example.lines() {
        let Some((code, value)) = value_behind(line) else {
            let _ = writeln!(body, "    {line}");
            continue;
        };
        let code = code.trim_end().trim_end_matches(';');
        let bound = code.strip_prefix("let ").and_then(|rest| rest.split_once(" = "));
        let got = bound.map_or(format!("    let got = {code};\n    got"), |(name, _)| {
            format!("    {code};\n    {name}")
        });
        let (before, name) = got.rsplit_once('\n').expect("two lines");
        let _ = writeln!(body, "{before}\n    assert::equal({}, {value}, \"the value\");", name.trim());
    }
    body
}

#[test]
fn every_function_has_an_example() {
    let missing: Vec<String> = (functions().iter())
        .filter(|function| text(function, "example").is_empty())
        .map(|function| text(function, "signature").to_owned())
        .collect();
    assert!(missing.is_empty(), "`.example(…)` or `.declares(…)` is missing: {missing:#?}");
}

#[test]
fn every_example_shows_the_function_that_it_is_of() {
    for function in functions() {
        let name = text(&function, "name");
        // Of a method or property the value has another name.
        let called = name.rsplit_once('.').map_or(name.to_owned(), |(_, last)| format!(".{last}"));
        assert!(text(&function, "example").contains(&called), "{name}: {}", text(&function, "example"));
    }
}

/// Plays each example as a scenario of its own against the demo; what they threw, and the exit code.
fn play(examples: &[(String, String)]) -> (Vec<String>, Option<i32>) {
    let mut script = String::from("base_url(\"demo\");\n");
    for (number, (_, example)) in examples.iter().enumerate() {
        let options = "executor: \"per-vu-iterations\", vus: 1, iterations: 1";
        let _ = writeln!(
            script,
            "scenario(\"example_{number}\", #{{ {options}, flow: \"example_{number}\" }});\n\
             fn example_{number}() {{\n  try {{\n{}  }} catch (error) {{ log::error(`FAULT {number}: ${{error}}`); }}\n}}",
            body(example)
        );
    }
    let finished =
        runner(["run", "examples.rhai"]).file("examples.rhai", &script).file("big.bin", "not so big").run();
    let fault = |line: &str| {
        let (number, what) = line.split_once("FAULT ")?.1.split_once(": ")?;
        let (name, example) = &examples[number.parse::<usize>().ok()?];
        Some(format!("{name}: {what}\n{example}"))
    };
    let mut faults: Vec<String> = finished.stderr.lines().filter_map(fault).collect();
    if finished.code != Some(0) && faults.is_empty() {
        faults.push(finished.printed());
    }
    (faults, finished.code)
}

#[test]
fn every_example_of_a_flow_runs_and_gives_what_it_says() {
    let mut examples: Vec<(String, String)> = Vec::new();
    for function in functions().iter().filter(|function| function["top_level"] == false) {
        let (name, example) = (text(function, "signature"), text(function, "example"));
        if !examples.iter().any(|(_, known)| known == example) {
            examples.push((name.to_owned(), example.to_owned()));
        }
    }
    assert!(examples.len() > 80, "{}", examples.len());
    let (faults, code) = play(&examples);
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    assert_eq!(code, Some(0));
}

#[test]
fn an_example_that_gives_something_else_is_noticed() {
    let (faults, _) = play(&[
        ("sound".to_owned(), "1 + 1 // 2".to_owned()),
        ("wrong".to_owned(), "let x = [1, 2]; // [1, 3]".to_owned()),
        ("throws".to_owned(), "throw \"broken\";".to_owned()),
    ]);
    assert_eq!(faults.len(), 2, "{faults:#?}");
}

#[test]
fn every_example_of_the_top_level_declares_a_sound_plan() {
    let mut examples: Vec<String> = Vec::new();
    for function in functions().iter().filter(|function| function["top_level"] == true) {
        let example = text(function, "example").to_owned();
        if examples.contains(&example) {
            continue;
        }
        let flow = if example.contains("fn ") && !example.contains("\"flow\"") {
            ""
        } else {
            "fn flow() { sleep(0.01); }\n"
        };
        let script = format!("{example}\n{flow}");
        // Those with a flow of their own run it; the others would take as long as they say.
        let is_run = example.contains("fn flow()");
        let script = if is_run { format!("base_url(\"demo\");\n{script}") } else { script };
        let command = if is_run { "run" } else { "check" };
        let call = runner([command, "--allow-run", "example.rhai"]).file("example.rhai", &script);
        // What the examples of `secret` and `data` ask for.
        let call = call.env("TOKEN", "of the environment").file("token.txt", "of the file\n");
        let call = call.file("users.csv", "name,amount\nann,1.5\n").file("symbols.txt", "AAPL\n");
        call.file("portfolios.json", "[{\"name\": \"a\"}]").run().expect_code(0);
        examples.push(example);
    }
    assert!(examples.len() > 10, "{examples:?}");
}

#[test]
fn a_value_behind_a_line_is_compared() {
    assert_eq!(value_behind("url::encode(\"a\") // \"a\""), Some(("url::encode(\"a\")", "\"a\"")));
    assert_eq!(value_behind("let a = \"http://x\";"), None);
    assert_eq!(value_behind("f(); // waits"), None);
    let body = body("let x = 1; // 1\nf(x) // 2");
    assert!(body.contains("let x = 1;\n    assert::equal(x, 1,"), "{body}");
    assert!(body.contains("let got = f(x);\n    assert::equal(got, 2,"), "{body}");
}
