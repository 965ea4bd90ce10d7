//! How a summary is laid out, the script's own one, and what of a run's tags goes to the outputs.

use std::path::Path;

use serde_json::Value as Json;

use crate::fixture::{Finished, folder, root, runner};
use crate::server::{Reply, Server};

/// Twelve iterations of one request and one check, with a target that holds and one on a tag.
const SCRIPT: &str = r#"
base_url(env("TARGET_URL"));
scenario("shop", #{ executor: "shared-iterations", vus: 2, iterations: 12, flow: "buy" });
target("http_req_duration", "p(90) < 10s", #{ allow_few: true });
target("checks{check:is there}", "rate == 100%");
fn buy() {
    group("pay", || {
        let r = http::get("/price?n=1", #{ name: "price" });
        check(r, #{ "is there": |r| r.status == 200 });
    });
}
"#;

fn server() -> Server {
    Server::start(|_| Reply::json("{\"price\": 12}"))
}

/// Plays a script in a folder that stays.
fn play_in(folder: &Path, script: &str, server: &Server, args: &[&str]) -> Finished {
    std::fs::write(folder.join("shop.rhai"), script).expect("a writable folder");
    let args = ["run", "shop.rhai", "--workers", "1"].iter().chain(args);
    runner(args).current_dir(folder).env("TARGET_URL", server.url()).run()
}

fn play(script: &str, args: &[&str]) -> Finished {
    play_in(folder().path(), script, &server(), args)
}

fn json(path: &Path) -> Json {
    serde_json::from_slice(&std::fs::read(path).expect("it was written")).expect("it is JSON")
}

#[test]
fn a_compact_summary_has_the_figures_alone_and_a_disabled_one_nothing() {
    let full = play(SCRIPT, &[]).expect_code(0);
    assert!(full.stdout.contains("\n  METHOD\n") && full.stdout.contains("SERVICE AND RESPONSE TIME"));
    let compact = play(SCRIPT, &["--summary-mode", "compact"]).expect_code(0);
    for title in ["TARGETS", "CHECKS", "HTTP", "EXECUTION", "NETWORK"] {
        assert!(compact.stdout.contains(&format!("\n  {title}\n")), "{title}\n{}", compact.stdout);
    }
    for title in ["METHOD", "STEADY STATE", "SERVICE AND RESPONSE TIME"] {
        assert!(!compact.stdout.contains(&format!("\n  {title}\n")), "{title}\n{}", compact.stdout);
    }
    assert_eq!(compact.stdout.lines().last(), Some("✓ passed: 2 of 2 targets hold"));
    let disabled = play(SCRIPT, &["--summary-mode", "disabled"]).expect_code(0);
    assert_eq!(disabled.stdout, "");
    assert!(
        disabled.stderr.contains("\n✓ passed: 2 of 2 targets hold\nresults: .runner/runs/"),
        "{}",
        disabled.stderr
    );
    let of_the_script = format!("options(#{{ summary_mode: \"disabled\" }});\n{SCRIPT}");
    assert_eq!(play(&of_the_script, &[]).stdout, "");
    assert_ne!(play(&of_the_script, &["--summary-mode", "compact"]).stdout, "", "the flag wins");
}

#[test]
fn figures_and_unit_are_those_that_are_asked_for() {
    let finished =
        play(SCRIPT, &["--summary-trend-stats", "count,p(99.9),med,max", "--summary-time-unit", "us"]);
    let line = finished.stdout.lines().find(|line| line.contains("http_req_duration..")).expect("its line");
    let figures = line.split_once(": ").expect("figures").1;
    assert!(figures.starts_with("count 12  p(99.9) –  med "), "{figures}");
    assert!(!line.contains("avg") && line.trim_end().ends_with("µs"), "{line}");
    let wrong = play(SCRIPT, &["--summary-trend-stats", "avg,p95"]).expect_code(104);
    wrong.expect_said("`summary_trend_stats` is \"p95\"").expect_said("p(99.9)");
}

#[test]
fn k6s_export_has_the_totals_of_the_summary() {
    let folder = folder();
    let args = ["--summary-export", "out.json", "--summary-trend-stats", "avg,p(90),count"];
    let finished = play_in(folder.path(), SCRIPT, &server(), &args).expect_code(0);
    let export = json(&folder.path().join("out.json"));
    assert_eq!(export["metrics"]["http_reqs"]["count"], finished.figure("http_reqs"));
    let duration = &export["metrics"]["http_req_duration"];
    assert_eq!(duration["count"], 12);
    assert!(duration["avg"].as_f64().is_some_and(|ms| ms > 0.0 && ms < 10_000.0), "{duration}");
    assert_eq!(duration["thresholds"]["p(90) < 10s"], false, "as in k6: true is crossed");
    assert_eq!(export["metrics"]["checks{check:is there}"]["thresholds"]["rate == 100%"], false);
    let check = &export["root_group"]["groups"]["pay"]["checks"]["is there"];
    assert_eq!((&check["passes"], &check["fails"]), (&12.into(), &0.into()));
    assert_eq!(check["path"], "::pay::is there");
    let gone = play(SCRIPT, &["--summary-export", "gone/out.json"]).expect_code(112);
    gone.expect_said("`--summary-export`: failed to write gone/out.json").expect_said("✓ passed");
}

// ---------------------------------------------------------------- summary(data)

const OWN: &str = r#"
fn line(data) { `${data.requests} requests, ${data.verdict.outcome}` }
fn summary(data) {
    log::info("sums up");
    #{
        stdout: line(data) + "\n",
        stderr: "to the other stream\n",
        "out/all.json": to_json(data),
        "text.txt": summary::text(),
    }
}
"#;

#[test]
fn a_script_prints_and_writes_its_own_summary() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("out")).expect("a writable folder");
    let finished = play_in(folder.path(), &format!("{SCRIPT}{OWN}"), &server(), &[]).expect_code(0);
    assert_eq!(finished.stdout, "12 requests, passed\n");
    let said: Vec<&str> = finished.stderr.lines().filter(|line| line.contains("sums up")).collect();
    assert_eq!(said, ["info sums up"], "it is called once\n{}", finished.stderr);
    assert!(finished.stderr.contains("to the other stream\n"));
    let text = std::fs::read_to_string(folder.path().join("text.txt")).expect("it was written");
    assert!(text.contains("  TARGETS\n") && text.ends_with("✓ passed: 2 of 2 targets hold\n"), "{text}");
    let all = json(&folder.path().join("out/all.json"));
    assert_eq!(
        (&all["schema"], &all["requests"], &all["script"]),
        (&1.into(), &12.into(), &"shop.rhai".into())
    );
    assert_eq!(all["endpoints"][0]["duration"]["count"], 12, "histograms and all: {}", all["endpoints"]);
}

#[test]
fn a_summary_that_throws_ends_with_107_and_the_figures_are_printed_all_the_same() {
    for (body, said) in [
        ("data.gone.gone", "shop.rhai:13:15"),
        ("throw \"no figures\"", "shop.rhai:13:5"),
        ("http::get(\"/\")", "`http::get` can't be called in `summary(data)`"),
        ("loop { }", "operations without waiting"),
        ("42", "`summary` returned an integer"),
        ("#{ stdout: 42 }", "`summary` returned an integer for `stdout`"),
        ("#{ \"/tmp/a.txt\": \"x\" }", "`/tmp/a.txt` is an absolute path"),
        ("#{ \"../a.txt\": \"x\", stdout: \"y\" }", "`../a.txt` leads upwards with `..`"),
    ] {
        let finished = play(&format!("{SCRIPT}fn summary(data) {{\n    {body}\n}}\n"), &[]).expect_code(107);
        let finished = finished.expect_said(said).expect_said("✓ passed: 2 of 2 targets hold");
        assert!(finished.stderr.contains("--> shop.rhai:1"), "{body}\n{}", finished.stderr);
    }
}

#[test]
fn a_file_of_the_summary_follows_no_link_and_one_that_fails_keeps_no_other_back() {
    let (folder, elsewhere) = (folder(), folder());
    let victim = elsewhere.path().join("victim.txt");
    std::fs::write(&victim, "mine").expect("a writable folder");
    std::os::unix::fs::symlink(&victim, folder.path().join("a.txt")).expect("a link");
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("out")).expect("a link");
    let own = "fn summary() { #{ \"a.txt\": \"x\", \"out/b.txt\": \"x\", \"gone/c.txt\": \"x\", \"z.txt\": \"there\", stdout: \"said\\n\" } }\n";
    let finished = play_in(folder.path(), &format!("{SCRIPT}{own}"), &server(), &[]).expect_code(112);
    assert_eq!(finished.stdout, "said\n");
    for said in
        ["a.txt is a link", "out/b.txt is behind a link", "gone/c.txt: No such file", "no link is followed"]
    {
        assert!(finished.stderr.contains(said), "{said}\n{}", finished.stderr);
    }
    assert_eq!(std::fs::read_to_string(&victim).expect("it is there"), "mine");
    assert_eq!(std::fs::read_dir(elsewhere.path()).expect("it is there").count(), 1);
    assert_eq!(std::fs::read_to_string(folder.path().join("z.txt")).expect("it was written"), "there");
}

#[test]
fn a_summary_that_is_disabled_or_returns_nothing_leaves_its_place() {
    let finished = play(&format!("{SCRIPT}{OWN}"), &["--summary-mode", "disabled"]).expect_code(0);
    assert!(finished.stdout.is_empty() && !finished.stderr.contains("sums up"), "{}", finished.printed());
    let finished = play(&format!("{SCRIPT}fn summary() {{ print(\"seen\"); }}\n"), &[]).expect_code(0);
    finished.expect_said("info seen").expect_said("✓ passed: 2 of 2 targets hold");
}

#[test]
fn a_run_that_fails_keeps_its_code_whatever_its_summary_says() {
    let failing = SCRIPT.replace("rate == 100%", "rate < 50%");
    let finished = play(&format!("{failing}fn summary() {{ #{{ stdout: \"all is well\\n\" }} }}\n"), &[]);
    assert_eq!(finished.expect_code(99).stdout, "all is well\n");
}

#[test]
fn the_example_writes_its_table_and_its_json() {
    let (folder, server) = (folder(), server());
    let script = root().join("scripts/custom_summary.rhai");
    let call = runner(["run".as_ref(), script.as_os_str(), "--workers".as_ref(), "1".as_ref()]);
    let finished = call.current_dir(folder.path()).env("TARGET_URL", server.url()).run().expect_code(0);
    assert!(
        finished.stdout.ends_with("\n✓ passed: 2 of 2 targets hold\n\nsee summary.md\n"),
        "{}",
        finished.stdout
    );
    let table = std::fs::read_to_string(folder.path().join("summary.md")).expect("it was written");
    assert!(
        table.contains("custom_summary.rhai: passed\n") && table.contains("| health | 200 | 0 | "),
        "{table}"
    );
    assert_eq!(json(&folder.path().join("summary.json"))["requests"], 200);
}

// ---------------------------------------------------------------- tags

/// The tags of each line of an output, by metric.
fn tags(path: &Path, metric: &str) -> Vec<serde_json::Map<String, Json>> {
    let text = std::fs::read_to_string(path).expect("it was written");
    let lines = text.lines().map(|line| serde_json::from_str::<Json>(line).expect("it is JSON"));
    let of = lines.filter(|line| line["metric"] == metric);
    of.filter_map(|line| line["tags"].as_object().cloned()).collect()
}

#[test]
fn every_sample_that_is_sent_has_the_runs_tags_and_the_system_tags_that_are_asked_for() {
    let folder = folder();
    let script = format!(
        "{SCRIPT}fn setup() {{ http::get(\"/in-setup\"); }}\ntarget(\"http_reqs{{build:7,name:price}}\", \"count == 12\");\n"
    );
    let args =
        "--tag build=7 --tag team=a,b --system-tags name,status -o json=out.jsonl -o csv-samples=samples.csv";
    let args: Vec<&str> = args.split(' ').collect();
    let finished = play_in(folder.path(), &script, &server(), &args).expect_code(0);
    finished.expect_said("3 of 3 targets hold");
    let path = folder.path().join("out.jsonl");
    let keys = |metric: &str| {
        let all = tags(&path, metric);
        assert!(!all.is_empty(), "no line of {metric}");
        for tags in &all {
            assert_eq!((&tags["build"], &tags["team"]), (&"7".into(), &"a,b".into()), "{metric}");
        }
        let mut keys: Vec<String> =
            all.into_iter().flat_map(|tags| tags.into_iter().map(|(key, _)| key)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    };
    assert_eq!(keys("http_reqs"), ["build", "name", "status", "team"]);
    for metric in ["checks", "iterations", "vus", "vus_max"] {
        assert_eq!(keys(metric), ["build", "team"], "{metric}");
    }
    let samples = std::fs::read_to_string(folder.path().join("samples.csv")).expect("it was written");
    let requests: Vec<&str> = samples.lines().filter(|line| line.starts_with("http_reqs,")).collect();
    assert_eq!(requests.len(), 13);
    for line in requests {
        assert!(line.contains("build=7") && line.contains("200") && !line.contains("GET"), "{line}");
    }
    let names: Vec<Json> = tags(&path, "http_reqs").iter().map(|tags| tags["name"].clone()).collect();
    assert!(names.contains(&"/in-setup".into()) && names.contains(&"price".into()), "{names:?}");
}

#[test]
fn a_system_tag_that_no_sample_has_is_refused() {
    let refused = play(SCRIPT, &["--system-tags", "status,iter"]).expect_code(104);
    refused.expect_said("no sample has the system tag `iter`").expect_said("added up each second");
    let refused = play(SCRIPT, &["--system-tags", "statos"]).expect_code(104);
    refused.expect_said("there is no system tag `statos`").expect_said("did you mean `status`?");
    play(SCRIPT, &["--tag", "build"]).expect_code(2).expect_said("write `--tag build=VALUE`");
}

// ---------------------------------------------------------------- runner report

/// What `runner report` makes of the only run in a folder.
fn reported(folder: &Path, args: &[&str]) -> Finished {
    runner(["report"].iter().chain(args)).current_dir(folder).run()
}

#[test]
fn a_kept_run_is_told_in_its_own_layout_unless_flags_say_otherwise() {
    let folder = folder();
    let own = "options(#{ summary_mode: \"compact\", summary_trend_stats: [\"count\", \"max\"] });\n";
    let args = ["--summary-time-unit", "us"];
    let run = play_in(folder.path(), &format!("{own}{SCRIPT}"), &server(), &args).expect_code(0);
    assert!(!run.stdout.contains("METHOD") && run.stdout.contains(": count 12  max "), "{}", run.stdout);
    assert_eq!(reported(folder.path(), &[]).expect_code(0).stdout, run.stdout, "to the byte");

    let line = |text: &str| {
        let line = text.lines().find(|line| line.contains("http_req_duration.."));
        let figures = line.unwrap_or_else(|| panic!("{text}")).split_once(": ").expect("figures").1;
        figures.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let flags = ["--summary-mode", "full", "--summary-trend-stats", "med,count", "--summary-time-unit", "s"];
    let full = reported(folder.path(), &flags).expect_code(0).stdout;
    assert!(full.contains("\n  METHOD\n"), "{full}");
    let figures = line(&full);
    assert!(figures.starts_with("med 0.0") && figures.ends_with("s count 12"), "{figures}");
    assert!(!figures.contains("µs"), "{figures}");
    // One flag leaves the rest as it was, also in a journal without an end.
    let runs = std::fs::read_dir(folder.path().join(".runner/runs")).expect("runs");
    let kept = runs.map(|run| run.expect("a run").path()).next().expect("one");
    let journal = std::fs::read(kept.join("journal")).expect("a journal");
    let torn = folder.path().join("torn");
    std::fs::write(&torn, &journal[..journal.len() - 8]).expect("a writable folder");
    let torn = torn.to_str().expect("a path of text");
    let figures =
        line(&reported(folder.path(), &[torn, "--summary-trend-stats", "min"]).expect_code(0).stdout);
    assert!(figures.starts_with("min ") && figures.ends_with("µs"), "{figures}");
    let json: Json =
        serde_json::from_str(&reported(folder.path(), &["--format", "json"]).stdout).expect("JSON");
    assert_eq!(json["layout"]["trend_stats"], serde_json::json!(["count", "max"]));

    let wrong = reported(folder.path(), &["--summary-trend-stats", "p95"]).expect_code(104);
    wrong.expect_said("`summary_trend_stats` is \"p95\"");
}

#[test]
fn a_run_without_a_summary_has_its_report_and_a_disabled_report_its_verdict() {
    let folder = folder();
    let run = play_in(folder.path(), SCRIPT, &server(), &["--summary-mode", "disabled"]).expect_code(0);
    assert_eq!(run.stdout, "");
    let report = reported(folder.path(), &[]).expect_code(0);
    assert!(report.stdout.contains("\n  METHOD\n"), "{}", report.stdout);
    let disabled = reported(folder.path(), &["--summary-mode", "disabled"]).expect_code(0);
    assert_eq!((&*disabled.stdout, &*disabled.stderr), ("", "✓ passed: 2 of 2 targets hold\n"));
}
