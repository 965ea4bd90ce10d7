//! `runner calibrate`: this machine's top rate and noise floor, printed and kept.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::CliError;
use super::results::ResultsArguments;
use super::run::WorkersArgument;
use super::signals::Halt;
use super::terminal::{self, Terminal};
use crate::engine::Control;
use crate::results::{Calibration, Floor, Spread};
use crate::session::{CALIBRATION_ROUNDS, CalibrateSettings, calibrate};
use crate::units::{format_count, format_duration, format_latency_us, parse_duration};

/// Below this a round is over before its users are all connected.
const DURATION_MIN: Duration = Duration::from_secs(1);

/// Longer than an hour measures the weather.
const DURATION_MAX: Duration = Duration::from_hours(1);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// All rounds together
    #[arg(short, long, default_value = "13.5s", value_name = "TIME", value_parser = duration)]
    duration: Duration,
    #[command(flatten)]
    workers: WorkersArgument,
    #[command(flatten)]
    results: ResultsArguments,
    /// All of it as JSON, as it is stored
    #[arg(long)]
    json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(duration) if (DURATION_MIN..=DURATION_MAX).contains(&duration) => Ok(duration),
        Ok(_) => Err(format!("write {} to {}", format_duration(DURATION_MIN), format_duration(DURATION_MAX))),
        Err(error) => Err(format!("{}: {}", error.problem(), error.advice())),
    }
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    let control = Control::default();
    let _halt = Halt::watch(vec![control.clone()], terminal)?;
    let settings = CalibrateSettings { workers: arguments.workers.count(None), duration: arguments.duration };
    let start = Instant::now();
    let measured = calibrate(settings, &control, |number| {
        if terminal::is_watched() {
            terminal.say(format_args!("\r\x1b[Kcalibrating: round {number} of {CALIBRATION_ROUNDS}"));
        }
    });
    if terminal::is_watched() {
        terminal.say(format_args!("\r\x1b[K"));
    }
    let (calibration, elapsed) = (measured?, start.elapsed());
    let stored = calibration.write(&arguments.results.results).map_err(CliError::Calibration)?;
    if arguments.json {
        return terminal.print_json(&calibration);
    }
    terminal.print(&text(&calibration, elapsed, &stored))
}

fn text(calibration: &Calibration, elapsed: Duration, stored: &Path) -> String {
    let Calibration { fingerprint, users, rounds_per_s, top, floor, .. } = calibration;
    let mut text = format!(
        "calibrated in {}: {} on {} ({}), {users} users against the null server\n\n",
        format_latency_us(elapsed.as_secs_f64() * 1e6),
        counted(fingerprint.workers, "worker"),
        counted(fingerprint.cores, "core"),
        fingerprint.cpu_model
    );
    let _ = writeln!(
        text,
        "top rate   {}/s; true median within {}/s to {}/s ({}.{} % sure, {} rounds)",
        format_count(top.median_per_s),
        format_count(top.low_per_s),
        format_count(top.high_per_s),
        top.confidence_thousandths / 10,
        top.confidence_thousandths % 10,
        rounds_per_s.len()
    );
    if let Some(each_ns) = calibration.cpu_per_request_ns {
        let _ = writeln!(text, "CPU        {} a request", format_latency_us(each_ns as f64 / 1e3));
    }
    let _ = writeln!(text, "\n{:<24}{:<10}{:>10}{:>10}{:>10}", "noise floor", "", "p50", "p99", "max");
    for Floor { share_thousandths, asked_per_s, delivered_per_s, dropped, latency, lateness } in floor {
        let at = format!("{} % of it, {}/s", share_thousandths / 10, format_count(*asked_per_s));
        let _ = writeln!(text, "{at:<24}{}", spread("latency", latency));
        let delivered = format!("  got {}/s", format_count(*delivered_per_s));
        let _ = writeln!(text, "{delivered:<24}{}", spread("lateness", lateness));
        if *dropped > 0 {
            let _ = writeln!(text, "  {} could not start", counted(*dropped, "iteration"));
        }
    }
    let took = calibration.server_cpu_thousandths.map_or_else(String::new, |thousandths| {
        format!(" and took {}.{:02} of a core of it", thousandths / 1_000, thousandths % 1_000 / 10)
    });
    // Where the workers had all the CPU that they could use, a service elsewhere would change nothing.
    let more = calibration.cpu_bound_per_s().filter(|per_s| *per_s > calibration.top.median_per_s);
    let more = more.map_or_else(String::new, |per_s| {
        let bound = format_count(rounded(per_s));
        format!("; against a service elsewhere the workers can do more: by CPU alone up to some {bound}/s")
    });
    let _ = writeln!(text, "\nthe null server shares this machine{took}{more}");
    if calibration.is_disturbed() {
        let _ = writeln!(
            text,
            "the rounds differ a lot: something else used the machine; calibrate again when it is calm (`runner doctor`)"
        );
    }
    if fingerprint.build == "debug" {
        let _ = writeln!(text, "this is a build for debugging, which is several times slower than a release");
    }
    let _ = writeln!(text, "stored in {}", stored.display());
    text
}

fn spread(name: &str, spread: &Spread) -> String {
    let shown = |us: u64| format_latency_us(us as f64);
    format!("{name:<10}{:>10}{:>10}{:>10}", shown(spread.p50_us), shown(spread.p99_us), shown(spread.max_us))
}

fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", format_count(count), if count == 1 { "" } else { "s" })
}

/// To two significant digits: an estimate shouldn't look like a measurement.
fn rounded(number: u64) -> u64 {
    let step = 10u64.pow(number.checked_ilog10().unwrap_or(0).saturating_sub(1));
    number / step * step
}
