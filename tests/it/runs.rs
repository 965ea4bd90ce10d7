//! What a run leaves behind, and `runner runs` over it: for its owner alone, without secrets, never another's folder.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;

use crate::fixture::{Runner, folder, runner, wait_until};
use crate::server::Server;

const SOON: Duration = Duration::from_secs(20);

const ONCE: &str = "base_url(env(\"TARGET_URL\"));
scenario(\"one\", #{ executor: \"per-vu-iterations\", vus: 1, iterations: 3, flow: || http::get(\"/\") });";

const LONG: &str = "base_url(env(\"TARGET_URL\"));
scenario(\"long\", #{ executor: \"constant-vus\", vus: 1, duration: \"1m\", flow: || { http::get(\"/\"); sleep(0.02) } });";

/// A call with a script against a server, its results in that folder.
fn call(script: &str, server: &Server, results: &Path, args: &[&str]) -> Runner {
    let results = results.to_str().expect("a path of text");
    let run = runner(["run", "load.rhai", "--results", results].into_iter().chain(args.iter().copied()));
    run.file("load.rhai", script).env("TARGET_URL", server.url())
}

/// `runner runs ARGS…` over results in that folder: what it prints and says.
fn runs(results: &Path, args: &[&str], code: i32) -> (String, String) {
    let results = results.to_str().expect("a path of text");
    let args = ["runs"].into_iter().chain(args.iter().copied()).chain(["--results", results]);
    let finished = runner(args).run().expect_code(code);
    (finished.stdout, finished.stderr)
}

/// The folders of runs among results, in order.
fn run_folders(results: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(results.join("runs")) else { return Vec::new() };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

fn json(path: &Path) -> serde_json::Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", path.display()))
}

/// Every file and folder below, with its permissions.
fn modes(folder: &Path, all: &mut Vec<(PathBuf, u32)>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let stat = entry.metadata().expect("an entry");
        all.push((entry.path(), stat.mode() & 0o777));
        if stat.is_dir() {
            modes(&entry.path(), all);
        }
    }
}

#[test]
fn a_run_keeps_the_script_as_it_ran_and_what_it_was_played_with() {
    let (server, results) = (Server::plain(), folder());
    let script = "import \"lib/deep/way\" as way;
        const KEY = secret(\"KEY\");
        const MISTAKE = \"hunter2Tango\";
        base_url(env(\"TARGET_URL\"));
        scenario(\"one\", #{ executor: \"per-vu-iterations\", vus: 1, flow: \"flow\" });
        fn flow() { http::get(way::path()); }";
    let args = ["--seed", "7", "-e", "DB_PASSWORD=oh no", "--tag", "build=hunter2Tango"];
    let run = call(script, &server, results.path(), &args).env("KEY", "hunter2Tango");
    let finished = run.file("lib/deep/way.rhai", "fn path() { \"/hunter2Tango\" }").run().expect_code(0);
    let runs = run_folders(results.path());
    assert_eq!(runs.len(), 1);
    let line = format!("results: {}\n", runs[0].display());
    assert!(finished.stderr.ends_with(&line), "{}", finished.printed());

    let shown = fs::read_to_string(runs[0].join("script/load.rhai")).expect("the script");
    assert_eq!(shown, script.replace("hunter2Tango", "***"), "as it ran, but for secrets");
    let shown = fs::read_to_string(runs[0].join("script/lib/deep/way.rhai")).expect("its module");
    assert_eq!(shown, "fn path() { \"/***\" }");

    let environment = json(&runs[0].join("environment.json"));
    assert_eq!(environment["schema"], 1);
    assert_eq!(environment["seed"], 7);
    assert_eq!(environment["script"]["files"], serde_json::json!(["load.rhai", "lib/deep/way.rhai"]));
    assert_eq!(environment["outcome"]["verdict"], "passed");
    assert_eq!(environment["outcome"]["requests"], server.count());
    assert_eq!(environment["options"]["tags"]["build"], "***");
    let command = environment["command"].as_array().expect("words");
    assert!(command.contains(&"DB_PASSWORD=***".into()) && command.contains(&"--seed".into()), "{command:?}");

    let mut all = vec![(results.path().join("runs"), 0o700)];
    modes(&results.path().join("runs"), &mut all);
    for (path, mode) in all {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, wanted, "{}", path.display());
        if path.is_file() {
            let bytes = fs::read(&path).expect("a file");
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("hunter2Tango") && !text.contains("oh no"), "{}", path.display());
        }
    }
}

#[test]
fn a_quiet_run_says_nothing_of_its_folder_and_an_unsaved_one_has_none() {
    let (server, results) = (Server::plain(), folder());
    let quiet = call(ONCE, &server, results.path(), &["-q"]).run().expect_code(0);
    assert!(!quiet.stderr.contains("results:"), "{}", quiet.printed());
    assert_eq!(run_folders(results.path()).len(), 1);
    let unsaved = call(ONCE, &server, results.path(), &["--no-save"]).run().expect_code(0);
    assert!(!unsaved.stderr.contains("results:"), "{}", unsaved.printed());
    assert_eq!(run_folders(results.path()).len(), 1);
}

#[test]
fn a_run_that_never_began_leaves_no_folder() {
    let (server, results) = (Server::plain(), folder());
    let lost = ONCE.replace("env(\"TARGET_URL\")", "\"http://127.0.0.1:1\"");
    call(&lost, &server, results.path(), &[]).run().expect_code(99);
    assert_eq!(run_folders(results.path()), [] as [PathBuf; 0]);
}

#[test]
fn runs_are_listed_shown_tagged_and_removed() {
    let (server, results) = (Server::plain(), folder());
    let (none, said) = runs(results.path(), &[], 0);
    assert!(none.is_empty() && said.starts_with("no runs in "), "{none}{said}");
    call(ONCE, &server, results.path(), &[]).run().expect_code(0);
    let failing = format!("{ONCE}\ntarget(\"http_reqs\", \"count > 5\");");
    call(&failing, &server, results.path(), &[]).run().expect_code(99);
    let folders = run_folders(results.path());
    let ids: Vec<&str> =
        folders.iter().map(|path| path.file_name().and_then(|name| name.to_str()).expect("an id")).collect();
    let failed = json(&folders[0].join("environment.json"))["outcome"]["verdict"] == "failed";
    let (passed, failed) = if failed { (ids[1], ids[0]) } else { (ids[0], ids[1]) };

    runs(results.path(), &["tag", passed, "base"], 0);
    let (list, _) = runs(results.path(), &[], 0);
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines.len(), 3, "{list}");
    assert!(lines[0].starts_with("begun (UTC)"), "{list}");
    assert!(lines[1].contains(failed) && lines[1].contains("✗ failed"), "the newest first\n{list}");
    assert!(lines[2].contains(passed) && lines[2].contains("✓ passed"), "{list}");
    assert!(lines[2].ends_with("  3  base") && lines[2].contains("load.rhai"), "{list}");

    let (told, _) = runs(results.path(), &["--json"], 0);
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(told["schema"], 1);
    assert_eq!(told["runs"][0]["id"], failed);
    assert_eq!(told["runs"][1]["tags"], serde_json::json!(["base"]));
    assert_eq!(told["runs"][1]["outcome"]["requests"], 3);

    for name in ["last", failed] {
        let (shown, _) = runs(results.path(), &["show", name], 0);
        assert!(shown.contains(&format!("run      {failed}")), "{shown}");
        assert!(shown.contains("because  1 of 1 target doesn't hold"), "{shown}");
        assert!(
            shown.contains("targets  0 of 1 hold") && shown.contains("file     environment.json"),
            "{shown}"
        );
    }
    let (shown, _) = runs(results.path(), &["show", "base", "--json"], 0);
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["run"]["id"], passed);
    assert_eq!(shown["environment"]["id"], passed);

    let (_, said) = runs(results.path(), &["show", "bse"], 2);
    assert!(said.contains("there is no run `bse`") && said.contains("did you mean `base`?"), "{said}");
    let (_, said) = runs(results.path(), &["tag", failed, "base"], 2);
    assert!(said.contains("already") && said.contains("--move"), "{said}");
    let (_, said) = runs(results.path(), &["tag", failed, "last"], 2);
    assert!(said.contains("stands for the newest run"), "{said}");
    let (_, said) = runs(results.path(), &["prune"], 2);
    assert!(said.contains("--keep 20"), "{said}");
    let (_, said) = runs(results.path(), &["prune", "--older-than", "30"], 2);
    assert!(said.contains("unit"), "{said}");

    let (told, _) = runs(results.path(), &["prune", "--keep", "0", "--dry-run"], 0);
    assert!(told.contains(&format!("would remove {failed}")), "{told}");
    assert_eq!(run_folders(results.path()).len(), 2);
    let (told, _) = runs(results.path(), &["prune", "--keep", "0", "--older-than", "1h"], 0);
    assert!(told.contains("removed 0 runs"), "{told}");
    let (told, _) = runs(results.path(), &["prune", "--keep", "0"], 0);
    assert!(told.contains(&format!("spared {passed}: it is tagged `base`")), "{told}");
    assert!(told.contains("removed 1 run, ") && told.ends_with("; 1 left\n"), "{told}");
    runs(results.path(), &["untag", "base", "base"], 0);
    runs(results.path(), &["prune", "--keep", "0"], 0);
    assert_eq!(run_folders(results.path()), [] as [PathBuf; 0]);
}

#[test]
fn a_run_under_way_is_known_and_spared_and_a_killed_one_is_incomplete() {
    let (server, results) = (Server::plain(), folder());
    let running = call(LONG, &server, results.path(), &[]).start();
    wait_until("the load", SOON, || server.count() > 1);
    let (list, _) = runs(results.path(), &[], 0);
    assert!(list.contains("… under way") && list.contains("load.rhai"), "{list}");
    let (told, _) = runs(results.path(), &["prune", "--keep", "0"], 0);
    assert!(told.contains(": it is under way") && told.contains("1 left"), "{told}");
    running.signal(Signal::KILL);
    running.wait();
    let (list, _) = runs(results.path(), &[], 0);
    assert!(list.contains("! incomplete"), "{list}");
    assert!(run_folders(results.path())[0].join("script/load.rhai").is_file(), "what was played is known");
    let (told, _) = runs(results.path(), &["prune", "--keep", "0"], 0);
    assert!(told.contains("removed 1 run"), "{told}");
}

#[test]
fn a_planted_link_ends_a_run_before_its_load_and_a_named_one_is_followed() {
    let (server, elsewhere) = (Server::plain(), folder());
    let refused = |run: Runner| {
        let finished = run.file("load.rhai", ONCE).env("TARGET_URL", server.url()).run().expect_code(112);
        assert!(finished.stderr.contains("is left alone"), "{}", finished.printed());
        assert_eq!(fs::read_dir(elsewhere.path()).expect("a folder").count(), 0, "{}", finished.printed());
    };
    let run = runner(["run", "load.rhai"]);
    symlink(elsewhere.path(), run.folder().join(".runner")).expect("a link");
    refused(run);
    let run = runner(["run", "load.rhai"]);
    fs::create_dir(run.folder().join(".runner")).expect("a folder");
    symlink(elsewhere.path(), run.folder().join(".runner/runs")).expect("a link");
    refused(run);
    let run = runner(["run", "load.rhai"]).file(".runner", "a file");
    refused(run);
    assert_eq!(server.count(), 0, "no load");

    let run = runner(["run", "load.rhai", "--results", "./.runner"]);
    symlink(elsewhere.path(), run.folder().join(".runner")).expect("a link");
    run.file("load.rhai", ONCE).env("TARGET_URL", server.url()).run().expect_code(0);
    assert_eq!(run_folders(elsewhere.path()).len(), 1, "the user named it");
}

#[test]
fn a_profile_lies_in_the_folder_of_its_run() {
    let (server, results) = (Server::plain(), folder());
    let finished = call(ONCE, &server, results.path(), &["--profile"]).run().expect_code(0);
    let profile = run_folders(results.path())[0].join("profile");
    assert!(profile.join("script-waiting.folded").is_file(), "{}", finished.printed());
    let mut below = Vec::new();
    modes(&profile, &mut below);
    assert!(below.len() > 2 && below.iter().all(|(_, mode)| *mode == 0o600), "{below:?}");
    assert_eq!(fs::metadata(&profile).expect("a folder").mode() & 0o777, 0o700);
    assert!(finished.stdout.contains(&format!("in {}:", profile.display())), "{}", finished.printed());
    let unsaved = call(ONCE, &server, results.path(), &["--profile", "--no-save"]).run().expect_code(0);
    assert!(results.path().join("profile/script-waiting.folded").is_file(), "{}", unsaved.printed());
}

#[test]
fn a_link_in_the_place_of_a_profile_is_not_followed() {
    let (server, results, elsewhere) = (Server::plain(), folder(), folder());
    let run = call(LONG, &server, results.path(), &["--profile"]).start();
    wait_until("the load", SOON, || server.count() > 3);
    symlink(elsewhere.path(), run_folders(results.path())[0].join("profile")).expect("a link");
    run.interrupt();
    let finished = run.wait();
    assert!(
        finished.stderr.contains("profile") && finished.stderr.contains("is left alone"),
        "{}",
        finished.printed()
    );
    assert!(matches!(finished.code, Some(105 | 112)), "{}", finished.printed());
    assert_eq!(fs::read_dir(elsewhere.path()).expect("a folder").count(), 0, "{}", finished.printed());
}

#[test]
fn ten_runs_in_one_folder_at_once_have_a_folder_each() {
    let (server, results) = (Server::plain(), folder());
    // The same seed, so that they ask for the same name within a second.
    let all: Vec<_> = (0..10)
        .map(|_| call(ONCE, &server, results.path(), &["--seed", "5", "--workers", "1"]).start())
        .collect();
    let mut said = Vec::new();
    for running in all {
        let finished = running.wait().expect_code(0);
        said.push(finished.stderr.lines().last().unwrap_or_default().to_owned());
    }
    said.sort();
    said.dedup();
    assert_eq!(said.len(), 10, "{said:?}");
    let folders = run_folders(results.path());
    assert_eq!(folders.len(), 10);
    for folder in &folders {
        let environment = json(&folder.join("environment.json"));
        assert_eq!(environment["outcome"]["requests"], 3, "{environment}");
        assert!(folder.ends_with(environment["id"].as_str().expect("an id")));
    }
    let (list, _) = runs(results.path(), &[], 0);
    assert_eq!(list.matches("✓ passed").count(), 10, "{list}");
}

#[test]
fn several_scripts_of_one_command_have_a_folder_each() {
    let (server, results) = (Server::plain(), folder());
    let run = runner(["run", "a.rhai", "b.rhai", "--results", results.path().to_str().expect("a path")]);
    let run = run.file("a.rhai", ONCE).file("b.rhai", ONCE).env("TARGET_URL", server.url());
    let finished = run.run().expect_code(0);
    assert_eq!(finished.stderr.matches("results: ").count(), 2, "{}", finished.printed());
    let mut names: Vec<String> = run_folders(results.path())
        .iter()
        .map(|folder| json(&folder.join("environment.json"))["script"]["name"].to_string())
        .collect();
    names.sort();
    assert_eq!(names, ["\"a.rhai\"", "\"b.rhai\""]);
}

#[test]
fn a_folder_of_somebody_elses_making_is_shown_without_harm() {
    let results = folder();
    let run = results.path().join("runs/20200101T000000Z-aaaa");
    fs::create_dir_all(&run).expect("a folder");
    fs::write(run.join("environment.json"), "\u{1b}]0;owned\u{7}").expect("a file");
    fs::write(run.join("tags.json"), "[\"../../x\"]").expect("a file");
    let (list, said) = runs(results.path(), &[], 0);
    assert!(list.contains("! incomplete"), "{list}");
    assert!(said.contains("is not what it should be") && !said.contains('\u{1b}'), "{said:?}");
    let (_, said) = runs(results.path(), &["show", "last"], 1);
    assert!(said.contains("environment.json"), "{said}");
}
