//! Folders of runs that an earlier version left behind are read as they were; those of a later one are refused with what to do.
//!
//! `tests/data/results/schema-1` was written by the first version that kept runs, and nobody changes it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use tempfile::TempDir;

use crate::fixture::{Finished, folder, root, runner};

/// The run that is kept there.
const ID: &str = "20261128T140301Z-7000";

/// All the formats of a report.
const FORMATS: [&str; 5] = ["text", "targets", "json", "junit", "github"];

/// A copy of the results, for whoever may write there; and the folder of the run in it.
fn results() -> (TempDir, PathBuf) {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).expect("a writable folder");
        for entry in fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            if from.is_dir() { copy(&from, &to) } else { _ = fs::copy(&from, &to).expect("a copy") }
        }
    }
    let results = folder();
    copy(&root().join("tests/data/results/schema-1/runs"), &results.path().join("runs"));
    let run = results.path().join("runs").join(ID);
    (results, run)
}

fn of(results: &TempDir, args: &[&str]) -> Finished {
    let results = results.path().to_str().expect("a path of text");
    runner(args.iter().copied().chain(["--results", results])).run()
}

/// Replaces a text that is there in a file of a run.
fn change(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("a file");
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replacen(from, to, 1)).expect("a writable file");
}

/// What the first version counted. What a run tells at its end alone isn't known of one that came to none.
#[track_caller]
fn expect_figures(document: &Json, is_whole: bool) {
    let metric = |name: &str| {
        let found = document["metrics"].as_array().expect("a list").iter().find(|one| one["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {document}"))["value"].clone()
    };
    assert_eq!((&document["requests"], &document["requests_failed"]), (&63.into(), &8.into()));
    assert_eq!(metric("http_req_failed")["rate"], serde_json::json!({ "hits": 8, "total": 63 }));
    assert_eq!(metric("checks")["rate"], serde_json::json!({ "hits": 55, "total": 60 }));
    assert_eq!(metric("sold")["counter"]["sum"], 120.0);
    assert_eq!(metric("depth")["trend"]["p50_thousandths"], 12_500);
    assert_eq!(metric("http_req_duration")["times"]["p50_us"], 546);
    assert_eq!(metric("http_req_response_time")["times"]["at_least"]["count"], 3);
    let iterations = &document["scenarios"][0]["iterations"];
    assert_eq!((&iterations["ok"], &iterations["failed"]), (&59.into(), &1.into()));
    let verdicts: Vec<&str> = document["targets"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["verdict"].as_str())
        .collect();
    assert_eq!(verdicts, ["too_few", "failed", "failed"]);
    assert_eq!(document["layout"]["trend_stats"], serde_json::json!(["count", "med", "p(90)", "max"]));
    let (examples, failures) = (&document["examples"], &document["failures"]);
    assert_eq!([examples, failures].map(|list| list.as_array().expect("a list").is_empty()), [!is_whole; 2]);
    assert_eq!(document["incomplete"].is_null(), is_whole, "{}", document["incomplete"]);
}

/// All reports of a folder can be made; the one for programs has the figures.
#[track_caller]
fn expect_reported(run: &Path, is_whole: bool) {
    for format in FORMATS {
        let args = ["report", run.to_str().expect("a path of text"), "--format", format];
        let report = runner(args).run().expect_code(0);
        match format {
            "json" => expect_figures(&serde_json::from_str(&report.stdout).expect("JSON"), is_whole),
            _ => {
                assert_eq!(report.stdout.contains("INCOMPLETE"), !is_whole, "{format}: {}", report.printed());
            }
        }
    }
}

#[test]
fn a_run_of_schema_1_is_reported_by_its_journal_its_summary_and_a_journal_without_an_end() {
    let (_results, run) = results();
    expect_reported(&run, true);
    let journal = fs::read(run.join("journal")).expect("a journal");
    fs::remove_file(run.join("journal")).expect("a file of ours");
    expect_reported(&run, true);
    fs::rename(run.join("summary.json"), run.join("summary.apart")).expect("a file of ours");
    fs::write(run.join("journal"), &journal).expect("a writable folder");
    expect_reported(&run, true);
    fs::write(run.join("journal"), &journal[..journal.len() - 8]).expect("a writable folder");
    expect_reported(&run, false);
}

#[test]
fn runs_of_schema_1_are_listed_shown_tagged_and_named() {
    let (results, run) = results();
    let list = of(&results, &["runs", "--json"]).expect_code(0);
    let list: Json = serde_json::from_str(&list.stdout).expect("JSON");
    let card = &list["runs"][0];
    assert_eq!((&card["id"], &card["state"]), (&ID.into(), &"ended".into()), "{list}");
    assert_eq!((&card["script"], &card["tags"][0]), (&"shop.rhai".into(), &"before".into()));
    assert_eq!((&card["fault"], &card["outcome"]["exit_code"]), (&Json::Null, &99.into()));
    for words in [&["runs"][..], &["runs", "show", "before"], &["report", "before"], &["report", "2026"]] {
        of(&results, words).expect_code(0).expect_said("shop.rhai");
    }
    of(&results, &["runs", "tag", ID, "after"]).expect_code(0);
    assert_eq!(fs::read_to_string(run.join("tags.json")).expect("tags"), "[\"after\",\"before\"]\n");
}

#[test]
fn a_run_of_a_later_version_is_refused_with_what_to_do() {
    let (results, run) = results();
    change(&run.join("environment.json"), "\"schema\": 1", "\"schema\": 2");
    let listed = of(&results, &["runs"]).expect_code(0).expect_said(ID);
    listed.expect_said("it has schema 2, and this version of runner reads up to 1: use a later one");

    change(&run.join("summary.json"), "\"schema\": 1", "\"schema\": 7");
    let later = "it has schema 7, and this version of runner reads up to 1: use a later one";
    let mut journal = fs::read(run.join("journal")).expect("a journal");
    // The journal is read first, and is whole.
    expect_reported(&run, true);
    // Of one that was cut the report says too why there is no end.
    fs::write(run.join("journal"), &journal[..journal.len() - 8]).expect("a writable folder");
    of(&results, &["report", ID]).expect_code(0).expect_said("INCOMPLETE").expect_said(later);
    fs::remove_file(run.join("journal")).expect("a file of ours");
    let told = of(&results, &["report", ID]).expect_code(1).expect_said(later);
    assert!(told.stdout.is_empty() && !told.stderr.contains("there is no"), "{}", told.printed());

    journal[15] = b'2';
    fs::write(run.join("journal"), &journal).expect("a writable folder");
    let told = of(&results, &["report", ID]).expect_code(1).expect_said(later);
    told.expect_said("in the form 2; this one reads the form 1: use a later one");
    // An earlier summary beside a later journal is read.
    change(&run.join("summary.json"), "\"schema\": 7", "\"schema\": 1");
    expect_reported(&run, true);
}
