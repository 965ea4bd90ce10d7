//! Verdicts: what holds, what doesn't, what was never seen, and windows.

use proptest::prelude::*;

use super::*;
use crate::metrics::{Kind, Metric, Recorder, Unit};
use crate::plan::TargetOptions;

fn customs() -> Vec<Metric> {
    let metric = |name: &str, kind| Metric { name: name.into(), kind, unit: Unit::None };
    vec![metric("depth", Kind::Gauge), metric("score", Kind::Trend)]
}

fn target(key: &str, text: &str) -> Target {
    Target::parse(key, text, &TargetOptions::default(), &customs(), None).unwrap()
}

/// A recorder with some series by `name`.
struct Run {
    recorder: Recorder,
    tick: u64,
}

impl Run {
    fn new() -> Self {
        Self { recorder: Recorder::new(&customs()), tick: 0 }
    }

    fn series(&mut self, metric: &str, name: &str) -> metrics::SeriesId {
        let (id, _) = self.recorder.metric(metric).unwrap();
        self.recorder.series(id, &TagSet::from_pairs([("name", name)]))
    }

    fn times(mut self, name: &str, times_us: impl IntoIterator<Item = u64>) -> Self {
        let series = self.series("http_req_response_time", name);
        for us in times_us {
            self.recorder.trend_us(series, us);
        }
        self
    }

    fn at_least(mut self, name: &str, us: u64, count: usize) -> Self {
        let series = self.series("http_req_response_time", name);
        for _ in 0..count {
            self.recorder.trend_at_least_us(series, us);
        }
        self
    }

    fn rate(mut self, metric: &str, name: &str, hits: u64, total: u64) -> Self {
        let series = self.series(metric, name);
        self.recorder.rate(series, hits, total);
        self
    }

    fn counter(mut self, metric: &str, value: f64) -> Self {
        let series = self.series(metric, "");
        self.recorder.add(series, value);
        self
    }

    fn take(&mut self) -> Snapshot {
        self.tick += 1;
        self.recorder.take(self.tick)
    }

    fn judge(mut self, key: &str, text: &str) -> Judgement {
        judge(&target(key, text), &self.take(), Duration::from_secs(10), None)
    }
}

fn is(judgement: &Judgement, verdict: Verdict, text: &str) {
    assert_eq!((judgement.verdict, judgement.observed_text.as_str()), (verdict, text), "{judgement:?}");
}

use Verdict::{Failed, NoSamples, Passed, TooFew};

#[test]
fn each_kind_is_judged_by_its_aggregates() {
    let times = || Run::new().times("price", (2..=201).map(|n| n / 2 * 1_000));
    is(&times().judge("http_req_response_time", "p(95)<95.5ms"), Passed, "p(95)=95.0ms");
    is(&times().judge("http_req_response_time", "p(95)<90ms"), Failed, "p(95)=95.0ms");
    is(&times().judge("http_req_response_time", "avg<=50.5ms"), Passed, "avg=50.5ms");
    is(&times().judge("http_req_response_time", "max==100ms"), Passed, "max=100ms");
    is(&times().judge("http_req_response_time", "count>=100"), Passed, "count=200");
    let checks = || Run::new().rate("checks", "ok", 9_993, 10_000);
    is(&checks().judge("checks", "rate>=99.93%"), Passed, "rate=99.93%");
    is(&checks().judge("checks", "rate>99.93%"), Failed, "rate=99.93%");
    is(&checks().judge("checks", "fails<8"), Passed, "fails=7");
    let reqs = || Run::new().counter("http_reqs", 500.0);
    is(&reqs().judge("http_reqs", "rate>40/s"), Passed, "rate=50.0/s");
    is(&reqs().judge("http_reqs", "count!=500"), Failed, "count=500");
    is(&Run::new().counter("data_sent", 12.3e6).judge("data_sent", "count<10MB"), Failed, "count=12.3 MB");
}

#[test]
fn a_service_time_has_the_response_time_beside_it() {
    let run = || {
        let mut run = Run::new();
        for (metric, us) in [("http_req_duration", 2_000), ("http_req_response_time", 5_000)] {
            for name in ["price", "list"] {
                let series = run.series(metric, name);
                run.recorder.trend_us(series, if name == "list" { 10 * us } else { us });
            }
        }
        run
    };
    let beside = |key, text| run().judge(key, text).beside;
    assert_eq!(
        beside("http_req_duration{name:price}", "max < 1s").as_deref(),
        Some("response time 5.00ms"),
        "of the same series"
    );
    assert_eq!(beside("http_req_response_time", "max < 1s").as_deref(), Some("service time 20.0ms"));
    assert_eq!(beside("http_req_duration", "count > 1"), None, "a count is no time");
    assert_eq!(beside("iteration_duration", "max < 1s"), None, "no samples");
}

#[test]
fn a_gauge_is_judged_by_its_last_value_and_extremes() {
    let run = || {
        let mut run = Run::new();
        let depth = run.series("depth", "");
        for value in [3.0, 9.5, 4.0] {
            run.recorder.set(depth, value);
        }
        run
    };
    is(&run().judge("depth", "value==4"), Passed, "value=4");
    is(&run().judge("depth", "max<9"), Failed, "max=9.50");
    is(&run().judge("depth", "min>=3"), Passed, "min=3");
}

#[test]
fn no_samples_never_pass() {
    let judgement = Run::new().judge("http_req_response_time", "p(95)<1h");
    is(&judgement, NoSamples, "no samples: nothing was recorded for `http_req_response_time`");
    assert_eq!((judgement.samples, judgement.observed), (0, None));
    is(
        &Run::new().judge("http_req_failed", "rate<1%"),
        NoSamples,
        "no samples: nothing was recorded for `http_req_failed`",
    );
}

#[test]
fn a_counter_that_was_touched_with_nothing_is_judged() {
    is(
        &Run::new().counter("dropped_iterations", 0.0).judge("dropped_iterations", "count<1"),
        Passed,
        "count=0",
    );
}

#[test]
fn a_misspelt_tag_value_names_those_near_it() {
    let run = || Run::new().rate("checks", "price", 1, 1).rate("checks", "health", 1, 1);
    let judgement = run().judge("checks{name:prise}", "rate>0.9");
    is(&judgement, NoSamples, "no samples: no series of `checks` has name:prise");
    assert_eq!(judgement.near, ["checks{name:price}"]);
    let judgement = run().judge("checks{name:zzzzzzzz}", "rate>0.9");
    assert_eq!(judgement.near, ["checks{name:health}", "checks{name:price}"]);
    let judgement = run().judge("checks{nmae:price}", "rate>0.9");
    assert_eq!(judgement.near, [] as [&str; 0]);
    let judgement = run().judge("checks{name:price,name!:price}", "rate>0.9");
    is(&judgement, NoSamples, "no samples: no series of `checks` has all of these tags");
}

#[test]
fn a_trend_that_only_refused_values_has_no_samples() {
    let mut run = Run::new();
    let score = run.series("score", "");
    run.recorder.trend(score, f64::NAN);
    let judgement = run.judge("score", "max<1");
    assert_eq!((judgement.verdict, judgement.observed), (NoSamples, None));
}

#[test]
fn a_percentile_among_requests_without_answer_is_never_below() {
    let run = || Run::new().times("a", [5_000; 180]).at_least("a", 30_000_000, 20);
    is(&run().judge("http_req_response_time", "p(95)<1m"), Failed, "p(95)>30.0s");
    is(&run().judge("http_req_response_time", "p(95)<=1m"), Failed, "p(95)>30.0s");
    is(&run().judge("http_req_response_time", "p(95)>1s"), Passed, "p(95)>30.0s");
    is(&run().judge("http_req_response_time", "p(95)>1m"), Failed, "p(95)>30.0s");
    is(&run().judge("http_req_response_time", "p(90)<10ms"), Passed, "p(90)=5.00ms");
    is(&run().judge("http_req_response_time", "max<1h"), Failed, "max>30.0s");
    is(&run().judge("http_req_response_time", "avg<1h"), Failed, "avg>3.00s");
    is(&run().judge("http_req_response_time", "min<1s"), Passed, "min=5.00ms");
}

#[test]
fn a_percentile_of_too_few_samples_fails_whatever_it_is() {
    let few = || Run::new().times("a", [5_000; 199]);
    let judgement = few().judge("http_req_response_time", "p(95)<1h");
    is(&judgement, TooFew, "p(95)=5.00ms");
    assert_eq!((judgement.samples, judgement.needed, judgement.interval), (199, Some(200), None));
    is(&few().judge("http_req_response_time", "p(95)<1ms"), TooFew, "p(95)=5.00ms");
    is(&few().judge("http_req_response_time", "p(5)<1h"), TooFew, "p(5)=5.00ms");
    let enough = Run::new().times("a", [5_000; 200]).judge("http_req_response_time", "p(95)<1h");
    is(&enough, Passed, "p(95)=5.00ms");
    assert_eq!(enough.needed, None);
    is(&Run::new().times("a", [5; 19]).judge("http_req_response_time", "med<1h"), TooFew, "med=5.00µs");
    is(&Run::new().times("a", [5; 20]).judge("http_req_response_time", "med<1h"), Passed, "med=5.00µs");
    // What was seen claims nothing of what wasn't.
    for text in ["max<1h", "min<1h", "avg<1h", "p(100)<1h", "p(0)<1h", "count<200"] {
        assert_eq!(few().judge("http_req_response_time", text).verdict, Passed, "{text}");
    }
}

#[test]
fn few_samples_are_judged_where_the_target_allows_it() {
    let judge = |text: &str| {
        let options = TargetOptions { allow_few: true, ..TargetOptions::default() };
        let target = Target::parse("http_req_response_time", text, &options, &customs(), None).unwrap();
        judge(&target, &Run::new().times("a", [5_000; 3]).take(), Duration::from_secs(10), None)
    };
    let judgement = judge("p(95) < 10ms");
    is(&judgement, Passed, "p(95)=5.00ms");
    assert_eq!((judgement.needed, judgement.interval), (Some(200), None), "it still says so");
    is(&judge("p(95) < 1ms"), Failed, "p(95)=5.00ms");
}

#[test]
fn a_percentile_has_its_interval() {
    let run = || Run::new().times("a", (1..=950).map(|n| n * 20));
    let interval = |run: Run, text: &str| run.judge("http_req_response_time", text).interval;
    let bounds = interval(run(), "med < 1s").unwrap();
    assert!(bounds.low < 9.5 && bounds.high > 9.5 && !bounds.high_at_least, "{bounds:?}");
    assert_eq!(bounds.text, "8.90–10.1ms");
    assert_eq!(interval(run(), "p(99) < 1s"), None, "too few");
    assert_eq!((interval(run(), "avg < 1s"), interval(run(), "max < 1s")), (None, None));
    let bounds = interval(run().at_least("a", 30_000_000, 50), "p(95) < 1s").unwrap();
    assert_eq!((bounds.text.as_str(), bounds.high_at_least), ("18.7ms – > 30.0s, around the limit", true));
    let text = |text: &str| interval(run(), text).unwrap().text;
    assert_eq!(text("med < 10ms"), "8.90–10.1ms, around the limit");
    assert_eq!(text("med > 10ms"), "8.90–10.1ms, around the limit", "failed, but hardly");
    assert_eq!([text("med < 8ms"), text("med < 11ms")], ["8.90–10.1ms", "8.90–10.1ms"]);
    let json = serde_json::to_value(&bounds).unwrap();
    assert_eq!((&json["low"], &json["high"]), (&serde_json::json!(18.736), &serde_json::json!(30_000.0)));
}

#[test]
fn an_outage_of_refused_connections_is_not_fast() {
    let run = Run::new().times("a", [5_000; 180]).at_least("a", 300, 20); // refused within 0.3 ms
    is(&run.judge("http_req_response_time", "p(95)<200ms"), Failed, "p(95)>5.00ms");
}

#[test]
fn a_narrow_miss_shows_all_its_digits() {
    is(&Run::new().times("a", [200_400]).judge("http_req_response_time", "max<200ms"), Failed, "max=200.4ms");
    is(&Run::new().times("a", [200_000]).judge("http_req_response_time", "max<200ms"), Failed, "max=200ms");
    is(&Run::new().rate("checks", "", 999_999, 1_000_000).judge("checks", "rate==1"), Failed, "rate>99.99%");
}

#[test]
fn a_rate_without_time_has_no_samples() {
    let snapshot = Run::new().counter("http_reqs", 0.0).take();
    let judgement = judge(&target("http_reqs", "rate!=1"), &snapshot, Duration::ZERO, None);
    assert_eq!(judgement.verdict, NoSamples);
}

/// The checks of each second, as (hits, total); 0 of 0 is a silent second.
fn seconds(target: &Target, seconds: &[(u64, u64)]) -> (Window, Snapshot) {
    let (mut window, mut total) = (Window::new(target).unwrap(), Snapshot::new(0));
    let mut run = Run::new();
    for &(hits, all) in seconds {
        run = run.rate("checks", "ok", hits, all);
        let delta = run.take();
        window.push(&delta, On);
        total.append(&delta);
    }
    (window, total)
}

fn windowed(text: &str, deltas: &[(u64, u64)]) -> Judgement {
    let target = target("checks", text);
    let (window, total) = seconds(&target, deltas);
    judge(&target, &total, Duration::from_secs(deltas.len() as u64), window.worst())
}

#[test]
fn one_bad_window_fails_however_good_the_rest_is() {
    let mut deltas = vec![(100, 100); 60];
    deltas[30..33].fill((10, 100));
    let total = deltas.iter().fold(Run::new(), |run, &(hits, all)| run.rate("checks", "ok", hits, all));
    is(&total.judge("checks", "rate>90%"), Passed, "rate=95.50%");
    is(&windowed("rate>90% over 3s", &deltas), Failed, "rate=10.00% over 3s");
    is(&windowed("rate>90% over 30s", &deltas), Passed, "rate=91.00% over 30s");
}

#[test]
fn a_run_shorter_than_the_window_is_judged_as_a_whole() {
    is(
        &windowed("rate>90% over 30s", &[(100, 100); 10]),
        Passed,
        "rate=100.00% (whole run: no full window of 30s)",
    );
    is(
        &windowed("rate>90% over 30s", &[(0, 0); 40]),
        NoSamples,
        "no samples: nothing was recorded for `checks`",
    );
}

#[test]
fn the_time_before_and_after_is_not_held_against_it() {
    let mut deltas = vec![(0, 0); 10];
    deltas.extend([(9, 10); 6]);
    deltas.extend([(0, 0); 10]);
    let judgement = windowed("rate>80% over 3s", &deltas);
    is(&judgement, Passed, "rate=90.00% over 3s");
    assert_eq!(judgement.samples, 30);
}

#[test]
fn silence_within_a_window_counts_as_nothing() {
    let target = target("http_reqs", "rate>=50 over 4s");
    let (mut window, mut run) = (Window::new(&target).unwrap(), Run::new());
    for requests in [7, 100, 100, 100, 100, 0, 0, 0, 100] {
        if requests > 0 {
            run = run.counter("http_reqs", f64::from(requests));
        }
        window.push(&run.take(), On);
    }
    let judgement = judge(&target, &Snapshot::new(0), Duration::from_secs(9), window.worst());
    is(&judgement, Failed, "rate=25.0/s over 4s");
}

/// Times of each second, in milliseconds, and how many.
fn windowed_times(text: &str, seconds: &[(u64, usize)]) -> Judgement {
    let target = target("http_req_response_time", text);
    let (mut window, mut total, mut run) = (Window::new(&target).unwrap(), Snapshot::new(0), Run::new());
    for &(ms, count) in seconds {
        run = run.times("a", std::iter::repeat_n(ms * 1_000, count));
        let delta = run.take();
        window.push(&delta, On);
        total.append(&delta);
    }
    judge(&target, &total, Duration::from_secs(seconds.len() as u64), window.worst())
}

#[test]
fn a_windows_own_samples_decide_whether_they_are_enough() {
    let text = "p(95)<20ms over 2s";
    let few = windowed_times(text, &[(10, 90); 20]);
    is(&few, TooFew, "p(95)=10.0ms over 2s");
    assert_eq!((few.samples, few.needed), (180, Some(200)), "1,800 in the run, 180 in a window");
    is(&windowed_times(text, &[(10, 100); 20]), Passed, "p(95)=10.0ms over 2s");
    // A stall leaves few samples: the window counts, however fast those were.
    let mut stalled = vec![(10, 100); 20];
    stalled[10..12].fill((1, 3));
    let judgement = windowed_times(text, &stalled);
    is(&judgement, TooFew, "p(95)=10.0ms over 2s");
    assert!(judgement.samples < 200, "{judgement:?}");
    // One that certainly fails says more than one that can't be judged.
    stalled[15..17].fill((30, 100));
    is(&windowed_times(text, &stalled), Failed, "p(95)=30.0ms over 2s");
}

#[test]
fn a_window_is_current_once_it_is_full() {
    let target = target("checks", "rate>90% over 3s");
    assert_eq!(seconds(&target, &[(1, 1); 2]).0.current(), None);
    assert!(seconds(&target, &[(1, 1); 3]).0.current().is_some(), "a fraction's share is a share");
    let (window, _) = seconds(&target, &[(9, 9), (1, 1), (0, 1), (1, 1), (1, 1)]);
    assert_eq!(window.current(), Some(&Value::Rate { hits: 2, total: 3 }));
    let (window, _) = seconds(&target, &[(9, 9), (1, 1), (0, 1), (0, 0)]);
    assert_eq!(window.current(), None, "its newest second says nothing");
    assert!(Window::new(&self::target("checks", "rate>90%")).is_none());
}

/// Requests of each second, with how it stands to the load; 0 is silence.
fn requests(key: &str, text: &str, seconds: &[(u32, Standing)]) -> (Judgement, Window) {
    let target = target(key, text);
    let (mut window, mut run, mut total) = (Window::new(&target).unwrap(), Run::new(), Snapshot::new(0));
    for &(requests, standing) in seconds {
        if requests > 0 {
            run = run.counter("http_reqs", f64::from(requests));
        }
        let delta = run.take();
        window.push(&delta, standing);
        total.append(&delta);
    }
    (judge(&target, &total, Duration::from_secs(seconds.len() as u64), window.worst()), window)
}

use Standing::{Off, On, Paused};

#[test]
fn a_rate_is_asked_of_whole_seconds_of_the_load_alone() {
    let late: Vec<_> = [(0, Off), (0, Off), (40, Off), (100, On), (100, On), (100, On)].into();
    let fails = |seconds: &[(u32, Standing)]| {
        requests("http_reqs", "rate>=90/s over 2s", seconds).0.verdict == Failed
    };
    assert!(!fails(&late), "it began late, in the middle of a second");
    let ending = [&late[..], &[(30, Off), (5, Off), (1, Off)]].concat();
    assert!(!fails(&ending), "what ends within the graceful stop");
    let paused = [&late[..], &[(50, Paused), (0, Paused), (0, Paused), (60, Paused), (100, On)]].concat();
    assert!(!fails(&paused), "the run stood");
    assert!(fails(&[&late[..], &[(70, On)]].concat()));
}

#[test]
fn a_service_that_falls_silent_under_load_fails_a_rate_at_once() {
    let load = [(100, On), (100, On), (100, On), (0, On), (0, On)];
    let (judgement, window) = requests("http_reqs", "rate>=90/s over 2s", &load);
    is(&judgement, Failed, "rate=0/s over 2s");
    assert_eq!(window.current(), Some(&Value::Counter(0.0)));
    // Requests of one name may have had their time.
    let (judgement, window) = requests("http_reqs{name!:x}", "rate>=90/s over 2s", &load);
    is(&judgement, Passed, "rate=100/s over 2s");
    assert_eq!(window.current(), None);
}

#[test]
fn a_burst_in_the_first_second_that_has_any_is_not_overlooked() {
    let burst = [(0, On), (0, On), (0, On), (0, On), (500, On), (0, On)];
    for limit in ["count<100 over 3s", "count==0 over 3s", "rate<10/s over 5s"] {
        assert_eq!(requests("http_reqs", limit, &burst).0.verdict, Failed, "{limit}");
    }
    is(&requests("http_reqs", "count<501 over 3s", &burst).0, Passed, "count=500 over 3s");
}

#[test]
fn what_must_never_be_counts_in_a_fraction_of_a_second_too() {
    let at_the_end = [(0, On), (0, On), (7, Off)];
    is(&requests("http_reqs", "count==0 over 2s", &at_the_end).0, Failed, "count=7 over 2s");
    // An amount that must be met isn't asked of such a second.
    let met = [(1, On), (5, On), (0, On), (7, Off)];
    is(&requests("http_reqs", "count==5 over 2s", &met).0, Passed, "count=5 over 2s");
}

#[test]
fn a_load_that_the_warm_up_saw_begin_has_whole_seconds_from_the_start() {
    let target = target("http_reqs", "rate>=90/s over 2s");
    let mut window = Window::new(&target).unwrap();
    let second = |requests: f64| Run::new().counter("http_reqs", requests).take();
    window.warm_up(&second(1.0));
    window.push(&second(100.0), On);
    window.push(&second(50.0), On);
    assert!(window.worst().is_some(), "two whole seconds");
}

proptest! {
    #[test]
    fn the_worst_window_fails_exactly_when_one_fails(
        deltas in prop::collection::vec((0_u64..10, 10_u64..12), 5..40),
        length in 1_usize..5,
    ) {
        let judgement = windowed(&format!("rate>=60% over {length}s"), &deltas);
        let fails = |part: &[(u64, u64)]| {
            let (hits, all) = part.iter().fold((0, 0), |sum, second| (sum.0 + second.0, sum.1 + second.1));
            hits * 10 < all * 6
        };
        let failed = deltas.windows(length).any(fails);
        prop_assert_eq!(judgement.verdict, if failed { Failed } else { Passed });
    }

    #[test]
    fn opposite_operators_never_both_hold(value in 0_u64..100_000, limit in 0_u32..100) {
        let judge = |text: &str| Run::new().times("a", [value]).judge("http_req_response_time", text).verdict;
        for (one, other) in [("<", ">="), (">", "<="), ("==", "!=")] {
            let pair = (judge(&format!("max{one}{limit}")), judge(&format!("max{other}{limit}")));
            prop_assert!(matches!(pair, (Passed, Failed) | (Failed, Passed)), "{:?}", pair);
        }
    }
}
