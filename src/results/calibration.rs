//! What this machine is good for as a load generator, as `runner calibrate` measured it: a file beside the runs, and
//! what it says of a plan.
//!
//! A calibration holds for the machine, the workers and the version that it was made with ([`Fingerprint`]); for
//! others it says nothing. Integers, microseconds; schema 1.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{fmt, io};

use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::units::{format_amount, format_count};

/// The version of the file's form; raised when a reader of an older one would misread it.
pub const CALIBRATION_SCHEMA: u32 = 1;

/// The file's name, in the folder of results.
pub const CALIBRATION_FILE: &str = "calibration.json";

/// The largest file that is read: a hundred times what one should be.
const BYTES_MAX: u64 = 1 << 18;

/// A machine's top rate and noise floor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// [`CALIBRATION_SCHEMA`].
    pub schema: u32,
    /// When it was made, UTC.
    pub made_at: String,
    /// What it was made on.
    pub fingerprint: Fingerprint,
    /// Virtual users of the closed rounds.
    pub users: u64,
    /// Requests per second of each closed round, in the order that they were played.
    pub rounds_per_s: Vec<u64>,
    /// What they come to.
    pub top: TopRate,
    /// CPU that the generator spent on a request of the closed rounds; none where the system doesn't tell.
    pub cpu_per_request_ns: Option<u64>,
    /// CPU that the null server, which shares the machine, took meanwhile, in thousandths of a core.
    pub server_cpu_thousandths: Option<u64>,
    /// The noise floor at some rates, the lowest first.
    pub floor: Vec<Floor>,
}

/// The median of the rounds, and between which of them the true median lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopRate {
    /// The median.
    pub median_per_s: u64,
    /// The slowest round.
    pub low_per_s: u64,
    /// The fastest round.
    pub high_per_s: u64,
    /// How sure it is that the true median lies between those two, in thousandths.
    pub confidence_thousandths: u64,
}

/// What is measured of a service that answers at once: the generator's own share of all latencies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// The share of the top rate, in thousandths.
    pub share_thousandths: u64,
    /// Iterations that were to start each second.
    pub asked_per_s: u64,
    /// Iterations that ended, each second.
    pub delivered_per_s: u64,
    /// Iterations that could not start.
    pub dropped: u64,
    /// `http_req_duration`.
    pub latency: Spread,
    /// `iteration_lateness`: how late an iteration started.
    pub lateness: Spread,
}

/// A distribution in three figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// The median.
    pub p50_us: u64,
    /// The 99th percentile.
    pub p99_us: u64,
    /// The largest.
    pub max_us: u64,
}

/// What a calibration holds for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Cores that the process may use.
    pub cores: u64,
    /// The processor's name.
    pub cpu_model: String,
    /// The kernel's version.
    pub kernel: String,
    /// Worker threads.
    pub workers: u64,
    /// The version of `runner`.
    pub runner: String,
    /// How it was built: a build for debugging is several times slower.
    pub build: String,
}

/// Why a calibration could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// The file or its folder.
    #[error("{path}: {error}")]
    File {
        /// Which one.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// The file holds something else.
    #[error("{path} holds no calibration: {error}")]
    Malformed {
        /// Which one.
        path: PathBuf,
        /// What is wrong.
        error: serde_json::Error,
    },
    /// The file has another form.
    #[error("{path} has schema {found}, this version reads {CALIBRATION_SCHEMA}")]
    Schema {
        /// Which one.
        path: PathBuf,
        /// Its schema.
        found: u64,
    },
}

impl TopRate {
    /// Of the rounds' rates; none without rounds. That the true median of independent rounds lies outside of
    /// all n of them has the probability 2 · 0.5ⁿ: no assumption on how they scatter.
    pub fn of(rounds_per_s: &[u64]) -> Option<Self> {
        let mut sorted = rounds_per_s.to_vec();
        sorted.sort_unstable();
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median =
            if sorted.len() % 2 == 1 { sorted[middle] } else { sorted[middle - 1].midpoint(sorted[middle]) };
        let outside = 0.5f64.powi(i32::try_from(sorted.len()).unwrap_or(i32::MAX) - 1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0..=1000")]
        let confidence = ((1.0 - outside) * 1_000.0).floor() as u64;
        Some(Self {
            median_per_s: median,
            low_per_s: low,
            high_per_s: high,
            confidence_thousandths: confidence,
        })
    }
}

impl Calibration {
    /// Whether the rounds differ so much that something else must have used the machine.
    pub fn is_disturbed(&self) -> bool {
        /// Rounds of a calm machine lie within a tenth.
        const APART: f64 = 1.25;
        self.top.high_per_s as f64 > self.top.low_per_s as f64 * APART
    }

    /// The rate at which the workers' cores would be used up by requests alone, if the server ran elsewhere.
    pub fn cpu_bound_per_s(&self) -> Option<u64> {
        let each_ns = self.cpu_per_request_ns.filter(|ns| *ns > 0)?;
        let cores = self.fingerprint.workers.min(self.fingerprint.cores);
        Some(cores.saturating_mul(1_000_000_000) / each_ns)
    }

    /// The one that lies in a folder of results, if any does.
    pub fn read(folder: &Path) -> Result<Option<Self>, CalibrationError> {
        /// The part that every schema has.
        #[derive(Deserialize)]
        struct Head {
            schema: u64,
        }
        let path = folder.join(CALIBRATION_FILE);
        let text = match read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CalibrationError::File { path, error }),
        };
        let malformed = |error| CalibrationError::Malformed { path: path.clone(), error };
        let Head { schema } = serde_json::from_str(&text).map_err(malformed)?;
        if schema != u64::from(CALIBRATION_SCHEMA) {
            return Err(CalibrationError::Schema { path, found: schema });
        }
        serde_json::from_str(&text).map(Some).map_err(malformed)
    }

    /// Keeps it in a folder of results, which is made if need be; gives the file. An older one is replaced at
    /// once, so that nobody reads half of it.
    pub fn write(&self, folder: &Path) -> Result<PathBuf, CalibrationError> {
        let path = folder.join(CALIBRATION_FILE);
        let failed = |error| CalibrationError::File { path: path.clone(), error };
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(error.into()))? + "\n";
        std::fs::create_dir_all(folder).map_err(failed)?;
        let beside = folder.join(format!("{CALIBRATION_FILE}.{}", std::process::id()));
        let written = std::fs::File::create(&beside)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| std::fs::rename(&beside, &path));
        if let Err(error) = written {
            let _ = std::fs::remove_file(&beside);
            return Err(failed(error));
        }
        Ok(path)
    }
}

fn read(path: &Path) -> io::Result<String> {
    use io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?.take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

impl Fingerprint {
    /// Of this machine with so many workers.
    pub fn here(workers: usize) -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64),
            cpu_model: cpu_model(&text("/proc/cpuinfo")),
            kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
            workers: workers as u64,
            runner: env!("CARGO_PKG_VERSION").to_owned(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
        }
    }

    /// What differs from another one, in words; nothing when they are equal.
    pub fn differs(&self, now: &Self) -> Vec<String> {
        let numbers = [("cores", self.cores, now.cores), ("workers", self.workers, now.workers)];
        let numbers = numbers.into_iter().map(|(name, then, now)| (name, then.to_string(), now.to_string()));
        let texts = [
            ("CPU", &self.cpu_model, &now.cpu_model),
            ("kernel", &self.kernel, &now.kernel),
            ("version", &self.runner, &now.runner),
            ("build", &self.build, &now.build),
        ];
        let texts = texts.into_iter().map(|(name, then, now)| (name, then.clone(), now.clone()));
        let differing = numbers.chain(texts).filter(|(_, then, now)| then != now);
        differing.map(|(name, then, now)| format!("{name} {then}, now {now}")).collect()
    }
}

/// The processor's name. Where the kernel has none (ARM), the numbers that tell processors apart.
fn cpu_model(cpuinfo: &str) -> String {
    let field = |wanted: &str| {
        cpuinfo.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == wanted).then(|| value.trim().to_owned())
        })
    };
    let parts = || Some(format!("{} {}", field("CPU implementer")?, field("CPU part")?));
    field("model name").or_else(parts).unwrap_or_else(|| "unknown".to_owned())
}

/// What a calibration says of a plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Advice {
    /// The plan asks for more than the machine gave.
    TooFast {
        /// The highest sum of the scenarios' rates.
        peak_per_s: f64,
        /// What the machine gave.
        top_per_s: u64,
        /// Whether something else used the machine meanwhile, so that it can do more.
        is_disturbed: bool,
    },
    /// The calibration was made on another machine, or by another version.
    Stale(
        /// What differs.
        Vec<String>,
    ),
}

impl Advice {
    /// Whether it warns of the plan; else it is a note on the calibration.
    pub fn is_warning(&self) -> bool {
        matches!(self, Self::TooFast { .. })
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFast { peak_per_s, top_per_s, is_disturbed } => {
                let (peak, top) = (format_amount(*peak_per_s), format_count(*top_per_s));
                let while_busy = if *is_disturbed { " while something else used it" } else { "" };
                write!(
                    f,
                    "the plan starts up to {peak} iterations a second; `runner calibrate` reached {top} requests a second on this machine{while_busy}: expect late or dropped iterations"
                )
            }
            Self::Stale(differs) => write!(
                f,
                "the calibration of this machine is stale ({}): run `runner calibrate` again",
                differs.join("; ")
            ),
        }
    }
}

/// What a calibration says of a plan that is played with `now`; nothing if the plan has no rate to be held
/// against it: users that loop take what they get.
pub fn advise(plan: &Plan, calibration: &Calibration, now: &Fingerprint) -> Option<Advice> {
    let peak_per_s = plan.peak_rate()?;
    let differs = calibration.fingerprint.differs(now);
    if !differs.is_empty() {
        return Some(Advice::Stale(differs));
    }
    let top_per_s = calibration.top.median_per_s;
    let is_disturbed = calibration.is_disturbed();
    (peak_per_s > top_per_s as f64).then_some(Advice::TooFast { peak_per_s, top_per_s, is_disturbed })
}

#[cfg(test)]
mod tests;
