//! Each rule over made-up evidence: where it speaks, how grave, and where it keeps still.

use std::collections::BTreeSet;
use std::time::Duration;

use super::evidence::Faults;
use super::*;
use crate::engine::Books;
use crate::engine::vitals::{Gap, HostUse, Seconds, Slow};
use crate::metrics::Trend;

fn said(evidence: &Evidence) -> Vec<(&'static str, Weight)> {
    judge(evidence).iter().map(|accusation| (accusation.code, accusation.weight)).collect()
}

fn text(evidence: &Evidence) -> String {
    judge(evidence).first().map(|accusation| accusation.text.clone()).unwrap_or_default()
}

/// A minute of load in which all was well.
fn quiet() -> Evidence {
    Evidence {
        elapsed: Duration::from_mins(1),
        seconds: Seconds { judged: 60, ..Seconds::default() },
        cpu_max: 0.4,
        wait: Some(0.005),
        requests: 60_000,
        host: HostUse {
            steal: Some(0.002),
            busy: Some(0.5),
            throttled: Some(0.0),
            descriptors: (80, Some(1_024)),
            ports: (64, Some(28_232)),
            ..HostUse::default()
        },
        is_local: true,
        ..Evidence::default()
    }
}

fn slow(slow: Slow, judged: u64) -> Seconds {
    let count = slow.all() as f64;
    Seconds { judged, slow, delay_us: 1_500.0 * count, latency_us: 2_000.0 * count, ..Seconds::default() }
}

fn trend(us: u64) -> Trend {
    let mut trend = Trend::new();
    (0..SAMPLES_P99).for_each(|_| trend.record_us(us));
    trend
}

use Weight::{Inconclusive, Warning};

#[test]
fn a_quiet_generator_says_nothing() {
    assert_eq!(said(&quiet()), []);
    assert_eq!(said(&Evidence::default()), [], "nor does one that saw nothing");
}

#[test]
fn a_full_core_warns_and_decides_once_its_delay_is_most_of_the_latency() {
    let full = Evidence { cpu_max: 0.97, ..quiet() };
    assert_eq!(said(&full), [("generator-cpu", Warning)]);
    let slow = Evidence { seconds: slow(Slow { cpu: 30, ..Slow::default() }, 60), ..full };
    assert_eq!(said(&slow), [("generator-cpu", Inconclusive)]);
    assert_eq!(
        text(&slow),
        "the generator's CPU was the limit: in 30 of 60 seconds its own delay was 75.00% of the latency"
    );
}

#[test]
fn a_neighbour_on_the_core_is_told_from_own_work() {
    let waiting = Evidence { wait: Some(0.45), ..quiet() };
    assert_eq!(said(&waiting), [("generator-wait", Warning)]);
    let slow = Evidence { seconds: slow(Slow { wait: 9, cpu: 2, other: 1 }, 12), ..waiting };
    assert_eq!(said(&slow), [("generator-wait", Inconclusive)]);
}

#[test]
fn whatever_made_it_slow_one_rule_decides() {
    for cpu in 0..4 {
        for wait in 0..4 {
            for other in 0..4 {
                let evidence = Evidence { seconds: slow(Slow { cpu, wait, other }, 9), ..quiet() };
                let expected = usize::from(cpu + wait + other >= generator_lag::SECONDS_MIN);
                assert_eq!(said(&evidence).len(), expected, "{cpu} {wait} {other}");
            }
        }
    }
}

#[test]
fn a_few_slow_seconds_are_noise() {
    let two = Evidence { seconds: slow(Slow { wait: 2, ..Slow::default() }, 3), ..quiet() };
    assert_eq!(said(&two), []);
    let of_many = Evidence { seconds: slow(Slow { wait: 5, ..Slow::default() }, 60), ..quiet() };
    assert_eq!(said(&of_many), []);
}

#[test]
fn a_late_loop_warns() {
    assert_eq!(said(&Evidence { lag: trend(9_000), ..quiet() }), []);
    assert_eq!(said(&Evidence { lag: trend(12_000), ..quiet() }), [("generator-lag", Warning)]);
    let mut few = Trend::new();
    few.record_us(12_000);
    assert_eq!(said(&Evidence { lag: few, ..quiet() }), [], "one late probe is no p(99)");
}

#[test]
fn a_gap_decides_from_a_hundredth_of_the_time_on_and_is_not_told_twice() {
    let gap = |ms| Gap { start: Duration::from_secs(2), length: Duration::from_millis(ms) };
    let long = Evidence {
        gaps: vec![gap(5_000)],
        seconds: slow(Slow { other: 5, ..Slow::default() }, 8),
        elapsed: Duration::from_secs(8),
        ..quiet()
    };
    assert_eq!(said(&long), [("generator-stopped", Inconclusive)]);
    assert_eq!(text(&long), "the generator stood still for 5.00s, 2.00s after the start");
    let short = Evidence { gaps: vec![gap(1_000)], elapsed: Duration::from_mins(10), ..quiet() };
    assert_eq!(said(&short), [("generator-stopped", Warning)]);
    let mut suspended = quiet();
    suspended.host.suspended = Duration::from_mins(1);
    assert_eq!(said(&suspended), [("generator-stopped", Inconclusive)]);
}

#[test]
fn of_a_rate_99_in_100_must_have_started() {
    let books = |started| Books { scheduled: 1_000, started, dropped: 1_000 - started, ..Books::default() };
    let with = |started| Evidence {
        arrivals: vec![("api".into(), books(started))],
        reasons: vec![
            (("api".into(), "no_free_vu".into()), 1_000 - started),
            (("other".into(), "not_started".into()), 7),
        ],
        ..quiet()
    };
    assert_eq!(said(&with(1_000)), []);
    assert_eq!(said(&with(990)), [("dropped-iterations", Warning)]);
    assert_eq!(said(&with(989)), [("load-not-delivered", Inconclusive)]);
    assert_eq!(text(&with(989)), "scenario `api` started 989 of 1,000 iterations (no_free_vu × 11)");
}

#[test]
fn closed_users_that_did_not_get_through_their_iterations_are_a_warning() {
    let evidence = Evidence { dropped: 1, ..quiet() };
    assert_eq!(said(&evidence), [("dropped-iterations", Warning)]);
    assert_eq!(text(&evidence), "1 iteration could not start");
}

#[test]
fn local_faults_decide_from_one_in_a_hundred_on_and_when_a_target_failed() {
    type Lack = fn(u64) -> Faults;
    let faults: [(&str, Lack); 4] = [
        ("local-ports", |ports| Faults { ports, ..Faults::default() }),
        ("descriptors", |descriptors| Faults { descriptors, ..Faults::default() }),
        ("socket-memory", |memory| Faults { memory, ..Faults::default() }),
        ("resolver", |resolver| Faults { resolver, ..Faults::default() }),
    ];
    for (code, fault) in faults {
        assert_eq!(said(&Evidence { faults: fault(1), ..quiet() }), [(code, Warning)]);
        assert_eq!(said(&Evidence { faults: fault(601), ..quiet() }), [(code, Inconclusive)]);
        let failed = Evidence { faults: fault(1), target_failed: true, ..quiet() };
        assert_eq!(said(&failed), [(code, Inconclusive)]);
    }
}

#[test]
fn what_is_nearly_used_up_is_a_warning() {
    let mut near = quiet();
    (near.host.descriptors, near.host.ports) = ((922, Some(1_024)), (52, Some(64)));
    assert_eq!(said(&near), [("local-ports", Warning), ("descriptors", Warning)]);
    assert_eq!(text(&near), "up to 52 of 64 local ports were in use towards one address");
}

#[test]
fn the_machine_warns_and_never_decides() {
    let mut machine = quiet();
    machine.host.steal = Some(0.3);
    machine.host.busy = Some(0.99);
    machine.host.throttled = Some(0.2);
    machine.host.clock_steps = (2, -3_000_000_000);
    let expected = ["cpu-quota", "steal", "shared-machine", "clock-jump"].map(|code| (code, Warning));
    assert_eq!(said(&machine), expected);
    let elsewhere = Evidence { is_local: false, ..machine };
    assert!(!said(&elsewhere).contains(&("shared-machine", Warning)));
    let clock = judge(&elsewhere).pop().unwrap();
    assert_eq!(
        clock.text,
        "the wall clock was set back by 3.00s (the largest of 2 steps): the results keep the old one"
    );
}

#[test]
fn late_starts_warn_where_they_are_a_part_of_the_time() {
    let late =
        |lateness, iteration| Evidence { lateness: trend(lateness), iteration: trend(iteration), ..quiet() };
    assert_eq!(said(&late(20_000, 100_000)), [("late-starts", Warning)]);
    assert_eq!(said(&late(20_000, 1_000_000)), []);
    assert_eq!(said(&late(2_000, 3_000)), []);
}

#[test]
fn clamped_samples_name_their_metrics() {
    let clamped: Vec<(String, u64)> = ["a", "b", "c", "d"].map(|name| (name.to_owned(), 2)).into();
    let evidence = Evidence { clamped, ..quiet() };
    assert_eq!(text(&evidence), "8 samples of `a`, `b`, `c`, 1 more were out of range: clamped or left out");
}

#[test]
fn codes_are_distinct_and_every_rule_explains_itself() {
    let codes: BTreeSet<&str> = RULES.iter().map(|rule| rule.code).collect();
    assert_eq!(codes.len(), RULES.len());
    for rule in RULES {
        for words in [rule.about, rule.reason, rule.advice, &(rule.threshold)()] {
            assert!(!words.is_empty() && !words.ends_with('.'), "{}: {words}", rule.code);
        }
    }
}

#[test]
fn the_evidence_is_read_from_what_was_recorded() {
    use crate::metrics::{Recorder, TagSet};
    let mut recorder = Recorder::new(&[]);
    let mut failed = |code: &str, count: u64| {
        let (metric, _) = recorder.metric("http_req_failed").unwrap();
        let series = recorder.series(metric, &TagSet::from_pairs([("error_code", code)]));
        recorder.rate(series, count, count);
    };
    for (code, count) in [("1290", 1), ("1291", 2), ("1292", 3), ("1100", 4), ("1101", 5), ("1212", 6)] {
        failed(code, count);
    }
    let faults = Faults::of(&recorder.take(1));
    assert_eq!((faults.ports, faults.descriptors, faults.memory, faults.resolver), (1, 2, 3, 4));
}

#[test]
fn what_a_cold_service_dropped_in_the_warm_up_does_not_count_against_the_load() {
    use super::super::books::ScenarioOutcome;
    use super::super::event::Outcome;
    use super::super::warm_up::WarmUp;
    use crate::metrics::{Recorder, TagSet};
    use crate::plan::{Options, Scenario, Value};
    let options: Options = [
        ("executor", Value::Text("constant-arrival-rate".into())),
        ("rate", Value::Int(100)),
        ("duration", Value::Text("10s".into())),
        ("flow", Value::Text("f".into())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let plan =
        Plan { scenarios: vec![Scenario::from_options("api", &options, None).unwrap()], ..Plan::default() };
    let recorded = |ended: f64, dropped: f64| {
        let mut recorder = Recorder::new(&[]);
        for (metric, count) in [("iterations", ended), ("dropped_iterations", dropped)] {
            let (metric, _) = recorder.metric(metric).unwrap();
            let series = recorder.series(metric, &TagSet::from_pairs([("scenario", "api")]));
            recorder.add(series, count);
        }
        recorder.take(1)
    };
    let books = Books { scheduled: 1_000, started: 900, ok: 900, dropped: 100, ..Books::default() };
    let outcome = |warm_up| Outcome {
        total: recorded(800.0, 0.0),
        scenarios: vec![ScenarioOutcome { name: "api".into(), books, threw: 0 }],
        warm_up,
        ..Outcome::uneventful()
    };
    let evidence = |warm_up| Evidence::of(&plan, &outcome(warm_up)).arrivals[0].1;
    assert_eq!((evidence(None).scheduled, evidence(None).started), (1_000, 900));
    let warm_up = WarmUp { recorded: recorded(100.0, 100.0), is_over: true, ..WarmUp::default() };
    let left = evidence(Some(warm_up));
    assert_eq!((left.scheduled, left.started, left.dropped), (800, 800, 0));
}
