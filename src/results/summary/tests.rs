//! Summaries of small runs that were recorded as the engine records them.

use super::*;
use crate::diagnostic::Code;
use crate::engine::ScenarioOutcome;
use crate::metrics::{Kind, Phases, Recorder, RequestKey, RequestSample, TagSet};
use crate::plan::{Options, Value as OptionValue};
use crate::results::{Accusation, Example, Kind as Failed, Severity, Weight};

fn plan() -> Plan {
    let options: Options = [
        ("executor", OptionValue::Text("shared-iterations".into())),
        ("vus", OptionValue::Int(2)),
        ("iterations", OptionValue::Int(10)),
        ("flow", OptionValue::Text("shop".into())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let custom = |name: &str| Metric { name: Arc::from(name), kind: Kind::Counter, unit: Unit::None };
    Plan {
        base_url: Some("http://me:secret@127.0.0.1:8080/shop".into()),
        scenarios: vec![Scenario::from_options("main", &options, None).unwrap()],
        metrics: vec![custom("sold"), custom("never_fed")],
        ..Plan::default()
    }
}

fn outcome(recorder: &mut Recorder) -> Outcome {
    let books = Books { scheduled: 10, started: 10, ok: 9, failed: 1, ..Books::default() };
    Outcome {
        total: recorder.take(1),
        elapsed: Duration::from_secs(2),
        scenarios: vec![ScenarioOutcome { name: "main".into(), books, threw: 1 }],
        errors: vec![Diagnostic::new(Code::Teardown, "teardown threw")],
        seed: 7,
        ..Outcome::uneventful()
    }
}

fn recorder() -> Recorder {
    Recorder::new(&plan().metrics)
}

fn request(recorder: &mut Recorder, name: &str, scenario: &str, status: u16, sample: RequestSample) {
    let key = RequestKey {
        name: recorder.intern(name),
        scenario: recorder.intern(scenario),
        status,
        error_code: if status == 0 { 1212 } else { 0 },
        ..RequestKey::default()
    };
    recorder.request(&key, &sample);
}

fn answered(ms: u64, failed: bool) -> RequestSample {
    let phases = Phases { waiting_ns: ms * 1_000_000, ..Phases::default() };
    RequestSample { phases, responded: true, failed, ..RequestSample::default() }
}

fn rate(recorder: &mut Recorder, metric: &str, tags: &[(&str, &str)], hits: u64, total: u64) {
    let (id, _) = recorder.metric(metric).unwrap();
    let series = recorder.series(id, &TagSet::from_pairs(tags.iter().copied()));
    recorder.rate(series, hits, total);
}

#[test]
fn checks_add_up_over_scenarios_and_stay_apart_by_group() {
    let mut recorder = recorder();
    for (scenario, group, hits) in [("a", "", 3), ("b", "", 1), ("a", "::pay", 0)] {
        let tags = [("check", "is 200"), ("group", group), ("scenario", scenario)];
        rate(&mut recorder, "checks", &tags, hits, 4);
    }
    let summary = Summary::new("a.rhai", &plan(), &outcome(&mut recorder));
    let check = |group: &str, passes, fails| Check {
        group: group.to_owned(),
        name: "is 200".to_owned(),
        passes,
        fails,
    };
    assert_eq!(summary.checks, [check("", 4, 4), check("::pay", 0, 4)]);
    let never = Finding::CheckNeverHeld { group: "::pay".into(), name: "is 200".into(), count: 4 };
    assert_eq!(summary.findings, [never]);
    assert_eq!(summary.findings[0].to_string(), "check `is 200` of group `::pay` never held: 0 of 4");
}

#[test]
fn endpoints_add_up_over_statuses_and_come_with_their_causes() {
    let mut recorder = recorder();
    for (status, ms) in [(200, 1), (200, 2), (500, 3)] {
        request(&mut recorder, "price", "a", status, answered(ms, status == 500));
    }
    request(&mut recorder, "gone", "a", 404, answered(1, true));
    request(&mut recorder, "gone", "b", 404, answered(1, true));
    request(&mut recorder, "gone", "b", 0, RequestSample { failed: true, ..RequestSample::default() });
    request(&mut recorder, "ok", "b", 200, answered(1, false));
    let summary = Summary::new("a.rhai", &plan(), &outcome(&mut recorder));
    let lines: Vec<_> = summary
        .endpoints
        .iter()
        .map(|endpoint| (&*endpoint.name, endpoint.requests, endpoint.failed, endpoint.duration.count()))
        .collect();
    assert_eq!(lines, [("gone", 3, 3, 2), ("price", 3, 1, 3), ("ok", 1, 0, 1)]);
    assert_eq!(summary.endpoints[1].causes, [("status 500".to_owned(), 1)]);
    assert_eq!(summary.findings.len(), 1, "an endpoint that works now and then is none");
    assert_eq!(
        summary.findings[0].to_string(),
        "`gone`: all 3 requests failed (2 × status 404, 1 × error 1212)"
    );
    assert_eq!(summary.findings[0].severity(), Severity::Grave);
}

#[test]
fn metrics_come_in_order_with_the_declared_ones_even_if_unfed() {
    let mut recorder = recorder();
    for (name, amount) in [("sold", 3.0), ("data_sent", 5.0), ("http_reqs", 1.0)] {
        let (id, _) = recorder.metric(name).unwrap();
        let series = recorder.series(id, &TagSet::default());
        recorder.add(series, amount);
    }
    let summary = Summary::new("a.rhai", &plan(), &outcome(&mut recorder));
    let names: Vec<&str> = summary.metrics.iter().map(|total| &*total.metric.name).collect();
    assert_eq!(names, ["http_reqs", "data_sent", "sold", "never_fed"]);
    assert_eq!(summary.metric("sold").unwrap().value, Some(Value::Counter(3.0)));
    assert_eq!(summary.metric("data_sent").unwrap().metric.unit, Unit::Bytes);
    assert_eq!(summary.metric("never_fed").unwrap().value, None);
    assert_eq!(summary.metric("vus"), None);
}

#[test]
fn a_metric_that_the_plan_does_not_know_is_not_left_out() {
    let stray = Metric { name: Arc::from("stray"), kind: Kind::Counter, unit: Unit::None };
    let mut recorder = Recorder::new(&[stray]);
    let (id, _) = recorder.metric("stray").unwrap();
    let series = recorder.series(id, &TagSet::default());
    recorder.add(series, 1.0);
    let summary = Summary::new("a.rhai", &plan(), &outcome(&mut recorder));
    assert_eq!(summary.metric("stray").unwrap().value, Some(Value::Counter(1.0)));
}

#[test]
fn scenarios_keep_their_books_and_those_without_an_outcome_are_empty() {
    let mut outcome = outcome(&mut recorder());
    let line = &Summary::new("a.rhai", &plan(), &outcome).scenarios[0];
    assert_eq!(
        (&*line.demand, line.books.ok, line.threw),
        ("10 iterations shared by 2 VUs, at most 10m", 9, 1)
    );
    outcome.scenarios.clear();
    assert_eq!(Summary::new("a.rhai", &plan(), &outcome).books(), Books::default());
}

#[test]
fn credentials_of_the_base_url_stay_out() {
    let summary = Summary::new("a.rhai", &plan(), &outcome(&mut recorder()));
    assert_eq!(summary.base_url.as_deref(), Some("http://127.0.0.1:8080/shop"));
    assert_eq!(without_login("https://host/a@b"), "https://host/a@b");
    assert_eq!(without_login("https://u:p@ss@host?q=@"), "https://host?q=@");
    assert_eq!(without_login("host"), "host");
}

#[test]
fn rates_need_a_load() {
    let mut outcome = outcome(&mut recorder());
    assert_eq!(Summary::new("a.rhai", &plan(), &outcome).per_second(10.0), Some(5.0));
    outcome.elapsed = Duration::ZERO;
    assert_eq!(Summary::new("a.rhai", &plan(), &outcome).per_second(10.0), None);
}

#[test]
fn the_generator_accuses_itself_and_books_that_do_not_balance_are_a_bug() {
    let mut recorder = recorder();
    let (cpu, _) = recorder.metric("generator_cpu").unwrap();
    let (lag, _) = recorder.metric("generator_loop_lag").unwrap();
    let (cpu, lag) = (recorder.series(cpu, &TagSet::default()), recorder.series(lag, &TagSet::default()));
    recorder.set(cpu, 0.97);
    (0..1_000).for_each(|_| recorder.trend_us(lag, 40_000));
    recorder.trend_us(lag, u64::MAX);
    let mut outcome = outcome(&mut recorder);
    outcome.imbalances = vec!["started = ok".into()];
    outcome.requests_cut = 1;
    outcome.log_lost = 2;
    let findings = Summary::new("a.rhai", &plan(), &outcome).findings;
    assert!(matches!(
        findings.as_slice(),
        [
            Finding::Unbalanced(_),
            Finding::Accused(Accusation { code: "generator-cpu", weight: Weight::Warning, .. }),
            Finding::Accused(Accusation { code: "generator-lag", weight: Weight::Warning, .. }),
            Finding::Accused(Accusation { code: "clamped-values", weight: Weight::Warning, .. }),
            Finding::RequestsCut(1),
            Finding::LogLost(2),
        ]
    ));
}

#[test]
fn a_quiet_generator_says_nothing() {
    let mut recorder = recorder();
    let (cpu, _) = recorder.metric("generator_cpu").unwrap();
    let cpu = recorder.series(cpu, &TagSet::default());
    recorder.set(cpu, 0.5);
    assert_eq!(Summary::new("a.rhai", &plan(), &outcome(&mut recorder)).findings, []);
}

#[test]
fn a_scenario_of_which_nothing_finished_stands_out() {
    let mut outcome = outcome(&mut recorder());
    outcome.scenarios[0].books = Books { scheduled: 2, started: 2, interrupted: 2, ..Books::default() };
    let findings = Summary::new("a.rhai", &plan(), &outcome).findings;
    assert_eq!(findings, [Finding::NothingFinished { scenario: "main".into(), interrupted: 2 }]);
}

#[test]
fn a_secret_in_the_name_of_a_metric_is_hidden_where_the_summary_is_kept() {
    let mut plan = plan();
    plan.metrics[0].name = Arc::from("sold_hunter2Tango");
    let mut recorder = Recorder::new(&plan.metrics);
    for name in ["sold_hunter2Tango", "iterations"] {
        let (id, _) = recorder.metric(name).unwrap();
        let series = recorder.series(id, &TagSet::default());
        recorder.add(series, 3.0);
    }
    let mut summary = Summary::new("s.rhai", &plan, &outcome(&mut recorder));
    let text = "1 sample of `sold_hunter2Tango` was out of range".to_owned();
    let accusation = Accusation { code: "clamped-values", weight: Weight::Warning, text };
    summary.findings.push(Finding::Accused(accusation));
    let mask = Mask::default();
    mask.hide("hunter2Tango");
    // A word that a built-in metric's name holds: reports find it by that.
    mask.hide("iter");
    summary.apply(&mask);
    assert!(!format!("{summary:?}").contains("hunter2Tango"), "{summary:?}");
    for name in ["sold_***", "iterations"] {
        assert_eq!(summary.metric(name).unwrap().value, Some(Value::Counter(3.0)), "{name}");
    }
}

#[test]
fn a_secret_in_an_example_is_hidden_where_the_summary_is_kept() {
    let mut outcome = outcome(&mut recorder());
    let mut example = Example::sample(Failed::Check("is hunter2Tango".into()), "/hunter2Tango", 1);
    // In base64, between other words.
    example.request.head.push_str("X-Who: aHVudGVyMlRhbmdv\n");
    example.answer.error = Some("no hunter2Tango".into());
    outcome.examples = Examples { list: vec![example], more: 0 };
    let mut summary = Summary::new("s.rhai", &plan(), &outcome);
    let mask = Mask::default();
    mask.hide("hunter2Tango");
    summary.apply(&mask);
    let shown = format!("{:?} {}", summary.examples, summary.examples.list[0].curl());
    assert!(!shown.contains("hunter2Tango") && !shown.contains("aHVudGVy"), "{shown}");
    assert!(shown.contains("X-Who: ***"), "{shown}");
}
