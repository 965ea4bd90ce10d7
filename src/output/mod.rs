//! Outputs: a run's seconds, sent on while it goes. A file each, and a line in [`OUTPUTS`].
//!
//! Each output is a [`Sink`] on a thread of its own behind a bounded queue ([`Courier`]). One that is slow, down or
//! wrong loses its own seconds, which are counted; it delays neither the load nor the journal, and the exit by
//! five seconds at most.

mod courier;
mod csv;
mod csv_samples;
mod error;
mod exponential;
mod fields;
mod hidden;
mod influxdb;
mod json_lines;
mod json_samples;
mod line_protocol;
mod locust;
mod orders;
mod otlp;
mod out_file;
mod place;
mod post;
mod prometheus;
mod samples;
mod sink;
mod span_courier;
mod statsd;
mod terminal;

pub use courier::{BATCHES_MAX, Courier, DRAIN_MAX, QUEUE_MAX};
pub use error::{OutputError, SendError};
pub use orders::{listed, orders};
pub use place::Place;
pub use sink::{CaughtUp, Played, Sink};
pub use span_courier::{SpanLoss, SpanRoute, SpanSink};
pub use terminal::{Act, Look, Spectator, View, Voice};

/// A kind of output.
pub struct Output {
    /// Its name on the command line, `-o NAME=WHERE`.
    pub name: &'static str,
    /// k6's name for it, where that is another.
    pub alias: Option<&'static str>,
    /// What WHERE is: `FILE`, `URL`, `ADDRESS`; in brackets, `[URL]`, where it may be left out.
    pub place: &'static str,
    /// What it is for, in one line.
    pub about: &'static str,
    /// Which options WHERE may bring behind its `#`, each with what it means.
    pub options: &'static [(&'static str, &'static str)],
    /// Looks whether WHERE can be: a file that can't be made is an error before the load.
    pub open: fn(&Place) -> Result<Box<dyn Sink>, OutputError>,
}

impl Output {
    /// Whether WHERE is a file's name, so that two can't have the same.
    fn is_file(&self, at: &str) -> bool {
        (self.place.contains("FILE") || self.place == "PREFIX") && !at.contains("://")
    }
}

/// All outputs, in the order of the reference.
pub const OUTPUTS: &[&Output] = &[
    &json_lines::OUTPUT,
    &csv::OUTPUT,
    &json_samples::OUTPUT,
    &csv_samples::OUTPUT,
    &locust::OUTPUT,
    &influxdb::OUTPUT,
    &statsd::OUTPUT,
    &prometheus::SCRAPE,
    &prometheus::REMOTE_WRITE,
    &otlp::OUTPUT,
];

/// An output as it is asked for, `NAME=WHERE`.
pub fn open(text: &str) -> Result<Courier, OutputError> {
    let (name, place) = text.split_once('=').unwrap_or((text, ""));
    let unknown = || {
        if text.contains('=') { OutputError::unknown(name) } else { OutputError::NoPlace(text.to_owned()) }
    };
    let output = find(name).ok_or_else(unknown)?;
    let place = Place::parse(output, place)?;
    let sink = (output.open)(&place)?;
    Ok(Courier::start(output.name, place.shown(), output.is_file(&place.at), sink))
}

/// By name or alias; k6 called some of its outputs experimental, and still takes that name.
fn find(name: &str) -> Option<&'static Output> {
    let by =
        |name: &str| OUTPUTS.iter().copied().find(|output| output.name == name || output.alias == Some(name));
    by(name).or_else(|| by(name.strip_prefix("experimental-")?))
}

#[cfg(test)]
mod tests;
