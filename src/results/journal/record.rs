//! What records hold, and their bytes.
//!
//! A head is JSON, so that later versions can read it; a second is its state, readable by itself, and behind that, compressed, what it
//! recorded. The states alone are a run's course, and reading them costs little; what the seconds recorded is needed
//! from the last total on.

use std::io::{self, Read as _};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::{Fingerprint, PlayedSecond, masked_plan};
use super::frame::PAYLOAD_BYTES_MAX;
use crate::diagnostic::Mask;
use crate::engine::{Books, ScenarioOutcome, Second, SoFar};
use crate::metrics::{Snapshot, Value};
use crate::plan::Plan;

/// What a payload may be once it is decompressed: what a second of the largest run is, ten times over.
pub(super) const PLAIN_BYTES_MAX: u64 = 4 * PAYLOAD_BYTES_MAX as u64;

/// The largest window of a compressed payload, as a power of two: who reads needs so much memory for it.
const WINDOW_LOG_MAX: u32 = 27;

/// The largest count of anything: a thousand of them can be added up.
const COUNT_MAX: u64 = 1 << 53;

/// The longest run: a hundred years.
const LENGTH_MAX: Duration = Duration::from_hours(24 * 366 * 100);

/// What is played, and with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The script as the user named it.
    pub script_name: String,
    /// What is played, without secrets; none if it can't be read back without them.
    pub plan: Option<Plan>,
    /// The seed of the random numbers.
    pub seed: u64,
    /// When it began, `setup` included: milliseconds since 1970, UTC.
    pub begin_unix_ms: u64,
    /// Machine, kernel, workers, version and build.
    pub machine: Fingerprint,
}

impl Head {
    /// Without secrets.
    pub fn new(
        script_name: &str,
        plan: &Plan,
        seed: u64,
        begin_unix_ms: u64,
        workers: usize,
        mask: &Mask,
    ) -> Self {
        Self {
            script_name: mask.mask(script_name).into_owned(),
            plan: masked_plan(plan, mask),
            seed,
            begin_unix_ms,
            machine: Fingerprint::here(workers),
        }
    }
}

/// A second as it is kept: what it recorded, and what the run had come to by its end.
#[derive(Debug, Clone)]
pub struct KeptSecond {
    second: Arc<PlayedSecond>,
    state: State,
    worst: Vec<(u32, Value)>,
}

/// Scheduled, started, ok, failed, interrupted, dropped.
type BookFigures = [u64; 6];

/// What a run had come to by the end of a second; postcard, in this order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) number: u64,
    pub(super) end_unix_ms: u64,
    pub(super) elapsed: Duration,
    pub(super) is_warm_up: bool,
    pub(super) is_paused: bool,
    pub(super) vus: u64,
    pub(super) vus_max: u64,
    books: BookFigures,
    pub(super) paused: Duration,
    /// Each scenario's books, in the order of declaration, and how many iterations threw.
    scenarios: Vec<(BookFigures, u64)>,
    line: Option<Line>,
    health: Health,
}

/// [`Second`], less what the state has.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Line {
    requests: u64,
    failed: u64,
    median_us: Option<u64>,
    mean_us: Option<f64>,
    level: Option<f64>,
    vus: u64,
    stretch: Option<u64>,
}

/// [`crate::engine::Seconds`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Health {
    judged: u64,
    slow: [u64; 3],
    delay_us: f64,
    latency_us: f64,
    all: (f64, u64),
}

/// The sum of the seconds that are no warm-up, and of each windowed target the worst window so far.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub(super) struct Total {
    pub(super) recorded: Snapshot,
    pub(super) worst: Vec<(u32, Value)>,
}

/// What a second recorded, and the worst windows that it made.
#[derive(Debug, Deserialize)]
pub(super) struct Body {
    pub(super) delta: Snapshot,
    pub(super) worst: Vec<(u32, Value)>,
}

impl KeptSecond {
    /// Of a second whose names are masked, with what the engine told beside it; `told` is how often each target's worst window had changed when
    /// it was kept last.
    pub fn new(second: Arc<PlayedSecond>, so_far: &SoFar<'_>, told: &mut Vec<u64>) -> Self {
        told.resize(so_far.worst.len(), 0);
        let mut worst = Vec::new();
        for (index, (now, told)) in (0..).zip(so_far.worst.iter().zip(told)) {
            if let Some(value) = now.value.filter(|_| now.revision != *told) {
                *told = now.revision;
                worst.push((index, value.clone()));
            }
        }
        Self { state: State::of(&second, so_far), second, worst }
    }

    /// Of a second and nothing else, as an own writer makes it.
    pub fn alone(second: Arc<PlayedSecond>) -> Self {
        let so_far = SoFar::default();
        Self::new(second, &so_far, &mut Vec::new())
    }

    /// Which second it is.
    pub fn number(&self) -> u64 {
        self.second.number
    }

    /// The payload.
    pub(super) fn bytes(&self, press: &mut Press) -> io::Result<Vec<u8>> {
        let state = postcard::to_stdvec(&self.state).map_err(io::Error::other)?;
        press
            .after(state, &postcard::to_stdvec(&(&self.second.delta, &self.worst)).map_err(io::Error::other)?)
    }
}

/// The bytes of a total before they are compressed.
pub(super) fn total_bytes(total: &Snapshot, so_far: &SoFar<'_>) -> Option<Vec<u8>> {
    let worst: Vec<(u32, &Value)> =
        (0..).zip(&so_far.worst).filter_map(|(index, worst)| Some((index, worst.value?))).collect();
    postcard::to_stdvec(&(total, worst)).ok()
}

fn figures(books: Books) -> BookFigures {
    let Books { scheduled, started, ok, failed, interrupted, dropped } = books;
    [scheduled, started, ok, failed, interrupted, dropped]
}

fn books([scheduled, started, ok, failed, interrupted, dropped]: BookFigures) -> Books {
    Books { scheduled, started, ok, failed, interrupted, dropped }
}

impl State {
    fn of(second: &PlayedSecond, so_far: &SoFar<'_>) -> Self {
        let PlayedSecond { number, end_unix_ms, elapsed, is_warm_up, is_paused, vus, vus_max, .. } = *second;
        let line = so_far.second.map(|line| {
            let Second { requests, failed, median_us, mean_us, level, vus, stretch, .. } = line;
            Line { requests, failed, median_us, mean_us, level, vus, stretch }
        });
        let health = so_far.health;
        Self {
            number,
            end_unix_ms,
            elapsed,
            is_warm_up,
            is_paused,
            vus,
            vus_max,
            books: figures(second.books),
            paused: so_far.paused,
            scenarios: so_far.scenarios.iter().map(|own| (figures(own.books), own.threw)).collect(),
            line,
            health: Health {
                judged: health.judged,
                slow: [health.slow.cpu, health.slow.wait, health.slow.other],
                delay_us: health.delay_us,
                latency_us: health.latency_us,
                all: health.all,
            },
        }
    }

    /// Splits a payload into the state and what is compressed behind it.
    pub(super) fn parse(payload: &[u8]) -> io::Result<(Self, &[u8])> {
        let (state, rest): (Self, _) = postcard::take_from_bytes(payload).map_err(invalid)?;
        if state.is_sound() { Ok((state, rest)) } else { Err(invalid("a figure is out of range")) }
    }

    /// Whether all numbers are possible, so that sums of them are too.
    fn is_sound(&self) -> bool {
        let Self { number, end_unix_ms, vus, vus_max, .. } = *self;
        let mut counts = vec![number, end_unix_ms, vus, vus_max];
        counts.extend(self.books);
        for (books, threw) in &self.scenarios {
            counts.extend(books);
            counts.push(*threw);
        }
        let Health { judged, slow, delay_us, latency_us, all: (sum_us, count) } = self.health;
        let mut sums = vec![delay_us, latency_us, sum_us];
        counts.extend(slow.into_iter().chain([judged, count]));
        if let Some(line) = self.line {
            counts.extend([line.requests, line.failed, line.vus]);
            counts.extend(line.median_us.into_iter().chain(line.stretch));
            sums.extend(line.mean_us.into_iter().chain(line.level));
        }
        let lengths = [self.elapsed, self.paused];
        counts.into_iter().all(|count| count <= COUNT_MAX)
            && sums.into_iter().all(f64::is_finite)
            && lengths.into_iter().all(|length| length <= LENGTH_MAX)
    }

    /// When the load began: milliseconds since 1970, UTC.
    pub(super) fn start_unix_ms(&self) -> u64 {
        self.end_unix_ms.saturating_sub(u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    /// The second's line, if it was a whole one.
    pub(super) fn second(&self) -> Option<Second> {
        let Line { requests, failed, median_us, mean_us, level, vus, stretch } = self.line?;
        let (number, is_warm_up) = (self.number, self.is_warm_up);
        Some(Second { number, requests, failed, median_us, mean_us, level, vus, stretch, is_warm_up })
    }

    /// The generator's own seconds.
    pub(super) fn health(&self) -> crate::engine::Seconds {
        let Health { judged, slow: [cpu, wait, other], delay_us, latency_us, all } = self.health;
        let slow = crate::engine::Slow { cpu, wait, other };
        crate::engine::Seconds { judged, slow, delay_us, latency_us, all }
    }

    /// What the plan's scenarios had come to.
    pub(super) fn scenarios(&self, plan: &Plan) -> Vec<ScenarioOutcome> {
        let of = |index: usize| self.scenarios.get(index).copied().unwrap_or_default();
        let named = plan.scenarios.iter().enumerate().map(|(index, scenario)| {
            let (figures, threw) = of(index);
            ScenarioOutcome { name: scenario.name.clone(), books: books(figures), threw }
        });
        named.collect()
    }

    /// The second with what it recorded.
    pub(super) fn played(&self, delta: Snapshot) -> PlayedSecond {
        PlayedSecond {
            number: self.number,
            end_unix_ms: self.end_unix_ms,
            elapsed: self.elapsed,
            is_warm_up: self.is_warm_up,
            is_paused: self.is_paused,
            vus: self.vus,
            vus_max: self.vus_max,
            books: books(self.books),
            delta,
        }
    }
}

/// Compresses payloads.
pub(super) struct Press(zstd::bulk::Compressor<'static>);

impl Press {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(zstd::bulk::Compressor::new(zstd::DEFAULT_COMPRESSION_LEVEL)?))
    }

    /// Some bytes, and behind them others, compressed.
    pub(super) fn after(&mut self, mut out: Vec<u8>, plain: &[u8]) -> io::Result<Vec<u8>> {
        out.append(&mut self.0.compress(plain)?);
        Ok(out)
    }
}

/// Decompresses all of a payload: no more than [`PLAIN_BYTES_MAX`], however little it takes.
pub(super) fn plain(pressed: &[u8]) -> io::Result<Vec<u8>> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(pressed)?.single_frame();
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    let mut plain = Vec::new();
    decoder.by_ref().take(PLAIN_BYTES_MAX + 1).read_to_end(&mut plain)?;
    if plain.len() as u64 > PLAIN_BYTES_MAX {
        return Err(invalid("it is larger than any"));
    }
    if !decoder.get_ref().is_empty() {
        return Err(invalid("something stands behind it"));
    }
    Ok(plain)
}

/// Reads all of the bytes.
pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> io::Result<T> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(invalid)?;
    if rest.is_empty() { Ok(value) } else { Err(invalid("something stands behind it")) }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
