//! Where the log goes, and what it looks like there.

use std::path::Path;

use serde_json::Value as Json;

use crate::fixture::{Finished, folder, runner};

const SCRIPT: &str = r#"
scenario("talk", #{ executor: "per-vu-iterations", vus: 1, iterations: 1, flow: "talk" });
print("from the top");
fn talk() {
    log::debug("low");
    log::info("middle");
    log::error("high\nand more");
}
"#;

fn play_in(folder: &Path, args: &[&str]) -> Finished {
    std::fs::write(folder.join("talk.rhai"), SCRIPT).expect("a writable folder");
    runner(["run", "talk.rhai", "-q", "--workers", "1"].iter().chain(args)).current_dir(folder).run()
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).expect("it was written")
}

#[test]
fn the_scripts_lines_go_to_a_file_of_their_own() {
    let folder = folder();
    for _ in 0..2 {
        let finished = play_in(folder.path(), &["--console-output", "own.log", "-v"]).expect_code(0);
        assert!(!finished.printed().contains("middle"), "{}", finished.printed());
    }
    let once =
        "info from the top\ndebug [talk #1] low\ninfo [talk #1] middle\nerror [talk #1] high\nand more\n";
    assert_eq!(read(folder.path(), "own.log"), once.repeat(2), "appended, as in k6");
}

#[test]
fn the_log_goes_where_it_is_wanted() {
    let folder = folder();
    let none = play_in(folder.path(), &["--log-output", "none"]).expect_code(0);
    assert!(!none.printed().contains("middle"), "{}", none.printed());
    let out = play_in(folder.path(), &["--log-output", "stdout", "--log-format", "raw"]).expect_code(0);
    assert!(out.stdout.starts_with("from the top\nmiddle\nhigh\nand more\n"), "{}", out.stdout);
    assert!(!out.stderr.contains("middle"), "{}", out.stderr);
    play_in(folder.path(), &["--log-output", "file=all.log,level=error"]).expect_code(0);
    assert_eq!(read(folder.path(), "all.log"), "error [talk #1] high\nand more\n");
    play_in(folder.path(), &["--log-output", "loki=http://127.0.0.1"])
        .expect_code(2)
        .expect_said("file=PATH");
}

#[test]
fn lines_of_json_say_who_spoke() {
    let folder = folder();
    play_in(folder.path(), &["--log-output", "file=all.log", "--log-format", "json", "-v"]).expect_code(0);
    let text = read(folder.path(), "all.log");
    let lines: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<[&str; 3]> = lines
        .iter()
        .map(|line| ["level", "msg", "source"].map(|key| line[key].as_str().unwrap_or("")))
        .collect();
    assert_eq!(
        told,
        [
            ["info", "from the top", "script"],
            ["debug", "low", "script"],
            ["info", "middle", "script"],
            ["error", "high\nand more", "script"],
        ]
    );
    assert_eq!((&lines[1]["scenario"], &lines[1]["vu"]), (&"talk".into(), &1.into()));
    assert!(lines.iter().all(|line| line["time"].as_str().is_some_and(|time| time.ends_with('Z'))));
}

#[test]
fn an_error_is_on_standard_error_wherever_the_log_goes() {
    let folder = folder();
    let broken = SCRIPT.replace("log::info(\"middle\");", "throw \"it broke\";");
    std::fs::write(folder.path().join("broken.rhai"), broken).expect("a writable folder");
    let args = ["run", "broken.rhai", "--log-output", "file=all.log", "--summary-mode", "disabled"];
    let finished = runner(args).current_dir(folder.path()).run().expect_code(107);
    assert!(finished.stderr.contains("it broke"), "{}", finished.stderr);
    assert!(read(folder.path(), "all.log").contains("it broke"), "and in the log too");
}

#[test]
fn a_log_that_cannot_be_written_ends_a_run_that_was_played_with_112() {
    let folder = folder();
    let finished = play_in(folder.path(), &["--log-output", "file=/dev/full"]).expect_code(112);
    finished.expect_said("failed to write the log to /dev/full").expect_said("1 iteration ok");
    play_in(folder.path(), &["--console-output", "gone/own.log"])
        .expect_code(112)
        .expect_said("`--console-output`: failed to open gone/own.log");
}

#[test]
fn variables_and_the_configuration_say_the_same_and_flags_win() {
    let folder = folder();
    std::fs::write(folder.path().join("runner.toml"), "log_output = \"file=a.log\"\nlog_format = \"raw\"\n")
        .expect("a writable folder");
    play_in(folder.path(), &[]).expect_code(0);
    assert_eq!(read(folder.path(), "a.log"), "from the top\nmiddle\nhigh\nand more\n");
    std::fs::write(folder.path().join("talk.rhai"), SCRIPT).expect("a writable folder");
    let call = |args: &[&str]| {
        let call = runner(["run", "talk.rhai", "-q"].iter().chain(args)).current_dir(folder.path());
        call.env("RUNNER_LOG_OUTPUT", "file=b.log").run().expect_code(0)
    };
    call(&[]);
    assert_eq!(read(folder.path(), "b.log"), "from the top\nmiddle\nhigh\nand more\n");
    call(&["--log-output", "file=c.log", "--log-format", "text"]);
    assert!(read(folder.path(), "c.log").starts_with("info from the top\n"));
}
