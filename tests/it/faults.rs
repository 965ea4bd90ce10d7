//! Disks that fail, folders that go away, signals, closed pipes: the load goes on, what was kept stays readable, and the
//! exit code says what was lost.
//!
//! Faults are put in by `strace -e inject` at one system call after another, on the paths of the run's own folder alone; short
//! writes by a library in front of the system's; a full disk is one of a megabyte.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::fixture::{Finished, Runner, folder, pause, runner, wait_until};
use crate::server::Server;

const SOON: Duration = Duration::from_secs(20);

/// A load of so many requests over three seconds, to a path of its own.
const REQUESTS: usize = 30;
const LOAD: &str = "base_url(env(\"TARGET_URL\"));
const PLACE = env(\"PLACE\");
scenario(\"a\", #{ executor: \"constant-arrival-rate\", rate: 10, duration: \"3s\", flow: \"flow\" });
fn flow() { http::get(global::PLACE); }";

/// The load, its results below that folder, its requests to `/NAME`.
fn load(server: &Server, results: &Path, name: &str) -> Runner {
    let args = ["run", "load.rhai", "--workers", "1", "--seed", "5", "--results"];
    let results = results.to_str().expect("a path of text");
    let run = runner(args.into_iter().chain([results])).file("load.rhai", LOAD);
    run.env("TARGET_URL", server.url()).env("PLACE", format!("/{name}"))
}

/// Nothing was lost. A machine that is busy with other tests may make a run inconclusive, which is no fault here.
#[track_caller]
fn expect_fine(finished: Finished) -> Finished {
    if finished.code == Some(111) { finished } else { finished.expect_code(0) }
}

/// What became of the only run there.
fn outcome(results: &Path) -> serde_json::Value {
    let file = run_folders(results)[0].join("environment.json");
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str::<serde_json::Value>(&text).expect("JSON")["outcome"].take()
}

fn run_folders(results: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(results.join("runs")) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).collect()
}

/// What a run left is whole, as far as it is there: no half of a file under a name of ours, no draft, and the reader of
/// runs can tell where it stands.
fn expect_readable(results: &Path, finished: &Finished) {
    for folder in run_folders(results) {
        if folder.join("journal").metadata().is_ok_and(|journal| journal.len() > 0) {
            // Of a journal whose first record could not be written there is nothing to tell.
            let reported = runner(["report", folder.to_str().expect("a path of text")]).run();
            let is_told = reported.code == Some(0) && !reported.stdout.contains("damaged")
                || reported.code == Some(1) && reported.stderr.contains("its head is missing");
            assert!(is_told, "{}\n{}", reported.printed(), finished.printed());
        }
        for name in ["environment.json", "summary.json"] {
            if let Ok(text) = fs::read_to_string(folder.join(name)) {
                let read = serde_json::from_str::<serde_json::Value>(&text);
                assert!(read.is_ok(), "{name}: {read:?}\n{text}\n{}", finished.printed());
            }
            let draft = folder.join(format!("{name}.part"));
            assert!(!draft.exists(), "{}\n{}", draft.display(), finished.printed());
        }
    }
    let results = results.to_str().expect("a path of text");
    let listed = runner(["runs", "--results", results]).run().expect_code(0);
    assert!(!listed.stderr.contains("note:"), "{}\n{}", listed.printed(), finished.printed());
}

/// The folders and files that a run of that seed may write, if it begins within the next minute; its name holds the
/// second.
fn paths(results: &Path) -> Vec<String> {
    const FILES: [&str; 7] = [
        "",
        "/journal",
        "/environment.json.part",
        "/environment.json",
        "/summary.json.part",
        "/script",
        "/script/load.rhai.part",
    ];
    let tail = tail_of_seed();
    let now = Command::new("date").args(["-u", "+%s"]).output().expect("date").stdout;
    let now: u64 = String::from_utf8_lossy(&now).trim().parse().expect("seconds");
    let results = results.canonicalize().expect("a folder");
    let mut paths = vec![results.clone(), results.join("runs")];
    for second in now..now + 60 {
        let time = Command::new("date").args(["-u", "-d", &format!("@{second}"), "+%Y%m%dT%H%M%SZ"]).output();
        let time = String::from_utf8_lossy(&time.expect("date").stdout).trim().to_owned();
        let run = format!("{}/runs/{time}-{tail}", results.display());
        paths.extend(FILES.map(|file| PathBuf::from(format!("{run}{file}"))));
    }
    paths.into_iter().map(|path| path.display().to_string()).collect()
}

/// The four characters that a run of seed 5 ends in: its lowest digit in groups of five bits.
fn tail_of_seed() -> &'static str {
    "5000"
}

/// A run under `strace`, which looks at calls on the run's own paths alone; `inject` is what it does there.
fn traced(server: &Server, results: &Path, name: &str, inject: Option<&str>, log: &Path) -> Finished {
    let mut words = vec!["strace".to_owned(), "-f".into(), "--seccomp-bpf".into(), "-qq".into(), "-o".into()];
    words.push(log.display().to_string());
    for path in paths(results) {
        words.extend(["-P".into(), path]);
    }
    words.extend(["-e".into(), format!("trace={}", CALLS.join(","))]);
    words.extend(inject.iter().flat_map(|inject| ["-e".into(), format!("inject={inject}")]));
    // In a file: whoever reads that a test failed needn't read all of these paths.
    let mut script = String::from("exec");
    for word in &words {
        let _ = write!(script, " '{word}'");
    }
    let file = log.with_extension("sh");
    fs::write(&file, format!("{script} \"$@\"\n")).expect("a writable folder");
    load(server, results, name).through(["sh", file.to_str().expect("a path of text")]).run()
}

/// The calls by which something is kept.
const CALLS: [&str; 8] =
    ["write", "openat", "fsync", "fdatasync", "renameat", "mkdirat", "mkdir", "ftruncate"];

/// How often each call is made on a run's paths, by the thread that makes it most.
fn calls_made(log: &Path) -> BTreeMap<String, usize> {
    let text = fs::read_to_string(log).expect("strace's log");
    let mut by_thread: BTreeMap<(String, &str), usize> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (Some(thread), Some(call)) = (words.next(), words.next()) else { continue };
        if let Some(name) = CALLS.iter().find(|name| call.starts_with(&format!("{name}("))) {
            *by_thread.entry((thread.to_owned(), name)).or_default() += 1;
        }
    }
    let mut most: BTreeMap<String, usize> = BTreeMap::new();
    for ((_, name), count) in by_thread {
        let known = most.entry(name.to_owned()).or_default();
        *known = count.max(*known);
    }
    most
}

/// Plays all of these, some at a time: each mostly waits for its seconds to pass.
fn at_once<T: Send>(cases: Vec<T>, play: impl Fn(T) + Sync) {
    const AT_ONCE: usize = 16;
    let cases = Mutex::new(cases);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(case) = cases.lock().expect("no case panics with it").pop() else { break };
                    play(case);
                }
            });
        }
    });
}

#[test]
fn needs_strace_a_fault_at_any_call_costs_neither_load_nor_what_was_kept() {
    let server = Server::plain();
    let (results, logs) = (folder(), folder());
    let log = logs.path().join("plain");
    let plain = expect_fine(traced(&server, results.path(), "plain", None, &log));
    assert_eq!(server.count_of("/plain"), REQUESTS, "{}", plain.printed());
    let made = calls_made(&log);
    for call in ["write", "openat", "fsync", "renameat", "mkdirat"] {
        assert!(made.contains_key(call), "no {call} was seen: {made:?}");
    }
    let mut cases = Vec::new();
    for (call, count) in &made {
        let errors: &[&str] = match call.as_str() {
            "write" => &["error=ENOSPC", "error=EIO", "error=EINTR", "retval=0"],
            "openat" => &["error=ENOSPC", "error=EIO", "error=EINTR"],
            _ => &["error=ENOSPC", "error=EIO"],
        };
        for nth in 1..=*count {
            cases.extend(errors.iter().map(|error| (call.clone(), *error, nth)));
        }
    }
    let all = cases.len();
    let (no_load, failed) = (Mutex::new(BTreeSet::new()), Mutex::new(Vec::new()));
    let injected = AtomicUsize::new(0);
    at_once(cases, |(call, error, nth)| {
        let name = format!("{call}-{}-{nth}", error.replace('=', "-"));
        let results = folder();
        let log = logs.path().join(&name);
        let inject = format!("{call}:{error}:when={nth}");
        let finished = traced(&server, results.path(), &name, Some(&inject), &log);
        let was_injected = fs::read_to_string(&log).is_ok_and(|log| log.contains("(INJECTED)"));
        injected.fetch_add(usize::from(was_injected), Ordering::Relaxed);
        let sent = server.count_of(&format!("/{name}"));
        // A busy machine may make a run inconclusive (111); what can't be kept weighs more.
        let is_right = match (error, was_injected) {
            ("error=EINTR", _) | (_, false) => matches!(finished.code, Some(0 | 111)) && sent == REQUESTS,
            // The folder itself could not be made: told before the load.
            _ if sent == 0 => {
                finished.code == Some(112) && no_load.lock().expect("a set").insert(name.clone())
            }
            _ => {
                finished.code == Some(112)
                    && sent == REQUESTS
                    && finished.stderr.contains("error: failed to ")
            }
        };
        if !is_right {
            let told = format!("{inject}: {sent} requests, code {:?}\n{}", finished.code, finished.printed());
            failed.lock().expect("a list").push(told);
        }
        expect_readable(results.path(), &finished);
    });
    let failed = failed.into_inner().expect("a list");
    assert!(failed.is_empty(), "{} faults went wrong\n{}", failed.len(), failed.join("\n"));
    // How seconds fall on a busy machine moves a call or two.
    let injected = injected.into_inner();
    assert!(injected * 10 >= all * 9, "{injected} of {all} faults were put in");
    // Only what makes the folder comes before the load: three folders are made (the first by its path), three opened.
    let no_load = no_load.into_inner().expect("a set");
    let is_of_folder = |name: &String| {
        ["mkdir-", "mkdirat-", "openat-"].iter().any(|call| name.starts_with(call))
            && name.rsplit('-').next().and_then(|nth| nth.parse::<usize>().ok()).is_some_and(|nth| nth <= 3)
    };
    assert!(no_load.iter().all(is_of_folder), "{no_load:?}");
}

/// In front of the system's own `write`: takes seven bytes at most of what goes into a run's folder, and is cut short by a
/// signal at every third call.
const SHORT_WRITES: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static __thread unsigned calls;
ssize_t write(int fd, const void *bytes, size_t count) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0) {
        path[length] = 0;
        if (strstr(path, "/runs/")) {
            if (++calls % 3 == 0) { errno = EINTR; return -1; }
            if (count > 7) count = 7;
        }
    }
    return real(fd, bytes, count);
}
"#;

#[test]
fn short_and_interrupted_writes_lose_nothing() {
    let (server, results, place) = (Server::plain(), folder(), folder());
    let (source, library) = (place.path().join("short.c"), place.path().join("short.so"));
    fs::write(&source, SHORT_WRITES).expect("a file");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).output();
    let built = built.expect("the compiler that Rust links by");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let finished = load(&server, results.path(), "short").env("LD_PRELOAD", &library).run();
    let finished = expect_fine(finished);
    assert_eq!(server.count_of("/short"), REQUESTS);
    expect_readable(results.path(), &finished);
    let run = &run_folders(results.path())[0];
    let kept = fs::read_to_string(run.join("script/load.rhai")).expect("the script");
    assert_eq!(kept, LOAD);
    assert_eq!(outcome(results.path())["requests"], REQUESTS);
}

#[test]
fn a_full_disk_costs_results_and_no_load() {
    let server = Server::plain();
    // How much of a megabyte is left when the run begins.
    for left_kib in [0, 4, 8, 16] {
        let (results, kept) = (folder(), folder());
        let (mount, copy) = (results.path().display(), kept.path().display());
        let filled = 1_024 - left_kib;
        let script = format!(
            "mount -t tmpfs -o size=1m none '{mount}' && head -c {filled}K /dev/zero >'{mount}/filled' && \
             {{ \"$@\"; code=$?; cp -r '{mount}/runs' '{copy}'; exit $code; }}"
        );
        let name = format!("left-{left_kib}");
        let run = load(&server, results.path(), &name);
        let finished = run.through(["unshare", "-rm", "sh", "-c", &script, "sh"]).run();
        assert_eq!(server.count_of(&format!("/{name}")), REQUESTS, "{}", finished.printed());
        expect_readable(kept.path(), &finished);
        if left_kib < 4 {
            let finished = finished.expect_code(112).expect_said("No space left on device");
            finished.expect_said("the disk is full: make room");
        } else {
            assert!(matches!(finished.code, Some(0 | 111 | 112)), "{}", finished.printed());
        }
    }
}

#[test]
fn a_file_that_may_not_grow_costs_results_and_no_load() {
    let (server, results) = (Server::plain(), folder());
    let run = load(&server, results.path(), "limit");
    let finished = run.through(["sh", "-c", "ulimit -f 1; exec \"$@\"", "sh"]).run().expect_code(112);
    assert_eq!(server.count_of("/limit"), REQUESTS, "{}", finished.printed());
    let finished = finished.expect_said("File too large");
    expect_readable(results.path(), &finished);
}

#[test]
fn a_folder_that_is_removed_under_the_run_costs_results_and_no_load() {
    let (server, results) = (Server::plain(), folder());
    let running = load(&server, results.path(), "removed").start();
    wait_until("the load", SOON, || server.count_of("/removed") > 3);
    fs::remove_dir_all(results.path().join("runs")).expect("a folder");
    let finished = running.wait().expect_code(112).expect_said("failed to create");
    assert_eq!(server.count_of("/removed"), REQUESTS, "{}", finished.printed());
    assert_eq!(run_folders(results.path()).len(), 0);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let (server, results) = (Server::plain(), folder());
    let run = load(&server, results.path(), "head");
    let finished = run.through(["bash", "-c", "set -o pipefail; \"$@\" | head -1", "bash"]).run();
    let finished = expect_fine(finished);
    assert_eq!(server.count_of("/head"), REQUESTS, "{}", finished.printed());
    assert!(finished.stdout.lines().count() <= 1, "{}", finished.printed());
    expect_readable(results.path(), &finished);
    assert_eq!(outcome(results.path())["requests"], REQUESTS);
}

#[test]
fn a_run_that_is_told_to_stop_keeps_what_there_was() {
    let server = Server::plain();
    let long = LOAD.replace("\"3s\"", "\"1m\"");
    for (name, signals) in [
        ("term", [Signal::TERM].as_slice()),
        ("int", &[Signal::INT]),
        ("twice", &[Signal::INT, Signal::INT]),
        ("hup", &[Signal::HUP]),
    ] {
        let results = folder();
        let run = load(&server, results.path(), name).file("load.rhai", &long);
        // Whoever runs these tests may have it ignored.
        let running = run.through(["env", "--default-signal=HUP"]).start();
        wait_until("the load", SOON, || server.count_of(&format!("/{name}")) > 12);
        for signal in signals {
            running.signal(*signal);
            pause(Duration::from_millis(20));
        }
        let finished = running.wait().expect_code(105);
        expect_readable(results.path(), &finished);
        let outcome = outcome(results.path());
        assert_eq!(outcome["exit_code"], 105, "{name}: {outcome}\n{}", finished.printed());
        assert_eq!(outcome["requests"], server.count_of(&format!("/{name}")), "{name}: {outcome}");
        let folder = run_folders(results.path()).remove(0);
        assert!(folder.join("summary.json").is_file(), "{name}: {}", finished.printed());
        let reported = runner(["report", folder.to_str().expect("a path of text")]).run().expect_code(0);
        assert!(!reported.stdout.contains("INCOMPLETE"), "{name}: {}", reported.printed());
    }
}

#[test]
fn a_hangup_that_nobody_wants_to_hear_of_stops_nothing() {
    let (server, results) = (Server::plain(), folder());
    let running = load(&server, results.path(), "nohup").through(["env", "--ignore-signal=HUP"]).start();
    wait_until("the load", SOON, || server.count_of("/nohup") > 3);
    running.signal(Signal::HUP);
    expect_fine(running.wait());
    assert_eq!(server.count_of("/nohup"), REQUESTS);
}
