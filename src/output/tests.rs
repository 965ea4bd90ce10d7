//! What outputs write of one second of which everything is known, format by format.

use std::time::Duration;

use super::*;
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::{Books, FailureKind, ScriptFailure};
use crate::metrics::{
    Batch, Kind, Metric, Outlet, Outlets, Phases, Recorder, RequestKey, RequestSample, Sample, TagSet, Unit,
};
use crate::plan::{Plan, Target, TargetOptions};
use crate::results::{PlayedSecond, Summary};

#[derive(Debug, Default)]
struct Heard(std::sync::Mutex<Vec<Sample>>);

impl Outlet<Sample> for Heard {
    fn offer(&self, batch: &Batch<Sample>) {
        self.0.lock().unwrap().extend(batch.iter().cloned());
    }
}

const START_NS: u64 = 1_790_000_000_000_000_000;

fn run() -> Played {
    let metrics = vec![Metric { name: "basket".into(), kind: Kind::Trend, unit: Unit::None }];
    let options = TargetOptions::default();
    let target = Target::parse("http_req_duration", "p(95) < 200ms", &options, &metrics, None).unwrap();
    Played {
        id: Some("20260921T141320-abcd".to_owned()),
        script_name: "shop.rhai".to_owned(),
        start_unix_ms: START_NS / 1_000_000,
        plan: Plan { metrics, targets: vec![target], ..Plan::default() },
    }
}

fn recorded() -> (PlayedSecond, Vec<Sample>) {
    let heard = std::sync::Arc::new(Heard::default());
    let outlets: Outlets<Sample> =
        std::sync::Arc::from(vec![heard.clone() as std::sync::Arc<dyn Outlet<Sample>>]);
    let mut recorder = Recorder::new(&run().plan.metrics).telling(&outlets, START_NS);
    recorder.begin_seconds(1, 1_000_000_000);
    let mut request = |ms: u64, status: u16| {
        recorder.at(ms * 1_000_000);
        let key = RequestKey {
            name: recorder.intern("/pay, \"now\""),
            method: recorder.intern("GET"),
            scenario: recorder.intern("shop"),
            status,
            error_code: if status == 0 { 1_050 } else { 0 },
            expected: status == 200,
            ..RequestKey::default()
        };
        let sample = RequestSample {
            phases: Phases { sending_ns: 20_000, waiting_ns: ms * 1_000_000, ..Phases::default() },
            response_time_ns: ms * 1_000_000 + 345_000,
            responded: status != 0,
            failed: status != 200,
            bytes_sent: 80,
            bytes_received: 120,
            cache: None,
        };
        recorder.request(&key, &sample);
    };
    request(12, 200);
    request(30, 200);
    request(500, 0);
    let tags = TagSet::from_pairs([("scenario", "shop"), ("shelf", "a=b&c")]);
    let (basket, _) = recorder.metric("basket").unwrap();
    let basket = recorder.series(basket, &tags);
    recorder.trend(basket, 12.5);
    let (provider, _) = recorder.metric("provider_success").unwrap();
    let provider = recorder.series(provider, &tags);
    recorder.rate(provider, 3, 4);
    let mut delta = recorder.take(1);
    // As the control thread adds them.
    let mut users = Recorder::new(&[]);
    let (vus, _) = users.metric("vus").unwrap();
    let vus = users.series(vus, &TagSet::default());
    users.set(vus, 4.0);
    delta.join(users.take(1));
    let books = Books { scheduled: 4, started: 3, ok: 2, failed: 1, dropped: 1, ..Books::default() };
    let second = PlayedSecond {
        number: 1,
        end_unix_ms: START_NS / 1_000_000 + 1_000,
        elapsed: Duration::from_secs(1),
        is_warm_up: false,
        is_paused: false,
        vus: 4,
        vus_max: 5,
        books,
        delta,
    };
    let samples = heard.0.lock().unwrap().clone();
    (second, samples)
}

fn written(name: &str, suffix: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out").to_str().unwrap().to_owned();
    let output = find(name).unwrap();
    let mut sink = (output.open)(&Place::parse(output, &path).unwrap()).unwrap();
    let (second, samples) = recorded();
    sink.begin(&run()).unwrap();
    if sink.takes_samples() {
        sink.samples(&samples).unwrap();
    }
    sink.second(&second).unwrap();
    let failure = ScriptFailure {
        kind: FailureKind::Threw,
        scenario: "shop".to_owned(),
        diagnostic: Diagnostic::new(Code::Script, "no stock, \"none\""),
        count: 2,
    };
    let summary = Summary { failures: vec![failure], ..Summary::uneventful() };
    sink.end(&summary).unwrap();
    let text = std::fs::read_to_string(format!("{path}{suffix}")).unwrap();
    text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

#[test]
fn lines_of_json() {
    insta::assert_snapshot!(written("json", ""));
}

#[test]
fn rows_of_csv() {
    insta::assert_snapshot!(written("csv", ""));
}

#[test]
fn samples_in_k6s_json() {
    insta::assert_snapshot!(written("json-samples", ""));
}

#[test]
fn samples_in_k6s_csv() {
    insta::assert_snapshot!(written("csv-samples", ""));
}

#[test]
fn points_of_the_line_protocol() {
    insta::assert_snapshot!(written("influxdb", ""));
}

#[test]
fn the_four_files_of_locust() {
    let files = ["stats", "stats_history", "failures", "exceptions"];
    let texts = files.map(|file| format!("{file}\n{}", written("locust", &format!("_{file}.csv"))));
    insta::assert_snapshot!(texts.join("\n"));
}
