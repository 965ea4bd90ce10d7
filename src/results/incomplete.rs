//! How far a run is known that came to no end: its process was killed, its machine failed, or it is still under way.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::units::{format_count, format_latency_us};

/// How far a run is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete {
    /// Seconds that are there.
    pub seconds: u64,
    /// From the start of the load to the end of the last one.
    pub elapsed: Duration,
    /// When that was: milliseconds since 1970, UTC.
    pub end_unix_ms: Option<u64>,
    /// What is wrong with what is kept, and where.
    pub damage: Option<String>,
    /// Why that is all.
    pub why: NoEnd,
}

/// Why no end of a run is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoEnd {
    /// Its process was killed, or its machine failed, or the disk took no more.
    Died,
    /// Its process is still there.
    UnderWay,
    /// It is there, and can't be read.
    Unreadable(String),
}

impl Incomplete {
    /// What only a run's end tells.
    pub const MISSING: &str = "what a run tells at its end alone is missing: failures of the script and their examples, \
                               connections, what was interrupted, the workers' use of the cores";

    fn time(&self) -> Option<String> {
        let at = Timestamp::from_millisecond(i64::try_from(self.end_unix_ms?).ok()?).ok()?;
        Some(at.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string())
    }
}

/// Fits behind "incomplete: ".
impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.why {
            NoEnd::Died => f.write_str("the run came to no end")?,
            NoEnd::UnderWay => f.write_str("the run is under way")?,
            NoEnd::Unreadable(why) => write!(f, "the run's end can't be read ({why})")?,
        }
        match self.time() {
            Some(time) => {
                let elapsed = format_latency_us(self.elapsed.as_secs_f64() * 1e6);
                let noun = if self.seconds == 1 { "second is" } else { "seconds are" };
                write!(
                    f,
                    ", {} {noun} kept, the last until {time} ({elapsed} of load)",
                    format_count(self.seconds)
                )?;
            }
            None => f.write_str(", and no second of it is kept")?,
        }
        match &self.damage {
            Some(damage) => write!(f, "; its journal is damaged {damage}"),
            None => Ok(()),
        }
    }
}
