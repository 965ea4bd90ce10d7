//! Memory of a virtual user and the time from start to first request: `make bench-memory`.
//!
//! A user's memory is what 10,000 users past their first request hold beyond what one does, divided by
//! their number: connections, stacks and script state, but not the program itself. Beside it: 50,000
//! users in `sleep` start and end well, and a process is at its first request within 50 ms. `BENCH_MARKDOWN=1`
//! writes the figures into `docs/performance.md`.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod page;
mod process;
mod quantile;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use process::{
    GENERATOR_CORE, Guard, NullServer, command, connections_to, figure, kill, memory, pause,
    raise_file_limit, runner, script,
};
use quantile::median;

const USERS: u64 = 10_000;
const USER_BYTES_MAX: f64 = 26_000.0;
/// What we reach for.
const USER_BYTES_REACH: f64 = 16_000.0;
const SLEEPERS: u64 = 50_000;
const FIRST_REQUEST_MAX: Duration = Duration::from_millis(50);
const STARTS: usize = 9;
/// Connections that are not users': preflight, listener, epoll, timers, standard streams.
const FILES_BESIDE: u64 = 100;
/// How long 10,000 users may take to connect.
const CONNECT_LIMIT: Duration = Duration::from_mins(1);
/// Users have made their first requests and more by then: each asks once a second.
const SETTLE: Duration = Duration::from_secs(5);
/// A run that takes longer is stuck, and is killed.
const SLEEPERS_LIMIT: Duration = Duration::from_mins(2);

fn start(name: &str, users: u64, target: Option<&str>, core: Option<usize>) -> Result<Guard, String> {
    let mut call = command(core, &runner());
    call.arg("run").arg(script(name)).env("VUS", users.to_string()).env("NO_COLOR", "1");
    if let Some(target) = target {
        call.env("TARGET_URL", target);
    }
    Guard::start(&mut call)
}

/// Resident bytes of a run whose users all hold a connection and have made requests.
fn resident(users: u64, server: &NullServer) -> Result<u64, String> {
    let mut run = start("memory_connected.rhai", users, Some(&server.url()), Some(GENERATOR_CORE))?;
    let begin = Instant::now();
    while (connections_to(server.port) as u64) < users {
        run.expect_running().map_err(|error| format!("the run of {users} users {error}"))?;
        if begin.elapsed() > CONNECT_LIMIT {
            return Err(format!(
                "{} of {users} users connected in {CONNECT_LIMIT:?}",
                connections_to(server.port)
            ));
        }
        pause(Duration::from_millis(100));
    }
    pause(SETTLE);
    memory(run.id(), "VmRSS").ok_or_else(|| format!("the run of {users} users ended before it was looked at"))
}

/// Whether a part holds, and what it found.
type Found = (bool, String);

fn memory_per_user() -> Result<Found, String> {
    let limit = raise_file_limit();
    if limit < USERS + FILES_BESIDE {
        return Err(format!(
            "memory per user: not measured, only {limit} open files are permitted (ulimit -n)"
        ));
    }
    let server = NullServer::start()?;
    let one = resident(1, &server)?;
    // The first run's connection has to be gone before the next ones are counted.
    while connections_to(server.port) > 0 {
        pause(Duration::from_millis(50));
    }
    let all = resident(USERS, &server)?;
    let each = all.saturating_sub(one) as f64 / (USERS - 1) as f64;
    let text = format!(
        "memory per user past its first request: {:.1} KB ({USERS} connected users {:.1} MB, one user {:.1} MB; at most {:.0} KB, reach {:.0})",
        each / 1e3,
        all as f64 / 1e6,
        one as f64 / 1e6,
        USER_BYTES_MAX / 1e3,
        USER_BYTES_REACH / 1e3
    );
    Ok((each <= USER_BYTES_MAX, text))
}

/// Starts users that do nothing but sleep, once each.
fn sleepers() -> Result<Found, String> {
    let begin = Instant::now();
    let run = start("memory_sleep.rhai", SLEEPERS, None, None)?;
    let pid = run.id();
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = memory(pid, "VmHWM") {
            peak = now.max(peak);
            if begin.elapsed() > SLEEPERS_LIMIT {
                kill(pid);
                break;
            }
            pause(Duration::from_millis(20));
        }
        peak
    });
    let ended = run.finish();
    let peak = watch.join().unwrap_or_default();
    let (cpu, summary) = match ended {
        Ok(both) => both,
        Err(error) => return Err(format!("{SLEEPERS} users in sleep: {error}")),
    };
    let iterations =
        figure(&summary, "iterations").ok_or_else(|| format!("no line iterations\n{summary}"))?;
    let passed = (iterations - SLEEPERS as f64).abs() < 0.5;
    let text = format!(
        "{SLEEPERS} users in sleep: {iterations} iterations in {:.1} s, {:.1} s of CPU, peak {:.0} MB ({:.1} KB a user)",
        begin.elapsed().as_secs_f64(),
        cpu.total().as_secs_f64(),
        peak as f64 / 1e6,
        peak as f64 / 1e3 / SLEEPERS as f64
    );
    Ok((passed, text))
}

/// The time from the start of a process to the first bytes of its first request, preflight included.
fn first_request() -> Result<Duration, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                // A preflight connects and sends nothing.
                while let Ok(1..) = stream.read(&mut bytes) {
                    if sender.send(Instant::now()).is_err() {
                        return;
                    }
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                }
            });
        }
    });
    let target = format!("http://{address}");
    let begin = Instant::now();
    let run = start("memory_first.rhai", 1, Some(&target), None)?;
    let arrived =
        receiver.recv_timeout(Duration::from_secs(10)).map_err(|_| "no request within 10 s".to_owned());
    run.finish()?;
    Ok(arrived?.saturating_duration_since(begin))
}

fn starts() -> Result<Found, String> {
    // The first one reads the binary from disk.
    first_request()?;
    let times = (0..STARTS).map(|_| first_request()).collect::<Result<Vec<Duration>, String>>()?;
    let millis: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    let middle = median(&millis);
    let passed = middle <= FIRST_REQUEST_MAX.as_secs_f64() * 1e3;
    let text = format!(
        "start to first request: median {middle:.1} ms of {STARTS} ({:.1}–{:.1} ms; at most {FIRST_REQUEST_MAX:?})",
        millis.iter().copied().fold(f64::INFINITY, f64::min),
        millis.iter().copied().fold(0.0, f64::max),
    );
    Ok((passed, text))
}

fn main() -> ExitCode {
    let (mut passed, mut lines) = (true, String::new());
    for part in [starts, memory_per_user, sleepers] {
        let (holds, text) = part().unwrap_or_else(|error| (false, error));
        println!("{} {text}", if holds { '✓' } else { '✗' });
        passed &= holds;
        lines.extend(["- ", text.as_str(), "\n"]);
    }
    if page::is_asked_for()
        && let Err(error) = page::write("memory", &format!("{lines}\nOn {}.", page::machine()))
    {
        println!("error: {error}");
        passed = false;
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
