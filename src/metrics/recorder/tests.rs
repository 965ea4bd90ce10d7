//! The recorder: what a request emits, what take hands over, and the cap.

mod cap;

use super::*;
use crate::metrics::{OTHER, Phases, RequestSample, Selector, Trend, Unit, Value};

fn key(recorder: &mut Recorder, name: &str) -> RequestKey {
    RequestKey {
        scenario: recorder.intern("load"),
        name: recorder.intern(name),
        url: recorder.intern(name),
        method: recorder.intern("GET"),
        proto: recorder.intern("HTTP/1.1"),
        status: 200,
        expected: true,
        ..RequestKey::default()
    }
}

const ANSWERED: RequestSample = RequestSample {
    phases: Phases {
        blocked_ns: 0,
        dns_ns: 0,
        connecting_ns: 0,
        tls_ns: 0,
        sending_ns: 10_000,
        waiting_ns: 300_000,
        receiving_ns: 20_400,
    },
    response_time_ns: 400_000,
    responded: true,
    failed: false,
    bytes_sent: 100,
    bytes_received: 250,
    cache: None,
};

fn select(snapshot: &Snapshot, text: &str) -> Option<Value> {
    snapshot.select(&Selector::parse(text).unwrap())
}

fn trend(snapshot: &Snapshot, metric: &str) -> Trend {
    match select(snapshot, metric) {
        Some(Value::Trend(trend)) => *trend,
        other => panic!("{metric} is {other:?}"),
    }
}

#[test]
fn a_request_enters_all_its_series() {
    let mut recorder = Recorder::new(&[]);
    let key = key(&mut recorder, "/price");
    recorder.request(&key, &ANSWERED);
    recorder.request(&key, &ANSWERED);
    let snapshot = recorder.take(7);
    assert_eq!(snapshot.tick, 7);
    assert_eq!(select(&snapshot, "http_reqs"), Some(Value::Counter(2.0)));
    assert_eq!(select(&snapshot, "http_req_failed"), Some(Value::Rate { hits: 0, total: 2 }));
    assert_eq!(select(&snapshot, "data_sent"), Some(Value::Counter(200.0)));
    assert_eq!(select(&snapshot, "data_received"), Some(Value::Counter(500.0)));
    assert_eq!(trend(&snapshot, "http_req_duration").sum_us(), 660);
    assert_eq!(trend(&snapshot, "http_req_response_time").sum_us(), 800);
    assert_eq!(trend(&snapshot, "http_req_waiting").sum_us(), 600);
    for silent in ["blocked", "dns", "connecting", "tls_handshaking"] {
        let phase = trend(&snapshot, &format!("http_req_{silent}"));
        assert_eq!((phase.count(), phase.zeros()), (2, 2));
    }
    assert_eq!(select(&snapshot, "cache_requests"), None);
    assert_eq!(snapshot.len(), Bundle::METRICS.len());
}

#[test]
fn tags_of_a_request_leave_out_what_is_empty() {
    let mut recorder = Recorder::new(&[]);
    let mut key = key(&mut recorder, "/price");
    recorder.request(&key, &ANSWERED);
    let tags = recorder.take(0).of("http_reqs").next().unwrap().tags.to_string();
    assert_eq!(
        tags,
        "{expected_response:true,method:GET,name:/price,proto:HTTP/1.1,scenario:load,status:200,url:/price}"
    );
    key.group = recorder.intern("::a::b");
    (key.status, key.error_code, key.expected) = (0, 1212, false);
    key.extra = recorder.intern_tags(&TagSet::from_pairs([("class", "cached"), ("name", "mine")]));
    recorder.request(&key, &ANSWERED);
    let tags = recorder.take(0).of("http_reqs").next().unwrap().tags.clone();
    let get = |tag| tags.get(tag).unwrap().to_owned();
    assert_eq!([get("group"), get("error_code"), get("status")], ["::a::b", "1212", "0"]);
    assert_eq!([get("class"), get("name"), get("expected_response")], ["cached", "mine", "false"]);
}

#[test]
fn a_request_without_an_answer_is_no_fast_answer() {
    let mut recorder = Recorder::new(&[]);
    let key = key(&mut recorder, "/price");
    let refused =
        RequestSample { responded: false, failed: false, response_time_ns: 30_000_000_000, ..ANSWERED };
    recorder.request(&key, &refused);
    let snapshot = recorder.take(0);
    assert_eq!(select(&snapshot, "http_reqs"), Some(Value::Counter(1.0)));
    assert_eq!(select(&snapshot, "http_req_failed"), Some(Value::Rate { hits: 1, total: 1 }));
    for metric in ["duration", "blocked", "connecting", "sending", "waiting", "receiving"] {
        assert_eq!(select(&snapshot, &format!("http_req_{metric}")), None);
    }
    let response_time = trend(&snapshot, "http_req_response_time");
    assert_eq!((response_time.count(), response_time.censored()), (1, 1));
    assert!(response_time.max().unwrap().at_least);
}

#[test]
fn a_known_cache_status_is_counted_by_verdict() {
    let mut recorder = Recorder::new(&[]);
    let key = key(&mut recorder, "/price");
    recorder.request(&key, &ANSWERED);
    for hit in [true, true, false] {
        recorder.request(&key, &RequestSample { cache: Some(hit), ..ANSWERED });
    }
    let snapshot = recorder.take(0);
    assert_eq!(select(&snapshot, "cache_requests{verdict:hit}"), Some(Value::Counter(2.0)));
    assert_eq!(select(&snapshot, "cache_requests{verdict:miss}"), Some(Value::Counter(1.0)));
    assert_eq!(select(&snapshot, "cache_hit_rate{name:/price}"), Some(Value::Rate { hits: 2, total: 3 }));
}

#[test]
fn take_hands_over_only_what_was_touched() {
    let mut recorder = Recorder::new(&[]);
    let (iterations, _) = recorder.metric("iterations").unwrap();
    let (dropped, _) = recorder.metric("dropped_iterations").unwrap();
    let iterations = recorder.series(iterations, &TagSet::default());
    let dropped = recorder.series(dropped, &TagSet::default());
    recorder.add(iterations, 1.0);
    recorder.add(dropped, 0.0); // touched, though nothing was dropped
    assert_eq!(recorder.take(0).len(), 2);
    assert!(recorder.take(1).is_empty());
    recorder.add(iterations, 2.0);
    assert_eq!(select(&recorder.take(2), "iterations"), Some(Value::Counter(2.0)));
}

#[test]
fn a_gauge_keeps_its_last_value_and_its_extremes() {
    let mut recorder = Recorder::new(&[]);
    let (vus, kind) = recorder.metric("vus").unwrap();
    assert_eq!(kind, Kind::Gauge);
    let vus = recorder.series(vus, &TagSet::default());
    for value in [5.0, 9.0, 7.0] {
        recorder.set(vus, value);
    }
    assert_eq!(select(&recorder.take(0), "vus"), Some(Value::Gauge { last: 7.0, min: 5.0, max: 9.0 }));
    recorder.set(vus, 1.0);
    assert_eq!(select(&recorder.take(1), "vus"), Some(Value::Gauge { last: 1.0, min: 1.0, max: 1.0 }));
}

#[test]
fn refused_and_clamped_samples_are_counted_by_metric() {
    let depth = Metric { name: "depth".into(), kind: Kind::Trend, unit: Unit::None };
    let mut recorder = Recorder::new(&[depth]);
    let series = |recorder: &mut Recorder, name: &str| {
        let (id, _) = recorder.metric(name).unwrap();
        recorder.series(id, &TagSet::default())
    };
    let (depth, iterations, checks) = (
        series(&mut recorder, "depth"),
        series(&mut recorder, "iterations"),
        series(&mut recorder, "checks"),
    );
    recorder.trend(depth, -1.0);
    recorder.trend(depth, f64::NAN);
    recorder.add(iterations, f64::INFINITY);
    recorder.rate(checks, 3, 2);
    recorder.set(checks, 1.0); // not a gauge
    let snapshot = recorder.take(0);
    assert_eq!(select(&snapshot, "clamped_values{metric:depth}"), Some(Value::Counter(2.0)));
    assert_eq!(select(&snapshot, "clamped_values{metric:iterations}"), Some(Value::Counter(1.0)));
    assert_eq!(select(&snapshot, "clamped_values{metric:checks}"), Some(Value::Counter(2.0)));
    assert_eq!(select(&snapshot, "checks"), Some(Value::Rate { hits: 2, total: 2 }));
    assert!(recorder.take(1).is_empty());
}

#[test]
fn a_builtin_keeps_its_kind() {
    let mine = Metric { name: "uptime".into(), kind: Kind::Trend, unit: Unit::Time };
    assert_eq!(Recorder::new(&[mine]).metric("uptime").unwrap().1, Kind::Rate);
}

#[test]
fn a_metric_that_is_learnt_later_is_recorded_beside_the_others() {
    let mut recorder = Recorder::new(&[]);
    let (checks, _) = recorder.metric("checks").unwrap();
    let checks = recorder.series(checks, &TagSet::default());
    recorder.rate(checks, 1, 1);
    let sold = Metric { name: "sold".into(), kind: Kind::Counter, unit: Unit::None };
    recorder.learn(&sold);
    recorder.learn(&Metric { kind: Kind::Trend, ..sold });
    let (id, kind) = recorder.metric("sold").unwrap();
    assert_eq!(kind, Kind::Counter);
    let series = recorder.series(id, &TagSet::default());
    recorder.add(series, 3.0);
    let snapshot = recorder.take(0);
    assert_eq!(select(&snapshot, "sold"), Some(Value::Counter(3.0)));
    assert_eq!(select(&snapshot, "checks"), Some(Value::Rate { hits: 1, total: 1 }));
}

#[test]
fn past_the_cap_requests_go_to_other_with_exact_totals() {
    let mut recorder = Recorder::new(&[]);
    let names = SERIES_MAX / Bundle::METRICS.len() + 50;
    for round in 0..2 {
        for n in 0..names {
            let key = key(&mut recorder, &format!("/{n}"));
            recorder.request(&key, &RequestSample { cache: Some(true), ..ANSWERED });
        }
        let snapshot = recorder.take(round);
        assert_eq!(select(&snapshot, "http_reqs"), Some(Value::Counter(names as f64)));
        assert_eq!(trend(&snapshot, "http_req_duration").count(), names as u64);
        assert_eq!(
            select(&snapshot, "cache_hit_rate"),
            Some(Value::Rate { hits: names as u64, total: names as u64 })
        );
        assert!(snapshot.len() <= SERIES_MAX + BUILTINS.len());
        let Some(Value::Counter(other)) = select(&snapshot, &format!("http_reqs{{name:{OTHER}}}")) else {
            panic!("nothing went to {OTHER}")
        };
        assert!(other >= 50.0);
        assert_eq!(snapshot.warnings.len(), usize::from(round == 0)); // warned of once
    }
    assert!(recorder.bundles.len() < names);
}

#[test]
fn a_sample_falls_in_its_own_second_however_late_somebody_comes_for_it() {
    const SECOND: u64 = 1_000_000_000;
    let mut recorder = Recorder::new(&[]);
    let (metric, _) = recorder.metric("iterations").unwrap();
    let series = recorder.series(metric, &TagSet::default());
    let sum = |snapshot: &Snapshot| match snapshot.get("iterations", &TagSet::default()) {
        Some(Value::Counter(sum)) => *sum,
        _ => 0.0,
    };
    recorder.add(series, 100.0); // before the load: it belongs to the first second
    recorder.begin_seconds(7, 5 * SECOND);
    let add = |recorder: &mut Recorder, at_ns: u64, value: f64| {
        recorder.at(at_ns);
        recorder.add(series, value);
    };
    add(&mut recorder, 5 * SECOND - 1, 1.0);
    // Nobody came at the end of the first second, nor of the next two.
    add(&mut recorder, 5 * SECOND, 2.0);
    add(&mut recorder, 7 * SECOND + 1, 3.0);
    let taken: Vec<(u64, f64)> =
        (0..3).map(|_| recorder.take_second()).map(|second| (second.tick, sum(&second))).collect();
    assert_eq!(taken, [(7, 101.0), (8, 2.0), (9, 0.0)]);
    // On time: the second under way is handed over, and the next begins.
    add(&mut recorder, 8 * SECOND - 1, 4.0);
    let second = recorder.take_second();
    assert_eq!((second.tick, sum(&second)), (10, 7.0));
    // The rest is all that is left, seconds that nobody came for among it; from then on no second ends.
    add(&mut recorder, 8 * SECOND, 5.0);
    add(&mut recorder, 10 * SECOND, 6.0);
    let rest = recorder.take(13);
    assert_eq!((rest.tick, sum(&rest)), (13, 11.0));
    add(&mut recorder, 99 * SECOND, 8.0);
    assert!((sum(&recorder.take(20)) - 8.0).abs() < 0.5);
}
