//! The live view in a real terminal: keys typed into tmux, and its screen captured.
//!
//! Each test has a tmux server of its own, with a socket in a folder of its own, which ends with it.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::fixture::{folder, pause, wait_until};
use crate::server::{Reply, Server};

/// A build that is busy with other tests takes its time.
const SOON: Duration = Duration::from_secs(40);

/// A key has its effect within this: the bound of issue 10.
const EFFECT_MAX: Duration = Duration::from_secs(1);

/// Attempts at a bound of time, on a machine that other tests use too.
const ATTEMPTS: usize = 5;

/// Two users and 20 arrivals a second, for longer than any test; what is not found fails.
const SCRIPT: &str = r#"
base_url(env("TARGET_URL"));
scenario("users", #{ executor: "constant-vus", vus: 2, duration: "10m", flow: "look" });
scenario("rate", #{ executor: "constant-arrival-rate", rate: 20, duration: "10m", max_vus: 10, flow: "miss" });
target("http_req_duration{name:/found}", "p(95) < 10s");
target("http_req_failed", "rate < 1%");
fn look() {
    check(http::get("/found").status == 200, "is found");
    if vu::iteration() == 3 { log::info(`user ${vu::id()} looked`); }
    sleep(0.05);
}
fn miss() { check(http::get("/missing").status == 200, "is there"); }
"#;

/// A terminal with a shell's command in it.
struct Tmux {
    folder: TempDir,
    server: Server,
}

impl Tmux {
    /// A terminal of that size in which the script is played; the line behind it tells how it ended and how the terminal was
    /// left.
    fn play(columns: u32, rows: u32, call: &str) -> Self {
        let end = "; echo \"code $?\"; stty -a | tr ' ;' '\\n\\n' | grep -E '^-?(icanon|echo)$' | tr '\\n' ' '; echo left";
        // Ctrl-C is for the run: the shell goes on.
        Self::start(columns, rows, &format!("trap : INT; {call}{end}; exec sleep 1000"))
    }

    fn start(columns: u32, rows: u32, command: &str) -> Self {
        let server = Server::start(|request| {
            if request.path() == "/found" { Reply::ok("here") } else { Reply::new(404, "nothing here") }
        });
        let tmux = Self { folder: folder(), server };
        std::fs::write(tmux.folder.path().join("test.rhai"), SCRIPT).expect("a writable folder");
        let size = [columns.to_string(), rows.to_string()];
        tmux.call(&["new-session", "-d", "-x", &size[0], "-y", &size[1], "-s", "test", command]);
        tmux
    }

    fn call(&self, words: &[&str]) -> String {
        let mut call = Command::new("tmux");
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("RUNNER_") || text.starts_with("TMUX") || text == "NO_COLOR" {
                call.env_remove(&name);
            }
        }
        let output = call
            .args(["-u", "-f", "/dev/null", "-L", "test"])
            .args(words)
            .env("TMUX_TMPDIR", self.folder.path())
            .env("TARGET_URL", self.server.url())
            .env("RUNNER", env!("CARGO_BIN_EXE_runner"))
            .env("SHELL", "/bin/sh")
            .env("LC_ALL", "C.UTF-8")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .expect("tmux is installed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {words:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn keys(&self, keys: &[&str]) {
        self.call(&[&["send-keys", "-t", "test"], keys].concat());
    }

    /// What is seen now.
    fn screen(&self) -> String {
        self.call(&["capture-pane", "-p", "-t", "test"])
    }

    /// The same, with what scrolled out of sight.
    fn all(&self) -> String {
        self.call(&["capture-pane", "-p", "-S", "-", "-t", "test"])
    }

    /// Waits until all of it is seen, and gives the screen.
    #[track_caller]
    fn expect(&self, parts: &[&str]) -> String {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            let missing: Vec<&&str> = parts.iter().filter(|part| !screen.contains(**part)).collect();
            if missing.is_empty() {
                return screen;
            }
            assert!(start.elapsed() < SOON, "waited {SOON:?} for {missing:?} in\n{screen}");
            pause(Duration::from_millis(20));
        }
    }

    /// Types keys until one time they have their effect in time: `undo` is typed after each time that they were too slow.
    #[track_caller]
    fn expect_soon(&self, keys: &[&str], effect: &str, undo: (&[&str], &str)) {
        let mut took = Vec::new();
        for _ in 0..ATTEMPTS {
            let start = Instant::now();
            self.keys(keys);
            self.expect(&[effect]);
            took.push(start.elapsed());
            if start.elapsed() <= EFFECT_MAX {
                return;
            }
            self.keys(undo.0);
            self.expect(&[undo.1]);
        }
        panic!("{keys:?} took {took:?} to show {effect:?}, and may take {EFFECT_MAX:?}");
    }

    /// The terminal as it must be left, whatever ended the run: no page, keys as they were.
    #[track_caller]
    fn expect_left(&self, code: &str) -> String {
        self.expect(&[code, "icanon echo left"]);
        let screen = self.screen();
        assert!(!screen.contains("p pause  w/s users"), "the page is still there\n{screen}");
        screen
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux")
            .args(["-L", "test", "kill-server"])
            .env("TMUX_TMPDIR", self.folder.path())
            .env_remove("TMUX")
            .stderr(Stdio::null())
            .status();
    }
}

/// How many pages stand on a screen.
fn pages(screen: &str) -> usize {
    screen.lines().filter(|line| line.starts_with("▶ running") || line.starts_with("‖ paused")).count()
}

#[test]
fn needs_tmux_a_run_is_seen_on_80_columns_and_stopped_by_a_key() {
    let tmux = Tmux::play(80, 24, "$RUNNER run test.rhai");
    let screen = tmux.expect(&[
        "▶ running  ",
        "requests ",
        "p(95) ",
        "  users  ━",
        "2 VUs",
        "20.0/s",
        "ENDPOINTS",
        "/found",
        "/missing",
        "100.00%",
        "✗ is there",
        "✓ is found",
        "✓ http_req_duration{name:/found}  p(95) < 10s",
        "% left",
        "✗ http_req_failed",
        "% beyond",
        "status 404, GET /missing",
        " generator ",
        "CPU ",
        "p pause  w/s users  +/- rate  r reset  e failures  ? help  q stop",
    ]);
    assert_eq!(pages(&screen), 1, "{screen}");
    assert!(screen.lines().all(|line| line.chars().count() < 80), "{screen}");
    let log = screen.lines().position(|line| line.contains("info [users #"));
    let page = screen.lines().position(|line| line.starts_with("▶ running"));
    assert!(log < page, "what the script says stands above the page\n{screen}");
    assert!(tmux.all().contains("looked"), "{}", tmux.all());
    tmux.keys(&["q"]);
    let screen = tmux.expect_left("code 105");
    let said = tmux.all();
    assert!(said.contains("stopping: once more ends it at once"), "{said}");
    assert!(screen.contains("stopped by the user"), "{screen}");
    assert!(said.contains("http_reqs"), "the summary follows\n{said}");
}

#[test]
fn needs_tmux_keys_steer_a_run() {
    let tmux = Tmux::play(120, 40, "$RUNNER run test.rhai");
    tmux.expect(&["▶ running  ", "2 VUs"]);
    tmux.expect_soon(&["p"], "‖ paused", (&["p"], "▶ running"));
    wait_until("a pause that holds", SOON, || {
        let before = tmux.server.count();
        pause(Duration::from_millis(300));
        tmux.server.count() == before
    });
    tmux.keys(&["p"]);
    tmux.expect(&["▶ running", "✓ going on"]);
    let before = tmux.server.count();
    wait_until("requests after the pause", SOON, || tmux.server.count() > before + 10);
    tmux.keys(&["W"]);
    tmux.expect(&["✓ users: 12 users", " 12 VUs"]);
    tmux.keys(&["s"]);
    tmux.expect(&["✓ users: 11 users", " 11 VUs"]);
    tmux.keys(&["-"]);
    tmux.expect(&["✓ rate: 18.0/s"]);
    tmux.keys(&["Tab", "+"]);
    tmux.expect(&["▸ users", "✗ scenario `users` is one of users, not of arrivals: set its users"]);
    tmux.keys(&["Down", "+"]);
    tmux.expect(&["▸ rate", "✓ rate: 19.8/s"]);
    tmux.expect(&["ENDPOINTS", "/found", "/missing"]);
    tmux.keys(&["r"]);
    tmux.expect(&["✓ counting anew"]);
    tmux.expect(&["epoch 2: ", "  was "]);
    tmux.keys(&["e"]);
    tmux.expect(&["FAILURES", "> GET /missing HTTP/1.1", "< HTTP/1.1 404", "$ curl ", "Esc back"]);
    tmux.keys(&["?"]);
    tmux.expect(&["KEYS", "Ctrl-Z    put it to sleep"]);
    tmux.keys(&["Escape"]);
    tmux.expect(&["ENDPOINTS", "▶ running"]);
    tmux.keys(&["C-c"]);
    tmux.expect_left("code 105");
}

#[test]
fn needs_tmux_a_page_follows_its_terminal() {
    let tmux = Tmux::play(200, 50, "$RUNNER run test.rhai");
    let screen = tmux.expect(&[
        "▶ running",
        "SCENARIOS",
        "CHECKS",
        "TARGETS",
        "FAILURES",
        "20/s for 10m, up to 10 VUs",
    ]);
    assert_eq!(pages(&screen), 1, "{screen}");
    for (columns, rows, seen) in
        [("100", "30", "ENDPOINTS"), ("80", "24", "ENDPOINTS"), ("132", "43", "SCENARIOS")]
    {
        tmux.call(&["resize-window", "-t", "test", "-x", columns, "-y", rows]);
        tmux.expect(&["▶ running", seen, "q stop"]);
        // Until what the old size left has gone.
        wait_until("one page", SOON, || pages(&tmux.screen()) == 1);
    }
    tmux.call(&["resize-window", "-t", "test", "-x", "20", "-y", "5"]);
    wait_until("one line", SOON, || {
        let screen = tmux.screen();
        screen.contains("▶ running") && !screen.contains("ENDPOINTS") && !screen.contains("q stop")
    });
    tmux.call(&["resize-window", "-t", "test", "-x", "80", "-y", "24"]);
    tmux.expect(&["▶ running", "ENDPOINTS", "q stop"]);
    tmux.keys(&["q"]);
    tmux.expect_left("code 105");
}

#[test]
fn needs_tmux_no_colour_is_none_and_colour_is_some() {
    for (variable, has_colour) in [("NO_COLOR=1", false), ("NO_COLOR=", true)] {
        let tmux = Tmux::play(80, 24, &format!("{variable} $RUNNER run test.rhai"));
        tmux.expect(&["▶ running", "✗ is there"]);
        let styled = tmux.call(&["capture-pane", "-p", "-e", "-t", "test"]);
        assert_eq!(styled.contains('\x1b'), has_colour, "{styled:?}");
    }
}

#[test]
fn needs_tmux_without_a_terminal_or_with_quiet_there_is_no_page() {
    let short = |call: &str| {
        Tmux::play(80, 24, &format!("sed s/10m/2s/ test.rhai > short.rhai; {call} short.rhai > out.txt"))
    };
    let tmux = short("2> said.txt $RUNNER run");
    tmux.expect_left("code ");
    for file in ["said.txt", "out.txt"] {
        let text = std::fs::read_to_string(tmux.folder.path().join(file)).expect("what was written");
        assert!(!text.contains('\x1b') && !text.contains("running"), "{file}: {text}");
    }
    let tmux = short("$RUNNER run -q");
    tmux.expect_left("code ");
    assert!(!tmux.all().contains("running"), "{}", tmux.all());
    let tmux = short("TERM=dumb $RUNNER run");
    tmux.expect(&["running (00m", "VUs"]);
    tmux.expect_left("code ");
}

#[test]
fn needs_tmux_a_signal_leaves_the_terminal_as_it_was() {
    let tmux = Tmux::play(80, 24, "sh -c 'echo $$ > pid; exec $RUNNER run test.rhai'");
    tmux.expect(&["▶ running"]);
    let pid = std::fs::read_to_string(tmux.folder.path().join("pid")).expect("the run's id");
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().expect("a number")).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a process of this test");
    tmux.expect_left("code 105");
}

#[test]
fn needs_tmux_a_run_sleeps_and_wakes_up_with_its_page() {
    // A shell with job control.
    let tmux = Tmux::start(80, 24, "PS1='> ' exec bash --norc --noprofile");
    tmux.expect(&[">"]);
    tmux.keys(&["$RUNNER run test.rhai", "Enter"]);
    tmux.expect(&["▶ running", "q stop"]);
    tmux.keys(&["C-z"]);
    tmux.expect(&["Stopped"]);
    tmux.keys(&["stty -a | grep -o ' icanon' ; stty -a | grep -o ' echo '", "Enter"]);
    tmux.expect(&[" icanon", "\n echo"]);
    tmux.keys(&["clear; fg", "Enter"]);
    tmux.expect(&["▶ running", "q stop"]);
    // In the background it draws nothing, and reads nothing that the shell is to have.
    tmux.keys(&["C-z"]);
    tmux.expect(&["Stopped"]);
    tmux.keys(&["clear; bg", "Enter"]);
    tmux.keys(&["echo still $((40 + 2))", "Enter"]);
    let screen = tmux.expect(&["still 42"]);
    assert_eq!(pages(&screen), 0, "{screen}");
    tmux.keys(&["clear; fg", "Enter"]);
    tmux.expect(&["▶ running", "q stop"]);
    tmux.keys(&["q"]);
    tmux.expect(&["stopped by the user", "results: "]);
    tmux.keys(&["clear; echo all is $((40 + 2))", "Enter"]);
    tmux.expect(&["all is 42"]);
}

#[test]
fn needs_tmux_several_scripts_share_the_page() {
    let tmux = Tmux::play(100, 30, "cp test.rhai other.rhai; $RUNNER run test.rhai other.rhai");
    tmux.expect(&["▶ running  1/2 test.rhai", "/found"]);
    tmux.keys(&["Right"]);
    tmux.expect(&["▶ running  2/2 other.rhai", "/found"]);
    tmux.keys(&["p"]);
    tmux.expect(&["‖ paused  2/2"]);
    tmux.keys(&["Left"]);
    tmux.expect(&["‖ paused  1/2"]);
    tmux.keys(&["q", "q"]);
    tmux.expect_left("code 105");
}

#[test]
fn needs_tmux_a_save_is_seen_beside_what_was_before() {
    let tmux = Tmux::play(140, 40, "$RUNNER watch test.rhai");
    tmux.expect(&["▶ running", "ENDPOINTS", "/found"]);
    let script = tmux.folder.path().join("test.rhai");
    let edited = SCRIPT.replace("http::get(\"/found\")", "http::get(\"/found\", #{ name: \"edited\" })");
    std::fs::write(&script, edited).expect("a writable folder");
    let screen = tmux.expect(&["EPOCH 2: ", "│ was requests", "edited", "/missing"]);
    assert_eq!(pages(&screen), 1, "{screen}");
    std::fs::write(&script, "fn broken( {").expect("a writable folder");
    tmux.expect(&["error: ", "test.rhai:1:", "▶ running", "edited"]);
    tmux.keys(&["q"]);
    tmux.expect_left("code 105");
}

#[test]
fn needs_tmux_a_script_that_is_watched_says_its_saves_above_the_page_and_enter_plays_it_again() {
    // While it waits Ctrl-C is the terminal's, and the shell hears it too.
    let tmux = Tmux::play(100, 40, "trap : INT; $RUNNER watch test.rhai");
    let save =
        |text: &str| std::fs::write(tmux.folder.path().join("test.rhai"), text).expect("a writable folder");
    tmux.expect(&["▶ running  ", "2 VUs"]);
    save(&SCRIPT.replace("vus: 2", "vus: 5"));
    let screen = tmux.expect(&[
        "  now: scenario `users`: 5 VUs for 10m, was 2 VUs for 10m",
        "version 2 is played, ",
        " 5 VUs",
        "q stop",
    ]);
    assert_eq!(pages(&screen), 1, "{screen}");
    save("fn look( {");
    let screen =
        tmux.expect(&["the save is not played: the version before goes on", "--> test.rhai:1:", "▶ running"]);
    assert_eq!(pages(&screen), 1, "{screen}");
    save(&SCRIPT.replace("10m", "1s"));
    tmux.expect(&["the load is over: a save plays it again, and so does Enter"]);
    let before = tmux.server.count_of("/found");
    tmux.keys(&["Enter"]);
    wait_until("the next load", SOON, || tmux.server.count_of("/found") > before);
    wait_until("its end", SOON, || tmux.all().matches("the load is over").count() == 2);
    tmux.keys(&["C-c"]);
    // A target failed in the last load.
    tmux.expect_left("code 99");
}
