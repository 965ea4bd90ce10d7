//! CPU that generators spend on one request over TLS, beside wrk's, and over HTTP/2, beside h2load's and oha's: the
//! second part of `make bench-http`.
//!
//! The server is nginx on core 1, generators run on core 0, in rounds as in `http.rs`. nginx is slower than the
//! generators: its core is busy, theirs is not, for each of them alike.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod generator;
mod nginx;
mod page;
mod play;
mod process;
mod quantile;
mod round;
mod table;

use std::process::ExitCode;

use generator::{Load, Program, Protocol};
use nginx::Nginx;
use play::{all_rounds, play};
use process::{raise_file_limit, setting};
use round::Repeats;
use table::{Limit, Table};

const ROUNDS: u32 = 15;
const SECONDS: u32 = 3;
const CONNECTIONS: u32 = 64;
/// Requests at once on each connection.
const STREAMS: u32 = 10;

/// What is played, by whom, and beside whom it is judged.
struct Contest {
    /// The name of its block in `docs/performance.md`, behind the reference's.
    name: &'static str,
    title: &'static str,
    protocol: Protocol,
    entrants: &'static [(&'static str, &'static str, Program)],
    /// Each with the entrant that is judged, and the most of the reference's cost that it may take.
    gates: &'static [(Program, Program, Limit)],
}

const BATCH: Program = Program::Script("http_batch.rhai");

const CONTESTS: [Contest; 2] = [
    Contest {
        name: "https",
        title: "HTTP/1.1 over TLS, 64 connections",
        protocol: Protocol::Https,
        entrants: &[
            ("wrk", "no script", Program::Wrk),
            ("oha", "no script", Program::Oha),
            ("runner hit", "no script", Program::Hit),
            ("runner, GET", "`http::get(\"/\")`", Program::Script("http_get.rhai")),
        ],
        gates: &[(Program::Wrk, Program::Hit, Limit::new(1.25, 1.0))],
    },
    Contest {
        name: "http2",
        title: "HTTP/2, 64 connections, 10 requests at once on each",
        protocol: Protocol::Http2 { streams: STREAMS },
        entrants: &[
            ("h2load", "no script", Program::H2load),
            ("oha", "no script", Program::Oha),
            ("runner, batch of 10", "`http::batch([…])`", BATCH),
        ],
        gates: &[(Program::Oha, BATCH, Limit::new(1.0, 0.8)), (Program::H2load, BATCH, Limit::new(2.0, 1.5))],
    },
];

impl Contest {
    /// Plays its rounds and prints a table beside each reference; whether all gates hold.
    fn hold(&self, rounds: u32, seconds: u32) -> Result<bool, String> {
        let server = Nginx::start()?;
        let url = server.url();
        let load = Load { connections: CONNECTIONS, seconds, url: &url, protocol: self.protocol };
        println!("\n{}", self.title);
        let play = |at: usize, load| {
            let (name, _, program) = self.entrants[at];
            play(program, server.process.id(), load).map_err(|error| format!("{name}: {error}"))
        };
        for at in 0..self.entrants.len() {
            play(at, Load { seconds: 1, ..load })?;
        }
        let mut repeats = Repeats::new(rounds);
        let samples = all_rounds(&mut repeats, rounds, self.entrants.len(), |at| play(at, load))?;
        let mut passed = true;
        for &(reference, judged, limit) in self.gates {
            let at = |program| self.entrants.iter().position(|(.., known)| *known == program);
            let at = at(reference).ok_or("a reference that does not take part")?;
            let mut table = Table::with_slow_server(self.entrants[at].0, &samples[at]);
            for ((name, flow, program), list) in self.entrants.iter().zip(&samples) {
                table.add(name, flow, list, (*program == judged).then_some(limit));
            }
            passed &= table.print();
            println!("\n{}", repeats.foot());
            if page::is_asked_for() {
                let foot =
                    format!("Rounds of {seconds} s: {rounds}. {}; {}.", page::machine(), repeats.foot());
                page::write(&format!("{}-{}", self.name, self.entrants[at].0), &table.markdown(&foot))?;
            }
        }
        Ok(passed)
    }
}

fn measure(rounds: u32, seconds: u32) -> Result<bool, String> {
    raise_file_limit();
    for (_, _, program) in CONTESTS.iter().flat_map(|contest| contest.entrants) {
        if let Some(reason) = program.missing() {
            return Err(reason);
        }
    }
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
