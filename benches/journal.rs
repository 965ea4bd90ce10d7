//! What a run's journal takes on disk, and what it takes to report a day of it: `make bench-journal`.
//!
//! A day of seconds (`BENCH_SECONDS`, 86,400) with 20 series of 1,000 samples (`BENCH_SAMPLES`) each is written by the writer that runs have: at
//! most 32 KB a second. Then the built binary reports the file, which has no end, as of a run that was killed: within 10 s and
//! 256 MB. A figure above its gate ends the program with 1. The samples are log-normal around medians from 2 ms to 400 ms, with a tail
//! of slow ones: 300 different seconds, each written 288 times.
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]

mod process;

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use process::{memory, pause, runner, setting};
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use runner::diagnostic::Mask;
use runner::engine::{Books, Second, SoFar};
use runner::metrics::{Recorder, Snapshot, TagSet};
use runner::plan::Plan;
use runner::results::{Head, KeptSecond, PlayedSecond, TOTAL_EVERY, Writer};

const SERIES: u64 = 20;
const SAMPLES: u32 = 1_000;
/// A day.
const SECONDS: u32 = 86_400;
const DIFFERENT: u64 = 300;

const SECOND_BYTES_MAX: f64 = 32_000.0;
const REPORT_MAX: Duration = Duration::from_secs(10);
const REPORT_BYTES_MAX: u64 = 256_000_000;

fn main() -> ExitCode {
    let seconds = u64::from(setting("BENCH_SECONDS", SECONDS));
    let folder = std::env::temp_dir().join(format!("runner-bench-journal-{}", std::process::id()));
    let result = fs::create_dir(&folder)
        .map_err(|error| format!("{}: {error}", folder.display()))
        .and_then(|()| measure(&folder.join("journal"), seconds));
    let _ = fs::remove_dir_all(&folder);
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("✗ {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(path: &Path, seconds: u64) -> Result<bool, String> {
    let samples = setting("BENCH_SAMPLES", SAMPLES);
    let deltas: Vec<Snapshot> = (1..=DIFFERENT.min(seconds)).map(|number| second(number, samples)).collect();
    let begun = Instant::now();
    let bytes = write(path, &deltas, seconds)?;
    let written = begun.elapsed();
    let each = bytes as f64 / seconds as f64;
    let small = each <= SECOND_BYTES_MAX;
    println!(
        "{} {:.1} KB a second of {SERIES} series × {samples} samples (at most {:.0} KB; {:.2} ms of CPU a second; {:.0} MB in all)",
        mark(small),
        each / 1e3,
        SECOND_BYTES_MAX / 1e3,
        written.as_secs_f64() * 1e3 / seconds as f64,
        bytes as f64 / 1e6
    );
    let (took, resident) = report(path)?;
    let (fast, lean) = (took <= REPORT_MAX, resident <= REPORT_BYTES_MAX);
    println!(
        "{} reported in {:.2} s (at most {} s) with {:.0} MB (at most {:.0} MB)",
        mark(fast && lean),
        took.as_secs_f64(),
        REPORT_MAX.as_secs(),
        resident as f64 / 1e6,
        REPORT_BYTES_MAX as f64 / 1e6
    );
    Ok(small && fast && lean)
}

fn mark(passed: bool) -> char {
    if passed { '✓' } else { '✗' }
}

/// What a second recorded.
fn second(number: u64, samples: u32) -> Snapshot {
    let mut random = Pcg64Mcg::seed_from_u64(number);
    let mut recorder = Recorder::new(&[]);
    let (metric, _) = recorder.metric("http_req_response_time").expect("a built-in metric");
    for series in 0..SERIES {
        let median_us = 2_000.0 * 1.32_f64.powi(i32::try_from(series).expect("a few"));
        let tags = TagSet::from_pairs([
            ("name", format!("/resource/{series}")),
            ("method", "GET".to_owned()),
            ("scenario", "main".to_owned()),
            ("status", "200".to_owned()),
        ]);
        let id = recorder.series(metric, &tags);
        for _ in 0..samples {
            let tail = if random.random_bool(0.01) { 5.0 } else { 1.0 };
            let us = median_us * (0.4 * normal(&mut random)).exp() * tail;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below minutes")]
            recorder.trend_us(id, us as u64);
        }
    }
    recorder.take(number)
}

/// Box and Muller's.
fn normal(random: &mut Pcg64Mcg) -> f64 {
    let (one, two): (f64, f64) = (random.random_range(1e-12..1.0), random.random());
    (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * two).cos()
}

fn write(path: &Path, deltas: &[Snapshot], seconds: u64) -> Result<u64, String> {
    let failed = |error| format!("{}: {error}", path.display());
    let file = File::create(path).map_err(failed)?;
    let head = Head::new("bench.rhai", &Plan::default(), 1, 0, 1, &Mask::default());
    let mut writer = Writer::begin(file, &head).map_err(failed)?;
    let mut total = Snapshot::default();
    let mut random = Pcg64Mcg::seed_from_u64(0);
    let levels: Vec<f64> = (0..seconds).map(|_| 9.9 + 0.02 * normal(&mut random)).collect();
    for (number, delta) in (1..=seconds).zip(deltas.iter().cycle()) {
        let ok = number * SERIES * u64::from(SAMPLES);
        let second = PlayedSecond {
            number,
            end_unix_ms: number * 1_000,
            elapsed: Duration::from_secs(number),
            is_warm_up: false,
            is_paused: false,
            vus: 1_000,
            vus_max: 1_000,
            books: Books { scheduled: ok, started: ok, ok, ..Books::default() },
            delta: delta.clone(),
        };
        let so_far = SoFar { second: Some(line(number, &levels)), ..SoFar::default() };
        writer.second(&KeptSecond::new(Arc::new(second), &so_far, &mut Vec::new()));
        total.append(delta);
        if number % TOTAL_EVERY == 0 {
            writer.sum(&total, &SoFar::default());
        }
    }
    let bytes = writer.written_bytes();
    match writer.into_error() {
        Some((verb, error)) => Err(format!("failed to {verb} {}: {error}", path.display())),
        None => Ok(bytes),
    }
}

/// The second's line, of one load and one level.
fn line(number: u64, levels: &[f64]) -> Second {
    let level = usize::try_from(number - 1).ok().and_then(|at| levels.get(at)).copied();
    let requests = SERIES * u64::from(SAMPLES);
    Second {
        number,
        requests,
        failed: 0,
        median_us: Some(20_000),
        mean_us: level.map(f64::exp),
        level,
        vus: 1_000,
        stretch: Some(1),
        is_warm_up: false,
    }
}

/// How long a report takes, and how much memory.
fn report(path: &Path) -> Result<(Duration, u64), String> {
    let begun = Instant::now();
    let mut child = Command::new(runner())
        .arg("report")
        .arg(path)
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("runner: {error}"))?;
    let mut resident = 0;
    loop {
        resident = memory(child.id(), "VmHWM").unwrap_or(0).max(resident);
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok((begun.elapsed(), resident)),
            Ok(Some(status)) => return Err(format!("`runner report` ended with {status}")),
            Ok(None) => pause(Duration::from_millis(1)),
            Err(error) => return Err(error.to_string()),
        }
    }
}
