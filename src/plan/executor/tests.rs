//! Each executor's demand, defaults and errors.

use super::super::tests::options;
use super::*;
use serde_json::json;

fn demand(json: serde_json::Value) -> Result<Demand, PlanError> {
    let options = options(json);
    let Some(super::super::Value::Text(name)) = options.get("executor") else { panic!("no executor") };
    (find(name)?.demand)(&options)
}

fn described(json: serde_json::Value) -> String {
    demand(json).unwrap().describe()
}

#[test]
fn options_become_a_demand() {
    assert_eq!(
        described(json!({"executor": "shared-iterations"})),
        "1 iteration shared by 1 VU, at most 10m"
    );
    assert_eq!(
        described(json!({"executor": "per-vu-iterations", "vus": 2, "iterations": 3, "maxDuration": "1m"})),
        "3 iterations for each of 2 VUs, at most 1m"
    );
    assert_eq!(
        described(json!({"executor": "constant-vus", "vus": 10, "duration": "30s"})),
        "10 VUs for 30s"
    );
    assert_eq!(
        described(json!({"executor": "ramping-vus", "stages": ["10s:20", "1m:20"]})),
        "up to 20 VUs for 1m10s"
    );
    assert_eq!(
        described(json!({"executor": "externally-controlled", "vus": 0, "maxVUs": 50, "duration": "1m"})),
        "0 VUs, steered up to 50, for 1m"
    );
}

#[test]
fn a_bound_knows_its_iterations() {
    let bounded = demand(json!({"executor": "per-vu-iterations", "vus": 2, "iterations": 3})).unwrap();
    assert_eq!(bounded.iterations(), Some(6));
    let shared = demand(json!({"executor": "shared-iterations", "vus": 2, "iterations": 3})).unwrap();
    assert_eq!(shared.iterations(), Some(3));
    let endless = demand(json!({"executor": "constant-vus", "duration": "1s"})).unwrap();
    assert_eq!(endless.iterations(), None);
}

#[test]
fn what_is_steered_reserves_its_most_users() {
    let steered = |json| demand(json).unwrap().peak();
    assert_eq!(steered(json!({"executor": "externally-controlled", "duration": "1m"})), 10_000);
    assert_eq!(
        steered(json!({"executor": "externally-controlled", "duration": "1m", "vus": 20_000})),
        20_000
    );
    let above = json!({"executor": "externally-controlled", "duration": "1m", "vus": 3, "max_vus": 2});
    let error = demand(above).unwrap_err();
    assert_eq!(error.to_string(), "`vus` is 3, but must be at most `max_vus`, which is 2");
}

#[test]
fn what_nobody_would_run_is_refused() {
    let few = demand(json!({"executor": "shared-iterations", "vus": 3, "iterations": 2})).unwrap_err();
    assert_eq!(few, PlanError::FewerIterationsThanUsers { iterations: 2, vus: 3 });
    let none = demand(json!({"executor": "ramping-vus", "start_vus": 0, "stages": ["10s:1"]})).unwrap_err();
    assert_eq!(none, PlanError::NoUsers);
}

#[test]
fn every_option_is_documented_once_and_in_our_spelling() {
    for executor in EXECUTORS {
        let specs: Vec<&OptionSpec> = executor.options.iter().chain(COMMON_OPTIONS).collect();
        for (index, spec) in specs.iter().enumerate() {
            assert!(specs[..index].iter().all(|other| other.name != spec.name), "{} twice", spec.name);
            assert_eq!(super::super::canonical(spec.name), spec.name);
            assert!(!spec.about.is_empty() && !spec.takes.is_empty(), "{}", spec.name);
        }
    }
}

#[test]
fn no_option_is_a_word_that_rhai_reserves() {
    // Rhai's keywords and reserved words; a map's key cannot be one of them without quotes.
    let reserved = [
        "async",
        "await",
        "as",
        "break",
        "case",
        "catch",
        "const",
        "continue",
        "default",
        "do",
        "else",
        "exit",
        "export",
        "false",
        "fn",
        "for",
        "global",
        "go",
        "goto",
        "if",
        "import",
        "in",
        "is",
        "let",
        "loop",
        "match",
        "module",
        "new",
        "nil",
        "null",
        "package",
        "private",
        "protected",
        "public",
        "return",
        "shared",
        "spawn",
        "static",
        "super",
        "switch",
        "sync",
        "then",
        "this",
        "thread",
        "throw",
        "true",
        "try",
        "type_of",
        "unless",
        "until",
        "use",
        "var",
        "void",
        "while",
        "with",
        "yield",
    ];
    let executors = EXECUTORS.iter().flat_map(|executor| executor.options);
    for spec in executors.chain(COMMON_OPTIONS).chain(super::super::RUN_OPTIONS) {
        assert!(!reserved.contains(&spec.name), "{}", spec.name);
    }
}
