//! Whether the generator accuses itself when it should, and only then: `make bench-honesty`.
//!
//! 64 users with a think time, generator on core 0, null server on core 1. In every other round a busy loop is
//! pinned to the generator's core: each must be inconclusive, and none of the quiet ones. A round with more
//! than 1 % of steal is played again, and so is a quiet one in which other processes had more than a tenth of
//! the generator's core: it was not quiet. Both are counted.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod process;

use std::process::ExitCode;
use std::time::Instant;

use process::{GENERATOR_CORE, Guard, NullServer, Ticks, command, core_busy, runner, script, setting};

/// Above this share taken by other guests a round says nothing.
const STEAL_MAX: f64 = 0.01;
/// Above this share of the generator's core, used by others, a round was not quiet.
const OTHERS_MAX: f64 = 0.1;
/// So many times the rounds asked for are played at most.
const REPEATS_MAX: u32 = 5;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Quiet,
    Busy,
}

struct Round {
    is_inconclusive: bool,
    line: String,
    steal: f64,
    others: f64,
}

fn play(kind: Kind, server: &NullServer, seconds: u32) -> Result<Round, String> {
    let neighbour = match kind {
        Kind::Quiet => None,
        Kind::Busy => {
            let mut call = command(Some(GENERATOR_CORE), &"sh".into());
            call.args(["-c", "while :; do :; done"]);
            Some(Guard::start(&mut call)?)
        }
    };
    let mut call = command(Some(GENERATOR_CORE), &runner());
    call.args(["run", "--quiet", "--workers", "1"]).arg(script("honesty.rhai"));
    call.env("TARGET_URL", server.url()).env("DURATION", format!("{seconds}s")).env("NO_COLOR", "1");
    let (ticks, busy, start) = (Ticks::now(), core_busy(GENERATOR_CORE), Instant::now());
    let (used, stdout) = Guard::start(&mut call).and_then(Guard::finish)?;
    let wall = start.elapsed().as_secs_f64();
    let others =
        (core_busy(GENERATOR_CORE).saturating_sub(busy).as_secs_f64() - used.total().as_secs_f64()) / wall;
    drop(neighbour);
    let line = stdout.lines().find(|line| line.contains("inconclusive:")).unwrap_or_default().to_owned();
    Ok(Round { is_inconclusive: !line.is_empty(), line, steal: ticks.steal_since(), others })
}

fn measure(rounds: u32, seconds: u32) -> Result<bool, String> {
    let server = NullServer::start()?;
    let (mut busy, mut quiet, mut accused, mut falsely, mut stolen, mut disturbed) = (0, 0, 0, 0, 0, 0);
    for _ in 0..rounds * REPEATS_MAX {
        for kind in [Kind::Quiet, Kind::Busy] {
            if (if kind == Kind::Busy { busy } else { quiet }) == rounds {
                continue;
            }
            let round = play(kind, &server, seconds)?;
            if round.steal > STEAL_MAX {
                stolen += 1;
                continue;
            }
            if kind == Kind::Quiet && round.others > OTHERS_MAX {
                disturbed += 1;
                continue;
            }
            let (name, done, count) = match kind {
                Kind::Busy => ("busy", &mut busy, &mut accused),
                Kind::Quiet => ("quiet", &mut quiet, &mut falsely),
            };
            *done += 1;
            *count += u32::from(round.is_inconclusive);
            println!(
                "{name:<5} {:>2}/{rounds}  others {:>3.0} %  {}",
                *done,
                round.others * 100.0,
                round.line
            );
        }
    }
    println!("\nbusy: {accused} of {busy} inconclusive; quiet: {falsely} of {quiet}");
    println!("played again: {stolen} for steal, {disturbed} quiet ones for other processes");
    if busy < rounds || quiet < rounds {
        println!("✗ not enough undisturbed rounds: leave the machine alone meanwhile");
    }
    Ok(busy == rounds && quiet == rounds && accused == busy && falsely == 0)
}

fn main() -> ExitCode {
    let (rounds, seconds) = (setting("BENCH_ROUNDS", 20), setting("BENCH_SECONDS", 5).max(4));
    println!("{rounds} rounds each, busy and quiet, of {seconds} s: about {} s", 2 * rounds * seconds);
    match measure(rounds, seconds) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
