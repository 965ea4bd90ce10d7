//! Does memory stay flat: `make soak`. In time, at 1,000 users for half an hour; and in the number of requests, 10⁷
//! beside 10⁵. `BENCH_MINUTES` (30) and `BENCH_REQUESTS` (10,000,000) shorten it; `BENCH_MARKDOWN=1` writes the
//! figures into `docs/honesty.md`.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod page;
mod process;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use process::{Guard, NullServer, command, figure, memory, pause, runner, script, setting};

/// Users of the run in time.
const USERS: u32 = 1_000;
/// What resident memory may grow by in ten minutes, by the line through all samples.
const SLOPE_MAX_MIB: f64 = 1.0;
/// The share of the run that is not looked at: buffers, stacks and tables come to their size.
const SETTLING: f64 = 0.2;
/// The fewer requests of the two counts.
const FEW: u32 = 100_000;
/// What the peaks of the two counts may differ by.
const APART_MAX_MIB: f64 = 8.0;
/// Requests of one iteration.
const PAGES: u32 = 4;
/// A line needs some samples.
const SAMPLES_MIN: usize = 20;
const MIB: f64 = 1_048_576.0;

/// Whether a part holds, and what it found.
type Found = (bool, String);

fn start(server: &NullServer, pause_s: &str, arguments: &[&str]) -> Result<Guard, String> {
    let mut call = command(None, &runner());
    call.arg("run").arg(script("soak.rhai")).args(arguments);
    call.env("TARGET_URL", server.url()).env("PAUSE", pause_s).env("NO_COLOR", "1");
    Guard::start(&mut call)
}

/// The least-squares slope of y over x.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (mean_x, mean_y) =
        points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / spread
}

/// Resident memory over half an hour.
fn in_time() -> Result<Found, String> {
    let minutes = setting("BENCH_MINUTES", 30).max(1);
    let length = Duration::from_secs(u64::from(minutes) * 60);
    let server = NullServer::start()?;
    let (users, duration) = (USERS.to_string(), format!("{minutes}m"));
    let run = start(&server, "1", &["--vus", &users, "--duration", &duration])?;
    let (begin, mut samples) = (Instant::now(), Vec::new());
    // The second before the end is left out: the summary is made then.
    while begin.elapsed() + Duration::from_secs(2) < length {
        pause(Duration::from_secs(1));
        let now = memory(run.id(), "VmRSS").ok_or("the run ended early")?;
        samples.push((begin.elapsed().as_secs_f64() / 600.0, now as f64 / MIB));
    }
    let (_, summary) = run.finish()?;
    let requests = figure(&summary, "http_reqs").ok_or("no line http_reqs")?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
    let settled = &samples[(samples.len() as f64 * SETTLING) as usize..];
    if settled.len() < SAMPLES_MIN {
        return Err(format!("{} samples are too few for a slope", settled.len()));
    }
    let slope = slope(settled);
    let text = format!(
        "{USERS} users for {minutes} min, {requests:.0} requests: resident memory {:.1} MiB at first, {:.1} MiB at the end, slope {slope:+.2} MiB per 10 min (at most {SLOPE_MAX_MIB})",
        settled[0].1,
        settled[settled.len() - 1].1,
    );
    Ok((slope <= SLOPE_MAX_MIB, text))
}

/// The peak of a run of so many requests, in MiB.
fn peak(server: &NullServer, requests: u32) -> Result<f64, String> {
    let iterations = (requests / PAGES).to_string();
    let run = start(server, "0", &["--vus", "64", "--iterations", &iterations])?;
    let mut peak = 0;
    while let Some(now) = memory(run.id(), "VmHWM") {
        peak = now.max(peak);
        pause(Duration::from_millis(20));
    }
    let (_, summary) = run.finish()?;
    let sent = figure(&summary, "http_reqs").ok_or("no line http_reqs")?;
    if (sent - f64::from(requests)).abs() > 0.5 {
        return Err(format!("{requests} requests were wanted, {sent} were sent"));
    }
    Ok(peak as f64 / MIB)
}

/// Peak memory of many requests beside that of few.
fn in_requests() -> Result<Found, String> {
    let many = setting("BENCH_REQUESTS", 10_000_000).max(FEW) / PAGES * PAGES;
    let server = NullServer::start()?;
    let (few_mib, many_mib) = (peak(&server, FEW)?, peak(&server, many)?);
    let apart = many_mib - few_mib;
    let text = format!(
        "{FEW} requests: peak {few_mib:.1} MiB; {many}: {many_mib:.1} MiB, {apart:+.1} MiB apart (at most {APART_MAX_MIB})"
    );
    Ok((apart <= APART_MAX_MIB, text))
}

fn main() -> ExitCode {
    let (mut passed, mut lines) = (true, String::new());
    for part in [in_requests, in_time] {
        let (holds, text) = part().unwrap_or_else(|error| (false, error));
        println!("{} {text}", if holds { '✓' } else { '✗' });
        passed &= holds;
        lines.extend(["- ", text.as_str(), "\n"]);
    }
    if page::is_asked_for()
        && let Err(error) =
            page::write_to("docs/honesty.md", "soak", &format!("{lines}\nOn {}.", page::machine()))
    {
        println!("error: {error}");
        passed = false;
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
