//! What a change of the script does to a plan that is played.

use super::super::tests::scenario;
use super::*;
use crate::metrics::{Kind, Metric, Unit};
use crate::plan::{Target, TargetOptions};
use serde_json::json;

fn plan(scenarios: Vec<Scenario>) -> Plan {
    Plan { scenarios, ..Plan::default() }
}

fn users(name: &str, vus: u64) -> Scenario {
    scenario(name, json!({"executor": "constant-vus", "vus": vus, "duration": "30s", "flow": "buy"}))
}

fn arrivals(name: &str, rate: u64, max_vus: u64) -> Scenario {
    scenario(
        name,
        json!({"executor": "constant-arrival-rate", "rate": rate, "duration": "30s", "max_vus": max_vus, "flow": "buy"}),
    )
}

fn target(key: &str, text: &str) -> Target {
    Target::parse(key, text, &TargetOptions::default(), &[], None).unwrap()
}

fn metric(name: &str, kind: Kind) -> Metric {
    Metric { name: name.into(), kind, unit: Unit::None }
}

#[test]
fn an_equal_plan_changes_nothing() {
    let running = plan(vec![users("a", 10), arrivals("b", 5, 50)]);
    let over = TakeOver::of(&running, &running);
    assert!(over.is_same());
    assert_eq!(over.plan, running);
}

#[test]
fn a_scenario_takes_its_load_flow_and_think_time_with_both_values_told() {
    let running = plan(vec![users("a", 10)]);
    let new = scenario(
        "a",
        json!({"executor": "ramping-vus", "stages": ["10s:40", "20s:0"], "flow": "sell", "think": "500ms", "graceful_stop": "5s"}),
    );
    let over = TakeOver::of(&running, &plan(vec![new.clone()]));
    assert_eq!(over.plan, plan(vec![new]));
    insta::assert_snapshot!(over.applied.join("\n"), @r"
    scenario `a`: up to 40 VUs for 30s, was 10 VUs for 30s
    scenario `a`: flow `sell`, was `buy`
    scenario `a`: think time 500ms, was none
    scenario `a`: graceful stop 5s, was 30s
    ");
    assert_eq!((over.restart, over.barred), (vec![], vec![]));
}

#[test]
fn a_load_that_reads_alike_is_told_as_another_course() {
    let ramp = |stages| scenario("a", json!({"executor": "ramping-vus", "stages": stages, "flow": "f"}));
    let over = TakeOver::of(
        &plan(vec![ramp(json!(["10s:9", "20s:0"]))]),
        &plan(vec![ramp(json!(["20s:9", "10s:0"]))]),
    );
    assert_eq!(over.applied, ["scenario `a`: the course of its load changed (up to 9 VUs for 30s)"]);
}

#[test]
fn another_kind_of_load_needs_a_restart_and_the_rest_of_the_scenario_does_not() {
    let running = plan(vec![users("a", 10)]);
    let mut new = arrivals("a", 5, 50);
    new.flow = crate::plan::Flow::Named("sell".to_owned());
    let over = TakeOver::of(&running, &plan(vec![new]));
    assert_eq!(over.plan.scenarios[0].demand, running.scenarios[0].demand);
    assert_eq!(over.plan.scenarios[0].executor, "constant-vus");
    assert_eq!(over.applied, ["scenario `a`: flow `sell`, was `buy`"]);
    insta::assert_snapshot!(over.restart.join("\n"), @"scenario `a`: another kind of load, 5/s for 30s, up to 50 VUs, was 10 VUs for 30s");
}

#[test]
fn a_number_of_iterations_is_never_changed_under_way() {
    let shared = |iterations| {
        let options =
            json!({"executor": "shared-iterations", "vus": 2, "iterations": iterations, "flow": "f"});
        plan(vec![scenario("a", options)])
    };
    let over = TakeOver::of(&shared(10), &shared(20));
    assert_eq!(over.plan, shared(10));
    assert!(over.applied.is_empty());
    insta::assert_snapshot!(over.restart.join("\n"), @"scenario `a`: a number of iterations is shared out when it begins: 20 iterations shared by 2 VUs, at most 10m, was 10 iterations shared by 2 VUs, at most 10m");
}

#[test]
fn of_arrivals_the_rate_and_its_users_change_and_how_they_are_drawn_does_not() {
    let drawn = |rate, max_vus, jitter| {
        scenario(
            "a",
            json!({"executor": "constant-arrival-rate", "rate": rate, "duration": "30s", "max_vus": max_vus, "flow": "f", "jitter": jitter}),
        )
    };
    let over = TakeOver::of(&plan(vec![drawn(5, 50, "none")]), &plan(vec![drawn(9, 80, "poisson")]));
    assert_eq!(over.plan, plan(vec![drawn(9, 80, "none")]));
    assert_eq!(over.applied, ["scenario `a`: 9/s for 30s, up to 80 VUs, was 5/s for 30s, up to 50 VUs"]);
    assert_eq!(over.restart, ["scenario `a`: `jitter` poisson, was none"]);
}

#[test]
fn a_scenario_that_is_steered_by_plan_may_have_more_users() {
    let steered = |vus, max_vus| {
        let options = json!({"executor": "externally-controlled", "vus": vus, "max_vus": max_vus, "duration": "30s", "flow": "f"});
        plan(vec![scenario("a", options)])
    };
    let over = TakeOver::of(&steered(5, 10), &steered(15, 20));
    assert_eq!((over.plan, over.restart), (steered(15, 20), vec![]));
    assert_eq!(
        over.applied,
        ["scenario `a`: 15 VUs, steered up to 20, for 30s, was 5 VUs, steered up to 10, for 30s"]
    );
}

#[test]
fn what_each_user_is_made_of_waits_for_a_restart() {
    let mut new = users("a", 1);
    new.tags.insert("team".to_owned(), "red".to_owned());
    new.env.insert("DEPTH".to_owned(), "3".to_owned());
    new.base_url = Some("http://me:secret@b/".to_owned());
    let over = TakeOver::of(&plan(vec![users("a", 1)]), &plan(vec![new]));
    assert_eq!(over.plan, plan(vec![users("a", 1)]));
    insta::assert_snapshot!(over.restart.join("\n"), @r"
    scenario `a`: variable `DEPTH` 3, was none
    scenario `a`: tag `team` red, was none
    scenario `a`: `base_url` http://b/, was none
    ");
}

#[test]
fn scenarios_that_come_go_or_are_renamed_wait_for_a_restart() {
    let running = plan(vec![users("a", 1), users("b", 2), users("c", 3)]);
    let over = TakeOver::of(&running, &plan(vec![users("d", 4), users("c", 3), users("renamed", 2)]));
    assert_eq!(over.plan, running);
    insta::assert_snapshot!(over.restart.join("\n"), @r"
    scenario `a` is gone from the script, and is played on
    scenario `b` is called `renamed` now
    scenario `d` is new: 4 VUs for 30s
    ");
}

#[test]
fn the_order_and_the_cap_of_a_scenario_wait_for_a_restart() {
    let mut new = users("a", 10);
    (new.start_after, new.rps) = (Some("b".to_owned()), Some(5.0));
    new.start_time = std::time::Duration::from_secs(3);
    let over = TakeOver::of(&plan(vec![users("a", 10)]), &plan(vec![new]));
    assert_eq!(over.plan, plan(vec![users("a", 10)]));
    insta::assert_snapshot!(over.restart.join("\n"), @r"
    scenario `a`: `start_time` 3s, was 0s
    scenario `a`: `start_after` b, was none
    scenario `a`: `rps` 5.00/s, was none
    ");
}

#[test]
fn targets_are_the_new_ones_at_once() {
    let running = Plan {
        targets: vec![target("http_req_duration", "p(95) < 200ms"), target("checks", "rate > 99%")],
        ..plan(vec![users("a", 1)])
    };
    let mut stricter = target("http_req_duration", "p(95) < 100ms");
    stricter.abort_on_fail = true;
    let new =
        Plan { targets: vec![stricter, target("http_req_failed", "rate < 1%")], ..plan(vec![users("a", 1)]) };
    let over = TakeOver::of(&running, &new);
    assert_eq!(over.plan, new);
    insta::assert_snapshot!(over.applied.join("\n"), @r"
    target `checks`: none, was `rate > 99%`
    target `http_req_duration`: `p(95) < 100ms` or the run ends, was `p(95) < 200ms`
    target `http_req_failed`: `rate < 1%`, was none
    ");
}

#[test]
fn a_target_on_what_the_run_drops_waits_for_a_restart() {
    let mut running = plan(vec![users("a", 1)]);
    let options = super::super::tests::options(json!({"metrics": {"drop": ["http_req_waiting"]}}));
    running.options = RunOptions::from_options(&options).unwrap().0;
    let new = Plan { targets: vec![target("http_req_waiting", "p(95) < 100ms")], ..running.clone() };
    let over = TakeOver::of(&running, &new);
    assert_eq!(over.plan, running);
    assert_eq!(over.restart, ["target `http_req_waiting`: the run that goes on drops `http_req_waiting`"]);
}

#[test]
fn what_requests_look_up_holds_at_once_and_other_options_wait_for_a_restart() {
    let read = |json| RunOptions::from_options(&super::super::tests::options(json)).unwrap().0;
    let running = Plan { base_url: Some("http://u:secret@a/".to_owned()), ..plan(vec![users("a", 1)]) };
    let mut new = Plan { base_url: Some("http://u:secret@b/".to_owned()), ..running.clone() };
    new.options = read(
        json!({"timeout": "5s", "throws": true, "http_version": "2", "max_redirects": 3, "seed": 7, "tags": {"build": "9"}}),
    );
    let over = TakeOver::of(&running, &new);
    insta::assert_snapshot!(over.applied.join("\n"), @r"
    option `throws`: true, was false
    option `timeout`: 5s, was 1m
    ");
    insta::assert_snapshot!(over.restart.join("\n"), @r"
    `base_url`: http://b/, was http://a/
    option `http_version`: 2, was its default
    option `max_redirects`: 3, was its default
    option `seed`: 7, was none
    option `tags.build`: 9, was its default
    ");
    assert_eq!(over.plan.options, read(json!({"timeout": "5s", "throws": true})));
    assert_eq!(over.plan.base_url, running.base_url);
}

#[test]
fn setup_has_run_and_the_other_functions_of_the_life_cycle_are_the_new_ones() {
    let hooks = |setup, on_start, teardown| Hooks { setup, teardown, on_start, ..Hooks::default() };
    let running = Plan { hooks: hooks(false, true, false), ..plan(vec![users("a", 1)]) };
    let new = Plan { hooks: hooks(true, false, true), ..plan(vec![users("a", 1)]) };
    let over = TakeOver::of(&running, &new);
    assert_eq!(over.plan.hooks, hooks(false, false, true));
    assert_eq!(over.applied, ["`on_start` is gone", "`teardown` is new"]);
    assert_eq!(over.restart, ["`setup` is new"]);
}

#[test]
fn a_metric_of_another_kind_bars_the_whole_script_and_new_ones_are_made() {
    let with = |metrics: Vec<Metric>, vus| Plan { metrics, ..plan(vec![users("a", vus)]) };
    let running = with(vec![metric("sold", Kind::Counter), metric("old", Kind::Rate)], 1);
    let over = TakeOver::of(&running, &with(vec![metric("sold", Kind::Trend)], 5));
    assert_eq!(over.plan, running);
    assert_eq!(over.barred, ["the metric `sold` is a trend now, and was a counter"]);
    assert!(over.applied.is_empty() && !over.is_same());
    let over = TakeOver::of(&running, &with(vec![metric("new", Kind::Gauge)], 1));
    assert_eq!(over.applied, ["the gauge `new` is new"]);
    let all = [metric("sold", Kind::Counter), metric("old", Kind::Rate), metric("new", Kind::Gauge)];
    assert_eq!(over.plan.metrics, all, "samples of the old ones are told to the end");
}
