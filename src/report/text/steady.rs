//! What of the load the figures are of: the warm-up that is left out, and when the service became steady.

use crate::results::{Steadiness, Stretch, Unknown};
use crate::units::{format_count, format_duration, format_latency_us, format_percent};

use super::super::figure;
use super::Page;
use crate::metrics::{Trend, Unit};

/// Disturbances that are named.
const DISTURBED_MAX: usize = 3;

impl Page<'_> {
    pub(super) fn steadiness(&mut self) -> Vec<String> {
        let mut lines = self.warm_up();
        if let Some(steadiness) = &self.summary.steadiness {
            lines.push(format!("  {}", told(steadiness)));
        }
        lines
    }

    /// What is left out, with its figures beside those that count.
    fn warm_up(&mut self) -> Vec<String> {
        let Some(warm_up) = &self.summary.warm_up else { return Vec::new() };
        let length = format_duration(warm_up.elapsed);
        let mut lines = vec![format!(
            "  the first {length} are left out of all figures and targets (warm-up); a sample belongs to the second in which it falls"
        )];
        if !warm_up.is_over {
            let asked = format_duration(warm_up.length);
            lines.push(format!(
                "  {} the load was over within its warm-up of {asked}: nothing was measured",
                self.style.mark(false)
            ));
        }
        let rows = [("warm-up", &warm_up.before), ("measured", &warm_up.after)];
        let mut table: Vec<[String; 5]> = Vec::new();
        for (name, part) in rows {
            table.push([
                name.to_owned(),
                format!("{} requests", format_count(part.requests)),
                format!("{} failed", format_count(part.failed)),
                self.quantile("med", &part.times, 50.0),
                self.quantile("p(95)", &part.times, 95.0),
            ]);
        }
        let width = |at: usize| table.iter().map(|cells| super::columns(&cells[at])).max().unwrap_or(0);
        let widths: [usize; 5] = std::array::from_fn(width);
        lines.extend(table.iter().map(|cells| {
            let cells = cells.iter().zip(widths).map(|(cell, width)| super::left(cell, width));
            format!("    {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
        }));
        let ended = [warm_up.before.iterations, warm_up.after.iterations].map(format_count);
        lines.push(format!(
            "    books, which are of the whole load: {} iterations ended in the warm-up, {} after it",
            ended[0], ended[1]
        ));
        lines
    }

    fn quantile(&mut self, name: &str, times: &Trend, percent: f64) -> String {
        let shown = match percent {
            50.0 => figure::median(times, Unit::Time, &mut self.signs),
            _ => figure::percentile(times, percent, Unit::Time, &mut self.signs),
        };
        format!("{name} {shown}")
    }
}

/// The finding in a sentence.
fn told(steadiness: &Steadiness) -> String {
    match steadiness {
        Steadiness::Steady { since, before_us: None, disturbed, stretch, .. } => {
            debug_assert!(since.is_zero());
            format!("steady from the start{}{}", of(*stretch), disturbances(disturbed))
        }
        Steadiness::Steady { since, before_us: Some(before_us), after_us, disturbed, stretch } => {
            let [before, after] = [*before_us, *after_us].map(|us| format_latency_us(us as f64));
            let from = format_duration(stretch.begin.saturating_add(*since));
            let advice = match stretch.begin.is_zero() {
                true => format!("; `--warm-up {from}` leaves that out"),
                false => String::new(),
            };
            format!(
                "steady from {from} on{}: before it the median was {before}, since then {after}{advice}{}",
                of(*stretch),
                disturbances(disturbed)
            )
        }
        Steadiness::Drifting { change, stretch } => {
            let (verb, by) = if *change > 0.0 { ("rose", *change) } else { ("fell", -*change) };
            format!(
                "never steady: response times {verb} by {} until the end{}",
                format_percent(by),
                of(*stretch)
            )
        }
        Steadiness::Restless { last_change, stretch } => format!(
            "never steady: response times still changed at {}, {} before the end{}",
            format_duration(*last_change),
            format_duration(stretch.end.saturating_sub(*last_change)),
            of(*stretch)
        ),
        Steadiness::Unknown(Unknown::TooShort { seconds, needed }) => {
            let noun = if *seconds == 1 { "second" } else { "seconds" };
            format!("too short to say whether it was steady: {seconds} whole {noun}, {needed} are needed")
        }
        Steadiness::Unknown(Unknown::LoadChanges { longest, needed }) => format!(
            "whether it was steady can't be said: the load changed, and {longest} s is its longest stretch under one load ({needed} s are needed)"
        ),
        Steadiness::Unknown(Unknown::Silent) => {
            "whether it was steady can't be said: too many seconds had no answer".to_owned()
        }
    }
}

/// Which part of the run was looked at, unless it is all of it.
fn of(stretch: Stretch) -> String {
    if stretch.is_all {
        return String::new();
    }
    let [begin, end] = [stretch.begin, stretch.end].map(format_duration);
    format!(" (of {begin} to {end}, the longest stretch under one load)")
}

fn disturbances(disturbed: &[std::ops::Range<std::time::Duration>]) -> String {
    if disturbed.is_empty() {
        return String::new();
    }
    let one = |range: &std::ops::Range<std::time::Duration>| {
        format!("{} to {}", format_duration(range.start), format_duration(range.end))
    };
    let mut named: Vec<String> = disturbed.iter().take(DISTURBED_MAX).map(one).collect();
    if disturbed.len() > DISTURBED_MAX {
        named.push(format!("{} more", disturbed.len() - DISTURBED_MAX));
    }
    format!(", but for {}", named.join(", "))
}
