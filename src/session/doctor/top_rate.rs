//! The rate that `runner calibrate` reached here, if it did.

use std::path::Path;

use super::{Check, Machine, Planned, Seen};
use crate::results::{Calibration, CalibrationError, Fingerprint};
use crate::units::format_count;

pub(super) const CHECK: Check = Check {
    name: "top rate",
    why: "above the rate that the machine reaches iterations start late or not at all, whatever the service does",
    look,
};

/// What a folder of results says of the machine's rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Calibrated {
    /// Nobody asked.
    Never,
    /// The file is there and no calibration: why.
    Unreadable(String),
    /// It was made otherwise: what differs.
    Stale(String),
    /// Requests a second.
    At(u64),
}

impl Calibrated {
    /// As a folder of results has it, for so many workers.
    pub(super) fn read(folder: &Path, workers: usize) -> Self {
        Self::of(Calibration::read(folder), &Fingerprint::here(workers))
    }

    fn of(read: Result<Option<Calibration>, CalibrationError>, now: &Fingerprint) -> Self {
        match read {
            Ok(None) => Self::Never,
            Err(error) => Self::Unreadable(error.to_string()),
            Ok(Some(calibration)) => match calibration.fingerprint.differs(now) {
                differs if differs.is_empty() => Self::At(calibration.top.median_per_s),
                differs => Self::Stale(differs.join("; ")),
            },
        }
    }
}

fn look(machine: &Machine, planned: &Planned) -> Seen {
    const MEASURE: &str = "runner calibrate";
    match &machine.calibrated {
        Calibrated::Never => Seen::unknown(format!("not measured yet: `{MEASURE}` does")),
        Calibrated::Unreadable(why) => Seen::look(why, MEASURE),
        Calibrated::Stale(differs) => Seen::look(format!("measured otherwise: {differs}"), MEASURE),
        Calibrated::At(top_per_s) => {
            let saw = format!("{} requests a second against the null server", format_count(*top_per_s));
            match planned.rate_per_s {
                // The null server took its share of the machine: a service elsewhere may leave enough.
                Some(rate) if rate > *top_per_s as f64 => {
                    Seen::look(saw, "runner run   # on more cores, or on several machines")
                }
                _ => Seen::good(saw),
            }
        }
    }
}
