//! `-o remote-write=URL`: each second's series, posted to a receiver of Prometheus's remote write.
//!
//! A series is told when it changed, and once a minute all the same, so that no query loses sight of it; at its first
//! time with a zero before it, at the end with a stale marker behind it. What a write that failed would have told
//! the next one tells, since all are sums: then that second's samples have arrived after all.

use std::time::Duration;

use crate::output::{CaughtUp, Output, OutputError, Place, Played, SendError, Sink};
use crate::results::{PlayedSecond, Summary};
use crate::units::parse_duration;

use super::classic::Bounds;
use super::naming::{self, Naming};
use super::native;
use super::point::{Shape, points};
use super::push::{PATIENCE, Pusher, Undelivered, written_values};
use super::request::{Told, Version, body};
use super::total::Total;

/// A request has no more series: what receivers take at least.
const SERIES_PER_REQUEST: usize = 2_000;

/// After so long a series is told though it stayed the same: Prometheus looks back five minutes.
const TELL_AGAIN_MS: u64 = 60_000;

/// `-o remote-write=URL`.
pub(in crate::output) const OUTPUT: Output = Output {
    name: "remote-write",
    alias: Some("prometheus-rw"),
    place: "URL",
    about: "the run's totals, written to Prometheus each second",
    options: &[
        naming::OPTIONS[0],
        naming::OPTIONS[1],
        naming::OPTIONS[2],
        ("version", "1 or 2: remote write 1.0 (1) or 2.0"),
        ("histograms", "`native` or `classic` (native)"),
        ("buckets", "at most so many in a native histogram (160)"),
        ("bounds", "upper bounds of classic buckets in seconds, `0.1;0.5;1`"),
        ("stale", "say at the end that the series have ended (true)"),
        ("timeout", "how long a write is tried, `4s` at most (4s)"),
    ],
    open,
};

struct RemoteWrite {
    pusher: Pusher,
    version: Version,
    shape: Shape,
    is_stale_at_end: bool,
    naming: Naming,
    total: Total,
    /// Seconds and samples that failed, and whose sums the next write brings.
    owed: CaughtUp,
    caught_up: CaughtUp,
}

fn open(place: &Place) -> Result<Box<dyn Sink>, OutputError> {
    let version = match place.option("version") {
        None | Some("1") => Version::One,
        Some("2") => Version::Two,
        Some(other) => return Err(place.wrong("version", other, "is neither `1` nor `2`")),
    };
    let bounds = Bounds::new(place)?;
    let buckets_max = native::buckets_max(place)?;
    let shape = match place.option("histograms") {
        None | Some("native") => Shape::Native(buckets_max),
        Some("classic") => Shape::Classic(bounds),
        Some(other) => return Err(place.wrong("histograms", other, "is neither `native` nor `classic`")),
    };
    let patience = match place.option("timeout") {
        None => PATIENCE,
        Some(text) => {
            let is_right = |time: &Duration| (Duration::from_millis(1)..=PATIENCE).contains(time);
            let right = parse_duration(text).ok().filter(is_right);
            right.ok_or_else(|| place.wrong("timeout", text, "is no time of `4s` at most"))?
        }
    };
    let is_stale_at_end = place.option("stale").is_none() || place.is_on("stale")?;
    Ok(Box::new(RemoteWrite {
        pusher: Pusher::new(place, patience, |name| std::env::var(name).ok())?,
        version,
        shape,
        is_stale_at_end,
        naming: Naming::new(place)?,
        total: Total::default(),
        owed: CaughtUp::default(),
        caught_up: CaughtUp::default(),
    }))
}

impl Sink for RemoteWrite {
    fn begin(&mut self, run: &Played) -> Result<(), SendError> {
        self.naming.begin(run);
        self.total.begin(run.start_unix_ms);
        Ok(())
    }

    fn second(&mut self, second: &PlayedSecond) -> Result<(), SendError> {
        self.total.add(second);
        match self.tell_changes() {
            Ok(()) => {
                self.caught_up = std::mem::take(&mut self.owed);
                Ok(())
            }
            Err(error) => {
                self.owed.seconds += 1;
                self.owed.samples = self.owed.samples.saturating_add(second.samples());
                Err(error)
            }
        }
    }

    fn caught_up(&mut self) -> CaughtUp {
        std::mem::take(&mut self.caught_up)
    }

    fn end(&mut self, _summary: &Summary) -> Result<(), SendError> {
        self.tell_changes()?;
        self.caught_up = std::mem::take(&mut self.owed);
        if self.is_stale_at_end { self.tell_end() } else { Ok(()) }
    }
}

impl RemoteWrite {
    /// Writes what changed since it was written last.
    fn tell_changes(&mut self) -> Result<(), SendError> {
        let now = self.total.now_unix_ms;
        let is_due = |told: Option<u64>| told.is_some_and(|told| now.saturating_sub(told) >= TELL_AGAIN_MS);
        let keys: Vec<_> = self
            .total
            .entries
            .iter()
            .filter(|(_, entry)| entry.is_dirty || is_due(entry.told_unix_ms))
            .map(|(key, _)| key.clone())
            .collect();
        let mut keys = keys.into_iter().peekable();
        while keys.peek().is_some() {
            let (mut batch, mut told, mut is_new) = (Vec::new(), Vec::new(), false);
            // Whole series of ours: what became of a request is known of all of them.
            while let Some(key) = keys.next_if(|_| told.len() < SERIES_PER_REQUEST) {
                let entry = &self.total.entries[&key];
                is_new |= entry.is_new;
                for point in points(&mut self.naming, (&key.0, &key.1), &entry.value, &self.shape) {
                    told.push(Told {
                        point,
                        at_unix_ms: signed(now),
                        since_unix_ms: signed(entry.since_unix_ms),
                        from_zero: entry.is_new,
                        is_last: false,
                    });
                }
                batch.push(key);
            }
            let written = self.write(told, is_new);
            let may_have_arrived = written.as_ref().err().is_none_or(|error| error.is_unknown);
            for key in batch {
                if let Some(entry) = self.total.entries.get_mut(&key) {
                    // A zero that comes behind a value would be refused, and all with it.
                    entry.is_new &= !may_have_arrived;
                    if written.is_ok() {
                        (entry.is_dirty, entry.told_unix_ms) = (false, Some(now));
                    }
                }
            }
            written.map_err(|error| SendError::Refused(error.why))?;
        }
        Ok(())
    }

    /// Says of all that was told that there is no more of it.
    fn tell_end(&mut self) -> Result<(), SendError> {
        let at_unix_ms = signed(self.total.now_unix_ms + 1);
        let mut all = Vec::new();
        for (key, entry) in self.total.entries.iter().filter(|(_, entry)| entry.told_unix_ms.is_some()) {
            for point in points(&mut self.naming, (&key.0, &key.1), &entry.value, &self.shape) {
                let since_unix_ms = signed(entry.since_unix_ms);
                all.push(Told { point, at_unix_ms, since_unix_ms, from_zero: false, is_last: true });
            }
        }
        for told in all.chunks(SERIES_PER_REQUEST) {
            self.write(told.to_vec(), false).map_err(|error| {
                let why = format!("that the series have ended could not be written: {}", error.why);
                SendError::Refused(why)
            })?;
        }
        Ok(())
    }

    /// Writes a request.
    fn write(&mut self, mut told: Vec<Told>, metadata: bool) -> Result<(), Undelivered> {
        let (content_type, version) = self.version.headers();
        let headers = [
            ("content-encoding", "snappy"),
            ("content-type", content_type),
            ("x-prometheus-remote-write-version", version),
        ];
        let mut values = 0;
        let answer = self.pusher.push(&headers, |is_unknown| {
            for told in &mut told {
                told.from_zero &= !is_unknown;
            }
            let (bytes, held) = body(&told, self.version, metadata);
            values = held;
            bytes
        });
        let answer = answer.map_err(|error| self.explained(error))?;
        if self.version == Version::Two { confirmed(written_values(&answer), values) } else { Ok(()) }
    }

    /// With what to do about it, where that is known.
    fn explained(&self, mut error: Undelivered) -> Undelivered {
        if error.why.contains("native histograms are disabled") {
            error.why.push_str("; `#histograms=classic` sends others");
        } else if self.version == Version::Two && error.why.starts_with("415") {
            error.why.push_str("; it may take `#version=1`");
        }
        error
    }
}

/// Holds what a receiver of 2.0 says that it wrote against what was sent. One that says nothing has understood nothing.
fn confirmed(written: Option<u64>, sent: usize) -> Result<(), Undelivered> {
    let why = match written {
        Some(written) if written >= sent as u64 => return Ok(()),
        Some(written) => format!("it wrote {written} of {sent} samples, and doesn't say why"),
        None => {
            "it took the write and says nothing of what it wrote, as a receiver of 1.0 does: try `#version=1`"
                .to_owned()
        }
    };
    Err(Undelivered { why, is_unknown: true })
}

fn signed(unix_ms: u64) -> i64 {
    i64::try_from(unix_ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
