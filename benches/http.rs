//! CPU that the generator spends on one request, beside wrk's: `make bench-http`.
//!
//! Generators run on core 0, the null server (67 bytes an answer) in a process of its own on core 1, 64
//! connections. One round plays wrk and the flow scripts of this folder once each, every other round in
//! reverse, so that drift cancels out; ratios are taken within a round. The gates stand in [`VARIANTS`];
//! a median above its gate ends the program with 1, and so does a round whose figures can't be trusted.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

mod process;
mod quantile;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use process::{GENERATOR_CORE, Guard, NullServer, Ticks, command, cpu, figure, runner, script, setting};
use quantile::{median, median_interval};

const CONNECTIONS: u32 = 64;
/// With fewer rounds the interval says nothing.
const ROUNDS_MIN: u32 = 9;
/// Above this share of its core the server may have been the limit.
const SERVER_BUSY_MAX: f64 = 0.97;
/// Above this share taken by other guests a round is named in the table's foot.
const STEAL_NOTED: f64 = 0.02;

struct Variant {
    name: &'static str,
    /// `None`: wrk itself.
    script: Option<&'static str>,
    /// At most this multiple of wrk's cost.
    gate: Option<f64>,
}

const VARIANTS: [Variant; 4] = [
    Variant { name: "wrk", script: None, gate: None },
    Variant { name: "one GET", script: Some("http_get.rhai"), gate: Some(0.95) },
    Variant { name: "GET, check(bool)", script: Some("http_check.rhai"), gate: Some(1.15) },
    Variant { name: "GET, check(map, closure)", script: Some("http_check_map.rhai"), gate: Some(1.30) },
];

/// One play of one variant.
struct Sample {
    cpu_per_request_us: f64,
    requests_per_second: f64,
    server_busy: f64,
    steal: f64,
}

fn play(variant: &Variant, server: &NullServer, seconds: u32) -> Result<Sample, String> {
    let mut call;
    if let Some(name) = variant.script {
        call = command(Some(GENERATOR_CORE), &runner());
        call.arg("run").arg(script(name)).env("TARGET_URL", server.url());
        call.env("VUS", CONNECTIONS.to_string()).env("DURATION", format!("{seconds}s")).env("NO_COLOR", "1");
    } else {
        call = command(Some(GENERATOR_CORE), &"wrk".into());
        call.args([
            "-t1",
            &format!("-c{CONNECTIONS}"),
            &format!("-d{seconds}s"),
            &format!("{}/", server.url()),
        ]);
    }
    let ticks = Ticks::now();
    let server_before = cpu(server.process.id()).unwrap_or_default();
    let start = Instant::now();
    let (used, stdout) = Guard::start(&mut call)
        .and_then(Guard::finish)
        .map_err(|error| format!("{}: {error}", variant.name))?;
    let wall = start.elapsed();
    let server_used = cpu(server.process.id()).unwrap_or_default().saturating_sub(server_before);
    let requests =
        completed(variant, &stdout).map_err(|error| format!("{}: {error}\n{stdout}", variant.name))?;
    Ok(Sample {
        cpu_per_request_us: used.as_secs_f64() * 1e6 / requests,
        requests_per_second: requests / wall.as_secs_f64(),
        server_busy: server_used.as_secs_f64() / wall.as_secs_f64(),
        steal: ticks.steal_since(),
    })
}

/// The requests that the generator says it completed; an error among them is none we may count.
fn completed(variant: &Variant, stdout: &str) -> Result<f64, String> {
    let requests = if variant.script.is_some() {
        let failed = figure(stdout, "http_req_failed").ok_or("no line http_req_failed")?;
        if failed > 0.0 {
            return Err(format!("{failed} % of the requests failed"));
        }
        figure(stdout, "http_reqs").ok_or("no line http_reqs")?
    } else {
        if stdout.contains("Socket errors") || stdout.contains("Non-2xx") {
            return Err("errors".to_owned());
        }
        let line = stdout.lines().find(|line| line.contains(" requests in ")).ok_or("no count")?;
        let count = line.split_whitespace().next().unwrap_or_default();
        count.parse().map_err(|_| format!("no number: {count}"))?
    };
    if requests < 1000.0 { Err(format!("only {requests} requests")) } else { Ok(requests) }
}

/// `rounds` samples of each variant, in ABBA order.
fn measure(rounds: u32, seconds: u32) -> Result<Vec<Vec<Sample>>, String> {
    let server = NullServer::start()?;
    let mut samples: Vec<Vec<Sample>> = VARIANTS.iter().map(|_| Vec::new()).collect();
    for variant in &VARIANTS {
        play(variant, &server, 1)?;
    }
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..VARIANTS.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            samples[index].push(play(&VARIANTS[index], &server, seconds)?);
        }
        let figures: Vec<String> = samples
            .iter()
            .filter_map(|list| list.last())
            .map(|one| format!("{:.2}", one.cpu_per_request_us))
            .collect();
        println!("round {:>2}/{rounds}: {} µs/request", round + 1, figures.join("  "));
    }
    Ok(samples)
}

fn report(samples: &[Vec<Sample>]) -> bool {
    let column = |list: &[Sample], of: fn(&Sample) -> f64| -> Vec<f64> { list.iter().map(of).collect() };
    let reference = column(&samples[0], |one| one.cpu_per_request_us);
    println!(
        "\n{:<26}{:>11}{:>9}{:>15}{:>15}{:>7}{:>12}{:>9}  verdict",
        "", "µs/request", "× wrk", "min–max", "95 % interval", "gate", "requests/s", "server"
    );
    let mut passed = true;
    for (variant, list) in VARIANTS.iter().zip(samples) {
        let costs = column(list, |one| one.cpu_per_request_us);
        let ratios: Vec<f64> = costs.iter().zip(&reference).map(|(cost, wrk)| cost / wrk).collect();
        let ratio = median(&ratios);
        let low = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let high = ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let interval =
            median_interval(&ratios).map_or("too few".to_owned(), |(from, to)| format!("{from:.3}–{to:.3}"));
        let busy = column(list, |one| one.server_busy).into_iter().fold(0.0, f64::max);
        let (gate, verdict) = match variant.gate {
            None => (String::new(), "–"),
            Some(gate) if ratio <= gate => (format!("{gate:.2}"), "✓ holds"),
            Some(gate) => {
                passed = false;
                (format!("{gate:.2}"), "✗ exceeds")
            }
        };
        println!(
            "{:<26}{:>11.2}{ratio:>9.3}{:>15}{interval:>15}{gate:>7}{:>12.0}{:>8.0}%  {verdict}",
            variant.name,
            median(&costs),
            format!("{low:.3}–{high:.3}"),
            median(&column(list, |one| one.requests_per_second)),
            busy * 100.0,
        );
        if busy > SERVER_BUSY_MAX {
            println!("  ✗ the server used {:.0} % of its core: it may have been the limit", busy * 100.0);
            passed = false;
        }
    }
    let rounds = samples[0].len();
    let steals: Vec<f64> =
        (0..rounds).map(|round| samples.iter().map(|list| list[round].steal).fold(0.0, f64::max)).collect();
    let listed: Vec<String> = steals.iter().map(|steal| format!("{:.1}", steal * 100.0)).collect();
    println!("\nsteal by round, % of the machine: {}", listed.join(" "));
    let noted = steals.iter().filter(|steal| **steal > STEAL_NOTED).count();
    if noted > 0 {
        println!("{noted} of {rounds} rounds lost more than {:.0} % to other guests", STEAL_NOTED * 100.0);
    }
    passed
}

fn main() -> ExitCode {
    let rounds = setting("BENCH_ROUNDS", ROUNDS_MIN);
    let seconds = setting("BENCH_SECONDS", 3).max(1);
    let about = Duration::from_secs(u64::from(rounds * seconds) * VARIANTS.len() as u64);
    println!(
        "{CONNECTIONS} connections, generator on core {GENERATOR_CORE}, {rounds} rounds of {seconds} s each: about {about:?}"
    );
    match measure(rounds, seconds) {
        Ok(samples) if report(&samples) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
