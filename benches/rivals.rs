//! What load generators report of a service that is ill, against the truth: `make prove-rivals`.
//!
//! Each pathology is played by each tool that is there, one after another on an idle machine: 400 requests a
//! second for [`SECONDS`], or as near to it as the tool comes. The truth is the service's own log of that play.
//! A row of ours that isn't true ends the program with 1; the others' are told as they are. `BENCH_MARKDOWN=1`
//! writes the table into `docs/honesty.md`.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod page;
mod pathology;
mod process;
mod rival;
mod service;

use std::fmt::Write as _;
use std::process::{Command, ExitCode};
use std::time::Duration;

use pathology::{PATHOLOGIES, Pathology, Truth};
use process::{Ticks, raise_file_limit, runner, setting};
use rival::{Figure, Load, RIVALS, Report, Rival};

const SECONDS: u32 = 8;
/// So many that of those who get a good answer in an outage a p99 can be told: 10 above it.
const PER_SECOND: u32 = 400;
const TIMEOUT: Duration = Duration::from_secs(2);
/// A percentile is true within this share, or within [`OFF_MAX_SECONDS`].
const OFF_MAX: f64 = 0.1;
const OFF_MAX_SECONDS: f64 = 0.005;
/// Of all requests: what was under way when the service broke may count either way.
const FAILED_OFF_MAX: f64 = 0.02;
/// A play that lost more to other guests is played again, so often.
const STEAL_MAX: f64 = 0.02;
const REPEATS_MAX: u32 = 2;

struct Row {
    rival: Rival,
    /// How many heads the service read.
    served: u64,
    truth: Truth,
    report: Report,
}

impl Row {
    fn failed_is_true(&self) -> bool {
        (self.report.failed_share() - self.truth.failed).abs() <= FAILED_OFF_MAX
    }

    fn is_true(&self, figure: Figure, truth: f64, q: f64) -> bool {
        let lacks_answers = self.truth.failed > 1.0 - q;
        match figure {
            // A time-out among the times says the same as a word for it.
            Figure::Seconds(said) if lacks_answers && said >= 0.95 * TIMEOUT.as_secs_f64() => true,
            Figure::Seconds(said) => (said - truth).abs() <= (truth * OFF_MAX).max(OFF_MAX_SECONDS),
            // Who says that more got no answer than the percentile leaves over says the truth, if they did.
            Figure::NoAnswer => lacks_answers,
            Figure::Missing => false,
        }
    }

    fn p50_is_true(&self) -> bool {
        self.is_true(self.report.p50, self.truth.p50, 0.5)
    }

    fn p99_is_true(&self) -> bool {
        self.is_true(self.report.p99, self.truth.p99, 0.99)
    }

    fn holds(&self) -> bool {
        self.failed_is_true() && self.p50_is_true() && self.p99_is_true()
    }
}

fn mark(is_true: bool) -> char {
    if is_true { '✓' } else { '✗' }
}

fn time(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.3} ms", seconds * 1e3) } else { format!("{seconds:.3} s") }
}

fn short(seconds: f64) -> String {
    let digits = |value: f64| if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    if seconds < 1.0 {
        let ms = seconds * 1e3;
        format!("{ms:.*} ms", digits(ms))
    } else {
        format!("{seconds:.2} s")
    }
}

fn figure(figure: Figure, write: fn(f64) -> String) -> String {
    match figure {
        Figure::Seconds(seconds) => write(seconds),
        Figure::NoAnswer => "no answer".to_owned(),
        Figure::Missing => "–".to_owned(),
    }
}

fn share(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Whether the tool is there; ours always are.
fn is_there(rival: Rival) -> bool {
    let program = match rival {
        Rival::Run | Rival::Hit => return true,
        Rival::Wrk => "wrk".into(),
        Rival::H2load => "h2load".into(),
        Rival::Oha | Rival::OhaCorrected => std::env::var("BENCH_OHA").unwrap_or_else(|_| "oha".into()),
        Rival::Locust => std::env::var("BENCH_LOCUST").unwrap_or_else(|_| "locust".into()),
    };
    Command::new(program).arg("--version").output().is_ok()
}

fn play(pathology: Pathology, rival: Rival, seconds: u32) -> Result<Row, String> {
    let length = Duration::from_secs(u64::from(seconds));
    for repeat in 0.. {
        let service = pathology.service(length);
        let ticks = Ticks::now();
        let url = service.url();
        let connections = pathology.connections();
        let load = Load { url: &url, per_second: Some(PER_SECOND), connections, seconds, timeout: TIMEOUT };
        let report = rival.play(&runner(), load)?;
        let steal = ticks.steal_since();
        if steal > STEAL_MAX && repeat < REPEATS_MAX {
            println!("  {} again: {:.1} % stolen", rival.name(), steal * 100.0);
            continue;
        }
        let served = service.count();
        let Some(truth) = pathology.truth(&service.log(), length) else {
            return Err(format!("{}: the service gave no answer", rival.name()));
        };
        return Ok(Row { rival, served, truth, report });
    }
    unreachable!("the last repeat returns")
}

fn print(row: &Row) {
    let Row { rival, served, truth, report } = row;
    println!(
        "  {:<25}{:>8.0}{:>8}   {:>7} ({:>6}) {}   {:>10} ({:>9}) {}   {:>10} ({:>9}) {}",
        rival.name(),
        report.requests,
        served,
        share(report.failed_share()),
        share(truth.failed),
        mark(row.failed_is_true()),
        figure(report.p50, time),
        time(truth.p50),
        mark(row.p50_is_true()),
        figure(report.p99, time),
        time(truth.p99),
        mark(row.p99_is_true()),
    );
}

fn markdown(pathology: Pathology, rows: &[Row], length: Duration) -> String {
    let mut text = format!("**{}**: {}.\n\n", pathology.name(), pathology.told(length));
    text += "| reported by | requests | served | failed | truth | p50 | truth | p99 | truth |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n";
    for row in rows {
        let Row { rival, served, truth, report } = row;
        let _ = writeln!(
            text,
            "| {} | {:.0} | {served} | {} {} | {} | {} {} | {} | {} {} | {} |",
            rival.name(),
            report.requests,
            share(report.failed_share()),
            mark(row.failed_is_true()),
            share(truth.failed),
            figure(report.p50, short),
            mark(row.p50_is_true()),
            short(truth.p50),
            figure(report.p99, short),
            mark(row.p99_is_true()),
            short(truth.p99),
        );
    }
    text + "\n"
}

fn measure(seconds: u32) -> Result<bool, String> {
    raise_file_limit();
    let length = Duration::from_secs(u64::from(seconds));
    let (there, missing): (Vec<Rival>, Vec<Rival>) = RIVALS.iter().partition(|rival| is_there(**rival));
    let missing: Vec<&str> = missing.into_iter().map(Rival::name).collect();
    println!(
        "{} pathologies, {} tools, {seconds} s each: about {} s",
        PATHOLOGIES.len(),
        there.len(),
        PATHOLOGIES.len() * there.len() * (seconds as usize + 1)
    );
    let (mut passed, mut page) = (true, String::new());
    for pathology in PATHOLOGIES {
        println!("\n{}: {}", pathology.name(), pathology.told(length));
        println!(
            "  reported (truth){:>17}{:>8}   failed            p50                           p99",
            "requests", "served"
        );
        let mut rows = Vec::new();
        for rival in &there {
            let row = play(pathology, *rival, seconds)?;
            print(&row);
            passed &= row.holds() || !rival.is_ours();
            rows.push(row);
        }
        page += &markdown(pathology, &rows, length);
    }
    if !missing.is_empty() {
        println!("\nnot here: {}", missing.join(", "));
    }
    if page::is_asked_for() {
        let gone =
            if missing.is_empty() { String::new() } else { format!(" Not here: {}.", missing.join(", ")) };
        let foot = format!("Plays of {seconds} s at {PER_SECOND}/s. {}.{gone}", page::machine());
        page::write_to("docs/honesty.md", "rivals", &(page + &foot))?;
    }
    if !passed {
        println!("✗ a figure of ours isn't true");
    }
    Ok(passed)
}

fn main() -> ExitCode {
    match measure(setting("BENCH_SECONDS", SECONDS).max(4)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
