//! Many names: the cap on series, ids that are folded, metrics that are left out. What the server was asked for and
//! what the process holds in memory is what the runner is held against.
//!
//! `make prove-names` plays a million URLs; the tests play fewer, and still many times more than there is room for.
#![expect(clippy::print_stdout, reason = "the figures are what `make prove-names` is run for")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::fixture::{Finished, Running, pause, runner, wait_until};
use crate::server::{Reply, Server};

/// What a million URLs may cost beyond one.
const MORE_MAX_BYTES: u64 = 64 << 20;

/// How many URLs are asked for, and users.
fn asked() -> u64 {
    std::env::var("COUNT").ok().and_then(|text| text.parse().ok()).unwrap_or(60_000)
}

fn play(script: &str, server: &Server, args: &[&str]) -> Finished {
    let script = format!("base_url(env(\"TARGET_URL\"));\n{script}");
    let args = ["run", "test.rhai", "--workers", "2"].iter().chain(args);
    runner(args).file("test.rhai", &script).env("TARGET_URL", server.url()).run()
}

/// The line of a summary that holds a text.
#[track_caller]
fn line<'f>(finished: &'f Finished, text: &str) -> &'f str {
    let found = finished.stdout.lines().find(|line| line.contains(text));
    found.unwrap_or_else(|| panic!("no line holds {text:?}\n{}", finished.printed()))
}

// ---------------------------------------------------------------- memory

/// A bare server in a process of its own: ten bytes of ours for a request would be counted as the runner's.
struct Bare {
    _process: Running,
    url: String,
}

impl Bare {
    fn start() -> Self {
        let process = runner(["demo", "--null", "0"]).timeout(Duration::from_hours(1)).start();
        wait_until("the null server", Duration::from_secs(20), || process.stdout().contains('\n'));
        let url = process.stdout().trim().rsplit(' ').next().unwrap_or_default().to_owned();
        Self { _process: process, url }
    }
}

/// The most memory that a process has held, so far.
fn peak_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
}

/// The peak of a run of so many iterations whose flow is `body`.
fn peak_of(server: &Bare, count: u64, body: &str) -> (u64, Finished) {
    let script = format!(
        "base_url(env(\"TARGET_URL\"));\n\
         scenario(\"many\", #{{ executor: \"shared-iterations\", vus: 32, iterations: {count}, max_duration: \"1h\", flow: \"flow\" }});\n\
         fn flow() {{ let n = scenario::iteration(); {body} }}"
    );
    let run = runner(["run", "--quiet", "--workers", "2", "many.rhai"]).file("many.rhai", &script);
    let mut run = run.env("TARGET_URL", &server.url).timeout(Duration::from_hours(1)).start();
    let mut peak = 0;
    while run.is_running() {
        peak = peak.max(peak_bytes(run.id()).unwrap_or(0));
        pause(Duration::from_millis(20));
    }
    let finished = run.wait();
    assert!((finished.figure("http_reqs") - count as f64).abs() < 0.5, "{}", finished.printed());
    (peak, finished)
}

#[test]
fn full_a_million_urls_take_hardly_more_memory_than_one() {
    let server = Bare::start();
    let count = asked();
    let (one, _) = peak_of(&server, count, "http::get(\"/users/1/orders\");");
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    println!("{count} requests of one URL: {:.1} MiB", mib(one));
    for (what, body) in [
        ("URLs", "http::get(`/users/${n}/orders`);"),
        ("URLs of one name", "http::get(`/users/${n}/orders`, #{ name: \"orders\" });"),
        ("names", "http::get(\"/users\", #{ name: `user ${n}` });"),
        ("tags", "http::get(\"/users\", #{ tags: #{ user: `${n}` } });"),
        ("checks", "check(http::get(\"/users\").status == 200, `user ${n}`);"),
        ("groups", "group(`user ${n}`, || http::get(\"/users\"));"),
    ] {
        let (many, finished) = peak_of(&server, count, body);
        let more = many.saturating_sub(one);
        println!("{count} different {what}: {:.1} MiB, {:.1} more", mib(many), mib(more));
        assert!(more <= MORE_MAX_BYTES, "{what}: {more} bytes more\n{}", finished.printed());
        if !what.contains("of one name") {
            finished.expect_said("more than 10,000 series: ");
        }
    }
}

// ---------------------------------------------------------------- the cap

#[test]
fn the_summary_names_what_there_was_too_much_of_and_targets_see_all_of_their_samples() {
    let server = Server::start(|request| match request.path() {
        "/price" => Reply::new(503, "no"),
        _ => Reply::ok("ok"),
    });
    // One request in ten is for a price, and only behind those that filled all room.
    let script = "
        scenario(\"many\", #{ executor: \"shared-iterations\", vus: 8, iterations: 4000, flow: \"many\" });
        target(\"http_reqs{name:/price}\", \"count == 200\");
        target(\"http_req_failed{name:/price}\", \"rate == 100%\");
        target(\"http_req_failed{scenario:many,name!:/price}\", \"rate == 0%\");
        target(\"checks{check:is a user}\", \"rate == 100%\");
        fn many() {
            let n = scenario::iteration();
            let r = http::get(`/users/${n}`);
            check(r.status == 200, \"is a user\");
            if n >= 2000 && n % 10 == 0 { http::get(\"/price\"); }
        }";
    let finished = play(script, &server, &[]).expect_code(0).expect_counted(server.count());
    let told = line(&finished, "more than 10,000 series");
    assert!(told.contains("values of the tag `name` (`/users/"), "{told}");
    assert!(
        told.ends_with("give the requests a `name`, or fold ids in paths by `fold_ids: true` (`--fold-ids`)"),
        "{told}"
    );
    assert!(line(&finished, "__other__ ").contains(','), "{}", finished.printed());
    assert_eq!(server.count_of("/price"), 200);
}

#[test]
fn a_tag_without_end_is_named_with_what_to_do() {
    let server = Server::plain();
    let script = "
        const SOLD = counter(\"sold\");
        target(\"sold\", \"count == 24000\");
        fn flow() { for n in 0..12000 { global::SOLD.add(2, #{ order: `o-${n}` }); } }";
    let finished = play(script, &server, &["--no-preflight"]).expect_code(0);
    let told = line(&finished, "more than 10,000 series");
    assert!(told.contains("values of the tag `order` (`o-10"), "{told}");
    assert!(told.ends_with("leave the tag `order` out, or `metrics: #{ drop: [\"sold\"] }`"), "{told}");
}

// ---------------------------------------------------------------- folded ids

#[test]
fn ids_in_paths_are_folded_on_demand_and_the_service_gets_them_whole() {
    let script = "
        scenario(\"a\", #{ executor: \"shared-iterations\", vus: 2, iterations: 40, flow: \"flow\" });
        target(\"http_reqs{name:\\\"/users/{id}/orders/{id}\\\"}\", \"count == 40\");
        target(\"http_reqs{name:/health}\", \"count == 40\");
        target(\"http_reqs{name:mine/7}\", \"count == 40\");
        fn flow() {
            let n = scenario::iteration();
            http::get(`/users/${n}/orders/${random::uuid()}?page=${n}`);
            http::get(\"/health\");
            http::get(\"/users/7\", #{ name: \"mine/7\" });
        }"
    .replace("random::uuid()", "uuid()");
    let server = Server::plain();
    let finished = play(&script, &server, &["--fold-ids"]).expect_code(0).expect_counted(server.count());
    let targets: BTreeSet<String> = server.requests().into_iter().map(|request| request.target).collect();
    assert!(targets.contains("/users/7"));
    assert_eq!(targets.len(), 42, "40 of their own, and two: {targets:?}");
    assert!(line(&finished, "/users/{id}/orders/{id} ").contains("40"));
    // Without it each is a name of its own, and the target that waits for the folded one says which are near.
    let server = Server::plain();
    let finished = play(&script, &server, &[]).expect_code(99);
    finished.expect_said("no samples: no series of `http_reqs` has name:\"/users/{id}/orders/{id}\"");
}

#[test]
fn a_script_asks_for_folding_itself_and_redirects_and_streams_follow() {
    let server = Server::start(|request| match request.path() {
        "/old/1" | "/old/2" => Reply::new(302, "").header("location", &request.path().replace("old", "new")),
        _ => Reply::ok("ok"),
    });
    let script = "
        options(#{ fold_ids: true });
        target(\"http_reqs{name:\\\"/old/{id}\\\"}\", \"count == 2\");
        target(\"http_reqs{name:\\\"/new/{id}\\\"}\", \"count == 2\");
        target(\"sse_streams{name:\\\"/feeds/{id}.json\\\"}\", \"count == 2\");
        fn flow() {
            for n in 1..3 {
                http::get(`/old/${n}`);
                sse::each(`/feeds/${n}.json`, |event| true);
            }
        }";
    play(script, &server, &[]).expect_code(0).expect_counted(server.count());
    play(script, &server, &["--fold-ids=false"]).expect_code(99);
}

// ---------------------------------------------------------------- metrics that are left out

#[test]
fn metrics_are_left_out_but_for_what_targets_and_the_run_are_judged_by() {
    let server = Server::plain();
    let script = "
        options(#{ metrics: #{ keep: [\"http_req*\", \"checks\"], drop: [\"http_req_*ing\", \"http_req_duration\"] } });
        const SOLD = counter(\"sold\");
        const SEEN = counter(\"seen\");
        target(\"sold\", \"count == 20\");
        target(\"http_req_waiting\", \"max < 30s\");
        scenario(\"a\", #{ executor: \"shared-iterations\", vus: 2, iterations: 20, flow: \"flow\" });
        fn flow() {
            check(http::get(\"/\").status == 200, \"is there\");
            global::SOLD.add(1);
            global::SEEN.add(1);
        }";
    let finished = play(script, &server, &[]).expect_code(0).expect_counted(server.count());
    for there in ["http_reqs", "checks", "http_req_waiting", "sold", "http_req_blocked", "iterations"] {
        line(&finished, &format!("{there}..."));
    }
    for gone in ["http_req_duration", "http_req_sending", "iteration_duration", "data_sent", "seen"] {
        assert_eq!(crate::fixture::figure(&finished.stdout, gone), None, "{gone}\n{}", finished.printed());
    }
    let told = line(&finished, "not recorded, as `metrics` says: ");
    assert!(told.contains(" more"), "{told}");
    finished
        .expect_said(
            "note: `http_req_waiting` is recorded although `metrics` leaves it out: a target is on it",
        )
        .expect_said("note: `sold` is recorded although `metrics` leaves it out: a target is on it");
}
