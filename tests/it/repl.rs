//! `runner repl`: lines from a pipe and at a real terminal, what they keep, what they say when they fail.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::fixture::{Finished, Runner, folder, pause, runner};

/// What is true at last on a machine that does much else.
const LIMIT: Duration = Duration::from_secs(30);

/// `runner repl` with these lines on its standard input, and further arguments.
fn piped(lines: &str, arguments: &[&str]) -> Runner {
    runner(["repl"].iter().chain(arguments)).file("lines", lines).through([
        "sh",
        "-c",
        "exec \"$0\" \"$@\" < lines",
    ])
}

fn played(lines: &str) -> Finished {
    piped(lines, &[]).run()
}

/// What lines give that all succeed.
#[track_caller]
fn given(lines: &str) -> String {
    played(lines).expect_code(0).stdout
}

#[test]
fn lines_of_a_pipe_give_their_values_without_a_prompt() {
    let lines = "1 + 1\n\n\"a \\\"text\\\"\"\n[1, \"b\", #{ c: 2.5 }]\nlet kept = 5\nkept\n1..3\n`two\nlines`\n()\nlet nothing = ();\nnothing\n// a comment\n'x'";
    let finished = played(lines).expect_code(0);
    let wanted = "2\na \"text\"\n[1,\"b\",{\"c\":2.5}]\n5\n<1..3>\ntwo\nlines\nnull\nnull\n\"x\"\n";
    assert_eq!(finished.stdout, wanted, "{}", finished.printed());
    assert_eq!(finished.stderr, "");
}

#[test]
fn what_lines_declare_is_kept() {
    for (lines, wanted) in [
        ("fn double(x) {\n  x * 2\n}\ndouble(21)", "42\n"),
        ("fn f() { 1 }\nfn f() { 2 }\nf()", "2\n"),
        ("fn f() { g() }\nfn g() { 3 }\nf()", "3\n"),
        ("const LIMIT = [7, 8]\nfn last() { global::LIMIT[-1] }\nlast() + LIMIT[0]", "15\n"),
        ("const A = 1; fn a() { global::A }; a()\nconst A = 2\na()", "1\n2\n"),
        ("let x = 1\nlet x = x + 1\nlet grow = |n| n + x\ngrow.call(40)", "42\n"),
        ("let n = 0\nfor i in 0..5 { n += i; }\nn", "10\n"),
        ("const C = 41\nC\nit = it + 1\nit", "41\n42\n"),
        ("41\nit + 1\nit", "41\n42\n42\n"),
        ("this.token = \"abc\"\nthis.token", "abc\n"),
        ("fn keep() { this.n = (this.n ?? 0) + 1; this.n }\nkeep()\nlet twice = keep();\ntwice", "1\n2\n"),
        ("return 5; 6", "5\n"),
        ("1 +\n2\nlet a =\n  7;\na", "3\n7\n"),
        ("let sold = counter(\"sold\"); sold.add(2)\nsold", "<counter sold>\n"),
        ("const ROWS = feeder([\"a\", \"b\"], \"circular\")\nROWS.row() != ROWS.row()\n", "false\n"),
        ("import \"std/phases\" as phases;\nlet s = phases::spike(1, 10, \"30s\");\ns.len() > 1", "true\n"),
        (
            "import \"std/phases\" as p;\nimport \"std/phases\" as p;\np::ramp(1, 2, \"1s\").len() > 0",
            "true\n",
        ),
        ("base_url(\"http://127.0.0.1:1\")\nbase_url(\"demo\")\nhttp::get(\"/health\").status", "200\n"),
        ("param(\"size\", 3)", "3\n"),
        ("[check(1 == 1, \"one\"), check(1 == 2, \"two\")]", "[true,false]\n"),
        ("group(\"a\", || pick([4]))\nvu::id()\nvu::iteration()", "4\n1\n2\n"),
    ] {
        assert_eq!(given(lines), wanted, "{lines}");
    }
}

#[test]
fn requests_are_sent_and_told_with_status_times_and_size() {
    let lines = "base_url(\"demo\"); let r = http::get(\"/health\");\nr\nr.status\nr.json(\"status\")\n\
                 http::get(\"/mcp/tools/get_price\", #{ json: #{ symbol: \"AAPL\" } }).json().symbol\nr.json(\"none\")";
    let stdout = given(lines);
    let (response, rest) = stdout.split_at(stdout.find("\n200\n").expect("the status behind the response"));
    assert!(response.starts_with("✓ 200 OK  "), "{stdout}");
    for part in [
        "  application/json  HTTP/1.1  http://127.0.0.1:",
        "/health",
        " · waiting ",
        "\"status\": \"healthy\"",
        " B  ",
    ] {
        assert!(response.contains(part), "{part}: {stdout}");
    }
    assert_eq!(rest, "\n200\nhealthy\nAAPL\nnull\n");
}

#[test]
fn connections_and_cookies_last_from_line_to_line() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the only connection");
        let mut heads = Vec::new();
        for _ in 0..2 {
            let mut head = String::new();
            let mut byte = [0];
            while !head.ends_with("\r\n\r\n") {
                stream.read_exact(&mut byte).expect("a request");
                head.push(byte[0] as char);
            }
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: seen=yes\r\n\r\nok";
            stream.write_all(answer.as_bytes()).expect("the client reads");
            heads.push(head);
        }
        heads
    });
    let lines = format!("base_url(\"http://{address}\")\nhttp::get(\"/1\").body\nhttp::get(\"/2\").body");
    assert_eq!(given(&lines), "ok\nok\n");
    let heads = server.join().expect("it served both on one connection");
    assert!(heads[0].starts_with("GET /1 ") && heads[1].contains("seen=yes"), "{heads:?}");
}

#[test]
fn a_request_without_an_answer_is_told_as_such() {
    let port = super::fixture::closed_port();
    let stdout = given(&format!("http::get(\"http://127.0.0.1:{port}/\")"));
    assert!(stdout.starts_with("✗ no answer: connection refused"), "{stdout}");
    assert!(stdout.contains("error 1212"), "{stdout}");
}

const SCRIPT: &str = "base_url(\"demo\");\n\
    const SYMBOLS = [\"AAPL\", \"TSLA\"];\n\
    scenario(\"a\", #{ executor: \"constant-vus\", vus: 1, duration: \"1s\", flow: \"price\" });\n\
    fn on_start() { this.token = \"t1\"; }\n\
    fn price() { `${this.token} ${http::get(\"/health\").status} ${global::SYMBOLS.len()}` }\n\
    fn broken(x) {\n    throw `not ${x}`\n}\n";

#[test]
fn a_script_lends_its_functions_constants_and_base_url() {
    let lines =
        "on_start()\nprice()\nSYMBOLS[1]\nfn symbols() { global::SYMBOLS.len() }\nsymbols()\nbroken(1)";
    let finished = piped(lines, &["s.rhai"]).file("s.rhai", SCRIPT).run().expect_code(107);
    assert_eq!(finished.stdout, "t1 200 2\nTSLA\n2\n", "{}", finished.printed());
    assert!(finished.stderr.contains("error: not 1\n  --> s.rhai:7:5"), "{}", finished.printed());
    let url = "http::get(\"/\").error_code";
    let port = super::fixture::closed_port();
    let elsewhere = piped(url, &["s.rhai", "--base-url", &format!("http://127.0.0.1:{port}")]);
    assert_eq!(elsewhere.file("s.rhai", SCRIPT).run().expect_code(0).stdout, "1212\n");
}

#[test]
fn a_script_without_a_flow_is_good_enough() {
    let finished = piped("add(1, 2)", &["lib.rhai"]).file("lib.rhai", "fn add(a, b) { a + b }").run();
    assert_eq!(finished.expect_code(0).stdout, "3\n");
    let wrong = piped("1", &["bad.rhai"]).file("bad.rhai", "fn add(a, b) { a + }").run().expect_code(107);
    assert!(wrong.stderr.contains("--> bad.rhai:1:20") && wrong.stdout.is_empty(), "{}", wrong.printed());
}

#[test]
fn a_file_is_loaded_as_if_it_were_typed() {
    let file =
        "const RATE = 2;\nfn cost(n) {\n    n * global::RATE\n}\nfn wrong() {\n    nobody()\n}\ncost(5)";
    let lines = "let before = 1\n:load more.rhai\ncost(4) + before\nwrong()";
    let finished = piped(lines, &[]).file("more.rhai", file).run().expect_code(107);
    assert_eq!(finished.stdout, "10\n9\n");
    assert!(finished.stderr.contains("warning: there is no function `nobody`"), "{}", finished.printed());
    assert!(finished.stderr.matches("--> more.rhai:6:5").count() == 2, "{}", finished.printed());
    let missing = played(":load nowhere.rhai").expect_code(104);
    assert!(missing.stderr.contains("failed to read the script `nowhere.rhai`"), "{}", missing.printed());
}

#[test]
fn the_first_error_ends_a_pipe_with_its_line_and_its_code() {
    for (lines, code, says) in [
        ("1\nlet x = [1, 2];\nx.pish(3)\n4", 107, "--> repl:3:3"),
        ("1\nfn f() {\n  let a = 1;\n  g(a)\n}\n\nf()\n4", 107, "--> repl:4:3"),
        ("1\nhttp::gt(\"/\")\n4", 107, "did you mean `http::get`"),
        ("1\nlet = 3\n4", 107, "--> repl:2:"),
        ("1\nthrow \"no\"\n4", 107, "no"),
        ("1\nassert::equal(1, 2, \"same\")\n4", 99, "--> repl:2:"),
        ("1\nfail(\"enough\")\n4", 99, "enough"),
        ("1\nabort(\"all of it\")\n4", 108, "aborted: all of it"),
        ("1\nhttp::get(\"/x\")\n4", 107, "no `base_url` is set"),
        ("1\nbase_url(\"nowhere\")\n4", 104, "\"demo\" for the embedded sample service"),
        ("1\nscenario(\"a\", #{})\n4", 107, "none is played at the prompt"),
        ("1\nfn f(n) { f(n + 1) }\nf(0)\n4", 107, "nested too deeply"),
        ("1\nloop { let a = 1; }\n4", 107, "operations without waiting"),
        ("1\n:lod x\n4", 2, "did you mean `:load`"),
        ("1\n:load -\n4", 2, "standard input is where the lines come from"),
        ("1\nimport \"nowhere\" as n;\n4", 107, "nowhere"),
        ("1\nfn f() {\n  1\n", 107, "this `{` is never closed"),
    ] {
        let finished = played(lines).expect_code(code);
        assert_eq!(finished.stdout, "1\n", "{lines}\n{}", finished.printed());
        assert!(finished.stderr.contains(says), "{lines}\n{}", finished.printed());
    }
}

#[test]
fn odd_input_is_refused_and_nothing_panics() {
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    for lines in [deep.as_str(), "}{", "\u{0}", "`${", "\"", "/*", ":", ": ", "fn", "this", "it", "#{", "\\"]
    {
        let finished = played(lines);
        assert!(matches!(finished.code, Some(0 | 2 | 107)), "{lines:.20}\n{}", finished.printed());
        assert!(!finished.stderr.contains("panicked"), "{lines:.20}\n{}", finished.printed());
    }
    let binary =
        runner(["repl"]).through(["sh", "-c", "printf 'a\\377b\\n' | \"$0\" \"$@\""]).run().expect_code(2);
    assert!(binary.stderr.contains("failed to read standard input"), "{}", binary.printed());
    let dash = runner(["repl", "-"]).run().expect_code(2);
    assert!(dash.stderr.contains("`repl` reads lines from standard input"), "{}", dash.printed());
}

#[test]
fn a_secret_is_never_shown() {
    let lines = "let key = secret(\"KEY\");\nkey\n#{ key: key, more: [`<${key}>`] }\n:vars\nlog::info(key)\nthrow key";
    let finished = piped(lines, &[]).env("KEY", "hunter2Tango").run().expect_code(107);
    assert!(!finished.printed().contains("hunter2Tango"), "{}", finished.printed());
    assert!(
        finished.stdout.starts_with("***\n{\"key\":\"***\",\"more\":[\"<***>\"]}\n"),
        "{}",
        finished.printed()
    );
}

#[test]
fn a_line_can_be_timed() {
    let stdout = given("base_url(\"demo\")\n:time 20x http::get(\"/health\").status\n:time 1 + 1");
    assert!(
        stdout.starts_with("200\n20 times: min ") && stdout.contains("; 20 requests\n2\ntook "),
        "{stdout}"
    );
}

#[test]
fn help_and_functions_tell_what_there_is() {
    let stdout = given(
        "fn mine(a) { a }\n:help\n:functions http::get\n:functions\n:functions slee\n:vars\n:reset\n:vars",
    );
    for part in [":load FILE", "http::get(url: text", "sleep(time: text or number)", "\nhttp::  "] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
    assert!(
        stdout.ends_with("fn mine(a)\nnothing so far: `let r = http::get(\"https://…\")` keeps a response\n"),
        "{stdout}"
    );
}

#[test]
fn quitting_leaves_the_rest_alone() {
    for quit in [":quit", ":q", "exit", "quit()"] {
        assert_eq!(given(&format!("1\n{quit}\n2")), "1\n");
    }
}

/// A terminal of 100 columns and 30 rows, with a shell in it. Dropped, it is gone.
struct Tmux {
    socket: String,
    folder: tempfile::TempDir,
}

impl Tmux {
    fn start(name: &str) -> Self {
        let folder = folder();
        let tmux = Self { socket: format!("runner-repl-{name}-{}", std::process::id()), folder };
        let status = tmux
            .command(&[
                "-f",
                "/dev/null",
                "new-session",
                "-d",
                "-x",
                "100",
                "-y",
                "30",
                "env PS1='shell% ' sh",
            ])
            .current_dir(tmux.folder.path())
            .env("XDG_STATE_HOME", tmux.folder.path().join("state"))
            .env_remove("NO_COLOR")
            .status();
        assert!(status.expect("tmux is installed").success());
        tmux.see("shell%");
        tmux
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket]).args(arguments);
        command
    }

    /// Types a text, then keys by name.
    fn send(&self, text: &str, keys: &[&str]) {
        for arguments in [["send-keys", "-l", text].as_slice(), &[&["send-keys"], keys].concat()] {
            if arguments.last().is_some_and(|last| !last.is_empty()) && arguments.len() > 1 {
                assert!(self.command(arguments).status().expect("tmux").success());
            }
        }
    }

    fn screen(&self) -> String {
        let output = self.command(&["capture-pane", "-p", "-J"]).output().expect("tmux");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    fn see(&self, text: &str) -> String {
        self.see_when(text, |screen| screen.contains(text))
    }

    /// Waits for a prompt with nothing behind it on the last line, once the screen shows a text.
    #[track_caller]
    fn prompt_after(&self, text: &str) -> String {
        self.see_when(text, |screen| screen.contains(text) && screen.ends_with('›'))
    }

    #[track_caller]
    fn see_when(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let start = std::time::Instant::now();
        loop {
            let screen = self.screen();
            if is_there(&screen) {
                return screen;
            }
            assert!(start.elapsed() < LIMIT, "waited {LIMIT:?} for {what:?}\n{screen}");
            pause(Duration::from_millis(20));
        }
    }

    fn repl(&self, arguments: &str) {
        self.send(&format!("clear; {} repl {arguments}", env!("CARGO_BIN_EXE_runner")), &["Enter"]);
        self.prompt_after("Ctrl-D ends");
    }

    fn history(&self) -> PathBuf {
        self.folder.path().join("state/runner/repl-history")
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).status();
    }
}

#[test]
fn needs_tmux_a_person_types_completes_and_looks_back() {
    let tmux = Tmux::start("types");
    tmux.repl("");
    tmux.send("base_url(\"demo\")", &["Enter"]);
    tmux.send("let r = htt", &["Tab"]);
    tmux.see("let r = http::");
    tmux.send("ge", &["Tab"]);
    // What is still to be written of the call stands behind the cursor.
    tmux.see("let r = http::get(url, options)");
    tmux.send("\"/health\")", &["Enter"]);
    tmux.prompt_after("r = ✓ 200 OK");
    tmux.send("r.json(\"stat\" +", &["Enter"]);
    tmux.send("\"us\")", &["Enter"]);
    tmux.prompt_after("\"healthy\"");
    tmux.send("fn twice(x) {", &["Enter"]);
    tmux.send("x * 2 }", &["Enter"]);
    tmux.send("twic", &["Tab"]);
    tmux.send("21)", &["Enter"]);
    tmux.prompt_after("\n42");
    tmux.send("let key = secret(\"NOBODY\")", &["Enter"]);
    tmux.prompt_after("error:");
    tmux.send("r.stat", &["Tab"]);
    tmux.see("status_text");
    tmux.send("", &["C-c"]);
    tmux.send("let kept = [1, 2]", &["Enter"]);
    tmux.prompt_after("kept = [1, 2]");
    tmux.send("", &["C-d"]);
    tmux.see("shell%");

    let kept = std::fs::read_to_string(tmux.history()).expect("a history");
    assert!(kept.contains("fn twice(x) {\\nx * 2 }\n") && !kept.contains("secret"), "{kept}");
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&tmux.history()), 0o600);

    tmux.repl("");
    tmux.send("", &["Up"]);
    tmux.see("› let kept = [1, 2]");
    tmux.send("", &["Enter"]);
    tmux.prompt_after("kept = [1, 2]");
    tmux.send(":q", &["Enter"]);
    tmux.see("shell%");
}

#[test]
fn needs_tmux_ctrl_c_cuts_the_line_that_runs_and_nothing_else() {
    // It accepts, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = silent.local_addr().expect("a bound address");
    let tmux = Tmux::start("cuts");
    tmux.repl("--no-history");
    tmux.send("let before = 7", &["Enter"]);
    tmux.prompt_after("before = 7");
    for (number, line) in
        [format!("http::get(\"http://{address}/\")"), "sleep(1000)".into(), "loop {}".into()]
            .iter()
            .enumerate()
    {
        tmux.send(line, &["Enter"]);
        // It runs once the cursor has left its line.
        tmux.see_when(line, |screen| screen.ends_with(line.as_str()));
        pause(Duration::from_millis(200));
        tmux.send("", &["C-c"]);
        tmux.see_when("cut", |screen| {
            screen.matches("error: cut by Ctrl-C").count() == number + 1 && screen.ends_with('›')
        });
    }
    tmux.send("before + 1", &["Enter"]);
    tmux.prompt_after("\n8");
    tmux.send("half a line", &["C-c"]);
    tmux.send("before + 2", &["Enter"]);
    tmux.prompt_after("\n9");
    assert!(!tmux.history().exists());
}

#[test]
fn needs_tmux_values_go_to_a_file_and_the_prompt_stays_at_the_terminal_without_colour_if_asked() {
    let tmux = Tmux::start("file");
    let runner = env!("CARGO_BIN_EXE_runner");
    let styled = || {
        let output = tmux.command(&["capture-pane", "-p", "-e"]).output().expect("tmux");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for (colour, is_coloured) in [("NO_COLOR=1", false), ("CLICOLOR_FORCE=1", true)] {
        tmux.send(&format!("clear; {colour} {runner} repl --no-history > out"), &["Enter"]);
        tmux.prompt_after("Ctrl-D ends");
        tmux.send("[1, 2]", &["Enter"]);
        tmux.prompt_after("› [1, 2]");
        tmux.send("nobody", &["Enter"]);
        tmux.prompt_after("error: there is no variable `nobody` here");
        assert_eq!(styled().contains('\u{1b}'), is_coloured, "{:?}", styled());
        let out = std::fs::read_to_string(tmux.folder.path().join("out")).expect("the shell made it");
        assert_eq!(out, "[1,2]\n");
        tmux.send("", &["C-d"]);
        tmux.see_when("the shell", |screen| screen.ends_with("shell%"));
    }
}

#[test]
fn needs_tmux_a_signal_gives_the_terminal_back_as_it_was() {
    let tmux = Tmux::start("signal");
    tmux.send("stty -a | grep -o ' -*icanon'", &["Enter"]);
    tmux.see("\n icanon");
    tmux.repl("");
    let id = tmux.command(&["display-message", "-p", "#{pane_pid}"]).output().expect("tmux").stdout;
    let shell = String::from_utf8_lossy(&id).trim().to_owned();
    let children = Command::new("ps").args(["-o", "pid=", "--ppid", &shell]).output().expect("ps");
    let child = String::from_utf8_lossy(&children.stdout).trim().to_owned();
    let child: i32 = child.parse().unwrap_or_else(|_| panic!("one child: {child:?}"));
    let child = rustix::process::Pid::from_raw(child).expect("a process");
    rustix::process::kill_process(child, rustix::process::Signal::TERM).expect("a process that we started");
    tmux.see_when("the shell", |screen| screen.ends_with("shell%"));
    tmux.send("echo code $?; stty -a | grep -o ' -*icanon'", &["Enter"]);
    tmux.see("code 105\n icanon");
}
