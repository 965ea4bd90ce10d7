//! The generator accuses itself: what its own machine lacks makes a run inconclusive, with the reason in the
//! first line and exit code 111; `runner explain` says what a code means.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::fixture::{Finished, Runner, pause, runner};
use crate::server::Server;

/// Users that think, against whatever the environment names.
fn crowd(vus: u32, duration: &str, think: &str) -> Runner {
    let script = format!(
        "base_url(env(\"TARGET_URL\", \"demo\"));
        scenario(\"crowd\", #{{ executor: \"constant-vus\", vus: {vus}, duration: \"{duration}\", think: constant(\"{think}\"), flow: || http::get(\"/health\") }});
        target(\"http_req_failed\", \"rate < 1%\");"
    );
    runner(["run", "--quiet", "test.rhai"]).file("test.rhai", &script)
}

/// Code 111, and the rule with its figures in the first line and by name in the last.
#[track_caller]
fn expect_accused(finished: Finished, rule: &str) -> Finished {
    let finished = finished.expect_code(111);
    let lines: Vec<&str> = finished.stdout.lines().filter(|line| !line.is_empty()).collect();
    let (first, last) = (lines.first().copied().unwrap_or(""), lines.last().copied().unwrap_or(""));
    assert!(
        first.starts_with("✗ inconclusive: ") && first.contains(&format!("[{rule}]")),
        "{}",
        finished.printed()
    );
    assert!(last.starts_with("✗ inconclusive: ") && last.contains(rule), "{}", finished.printed());
    finished
}

#[test]
fn without_descriptors_the_fault_is_the_generators() {
    let server = Server::plain();
    let finished = crowd(100, "1s", "50ms")
        .env("TARGET_URL", server.url())
        .through(["sh", "-c", "ulimit -n 64; exec \"$@\"", "sh"])
        .run();
    let finished = expect_accused(finished, "descriptors").expect_said("of 64 left");
    assert!(finished.figure("http_req_failed") > 1.0, "{}", finished.printed());
}

#[test]
fn a_machine_without_a_descriptor_for_a_worker_is_no_bug() {
    let server = Server::plain();
    crowd(1, "1s", "50ms")
        .env("TARGET_URL", server.url())
        .env("RUNNER_WORKERS", "8")
        .through(["sh", "-c", "ulimit -n 12; exec \"$@\"", "sh"])
        .run()
        .expect_code(111)
        .expect_said("says nothing of the service");
}

#[test]
fn needs_a_network_namespace_without_local_ports_the_fault_is_the_generators() {
    let narrow =
        "ip link set lo up && echo '40000 40063' > /proc/sys/net/ipv4/ip_local_port_range && exec \"$@\"";
    let finished = crowd(100, "1s", "50ms").through(["unshare", "-rn", "sh", "-c", narrow, "sh"]).run();
    expect_accused(finished, "local-ports").expect_said("no local port of 64 left");
}

#[test]
fn needs_a_network_namespace_a_resolver_out_of_reach_is_the_generators_fault() {
    let call = |args: &[&str]| {
        let args = ["run", "--quiet"].iter().chain(args).chain(&["test.rhai"]);
        runner(args)
            .file("test.rhai", "base_url(\"http://service.example:80\");\nfn flow() { http::get(\"/\"); }")
            .through(["unshare", "-rn"])
            .run()
    };
    expect_accused(call(&["--no-preflight"]), "resolver");
    call(&[]).expect_code(111).expect_said("no resolver could be asked");
}

#[test]
fn a_process_that_was_stopped_shows_a_gap() {
    let server = Server::plain();
    let running = crowd(4, "7s", "20ms").env("TARGET_URL", server.url()).start();
    pause(Duration::from_millis(1_500));
    running.signal(Signal::STOP);
    pause(Duration::from_secs(5));
    running.signal(Signal::CONT);
    let finished = expect_accused(running.wait(), "generator-stopped");
    let first = finished.stdout.lines().next().unwrap_or_default();
    let length = first
        .split_once("stood still for ")
        .and_then(|(_, rest)| rest.split_once("s,"))
        .map(|(length, _)| length);
    let length: f64 = length.and_then(|length| length.parse().ok()).unwrap_or_default();
    assert!((4.5..7.0).contains(&length), "{}", finished.printed());
}

/// Keeps a core busy from the calling thread's set of cores, until dropped.
struct Neighbour {
    stop: Arc<AtomicBool>,
}

impl Neighbour {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        Self { stop }
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_busy_neighbour_on_the_generators_core_makes_it_inconclusive() {
    let server = Server::plain();
    // On a thread of its own: what it starts inherits its cores, and no other test does.
    let finished = std::thread::scope(|scope| {
        let play = scope.spawn(|| {
            let mine = sched_getaffinity(None).expect("this thread's cores");
            let core = (0..CpuSet::MAX_CPU).find(|core| mine.is_set(*core)).expect("a core");
            let mut only = CpuSet::new();
            only.set(core);
            sched_setaffinity(None, &only).expect("one of this thread's cores");
            let _neighbours = [Neighbour::start(), Neighbour::start()];
            crowd(64, "5s", "5ms").env("TARGET_URL", server.url()).run()
        });
        play.join().expect("a run")
    });
    expect_accused(finished, "generator-wait");
}

#[test]
fn a_code_is_explained_and_an_unknown_one_has_near_names() {
    runner(["explain", "generator-wait"]).run().expect_code(0).expect_said("what to do: ");
    runner(["explain", "111"]).run().expect_code(0).expect_said("inconclusive");
    runner(["explain", "1050"]).run().expect_code(0).expect_said("time-out");
    let listed = runner(["explain"]).run().expect_code(0);
    for code in ["generator-cpu", "111", "1290", "unused_flow"] {
        assert!(listed.stdout.contains(code), "{}", listed.printed());
    }
    runner(["explain", "generator-cqu"]).run().expect_code(2).expect_said("did you mean `generator-cpu`");
    let json = runner(["explain", "--json", "local-ports"]).run().expect_code(0);
    let list: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert!(list[0]["threshold"].as_str().is_some_and(|text| text.contains("1290")), "{}", json.printed());
}
