//! What scripts cost beyond their requests: `make bench-script`.
//!
//! Four figures, each with its gate: `runner check` of 1,000 lines; the memory of a 100 MB table that 1,000
//! users share; a flow that uses a module, a constant and shared data beside the same flow with all in
//! place; a draw from 10,000 texts. A figure above its gate ends the program with 1.
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

mod process;
mod quantile;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use process::{GENERATOR_CORE, Guard, NullServer, command, figure, memory, pause, runner, script, setting};
use quantile::{median, median_interval};
use runner::units::parse_duration;

const CHECK_LINES: usize = 1_000;
const CHECK_MAX: Duration = Duration::from_millis(50);
const CHECKS: usize = 9;
const TABLE_BYTES: u64 = 100_000_000;
/// Memory of the whole process beyond that of the same run with one row, as a multiple of the file's size.
const TABLE_MAX: f64 = 1.3;
/// The rich flow's CPU a request, as a multiple of the bare one's.
const RICH_MAX: f64 = 1.05;
/// With fewer rounds the interval says nothing.
const ROUNDS_MIN: u32 = 9;
const PICKS: f64 = 1e6;
const PICK_MAX_US: f64 = 0.2;

fn mark(passed: bool) -> char {
    if passed { '✓' } else { '✗' }
}

/// A script as authors write them, of that many lines: flows, checks, groups, helpers, comments.
fn long_script(lines: usize) -> String {
    let mut text =
        String::from("base_url(\"http://127.0.0.1:9\");\n\nconst SYMBOLS = [\"AAPL\", \"MSFT\"];\n\n");
    let mut number = 0;
    while text.lines().count() + 14 <= lines {
        let _ = write!(
            text,
            r#"// Flow {number}: a price, looked at closely.
fn flow_{number}() {{
    let symbol = pick(global::SYMBOLS);
    group("price {number}", || {{
        let r = http::get(`/price/${{symbol}}`, #{{ name: "price {number}", tags: #{{ part: "{number}" }} }});
        check(r, #{{
            "status is 200": |r| r.status == 200,
            "has a price": |r| r.json("price") > 0,
        }});
        if r.timings.duration > 100 {{ log::warn(`slow: ${{r.url}}`); }}
    }});
    sleep("10ms");
}}
scenario("s{number}", #{{ executor: "constant-vus", vus: 1, duration: "1s", flow: "flow_{number}" }});
"#
        );
        number += 1;
    }
    while text.lines().count() < lines {
        text.push_str("// the end\n");
    }
    text
}

fn check(_: u32) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path().join("long.rhai");
    fs::write(&path, long_script(CHECK_LINES)).map_err(|error| error.to_string())?;
    let mut times = Vec::new();
    // The first one reads the binary from disk.
    for _ in 0..=CHECKS {
        let begin = Instant::now();
        Guard::start(command(None, &runner()).arg("check").arg(&path))?.finish()?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let times = &times[1..];
    let middle = median(times);
    let passed = middle <= CHECK_MAX.as_secs_f64() * 1e3;
    println!(
        "{} check of {CHECK_LINES} lines: median {middle:.1} ms of {CHECKS} ({:.1}–{:.1} ms; at most {CHECK_MAX:?})",
        mark(passed),
        times.iter().copied().fold(f64::INFINITY, f64::min),
        times.iter().copied().fold(0.0, f64::max),
    );
    Ok(passed)
}

/// A table of at least that many bytes; one row with none.
fn write_table(path: &Path, bytes: u64) -> std::io::Result<u64> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut written = 0;
    let mut number = 0_u64;
    let header = "id,symbol,name,price,note\n";
    file.write_all(header.as_bytes())?;
    while number == 0 || written < bytes {
        let row = format!(
            "{number},SYM{:05},\"Company {number}, Inc.\",{}.{:02},plain\n",
            number % 99_991,
            number % 997,
            number % 100
        );
        file.write_all(row.as_bytes())?;
        written += row.len() as u64;
        number += 1;
    }
    file.flush()?;
    Ok(written + header.len() as u64)
}

/// The most memory that a run of 1,000 users over a table ever held.
fn peak_with_table(bytes: u64) -> Result<(u64, u64), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let size = write_table(&folder.path().join("rows.csv"), bytes).map_err(|error| error.to_string())?;
    let path = folder.path().join("data.rhai");
    fs::copy(script("script_data.rhai"), &path).map_err(|error| error.to_string())?;
    let run = Guard::start(command(None, &runner()).args(["run", "-q"]).arg(&path).env("TABLE", "rows.csv"))?;
    let pid = run.id();
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = memory(pid, "VmHWM") {
            peak = now.max(peak);
            pause(Duration::from_millis(10));
        }
        peak
    });
    let ended = run.finish();
    let peak = watch.join().unwrap_or_default();
    let (_, summary) = ended?;
    match figure(&summary, "iterations") {
        Some(iterations) if iterations > 1_000.0 => Ok((peak, size)),
        other => Err(format!("the users did not run: {other:?} iterations\n{summary}")),
    }
}

fn table(_: u32) -> Result<bool, String> {
    let (bare, _) = peak_with_table(0)?;
    let (full, size) = peak_with_table(TABLE_BYTES)?;
    let ratio = full.saturating_sub(bare) as f64 / size as f64;
    let passed = ratio <= TABLE_MAX;
    println!(
        "{} table of {:.0} MB, 1,000 users: {ratio:.3} × its size (peak {:.1} MB, {:.1} MB with one row; at most {TABLE_MAX})",
        mark(passed),
        size as f64 / 1e6,
        full as f64 / 1e6,
        bare as f64 / 1e6,
    );
    Ok(passed)
}

fn cost_us(name: &str, server: &NullServer, seconds: u32) -> Result<f64, String> {
    let mut call = command(Some(GENERATOR_CORE), &runner());
    call.args(["run", "-q"]).arg(script(name)).env("TARGET_URL", server.url());
    let (used, summary) = Guard::start(call.env("DURATION", format!("{seconds}s")))?.finish()?;
    let requests = figure(&summary, "http_reqs").filter(|requests| *requests > 1_000.0);
    let requests = requests.ok_or_else(|| format!("{name}: too few requests\n{summary}"))?;
    Ok(used.total().as_secs_f64() * 1e6 / requests)
}

fn rich(rounds: u32) -> Result<bool, String> {
    let seconds = setting("BENCH_SECONDS", 3).max(1);
    let server = NullServer::start()?;
    cost_us("script_bare.rhai", &server, 1)?;
    let (mut costs, mut ratios) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // Every other round in reverse, so that drift cancels out.
        let mut names = ["script_bare.rhai", "script_rich.rhai"];
        if round % 2 == 1 {
            names.reverse();
        }
        let mut pair = [cost_us(names[0], &server, seconds)?, cost_us(names[1], &server, seconds)?];
        if round % 2 == 1 {
            pair.reverse();
        }
        costs.push(pair[0]);
        ratios.push(pair[1] / pair[0]);
    }
    let ratio = median(&ratios);
    let passed = ratio <= RICH_MAX;
    let interval =
        median_interval(&ratios).map_or("too few".to_owned(), |(from, to)| format!("{from:.3}–{to:.3}"));
    println!(
        "{} flow with module, constant and data: {ratio:.3} × the bare one of {:.2} µs a request (95 % {interval}, {rounds} rounds; at most {RICH_MAX})",
        mark(passed),
        median(&costs),
    );
    Ok(passed)
}

/// The time of a run's one iteration, as the summary prints it.
fn iteration_us(flow: &str) -> Result<f64, String> {
    let mut call = command(Some(GENERATOR_CORE), &runner());
    call.args(["run", "-q"]).arg(script("script_pick.rhai")).env("FLOW", flow);
    let (_, summary) = Guard::start(&mut call)?.finish()?;
    let line = summary.lines().find(|line| line.contains("iteration_duration"));
    let text = line.and_then(|line| line.split_once("avg ")?.1.split_whitespace().next());
    let time = text.and_then(|text| parse_duration(text).ok());
    Ok(time.ok_or_else(|| format!("no iteration_duration\n{summary}"))?.as_secs_f64() * 1e6)
}

fn draw(rounds: u32) -> Result<bool, String> {
    let mut each = Vec::new();
    for _ in 0..rounds {
        each.push((iteration_us("picked")? - iteration_us("bare")?) / PICKS);
    }
    let middle = median(&each);
    let passed = middle <= PICK_MAX_US;
    println!(
        "{} pick of 10,000 texts: {middle:.3} µs (median of {rounds}, {:.3}–{:.3}; at most {PICK_MAX_US})",
        mark(passed),
        each.iter().copied().fold(f64::INFINITY, f64::min),
        each.iter().copied().fold(0.0, f64::max),
    );
    Ok(passed)
}

fn main() -> ExitCode {
    let rounds = setting("BENCH_ROUNDS", ROUNDS_MIN);
    let mut passed = true;
    for part in [check, table, draw, rich] {
        passed &= part(rounds).unwrap_or_else(|error| {
            println!("✗ {error}");
            false
        });
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
