//! Whole results as they are printed, and the arithmetic of the histogram.

use std::time::Duration;

use super::*;
use crate::engine::{Books, Outcome, ScenarioOutcome};
use crate::metrics::{Phases, Recorder, RequestKey, RequestSample};
use crate::plan::{Flow, Options, Plan, Request, Scenario, Value as OptionValue};
use crate::results::Interrupted;

const PLAIN: Style = Style { colour: false, width: 100 };

/// A run in the making.
struct Run {
    executor: &'static str,
    recorder: Recorder,
    books: Books,
    elapsed: Duration,
}

impl Run {
    fn new(executor: &'static str) -> Run {
        Run {
            executor,
            recorder: Recorder::new(&[]),
            books: Books::default(),
            elapsed: Duration::from_secs(2),
        }
    }

    /// A request that took so long, and waited before it; status 0 is no answer.
    fn request(&mut self, status: u16, us: u64, late_us: u64) {
        let is_good = (200..400).contains(&status);
        let key = RequestKey {
            name: self.recorder.intern("/x"),
            status,
            error_code: if status == 0 { 1050 } else { 0 },
            expected: is_good,
            ..RequestKey::default()
        };
        let is_first = self.books.started == 0;
        let sample = RequestSample {
            phases: Phases {
                connecting_ns: if is_first { 90_000 } else { 0 },
                waiting_ns: us * 1_000,
                ..Phases::default()
            },
            response_time_ns: (us + late_us) * 1_000,
            responded: status > 0,
            failed: !is_good,
            bytes_sent: 50,
            bytes_received: if status > 0 { 120 } else { 0 },
            ..RequestSample::default()
        };
        self.recorder.request(&key, &sample);
        self.books.scheduled += 1;
        self.books.started += 1;
        if is_good { self.books.ok += 1 } else { self.books.failed += 1 }
    }

    fn summary(&mut self) -> Summary {
        let request =
            Request { method: "GET".into(), url: "/x".into(), headers: Vec::new(), body: [].into() };
        let int = |number| OptionValue::Int(number);
        let mut options = Options::from([
            ("executor".to_owned(), OptionValue::Text(self.executor.into())),
            ("flow".to_owned(), OptionValue::Flow(Flow::Request(request))),
        ]);
        let own = match self.executor {
            "shared-iterations" => vec![("iterations", int(200)), ("vus", int(50))],
            _ => vec![("rate", int(100)), ("duration", OptionValue::Text("2s".into()))],
        };
        options.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let scenario = Scenario::from_options("hit", &options, None).unwrap();
        let plan = Plan { scenarios: vec![scenario], ..Plan::default() };
        let outcome = Outcome {
            total: self.recorder.take(2),
            elapsed: self.elapsed,
            scenarios: vec![ScenarioOutcome { name: "hit".into(), books: self.books, threw: 0 }],
            ..Outcome::uneventful()
        };
        Summary::new("GET http://127.0.0.1:8080/x", &plan, &outcome)
    }

    fn text(&mut self) -> String {
        hit(&self.summary()).text(PLAIN)
    }
}

fn hit(summary: &Summary) -> Hit<'_> {
    let explain = |code| (code == 1050).then_some("no complete answer within the request's time-out");
    Hit { summary, load: "200 requests over 50 connections", explain }
}

fn good() -> Run {
    let mut run = Run::new("shared-iterations");
    for index in 0..1_200 {
        run.request(200, 180 + index, 0);
    }
    run
}

#[test]
fn a_good_result() {
    insta::assert_snapshot!(good().text());
}

#[test]
fn a_result_with_everything_that_can_be_wrong() {
    let mut run = Run::new("constant-arrival-rate");
    for index in 0..1_000_u64 {
        let status = match index % 10 {
            0 => 429,
            1 => 500,
            2 => 301,
            _ => 200,
        };
        run.request(status, 1_000 + 3 * index, 40 * (index % 50));
    }
    for _ in 0..60 {
        run.request(0, 30_000_000, 0);
    }
    insta::assert_snapshot!(run.text());
}

#[test]
fn nothing_but_failures_and_nothing_at_all() {
    let mut run = Run::new("shared-iterations");
    for _ in 0..3 {
        run.request(0, 5_000_000, 0);
    }
    insta::assert_snapshot!("hit_without_answers", run.text());
    let nothing = Run::new("shared-iterations").text();
    assert!(nothing.contains("Success rate:  –  0 of 0\n"), "{nothing}");
    assert!(nothing.contains("histogram:\n  no requests\n"), "{nothing}");
}

#[test]
fn the_json_has_integers_and_no_percentile_of_what_got_no_answer() {
    let mut run = Run::new("shared-iterations");
    for index in 0..9 {
        run.request(if index == 0 { 404 } else { 200 }, 100 + index, 0);
    }
    run.request(0, 5_000_000, 0);
    let summary = run.summary();
    let json = hit(&summary).json();
    assert_eq!((&json["requests"], &json["ok"], &json["failed"]), (&json!(10), &json!(8), &json!(2)));
    assert_eq!(json["statuses"], json!({ "200": 8, "404": 1 }));
    let about = "no complete answer within the request's time-out";
    assert_eq!(json["errors"], json!([{ "code": 1050, "about": about, "requests": 1 }]));
    assert_eq!(json["response_time"]["p50_us"], json!(104));
    assert_eq!(json["response_time"]["max_us"], json!(null));
    assert_eq!(json["service_time"]["max_us"], json!(108));
    assert_eq!(json["verdict"], json!("passed"));
    insta::assert_snapshot!("hit_json", serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn requests_that_a_stop_cut_are_told_with_their_age() {
    let mut summary = good().summary();
    let (oldest, sum) = (Duration::from_secs(4), Duration::from_secs(6));
    summary.interrupted = vec![Interrupted { scenario: "hit".into(), place: None, count: 3, oldest, sum }];
    let text = hit(&summary).text(PLAIN);
    assert!(
        text.contains("Interrupted:\n  3 × hit, the oldest after 4.00s, on average after 2.00s\n"),
        "{text}"
    );
    let told = json!([{
        "scenario": "hit", "place": null, "count": 3, "oldest_us": 4_000_000, "mean_us": 2_000_000,
    }]);
    assert_eq!(hit(&summary).json()["interrupted"], told);
}

#[test]
fn the_bars_hold_every_answer_once() {
    let samples: [&[u64]; 6] =
        [&[7], &[7, 7, 7], &[7, 8], &[0, 0, 5], &[1, 1_000_000], &[10, 20, 30, 40, 1_000]];
    for samples in samples {
        let mut trend = Trend::new();
        for us in samples {
            trend.record_us(*us);
        }
        trend.record_at_least_us(9);
        let bars = bars(&trend);
        let (most, sum) = (bars.len() as u64, bars.iter().map(|bar| bar.requests).sum::<u64>());
        assert_eq!(sum, samples.len() as u64, "{samples:?}");
        assert!((1..=BARS).contains(&most));
        assert_eq!(bars.last().unwrap().at_most_us, *samples.iter().max().unwrap());
    }
    let mut many = Trend::new();
    for index in 0..100_000_u64 {
        many.record_us(50 + index * index % 77_777);
    }
    let bars = bars(&many);
    assert_eq!(bars.iter().map(|bar| bar.requests).sum::<u64>(), 100_000);
    assert!(bars.windows(2).all(|pair| pair[0].at_most_us < pair[1].at_most_us));
}
