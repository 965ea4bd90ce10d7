//! Each executor's demand, defaults and errors.

use super::super::tests::options;
use super::super::{HTTP_OPTIONS, RUN_OPTIONS, SUMMARY_OPTIONS, SYSTEM_TAGS_OPTION};
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
    assert_eq!(
        described(json!({"executor": "constant-arrival-rate", "rate": 200, "duration": "60s"})),
        "200/s for 1m, up to 10,000 VUs"
    );
    assert_eq!(
        described(json!({"executor": "ramping-arrival-rate", "stages": ["10s:20.5", "1m:2/s"], "maxVUs": 5})),
        "up to 20.5/s for 1m10s, up to 5 VUs"
    );
    assert_eq!(
        described(json!({"executor": "constant-arrival-rate", "rate": "30/m", "duration": "5m", "maxVUs": 1,
            "jitter": "poisson", "when_busy": "queue"})),
        "30/m (poisson) for 5m, up to 1 VU, then a queue"
    );
}

fn arrivals(json: serde_json::Value) -> super::super::Arrivals {
    match demand(json) {
        Ok(Demand::Arrivals(arrivals)) => arrivals,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_rate_is_a_number_per_time_unit_or_a_text_with_its_own() {
    let arrivals = |rate: serde_json::Value, unit: Option<&str>| {
        let mut json = json!({"executor": "constant-arrival-rate", "rate": rate, "duration": "30m"});
        if let Some(unit) = unit {
            json["timeUnit"] = unit.into();
        }
        arrivals(json).rate
    };
    assert_eq!(arrivals(json!(1), Some("3m")).arrivals(), 10);
    assert_eq!(arrivals(json!("1/3m"), None), arrivals(json!(1), Some("3m")));
    assert_eq!(arrivals(json!("12000/m"), None).arrivals(), 360_000);
    assert_eq!(arrivals(json!(0.5), None).arrivals(), 900);
    assert_eq!(arrivals(json!("12/m"), None).describe(), "12/m");
    assert_eq!(arrivals(json!("50/30s"), None).describe(), "50/30s");
    assert_eq!(arrivals(json!(1000), None).describe(), "1,000/s");
}

#[test]
fn stages_of_a_rate_take_numbers_and_rates() {
    let json = json!({"executor": "ramping-arrival-rate", "startRate": 60, "timeUnit": "1m",
        "stages": ["10s:60", {"duration": "10s", "target": "4/s"}, "0s:0.6", {"duration": "100s", "target": 0.6}]});
    // 10 at 1/s, 25 on the way from 1/s to 4/s, 1 at 0.6 a minute.
    assert_eq!(arrivals(json).rate.arrivals(), 10 + 25 + 1);
}

#[test]
fn users_of_arrivals_come_by_need_unless_they_are_given() {
    let users = |more: serde_json::Value| {
        let mut json = json!({"executor": "constant-arrival-rate", "rate": 1, "duration": "1s"});
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let arrivals = arrivals(json);
        (arrivals.pre_allocated_vus, arrivals.vus_max)
    };
    assert_eq!(users(json!({})), (0, 10_000));
    assert_eq!(users(json!({"preAllocatedVUs": 5})), (5, 5), "as in k6");
    assert_eq!(users(json!({"preAllocatedVUs": 5, "maxVUs": 9})), (5, 9));
    assert_eq!(users(json!({"max_vus": 9})), (0, 9));
}

#[test]
fn arrivals_that_make_no_sense_are_refused() {
    let error = |more: serde_json::Value| {
        let mut json = json!({"executor": "constant-arrival-rate", "rate": 1, "duration": "1s"});
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        demand(json).unwrap_err().message()
    };
    assert_eq!(error(json!({"rate": 0})), "`rate` is 0, but must be above 0");
    assert_eq!(error(json!({"rate": -1})), "`rate` is -1, but must be from 0 to 10,000,000 a second");
    assert_eq!(error(json!({"rate": 1e8})), "`rate` is 100000000, but must be from 0 to 10,000,000 a second");
    assert_eq!(
        error(json!({"rate": "1/s", "time_unit": "1m"})),
        "`rate` is \"1/s\", and `time_unit` is given too"
    );
    assert_eq!(error(json!({"rate": "1/0s"})), "`rate`: `1/0s` is too large");
    assert_eq!(error(json!({"rate": true})), "`rate` takes a number, or a rate such as \"200/s\", not true");
    assert_eq!(
        error(json!({"max_vus": 2, "pre_allocated_vus": 3})),
        "`max_vus` is 2, but 3 are pre-allocated"
    );
    assert_eq!(error(json!({"jitter": "poison"})), "`jitter` can't be \"poison\"");
    assert_eq!(error(json!({"when_busy": 3})), "`when_busy` takes \"drop\" or \"queue\", not the number 3");
    assert!(error(json!({"queue_max": 3})).starts_with("`queue_max` is the length of a queue"));
    let none = demand(json!({"executor": "ramping-arrival-rate", "stages": ["10s:0"]})).unwrap_err();
    assert_eq!(none, PlanError::NoArrivals);
    let many = json!({"executor": "constant-arrival-rate", "rate": 10_000_000, "duration": "30d"});
    assert_eq!(
        demand(many).unwrap_err().message(),
        "`rate` is 25,920,000,000,000 iterations, but must be at most 1,000,000,000,000 iterations in all"
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
    let arrivals = demand(json!({"executor": "constant-arrival-rate", "rate": 5, "duration": "3s"})).unwrap();
    assert_eq!(arrivals.iterations(), Some(15));
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
    let own = [RUN_OPTIONS, SYSTEM_TAGS_OPTION, SUMMARY_OPTIONS, HTTP_OPTIONS];
    for spec in executors.chain(COMMON_OPTIONS).chain(own.into_iter().flatten()) {
        assert!(!reserved.contains(&spec.name), "{}", spec.name);
    }
}
