//! What generators cost beside one of them, as a table for the terminal and as Markdown.
//!
//! Each row has a sample a round, paired with the reference's of the same round. The gate is on the upper end of
//! the 95 % interval of the median ratio: a claim holds if all the interval says so.
#![expect(clippy::print_stdout, reason = "the table is what these programs are for")]

use std::fmt::Write as _;

use super::quantile::{median, median_interval};

/// Above this share of its core the server was the limit.
const BUSY_MAX: f64 = 0.97;

/// One play of one generator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) user_us: f64,
    pub(crate) system_us: f64,
    pub(crate) requests_per_second: f64,
    /// Share of its core, between the play's start and its end.
    pub(crate) generator_busy: f64,
    pub(crate) server_busy: f64,
    /// Share of the machine.
    pub(crate) steal: f64,
}

impl Sample {
    pub(crate) fn total_us(&self) -> f64 {
        self.user_us + self.system_us
    }
}

/// At most this multiple of the reference's cost, and what we reach for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    gate: f64,
    reach: f64,
}

impl Limit {
    pub(crate) const fn new(gate: f64, reach: f64) -> Self {
        Self { gate, reach }
    }
}

/// Rows beside a reference.
pub(crate) struct Table<'a> {
    reference: &'static str,
    samples: &'a [Sample],
    rows: Vec<Row<'a>>,
    /// Whether the server is slower than all generators, and none of them is held up more than another.
    server_is_slow: bool,
}

struct Row<'a> {
    name: &'static str,
    flow: &'static str,
    samples: &'a [Sample],
    limit: Option<Limit>,
    ratio: f64,
    interval: Option<(f64, f64)>,
}

impl<'a> Table<'a> {
    pub(crate) fn new(reference: &'static str, samples: &'a [Sample]) -> Self {
        Self { reference, samples, rows: Vec::new(), server_is_slow: false }
    }

    /// For a server that is the limit of every generator, as a real one is: each then pays for its wake-ups.
    #[allow(dead_code, reason = "each bench uses its part")]
    pub(crate) fn with_slow_server(reference: &'static str, samples: &'a [Sample]) -> Self {
        Self { server_is_slow: true, ..Self::new(reference, samples) }
    }

    pub(crate) fn add(
        &mut self,
        name: &'static str,
        flow: &'static str,
        samples: &'a [Sample],
        limit: Option<Limit>,
    ) {
        let pairs = samples.iter().zip(self.samples);
        let ratios: Vec<f64> = pairs.map(|(one, reference)| one.total_us() / reference.total_us()).collect();
        let (ratio, interval) = (median(&ratios), median_interval(&ratios));
        self.rows.push(Row { name, flow, samples, limit, ratio, interval });
    }

    /// Prints it; whether all gates hold and the reference was not held up.
    pub(crate) fn print(&self) -> bool {
        println!(
            "{:<25}{:>11}{:>7}{:>7}{:>9}{:>15}{:>7}{:>7}{:>12}{:>6}{:>8}{:>7}  verdict",
            "",
            "µs/request",
            "user",
            "system",
            format!("× {}", self.reference),
            "95 % interval",
            "gate",
            "reach",
            "requests/s",
            "core",
            "server",
            "steal"
        );
        let mut passed = true;
        for row in &self.rows {
            let of = |part: fn(&Sample) -> f64| row.median(part);
            let limit =
                |of: fn(Limit) -> f64| row.limit.map_or(String::new(), |limit| format!("{:.2}", of(limit)));
            let (holds, verdict) = row.verdict();
            passed &= holds;
            println!(
                "{:<25}{:>11.2}{:>7.2}{:>7.2}{:>9.3}{:>15}{:>7}{:>7}{:>12.0}{:>5.0}%{:>7.0}%{:>6.1}%  {verdict}",
                row.name,
                of(Sample::total_us),
                of(|one| one.user_us),
                of(|one| one.system_us),
                row.ratio,
                row.interval(),
                limit(|limit| limit.gate),
                limit(|limit| limit.reach),
                of(|one| one.requests_per_second),
                of(|one| one.generator_busy) * 100.0,
                of(|one| one.server_busy) * 100.0,
                row.samples.iter().map(|one| one.steal).fold(0.0, f64::max) * 100.0,
            );
        }
        if self.server_is_slow {
            println!("  the server was the limit of all: with a faster one each would cost less");
            return passed;
        }
        for row in self.rows.iter().filter(|row| row.is_held_up()) {
            // A generator that waits for the server goes to sleep and is woken more often, at its own cost.
            if row.name == self.reference {
                println!("✗ the server was the limit of {}: all ratios to it are too low", row.name);
                passed = false;
            } else {
                println!("  the server was the limit of {}: with a faster one it would cost less", row.name);
            }
        }
        passed
    }

    /// The rows of the page's table, and a line on how they came about.
    pub(crate) fn markdown(&self, foot: &str) -> String {
        let mut text = format!(
            "| generator | for each request | µs | × {} | 95 % interval | requests/s | server |\n|---|---|--:|--:|--:|--:|--:|\n",
            self.reference
        );
        for row in &self.rows {
            let of = |part: fn(&Sample) -> f64| row.median(part);
            let _ = writeln!(
                text,
                "| {} | {} | {:.2} | {:.3} | {} | {:.0} | {:.0} % |",
                row.name,
                row.flow.replace('|', "\\|"),
                of(Sample::total_us),
                row.ratio,
                if row.name == self.reference { "–".to_owned() } else { row.interval() },
                of(|one| one.requests_per_second),
                of(|one| one.server_busy) * 100.0,
            );
        }
        text + "\n" + foot + "\n"
    }
}

impl Row<'_> {
    fn median(&self, part: fn(&Sample) -> f64) -> f64 {
        median(&self.samples.iter().map(part).collect::<Vec<_>>())
    }

    fn interval(&self) -> String {
        self.interval.map_or("too few".to_owned(), |(from, to)| format!("{from:.3}–{to:.3}"))
    }

    /// Whether the server had no time left.
    fn is_held_up(&self) -> bool {
        self.median(|one| one.server_busy) > BUSY_MAX
    }

    fn verdict(&self) -> (bool, &'static str) {
        match (self.limit, self.interval) {
            (None, _) => (true, "–"),
            (Some(_), None) => (false, "? too few rounds"),
            (Some(limit), Some((_, to))) if to <= limit.reach => (true, "✓ reached"),
            (Some(limit), Some((_, to))) if to <= limit.gate => (true, "✓ holds"),
            _ => (false, "✗ exceeds"),
        }
    }
}
