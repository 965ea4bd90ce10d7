//! Outputs: each tells the same run, and one that is slow, down or wrong loses its own seconds, counted, and nothing else.

mod influxd;
pub(crate) mod totals;

use std::io::Read as _;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value as Json;

use crate::fixture::{Finished, closed_port, folder, pause, runner, wait_until};
use crate::server::{Reply, Server};
use influxd::InfluxDb;
use totals::{of_csv, of_csv_samples, of_json, of_json_samples, of_points, table};

/// Two users for three seconds; every fifth answer fails.
const SCRIPT: &str = r#"
base_url(env("TARGET"));
scenario("shop", #{ executor: "constant-vus", vus: 2, duration: "3s", flow: "flow" });
target("http_req_duration{name:/a}", "p(50) < 60s");
const SIZE = trend("size");
const FOUND = rate("found");
fn flow() {
    let r = http::get("/a");
    check(r.status == 200, "is, \"well\"");
    http::get("/b", #{ tags: #{ shelf: "a=b, c" } });
    global::SIZE.add(12.25);
    global::FOUND.add(r.status == 200);
    sleep("20ms");
}
"#;

/// A service of which every fifth answer is 503. It takes its time, so that a busy machine's delays are small beside it.
fn service() -> Server {
    let count = AtomicUsize::new(0);
    Server::start(move |_| {
        pause(Duration::from_millis(5));
        let is_fifth = count.fetch_add(1, Ordering::SeqCst) % 5 == 4;
        Reply::new(if is_fifth { 503 } else { 200 }, "ok")
    })
}

fn play(service: &Server, outputs: &[&str], folder: &Path) -> Finished {
    let mut args = vec!["run", "flow.rhai", "--no-preflight", "-q"];
    args.extend(outputs.iter().flat_map(|output| ["-o", *output]));
    std::fs::write(folder.join("flow.rhai"), SCRIPT).expect("a writable folder");
    runner(args).env("TARGET", service.url()).current_dir(folder).run()
}

/// What outputs tell is true also where the machine is too busy for the figures to say anything (111).
#[track_caller]
fn played(run: Finished) -> Finished {
    if run.code == Some(111) { run } else { run.expect_code(0) }
}

/// Outputs delay the exit by five seconds at most; the same run without any took so long, give or take a busy machine.
#[track_caller]
fn expect_exit_in_time(run: &Finished, reference: &Finished) {
    let allowed = reference.duration + Duration::from_secs(5) + Duration::from_secs(1);
    assert!(run.duration < allowed, "took {:?}, without outputs {:?}", run.duration, reference.duration);
}

pub(crate) fn text(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A copy of the journal of the only run in a folder, without its last bytes.
fn journal_without_end(folder: &Path) -> PathBuf {
    let mut runs = std::fs::read_dir(folder.join(".runner/runs")).expect("a folder of runs");
    let run = runs.next().expect("a run").expect("a folder that can be read");
    let bytes = std::fs::read(run.path().join("journal")).expect("a journal");
    let copy = folder.join("journal");
    std::fs::write(&copy, &bytes[..bytes.len() - 8]).expect("a writable folder");
    copy
}

/// Datagrams to a port, until dropped.
pub(crate) struct Datagrams(pub(crate) u16, Arc<Mutex<String>>);

impl Datagrams {
    pub(crate) fn listen() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let (port, heard) = (socket.local_addr().expect("a bound address").port(), Arc::default());
        let all: Arc<Mutex<String>> = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok(length) = socket.recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned() + "\n";
                all.lock().expect("a sound lock").push_str(&text);
            }
        });
        Self(port, heard)
    }

    /// The sum of a counter.
    pub(crate) fn sum(&self, counter: &str) -> f64 {
        let heard = self.1.lock().expect("a sound lock");
        let values = heard.lines().filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name == counter).then(|| value.strip_suffix("|c")?.parse::<f64>().ok()).flatten()
        });
        values.sum()
    }
}

#[test]
fn every_output_tells_the_same_run_as_the_summary_and_the_server() {
    let (service, folder) = (service(), folder());
    let influx = Server::start(|_| Reply::new(204, ""));
    let datagrams = Datagrams::listen();
    let outputs = [
        "json=all.jsonl".to_owned(),
        "csv=all.csv".to_owned(),
        "json-samples=samples.json".to_owned(),
        "csv-samples=samples.csv".to_owned(),
        "locust=run".to_owned(),
        "influxdb=points.txt".to_owned(),
        format!("influxdb={}/k6", influx.url()),
        format!("statsd=127.0.0.1:{}", datagrams.0),
    ];
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let run = played(play(&service, &outputs, folder.path())).expect_counted(service.count());
    let path = folder.path();
    let json = of_json(path);
    let requests = service.count() as u64;
    assert_eq!(json["http_reqs"], (0, requests));
    assert_eq!(json["http_req_failed"].0, requests);
    assert_eq!(json["http_req_duration"].0, requests);
    assert_eq!(json["iterations"].1, requests / 2);
    assert_eq!(json["size"], (requests / 2, requests / 2 * 12_250));
    assert!(json["http_req_failed"].1 > 0 && json["http_req_duration"].1 > 0, "{json:?}");
    assert_eq!(of_csv(path), json);
    let (samples, kinds) = of_json_samples(path);
    assert_eq!(samples, json);
    assert_eq!(of_csv_samples(path, &kinds), json);
    assert_eq!(of_points(&text(path, "points.txt")), json);
    let sent = influx.requests().into_iter().filter(|request| request.path() == "/write");
    let sent: String = sent.map(|request| request.text()).collect();
    assert_eq!(sent, text(path, "points.txt"));
    wait_until("all datagrams", Duration::from_secs(5), || {
        datagrams.sum("runner.http_reqs") >= requests as f64
    });
    assert!((datagrams.sum("runner.http_req_failed.hits") - json["http_req_failed"].1 as f64).abs() < 0.5);

    let stats = table(&text(path, "run_stats.csv"));
    let all = &stats[stats.len() - 1];
    assert_eq!(
        (all["Name"].as_str(), all["Request Count"].as_str()),
        ("Aggregated", requests.to_string().as_str())
    );
    assert_eq!(all["Failure Count"], json["http_req_failed"].1.to_string());
    assert_eq!(stats.len(), 3, "two names and the sum");
    let failures = table(&text(path, "run_failures.csv"));
    let failed: u64 = failures.iter().map(|row| row["Occurrences"].parse::<u64>().unwrap()).sum();
    assert_eq!(failed, json["http_req_failed"].1);
    let history = table(&text(path, "run_stats_history.csv"));
    assert_eq!(history[history.len() - 1]["Total Request Count"], requests.to_string());

    let lines: Vec<Json> =
        text(path, "all.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verdict = if run.code == Some(0) { "passed" } else { "inconclusive" };
    assert_eq!((&lines[0]["type"], &lines[lines.len() - 1]["verdict"]), (&"run".into(), &verdict.into()));
    let section = run.stdout.lines().skip_while(|line| !line.contains("OUTPUTS")).skip(1).take(8);
    for line in section {
        assert!(line.starts_with("  ✓ ") && !line.contains(" of "), "{line}");
    }
}

#[test]
fn outputs_that_fail_lose_their_own_seconds_and_nothing_else() {
    let (other, apart) = (service(), folder());
    let reference = played(play(&other, &[], apart.path()));
    let folder = folder();
    let service = service();
    let answering = |status: u16| Server::start(move |_| Reply::new(status, "no"));
    let (broken, busy) = (answering(500), answering(429));
    let accepted = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&accepted);
    let flaky = Server::start(move |request| {
        let is_write = request.path() == "/write";
        let is_even = is_write && counting.fetch_add(1, Ordering::SeqCst) % 2 == 1;
        Reply::new(if is_even { 500 } else { 204 }, "")
    });
    // It takes connections, as its backlog allows, and never a word.
    let hangs = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let hangs_port = hangs.local_addr().expect("a bound address").port();
    let down = closed_port();
    let outputs = [
        format!("influxdb={}/broken", broken.url()),
        format!("influxdb={}/busy", busy.url()),
        format!("influxdb=http://127.0.0.1:{hangs_port}/hangs#timeout=30s"),
        format!("influxdb=http://127.0.0.1:{down}/down"),
        format!("influxdb={}/flaky", flaky.url()),
        "json=all.jsonl".to_owned(),
    ];
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let run = played(play(&service, &outputs, folder.path())).expect_counted(service.count());
    expect_exit_in_time(&run, &reference);
    let seconds =
        text(folder.path(), "all.jsonl").lines().filter(|line| line.contains(r#""type":"second""#)).count();
    assert!(seconds >= 3, "{seconds}");
    // Two users who wait 20 ms: whatever the outputs did, the load went on.
    assert!(service.count() > 200, "{} requests", service.count());
    let line = |name: &str| {
        let line = run.stdout.lines().find(|line| line.contains(name) && line.contains("samples"));
        line.unwrap_or_else(|| panic!("no line of {name}\n{}", run.printed()))
    };
    for name in ["/broken", "/busy", "/hangs", "/down"] {
        assert!(line(name).contains(&format!("0 of {seconds} seconds")), "{}", line(name));
    }
    let arrived = accepted.load(Ordering::SeqCst).div_ceil(2);
    assert!(line("/flaky").contains(&format!("{arrived} of {seconds} seconds")), "{}", line("/flaky"));
    assert!(line("all.jsonl").contains("✓ json      all.jsonl"), "{}", line("all.jsonl"));
    assert!(line("all.jsonl").contains(&format!("{seconds} seconds, ")), "{}", line("all.jsonl"));
    // What the folder keeps is whole: the journal, its end cut off, tells every request from its seconds.
    let journal = journal_without_end(folder.path());
    let replayed = runner(["report", journal.to_str().expect("a path of text")]).run().expect_code(0);
    replayed.expect_said("INCOMPLETE").expect_counted(service.count());
    for why in ["status 500: no", "status 429: no", "was not done", "Connection refused"] {
        assert!(run.stdout.contains(why), "{why} is not told\n{}", run.printed());
    }
}

#[test]
fn a_server_that_asks_for_patience_gets_it_and_nothing_is_lost() {
    let (service, folder) = (service(), folder());
    let count = AtomicUsize::new(0);
    let influx = Server::start(move |request| match request.path() {
        "/write" if count.fetch_add(1, Ordering::SeqCst) < 2 => {
            Reply::new(429, "slow down").header("Retry-After", "1")
        }
        _ => Reply::new(204, ""),
    });
    let at = format!("influxdb={}/k6", influx.url());
    let run = played(play(&service, &[&at, "influxdb=points.txt"], folder.path()));
    let sent = influx.requests();
    assert_eq!(sent[0].target.split('?').next(), Some("/query"), "the database is made first");
    let writes: Vec<_> = sent.iter().filter(|request| request.path() == "/write").collect();
    assert_eq!(writes[0].target, "/write?db=k6&precision=ms");
    let arrived: String = writes[2..].iter().map(|request| request.text()).collect();
    assert_eq!(arrived, text(folder.path(), "points.txt"));
    assert!(!run.stdout.contains(" lost"), "{}", run.printed());
}

#[test]
fn version_two_is_given_its_token_and_nobody_else_sees_it() {
    let (service, folder) = (service(), folder());
    let influx = Server::start(|request| {
        let token = request.headers.get("authorization").cloned().unwrap_or_default();
        Reply::new(401, format!("unauthorized: {token}"))
    });
    std::fs::write(folder.path().join("flow.rhai"), SCRIPT).expect("a writable folder");
    let at = format!("influxdb={}/api/v2/write?org=o&bucket=b", influx.url());
    let run = runner(["run", "flow.rhai", "--no-preflight", "-o", &at])
        .env("TARGET", service.url())
        .env("RUNNER_INFLUXDB_TOKEN", "hunter2Tango")
        .current_dir(folder.path())
        .run();
    let run = played(run).expect_said("status 401: unauthorized: Token ***");
    let sent = influx.requests();
    assert_eq!(sent[0].target, "/api/v2/write?org=o&bucket=b&precision=ms");
    assert_eq!(sent[0].headers["authorization"], "Token hunter2Tango");
    assert!(!run.printed().contains("hunter2Tango"), "{}", run.printed());
}

#[test]
fn a_file_that_cannot_be_written_fails_the_run_and_not_the_load() {
    let (service, folder) = (service(), folder());
    play(&service, &["json=/dev/full", "csv=all.csv"], folder.path())
        .expect_code(112)
        .expect_counted(service.count())
        .expect_said("failed to write `/dev/full`")
        .expect_said("No space left on device");
    assert!(!of_csv(folder.path()).is_empty());
}

#[test]
fn samples_that_a_slow_reader_leaves_behind_are_counted_to_the_last() {
    let (other, apart) = (service(), folder());
    let reference = played(play(&other, &[], apart.path()));
    let folder = folder();
    let service = service();
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo of coreutils");
    assert!(made.success());
    // It is open at both ends, so that nobody waits for a reader, and nobody reads.
    let held = std::fs::OpenOptions::new().read(true).write(true).open(&pipe).expect("a pipe");
    let run = play(&service, &["csv-samples=pipe", "json-samples=samples.json"], folder.path())
        .expect_code(112)
        .expect_counted(service.count());
    expect_exit_in_time(&run, &reference);
    drop(held);
    let is_gauge =
        |line: &&str| line.contains("\"vus") || line.contains("\"generator_") && !line.contains("lag");
    let told = text(folder.path(), "samples.json");
    let told =
        told.lines().filter(|line| line.contains(r#""type":"Point""#)).filter(|line| !is_gauge(line)).count();
    let line = run.stdout.lines().find(|line| line.contains("csv-samples") && line.contains(" of ")).unwrap();
    let samples = line.rsplit_once(", ").unwrap().1.replace(',', "");
    let all = line.rsplit_once(" of ").unwrap().1.split_once(' ').unwrap().0.replace(',', "");
    assert_eq!(all.parse::<usize>().unwrap(), told, "{samples}: {line}");
}

#[test]
fn files_in_gzip_are_whole_texts() {
    let (service, folder) = (service(), folder());
    played(play(&service, &["json=all.jsonl.gz", "csv-samples=samples.csv.gz"], folder.path()));
    let unpacked = |name: &str| {
        let file = std::fs::File::open(folder.path().join(name)).expect("a file");
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).expect("gzip");
        text
    };
    assert!(unpacked("all.jsonl.gz").lines().last().unwrap().contains(r#""type":"end""#));
    let requests =
        table(&unpacked("samples.csv.gz")).iter().filter(|row| row["metric_name"] == "http_reqs").count();
    assert_eq!(requests, service.count());
}

#[test]
fn each_of_several_scripts_has_its_file_and_none_is_shared() {
    let (service, folder) = (service(), folder());
    for name in ["a.rhai", "b.rhai"] {
        std::fs::write(folder.path().join(name), SCRIPT).expect("a writable folder");
    }
    let play = |out: &str| {
        let args = ["run", "a.rhai", "b.rhai", "--no-preflight", "-q", "-o", out];
        runner(args).env("TARGET", service.url()).current_dir(folder.path()).run()
    };
    play("json=all.jsonl").expect_code(104).expect_said("put `{script}` into its name");
    assert_eq!(service.count(), 0);
    played(play("json={script}.jsonl"));
    let requests = |name: &str| {
        let lines = text(folder.path(), name);
        let lines = lines.lines().filter(|line| line.contains(r#""metric":"http_reqs""#));
        lines.map(|line| serde_json::from_str::<Json>(line).unwrap()["count"].as_u64().unwrap()).sum::<u64>()
    };
    let [a, b] = ["a.jsonl", "b.jsonl"].map(requests);
    assert!(a > 0 && b > 0);
    assert_eq!(a + b, service.count() as u64);
}

#[test]
fn secrets_in_tags_are_in_no_output() {
    let (service, folder) = (service(), folder());
    let script = r#"
base_url(env("TARGET"));
const KEY = secret("KEY");
const OWN = counter("of_hunter2Tango");
scenario("one", #{ executor: "per-vu-iterations", vus: 1, iterations: 3, flow: "flow" });
fn flow() {
    http::get("/a?key=" + global::KEY, #{ name: "/a?key=" + global::KEY, tags: #{ user: "of " + global::KEY } });
    check(true, "with " + global::KEY);
    global::OWN.add(1);
}
"#;
    std::fs::write(folder.path().join("flow.rhai"), script).expect("a writable folder");
    let outs = ["json=a", "csv=b", "json-samples=c", "csv-samples=d", "influxdb=e", "locust=f"];
    let mut args = vec!["run", "flow.rhai", "--no-preflight", "--secret", "KEY=env:OF_KEY"];
    args.extend(outs.iter().flat_map(|out| ["-o", *out]));
    let run = runner(args).env("TARGET", service.url()).env("OF_KEY", "hunter2Tango");
    played(run.current_dir(folder.path()).run());
    for name in ["a", "b", "c", "d", "e", "f_stats.csv", "f_stats_history.csv"] {
        let text = text(folder.path(), name);
        assert!(!text.contains("hunter2Tango") && text.contains("***"), "{name}: {text}");
    }
}

#[test]
fn what_is_wrong_with_an_output_is_said_before_the_load() {
    let folder = folder();
    for (out, code, what) in [
        ("jsn=x", 104, "did you mean `json`?"),
        ("json", 104, "doesn't say where"),
        ("json=/nowhere/x", 112, "`/nowhere/x`"),
        ("csv-samples=x#time=late", 104, "`time=late`"),
        ("csv=x#color", 104, "no option `color`"),
        ("statsd=localhost", 104, "write a host and a port"),
        ("influxdb=http://localhost:8086", 104, "no database"),
    ] {
        std::fs::write(folder.path().join("flow.rhai"), "fn flow() {}").expect("a writable folder");
        runner(["run", "flow.rhai", "-o", out])
            .current_dir(folder.path())
            .run()
            .expect_code(code)
            .expect_said(what);
    }
    runner(["run", "--help"]).run().expect_code(0).expect_said("csv-samples=FILE: each sample as a row");
}

#[test]
fn needs_influxdb_what_it_stored_adds_up_to_the_run() {
    let (service, folder, database) = (service(), folder(), InfluxDb::start());
    let at = format!("influxdb=http://127.0.0.1:{}/k6", database.port);
    let run = played(play(&service, &[&at, "json=all.jsonl"], folder.path())).expect_counted(service.count());
    assert!(!run.stdout.contains(" lost"), "{}", run.printed());
    let json = of_json(folder.path());
    // In thousandths, as trends are stored.
    let asked = |query: &str| {
        let value = database.ask(query).unwrap_or_default();
        let number = value.as_f64().unwrap_or_else(|| panic!("{query}: {value}"));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a sum of what is above zero"
        )]
        let thousandths = (number * 1_000.0).round() as u64;
        thousandths
    };
    let requests = 1_000 * service.count() as u64;
    assert_eq!(asked("SELECT sum(count) FROM http_reqs"), requests);
    assert_eq!(asked("SELECT sum(count) FROM http_req_duration"), requests);
    assert_eq!(asked("SELECT sum(hits) FROM http_req_failed"), 1_000 * json["http_req_failed"].1);
    assert_eq!(asked("SELECT sum(sum_us) FROM http_req_duration"), 1_000 * json["http_req_duration"].1);
    // The tags came as they were, escapes undone.
    let of_b = 1_000 * service.count_of("/b") as u64;
    assert_eq!(asked("SELECT sum(count) FROM http_reqs WHERE shelf = 'a=b, c'"), of_b);
    let checks = asked(r#"SELECT sum(total) FROM checks WHERE "check" = 'is, "well"'"#);
    assert_eq!(checks, 1_000 * json["checks"].0);
    assert_eq!(asked("SELECT sum(sum) FROM size"), json["size"].1);
}
