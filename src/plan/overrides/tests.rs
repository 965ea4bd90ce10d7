//! What flags do to a plan.

use super::super::tests::{scenario, shown};
use super::super::{Flow, Hooks, Target, TargetOptions, Think};
use super::*;
use serde_json::json;

const SECOND: Duration = Duration::from_secs(1);

fn plan(scenarios: &[(&str, serde_json::Value)]) -> Plan {
    let scenarios = scenarios.iter().map(|(name, json)| scenario(name, json.clone())).collect();
    Plan { scenarios, ..Plan::default() }
}

fn ramp() -> serde_json::Value {
    json!({"executor": "ramping-vus", "stages": ["10s:20", "1m:20"], "flow": "price", "think": "1s",
        "tags": {"team": "a"}, "start_time": "5s", "graceful_stop": "3s"})
}

fn constant() -> serde_json::Value {
    json!({"executor": "constant-vus", "vus": 10, "duration": "30s", "flow": "price", "start_time": "5s"})
}

#[test]
fn without_flags_nothing_changes() {
    let mut changed = plan(&[("traffic", ramp())]);
    assert_eq!(Overrides::default().apply(&mut changed), Ok(Vec::new()));
    assert_eq!(changed, plan(&[("traffic", ramp())]));
}

#[test]
fn a_flag_replaces_the_load_and_keeps_the_rest() {
    let mut plan = plan(&[("traffic", ramp())]);
    let flags = Overrides { vus: Some(3), duration: Some(10 * SECOND), ..Overrides::default() };
    let notes = flags.apply(&mut plan).unwrap();
    insta::assert_snapshot!(notes.join("\n"), @"`--vus`, `--duration` replace the load of scenario `traffic`: 3 VUs for 10s, not up to 20 VUs for 1m10s");
    let scenario = &plan.scenarios[0];
    assert_eq!((scenario.name.as_str(), scenario.executor.as_str()), ("traffic", "constant-vus"));
    assert_eq!((&scenario.flow, scenario.think), (&Flow::Named("price".into()), Think::Constant(SECOND)));
    assert_eq!((scenario.tags.len(), scenario.graceful_stop), (1, 3 * SECOND));
    assert_eq!(scenario.start_time, Duration::ZERO, "the flags say all of the load");
}

#[test]
fn each_shortcut_has_its_executor() {
    let cases = [
        (
            Overrides { iterations: Some(5), ..Overrides::default() },
            "5 iterations shared by 1 VU, at most 10m",
        ),
        (
            Overrides { iterations: Some(5), vus: Some(2), duration: Some(SECOND), ..Overrides::default() },
            "5 iterations shared by 2 VUs, at most 1s",
        ),
        (Overrides { duration: Some(SECOND), ..Overrides::default() }, "1 VU for 1s"),
        (
            Overrides {
                stages: Some(vec![
                    Stage { duration: SECOND, target: 9 },
                    Stage { duration: SECOND, target: 9 },
                ]),
                ..Overrides::default()
            },
            "up to 9 VUs for 2s",
        ),
        (
            Overrides {
                stages: Some(vec![Stage { duration: SECOND, target: 2 }]),
                vus: Some(7),
                ..Overrides::default()
            },
            "up to 7 VUs for 1s",
        ),
    ];
    for (flags, expected) in cases {
        let mut plan = plan(&[("traffic", ramp())]);
        flags.apply(&mut plan).unwrap();
        assert_eq!(plan.scenarios[0].demand.describe(), expected);
    }
}

#[test]
fn users_alone_change_a_constant_number_of_them() {
    let flags = Overrides { vus: Some(3), ..Overrides::default() };
    let mut changed = plan(&[("traffic", constant())]);
    let notes = flags.apply(&mut changed).unwrap();
    insta::assert_snapshot!(notes.join("\n"), @"`--vus` replaces the load of scenario `traffic`: 3 VUs for 30s, not 10 VUs for 30s");
    assert_eq!(changed.scenarios[0].start_time, 5 * SECOND, "all else stays");

    let error = flags.apply(&mut plan(&[("traffic", ramp())])).unwrap_err();
    insta::assert_snapshot!(shown(&error), @r"
    `--vus` alone cannot change scenario `traffic`, whose users vary
    hint: give `--duration` or `--stage` too, which replaces the script's load
    ");
    let shared = json!({"executor": "shared-iterations", "vus": 1, "iterations": 2, "flow": "price"});
    assert!(flags.apply(&mut plan(&[("traffic", shared)])).is_err(), "3 users for 2 iterations");
}

#[test]
fn flags_are_held_to_the_limits_of_scripts() {
    for vus in [0, 1_000_001, u64::MAX] {
        let flags = Overrides { vus: Some(vus), ..Overrides::default() };
        assert!(flags.apply(&mut plan(&[("traffic", constant())])).is_err(), "{vus}");
        let flags = Overrides { vus: Some(vus), duration: Some(SECOND), ..Overrides::default() };
        assert!(flags.apply(&mut plan(&[("traffic", constant())])).is_err(), "{vus} with a duration");
    }
    let flags = Overrides { duration: Some(Duration::ZERO), ..Overrides::default() };
    assert!(flags.apply(&mut plan(&[("traffic", constant())])).is_err());
}

#[test]
fn a_refused_flag_leaves_the_plan_alone() {
    let mut refused = plan(&[("traffic", ramp())]);
    let base_url = Some("u".to_string());
    let flags = Overrides { vus: Some(0), duration: Some(SECOND), base_url, ..Overrides::default() };
    assert!(flags.apply(&mut refused).is_err());
    assert_eq!(refused, plan(&[("traffic", ramp())]));
}

#[test]
fn several_scenarios_cannot_be_replaced_by_one() {
    let mut several = plan(&[("traffic", ramp()), ("health", constant())]);
    let flags = Overrides { duration: Some(SECOND), ..Overrides::default() };
    insta::assert_snapshot!(shown(&flags.apply(&mut several).unwrap_err()), @r"
    `--duration` would replace the scenarios `traffic` and `health`
    hint: only one scenario can be replaced: change the script instead, or read the value from `env`
    ");
}

#[test]
fn two_loads_exclude_each_other() {
    let stages = Some(vec![Stage { duration: SECOND, target: 1 }]);
    let flags = Overrides { iterations: Some(1), stages, ..Overrides::default() };
    insta::assert_snapshot!(shown(&flags.apply(&mut plan(&[])).unwrap_err()), @r"
    `--iterations` and `--stage` exclude each other
    hint: leave `--iterations` out
    ");
}

#[test]
fn a_script_without_scenarios_runs_its_flow() {
    let mut plan = Plan::default();
    plan.add_default_scenario(&Shortcut::default(), true).unwrap();
    assert_eq!(plan.scenarios[0].demand.describe(), "1 iteration for each of 1 VU, at most 10m");
    assert_eq!(
        (plan.scenarios[0].name.as_str(), &plan.scenarios[0].flow),
        ("default", &Flow::Named("flow".into()))
    );

    let mut plan = Plan::default();
    let declared = Shortcut { vus: Some(4), duration: Some(SECOND), ..Shortcut::default() };
    plan.add_default_scenario(&declared, false).unwrap();
    assert_eq!(plan.scenarios[0].demand.describe(), "4 VUs for 1s");

    let mut plan = Plan::default();
    plan.add_default_scenario(&Shortcut::default(), false).unwrap();
    assert!(plan.scenarios.is_empty(), "nothing to run");
    let flags = Overrides { vus: Some(2), ..Overrides::default() };
    assert_eq!(flags.apply(&mut plan), Ok(Vec::new()));
    assert_eq!(plan.scenarios[0].demand.describe(), "1 iteration for each of 2 VUs, at most 10m");
}

#[test]
fn declared_scenarios_and_a_declared_load_exclude_each_other() {
    let declared = Shortcut { vus: Some(4), duration: Some(SECOND), ..Shortcut::default() };
    let mut plan = plan(&[("traffic", constant())]);
    insta::assert_snapshot!(shown(&plan.add_default_scenario(&declared, true).unwrap_err()), @r"
    the script declares both scenarios and the load `vus`, `duration`
    hint: keep one: the scenarios, or the load in `options`
    ");
    assert_eq!(plan.add_default_scenario(&Shortcut::default(), true), Ok(()));
    assert_eq!(plan.scenarios.len(), 1, "a function named `flow` alone adds nothing");
}

#[test]
fn flags_reach_options_and_hooks() {
    let hooks = Hooks { setup: true, teardown: true, on_start: true, on_stop: false, summary: false };
    let mut plan = Plan { hooks, ..Plan::default() };
    plan.options.seed = Some(1);
    let flags = Overrides {
        base_url: Some("u".into()),
        user_agent: Some("me".into()),
        no_setup: true,
        ..Overrides::default()
    };
    flags.apply(&mut plan).unwrap();
    assert_eq!(plan.hooks, Hooks { setup: false, ..hooks });
    assert_eq!((plan.base_url.as_deref(), plan.options.user_agent.as_deref()), (Some("u"), Some("me")));
    assert_eq!(plan.options.seed, Some(1), "no flag, no change");
    Overrides { seed: Some(2), ..Overrides::default() }.apply(&mut plan).unwrap();
    assert_eq!(plan.options.seed, Some(2));
}

#[test]
fn targets_can_be_left_out() {
    let target = Target::parse("http_reqs", "count > 1", &TargetOptions::default(), &[], None).unwrap();
    let mut plan = Plan { targets: vec![target], ..Plan::default() };
    Overrides::default().apply(&mut plan).unwrap();
    assert_eq!(plan.targets.len(), 1);
    Overrides { no_targets: true, ..Overrides::default() }.apply(&mut plan).unwrap();
    assert!(plan.targets.is_empty());
}

#[test]
fn users_alone_do_not_change_arrivals() {
    let mut plan = plan(&[(
        "s",
        json!({"executor": "constant-arrival-rate", "rate": 5, "duration": "3s", "flow": "f"}),
    )]);
    let error = Overrides { vus: Some(3), ..Overrides::default() }.apply(&mut plan).unwrap_err();
    insta::assert_snapshot!(shown(&error), @r"
    `--vus` alone cannot change scenario `s`, whose iterations start at a rate
    hint: give `--duration` or `--stage` too, which replaces the script's load
    ");
    let flags = Overrides { vus: Some(3), duration: Some(SECOND), ..Overrides::default() };
    let notes = flags.apply(&mut plan).unwrap();
    insta::assert_snapshot!(notes.join("\n"), @"`--vus`, `--duration` replace the load of scenario `s`: 3 VUs for 1s, not 5/s for 3s, up to 10,000 VUs");
}

fn target(key: &str) -> Target {
    Target::parse(key, "count > 0", &TargetOptions::default(), &[], None).unwrap()
}

#[test]
fn only_the_scenarios_that_are_named_are_played() {
    let mut plan = plan(&[("browse", constant()), ("buy", ramp()), ("idle", constant())]);
    let keys =
        ["http_reqs", "http_reqs{scenario:buy}", "http_reqs{scenario:browse}", "http_reqs{scenario!:buy}"];
    plan.targets = keys.iter().map(|key| target(key)).collect();
    let flags = Overrides { scenarios: vec!["browse".into()], vus: Some(2), ..Overrides::default() };
    let notes = flags.apply(&mut plan).unwrap();
    insta::assert_snapshot!(notes.join("\n"), @r"
    scenarios that are left out: `buy`, `idle`
    the target `http_reqs{scenario:buy}` count > 0 is left out: scenario `buy` isn't played
    `--vus` replaces the load of scenario `browse`: 2 VUs for 30s, not 10 VUs for 30s
    ");
    assert_eq!(plan.scenarios.len(), 1);
    assert_eq!(plan.vus_max(), 2, "a flag changes the one that is left");
    let kept: Vec<&str> = plan.targets.iter().map(|target| target.key.as_str()).collect();
    assert_eq!(kept, ["http_reqs", "http_reqs{scenario:browse}", "http_reqs{scenario!:buy}"]);
}

#[test]
fn a_scenario_that_is_not_there_is_named_with_those_like_it() {
    let mut plan = plan(&[("browse", constant()), ("buy", ramp())]);
    let before = plan.clone();
    let refused = |name: &str, plan: &mut Plan| {
        let flags = Overrides { scenarios: vec!["buy".into(), name.into()], ..Overrides::default() };
        shown(&flags.apply(plan).unwrap_err())
    };
    insta::assert_snapshot!(refused("brwose", &mut plan), @r"
    the script has no scenario `brwose`
    hint: did you mean `browse`? it has `browse` and `buy`
    ");
    insta::assert_snapshot!(refused("other", &mut plan), @r"
    the script has no scenario `other`
    hint: it has `browse` and `buy`
    ");
    assert_eq!(plan, before);
    insta::assert_snapshot!(refused("buy", &mut Plan::default()), @r"
    the script has no scenario `buy`
    hint: it declares none
    ");
}

#[test]
fn settings_of_the_command_line_win() {
    let mut plan = plan(&[("browse", constant())]);
    plan.options.rps = Some(5.0);
    plan.options.throws = true;
    let flags = Overrides {
        rps: Some(0.0),
        throws: Some(false),
        min_iteration_duration: Some(SECOND),
        linger: Some(true),
        ..Overrides::default()
    };
    flags.apply(&mut plan).unwrap();
    assert_eq!(
        plan.options
            .play_settings()
            .iter()
            .map(|(name, value)| format!("{name} {value}"))
            .collect::<Vec<_>>(),
        ["min_iteration_duration 1s", "linger true"]
    );
}
