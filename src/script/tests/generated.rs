//! Generated over the registry: every function with wrong counts, wrong types and extreme values, at the
//! top level and in a flow. Nothing panics or hangs, and what is refused names the function, what it
//! takes and what it got.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::{Failure, Play, load, outside};
use crate::diagnostic::Diagnostic;
use crate::script::host::sample_response;
use crate::script::{Function, Kind, Outside, Parameter, functions};

/// One value of each type, and what an author calls it.
const VALUES: [(&str, &str); 8] = [
    ("()", "nothing"),
    ("true", "true or false"),
    ("7", "integer"),
    ("0.5", "number"),
    ("\"text\"", "text"),
    ("[1, 2]", "list"),
    ("#{ a: 1 }", "map"),
    ("|x| x", "closure"),
];

/// Values at the ends of what their type can hold, by what takes them.
const EXTREMES: [(&str, &[&str]); 6] = [
    ("integer", &["0", "-1", "9223372036854775807", "-9223372036854775807 - 1"]),
    (
        "number",
        &[
            "0.0",
            "-1.0",
            "0.0 / 0.0",
            "1.0 / 0.0",
            "-1.0 / 0.0",
            "1.7976931348623157e308",
            "5e-324",
            "9223372036854775807",
        ],
    ),
    ("text", &["\"\"", "\" \"", "\"é%\"", "global::LONG", "\"http://[\"", "\"99999999999999999999h\""]),
    ("list", &["[]", "global::MANY", "global::MANY.copy()", "[[[[]]]]"]),
    ("map", &["#{}", "global::MAP", "#{ a: -1 }", "#{ a: 0.0 / 0.0 }", "#{ \"\": [] }"]),
    ("bytes", &["blob(0)", "blob(1000, 255)"]),
];

/// What the calls may name.
const CONSTANTS: &str = "const MAP = #{ a: 1, b: \"x\" };\nconst C = counter(\"c\");\nconst G = gauge(\"g\");\nconst R = rate(\"r\");\nconst T = trend(\"t\");\nconst S = shared::counter(\"s\");\nconst F = feeder([1, 2], \"circular\");\n";

/// What a response in these calls is called; its body has what a path may look for.
const RESPONSE: &str = "r";
/// Cookies in these calls.
const JAR: &str = "http::cookie_jar()";
const BODY: &str = r#"{"a": [1, {"b": "x"}], "1": null}"#;

/// A call may take so long on a busy machine.
const CALL_MAX: Duration = Duration::from_secs(5);

/// Functions that end the script, sleep, or make what is called return what a closure gives.
fn is_ending(name: &str) -> bool {
    matches!(name, "fail" | "abort")
}

/// What stands before the brackets; none for properties.
fn callee(function: &Function) -> Option<String> {
    if function.kind == Kind::Function {
        return Some(function.name().to_owned());
    }
    let (owner, name) = function.name().split_once('.').filter(|_| function.kind == Kind::Method)?;
    let owner = match owner {
        "metric" => "global::C",
        "counter" => "global::S",
        "feeder" => "global::F",
        "response" => RESPONSE,
        "elements" => "r.html(\"*\")",
        "jar" => JAR,
        other => panic!("`{other}` has methods: say here what to call them on"),
    };
    Some(format!("{owner}.{name}"))
}

/// Whether it is called on what only a flow has.
fn is_of_a_flow(callee: &str) -> bool {
    callee.split_once('.').is_some_and(|(owner, _)| [RESPONSE, JAR].contains(&owner))
}

/// A value that a parameter takes.
fn sound(parameter: &Parameter) -> &'static str {
    let takes = &*parameter.takes;
    match parameter.name {
        "encoding" => return "\"hex\"",
        "variant" => return "\"std\"",
        "hash" => return "\"sha256\"",
        "header" => return "\"HS256\"",
        "method" => return "\"GET\"",
        "token" => return "\"eyJhbGciOiJIUzI1NiJ9.e30.e30\"",
        "tags" | "options" => return "#{}",
        "name" => return "\"a_name\"",
        "first" | "last" => return "\"2026-11-24\"",
        _ => {}
    }
    let first = takes.split(" or ").next().unwrap_or(takes);
    match first {
        "integer" | "any value" => "1",
        "number" => "1.0",
        "true" => "true",
        "list" => "[1]",
        "map" => "#{ a: 1 }",
        "closure" => "|| 1",
        "bytes" => "blob(1)",
        _ => "\"1\"",
    }
}

/// The calls as functions of one script: compiling each by itself would take minutes.
struct Calls {
    script: String,
    lines: Vec<(String, String)>,
}

impl Calls {
    fn new() -> Self {
        Self { script: String::new(), lines: Vec::new() }
    }

    fn add(&mut self, name: &str, call: String) {
        let _ = writeln!(self.script, "fn call_{}({RESPONSE}) {{ {call} }}", self.lines.len());
        self.lines.push((name.to_owned(), call));
    }

    /// Each as a new user; what it threw.
    fn play(&self, mut look: impl FnMut(&str, &str, Option<Diagnostic>)) {
        // The long ones last: to point at a word, a diagnostic reads the script up to it.
        let (long, many) = ("x".repeat(300_000), vec!["7"; 5_000].join(", "));
        let constants = format!("{CONSTANTS}const LONG = \"%a{long}\";\nconst MANY = [{many}];\n");
        // What is saved is saved there.
        let folder = tempfile::tempdir().unwrap();
        let outside = Outside { folder: folder.path().to_owned(), ..outside(&[]) };
        let mut play = Play::with(&format!("{}fn flow() {{}}\n{constants}", self.script), outside);
        play.data = sample_response(BODY);
        for (index, (name, call)) in self.lines.iter().enumerate() {
            let start = Instant::now();
            let result = play.call(&format!("call_{index}"));
            assert!(start.elapsed() < CALL_MAX, "{call} took {:?}", start.elapsed());
            let told = match result {
                Ok(_) => None,
                Err(Failure::Threw(told)) => Some(told),
                Err(Failure::Asserted(_)) if name.starts_with("assert::") => None,
                Err(Failure::Failed(_) | Failure::Aborted(_)) if is_ending(name) => None,
                Err(other) => panic!("{call}: {other:?}"),
            };
            look(name, call, told);
        }
    }
}

/// The last part of a name: what a diagnostic may call a method.
fn short(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

#[test]
fn wrong_types_in_a_flow_name_the_function_what_it_takes_and_what_it_got() {
    let mut calls = Calls::new();
    let mut wrong: Vec<(usize, &str)> = Vec::new();
    let all = functions();
    for function in &all {
        let Some(callee) = callee(function) else { continue };
        for at in 0..function.arity() {
            for (value, kind) in VALUES {
                let takes = &function.parameters[at].takes;
                let mut arguments: Vec<&str> = function.parameters.iter().map(|one| sound(one)).collect();
                arguments[at] = value;
                let other_form_takes_it = all.iter().any(|other| {
                    other.name() == function.name()
                        && other.arity() == function.arity()
                        && takes_kind(&other.parameters[at].takes, kind)
                });
                if !other_form_takes_it && !takes_kind(takes, kind) && !function.declares {
                    wrong.push((calls.lines.len(), kind));
                }
                calls.add(function.name(), format!("{callee}({})", arguments.join(", ")));
            }
        }
    }
    assert!(wrong.len() > 500, "{}", wrong.len());
    let mut faults = Vec::new();
    let mut index = 0;
    calls.play(|name, call, told| {
        let kind = wrong.iter().find(|(at, _)| *at == index).map(|(_, kind)| *kind);
        index += 1;
        let Some(kind) = kind else { return };
        let Some(told) = told else {
            faults.push(format!("{call} is taken"));
            return;
        };
        let message = told.message.clone();
        let whole = format!("{message} {}", told.hint.clone().unwrap_or_default());
        let names = message.contains(short(name).rsplit('.').next().unwrap_or(name));
        let takes = whole.contains("take") || whole.contains("write") || whole.contains("must be");
        let got = message.contains(kind) || (kind == "true or false" && message.contains("boolean"));
        if !(names && takes && got && !told.labels.is_empty()) {
            faults.push(format!("{call}: {whole}"));
        }
    });
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), wrong.len(), faults.join("\n"));
}

fn takes_kind(takes: &str, kind: &str) -> bool {
    takes == "any value"
        || takes.contains(kind)
        || (kind == "integer" && takes.contains("number"))
        || (kind == "nothing" && takes.contains("any"))
}

#[test]
fn wrong_counts_are_told_before_the_load_with_the_functions_name() {
    let all = functions();
    for function in &all {
        let Some(callee) = callee(function) else { continue };
        let arities: Vec<usize> =
            all.iter().filter(|one| one.name() == function.name()).map(Function::arity).collect();
        for count in 0..6_usize {
            if arities.contains(&count) {
                continue;
            }
            let arguments = vec!["()"; count].join(", ");
            let flow = format!("{CONSTANTS}fn flow({RESPONSE}) {{ {callee}({arguments}); }}");
            let top = format!("{CONSTANTS}{callee}({arguments});\nfn flow() {{}}").replace("global::", "");
            for script in [Some(flow), (!is_of_a_flow(&callee)).then_some(top)].into_iter().flatten() {
                match load(&script) {
                    Ok((program, _)) => {
                        // Some counts are known to answer a mistake, which is told when it runs; and lists have
                        // methods of the same names as elements.
                        drop(program);
                        let known =
                            ["http::", "check", "trend", "metric.", "jar.", "add", "set", "elements."];
                        assert!(
                            known.iter().any(|known| function.name().contains(known)),
                            "{callee}({arguments})"
                        );
                    }
                    Err(told) => {
                        let name = short(function.name()).rsplit('.').next().unwrap_or_default();
                        assert!(told.message.contains(name), "{callee}({arguments}): {}", told.message);
                        assert!(!told.labels.is_empty(), "{callee}({arguments}): {}", told.message);
                    }
                }
            }
        }
    }
}

#[test]
fn extreme_values_in_a_flow_neither_panic_nor_hang() {
    let mut calls = Calls::new();
    for function in functions() {
        let Some(callee) = callee(&function) else { continue };
        for at in 0..function.arity() {
            let takes = function.parameters[at].takes.clone();
            for (_, values) in
                EXTREMES.iter().filter(|(kind, _)| takes == "any value" || takes.contains(kind))
            {
                for value in *values {
                    let mut arguments: Vec<&str> = function.parameters.iter().map(|one| sound(one)).collect();
                    arguments[at] = value;
                    calls.add(function.name(), format!("{callee}({})", arguments.join(", ")));
                    if function.arity() == 1 {
                        continue;
                    }
                    // All at once as well.
                    let all = vec![*value; function.arity()].join(", ");
                    calls.add(function.name(), format!("{callee}({all})"));
                }
            }
        }
    }
    let mut count = 0;
    calls.play(|_, call, told| {
        count += 1;
        if let Some(told) = told {
            assert!(told.message.chars().count() < 600, "{call}: a message of {}", told.message.len());
            assert!(!told.labels.is_empty(), "{call}: {told:?}");
        }
    });
    assert!(count > 1_000, "{count}");
}

#[test]
fn wrong_and_extreme_values_at_the_top_level_neither_panic_nor_hang() {
    let values = VALUES.iter().map(|(value, _)| *value);
    let extremes = EXTREMES.iter().flat_map(|(_, values)| values.iter().copied());
    let all: Vec<&str> =
        values.chain(extremes).filter(|value| !value.contains("LONG") && !value.contains("MANY")).collect();
    for function in functions() {
        let here = |callee: &String| function.arity() > 0 && !is_of_a_flow(callee);
        let Some(callee) = callee(&function).filter(here) else { continue };
        let mut script = CONSTANTS.to_owned();
        for (index, value) in all.iter().enumerate() {
            let mut arguments: Vec<&str> = function.parameters.iter().map(|one| sound(one)).collect();
            let at = index % arguments.len();
            arguments[at] = value;
            let call = format!("{callee}({})", arguments.join(", "));
            script += &format!("try {{ {call} }} catch {{}}\n").replace("global::", "");
        }
        // Whatever it declares, loading ends with a plan or a diagnostic.
        let start = Instant::now();
        if let Err(told) = load(&format!("{script}fn flow() {{}}")) {
            assert!(!told.message.is_empty());
        }
        assert!(start.elapsed() < CALL_MAX, "{callee} took {:?}", start.elapsed());
    }
}

#[test]
fn wrong_types_at_the_top_level_name_the_function_and_what_it_got() {
    let all = functions();
    let mut faults = Vec::new();
    let mut count = 0;
    for function in all.iter().filter(|function| function.declares && function.kind == Kind::Function) {
        for at in 0..function.arity() {
            for (value, kind) in VALUES {
                let same =
                    |other: &&Function| other.name() == function.name() && other.arity() == function.arity();
                if all.iter().filter(same).any(|other| takes_kind(&other.parameters[at].takes, kind)) {
                    continue;
                }
                let mut arguments: Vec<&str> = function.parameters.iter().map(sound).collect();
                arguments[at] = value;
                let call = format!("{}({})", function.name(), arguments.join(", "));
                count += 1;
                match load(&format!("{call};\nfn flow() {{}}")) {
                    // k6's `new Trend(name, isTime)`.
                    Ok(_) if call == "trend(\"a_name\", true)" => {}
                    Ok(_) => faults.push(format!("{call} is taken")),
                    Err(told) => {
                        let got = told.message.contains(kind)
                            || (kind == "true or false" && told.message.contains("boolean"))
                            || told.message.contains(value);
                        let hint = told.hint.as_deref().unwrap_or_default();
                        if !(told.message.contains(short(function.name())) && got && hint.contains("write")) {
                            faults.push(format!("{call}: {} {hint}", told.message));
                        }
                    }
                }
            }
        }
    }
    assert!(count > 80, "{count}");
    assert!(faults.is_empty(), "{} of {count}:\n{}", faults.len(), faults.join("\n"));
}
