//! `runner watch`: scripts that are edited while they are played.
#![expect(clippy::print_stdout, reason = "the figures are what `make soak` is run for")]

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::fixture::{Finished, Running, pause, runner, wait_until};
use crate::server::{Reply, Server};

/// For what takes milliseconds on a machine that has nothing else to do.
const SOON: Duration = Duration::from_secs(40);

/// A script of four users that ask for `/VERSION`, one request an iteration.
fn script(server: &Server, version: &str) -> String {
    shaped(server, "vus: 4, duration: \"10m\", think: \"20ms\"", &format!("http::get(\"/{version}\");"))
}

fn shaped(server: &Server, load: &str, flow: &str) -> String {
    let url = server.url();
    format!(
        "base_url(\"{url}\");\n\
         scenario(\"main\", #{{ executor: \"constant-vus\", {load}, flow: \"flow\" }});\n\
         fn on_start() {{ this.name = \"kept\"; http::get(\"/start\"); }}\n\
         fn flow() {{ {flow} }}\n"
    )
}

/// A script that is watched, once its load goes on.
fn watch(server: &Server, files: &[(&str, &str)], flags: &[&str]) -> Running {
    let mut watched = runner(["watch", "flow.rhai", "--workers", "2"].iter().chain(flags)).timeout(SOON * 4);
    for (name, text) in files {
        watched = watched.file(name, text);
    }
    let watched = watched.start();
    wait_for(server, "/1");
    watched
}

fn wait_for(server: &Server, path: &str) {
    let before = server.count_of(path);
    wait_until(&format!("another request for {path}"), SOON, || server.count_of(path) > before);
}

fn wait_said(watched: &Running, text: &str) {
    let deadline = Instant::now() + SOON;
    while !watched.stderr().contains(text) {
        assert!(Instant::now() < deadline, "waited {SOON:?} for {text:?}\n{}", watched.stderr());
        pause(Duration::from_millis(5));
    }
}

fn save(watched: &Running, name: &str, text: impl AsRef<[u8]>) {
    std::fs::write(watched.folder().join(name), text).expect("a writable folder");
}

/// As many editors do: the whole file beside it first.
fn save_by_rename(folder: &Path, name: &str, text: &str) {
    let beside = folder.join(format!(".{name}.tmp"));
    std::fs::write(&beside, text).expect("a writable folder");
    std::fs::rename(beside, folder.join(name)).expect("a file that was just written");
}

/// Ends it by Ctrl-C while the load goes on.
fn stop(watched: Running) -> Finished {
    watched.interrupt();
    watched.wait().expect_code(105)
}

#[test]
fn a_save_of_any_kind_is_played_and_users_and_connections_live_on() {
    let server = Server::plain();
    let watched = watch(&server, &[("flow.rhai", &script(&server, "1"))], &[]);
    save(&watched, "flow.rhai", script(&server, "2"));
    wait_for(&server, "/2");
    save_by_rename(watched.folder(), "flow.rhai", &script(&server, "3"));
    wait_for(&server, "/3");
    // As vim does: the old one becomes a backup.
    let path = watched.folder().join("flow.rhai");
    std::fs::rename(&path, watched.folder().join("flow.rhai~")).unwrap();
    std::fs::write(&path, script(&server, "4")).unwrap();
    std::fs::remove_file(watched.folder().join("flow.rhai~")).unwrap();
    wait_for(&server, "/4");
    // What a user was given stays.
    let last = shaped(&server, "vus: 4, duration: \"10m\", think: \"20ms\"", "http::get(`/5${this.name}`);");
    save(&watched, "flow.rhai", &last);
    wait_for(&server, "/5kept");
    wait_said(&watched, "version 5 is played, ");
    let ended = stop(watched);
    assert_eq!(server.count_of("/start"), 4, "{}", ended.printed());
    assert!(ended.stderr.contains("these figures are of versions 1 to 5"), "{}", ended.printed());
    let sha256 = Sha256::digest(&last).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    assert!(ended.stdout.contains(&sha256[..12]), "{sha256} {}", ended.printed());
    assert!(server.connections() <= 4 + 1, "one a user, and the preflight's: {}", server.connections());
}

#[test]
fn a_save_of_a_module_or_of_a_data_file_is_played_too() {
    let server = Server::plain();
    let flow = shaped(
        &server,
        "vus: 2, duration: \"10m\", think: \"20ms\"",
        "http::get(`/${paths::own()}`); http::get(`/${global::NAMES[0]}`);",
    );
    let flow = format!("import \"lib/paths\" as paths;\nconst NAMES = data::lines(\"names.txt\");\n{flow}");
    let module = |name: &str| format!("fn own() {{ \"{name}\" }}");
    let files = [("flow.rhai", &*flow), ("lib/paths.rhai", &module("1")), ("names.txt", "one\n")];
    let watched = watch(&server, &files, &[]);
    wait_for(&server, "/one");
    save(&watched, "names.txt", "two\n");
    wait_for(&server, "/two");
    save(&watched, "lib/paths.rhai", module("2"));
    wait_for(&server, "/2");
    save_by_rename(&watched.folder().join("lib"), "paths.rhai", &module("3"));
    wait_for(&server, "/3");
    // The data that didn't change is there still.
    wait_for(&server, "/two");
    // A folder that goes and comes, as with another branch.
    std::fs::remove_dir_all(watched.folder().join("lib")).unwrap();
    wait_said(&watched, "there is no module `lib/paths.rhai`");
    std::fs::create_dir(watched.folder().join("lib")).unwrap();
    save(&watched, "lib/paths.rhai", module("4"));
    wait_for(&server, "/4");
    stop(watched);
}

#[test]
fn a_broken_save_is_shown_and_the_version_before_goes_on() {
    let server = Server::plain();
    let good = format!("import \"login\" as login;\n{}", script(&server, "1"));
    let module = "fn token() { 1 }\n";
    let watched = watch(&server, &[("flow.rhai", &good), ("login.rhai", module)], &[]);
    let torn = good.split_once("fn flow").expect("a flow").0;
    for (file, bytes, said) in [
        ("flow.rhai", "".as_bytes(), "declares no scenario"),
        ("flow.rhai", torn.as_bytes(), "the script has no function `flow`"),
        ("flow.rhai", b"\x7fELF\xff\x00".as_slice(), "is no text in UTF-8"),
        ("flow.rhai", b"let x = ;", "--> flow.rhai:1:9"),
        ("login.rhai", b"fn token() { 1 ".as_slice(), "login.rhai:1:"),
    ] {
        let whole = if file == "flow.rhai" { &*good } else { module };
        let before = watched.stderr().len();
        save(&watched, file, bytes);
        let told = |text: &str| watched.stderr()[before..].contains(text);
        wait_until(said, SOON, || told(said));
        wait_until("what goes on", SOON, || told("the save is not played: the version before goes on"));
        wait_for(&server, "/1");
        save(&watched, file, whole);
        wait_until("that it is mended", SOON, || told("the files say again what is played"));
    }
    std::fs::remove_file(watched.folder().join("flow.rhai")).unwrap();
    wait_said(&watched, "failed to read the script `flow.rhai`");
    wait_for(&server, "/1");
    save(&watched, "flow.rhai", good.replace("/1", "/2"));
    wait_for(&server, "/2");
    let ended = stop(watched);
    assert!(!ended.stderr.contains("version 3"), "each mistake cost no version\n{}", ended.printed());
}

#[test]
fn a_diagnostic_is_that_of_check_with_all_that_is_wrong() {
    let server = Server::plain();
    let watched = watch(&server, &[("flow.rhai", &script(&server, "1"))], &[]);
    let broken = script(&server, "1").replace("http::get", "http::gett");
    save(&watched, "flow.rhai", &broken);
    wait_said(&watched, "the version before goes on");
    let checked = runner(["check", "flow.rhai"]).file("flow.rhai", &broken).run();
    let error = checked.stderr.split("\nhint").next().expect("an error");
    assert!(error.contains("http::gett"), "{}", checked.printed());
    assert!(watched.stderr().contains(error), "{}\n{}", watched.stderr(), checked.printed());
    stop(watched);
}

#[test]
fn a_changed_plan_is_applied_and_what_needs_a_restart_is_said() {
    let server = Server::plain();
    let watched = watch(&server, &[("flow.rhai", &script(&server, "1"))], &[]);
    let more =
        shaped(&server, "vus: 7, duration: \"10m\", think: \"10ms\"", "http::get(`/user${vu::id()}`);");
    let more = format!(
        "{more}\nscenario(\"other\", #{{ executor: \"constant-vus\", vus: 1, duration: \"1s\", flow: \"flow\" }});\n\
         target(\"http_req_failed\", \"rate < 50%\");"
    );
    save(&watched, "flow.rhai", more);
    wait_for(&server, "/user7");
    for said in [
        "now: scenario `main`: 7 VUs for 10m, was 4 VUs for 10m",
        "now: scenario `main`: think time 10ms, was 20ms",
        "now: target `http_req_failed`: `rate < 50%`, was none",
        "after a restart: scenario `other` is new: 1 VU for 1s",
    ] {
        wait_said(&watched, said);
    }
    // A scenario that is gone and whose flow is gone too.
    let other = script(&server, "2")
        .replace("\"main\"", "\"renamed\"")
        .replace("flow()", "fly()")
        .replace("\"flow\"", "\"fly\"");
    save(&watched, "flow.rhai", other);
    wait_said(&watched, "the save is played after a restart:");
    wait_for(&server, "/user1");
    let ended = stop(watched);
    assert_eq!(server.count_of("/2"), 0);
    assert!(ended.stdout.contains("http_req_failed"), "the new target is judged\n{}", ended.printed());
}

#[test]
fn a_load_that_is_over_is_played_again_at_the_next_save() {
    let server = Server::plain();
    let short = |version: &str| script(&server, version).replace("duration: \"10m\"", "duration: \"1s\"");
    let watched = watch(&server, &[("flow.rhai", &short("1"))], &["-q"]);
    wait_said(&watched, "the load is over");
    assert!(watched.stdout().contains("http_reqs"), "its summary is printed: {}", watched.stdout());
    save(&watched, "flow.rhai", "fn flow( {");
    wait_said(&watched, "waiting for a save that can be played");
    save(&watched, "flow.rhai", short("2"));
    wait_for(&server, "/2");
    wait_until("the second end", SOON, || watched.stderr().matches("the load is over").count() == 2);
    watched.interrupt();
    // What the last load came to.
    let ended = watched.wait().expect_code(0);
    assert_eq!(ended.stdout.matches("http_reqs..").count(), 2, "{}", ended.printed());
}

#[test]
fn a_script_that_is_broken_at_first_is_waited_for_and_one_that_is_not_there_is_not() {
    let server = Server::plain();
    let watched = runner(["watch", "flow.rhai"]).file("flow.rhai", "fn flow( {").start();
    wait_said(&watched, "waiting for a save that can be played");
    save(&watched, "flow.rhai", script(&server, "1"));
    wait_for(&server, "/1");
    stop(watched);
    runner(["watch", "missing.rhai"])
        .run()
        .expect_code(104)
        .expect_said("failed to read the script `missing.rhai`");
    runner(["watch", "-"]).run().expect_code(2).expect_said("standard input can't be watched");
    let waiting = runner(["watch", "flow.rhai"]).file("flow.rhai", "fn flow( {").start();
    wait_said(&waiting, "waiting for a save");
    stop(waiting);
}

#[test]
fn a_save_that_needs_a_restart_begins_the_load_anew_where_that_is_wanted() {
    let server = Server::plain();
    let watched = watch(&server, &[("flow.rhai", &script(&server, "1"))], &["--restart"]);
    let renamed = script(&server, "2").replace("\"main\"", "\"renamed\"");
    save(&watched, "flow.rhai", renamed);
    wait_said(&watched, "the load begins anew");
    wait_until("the users of the new load", SOON, || server.count_of("/start") == 8);
    wait_for(&server, "/2");
    // The signal is heard still, by the load that goes on.
    stop(watched);
}

#[test]
fn a_secret_stays_hidden_in_what_is_said_of_saves() {
    let server = Server::plain();
    let with = |more: &str| format!("const TOKEN = secret(\"TOKEN\");\n{more}{}", script(&server, "1"));
    let watched = runner(["watch", "flow.rhai"])
        .env("RUNNER_SECRET_TOKEN", "swordfish")
        .env("RUNNER_SECRET_LATER", "haddock");
    let watched = watched.file("flow.rhai", &with("")).start();
    wait_for(&server, "/1");
    save(&watched, "flow.rhai", with("log::info(TOKEN + secret(\"LATER\"));\nthrow TOKEN;\n"));
    wait_said(&watched, "the version before goes on");
    let ended = stop(watched);
    assert!(
        !ended.printed().contains("swordfish") && !ended.printed().contains("haddock"),
        "{}",
        ended.printed()
    );
    assert!(ended.stderr.contains("error: ***"), "{}", ended.printed());
}

#[test]
fn epochs_are_compared_by_endpoint() {
    let slow = Server::start(|request| {
        if request.path() == "/2" {
            pause(Duration::from_millis(60));
        }
        Reply::ok("ok")
    });
    let named = |version: &str| {
        let flow = format!("http::get(\"/{version}\", #{{ name: \"asked\" }});");
        shaped(&slow, "vus: 2, duration: \"10m\", think: \"20ms\"", &flow)
    };
    let watched = watch(&slow, &[("flow.rhai", &named("1"))], &[]);
    // Three whole seconds at least.
    let start = Instant::now();
    wait_until("some seconds", SOON, || start.elapsed() > Duration::from_secs(4));
    save(&watched, "flow.rhai", named("2"));
    wait_said(&watched, "→ epoch 2 (version 2, 10 s)");
    wait_said(&watched, "↑");
    let said = watched.stderr();
    let line =
        said.lines().find(|line| line.trim_start().starts_with("asked")).expect("a line of the endpoint");
    assert!(line.contains("/s → ") && line.contains("ms"), "{line}");
    stop(watched);
}

/// Memory that a process has, in kB.
fn resident_kb(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a process that runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of its memory");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

/// Which version of a script asked, and when, in the order of the requests.
type Seen = Arc<Mutex<Vec<(usize, Instant)>>>;

/// A server that notes who asks.
fn versions() -> (Server, Seen) {
    let seen = Seen::default();
    let log = Arc::clone(&seen);
    let server = Server::start(move |request| {
        let version = request.headers.get("version").and_then(|version| version.parse().ok());
        // `on_start` has none.
        let asked = version.map(|version| (version, Instant::now()));
        log.lock().unwrap_or_else(PoisonError::into_inner).extend(asked);
        Reply::ok("ok")
    });
    (server, seen)
}

/// A request that says which version it is of, and that is counted under one name.
fn versioned(server: &Server, load: &str, version: usize) -> String {
    shaped(server, load, &format!("http::get(\"/1\", #{{ headers: #{{ Version: \"{version}\" }} }});"))
}

/// Saves of either kind, one after another, while users go on. `COUNT` of them; 30 else.
#[test]
fn saves_under_load_lose_no_iteration_and_no_memory_and_the_last_one_is_live() {
    let count: usize = std::env::var("COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(30);
    let (server, seen) = versions();
    let load = "vus: 4, duration: \"10m\", think: \"20ms\"";
    let watched = watch(&server, &[("flow.rhai", &versioned(&server, load, 1))], &["-q"]);
    let wait_for_version = |version| {
        wait_until(&format!("version {version}"), SOON, || {
            seen.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .last()
                .is_some_and(|(seen, _)| *seen == version)
        });
    };
    let mut flat_kb = 0;
    for number in 2..count + 2 {
        let text = versioned(&server, load, number);
        if number % 2 == 0 {
            save(&watched, "flow.rhai", text);
        } else {
            save_by_rename(watched.folder(), "flow.rhai", &text);
        }
        // Some follow so closely that one is replaced on its way; the last of ten is waited for.
        if number % 10 == 1 {
            wait_for_version(number);
        } else {
            pause(Duration::from_millis(40));
        }
        if number == count / 3 {
            flat_kb = resident_kb(watched.id());
        }
    }
    wait_for_version(count + 1);
    let last_kb = resident_kb(watched.id());
    // The load comes to its end by one more save: that lies in the past, and what runs may end.
    let ends = "vus: 4, duration: \"1s\", graceful_stop: \"10m\"";
    save(&watched, "flow.rhai", versioned(&server, ends, count + 2));
    wait_said(&watched, "the load is over");
    let counted = server.requests().iter().filter(|request| request.path() != "/").count();
    watched.interrupt();
    let ended = watched.wait();
    // Other tests may have had the cores, which is no fault of a save's.
    assert!(matches!(ended.code, Some(0 | 111)), "{}", ended.printed());
    let ended = ended.expect_counted(counted).expect_said(" + 0 interrupted + 0 dropped");
    println!("{count} saves: {flat_kb} kB after a third of them, {last_kb} kB after all");
    assert!(
        last_kb <= flat_kb + flat_kb / 20 + 4_096,
        "{flat_kb} kB, then {last_kb} kB\n{}",
        ended.printed()
    );
}

#[test]
fn full_a_save_is_felt_within_300_ms_at_1000_users() {
    const SAVES: usize = 5;
    const FELT_MAX: Duration = Duration::from_millis(300);
    let (server, seen) = versions();
    // A thousand users, some five hundred requests a second.
    let load = "vus: 1000, duration: \"10m\", think: between(\"0s\", \"4s\")";
    let watched = runner(["watch", "flow.rhai", "-q"]).timeout(SOON * 4);
    let watched = watched.file("flow.rhai", &versioned(&server, load, 0)).start();
    wait_until("all users", SOON, || server.count_of("/start") == 1_000);
    // They begin together: until they are spread.
    pause(Duration::from_secs(4));
    let mut felt = Vec::new();
    for version in 1..=SAVES {
        let saved = Instant::now();
        let text = versioned(&server, load, version);
        if version % 2 == 0 {
            save(&watched, "flow.rhai", text);
        } else {
            save_by_rename(watched.folder(), "flow.rhai", &text);
        }
        pause(Duration::from_secs(2));
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let first = seen.iter().find(|(seen, _)| *seen == version).map(|(_, at)| *at);
        let first = first.unwrap_or_else(|| panic!("no request of version {version}\n{}", watched.stderr()));
        // Of the version before none begins any more; one that has begun takes a moment.
        let last = seen.iter().rfind(|(seen, at)| *seen != version && *at > saved).map(|(_, at)| *at);
        felt.push(last.unwrap_or(first).max(first) - saved);
    }
    println!("felt after {felt:?}");
    assert!(felt.iter().all(|took| *took <= FELT_MAX), "{felt:?}\n{}", watched.stderr());
    stop(watched);
}
