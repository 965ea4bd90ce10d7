//! `statsd`: seconds over UDP. Counters as they are, shares as two counters, trends as a counter and gauges of their figures
//! (a histogram has no place in the protocol). Without tags a metric's series are joined; with `#tags` each is sent with its
//! own, in the form that Datadog's agent takes.
//!
//! Nobody says whether a datagram came: what is counted as lost is what could not be sent, and what the address refused.

use std::io;
use std::net::{ToSocketAddrs, UdpSocket};

use super::fields::{Number, Units, fields};
use super::{Output, OutputError, Place, Played, SendError, Sink};
use crate::metrics::{Selector, Snapshot, TagSet, Value};
use crate::results::PlayedSecond;

/// `-o statsd=HOST:PORT`.
pub(super) const OUTPUT: Output = Output {
    name: "statsd",
    alias: None,
    place: "HOST:PORT",
    about: "each second's metrics as StatsD datagrams",
    options: &[
        ("tags", "send each series with its tags, as Datadog's agent takes them"),
        ("prefix", "what stands before the names: `runner.`"),
    ],
    open,
};

/// What goes through an Ethernet in one piece, headers left out.
const DATAGRAM_MAX_BYTES: usize = 1_432;

/// Datagrams that follow each other at once; behind that many the receiver's buffer, of 200 KB by default, has time.
const BURST_MAX: usize = 64;

struct StatsD {
    socket: UdpSocket,
    prefix: String,
    has_tags: bool,
    units: Units,
}

fn open(place: &Place) -> Result<Box<dyn Sink>, OutputError> {
    let at = place.at.strip_prefix("udp://").unwrap_or(&place.at);
    let failed = |error| OutputError::Open { output: place.output, at: place.at.clone(), error };
    if at.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
        let why = "write a host and a port, as in `localhost:8125`".to_owned();
        return Err(OutputError::Place { output: place.output, at: place.at.clone(), why });
    }
    let address = at.to_socket_addrs().map_err(failed)?.next();
    let address = address.ok_or_else(|| failed(io::Error::other("the host has no address")))?;
    let any = if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any).map_err(failed)?;
    socket.connect(address).map_err(failed)?;
    let prefix = place.option("prefix").unwrap_or("runner.").to_owned();
    Ok(Box::new(StatsD { socket, prefix, has_tags: place.is_on("tags")?, units: Units::default() }))
}

impl Sink for StatsD {
    fn begin(&mut self, run: &Played) -> Result<(), SendError> {
        self.units = Units::of(&run.plan);
        Ok(())
    }

    fn second(&mut self, second: &PlayedSecond) -> Result<(), SendError> {
        for (index, datagram) in datagrams(self.lines(&second.delta)).into_iter().enumerate() {
            if index > 0 && index.is_multiple_of(BURST_MAX) {
                std::thread::yield_now();
            }
            self.socket.send(datagram.as_bytes())?;
        }
        Ok(())
    }
}

impl StatsD {
    fn lines(&self, delta: &Snapshot) -> Vec<String> {
        let mut lines = Vec::new();
        if self.has_tags {
            for series in delta {
                self.tell(&mut lines, &series.metric, &series.value, &series.tags);
            }
            return lines;
        }
        let mut metrics: Vec<&str> = delta.iter().map(|series| &*series.metric).collect();
        metrics.dedup();
        for metric in metrics {
            if let Some(value) = delta.select(&Selector::all(metric)) {
                self.tell(&mut lines, metric, &value, &TagSet::default());
            }
        }
        lines
    }

    fn tell(&self, lines: &mut Vec<String>, metric: &str, value: &Value, tags: &TagSet) {
        let name = format!("{}{}", self.prefix, plain(metric));
        let tags: Vec<String> =
            tags.iter().map(|(tag, value)| format!("{}:{}", plain(tag), plain(value))).collect();
        let tags = if tags.is_empty() { String::new() } else { format!("|#{}", tags.join(",")) };
        let mut put = |name: &str, number: Number, kind: &str| {
            // A signed gauge would be added to the one before; Datadog's takes it as it is.
            if kind == "g" && !self.has_tags && matches!(number, Number::Real(number) if number < 0.0) {
                lines.push(format!("{name}:0|g"));
            }
            lines.push(format!("{name}:{number}|{kind}{tags}"));
        };
        for field in fields(value, self.units.unit(metric)) {
            match (value, field.name) {
                (Value::Counter(_), _) => put(&name, field.number, "c"),
                (Value::Gauge { .. }, "value") => put(&name, field.number, "g"),
                (_, "count" | "at_least" | "hits" | "total") => {
                    put(&format!("{name}.{}", field.name), field.number, "c");
                }
                _ => put(&format!("{name}.{}", field.key().replace("p99.9", "p99_9")), field.number, "g"),
            }
        }
    }
}

/// Without the signs that the protocol is made of.
fn plain(text: &str) -> String {
    let is_sign = |c: char| matches!(c, ':' | '|' | '@' | '#' | ',') || c.is_control();
    text.chars().map(|c| if is_sign(c) { '_' } else { c }).collect()
}

/// Lines put together as far as a datagram takes them.
fn datagrams(lines: Vec<String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in lines {
        match all.last_mut() {
            Some(last) if last.len() + 1 + line.len() <= DATAGRAM_MAX_BYTES => {
                last.push('\n');
                last.push_str(&line);
            }
            _ => all.push(line),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Kind, Metric, Recorder, Unit};

    fn delta() -> Snapshot {
        let own = Metric { name: "depth".into(), kind: Kind::Gauge, unit: Unit::None };
        let mut recorder = Recorder::new(&[own]);
        for (name, tags) in [("/a", 2), ("/b|c", 3)] {
            let tags =
                TagSet::from_pairs([("name", name), ("status", if tags == 2 { "200" } else { "503" })]);
            let series = |recorder: &mut Recorder, metric: &str| {
                let (metric, _) = recorder.metric(metric).unwrap();
                recorder.series(metric, &tags)
            };
            let [reqs, failed, times] =
                ["http_reqs", "http_req_failed", "http_req_duration"].map(|name| series(&mut recorder, name));
            recorder.add(reqs, 2.0);
            recorder.rate(failed, 1, 2);
            recorder.trend_us(times, 1_500);
            recorder.trend_us(times, 2_500);
        }
        let (depth, _) = recorder.metric("depth").unwrap();
        let depth = recorder.series(depth, &TagSet::default());
        recorder.set(depth, -2.5);
        recorder.take(1)
    }

    fn lines(has_tags: bool) -> Vec<String> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let statsd = StatsD { socket, prefix: "t.".to_owned(), has_tags, units: Units::default() };
        statsd.lines(&delta())
    }

    #[test]
    fn without_tags_the_series_of_a_metric_are_one() {
        let lines = lines(false);
        assert_eq!(
            lines[..2],
            ["t.depth:0|g", "t.depth:-2.5|g"],
            "a gauge below zero is set, not taken away"
        );
        for line in [
            "t.http_reqs:4|c",
            "t.http_req_failed.hits:2|c",
            "t.http_req_failed.total:4|c",
            "t.http_req_duration.count:4|c",
            "t.http_req_duration.sum_us:8000|g",
            "t.http_req_duration.p99_9_us:2500|g",
        ] {
            assert!(lines.iter().any(|known| known == line), "{line} is not in {lines:#?}");
        }
    }

    #[test]
    fn with_tags_each_series_has_its_own() {
        let lines = lines(true);
        assert!(lines.contains(&"t.http_reqs:2|c|#name:/a,status:200".to_owned()), "{lines:#?}");
        assert!(lines.contains(&"t.http_reqs:2|c|#name:/b_c,status:503".to_owned()), "{lines:#?}");
        assert!(lines.contains(&"t.depth:-2.5|g".to_owned()), "{lines:#?}");
    }

    #[test]
    fn datagrams_are_filled_and_none_is_too_long() {
        let lines: Vec<String> = (0..500).map(|n| format!("t.a{n}:1|c")).collect();
        let all = datagrams(lines.clone());
        assert!(all.iter().all(|datagram| datagram.len() <= DATAGRAM_MAX_BYTES));
        assert!(all.len() < 6, "{}", all.len());
        assert_eq!(all.join("\n").lines().collect::<Vec<_>>(), lines);
    }
}
