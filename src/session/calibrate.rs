//! `runner calibrate`: what this machine gives as a load generator, measured against the null server.
//!
//! Each round is a run through the real engine: script, fibers, client, workers as a run has them. Closed rounds
//! give the top rate; two with arrivals, well below it, the noise floor. The null server takes its share of the same
//! machine, which a service elsewhere would leave to the workers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use crate::demo::NullServer;
use crate::diagnostic::{Code, Diagnostic, Source};
use crate::engine::{self, Control, End, Epoch, Job, Observer, Outcome, Taps, Tick};
use crate::metrics::{Selector, Trend, Value};
use crate::plan::Overrides;
use crate::results::{CALIBRATION_SCHEMA, Calibration, Fingerprint, Floor, Spread, TopRate};
use crate::script::{LogLine, Outside};
use crate::units::{format_count, format_duration};

use super::declare::{Declared, declare};
use super::error::SessionError;

/// Users of the rounds: enough to keep the workers of any small machine busy, few enough to stay in its caches.
const USERS: u64 = 64;

/// Closed rounds: of seven, the true median lies between the slowest and the fastest with 98.4 %.
const ROUNDS: u32 = 7;

/// The shares of the top rate at which the noise floor is looked at, in thousandths: calm, and half busy.
const SHARES: [u64; TIMED as usize] = [100, 500];

/// Rounds with arrivals.
const TIMED: u32 = 2;

/// All rounds, the warm-up included.
pub const CALIBRATION_ROUNDS: u32 = 1 + ROUNDS + TIMED;

/// The parts of the whole time: the warm-up, each closed round, each with arrivals. Those are longer, since
/// their p99 and their maximum come from what is rare.
const PARTS: [u32; 3] = [1, 2, 6];

/// How a calibration is made.
#[derive(Debug, Clone, Copy)]
pub struct CalibrateSettings {
    /// Worker threads.
    pub workers: usize,
    /// All rounds together.
    pub duration: Duration,
}

/// Measures. `begin` is told the number of each round, from 1 to [`CALIBRATION_ROUNDS`].
pub fn calibrate(
    settings: CalibrateSettings,
    control: &Control,
    mut begin: impl FnMut(u32),
) -> Result<Calibration, SessionError> {
    let workers = settings.workers.max(1);
    let server = NullServer::start(0).map_err(SessionError::Null)?;
    let unit = settings.duration / (PARTS[0] + ROUNDS * PARTS[1] + TIMED * PARTS[2]);
    let range = Range { url: server.url(), workers, control };
    let mut number = 0;
    let mut next = || {
        number += 1;
        begin(number);
    };
    next();
    range.play(unit * PARTS[0], 0)?;
    let (mut rounds_per_s, mut requests) = (Vec::new(), 0);
    let mut used = Cpu::default();
    for _ in 0..ROUNDS {
        next();
        let before = Cpu::now();
        let round = range.play(unit * PARTS[1], 0)?;
        used.add(Cpu::now().since(before));
        requests += round.requests;
        rounds_per_s.push(round.per_s());
    }
    let top = TopRate::of(&rounds_per_s).ok_or_else(|| failed("no round was played"))?;
    let mut floor = Vec::new();
    for share_thousandths in SHARES {
        next();
        let asked_per_s = (top.median_per_s * share_thousandths / 1_000).max(1);
        let round = range.play(unit * PARTS[2], asked_per_s)?;
        floor.push(Floor {
            share_thousandths,
            asked_per_s,
            delivered_per_s: round.per_s(),
            dropped: round.dropped,
            latency: round.latency,
            lateness: round.lateness,
        });
    }
    server.stop().map_err(SessionError::Null)?;
    let elapsed_ns = unit.as_nanos() * u128::from(ROUNDS * PARTS[1]);
    let made_at =
        i64::try_from(Epoch::now().unix_seconds(0)).ok().and_then(|s| Timestamp::from_second(s).ok());
    Ok(Calibration {
        schema: CALIBRATION_SCHEMA,
        made_at: made_at.unwrap_or_default().to_string(),
        fingerprint: Fingerprint::here(workers),
        users: USERS,
        rounds_per_s,
        top,
        cpu_per_request_ns: used.generator_ns().map(|ns| ns / requests.max(1)),
        server_cpu_thousandths: used
            .server_ns
            .and_then(|ns| u64::try_from(u128::from(ns) * 1_000 / elapsed_ns.max(1)).ok()),
        floor,
    })
}

/// Where rounds are played.
struct Range<'a> {
    url: String,
    workers: usize,
    control: &'a Control,
}

/// What a round came to.
struct Round {
    requests: u64,
    elapsed: Duration,
    dropped: u64,
    latency: Spread,
    lateness: Spread,
}

impl Round {
    fn per_s(&self) -> u64 {
        let elapsed_us = self.elapsed.as_micros().max(1);
        u64::try_from(u128::from(self.requests) * 1_000_000 / elapsed_us).unwrap_or(u64::MAX)
    }
}

impl Range<'_> {
    /// Plays a round: at so many iterations a second, or, with 0, as many as there can be.
    fn play(&self, duration: Duration, per_s: u64) -> Result<Round, SessionError> {
        let source = Arc::new(Source {
            name: "calibrate.rhai".to_owned(),
            text: include_str!("calibrate.rhai").to_owned(),
        });
        let env = [
            ("NULL_URL", self.url.clone()),
            ("USERS", USERS.to_string()),
            ("DURATION", format_duration(duration)),
            ("RATE", per_s.to_string()),
        ];
        let env: BTreeMap<String, String> =
            env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let outside = Outside { env: Arc::new(env), ..Outside::default() };
        let Declared { declared, plan, .. } = declare(&source, &outside, &Overrides::default(), |_| {})?;
        let taps = Taps::default();
        let job = Job { source: Some(source), declared, plan, outside, workers: self.workers, taps };
        let outcome = engine::run(job, self.control, &mut Nobody)?;
        round(&outcome)
    }
}

/// What an outcome is for a calibration: every request must have been answered.
fn round(outcome: &Outcome) -> Result<Round, SessionError> {
    if let Some(error) = outcome.errors.first() {
        return Err(error.clone().into());
    }
    if outcome.end != End::Finished {
        return Err(Diagnostic::new(Code::Interrupted, "stopped by the user; nothing was stored").into());
    }
    let value = |metric: &str| outcome.total.select(&Selector::all(metric));
    let (failed_checks, total) = match value("checks") {
        Some(Value::Rate { hits, total }) => (total - hits, total),
        _ => (0, 0),
    };
    let books = outcome.books();
    let bad = failed_checks + books.failed + books.interrupted;
    if bad > 0 || total == 0 {
        let text = format!(
            "{} of {} requests to the null server were not answered",
            format_count(bad),
            format_count(total)
        );
        return Err(failed(&text).into());
    }
    Ok(Round {
        requests: books.ok,
        elapsed: outcome.elapsed,
        dropped: books.dropped,
        latency: spread(value("http_req_duration")),
        lateness: spread(value("iteration_lateness")),
    })
}

fn failed(why: &str) -> Diagnostic {
    Diagnostic::new(Code::Inconclusive, format!("nothing was calibrated: {why}")).hint(format!(
        // Both ends of a connection are in this process.
        "`runner doctor --users {}` looks for what is in the way",
        2 * USERS
    ))
}

fn spread(value: Option<Value>) -> Spread {
    let trend = match value {
        Some(Value::Trend(trend)) => *trend,
        _ => Trend::new(),
    };
    let at = |q| trend.quantile(q).map_or(0, |quantile| quantile.value_us);
    Spread { p50_us: at(0.5), p99_us: at(0.99), max_us: trend.max().map_or(0, |max| max.value_us) }
}

/// CPU used so far.
#[derive(Debug, Clone, Copy, Default)]
struct Cpu {
    process_ns: u64,
    /// The null server's thread; none where the system doesn't tell.
    server_ns: Option<u64>,
}

impl Cpu {
    fn now() -> Self {
        let process = clock_gettime(ClockId::ProcessCPUTime);
        let seconds = u64::try_from(process.tv_sec).unwrap_or(0);
        let process_ns = seconds * 1_000_000_000 + u64::try_from(process.tv_nsec).unwrap_or(0);
        Self { process_ns, server_ns: thread_ns("null-server") }
    }

    fn since(self, before: Self) -> Self {
        Self {
            process_ns: self.process_ns.saturating_sub(before.process_ns),
            server_ns: self.server_ns.zip(before.server_ns).map(|(now, before)| now.saturating_sub(before)),
        }
    }

    fn add(&mut self, other: Self) {
        self.process_ns += other.process_ns;
        self.server_ns = other.server_ns.map(|ns| ns + self.server_ns.unwrap_or(0));
    }

    /// All but the server.
    fn generator_ns(self) -> Option<u64> {
        Some(self.process_ns.saturating_sub(self.server_ns?))
    }
}

/// CPU that a thread of this process has used, by its name.
fn thread_ns(name: &str) -> Option<u64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let mut folders = threads.filter_map(|entry| Some(entry.ok()?.path()));
    let is_it = |folder: &std::path::PathBuf| {
        std::fs::read_to_string(folder.join("comm")).is_ok_and(|comm| comm.trim() == name)
    };
    let folder = folders.find(is_it)?;
    // The first of its three figures.
    std::fs::read_to_string(folder.join("schedstat")).ok()?.split(' ').next()?.parse().ok()
}

/// Rounds are looked at when they are over.
struct Nobody;

impl Observer for Nobody {
    fn tick(&mut self, _: &Tick<'_>) {}

    fn log(&mut self, _: &LogLine) {}
}
