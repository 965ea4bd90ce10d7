//! One run, sent to every output that is registered and laid out in every report: all say what the service itself counted.
//!
//! What is registered is read off the command's own help, so that an output or a report that is added without its part here
//! fails. Requests, those that failed, checks and iterations are held against the service's count, in `summary.json`, in what
//! is replayed of the journal alone, in k6's export, in each output at its receiver, and in each report.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value as Json;

use crate::fixture::{Finished, closed_port, folder, pause, runner, wait_until};
use crate::otlp;
use crate::outputs::{Datagrams, text, totals};
use crate::prometheus::{self, Prometheus};
use crate::receiver::Receiver;
use crate::server::{Reply, Server};

/// Two users for some three seconds. Every fifth answer of `/a` is 503, and `/slow` is given up. Each target is out of
/// reach, so that every report says what was observed.
const SCRIPT: &str = r#"
base_url(env("TARGET"));
scenario("shop", #{ executor: "shared-iterations", vus: 2, iterations: 200, flow: "flow" });
target("http_reqs", "count < 1");
target("http_req_failed", "rate < 0.01%");
target("checks", "rate > 99.99%");
target("iterations", "count < 1");
fn flow() {
    let r = http::get("/a");
    check(r.status == 200, "is 200");
    check(r.status > 0, "is there");
    if scenario::iteration() % 70 == 30 { http::get("/slow", #{ timeout: "100ms" }); }
    sleep("20ms");
}
"#;

/// What is told of a run, or was counted of it; what a format has no place for is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    requests: Option<u64>,
    failed: Option<u64>,
    checks: Option<u64>,
    held: Option<u64>,
    iterations: Option<u64>,
}

impl Told {
    fn all(requests: u64, failed: u64, [checks, held]: [u64; 2], iterations: u64) -> Self {
        Self {
            requests: Some(requests),
            failed: Some(failed),
            checks: Some(checks),
            held: Some(held),
            iterations: Some(iterations),
        }
    }

    /// Of an output that adds up to metrics by their names.
    fn of_totals(totals: &totals::Totals) -> Self {
        let (of, checks) = (|name: &str| totals[name], totals["checks"]);
        assert_eq!(of("http_req_failed").0, of("http_reqs").1, "{totals:?}");
        Self::all(of("http_reqs").1, of("http_req_failed").1, [checks.0, checks.1], of("iterations").1)
    }

    /// Of metrics by name.
    fn of_numbers(number: impl Fn(&str) -> f64, [failed, checks, held]: [&str; 3]) -> Self {
        let [requests, iterations] = ["http_reqs", "iterations"].map(|name| whole(number(name)));
        let [failed, checks, held] = [failed, checks, held].map(|name| whole(number(name)));
        Self::all(requests, failed, [checks, held], iterations)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn whole(number: f64) -> u64 {
    assert!((number - number.round()).abs() < 1e-6 && number >= 0.0, "{number} is no count");
    number.round() as u64
}

/// The service, and how many of its requests it failed or left without an answer in time.
fn service() -> (Server, Arc<AtomicUsize>) {
    let failed = Arc::new(AtomicUsize::new(0));
    let (failing, count) = (Arc::clone(&failed), AtomicUsize::new(0));
    let server = Server::start(move |request| {
        let is_slow = request.path() == "/slow";
        let is_fifth = !is_slow && count.fetch_add(1, Ordering::SeqCst) % 5 == 4;
        if is_slow || is_fifth {
            failing.fetch_add(1, Ordering::SeqCst);
        }
        pause(Duration::from_millis(if is_slow { 400 } else { 4 }));
        Reply::new(if is_fifth { 503 } else { 200 }, "ok")
    });
    (server, failed)
}

/// Scrapes an endpoint as long as it is there, and keeps what it had last.
struct Scraper {
    last: Arc<Mutex<String>>,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Scraper {
    fn start(port: u16) -> Self {
        let (last, is_over): (Arc<Mutex<String>>, Arc<AtomicBool>) = Default::default();
        let (keeping, over) = (Arc::clone(&last), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                if let Some(answer) = prometheus::get(port, "/metrics").filter(|text| text.contains(" 200 "))
                {
                    *keeping.lock().expect("a sound lock") = answer;
                }
                pause(Duration::from_millis(100));
            }
        });
        Self { last, is_over, thread }
    }

    fn end(self) -> String {
        self.is_over.store(true, Ordering::SeqCst);
        self.thread.join().expect("no panic");
        self.last.lock().expect("a sound lock").clone()
    }
}

/// The sum of a name's series in Prometheus's text format.
fn scraped(text: &str, name: &str) -> f64 {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let rest = if rest.starts_with('{') { rest.split_once("} ")?.1 } else { rest.strip_prefix(' ')? };
        rest.split_whitespace().next()?.parse::<f64>().ok()
    });
    values.sum()
}

/// The words behind `NAME=`, or behind `- NAME:`, in a list of the command's help.
fn registered(help: &str, from: &str, name_of: fn(&str) -> Option<&str>) -> Vec<String> {
    let list = help.split_once(from).unwrap_or_else(|| panic!("no {from} in\n{help}")).1;
    let list = list.split("\n      -").next().expect("a first part");
    list.lines().filter_map(|line| name_of(line.trim())).map(str::to_owned).collect()
}

fn outputs_registered() -> Vec<String> {
    let help = runner(["run", "--help"]).env("COLUMNS", "400").run().expect_code(0);
    let names = registered(&help.stdout, "Outputs:\n", |line| {
        let (name, rest) = line.split_once('=')?;
        let is_name = name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        (is_name && !name.is_empty() && rest.contains(": ")).then_some(name)
    });
    assert!(names.len() >= 10, "{names:?}");
    names
}

fn reports_registered() -> Vec<String> {
    let help = runner(["run", "--help"]).env("COLUMNS", "400").run().expect_code(0);
    let names = registered(&help.stdout, "is the script's name:\n", |line| {
        Some(line.strip_prefix("- ")?.split_once(':')?.0)
    });
    assert!(names.len() >= 5, "{names:?}");
    names
}

/// What stands of the four targets in a text: `http_reqs count < 1 … count=223`, `checks rate > 99.99% … rate=80.5% … 400
/// samples`. All that is no word is a blank to it, whatever a format escapes and however it lays out.
fn of_targets(text: &str) -> Told {
    let plain = text.replace("\\_", "_").replace("&lt;", "<").replace("&gt;", ">").replace("%25", "%");
    let plain = plain.replace(['|', '"', '(', ')', '\\'], " ");
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let behind = |what: &str| {
        let found = plain.split_once(what).unwrap_or_else(|| panic!("no {what} in\n{text}"));
        found.1.to_owned()
    };
    let number = |text: &str, before: &str| -> f64 {
        let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in\n{text}")).1;
        let digits: String =
            rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.' || *c == ',').collect();
        digits.trim_end_matches(['.', ',']).replace(',', "").parse().expect("a number")
    };
    let samples = |text: &str| -> f64 {
        let before = text.split_once(" samples").expect("samples").0;
        before.rsplit(' ').next().expect("a word").replace(',', "").parse().expect("a count")
    };
    let hits_of = |metric: &str| {
        let text = behind(metric);
        let (percent, samples) = (number(&text, "rate="), samples(&text));
        // Of so few a hundredth of a percent is less than one.
        assert!(samples < 2_000.0, "{samples}");
        ((percent / 100.0 * samples).round(), samples)
    };
    let (failed, requests) = hits_of("http_req_failed rate < 0.01%");
    let (held, checks) = hits_of("checks rate > 99.99%");
    let counted = whole(number(&behind("http_reqs count < 1"), "count="));
    assert_eq!(whole(requests), counted, "{text}");
    let iterations = whole(number(&behind("iterations count < 1"), "count="));
    Told::all(counted, whole(failed), [whole(checks), whole(held)], iterations)
}

/// Of the summary's lines: `http_req_failed....: 20.97%  43 of 203`.
fn of_summary(text: &str) -> Told {
    let line = |metric: &str| {
        let found = text.lines().find_map(|line| {
            let rest = line.trim_start().strip_prefix(metric)?;
            rest.trim_start_matches('.').strip_prefix(": ")
        });
        found.unwrap_or_else(|| panic!("no {metric} in\n{text}")).replace(',', "")
    };
    let count = |text: &str| text.split_whitespace().next().expect("a word").parse::<u64>().expect("a count");
    let parts = |metric: &str| {
        let line = line(metric);
        let (before, behind) = line.split_once(" of ").expect("a share");
        (count(before.rsplit(' ').next().expect("a word")), count(behind))
    };
    let ((failed, requests), (held, checks)) = (parts("http_req_failed"), parts("checks"));
    assert_eq!(requests, count(&line("http_reqs")));
    Told::all(requests, failed, [checks, held], count(&line("iterations")))
}

/// Of a document by the published schema.
fn of_document(document: &Json) -> Told {
    let metric = |name: &str| {
        let metrics = document["metrics"].as_array().expect("a list");
        let found = metrics.iter().find(|metric| metric["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {document}"))["value"].clone()
    };
    let number = |value: &Json| whole(value.as_f64().unwrap_or_else(|| panic!("{value} in {document}")));
    let rate = |name: &str| {
        let rate = &metric(name)["rate"];
        (number(&rate["hits"]), number(&rate["total"]))
    };
    let ((failed, requests), (held, checks)) = (rate("http_req_failed"), rate("checks"));
    let each = |of: &str, key: &str| -> u64 {
        document[of].as_array().expect("a list").iter().map(|one| number(&one[key])).sum()
    };
    assert_eq!(number(&document["requests"]), requests);
    assert_eq!((each("endpoints", "requests"), each("endpoints", "failed")), (requests, failed));
    assert_eq!((each("checks", "passes"), each("checks", "fails")), (held, checks - held));
    let sum = |name: &str| number(&metric(name)["counter"]["sum"]);
    assert_eq!(sum("http_reqs"), requests);
    let times = &metric("http_req_response_time")["times"];
    assert_eq!(number(&times["count"]), requests);
    let iterations = &document["scenarios"][0]["iterations"];
    assert_eq!(
        (number(&iterations["started"]), number(&iterations["ok"])),
        (sum("iterations"), sum("iterations"))
    );
    Told::all(requests, failed, [checks, held], sum("iterations"))
}

/// Of k6's file, in which a share's hits are its passes, also where they are failures.
fn of_k6(document: &Json) -> Told {
    let metrics = &document["metrics"];
    let number = |value: &Json| whole(value.as_f64().unwrap_or_else(|| panic!("{value} in {document}")));
    let rate = |name: &str| (number(&metrics[name]["passes"]), number(&metrics[name]["fails"]));
    let ((failed, good), (held, others)) = (rate("http_req_failed"), rate("checks"));
    let requests = number(&metrics["http_reqs"]["count"]);
    assert_eq!(failed + good, requests);
    let checks = document["root_group"]["checks"].as_object().expect("checks");
    let each = |key: &str| checks.values().map(|check| number(&check[key])).sum::<u64>();
    assert_eq!((each("passes"), each("fails")), (held, others));
    Told::all(requests, failed, [held + others, held], number(&metrics["iterations"]["count"]))
}

/// Of a report by its name; a report that isn't known here fails.
fn of_report(name: &str, text: &str) -> Vec<Told> {
    match name {
        "text" => vec![of_summary(text), of_targets(text)],
        "targets" | "github" | "junit" => vec![of_targets(text)],
        "json" => vec![of_document(&serde_json::from_str(text).expect("JSON"))],
        other => panic!("the report `{other}` is registered, and this test doesn't read it"),
    }
}

/// A copy of a run's folder without these files.
fn copy_without(run: &Path, to: PathBuf, left_out: &[&str]) -> PathBuf {
    std::fs::create_dir(&to).expect("a writable folder");
    for entry in std::fs::read_dir(run).expect("a folder").map(|entry| entry.expect("an entry")) {
        let name = entry.file_name();
        if entry.file_type().expect("a type").is_file() && !left_out.iter().any(|known| name == **known) {
            std::fs::copy(entry.path(), to.join(name)).expect("a copy");
        }
    }
    to
}

/// A run with its receivers, and what each of them was told.
struct Played {
    finished: Finished,
    expected: Told,
    told: BTreeMap<String, Vec<Told>>,
}

/// Plays the script with all outputs, and these more.
fn play(more: &[String], path: &Path) -> Played {
    let (service, failed) = service();
    let influx = Server::start(|_| Reply::new(204, ""));
    let datagrams = Datagrams::listen();
    let otlp = otlp::receiver();
    let (stored, scraped_port) = (Arc::new(Mutex::new(Receiver::default())), closed_port());
    let storing = Arc::clone(&stored);
    let written = Server::start(move |request| {
        let (samples, histograms) = storing.lock().expect("a sound lock").write(&request.body);
        Reply::new(204, "")
            .header("x-prometheus-remote-write-samples-written", &samples.to_string())
            .header("x-prometheus-remote-write-histograms-written", &histograms.to_string())
    });
    let scraper = Scraper::start(scraped_port);
    let outputs = [
        "json=all.jsonl".to_owned(),
        "csv=all.csv".to_owned(),
        "json-samples=samples.json".to_owned(),
        "csv-samples=samples.csv".to_owned(),
        "locust=run".to_owned(),
        format!("influxdb={}/k6", influx.url()),
        format!("statsd=127.0.0.1:{}", datagrams.0),
        format!("prometheus={scraped_port}#linger=20s"),
        format!("remote-write={}/write#version=2", written.url()),
        format!("otlp={}#traces", otlp.url()),
    ];
    let names: Vec<&str> = outputs.iter().map(|out| out.split_once('=').expect("a place").0).collect();
    for name in outputs_registered() {
        assert!(names.contains(&&*name), "the output `{name}` is registered, and this test doesn't hold it");
    }
    let mut args = vec!["run", "flow.rhai", "-q", "--no-preflight", "--summary-export", "k6.json"];
    args.extend(outputs.iter().chain(more).flat_map(|output| ["-o", output]));
    let reports = reports_registered();
    let filed: Vec<String> = reports.iter().map(|name| format!("{name}=report.{name}")).collect();
    args.extend(filed.iter().flat_map(|report| ["--report", report]));
    std::fs::write(path.join("flow.rhai"), SCRIPT).expect("a writable folder");
    let finished = runner(args).env("TARGET", service.url()).current_dir(path).run();
    // Whatever a busy machine makes of the figures: they are of all that was played.
    assert!(matches!(finished.code, Some(99 | 111)), "{}", finished.printed());

    let of = |counter: usize| counter as u64;
    let (asked, refused) = (of(service.count_of("/a")), of(failed.load(Ordering::SeqCst)));
    let held = 2 * asked - (refused - of(service.count_of("/slow")));
    let expected = Told::all(of(service.count()), refused, [2 * asked, held], asked);
    assert!(refused > 20 && asked == 200, "{expected:?}");

    let mut told: BTreeMap<String, Vec<Told>> = BTreeMap::new();
    let json = totals::of_json(path);
    let (samples, kinds) = totals::of_json_samples(path);
    let points = influx.requests().into_iter().filter(|request| request.path() == "/write");
    let points: String = points.map(|request| request.text()).collect();
    let all = [
        ("json", json.clone()),
        ("csv", totals::of_csv(path)),
        ("json-samples", samples),
        ("csv-samples", totals::of_csv_samples(path, &kinds)),
        ("influxdb", totals::of_points(&points)),
    ];
    for (name, of) in all {
        assert_eq!(of, json, "{name}, metric by metric, and its sums");
        told.insert(name.to_owned(), vec![Told::of_totals(&of)]);
    }
    told.insert("locust".to_owned(), vec![of_locust(path)]);
    wait_until("all datagrams", Duration::from_secs(10), || {
        whole(datagrams.sum("runner.iterations")) >= asked
            && whole(datagrams.sum("runner.checks.total")) >= 2 * asked
    });
    let shares = ["http_req_failed.hits", "checks.total", "checks.hits"];
    let statsd = Told::of_numbers(|name| datagrams.sum(&format!("runner.{name}")), shares);
    told.insert("statsd".to_owned(), vec![statsd]);
    let shares = ["http_req_failed_hits", "checks_samples", "checks_hits"];
    let page = scraper.end();
    let of_page = |name: &str| scraped(&page, &format!("runner_{name}_total"));
    told.insert("prometheus".to_owned(), vec![Told::of_numbers(of_page, shares)]);
    let stored = stored.lock().expect("a sound lock");
    assert!(stored.problems.is_empty(), "{:#?}", stored.problems);
    let of_stored = |name: &str| stored.sum(&format!("runner_{name}_total"));
    told.insert("remote-write".to_owned(), vec![Told::of_numbers(of_stored, shares)]);
    let sums = otlp::Totals::of(&otlp::bodies(&otlp, "/v1/metrics"));
    let shares = ["http_req_failed.occurred", "checks.total", "checks.occurred"];
    let (spans, traced) = (otlp::spans(&otlp), Told::of_numbers(|name| sums.number(name), shares));
    let (requests, iterations): (Vec<_>, Vec<_>) = spans.iter().partition(|span| span.kind == otlp::CLIENT);
    let wrong = requests.iter().filter(|span| span.status.as_ref().is_some_and(|status| status.code == 2));
    let of_spans = Told {
        requests: Some(requests.len() as u64),
        failed: Some(wrong.count() as u64),
        iterations: Some(iterations.len() as u64),
        ..expected
    };
    told.insert("otlp".to_owned(), vec![traced, of_spans]);
    let annotations: String = finished.stdout.lines().filter(|line| line.starts_with("::")).collect();
    told.insert("standard output".to_owned(), vec![of_summary(&finished.stdout), of_targets(&annotations)]);
    for name in &reports {
        told.insert(format!("report {name}"), of_report(name, &text(path, &format!("report.{name}"))));
    }
    told.insert(
        "k6's export".to_owned(),
        vec![of_k6(&serde_json::from_str(&text(path, "k6.json")).expect("JSON"))],
    );
    Played { finished, expected, told }
}

/// Locust has requests and failures; the last of its history says the same as its table.
fn of_locust(path: &Path) -> Told {
    let last = |name: &str| totals::table(&text(path, name)).pop().expect("a row");
    let (stats, history) = (last("run_stats.csv"), last("run_stats_history.csv"));
    assert_eq!((&*stats["Name"], &*history["Name"]), ("Aggregated", "Aggregated"));
    let of = |row: &BTreeMap<String, String>, column: &str| row[column].parse::<u64>().expect("a count");
    let [requests, failed] = ["Request Count", "Failure Count"].map(|column| of(&stats, column));
    assert_eq!(of(&history, "Total Request Count"), requests);
    assert_eq!(of(&history, "Total Failure Count"), failed);
    let failures = totals::table(&text(path, "run_failures.csv"));
    assert_eq!(failures.iter().map(|row| of(row, "Occurrences")).sum::<u64>(), failed);
    Told { requests: Some(requests), failed: Some(failed), checks: None, held: None, iterations: None }
}

#[track_caller]
fn expect_equal(name: &str, told: Told, expected: Told) {
    let is_short = name == "locust";
    let known = Told {
        checks: told.checks.or(expected.checks.filter(|_| is_short)),
        held: told.held.or(expected.held.filter(|_| is_short)),
        iterations: told.iterations.or(expected.iterations.filter(|_| is_short)),
        ..told
    };
    assert_eq!(known, expected, "{name}");
}

/// `runner report` of a folder in every format.
#[track_caller]
fn expect_reported(folder: &Path, is_whole: bool, expected: Told) {
    for name in reports_registered() {
        let args = ["report", folder.to_str().expect("a path of text"), "--format", &name];
        let reported = runner(args).run().expect_code(0);
        assert_eq!(
            reported.stdout.contains("INCOMPLETE"),
            !is_whole && name != "json",
            "{}",
            reported.printed()
        );
        for told in of_report(&name, &reported.stdout) {
            expect_equal(&format!("runner report --format {name} of {}", folder.display()), told, expected);
        }
    }
}

#[test]
fn the_service_the_summary_the_journal_every_output_and_every_report_count_the_same() {
    let (folder, apart) = (folder(), folder());
    let Played { finished, expected, told } = play(&[], folder.path());
    for (name, all) in told {
        for told in all {
            expect_equal(&name, told, expected);
        }
    }
    let outputs = finished.stdout.lines().skip_while(|line| !line.contains("OUTPUTS")).skip(1).take(10);
    for line in outputs {
        assert!(line.starts_with("  ✓ ") && !line.contains(" of "), "{line}");
    }

    let runs = folder.path().join(".runner/runs");
    let run = std::fs::read_dir(runs).expect("runs").next().expect("a run").expect("an entry").path();
    let kept: Json = serde_json::from_str(&text(&run, "summary.json")).expect("JSON");
    expect_equal("summary.json", of_document(&kept), expected);
    expect_reported(&run, true, expected);
    // The summary alone; and the journal's seconds alone, its end torn off.
    expect_reported(&copy_without(&run, apart.path().join("summary"), &["journal"]), true, expected);
    let torn = copy_without(&run, apart.path().join("torn"), &["summary.json"]);
    let journal = std::fs::read(torn.join("journal")).expect("a journal");
    std::fs::write(torn.join("journal"), &journal[..journal.len() - 8]).expect("a writable folder");
    expect_reported(&torn, false, expected);
}

#[test]
fn full_needs_prometheus_it_stores_what_all_others_were_told() {
    let (folder, prometheus) = (folder(), Prometheus::receiving());
    let more = format!("remote-write={}#labels=by:prometheus", prometheus.write_url());
    let Played { expected, told, .. } = play(&[more], folder.path());
    for (name, all) in told {
        for told in all {
            expect_equal(&name, told, expected);
        }
    }
    let number =
        |name: &str| prometheus.number(&format!("sum(last_over_time(runner_{name}_total[10m]))"), None);
    let stored = Told::of_numbers(number, ["http_req_failed_hits", "checks_samples", "checks_hits"]);
    expect_equal("Prometheus", stored, expected);
}
