//! `runner calibrate`: short rounds against the null server, kept, read back, and held against a plan.

use serde_json::Value;

use super::fixture::{Finished, folder, pause, runner, wait_until};
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

/// A calibration of this machine, made once, with another top rate and, if asked, other workers.
fn calibrated(top_per_s: u64, workers: u64) -> String {
    let finished = runner([SHORT.as_slice(), &["--json", "--workers", "2"]].concat()).run().expect_code(0);
    let mut calibration = json(&finished);
    calibration["top"]["median_per_s"] = top_per_s.into();
    calibration["fingerprint"]["workers"] = workers.into();
    calibration.to_string()
}

const ARRIVALS: &str = "base_url(\"demo\");\n\
    scenario(\"steady\", #{ executor: \"constant-arrival-rate\", rate: 50, duration: \"1s\", flow: \"price\" });\n\
    fn price() { http::get(\"/health\"); }\n";

#[test]
fn a_plan_above_the_top_rate_is_warned_of_before_it_starts() {
    let calibration = calibrated(40, 2);
    let ask = |command: &str, more: &[&str]| {
        runner([&[command, "steady.rhai", "--workers", "2"], more].concat())
            .file("steady.rhai", ARRIVALS)
            .file(".runner/calibration.json", &calibration)
            .run()
            .expect_code(0)
    };
    let warning = "warning: the plan starts up to 50 iterations a second; `runner calibrate` reached 40 requests a second on this machine";
    ask("inspect", &[]).expect_said(warning);
    // It warns, and the load is played all the same.
    let finished = ask("run", &["-q"]).expect_said(warning);
    assert!((finished.figure("iterations") - 50.0).abs() < 0.5, "{}", finished.printed());
    let silent = ask("inspect", &["--results", "elsewhere"]);
    assert!(silent.stderr.is_empty(), "{}", silent.stderr);
    let finished =
        ask("doctor", &[]).expect_said("for up to 10,000 virtual users and 50 iterations a second");
    assert!(finished.stdout.contains("! top rate             40 requests a second"), "{}", finished.stdout);
}

#[test]
fn a_stale_or_broken_calibration_is_a_note_and_only_for_plans_with_a_rate() {
    let stale = calibrated(40, 7);
    let looping = "scenario(\"s\", #{ executor: \"constant-vus\", vus: 5, duration: \"1s\", flow: || {} });";
    let ask = |script: &str, calibration: &str| {
        let finished = runner(["inspect", "a.rhai", "--workers", "2"])
            .file("a.rhai", script)
            .file(".runner/calibration.json", calibration)
            .run()
            .expect_code(0);
        finished.stderr
    };
    assert_eq!(
        ask(ARRIVALS, &stale),
        "note: the calibration of this machine is stale (workers 7, now 2): run `runner calibrate` again\n"
    );
    let broken = ask(ARRIVALS, "{");
    assert!(broken.starts_with("note: .runner/calibration.json holds no calibration: "), "{broken}");
    assert!(broken.ends_with(": run `runner calibrate` again\n"), "{broken}");
    assert_eq!(ask(looping, &stale) + &ask(looping, "{"), "");
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
fn requests_that_failed_here_are_no_calibration() {
    let folder = folder();
    // 64 users have 128 ends of connections in this process.
    let command = format!("ulimit -n 100 && exec {} calibrate -d 1s", env!("CARGO_BIN_EXE_runner"));
    let output = std::process::Command::new("sh")
        .args(["-c", &command])
        .env("NO_COLOR", "1")
        .current_dir(folder.path())
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(111), "{said}");
    assert!(said.starts_with("error: nothing was calibrated: "), "{said}");
    assert!(said.contains("hint: `runner doctor --users 128` looks for what is in the way"), "{said}");
    assert!(!folder.path().join(".runner").exists());
}

#[test]
fn a_duration_that_measures_nothing_is_a_wrong_command_line() {
    runner(["calibrate", "-d", "10ms"]).run().expect_code(2).expect_said("write 1s to 1h");
}
