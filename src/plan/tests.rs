//! Plans as JSON and back.

use super::*;
use crate::metrics::{Kind, Unit};
use serde_json::json;

/// An option map as a script would give it; JSON is the shortest way to write one.
pub(super) fn options(json: serde_json::Value) -> Options {
    let serde_json::Value::Object(map) = json else { panic!("options are a map") };
    map.into_iter().map(|(name, json)| (name, value(json))).collect()
}

fn value(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| Value::Float(number.as_f64().unwrap()), Value::Int)
        }
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(list) => Value::List(list.into_iter().map(value).collect()),
        serde_json::Value::Object(_) => Value::Map(options(json)),
        serde_json::Value::Null => panic!("a script has no null"),
    }
}

/// A scenario of a name, from its options.
pub(super) fn scenario(name: &str, json: serde_json::Value) -> Scenario {
    Scenario::from_options(name, &options(json), None).unwrap()
}

/// An error as a user reads it.
pub(super) fn shown(error: &PlanError) -> String {
    match error.hint() {
        Some(hint) => format!("{}\nhint: {hint}", error.message()),
        None => error.message(),
    }
}

fn busy() -> Plan {
    let mut traffic = options(json!({
        "executor": "ramping-vus", "stages": ["10s:3", {"duration": "0s", "target": 1}, "1h:1"],
        "tags": {"team": "a"}, "env": {"DEPTH": 3}, "base_url": "http://127.0.0.1:1",
    }));
    let weighted = vec![(Flow::Named("price".into()), 80), (Flow::Closure { ordinal: 0 }, 20)];
    traffic.insert("flow".into(), Value::Weighted(Weighted::new(weighted).unwrap()));
    traffic.insert("think".into(), Value::Think(Think::throughput(0.1 + 0.2).unwrap()));
    let position = Some(crate::diagnostic::Position { line: 3, column: 1 });
    let mut plan = Plan {
        base_url: Some("http://127.0.0.1:2".into()),
        metrics: vec![Metric { name: "slow".into(), kind: Kind::Counter, unit: Unit::None }],
        hooks: Hooks { setup: true, ..Hooks::default() },
        options: RunOptions { seed: Some(7), ..RunOptions::default() },
        ..Plan::default()
    };
    plan.add_scenario(Scenario::from_options("traffic", &traffic, position).unwrap()).unwrap();
    plan.add_scenario(scenario(
        "health",
        json!({"executor": "shared-iterations", "vus": 2, "iterations": 9, "flow": "health", "start_time": "1.5s", "think": "10ms"}),
    ))
    .unwrap();
    let target =
        Target::parse("http_req_duration", "p(95) < 200ms", &TargetOptions::default(), &[], position)
            .unwrap();
    plan.targets.push(target);
    plan
}

#[test]
fn the_json_of_a_plan_reads_back_as_the_same_plan() {
    let plan = busy();
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    assert_eq!(
        serde_json::from_str::<Plan>(&serde_json::to_string(&Plan::default()).unwrap()).unwrap(),
        Plan::default()
    );
    let bytes = postcard::to_stdvec(&plan).unwrap();
    assert_eq!(postcard::from_bytes::<Plan>(&bytes).unwrap(), plan, "shards will get it in this form");
}

#[test]
fn the_json_of_a_scenario_reads_as_its_author_wrote_it() {
    let plan = busy();
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan.scenarios[0]).unwrap(), @r#"
    {
      "name": "traffic",
      "executor": "ramping-vus",
      "demand": {
        "users": {
          "curve": [
            {
              "at": "0s",
              "users": 1
            },
            {
              "at": "10s",
              "users": 3
            },
            {
              "at": "10s",
              "users": 1
            },
            {
              "at": "1h10s",
              "users": 1
            }
          ],
          "bound": null,
          "graceful_ramp_down": "30s",
          "max": null
        }
      },
      "flow": {
        "weighted": [
          {
            "flow": {
              "named": "price"
            },
            "weight": 80
          },
          {
            "flow": {
              "closure": {
                "ordinal": 0
              }
            },
            "weight": 20
          }
        ]
      },
      "think": {
        "throughput": {
          "per_second": 0.30000000000000004
        }
      },
      "start_time": "0s",
      "start_after": null,
      "graceful_stop": "30s",
      "rps": null,
      "base_url": "http://127.0.0.1:1",
      "env": {
        "DEPTH": "3"
      },
      "tags": {
        "team": "a"
      },
      "position": {
        "line": 3,
        "column": 1
      }
    }
    "#);
}

#[test]
fn totals_span_all_scenarios() {
    let plan = busy();
    assert_eq!(plan.vus_max(), 2 + 2, "a ramp to 3 that steps down when it gets there has 2");
    assert_eq!(plan.duration(), Duration::from_secs(3610));
    assert_eq!(plan.end_max(), Duration::from_secs(3640));
    assert_eq!(Plan::default().end_max(), Duration::ZERO);
}

#[test]
fn scenarios_have_names_of_their_own() {
    let mut plan = busy();
    let twin = plan.scenarios[1].clone();
    insta::assert_snapshot!(shown(&plan.add_scenario(twin).unwrap_err()), @r"
    two scenarios are named `health`
    hint: name them apart: metrics are told apart by it
    ");
}

#[test]
fn targets_need_a_scenario() {
    let mut plan = busy();
    assert_eq!(plan.validate(), Ok(()));
    plan.scenarios.clear();
    insta::assert_snapshot!(shown(&plan.validate().unwrap_err()), @r"
    the script declares targets but no scenario
    hint: a target without samples fails: declare a scenario, or give `--vus` and `--duration`
    ");
    plan.targets.clear();
    assert_eq!(plan.validate(), Ok(()), "setup and teardown alone may run");
}

#[test]
fn scenarios_together_keep_the_limit() {
    let mut plan = Plan::default();
    for name in ["a", "b"] {
        plan.add_scenario(scenario(
            name,
            json!({"executor": "constant-vus", "vus": 600_000, "duration": "1s", "flow": "f"}),
        ))
        .unwrap();
    }
    insta::assert_snapshot!(plan.validate().unwrap_err(), @"`vus` is 1,200,000, but must be at most 1,000,000 in all scenarios together");
}

#[test]
fn an_error_becomes_a_diagnostic() {
    let diagnostic = PlanError::NoUsers.diagnostic();
    assert_eq!(diagnostic.code, crate::diagnostic::Code::Plan);
    assert_eq!(
        (Some(diagnostic.message), diagnostic.hint),
        (Some(PlanError::NoUsers.message()), PlanError::NoUsers.hint())
    );
}

fn with_targets(keys: impl IntoIterator<Item = String>) -> Plan {
    let mut plan = Plan::default();
    plan.add_scenario(scenario("a", json!({"executor": "constant-vus", "duration": "1s", "flow": "f"})))
        .unwrap();
    let target =
        |key: String| Target::parse(&key, "count > 1", &TargetOptions::default(), &[], None).unwrap();
    plan.targets = keys.into_iter().map(target).collect();
    plan
}

#[test]
fn targets_tell_a_bounded_number_of_series_apart() {
    let named = |count: usize| (0..count).map(|n| format!("http_reqs{{name:n{n},status:{n}}}"));
    assert_eq!(with_targets(named(99)).validate(), Ok(()), "100 names by 100 statuses");
    insta::assert_snapshot!(shown(&with_targets(named(100)).validate().unwrap_err()), @r"
    the targets tell apart 10201 combinations of tags, more than 10000
    hint: the values that targets name multiply, tag by tag: name fewer tags in one target
    ");
}

#[test]
fn a_target_on_a_scenario_that_is_not_there_is_refused_with_names_like_it() {
    let check = |key: &str| {
        let plan = with_targets([key.to_string()]);
        plan.check_scenario_of(&plan.targets[0])
    };
    assert_eq!(check("http_reqs{scenario:a}"), Ok(()));
    assert_eq!(check("http_reqs{scenario!:warmup}"), Ok(()), "left out, if it is there");
    insta::assert_snapshot!(shown(&check("http_reqs{name:b,scenario:browse}").unwrap_err()), @r"
    the target `http_reqs{name:b,scenario:browse}` is on a scenario that the script doesn't have: `browse`
    hint: it has `a`
    ");
}
