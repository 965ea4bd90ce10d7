//! CPU that a run spends on one request with an output beside it without one: `make bench-outputs`.
//!
//! The same flow (a GET and a check) at 64 connections on core 0, its outputs' threads with it, against the null server on core
//! 1, which also takes what is sent to a URL. What goes to a file goes to `/dev/null`: the disk is not what is measured. A
//! round plays each variant of a [`Contest`] once, every other round in reverse; ratios are taken within a round, beside the
//! same run without outputs, and a gate is on the upper end of the 95 % interval of their median.
//!
//! Outputs of seconds write a few lines a second, whatever the load is: they go at full speed, and have a gate. Samples and
//! spans are of each request, and at full speed most would find no room in their queues: they go at a rate at which
//! all arrive, and a run that loses some ends the bench. `BENCH_MARKDOWN=1` writes the tables into `docs/performance.md`.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod generator;
mod page;
mod play;
mod process;
mod quantile;
mod round;
mod table;

use std::process::ExitCode;

use generator::{Load, Program, Protocol};
use play::{all_rounds, play};
use process::{Guard, NullServer, raise_file_limit, setting};
use round::{Repeats, about};
use table::{Limit, Table};

const ROUNDS: u32 = 15;
const SECONDS: u32 = 3;
const CONNECTIONS: u32 = 64;

/// A second of a few series at the cost of at most a twentieth of a request's, and a fiftieth if we can.
const OF_SECONDS: Option<Limit> = Some(Limit::new(1.05, 1.02));

/// The script that all play.
const SCRIPT: &str = "http_check.rhai";

struct Variant {
    name: &'static str,
    /// What is asked for, as `RUNNER_OUT` has it; `URL` is the server's.
    out: &'static str,
}

/// Outputs beside a run without: the first variant.
struct Contest {
    /// The name of its block in `docs/performance.md`.
    name: &'static str,
    title: &'static str,
    /// Requests a second; 0: as many as there can be.
    rps: u32,
    limit: Option<Limit>,
    variants: &'static [Variant],
}

const fn variant(name: &'static str, out: &'static str) -> Variant {
    Variant { name, out }
}

const CONTESTS: [Contest; 2] = [
    Contest {
        name: "outputs-seconds",
        title: "outputs of seconds, at full speed",
        rps: 0,
        limit: OF_SECONDS,
        variants: &[
            variant("no output", ""),
            variant("json", "json=/dev/null"),
            variant("csv", "csv=/dev/null"),
            variant("influxdb", "influxdb=/dev/null"),
            variant("remote-write", "remote-write=URL/write"),
            variant("otlp", "otlp=URL"),
            variant(
                "all of these",
                "json=/dev/null,csv=/dev/null,influxdb=/dev/null,remote-write=URL/write,otlp=URL",
            ),
        ],
    },
    Contest {
        name: "outputs-requests",
        title: "outputs of each request, at 2,000 a second",
        rps: 2_000,
        limit: None,
        variants: &[
            variant("no output", ""),
            variant("otlp, 1 % traced", "otlp=URL#traces=0.01"),
            variant("otlp, all traced", "otlp=URL#traces"),
            variant("csv-samples", "csv-samples=/dev/null"),
            variant("json-samples", "json-samples=/dev/null"),
        ],
    },
];

impl Contest {
    fn program(&self, at: usize) -> Program {
        Program::Sending { script: SCRIPT, out: self.variants[at].out, rps: self.rps }
    }

    /// Plays once before it counts: all that is sent has to arrive.
    fn try_out(&self, at: usize, load: Load<'_>) -> Result<(), String> {
        let (_, stdout) = Guard::finish(self.program(at).start(load)?)?;
        let lines = stdout.lines().skip_while(|line| line.trim() != "OUTPUTS").skip(1);
        let lines: Vec<&str> = lines.map(str::trim).take_while(|line| !line.is_empty()).collect();
        let asked = self.variants[at].out.split_terminator(',').count();
        if lines.len() != asked || lines.iter().any(|line| !line.starts_with('✓')) {
            return Err(format!("not all arrived: {lines:?}"));
        }
        Ok(())
    }

    /// Plays its rounds and prints its table; whether all gates hold.
    fn hold(&self, rounds: u32, seconds: u32) -> Result<bool, String> {
        let server = NullServer::start()?;
        let url = server.url();
        let load = Load { connections: CONNECTIONS, seconds, url: &url, protocol: Protocol::Http };
        println!("\n{}: about {:?}", self.title, about(self.variants.len(), rounds, seconds));
        let of = |at: usize, error: String| format!("{}: {error}", self.variants[at].name);
        for at in 0..self.variants.len() {
            self.try_out(at, load).map_err(|error| of(at, error))?;
        }
        let mut repeats = Repeats::new(rounds);
        let samples = all_rounds(&mut repeats, rounds, self.variants.len(), |at| {
            play(self.program(at), server.process.id(), load).map_err(|error| of(at, error))
        })?;
        let mut table = Table::new(self.variants[0].name, &samples[0]);
        for (at, (variant, list)) in self.variants.iter().zip(&samples).enumerate() {
            table.add(variant.name, variant.out, list, self.limit.filter(|_| at > 0));
        }
        let passed = table.print();
        println!("\n{}", repeats.foot());
        if page::is_asked_for() {
            let foot = format!("Rounds of {seconds} s: {rounds}. {}; {}.", page::machine(), repeats.foot());
            page::write(self.name, &table.markdown(&foot))?;
        }
        Ok(passed)
    }
}

fn measure(rounds: u32, seconds: u32) -> Result<bool, String> {
    raise_file_limit();
    let mut passed = true;
    for contest in &CONTESTS {
        passed &= contest.hold(rounds, seconds)?;
    }
    Ok(passed)
}

fn main() -> ExitCode {
    match measure(setting("BENCH_ROUNDS", ROUNDS), setting("BENCH_SECONDS", SECONDS).max(1)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
