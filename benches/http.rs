//! CPU that generators spend on one request, beside wrk's: `make bench-http`.
//!
//! Generators run on core 0, the null server (67 bytes an answer) in a process of its own on core 1, at 64 and
//! at 1,000 connections. A round plays each of [`VARIANTS`] once, every other round in reverse, so that drift
//! cancels out; one that lost more than 1 % to other guests is repeated. Ratios are taken within a round, and
//! the gate is on the upper end of the 95 % interval of their median. A gate that doesn't hold ends the program
//! with 1, and so does a reference that the server held up. `BENCH_MARKDOWN=1` writes the table into
//! `docs/performance.md`.
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
use process::{NullServer, raise_file_limit, setting};
use round::{Repeats, about};
use table::{Limit, Table};

/// With fewer rounds the interval is too wide to say much; below six there is none.
const ROUNDS: u32 = 15;
const SECONDS: u32 = 3;
const LEVELS: [u32; 2] = [64, 1_000];

struct Variant {
    name: &'static str,
    /// What is done for each request, for readers of the table.
    flow: &'static str,
    program: Program,
    /// At each of [`LEVELS`], times wrk's cost.
    limits: [Option<Limit>; 2],
    /// It runs the full script, and has to be cheaper than oha, which runs none.
    below_oha: bool,
}

const fn ungated(name: &'static str, flow: &'static str, program: Program) -> Variant {
    Variant { name, flow, program, limits: [None; 2], below_oha: false }
}

const VARIANTS: [Variant; 8] = [
    ungated("wrk", "no script", Program::Wrk),
    ungated("h2load", "no script", Program::H2load),
    ungated("oha", "no script", Program::Oha),
    ungated("Locust", "`self.client.get(\"/\")` of a FastHttpUser", Program::Locust),
    ungated("runner, GET", "`http::get(\"/\")`", Program::Script("http_get.rhai")),
    Variant {
        name: "runner, GET, check(bool)",
        flow: "`let r = http::get(\"/\"); check(r.status == 200, \"…\")`",
        program: Program::Script("http_check.rhai"),
        limits: [Some(Limit::new(1.02, 0.95)), Some(Limit::new(1.25, 1.0))],
        below_oha: true,
    },
    Variant {
        name: "runner, GET, check(map)",
        flow: "`let r = http::get(\"/\"); check(r, #{ \"…\": |r| r.status == 200 })`",
        program: Program::Script("http_check_map.rhai"),
        limits: [Some(Limit::new(1.15, 1.0)), Some(Limit::new(1.35, 1.15))],
        below_oha: true,
    },
    Variant {
        name: "runner hit",
        flow: "no script",
        program: Program::Hit,
        limits: [Some(Limit::new(0.82, 0.75)), Some(Limit::new(0.90, 0.80))],
        below_oha: false,
    },
];

/// Plays all rounds of one level and prints its table; whether all gates hold.
fn level(index: usize, variants: &[&Variant], rounds: u32, seconds: u32) -> Result<bool, String> {
    let server = NullServer::start()?;
    let url = server.url();
    let load = Load { connections: LEVELS[index], seconds, url: &url, protocol: Protocol::Http };
    println!("\n{} connections", load.connections);
    let play = |variant: &Variant, load| {
        play(variant.program, server.process.id(), load).map_err(|error| format!("{}: {error}", variant.name))
    };
    for variant in variants.iter().filter(|variant| !variant.program.starts_slowly()) {
        play(variant, Load { seconds: 1, ..load })?;
    }
    let mut repeats = Repeats::new(rounds);
    let samples = all_rounds(&mut repeats, rounds, variants.len(), |at| play(variants[at], load))?;
    let column = |program| {
        let at = variants.iter().position(|variant| variant.program == program)?;
        Some(&samples[at][..])
    };
    let wrk = column(Program::Wrk).ok_or("wrk was not measured")?;
    let oha = column(Program::Oha).ok_or("oha was not measured")?;
    let mut table = Table::new("wrk", wrk);
    for (variant, list) in variants.iter().zip(&samples) {
        table.add(variant.name, variant.flow, list, variant.limits[index]);
    }
    let mut beside = Table::new("oha", oha);
    beside.add("oha", "no script", oha, None);
    for (variant, list) in variants.iter().zip(&samples).filter(|(variant, _)| variant.below_oha) {
        beside.add(variant.name, variant.flow, list, Some(Limit::new(1.0, 1.0)));
    }
    let mut passed = table.print();
    println!("\nthe full script beside oha, which runs none");
    passed &= beside.print();
    println!("\n{}", repeats.foot());
    if page::is_asked_for() {
        let foot = format!("Rounds of {seconds} s: {rounds}. {}; {}.", page::machine(), repeats.foot());
        page::write(&format!("http-{}", load.connections), &table.markdown(&foot))?;
    }
    Ok(passed)
}

fn measure(rounds: u32, seconds: u32) -> Result<bool, String> {
    raise_file_limit();
    let mut variants: Vec<&Variant> = VARIANTS.iter().filter(|variant| variant.program.is_wanted()).collect();
    let mut passed = true;
    for variant in VARIANTS.iter().filter(|variant| variant.program.is_wanted()) {
        let Some(reason) = variant.program.missing() else { continue };
        if variant.program != Program::Hit {
            return Err(reason);
        }
        println!("✗ {}: not measured, {reason}", variant.name);
        variants.retain(|one| one.program != Program::Hit);
        passed = false;
    }
    println!("about {:?} for each of {LEVELS:?} connections", about(variants.len(), rounds, seconds));
    for index in 0..LEVELS.len() {
        passed &= level(index, &variants, rounds, seconds)?;
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
