//! Runs that die: what `runner report` tells of them, to the last second.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::fixture::{Finished, Running, folder, pause, runner, wait_until};
use crate::server::Server;

/// A second is on disk so long after its end.
const LATE_MAX_MS: u64 = 1_200;

/// Without a server: what is kept is what matters.
const SCRIPT: &str = r#"
    scenario("busy", #{ executor: "constant-vus", vus: 3, duration: "10m", flow: "busy" });
    target("checks", "rate > 99%");
    fn busy() {
        check(true, "all is well");
        sleep("5ms");
    }
"#;

fn play(script: &str) -> Running {
    runner(["run", "-q", "--workers", "1", "flow.rhai"]).file("flow.rhai", script).start()
}

fn report(of: &Path) -> Finished {
    runner(["report", of.to_str().expect("a path in UTF-8")]).run()
}

/// The journal of the only run in a folder, once it is there.
fn journal(folder: &Path) -> PathBuf {
    let runs = folder.join(".runner/runs");
    let mut found = None;
    wait_until("a journal", Duration::from_secs(20), || {
        let mut entries = std::fs::read_dir(&runs).into_iter().flatten().flatten();
        found = entries.next().map(|entry| entry.path().join("journal")).filter(|path| path.is_file());
        found.is_some()
    });
    found.expect("it was waited for")
}

#[expect(clippy::disallowed_methods, reason = "held against the wall clock of what is kept")]
fn now_unix_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis())
        .expect("soon")
}

/// What the first line of a report says: how many seconds are kept, and when the last ended.
fn kept(report: &Finished) -> (u64, u64) {
    let first = report.stdout.lines().next().unwrap_or_default();
    assert!(first.starts_with("✗ INCOMPLETE: the run came to no end"), "{first}\n{}", report.printed());
    let seconds = first.split(", ").find_map(|part| part.split_once(" second")?.0.parse().ok());
    let until = first.split_once("until ").and_then(|(_, rest)| rest.split_once(" UTC"));
    match (seconds, until) {
        (Some(seconds), Some((until, _))) => (seconds, unix_ms(until)),
        _ if first.contains("no second of it is kept") => (0, 0),
        _ => panic!("{first}"),
    }
}

/// `2026-11-28 10:11:12.345`, in milliseconds since 1970 (Hinnant's days from civil).
fn unix_ms(text: &str) -> u64 {
    let numbers: Vec<i64> = text.split(['-', ' ', ':', '.']).map(|part| part.parse().expect(text)).collect();
    let [year, month, day, hour, minute, second, ms] = numbers[..] else { panic!("{text}") };
    let year = if month <= 2 { year - 1 } else { year };
    let of_era = year % 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year / 400 * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    u64::try_from(seconds * 1_000 + ms).expect("after 1970")
}

/// Kills a run so long after its journal was begun, and looks at what is left of it.
fn kill_after(delay: Duration) {
    let run = play(SCRIPT);
    let journal = journal(run.folder());
    pause(delay);
    let killed_ms = now_unix_ms();
    run.signal(rustix::process::Signal::KILL);
    let apart = folder();
    let copy = apart.path().join("journal");
    let ended = run.id();
    wait_until("the end of the process", Duration::from_secs(20), || {
        let state = std::fs::read_to_string(format!("/proc/{ended}/stat")).unwrap_or_default();
        state.is_empty() || state.contains(") Z ")
    });
    std::fs::copy(&journal, &copy).expect("a journal");
    let report = report(&copy).expect_code(0).expect_said("✗ INCOMPLETE: no verdict; until then: ");
    let (seconds, last_ms) = kept(&report);
    // The second behind the last that is kept ended a second later: too late to be there.
    let wanted_ms = killed_ms - LATE_MAX_MS;
    if seconds > 0 {
        assert!(last_ms + 1_000 > wanted_ms, "killed at {killed_ms}, kept until {last_ms}");
        let played = report.figure("iterations");
        assert!(played >= 50.0 * seconds as f64, "{played} iterations in {seconds} seconds");
    } else {
        assert!(delay < Duration::from_millis(LATE_MAX_MS + 2_000), "nothing is kept after {delay:?}");
    }
}

/// `COUNT` runs (20), four at a time.
#[test]
fn full_every_second_that_ended_1200_ms_before_a_kill_is_there() {
    const AT_ONCE: u64 = 2;
    let count: u64 = std::env::var("COUNT").map_or(20, |count| count.parse().expect("COUNT is a number"));
    let seed = now_unix_ms();
    std::thread::scope(|scope| {
        for lane in 0..AT_ONCE {
            scope.spawn(move || {
                for round in (lane..count).step_by(usize::try_from(AT_ONCE).expect("two")) {
                    // Spread over five seconds, by the golden ratio from a random start: no moment is left out for long.
                    let part =
                        ((seed.wrapping_add(round).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) * 5_000) >> 32;
                    kill_after(Duration::from_millis(500 + part));
                }
            });
        }
    });
}

#[test]
fn a_run_that_was_killed_is_told_and_so_is_any_prefix_of_it() {
    let run = play(SCRIPT);
    let journal = journal(run.folder());
    wait_until("two seconds", Duration::from_secs(30), || {
        // The head alone has less.
        report(&journal).stdout.contains("2 seconds are kept")
    });
    run.signal(rustix::process::Signal::KILL);
    let whole = std::fs::read(&journal).expect("a journal");
    let apart = folder();
    let cut = apart.path().join("cut");
    let seconds_of = |length: usize| {
        std::fs::write(&cut, &whole[..length]).expect("a writable folder");
        kept(&report(&cut).expect_code(0)).0
    };
    let all = seconds_of(whole.len());
    assert!(all >= 2);
    assert_eq!(seconds_of(whole.len() - 1), all - 1, "the last one is torn");
    // Something else where the journal should be is an error, not a report.
    std::fs::write(&cut, "[]").expect("a writable folder");
    report(&cut).expect_code(1).expect_said("it is no journal of a run");
    std::fs::write(&cut, &whole[..20]).expect("a writable folder");
    report(&cut).expect_code(1).expect_said("its head is missing");
    // A changed byte ends what is told, and is told.
    let mut changed = whole.clone();
    let last = changed.len() - 30;
    changed[last] ^= 1;
    std::fs::write(&cut, &changed).expect("a writable folder");
    let damaged = report(&cut).expect_code(0).expect_said("its journal is damaged at byte ");
    assert_eq!(kept(&damaged).0, all - 1);
}

#[test]
fn a_run_that_is_killed_in_its_setup_is_told_too() {
    let run = play(&format!("{SCRIPT}\nfn setup() {{ sleep(\"60s\"); }}"));
    let journal = journal(run.folder());
    wait_until("the head", Duration::from_secs(20), || report(&journal).code == Some(0));
    run.signal(rustix::process::Signal::KILL);
    wait_until("the end of the process", Duration::from_secs(20), || {
        report(&journal).stdout.contains("the run came to no end, and no second of it is kept")
    });
}

#[test]
fn a_run_that_is_under_way_is_told_so() {
    let run = play(SCRIPT);
    let journal = journal(run.folder());
    wait_until("a second", Duration::from_secs(30), || {
        report(&journal).stdout.starts_with("✗ INCOMPLETE: the run is under way, 1 second is kept")
    });
}

/// Without its last record, the end.
fn without_end(journal: &[u8]) -> &[u8] {
    let mut at = 17;
    while let Some(length) = journal.get(at..at + 4) {
        let length = u32::from_le_bytes(length.try_into().expect("four bytes"));
        let next = at + 4 + 1 + usize::try_from(length).expect("it is here") + 4;
        if next == journal.len() {
            assert_eq!(journal[at + 4], 4, "the last record is the end");
            return &journal[..at];
        }
        at = next;
    }
    panic!("no record ends where the file does");
}

/// All that a summary says from its targets on to the network: figures, which don't depend on how a run ended.
fn figures(report: &str) -> Vec<&str> {
    let lines = report.lines().skip_while(|line| !line.contains("TARGETS"));
    lines.take_while(|line| !line.contains("METHOD")).collect()
}

#[test]
fn a_run_without_its_end_has_the_same_figures_as_with_it() {
    let server = Server::plain();
    let script = format!(
        r#"
        base_url("{}");
        options(#{{ warm_up: "1s" }});
        scenario("a", #{{ executor: "constant-vus", vus: 2, duration: "3s", flow: "a" }});
        scenario("b", #{{ executor: "constant-arrival-rate", rate: 20, duration: "3s", max_vus: 5, flow: "b" }});
        target("http_req_duration", "p(95) < 9s");
        target("http_reqs", "rate > 1/s over 1s");
        target("http_req_failed{{scenario:a}}", "rate < 5% over 2s");
        target("mine", "max < 5");
        const MINE = trend("mine");
        fn a() {{ check(http::get("/one"), #{{ "is ok": |r| r.status == 200 }}); sleep("5ms"); global::MINE.add(2.5); }}
        fn b() {{ group("g", || http::get("/two")); }}
        fn teardown(data) {{ http::get("/three"); }}
        "#,
        server.url()
    );
    let kept = folder();
    let results = kept.path().to_str().expect("UTF-8").to_owned();
    let run = runner(["run", "-q", "flow.rhai", "--results", &results]).file("flow.rhai", &script).run();
    let entry = std::fs::read_dir(kept.path().join("runs")).expect("runs").flatten().next().expect("a run");
    let journal = std::fs::read(entry.path().join("journal")).expect("a journal");
    // With its end it prints what the run printed.
    let again = runner(["report", "last", "--results", &results]).run().expect_code(0);
    assert_eq!(again.stdout, run.stdout);
    let cut = kept.path().join("cut");
    std::fs::write(&cut, without_end(&journal)).expect("a writable folder");
    let told = report(&cut).expect_code(0);
    assert!(figures(&run.stdout).len() > 20, "{}", run.printed());
    assert_eq!(figures(&told.stdout), figures(&run.stdout));
}

#[test]
fn a_run_is_named_by_its_id_by_last_and_by_its_folder() {
    let script =
        r#"scenario("one", #{ executor: "per-vu-iterations", flow: "f" }); fn f() { check(true, "x"); }"#;
    let kept = folder();
    let results = kept.path().to_str().expect("UTF-8").to_owned();
    let run = runner(["run", "-q", "flow.rhai", "--results", &results]).file("flow.rhai", script);
    run.run().expect_code(0);
    let id = std::fs::read_dir(kept.path().join("runs")).expect("runs").flatten().next().expect("a run");
    let id = id.file_name().into_string().expect("an ID");
    let path = kept.path().join("runs").join(&id);
    for name in ["last", &id, path.to_str().expect("UTF-8")] {
        runner(["report", name, "--results", &results]).run().expect_code(0).expect_said("one: 1 iteration");
    }
    runner(["report", "nope", "--results", &results]).run().expect_code(2).expect_said("`nope`");
}
