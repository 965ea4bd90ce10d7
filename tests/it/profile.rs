//! `runner run --profile`: whose time it is, natively and by the script's lines, and what can go wrong with it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::fixture::{Finished, Runner, folder, runner};
use crate::server::{Reply, Server};

/// Amounts by stack of a folded file.
fn stacks(folder: &Path, name: &str) -> Vec<(String, u64)> {
    let text = fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let stack = |line: &str| {
        let (stack, amount) = line.rsplit_once(' ').expect("a stack and its amount");
        (stack.to_owned(), amount.parse().expect("an amount"))
    };
    text.lines().map(stack).collect()
}

/// The sum of the stacks that hold all of these frames.
fn sum(stacks: &[(String, u64)], frames: &[&str]) -> u64 {
    let holds = |stack: &str| frames.iter().all(|frame| stack.split(';').any(|found| found == *frame));
    stacks.iter().filter(|(stack, _)| holds(stack)).map(|(_, amount)| amount).sum()
}

/// Samples, and the share of them that reaches the thread's root, as they were printed.
#[track_caller]
fn printed(finished: &Finished) -> (u64, f64) {
    let line = finished.stdout.lines().find(|line| line.contains(" reach their thread's root"));
    let line = line.unwrap_or_else(|| panic!("no samples\n{}", finished.printed()));
    let count = line.trim().split(' ').next().and_then(|word| word.replace(',', "").parse().ok());
    let share = line.split(" · ").nth(1).and_then(|part| part.trim_start_matches('>').split('%').next());
    let share = share.and_then(|share| share.parse().ok());
    count.zip(share).unwrap_or_else(|| panic!("no figures in {line:?}"))
}

fn profiled(script: &str, folder: &Path, args: &[&str]) -> Runner {
    let place = format!("--profile={}", folder.display());
    let args = ["run", "test.rhai", place.as_str()].into_iter().chain(args.iter().copied());
    runner(args).file("test.rhai", script)
}

/// Whether the machine was busy with others, which makes a run inconclusive, is not what these tests ask.
#[track_caller]
fn played(finished: Finished) -> Finished {
    if finished.code == Some(111) { finished } else { finished.expect_code(0) }
}

const FULL_SPEED: &str = r#"
base_url("demo");
options(#{ vus: 16, duration: "2s" });
fn flow() { check(http::get("/health"), #{ "is up": |r| r.status == 200 }); }
"#;

#[test]
fn at_full_speed_every_stack_is_whole_and_nothing_crashes() {
    for _ in 0..2 {
        let place = folder();
        let finished = played(profiled(FULL_SPEED, place.path(), &[]).run());
        let (count, share) = printed(&finished);
        assert!(count > 50 && share >= 99.0, "{}", finished.printed());
        let native = stacks(place.path(), "native.folded");
        assert_eq!(native.iter().map(|(_, amount)| amount).sum::<u64>(), count);
        // The service's own threads can be told from the runner's.
        for thread in ["worker 0;", "demo"] {
            assert!(native.iter().any(|(stack, _)| stack.starts_with(thread)), "{thread}: {native:?}");
        }
        assert!(native.iter().any(|(stack, _)| stack.contains("corosensei") && stack.contains("rhai::")));
        for (stack, _) in &native {
            assert!(!stack.contains("_ZN") && !stack.contains("::h0"), "a mangled name: {stack}");
        }
        let packed = fs::read(place.path().join("native.pb.gz")).expect("a profile of pprof's");
        assert_eq!(packed[..2], [0x1f, 0x8b], "it is gzipped");
        for name in ["native.svg", "script-computing.svg", "script-waiting.svg"] {
            let drawn = fs::read_to_string(place.path().join(name)).expect(name);
            assert!(drawn.contains("<svg") && drawn.contains("worker 0") == (name == "native.svg"), "{name}");
        }
        let waiting = stacks(place.path(), "script-waiting.folded");
        let asked = sum(&waiting, &["flow (test.rhai:4)", "http::get (test.rhai:4)"]);
        assert_eq!(asked, sum(&waiting, &[]), "all of the waiting is that request's: {waiting:?}");
        assert!(asked > 1_000_000, "16 users for 2 s: {asked}");
    }
}

const WORK: &str = r#"
import "lib/nap" as naps;
base_url(env("TARGET_URL"));
options(#{ vus: 1, iterations: 12 });
fn burn(n) {
    let x = 0;
    for i in 0..n {
        x += i % 7;
    }
    x
}
fn setup() {
    sleep("100ms");
    burn(20000);
}
fn flow() {
    burn(60000);
    sleep("20ms");
    http::get(
        "/slow"
    );
    [1].for_each(|x| burn(60000));
    group("inner", || naps::nap());
}
"#;

#[test]
fn a_scripts_time_is_told_by_line_waiting_apart_from_computing() {
    let server = Server::start(|_| {
        crate::fixture::pause(Duration::from_millis(10));
        Reply::ok("ok")
    });
    let place = folder();
    let run = profiled(WORK, place.path(), &["--results", "elsewhere"])
        .file("lib/nap.rhai", "fn nap() {\n    sleep(\"30ms\");\n}\n");
    let finished = played(run.env("TARGET_URL", server.url()).run());
    let waiting = stacks(place.path(), "script-waiting.folded");
    let at = |frames: &[&str]| sum(&waiting, frames);
    let slept = at(&["flow (test.rhai:18)", "sleep (test.rhai:18)"]);
    let asked = at(&["flow (test.rhai:19)", "http::get (test.rhai:19)"]);
    let napped = at(&[
        "flow (test.rhai:23)",
        "group (test.rhai:23)",
        "closure of line 23 (test.rhai:23)",
        "nap (lib/nap.rhai:2)",
        "sleep (lib/nap.rhai:2)",
    ]);
    assert!(slept >= 12 * 20_000 && asked >= 12 * 10_000 && napped >= 12 * 30_000, "{waiting:?}");
    assert_eq!(slept + asked + napped, at(&[]), "computing is not in it, nor is `setup`: {waiting:?}");
    let computing = stacks(place.path(), "script-computing.folded");
    let at = |frames: &[&str]| sum(&computing, frames);
    let direct = at(&["flow (test.rhai:17)"]);
    let by_closure = at(&["closure of line 22 (test.rhai:22)"]);
    assert!(direct > 10 && by_closure > 10, "{computing:?}");
    assert!((direct + by_closure) * 10 >= at(&[]) * 8, "loops take nearly all: {computing:?}");
    let burnt = at(&["burn (test.rhai:7)"]) + at(&["burn (test.rhai:8)"]);
    assert!(burnt * 10 >= at(&[]) * 8, "the line within the function: {computing:?}");
    finished.expect_said("script: where it waits").expect_said("burn (test.rhai:8)");
}

#[test]
fn the_native_profile_can_be_taken_alone() {
    let place = folder();
    let quick = FULL_SPEED.replace("2s", "500ms");
    let finished = played(profiled(&quick, place.path(), &["--profile-native"]).run());
    assert!(printed(&finished).0 > 10);
    let mut names: Vec<_> = fs::read_dir(place.path()).expect("the folder").flatten().collect();
    names.sort_by_key(fs::DirEntry::file_name);
    let names: Vec<String> =
        names.iter().map(|entry| entry.file_name().into_string().expect("a name")).collect();
    assert_eq!(names, ["native.folded", "native.pb.gz", "native.svg"]);
    let native = stacks(place.path(), "native.folded");
    assert!(native.iter().all(|(stack, _)| !stack.contains("::dbg_raw")), "no debugger");
    runner(["run", "--profile-native", "x.rhai"]).run().expect_code(2).expect_said("--profile");
}

#[test]
fn a_folder_that_cannot_be_written_is_told_before_the_load() {
    let server = Server::plain();
    let script = "base_url(env(\"TARGET_URL\"));\nfn flow() { http::get(\"/\"); }\n";
    let finished = runner(["run", "test.rhai", "--profile=file/below"])
        .file("test.rhai", script)
        .file("file", "in the way")
        .env("TARGET_URL", server.url())
        .run()
        .expect_code(112)
        .expect_said("failed to store the profile: file/below");
    assert_eq!(server.count(), 0, "{}", finished.printed());
}

#[test]
fn a_run_too_short_for_a_sample_says_so_and_keeps_its_verdict() {
    let server = Server::plain();
    let script = "base_url(env(\"TARGET_URL\"));\nfn flow() { http::get(\"/\"); throw \"no\"; }\n";
    let run = runner(["run", "test.rhai", "--profile"]).file("test.rhai", script);
    let finished = run.env("TARGET_URL", server.url()).run().expect_code(107);
    let said = finished.stdout.contains("note: no samples") || finished.stdout.contains("thread's root");
    assert!(said, "{}", finished.printed());
    finished.expect_said("in .runner/runs/").expect_said("http::get (test.rhai:2)");
}

#[test]
fn without_a_load_there_is_no_profile() {
    let script = "fn setup() { throw \"no\"; }\nfn flow() {}\n";
    let finished = runner(["run", "test.rhai", "--profile"]).file("test.rhai", script).run().expect_code(107);
    assert!(!finished.stdout.contains("PROFILE"), "{}", finished.printed());
}
