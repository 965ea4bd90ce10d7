//! Prometheus as it comes with Debian scrapes a run, and is written to by one: what it answers is what was played. Remote
//! write 2.0, which that one doesn't speak, goes to a receiver made from the published schema.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::fixture::{Finished, closed_port, folder, runner, wait_until};
use crate::receiver::{self, Receiver};
use crate::server::{Reply, Server};

const SOON: Duration = Duration::from_secs(30);

/// 300 iterations of two users in two seconds and a half: each adds its own number to metrics whose every figure is
/// known by arithmetic.
const SCRIPT: &str = r#"
const WORK = trend("work", "time");
const SIZE = trend("basket_size");
const JOBS = counter("jobs");
const HELD = rate("held");
const DEPTH = gauge("depth");
options(#{ tags: #{ "le": "x", "odd.tag": "1" } });
scenario("one", #{ executor: "shared-iterations", vus: 2, iterations: 300, flow: "flow" });
fn flow() {
    let number = scenario::iteration() + 1;
    global::WORK.add(number);
    global::SIZE.add(number * 1000);
    global::JOBS.add(2, #{ shop: if number % 2 == 0 { "a" } else { "b" } });
    global::HELD.add(number % 4 == 0);
    global::DEPTH.set(7);
    check(http::get("/ok", #{ name: "ok" }).status == 200, "is ok");
    if number % 10 == 0 { http::get("/no", #{ name: "no" }); }
    sleep(0.015);
}
"#;

/// Prometheus on a port of its own, until dropped.
pub(crate) struct Prometheus {
    child: Child,
    _folder: TempDir,
    port: u16,
}

impl Prometheus {
    /// Scrapes that port each second.
    fn start(scraped: u16, features: &[&str]) -> Self {
        let folder = folder();
        let port = closed_port();
        let configuration = format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 900ms }}\nscrape_configs:\n- job_name: runner\n  \
             static_configs: [{{ targets: ['127.0.0.1:{scraped}'] }}]\n"
        );
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, configuration).expect("a writable folder");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(features)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus, which `make install-test-servers` installs");
        let prometheus = Self { child, _folder: folder, port };
        wait_until("prometheus", SOON, || get(port, "/-/ready").is_some_and(|text| text.contains(" 200 ")));
        prometheus
    }

    pub(crate) fn receiving() -> Self {
        Self::start(9, &["--web.enable-remote-write-receiver", "--enable-feature=native-histograms"])
    }

    pub(crate) fn write_url(&self) -> String {
        format!("http://127.0.0.1:{}/api/v1/write", self.port)
    }

    /// What a query finds: the series' labels, and what it has.
    fn query(&self, query: &str, at: Option<f64>) -> Vec<Json> {
        let encoded: String = query.bytes().fold(String::new(), |all, byte| all + &format!("%{byte:02X}"));
        let time = at.map_or_else(String::new, |at| format!("&time={at:.3}"));
        let answer = get(self.port, &format!("/api/v1/query?query={encoded}{time}")).expect("an answer");
        let body = answer.split_once("\r\n\r\n").expect("a head and a body").1;
        let json: Json = serde_json::from_str(body).expect("JSON");
        assert_eq!(json["status"], "success", "{query}: {body}");
        json["data"]["result"].as_array().expect("a list").clone()
    }

    /// The one number that a query finds.
    #[track_caller]
    pub(crate) fn number(&self, query: &str, at: Option<f64>) -> f64 {
        let found = self.query(query, at);
        assert_eq!(found.len(), 1, "{query}: {found:?}");
        number(&found[0]["value"][1])
    }

    /// When the series that a query finds was told last, and its first value.
    fn last_and_first(&self, query: &str) -> (f64, f64) {
        let found = self.query(&format!("{query}[10m]"), None);
        let values: Vec<&Json> =
            found.iter().filter_map(|series| series["values"].as_array()).flatten().collect();
        let last = values.iter().filter_map(|value| value[0].as_f64()).fold(0.0, f64::max);
        (last, number(&values.first().unwrap_or_else(|| panic!("{query}: {found:?}"))[1]))
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn number(text: &Json) -> f64 {
    text.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no number: {text}"))
}

/// An answer with its head.
pub(crate) fn get(port: u16, target: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {target} HTTP/1.0\r\nhost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

fn service() -> Server {
    Server::start(|request| Reply::new(if request.path() == "/no" { 503 } else { 200 }, "ok"))
}

fn script(service: &Server) -> String {
    format!("base_url(\"{}\");\n{SCRIPT}", service.url())
}

/// The load was played, also if the machine was too busy for it to say anything (111): the figures are what they are.
#[track_caller]
fn played(finished: Finished) -> Finished {
    if finished.code == Some(111) { finished } else { finished.expect_code(0) }
}

/// A time of a metric's line in the summary: `med 561µs`.
fn seconds(finished: &Finished, metric: &str, word: &str) -> f64 {
    let line = finished.stdout.lines().find(|line| line.trim_start().starts_with(&format!("{metric}.")));
    let mut words = line.unwrap_or_else(|| panic!("{}", finished.printed())).split_whitespace();
    let value = words.by_ref().skip_while(|known| *known != word).nth(1).expect("a value");
    let digits = value.trim_end_matches(|c: char| c.is_alphabetic());
    let unit = match &value[digits.len()..] {
        "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        other => panic!("{other} of {value}"),
    };
    digits.parse::<f64>().expect("digits") * unit
}

/// Nearest rank of the numbers from 1 to 300.
fn rank(q: f64) -> f64 {
    (q * 300.0).ceil()
}

#[test]
fn full_needs_prometheus_it_scrapes_what_was_played() {
    let (service, port) = (service(), closed_port());
    let prometheus = Prometheus::start(port, &[]);
    let out = format!("prometheus={port}#linger=20s,bounds=0.05;0.1;0.2;0.3;1");
    let finished = runner(["run", "-q", "-o", &out, "shop.rhai"]).file("shop.rhai", &script(&service)).run();
    let finished = played(finished).expect_counted(service.count());
    // It scraped once more after the end, and stores what it scraped within a moment.
    let last = |what: &str| format!("sum(last_over_time({what}[10m]))");
    wait_until("the last scrape", SOON, || {
        prometheus
            .query(&last("runner_work_seconds_count"), None)
            .first()
            .is_some_and(|sum| sum["value"][1] == "300")
    });
    let is = |query: &str, expected: f64| {
        let found = prometheus.number(&last(query), None);
        assert!((found - expected).abs() < 1e-9, "{query}: {found}, not {expected}\n{}", finished.printed());
    };
    is("runner_http_reqs_total", finished.figure("http_reqs"));
    is("runner_http_reqs_total{name=\"no\",status=\"503\"}", 30.0);
    is("runner_iterations_total", 300.0);
    is("runner_jobs_total", 600.0);
    is("runner_jobs_total{shop=\"a\",odd_tag=\"1\",tag_le=\"x\",script=\"shop.rhai\"}", 300.0);
    is("runner_held_hits_total", 75.0);
    is("runner_held_samples_total", 300.0);
    is("runner_http_req_failed_hits_total", 30.0);
    is("runner_http_req_failed_samples_total", 330.0);
    is("runner_checks_hits_total", 300.0);
    is("runner_depth", 7.0);
    is("runner_work_seconds_sum", 45.15); // (1 + … + 300) ms
    is("runner_basket_size_sum", 45_150_000.0);
    for (le, count) in [("0.05", 50.0), ("0.1", 100.0), ("0.2", 200.0), ("0.3", 300.0), ("+Inf", 300.0)] {
        is(&format!("runner_work_seconds_bucket{{le=\"{le}\"}}"), count);
    }
    is("runner_http_req_duration_seconds_count", 330.0);
    let run_ids = prometheus.query("count by (run_id) (last_over_time(runner_iterations_total[10m]))", None);
    assert!(run_ids[0]["metric"]["run_id"].as_str().is_some_and(|id| id.len() > 10), "{run_ids:?}");
}

#[test]
fn full_needs_prometheus_it_scrapes_native_histograms_where_it_wants_them() {
    let (service, port) = (service(), closed_port());
    let prometheus = Prometheus::start(port, &["--enable-feature=native-histograms"]);
    let out = format!("prometheus=127.0.0.1:{port}#linger=20s,buckets=400");
    let finished = runner(["run", "-q", "-o", &out, "shop.rhai"]).file("shop.rhai", &script(&service)).run();
    let finished = played(finished).expect_counted(service.count());
    // Of a target that is gone a query sees nothing: so it asks for when it was there.
    let end = || prometheus.last_and_first("runner_depth").0;
    wait_until("the last scrape", SOON, || {
        let count = prometheus.query("histogram_count(runner_work_seconds)", Some(end()));
        count.first().is_some_and(|count| count["value"][1] == "300")
    });
    let is = |query: &str, expected: f64| {
        let found = prometheus.number(query, Some(end()));
        assert!((found - expected).abs() < 1e-9, "{query}: {found}, not {expected}\n{}", finished.printed());
    };
    is("sum(runner_http_reqs_total)", finished.figure("http_reqs"));
    is("histogram_sum(runner_work_seconds)", 45.15);
    is("histogram_count(sum(runner_http_req_duration_seconds))", 330.0);
    let median = prometheus.number("histogram_quantile(0.5, runner_work_seconds)", Some(end()));
    assert!((median / 0.15 - 1.0).abs() < 0.003, "{median}");
}

#[test]
fn full_needs_prometheus_it_receives_native_histograms_equal_to_the_summary() {
    let (service, prometheus) = (service(), Prometheus::receiving());
    let out = format!("experimental-prometheus-rw={}#labels=env:ci,buckets=400", prometheus.write_url());
    let finished = runner(["run", "-q", "-o", &out, "shop.rhai"]).file("shop.rhai", &script(&service)).run();
    let finished = played(finished).expect_counted(service.count());
    let (end, first) = prometheus.last_and_first("runner_jobs_total{shop=\"a\"}");
    assert!(first.abs() < 1e-9, "a counter begins at zero: {first}");
    let is = |query: &str, expected: f64| {
        let found = prometheus.number(query, Some(end));
        assert!((found - expected).abs() < 1e-9, "{query}: {found}, not {expected}\n{}", finished.printed());
    };
    is("sum(runner_http_reqs_total)", finished.figure("http_reqs"));
    is("sum(runner_http_reqs_total{name=\"no\"})", 30.0);
    is("sum(runner_jobs_total{env=\"ci\"})", 600.0);
    is("runner_held_hits_total", 75.0);
    is("runner_depth", 7.0);
    is("histogram_count(runner_work_seconds)", 300.0);
    is("histogram_sum(runner_work_seconds)", 45.15);
    is("histogram_sum(runner_basket_size)", 45_150_000.0);
    is("histogram_count(sum(runner_http_req_duration_seconds))", 330.0);
    for q in [0.1, 0.5, 0.9, 0.95, 0.99] {
        // At 400 buckets the schema is the finest: 0.27 % wide.
        let found = prometheus.number(&format!("histogram_quantile({q}, runner_work_seconds)"), Some(end));
        let expected = rank(q) / 1e3;
        assert!((found / expected - 1.0).abs() < 0.003, "p({q}): {found}, not {expected}");
    }
    for (word, q) in [("med", 0.5), ("p(90)", 0.9)] {
        let query = format!("histogram_quantile({q}, sum(runner_http_req_duration_seconds))");
        let found = prometheus.number(&query, Some(end));
        let summary = seconds(&finished, "http_req_duration", word);
        // A bucket of 0.27 %, and what three digits leave out.
        assert!((found / summary - 1.0).abs() < 0.003 + 0.006, "{word}: {found}, not {summary}");
    }
    let before = prometheus.number("count({script=\"shop.rhai\"})", Some(end));
    assert!(before > 20.0, "{before}");
    let behind = prometheus.query("{script=\"shop.rhai\"}", Some(end + 2.0));
    assert!(behind.is_empty(), "all series have ended: {behind:?}");
}

#[test]
fn full_needs_prometheus_it_receives_classic_histograms_where_native_ones_are_off() {
    let service = service();
    let prometheus = Prometheus::start(9, &["--web.enable-remote-write-receiver"]);
    let out = |options: &str| format!("prometheus-rw={}#{options}", prometheus.write_url());
    let classic = out("histograms=classic,bounds=0.1;0.2;0.3,prefix=k6,run_id=false,stale=false");
    played(runner(["run", "-q", "-o", &classic, "shop.rhai"]).file("shop.rhai", &script(&service)).run());
    let last = |what: &str| prometheus.number(&format!("sum(last_over_time({what}[10m]))"), None);
    assert!((last("k6_work_seconds_sum") - 45.15).abs() < 1e-9);
    assert!((last("k6_work_seconds_bucket{le=\"0.2\",run_id=\"\"}") - 200.0).abs() < 1e-9);
    assert!((last("k6_work_seconds_bucket{le=\"+Inf\"}") - 300.0).abs() < 1e-9);
}

#[test]
fn remote_write_two_is_understood_by_a_receiver_of_its_published_schema() {
    let service = service();
    let receiver = Arc::new(Mutex::new(Receiver::default()));
    let receiving = Arc::clone(&receiver);
    let sink = Server::start(move |request| {
        assert_eq!(
            request.headers["content-type"],
            "application/x-protobuf;proto=io.prometheus.write.v2.Request"
        );
        assert_eq!(request.headers["content-encoding"], "snappy");
        assert_eq!(request.headers["x-prometheus-remote-write-version"], "2.0.0");
        assert!(request.headers["user-agent"].starts_with("runner/"));
        let (samples, histograms) = receiving.lock().expect("no test panicked").write(&request.body);
        Reply::new(204, "")
            .header("x-prometheus-remote-write-samples-written", &samples.to_string())
            .header("x-prometheus-remote-write-histograms-written", &histograms.to_string())
            .header("x-prometheus-remote-write-exemplars-written", "0")
    });
    let out = format!("remote-write={}/write#version=2,buckets=400", sink.url());
    let finished = runner(["run", "-q", "-o", &out, "shop.rhai"]).file("shop.rhai", &script(&service)).run();
    let finished = played(finished).expect_counted(service.count());
    let receiver = receiver.lock().expect("no test panicked");
    assert!(receiver.problems.is_empty(), "{:#?}", receiver.problems);
    let sum = |name: &str| receiver.sum(name);
    assert!((sum("runner_http_reqs_total") - finished.figure("http_reqs")).abs() < 1e-9);
    assert!((sum("runner_jobs_total") - 600.0).abs() < 1e-9);
    assert!((sum("runner_held_hits_total") - 75.0).abs() < 1e-9);
    let work = receiver.histogram("runner_work_seconds");
    assert_eq!((work.count, work.zeros), (300, 0));
    assert!((work.sum - 45.15).abs() < 1e-9);
    for (bound, expected) in [(0.05, 50), (0.15, 150), (0.3, 300)] {
        // Up to the edge above: half a bucket of 0.27 % is less than a millisecond of 300.
        let below = work.at_most(bound * 1.0015);
        assert!(below.abs_diff(expected) <= 1, "{below} of {expected} up to {bound}");
    }
    let kinds: BTreeMap<&str, i32> =
        receiver.series.values().map(|series| (series.name.as_str(), series.metadata.0)).collect();
    assert_eq!(kinds["runner_jobs_total"], receiver::COUNTER);
    assert_eq!(kinds["runner_depth"], receiver::GAUGE);
    assert_eq!(kinds["runner_work_seconds"], receiver::HISTOGRAM);
    assert!(receiver.series.values().all(|series| series.is_stale), "all have ended");
}

#[test]
fn a_receiver_that_is_down_takes_no_request_from_the_load_and_delays_the_exit_little() {
    let (service, down) = (service(), Server::start(|_| Reply::new(503, "over capacity")));
    let out = format!("remote-write={}/write", down.url());
    let finished = runner(["run", "-q", "-o", &out, "shop.rhai"]).file("shop.rhai", &script(&service)).run();
    let finished = played(finished).expect_counted(service.count());
    assert_eq!(service.count(), 330);
    assert!(down.count() > 1, "it was asked again");
    // What is told is told of the load too: the service's own failures have no such text.
    let finished = finished.expect_said("over capacity");
    assert!(finished.stdout.contains("0 of "), "seconds that were lost are counted: {}", finished.stdout);
    // Some three seconds of load, what the start takes on a busy machine, and the five of the exit.
    assert!(finished.duration < Duration::from_secs(3 + 5 + 4), "{:?}", finished.duration);
}

#[test]
fn scripts_at_the_same_time_write_to_one_receiver_apart_and_cant_share_an_endpoint() {
    let service = service();
    let receiver = Arc::new(Mutex::new(Receiver::default()));
    let receiving = Arc::clone(&receiver);
    let sink = Server::start(move |request| {
        let (samples, histograms) = receiving.lock().expect("no test panicked").write(&request.body);
        Reply::new(204, "")
            .header("x-prometheus-remote-write-samples-written", &samples.to_string())
            .header("x-prometheus-remote-write-histograms-written", &histograms.to_string())
    });
    let play = |out: &str| {
        let run = runner(["run", "-q", "-o", out, "one.rhai", "two.rhai", "--workers", "1"]);
        run.file("one.rhai", &script(&service)).file("two.rhai", &script(&service)).run()
    };
    played(play(&format!("remote-write={}#version=2", sink.url())));
    let receiver = receiver.lock().expect("no test panicked");
    assert!(receiver.problems.is_empty(), "{:#?}", receiver.problems);
    assert!((receiver.sum("runner_jobs_total") - 1_200.0).abs() < 1e-9);
    let scripts: BTreeSet<&str> = receiver
        .series
        .keys()
        .flat_map(|labels| labels.iter().filter(|(name, _)| name == "script"))
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(scripts.into_iter().collect::<Vec<_>>(), ["one.rhai", "two.rhai"]);
    let before = service.count();
    play(&format!("prometheus={}", closed_port()))
        .expect_code(112)
        .expect_said("the output `prometheus` can't use");
    assert_eq!(service.count(), before, "told before any load");
}

#[test]
fn wrong_places_are_told_before_the_load_and_without_passwords() {
    let service = Server::plain();
    for (out, code, said) in [
        ("remote-write=nowhere", 104, "write a URL"),
        ("remote-write=http://u:hunter2@h/#version=9", 104, "neither `1` nor `2`"),
        ("prometheus=0", 104, "nobody would know"),
        ("prometheus=127.0.0.1:9464#bucket=1", 104, "has no option `bucket`"),
    ] {
        let run = runner(["run", "-o", out, "shop.rhai"]).file("shop.rhai", &script(&service)).run();
        let run = run.expect_code(code).expect_said(said);
        assert!(!run.printed().contains("hunter2"), "{}", run.printed());
    }
    assert_eq!(service.count(), 0);
}
