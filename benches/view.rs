//! What the live view costs: CPU of its thread and of the control thread that copies for it, in a real terminal of 200×50,
//! with 50 endpoints. Beside it the control thread of the same load without a view. Gate: 2 % of a core together (issue 10).
//!
//! Needs tmux. `BENCH_SECONDS` (20) are measured, `BENCH_RATE` (2000) iterations a second are played.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its figures")]

#[path = "process.rs"]
mod process;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use process::{pause, runner, setting};
use runner::demo::NullServer;

const ENDPOINTS: u32 = 50;
const SHARE_MAX: f64 = 0.02;
/// Until a load has begun and its first seconds are shown.
const WARM: Duration = Duration::from_secs(4);
/// A machine that starts no process in that time is of no use.
const STARTS: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    match measure() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("view: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<bool, String> {
    let (seconds, rate) = (setting("BENCH_SECONDS", 20), setting("BENCH_RATE", 2_000));
    let server = NullServer::start(0).map_err(|error| format!("null server: {error}"))?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let script = format!(
        "base_url(\"{}\");\n\
         scenario(\"all\", #{{ executor: \"constant-arrival-rate\", rate: {rate}, duration: \"1h\", flow: || {{\n\
         let r = http::get(\"/\", #{{ name: `endpoint ${{random::int(1, {ENDPOINTS})}}` }});\n\
         check(r.status == 200, \"is there\"); }} }});\n\
         target(\"http_req_duration\", \"p(95) < 10s\");\ntarget(\"http_req_failed\", \"rate < 1%\");\n",
        server.url()
    );
    fs::write(folder.path().join("view.rhai"), script).map_err(|error| error.to_string())?;
    let quiet = play(folder.path(), "--quiet", seconds)?;
    let shown = play(folder.path(), "", seconds)?;
    server.stop().map_err(|error| format!("null server: {error}"))?;
    let (view, copies) = (shown.view, (shown.control - quiet.control).max(0.0));
    println!("{ENDPOINTS} endpoints, {rate} iterations a second, {seconds} s, shares of a core:");
    println!("  control thread, without a view  {:.3} %", quiet.control * 100.0);
    println!("  control thread, with a view     {:.3} %", shown.control * 100.0);
    println!("  the view's thread               {:.3} %", view * 100.0);
    let sum = view + copies;
    println!("  the view in all                 {:.3} %, at most {:.0} %", sum * 100.0, SHARE_MAX * 100.0);
    Ok(sum <= SHARE_MAX)
}

/// Shares of a core.
struct Shares {
    control: f64,
    view: f64,
}

/// Plays in a terminal of its own, and measures for so many seconds.
fn play(folder: &Path, flag: &str, seconds: u32) -> Result<Shares, String> {
    let terminal = Terminal { folder };
    let pid_file = folder.join("pid");
    let _ = fs::remove_file(&pid_file);
    let call = format!("echo $$ > pid; exec \"$RUNNER\" run {flag} --no-save view.rhai");
    terminal.call(&["new-session", "-d", "-x", "200", "-y", "50", "-s", "bench", &call])?;
    let begun = Instant::now();
    let pid: u32 = loop {
        if let Some(pid) = fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse().ok()) {
            break pid;
        }
        if begun.elapsed() > STARTS {
            return Err("the run did not start".to_owned());
        }
        pause(Duration::from_millis(10));
    };
    pause(WARM);
    let (before, start) = (threads(pid), Instant::now());
    pause(Duration::from_secs(seconds.into()));
    let (after, elapsed) = (threads(pid), start.elapsed().as_secs_f64());
    let screen = terminal.call(&["capture-pane", "-p", "-t", "bench"])?;
    if screen.contains("endpoint ") != flag.is_empty() {
        return Err(format!("this is not what was to be measured:\n{screen}"));
    }
    let share = |at: fn(&Used) -> u64| at(&after).saturating_sub(at(&before)) as f64 / 1e9 / elapsed;
    Ok(Shares { control: share(|used| used.control_ns), view: share(|used| used.view_ns) })
}

/// CPU that threads have used.
struct Used {
    control_ns: u64,
    view_ns: u64,
}

fn threads(pid: u32) -> Used {
    let mut used = Used { control_ns: 0, view_ns: 0 };
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for task in tasks {
        let read = |name| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let ns: u64 = read("schedstat").split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0);
        if task.file_name().to_string_lossy() == pid.to_string() {
            used.control_ns = ns;
        } else if read("comm").trim() == "view" {
            used.view_ns = ns;
        }
    }
    used
}

/// A tmux server of its own, which ends with it.
struct Terminal<'a> {
    folder: &'a Path,
}

impl Terminal<'_> {
    fn call(&self, words: &[&str]) -> Result<String, String> {
        let output = Command::new("tmux")
            .args(["-u", "-f", "/dev/null", "-L", "bench"])
            .args(words)
            .env("TMUX_TMPDIR", self.folder)
            .env_remove("TMUX")
            .env_remove("NO_COLOR")
            .env("RUNNER", runner())
            .env("SHELL", "/bin/sh")
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("tmux: {error}"))?;
        if !output.status.success() {
            return Err(format!("tmux: {}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let _ = self.call(&["kill-server"]);
    }
}
