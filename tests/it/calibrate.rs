//! `runner calibrate`: short rounds against the null server, kept, read back, and held against a plan.

use serde_json::Value;

use super::fixture::{Finished, pause, runner, wait_until};
use super::redact::redact;
use std::time::Duration;

/// Rounds of 40 ms: enough to be answered, not enough to say anything.
const SHORT: [&str; 3] = ["calibrate", "-d", "1s"];

fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).expect("JSON on standard output")
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {value}"))
}

#[test]
fn what_is_printed_as_json_is_what_is_stored() {
    let run = runner([SHORT.as_slice(), &["--json", "--workers", "1", "--results", "here/.runner"]].concat());
    let stored = run.folder().join("here/.runner/calibration.json");
    let running = run.start();
    // The folder goes with the process's handle: read the file as soon as it is there.
    let mut text = String::new();
    wait_until("the stored calibration", Duration::from_secs(40), || {
        text = std::fs::read_to_string(&stored).unwrap_or_default();
        !text.is_empty()
    });
    let finished = running.wait().expect_code(0);
    let printed = json(&finished);
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), printed);
    assert_eq!(number(&printed, "/schema"), 1);
    assert_eq!(number(&printed, "/fingerprint/workers"), 1);
    let rounds = printed["rounds_per_s"].as_array().expect("rounds");
    assert_eq!(rounds.len(), 7);
    let (low, median, high) = (
        number(&printed, "/top/low_per_s"),
        number(&printed, "/top/median_per_s"),
        number(&printed, "/top/high_per_s"),
    );
    assert!(0 < low && low <= median && median <= high, "{printed}");
    for (index, share) in [(0, 100), (1, 500)] {
        let floor = &printed["floor"][index];
        assert_eq!(number(floor, "/share_thousandths"), share);
        assert_eq!(number(floor, "/asked_per_s"), (median * share / 1_000).max(1));
        for what in ["latency", "lateness"] {
            let at = |name: &str| number(floor, &format!("/{what}/{name}"));
            assert!(at("p50_us") <= at("p99_us") && at("p99_us") <= at("max_us"), "{floor}");
        }
        assert!(number(floor, "/latency/p50_us") > 0, "{floor}");
    }
    // The null server is this process's too: its CPU is told apart, and it can't be more than all of a core.
    let server = number(&printed, "/server_cpu_thousandths");
    assert!((1..=1_100).contains(&server), "{printed}");
    assert!(number(&printed, "/cpu_per_request_ns") > 0, "{printed}");
}

#[test]
fn the_text_says_rate_floor_and_whose_share_is_in_it() {
    let finished = runner(SHORT).run().expect_code(0);
    let text = redact(&finished.stdout, &[]);
    for part in [
        "calibrated in TIME: ",
        " 64 users against the null server\n",
        "top rate   RATE; true median within RATE to RATE (98.4 % sure, 7 rounds)",
        "CPU        TIME a request",
        "10 % of it, RATE",
        "50 % of it, RATE",
        "the null server shares this machine and took ",
        "stored in .runner/calibration.json",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

#[test]
fn ctrl_c_ends_it_without_a_file() {
    let run = runner(["calibrate", "-d", "1m"]);
    let stored = run.folder().join(".runner");
    let running = run.start();
    pause(Duration::from_millis(1_500));
    running.interrupt();
    let finished = running.wait().expect_code(105).expect_said("stopped by the user; nothing was stored");
    assert!(finished.duration < Duration::from_secs(30));
    assert!(!stored.exists());
}

#[test]
fn a_folder_that_can_not_be_written_is_112() {
    runner([SHORT.as_slice(), &["--results", "taken"]].concat())
        .file("taken", "no folder")
        .run()
        .expect_code(112)
        .expect_said("failed to store the calibration: taken/calibration.json");
}

#[test]
fn a_duration_that_measures_nothing_is_a_wrong_command_line() {
    runner(["calibrate", "-d", "10ms"]).run().expect_code(2).expect_said("write 1s to 1h");
}
