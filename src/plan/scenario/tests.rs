//! Scenarios from option maps.

use super::super::tests::{options, scenario, shown};
use super::super::{Curve, Stage, Users, Weighted};
use super::*;
use serde_json::json;

fn complaint(json: serde_json::Value) -> String {
    shown(&Scenario::from_options("traffic", &options(json), None).unwrap_err())
}

#[test]
fn what_is_not_given_has_k6s_defaults() {
    let scenario = scenario("a", json!({"executor": "constant-vus", "duration": "30s", "flow": "price"}));
    assert_eq!(scenario.flow, Flow::Named("price".into()));
    assert_eq!(scenario.think, Think::None);
    assert_eq!((scenario.start_time, scenario.graceful_stop), (Duration::ZERO, Duration::from_secs(30)));
    assert_eq!((scenario.start_after.as_deref(), scenario.describe()), (None, "1 VU for 30s".into()));
    assert_eq!((scenario.demand.peak(), scenario.base_url), (1, None));
    assert!(scenario.env.is_empty() && scenario.tags.is_empty());
}

#[test]
fn k6_spellings_mean_the_same() {
    let theirs = json!({"executor": "ramping-vus", "exec": "price", "startTime": "1s", "gracefulStop": "2s",
        "startVUs": 3, "gracefulRampDown": "4s", "stages": [{"duration": "5s", "target": 6}]});
    let ours = json!({"executor": "ramping-vus", "flow": "price", "start_time": "1s", "graceful_stop": "2s",
        "start_vus": 3, "graceful_ramp_down": "4s", "stages": ["5s:6"]});
    assert_eq!(scenario("a", theirs), scenario("a", ours.clone()));
    let stages = [Stage { duration: Duration::from_secs(5), target: 6 }];
    let users = Users {
        curve: Curve::ramp(3, &stages),
        bound: None,
        graceful_ramp_down: Duration::from_secs(4),
        max: None,
    };
    assert_eq!(scenario("a", ours).demand, Demand::Users(users));
}

#[test]
fn values_that_the_script_room_converted_are_taken_as_they_are() {
    let weighted = Weighted::new(vec![(Flow::Named("a".into()), 1)]).unwrap();
    let pacing = Think::Pacing(Duration::from_secs(1));
    let mut map = options(json!({"executor": "constant-vus", "duration": "1s"}));
    map.insert("think".into(), Value::Think(pacing));
    map.insert("flow".into(), Value::Weighted(weighted.clone()));
    let scenario = Scenario::from_options("a", &map, None).unwrap();
    assert_eq!((scenario.flow, scenario.think), (Flow::Weighted(weighted), pacing));
    map.insert("flow".into(), Value::Flow(Flow::Closure { ordinal: 2 }));
    assert_eq!(Scenario::from_options("a", &map, None).unwrap().flow, Flow::Closure { ordinal: 2 });
}

#[test]
fn an_unknown_option_finds_its_neighbours() {
    insta::assert_snapshot!(complaint(json!({"executor": "constant-vus", "duraton": "1s", "flow": "a"})), @r"
    executor `constant-vus` has no option `duraton`
    hint: did you mean `duration`? its options are `duration`, `vus`, `executor`, `flow`, `think`, `start_time`, `start_after`, `graceful_stop`, `rps`, `base_url`, `env` and `tags`
    ");
    insta::assert_snapshot!(complaint(json!({"executor": "constant-vus", "stages": [], "flow": "a"})), @r"
    executor `constant-vus` has no option `stages`
    hint: `ramping-vus` and `ramping-arrival-rate` have `stages`; `constant-vus` has `vus`, `duration`, `executor`, `flow`, `think`, `start_time`, `start_after`, `graceful_stop`, `rps`, `base_url`, `env` and `tags`
    ");
}

#[test]
fn an_option_in_two_spellings_is_refused() {
    insta::assert_snapshot!(complaint(json!({"executor": "constant-vus", "duration": "1s", "flow": "a", "exec": "b"})), @r"
    `exec` and `flow` are the same option
    hint: keep `flow`
    ");
}

#[test]
fn a_missing_option_says_what_it_takes() {
    insta::assert_snapshot!(complaint(json!({"executor": "constant-vus", "flow": "a"})), @r"
    executor `constant-vus` needs the option `duration`
    hint: `duration` takes a duration
    ");
    insta::assert_snapshot!(complaint(json!({"executor": "per-vu-iterations"})), @r"
    scenario `traffic` needs the option `flow`
    hint: `flow` takes a function's name, a closure or `weighted(#{ … })`
    ");
}

#[test]
fn a_wrong_type_says_what_was_taken_and_what_came() {
    insta::assert_snapshot!(complaint(json!({"executor": "constant-vus", "duration": 30, "flow": "a"})), @r#"
    `duration`: `30` has no unit
    hint: write "30s" or "30ms"
    "#);
    insta::assert_snapshot!(complaint(json!({"executor": "constant-vus", "duration": true, "flow": "a"})), @"`duration` takes a duration, not true");
    insta::assert_snapshot!(complaint(json!({"executor": "constant-vus", "duration": "1s", "vus": "3", "flow": "a"})), @r#"`vus` takes an integer, not the text "3""#);
    insta::assert_snapshot!(complaint(json!({"executor": "constant-vus", "duration": "1s", "vus": 2.5, "flow": "a"})), @"`vus` takes an integer, not the number 2.5");
    insta::assert_snapshot!(complaint(json!({"executor": "constant-vus", "duration": "1s", "flow": {"a": 1}})), @"`flow` takes a function's name, a closure or `weighted(#{ … })`, not a map");
    insta::assert_snapshot!(complaint(json!({"executor": "constant-vus", "duration": "1s", "flow": "a", "tags": {"x": []}})), @"`tags.x` takes a text, not a list");
    insta::assert_snapshot!(complaint(json!({"executor": 3, "flow": "a"})), @"`executor` takes an executor's name, not the number 3");
    insta::assert_snapshot!(complaint(json!({"executor": "ramping-vus", "stages": [3], "flow": "a"})), @r#"`stages` takes a list of `#{ duration, target }` or "30s:50", not the number 3"#);
}

#[test]
fn limits_are_named() {
    insta::assert_snapshot!(complaint(json!({"executor": "constant-vus", "duration": "1s", "vus": 0, "flow": "a"})), @"`vus` is 0, but must be from 1 to 1,000,000");
    insta::assert_snapshot!(complaint(json!({"executor": "constant-vus", "duration": "0s", "flow": "a"})), @"`duration` is 0s, but must be longer than 0s");
    insta::assert_snapshot!(complaint(json!({"executor": "constant-vus", "duration": "31d", "flow": "a"})), @"`duration` is 31d, but must be at most 30d");
    insta::assert_snapshot!(complaint(json!({"executor": "ramping-vus", "stages": ["20d:1", "20d:1"], "flow": "a"})), @"`stages` is 40d, but must be at most 30d");
    insta::assert_snapshot!(complaint(json!({"executor": "ramping-vus", "stages": ["0s:5"], "flow": "a"})), @"`stages` is 0s in all, but must be longer than 0s");
    insta::assert_snapshot!(complaint(json!({"executor": "ramping-vus", "stages": ["1s:1000001"], "flow": "a"})), @"`target` is 1,000,001, but must be from 0 to 1,000,000");
    insta::assert_snapshot!(complaint(json!({"executor": "ramping-vus", "stages": [], "flow": "a"})), @"`stages` is a list of 0, but must be a list of 1 to 10,000 stages");
}

#[test]
fn a_scenario_needs_an_executor_that_exists() {
    insta::assert_snapshot!(complaint(json!({"stages": ["1s:1"], "flow": "a"})), @r#"
    scenario `traffic` names no executor
    hint: write `executor: "ramping-vus"`, which takes these options
    "#);
    let arrivals = [json!({"rate": 5, "duration": "1s"}), json!({"stages": ["1s:1"], "maxVUs": 5})];
    let meant = arrivals.map(|options| complaint(options).contains("-arrival-rate\"`, which"));
    assert_eq!(meant, [true, true]);
    insta::assert_snapshot!(complaint(json!({"flow": "a"})), @r#"
    scenario `traffic` names no executor
    hint: write `executor: "constant-vus"`, or one of `shared-iterations`, `per-vu-iterations`, `constant-vus`, `ramping-vus`, `constant-arrival-rate`, `ramping-arrival-rate` and `externally-controlled`
    "#);
    insta::assert_snapshot!(complaint(json!({"executor": "constant-vu", "flow": "a"})), @r"
    no executor is named `constant-vu`
    hint: did you mean `constant-vus`? there are `shared-iterations`, `per-vu-iterations`, `constant-vus`, `ramping-vus`, `constant-arrival-rate`, `ramping-arrival-rate` and `externally-controlled`
    ");
}

#[test]
fn a_name_has_no_marks_of_selectors_or_paths() {
    let good = options(json!({"executor": "constant-vus", "duration": "1s", "flow": "a"}));
    for name in ["traffic", "spike-2.high_load", "prüfung"] {
        assert!(Scenario::from_options(name, &good, None).is_ok(), "{name}");
    }
    for name in ["", "a{b}", "a,b", "a/b", "a b", &"x".repeat(101)] {
        assert!(Scenario::from_options(name, &good, None).is_err(), "{name}");
    }
}
