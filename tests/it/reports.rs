//! What is kept of a run for programs, `summary.json`, by its published schema; and the reports `json`, `junit` and
//! `github`, of real runs.

use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;

use crate::fixture::{Finished, Runner, folder, root, runner, wait_until};
use crate::server::{Reply, Server};

/// The schema that users are given.
fn schema() -> Validator {
    let text = std::fs::read_to_string(root().join("docs/summary.schema.json")).expect("the schema");
    jsonschema::validator_for(&serde_json::from_str(&text).expect("JSON")).expect("a schema")
}

#[track_caller]
fn expect_valid(document: &Value) {
    let errors: Vec<String> =
        schema().iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

/// A script against a server, with its results in a folder that stays.
fn play(script: &str, server: &Server, args: &[&str], results: &Path) -> Runner {
    let script = format!("base_url(env(\"TARGET_URL\"));\n{script}");
    let results = results.to_str().expect("a path of ours");
    let args = ["run", "shop.rhai", "--results", results].into_iter().chain(args.iter().copied());
    runner(args).file("shop.rhai", &script).env("TARGET_URL", server.url())
}

/// The summaries that lie in a folder of results, in the order of the runs.
fn kept(results: &Path) -> Vec<(PathBuf, Value)> {
    let runs = results.join("runs");
    let mut files: Vec<PathBuf> = runs
        .read_dir()
        .expect("runs")
        .map(|run| run.expect("a folder").path().join("summary.json"))
        .collect();
    files.sort();
    let read = |file: PathBuf| {
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        (file, serde_json::from_str(&text).expect("JSON"))
    };
    files.into_iter().map(read).collect()
}

/// Plays it, holds what is kept to the schema and to what the process said, and gives it.
#[track_caller]
fn kept_of(script: &str, server: &Server, args: &[&str], code: i32) -> (Value, Finished) {
    let results = folder();
    let finished = play(script, server, args, results.path()).run().expect_code(code);
    let [(_, document)] = kept(results.path()).try_into().expect("one run");
    expect_valid(&document);
    assert_eq!(document["verdict"]["exit_code"], code, "{}", finished.printed());
    assert_eq!(document["schema"], 1);
    (document, finished)
}

fn metric<'a>(document: &'a Value, name: &str) -> &'a Value {
    let metrics = document["metrics"].as_array().expect("a list");
    let found = metrics.iter().find(|metric| metric["name"] == name);
    &found.unwrap_or_else(|| panic!("no {name} in {document}"))["value"]
}

const SHOP: &str = r#"
const SOLD = counter("sold");
const PRICE = trend("price");
scenario("shop", #{ executor: "per-vu-iterations", vus: 2, iterations: 30, flow: "buy" });
target("http_req_duration{name:price}", "p(50) < 10s");
target("checks", "rate > 10%");
fn buy() {
    let r = http::get("/price", #{ name: "price" });
    check(r.status == 200, "is 200");
    group("pay", || check(http::get("/pay").status == 200, "is paid"));
    global::SOLD.add(1);
    global::PRICE.add(12.5);
}
"#;

// ---------------------------------------------------------------- summary.json

#[test]
fn a_run_that_passed_is_kept_by_the_schema_and_equals_what_the_server_counted() {
    let server = Server::plain();
    let (document, _) = kept_of(SHOP, &server, &[], 0);
    assert_eq!(document["requests"], server.count());
    assert_eq!(metric(&document, "http_reqs")["counter"]["sum"], server.count() as f64);
    assert_eq!(document["scenarios"][0]["iterations"]["ok"], 60);
    assert_eq!(metric(&document, "sold")["counter"]["sum"], 60.0);
    let price = &metric(&document, "price")["trend"];
    assert_eq!((&price["count"], &price["p50_thousandths"]), (&60.into(), &12_500.into()));
    let times = &metric(&document, "http_req_duration")["times"];
    let buckets = times["measured"]["buckets_us"].as_array().expect("buckets");
    let counted: u64 = buckets.iter().map(|bucket| bucket[2].as_u64().expect("a count")).sum();
    assert_eq!(counted + times["measured"]["zeros"].as_u64().expect("a count"), server.count() as u64);
    assert_eq!(document["targets"][0]["verdict"], "passed");
    assert_eq!(document["targets"][0]["samples"], 60);
    assert!(document["targets"][0]["interval"]["low"].is_number(), "{document}");
    assert!(document["start_unix_us"].as_u64() > Some(1_700_000_000_000_000), "{document}");
}

#[test]
fn a_run_that_failed_is_kept_with_the_evidence() {
    let server = Server::start(|request| match request.path() {
        "/price" => Reply::new(503, "busy"),
        _ => Reply::ok("ok"),
    });
    let script =
        SHOP.replace("p(50) < 10s", "p(50) < 1us") + "target(\"checks{check:is 20}\", \"rate > 1%\");\n";
    let (document, _) = kept_of(&script, &server, &[], 99);
    let verdicts: Vec<&str> = document["targets"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["verdict"].as_str())
        .collect();
    assert_eq!(verdicts, ["failed", "passed", "no_samples"]);
    assert!(
        document["targets"][2]["near"][0].as_str().is_some_and(|near| near.contains("is 200")),
        "{document}"
    );
    let price = document["endpoints"].as_array().expect("a list").iter().find(|one| one["name"] == "price");
    assert_eq!(
        price.expect("an endpoint")["causes"][0],
        serde_json::json!({ "cause": "status 503", "count": 60 })
    );
    let findings = document["findings"].as_array().expect("a list");
    assert!(findings.iter().any(|one| one["finding"]["endpoint_failed"]["name"] == "price"), "{document}");
    assert_eq!(document["examples"][0]["failure"]["request"]["status"], 503);
    assert!(document["examples"][0]["curl"].as_str().is_some_and(|curl| curl.starts_with("curl ")));
}

#[test]
fn scripts_that_throw_requests_without_an_answer_and_a_setup_that_fails_are_kept() {
    let server = Server::plain();
    let throws = "fn flow() { http::get(\"/a\"); throw \"no <way>\"; }\n";
    let (document, _) = kept_of(throws, &server, &[], 107);
    assert_eq!(document["failures"][0]["kind"], "threw");
    assert_eq!(document["failures"][0]["diagnostic"]["labels"][0]["file"], "shop.rhai");
    assert_eq!(document["failures"][0]["diagnostic"]["labels"][0]["line"], 2);

    let unanswered = "scenario(\"a\", #{ executor: \"shared-iterations\", iterations: 3, flow: || { http::get(\"http://127.0.0.1:1/\"); } });\n\
                      target(\"http_req_failed\", \"rate < 1%\");\n";
    let (document, _) = kept_of(unanswered, &server, &["--no-preflight"], 99);
    let times = &metric(&document, "http_req_response_time")["times"];
    assert_eq!(times["at_least"]["count"], 3, "{times}");
    assert!(times["lower_bounds"].as_array().is_some_and(|keys| keys.contains(&"p50_us".into())), "{times}");

    let (document, _) =
        kept_of("fn setup() { throw \"no\"; }\nfn flow() { http::get(\"/\"); }\n", &server, &[], 107);
    assert_eq!(document["end"]["cause"], "no_load");
    assert_eq!(document["errors"][0]["code"], "setup");
    assert_eq!(document["elapsed_us"], 0);
}

#[test]
fn a_warm_up_an_open_load_and_a_stop_are_kept() {
    let server = Server::plain();
    let open = "scenario(\"open\", #{ executor: \"constant-arrival-rate\", rate: 50, duration: \"3s\", flow: || { http::get(\"/a\"); } });\n";
    let (document, _) = kept_of(open, &server, &["--warm-up", "1s"], 0);
    let warm_up = &document["warm_up"];
    assert_eq!(warm_up["length_us"], 1_000_000);
    let of = |part: &str| warm_up[part]["requests"].as_u64().expect("a count");
    assert_eq!(of("before") + of("after"), server.count() as u64);
    assert_eq!(document["scenarios"][0]["model"], "open");

    let endless = "scenario(\"a\", #{ executor: \"constant-vus\", vus: 1, duration: \"1m\", flow: || { http::get(\"/b\"); sleep(0.01); } });\n";
    let results = folder();
    let running = play(endless, &server, &[], results.path()).start();
    wait_until("a request", std::time::Duration::from_secs(20), || server.count_of("/b") > 0);
    running.interrupt();
    running.wait().expect_code(105);
    let [(_, document)] = kept(results.path()).try_into().expect("one run");
    expect_valid(&document);
    assert_eq!(
        (&document["verdict"]["outcome"], &document["end"]["cause"]),
        (&"stopped".into(), &"interrupted".into())
    );
}

// ---------------------------------------------------------------- reports

#[test]
fn the_report_json_is_what_is_kept_to_the_byte_and_stands_alone_on_standard_output() {
    let (server, results) = (Server::plain(), folder());
    let finished = play(SHOP, &server, &["--report", "json"], results.path()).run().expect_code(0);
    let [(file, document)] = kept(results.path()).try_into().expect("one run");
    assert_eq!(finished.stdout, std::fs::read_to_string(file).expect("a file"));
    expect_valid(&document);
}

#[test]
fn reports_are_written_beside_the_summary_which_stays_as_it_is() {
    let (server, results, out) = (Server::start(|_| Reply::new(500, "no")), folder(), folder());
    let path = |name: &str| out.path().join(name).to_str().expect("a path of ours").to_owned();
    let to = |name: &str, file: &str| format!("{name}={}", path(file));
    let (junit, json, text) = (to("junit", "a.xml"), to("json", "a.json"), to("text", "a.txt"));
    std::fs::write(path("step.md"), "# before\n").expect("a file");
    let args = ["--report", &junit, "--report", &json, "--report", &text, "--report", "github"];
    let script = SHOP.replace("rate > 10%", "rate > 90%");
    let finished = play(&script, &server, &args, results.path())
        .env("GITHUB_STEP_SUMMARY", path("step.md"))
        .run()
        .expect_code(99);
    let read = |name: &str| std::fs::read_to_string(path(name)).expect("a file");

    let annotation = finished.stdout.lines().next().unwrap_or_default();
    assert!(
        annotation
            .starts_with("::error file=shop.rhai,line=7,col=1,title=target::checks rate > 90%25: rate=0"),
        "{}",
        finished.printed()
    );
    assert!(
        finished.stdout.lines().last().is_some_and(|line| line.starts_with("✗ failed: 1 of 2")),
        "{}",
        finished.printed()
    );
    assert!(finished.stdout.ends_with(&read("a.txt")), "{}\n{}", read("a.txt"), finished.printed());

    let [(file, _)] = kept(results.path()).try_into().expect("one run");
    assert_eq!(read("a.json"), std::fs::read_to_string(file).expect("a file"));
    let xml = read("a.xml");
    // The run, two targets, two checks; a target and both checks failed.
    assert!(xml.contains("<testsuite name=\"shop.rhai\" tests=\"5\" failures=\"3\" errors=\"0\""), "{xml}");
    assert!(xml.contains("<testcase name=\"pay :: is paid\" classname=\"shop.checks\""), "{xml}");
    let step = read("step.md");
    assert!(step.starts_with("# before\n## ✗ failed: 1 of 2 targets doesn't hold"), "{step}");
    assert!(step.contains("| ✗ | checks | rate &gt; 90% |"), "{step}");
    let left: Vec<_> = out.path().read_dir().expect("a folder").filter_map(Result::ok).collect();
    assert_eq!(left.len(), 4, "no draft is left: {left:?}");
}

#[test]
fn a_target_that_does_not_hold_is_annotated_where_it_was_written() {
    let (server, results) = (Server::plain(), folder());
    let script = r#"import "lib/limits" as limits;
import "std/targets" as common;
scenario("one", #{ executor: "per-vu-iterations", vus: 1, iterations: 3, flow: "flow" });
target("http_req_duration", "p(50) < 10s", #{ allow_few: true });

    target("http_reqs", "count < 2");
limits::few("iterations");
common::checks("99%");
fn flow() { check(http::get("/").status == 404, "is there"); }
"#;
    let limits = "fn few(metric) {\n    // too few\n    target(metric, \"count < 3\");\n}\n";
    let args = ["--report", "github=step.md", "--report", "json=run.json"];
    let run = play(script, &server, &args, results.path()).file("lib/limits.rhai", limits);
    let finished = run.run().expect_code(99);
    let annotations: Vec<&str> =
        finished.stdout.lines().filter(|line| line.starts_with("::error ")).collect();
    assert_eq!(
        annotations,
        [
            // The first line of the script is the test's own.
            "::error file=shop.rhai,line=7,col=5,title=target::http_reqs count < 2: count=3",
            "::error file=lib/limits.rhai,line=3,col=5,title=target::iterations count < 3: count=3",
            // What comes with the binary lies in no file of the user's.
            "::error title=target::checks rate > 99%25: rate=0.00%25 (3 samples)",
        ],
        "{}",
        finished.printed()
    );
    let [(_, document)] = kept(results.path()).try_into().expect("one run");
    expect_valid(&document);
    let places: Vec<&Value> =
        document["targets"].as_array().expect("a list").iter().map(|target| &target["written_at"]).collect();
    let at = |file: &str, line, column| serde_json::json!({ "file": file, "line": line, "column": column });
    let expected = [at("shop.rhai", 5, 1), at("shop.rhai", 7, 5), at("lib/limits.rhai", 3, 5), Value::Null];
    assert_eq!(places, expected.iter().collect::<Vec<_>>());

    // Judged by another script's targets, the places are there.
    let other = "// of all\ntarget(\"http_reqs\", \"count > 100\");\n";
    let args = ["--targets", "slo/all.rhai", "--report", "github=step.md"];
    let run = play(script, &server, &args, results.path()).file("lib/limits.rhai", limits);
    let finished = run.file("slo/all.rhai", other).run().expect_code(99);
    finished
        .expect_said("::error file=slo/all.rhai,line=2,col=1,title=target::http_reqs count > 100: count=3\n");
}

#[test]
fn a_report_that_can_not_be_written_costs_112_and_neither_the_run_nor_the_others() {
    let (results, out) = (folder(), folder());
    let gone = out.path().join("gone");
    std::fs::create_dir(&gone).expect("a folder");
    let removed = gone.clone();
    let server = Server::start(move |_| {
        let _ = std::fs::remove_dir(&removed);
        Reply::ok("ok")
    });
    let lost = format!("junit={}", gone.join("a.xml").display());
    let other = format!("json={}", out.path().join("a.json").display());
    let finished =
        play(SHOP, &server, &["--report", &lost, "--report", &other], results.path()).run().expect_code(112);
    finished
        .expect_said("error: the report `junit` is not written: failed to write")
        .expect_said("✓ passed: 2 of 2 targets hold");
    assert_eq!(server.count(), 120);
    assert!(out.path().join("a.json").is_file());
}

#[test]
fn a_wrong_report_is_refused_before_the_load() {
    let (server, results) = (Server::plain(), folder());
    let refused =
        |report: &str| play(SHOP, &server, &["--report", report], results.path()).run().expect_code(2);
    refused("junitt").expect_said("there is no report `junitt`").expect_said("did you mean `junit`?");
    refused("json=none/a.json").expect_said("there is no folder `none`");
    refused("github").expect_said("`GITHUB_STEP_SUMMARY` is not set");
    play(SHOP, &server, &[], results.path()).env("RUNNER_REPORT", "xml").run().expect_code(2);
    assert_eq!(server.count(), 0);
}
