//! How a run says that it was measured: its counts of connections against the server's own, the script's version
//! against `sha256sum` and git, and all of it in a summary and in a `hit`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::fixture::{Finished, Runner, folder, runner};
use crate::server::{Reply, Server};

/// A script of ten iterations by two users, three requests each.
const SCRIPT: &str = r#"
    base_url(env("URL"));
    scenario("main", #{ executor: "per-vu-iterations", vus: 2, iterations: 5, flow: "flow" });
    fn flow() { for path in ["/a", "/b", "/c"] { http::get(path); } }
"#;

fn play(server: &Server, script: &str, args: &[&str]) -> Finished {
    prepare(server, script, args).run().expect_code(0)
}

fn prepare(server: &Server, script: &str, args: &[&str]) -> Runner {
    let args = ["run", "--workers", "2"].iter().chain(args).chain(&["test.rhai"]);
    runner(args).file("test.rhai", script).env("URL", server.url())
}

/// The text of a row of the block, joined to one line.
fn row(finished: &Finished, label: &str) -> String {
    let block = finished.stdout.split("METHOD\n").nth(1).or(finished.stdout.split("Method:\n").nth(1));
    let block = block.unwrap_or_else(|| panic!("no block\n{}", finished.printed()));
    let lines = block.lines().take_while(|line| !line.is_empty());
    let mut lines = lines.skip_while(|line| !line.starts_with(&format!("  {label} ")));
    let first = lines.next().unwrap_or_else(|| panic!("no row `{label}`\n{}", finished.printed()));
    let rest = lines.take_while(|line| line.starts_with(&" ".repeat(15)));
    let words =
        std::iter::once(&first.trim_start()[label.len()..]).chain(rest).flat_map(str::split_whitespace);
    words.collect::<Vec<_>>().join(" ")
}

fn command(folder: &Path, words: &[&str]) -> String {
    let output = Command::new(words[0]).args(&words[1..]).current_dir(folder).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{words:?}: {error}"));
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

// ---------------------------------------------------------------- connections

#[test]
fn connections_are_those_that_the_server_accepted() {
    let server = Server::plain();
    let finished = play(&server, SCRIPT, &[]).expect_counted(server.count());
    // One is the preflight's.
    let opened = server.connections() - 1;
    assert_eq!((server.count(), opened), (30, 2));
    assert_eq!(row(&finished, "connections"), "2 opened, 28 requests reused one, HTTP/1.1");
    assert_eq!(row(&finished, "peer"), format!("{}, no TLS", server.url()));
    assert_eq!((finished.figure("http_conns_opened"), finished.figure("http_conns_reused")), (2.0, 28.0));
}

#[test]
fn a_service_that_closes_after_each_answer_shows_in_the_counts() {
    let server = Server::start(|_| Reply::ok("ok").header("connection", "close"));
    let script = SCRIPT.replace("fn flow", "target(\"http_conns_opened\", \"count == 30\"); fn flow");
    let finished = play(&server, &script, &[]);
    assert_eq!((server.count(), server.connections() - 1), (30, 30));
    assert_eq!(row(&finished, "connections"), "30 opened, 0 requests reused one, HTTP/1.1");
}

#[test]
fn setup_and_teardown_open_connections_too() {
    let server = Server::plain();
    let script = format!(
        "{SCRIPT} fn setup() {{ http::get(\"/s\"); 0 }} fn teardown(data) {{ http::get(\"/t\"); http::get(\"/t\"); }}"
    );
    let finished = play(&server, &script, &[]).expect_counted(server.count());
    let opened = server.connections() - 1;
    assert_eq!((server.count(), opened), (33, 4));
    assert_eq!(row(&finished, "connections"), "4 opened, 29 requests reused one, HTTP/1.1");
    assert_eq!((finished.figure("http_conns_opened"), finished.figure("http_conns_reused")), (4.0, 29.0));
}

#[test]
fn each_address_of_several_is_listed_with_its_connections() {
    let (one, two) = (Server::plain(), Server::plain());
    let flow = format!("fn flow() {{ http::get(\"/\"); http::get(\"{}/\"); }}", two.url());
    let script = SCRIPT.split("fn flow").next().unwrap().to_owned() + &flow;
    let finished = play(&one, &script, &[]);
    for server in [&one, &two] {
        let listed = format!("{}, no TLS, 2 connections", server.url());
        assert!(finished.stdout.contains(&listed), "{listed}\n{}", finished.printed());
    }
    assert!(row(&finished, "connections").starts_with("4 opened, 16 requests"), "{}", finished.printed());
}

#[test]
fn a_refused_connection_is_none() {
    let port = crate::fixture::closed_port();
    let script = "scenario(\"main\", #{ executor: \"shared-iterations\", iterations: 3, flow: || http::get(env(\"GONE\")) });";
    let finished = runner(["run", "--no-preflight", "test.rhai"])
        .file("test.rhai", script)
        .env("GONE", format!("http://127.0.0.1:{port}/"))
        .run()
        .expect_code(0);
    assert_eq!(row(&finished, "connections"), "0 opened, 0 requests reused one");
    assert_eq!(row(&finished, "requests"), "3 = 0 ok + 3 failed");
}

// ---------------------------------------------------------------- model, counts, health

#[test]
fn the_model_is_told_for_each_scenario() {
    let server = Server::plain();
    let finished = play(&server, SCRIPT, &[]);
    assert!(row(&finished, "model").starts_with("closed: "), "{}", finished.printed());
    assert!(row(&finished, "time starts").contains("never sent"), "{}", finished.printed());
    let arrivals = "scenario(\"open\", #{ executor: \"constant-arrival-rate\", rate: 50, duration: \"1s\", flow: \"flow\" });";
    let finished = play(&server, &SCRIPT.replace("fn flow", &format!("{arrivals} fn flow")), &[]);
    let model = row(&finished, "model");
    assert!(model.contains("(main); open: ") && model.ends_with("(open)"), "{model}");
    assert_eq!(
        row(&finished, "iterations"),
        "60 = 60 ok + 0 failed + 0 interrupted + 0 dropped",
        "{}",
        finished.printed()
    );
    assert_eq!(row(&finished, "requests"), "180 = 180 ok + 0 failed");
    let health = row(&finished, "generator");
    assert!(health.contains("busiest worker") && health.contains("loop lag"), "{health}");
    assert!(
        finished
            .stdout
            .lines()
            .rev()
            .take(30)
            .all(|line| line.chars().count() <= 80 || !line.starts_with("   "))
    );
}

#[test]
fn with_a_warm_up_the_rows_add_up_to_what_the_server_saw() {
    let server = Server::plain();
    let script = r#"
        base_url(env("URL"));
        scenario("main", #{ executor: "constant-arrival-rate", rate: 40, duration: "2s", flow: || http::get("/") });
    "#;
    let finished = play(&server, script, &["--warm-up", "1s"]);
    let told = row(&finished, "requests");
    let number = |text: &str| text.split(' ').next().and_then(|word| word.parse::<usize>().ok());
    let left_out = told.split("; ").nth(1).and_then(number).expect("what was left out");
    let counted = number(&told).expect("what counts");
    assert!(left_out > 0 && counted > 0, "{told}");
    assert_eq!(left_out + counted, server.count(), "{told}");
}

// ---------------------------------------------------------------- version, seed, environment

#[test]
fn the_script_version_is_what_sha256sum_prints() {
    let server = Server::plain();
    let finished = play(&server, SCRIPT, &["--seed", "7"]);
    let place = folder();
    std::fs::write(place.path().join("test.rhai"), SCRIPT).expect("a writable folder");
    let hash = command(place.path(), &["sha256sum", "test.rhai"]);
    assert_eq!(row(&finished, "script"), format!("sha256 {} · seed 7", &hash[..12]));

    let script =
        format!("import \"lib/b\" as b; import \"lib/a\" as a; import \"std/phases\" as phases;\n{SCRIPT}");
    let finished = prepare(&server, &script, &[])
        .file("lib/a.rhai", "const A = 1;\n")
        .file("lib/b.rhai", "")
        .run()
        .expect_code(0);
    std::fs::write(place.path().join("test.rhai"), script).expect("a writable folder");
    std::fs::create_dir(place.path().join("lib")).expect("a writable folder");
    std::fs::write(place.path().join("lib/a.rhai"), "const A = 1;\n").expect("a writable folder");
    std::fs::write(place.path().join("lib/b.rhai"), "").expect("a writable folder");
    let hash = command(place.path(), &["sh", "-c", "sha256sum test.rhai lib/a.rhai lib/b.rhai | sha256sum"]);
    let told = row(&finished, "script");
    assert!(told.starts_with(&format!("sha256 {} (3 files) · seed ", &hash[..12])), "{told}");
}

#[test]
fn the_commit_is_told_and_whether_it_holds_what_ran() {
    let server = Server::plain();
    let prepared = prepare(&server, SCRIPT, &[]);
    let place = folder();
    let git = |words: &[&str]| {
        let head = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"];
        command(place.path(), &[&head[..], words].concat())
    };
    std::fs::write(place.path().join("test.rhai"), SCRIPT).expect("a writable folder");
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "first"]);
    let commit = git(&["rev-parse", "HEAD"])[..12].to_owned();
    let told = row(&prepared.current_dir(place.path()).run().expect_code(0), "script");
    assert!(told.contains(&format!(" · git {commit} · seed ")), "{told}");
    std::fs::write(place.path().join("test.rhai"), format!("{SCRIPT}\n// changed\n"))
        .expect("a writable folder");
    let told = row(&prepare(&server, SCRIPT, &[]).current_dir(place.path()).run().expect_code(0), "script");
    assert!(told.contains(&format!(" · git {commit}, which has other text · seed ")), "{told}");
}

#[test]
fn a_git_that_is_missing_or_hangs_costs_the_commit_and_nothing_else() {
    let server = Server::plain();
    let place = folder();
    let told =
        |path: &Path| row(&prepare(&server, SCRIPT, &[]).env("PATH", path).run().expect_code(0), "script");
    assert!(!told(place.path()).contains("git"), "none in an empty folder");
    let git = place.path().join("git");
    std::fs::write(&git, "#!/bin/sh\nexec /bin/sleep 20\n").expect("a writable folder");
    std::fs::set_permissions(&git, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .expect("our own file");
    assert!(!told(place.path()).contains("git"), "one that hangs");
}

#[test]
fn the_environment_names_version_machine_and_workers() {
    let server = Server::plain();
    let told = row(&play(&server, SCRIPT, &[]), "environment");
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("a kernel's version");
    let kernel = format!("linux {}", kernel.trim());
    let version = concat!("runner ", env!("CARGO_PKG_VERSION"));
    assert!(told.starts_with(version) && told.contains(&kernel) && told.ends_with(", 2 workers"), "{told}");
}

#[test]
fn secrets_in_a_host_are_hidden_there_too() {
    let server = Server::plain();
    let script = format!(
        "const HOST = `api-${{secret(\"TENANT\")}}.test`;
        options(#{{ hosts: #{{ \"api-hidden17.test\": \"127.0.0.1:{}\" }} }});
        scenario(\"main\", #{{ executor: \"shared-iterations\", flow: || http::get(`http://${{global::HOST}}/`) }});",
        server.port()
    );
    let finished = runner(["run", "test.rhai"])
        .file("test.rhai", &script)
        .env("TENANT", "hidden17")
        .run()
        .expect_code(0);
    let peer = row(&finished, "peer");
    assert_eq!(peer, format!("http://api-***.test at 127.0.0.1:{}, no TLS", server.port()));
    assert!(!finished.stdout.contains("hidden17"), "{}", finished.printed());
}

// ---------------------------------------------------------------- hit

#[test]
fn a_hit_says_the_same_in_text_and_json() {
    let server = Server::plain();
    let url = server.url();
    let text = runner(["hit", "-n", "40", "-c", "4", &url]).run().expect_code(0);
    let opened = server.connections() - 1;
    assert_eq!(
        row(&text, "connections"),
        format!("{opened} opened, {} requests reused one, HTTP/1.1", 40 - opened)
    );
    assert!(row(&text, "model").starts_with("closed: "), "{}", text.printed());
    let before = server.connections();
    let args = ["hit", "--json", "-n", "40", "-q", "400", "-c", "4", "--workers", "1", &url];
    let json = runner(args).run().expect_code(0);
    let value: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    let method = &value["method"];
    let opened = server.connections() - before - 1;
    assert_eq!(method["model"], "open", "{method}");
    assert_eq!(method["connections_opened"], opened, "{method}");
    assert_eq!(method["connections_reused"], 40 - opened, "{method}");
    assert_eq!(method["peers"][0]["origin"], url, "{method}");
    assert_eq!(method["protocols"]["HTTP/1.1"], 40, "{method}");
    assert_eq!(method["environment"]["workers"], 1, "{method}");
    assert!(method["generator"]["loop_lag"]["max_us"].is_u64() && method["script"].is_null(), "{method}");
}
