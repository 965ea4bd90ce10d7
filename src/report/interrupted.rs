//! Iterations that were cut, with how long they had run: the slowest ones of a run are often among them.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::results::{Interrupted, Summary};
use crate::units::{format_count, format_latency_us};

use super::paint::clean;

/// Lines that are shown; the rest is counted.
const LINES_MAX: usize = 5;

/// The lines; none where nothing was cut.
pub(super) fn lines(summary: &Summary) -> Vec<String> {
    let list = &summary.interrupted;
    let time = |age: Duration| format_latency_us(age.as_secs_f64() * 1e6);
    let mut lines: Vec<String> = list
        .iter()
        .take(LINES_MAX)
        .map(|cut| {
            let place = cut.place.as_deref().map(|place| format!(" at {}", clean(place))).unwrap_or_default();
            let ages = match cut.count {
                1 => format!("after {}", time(cut.oldest)),
                count => {
                    let mean = time(cut.sum / u32::try_from(count).unwrap_or(u32::MAX));
                    format!("the oldest after {}, on average after {mean}", time(cut.oldest))
                }
            };
            format!("  {} × {}{place}, {ages}", format_count(cut.count), clean(&cut.scenario))
        })
        .collect();
    if list.len() > LINES_MAX {
        let more: u64 = list[LINES_MAX..].iter().map(|cut| cut.count).sum();
        lines.push(format!("  +{} more", format_count(more)));
    }
    if !lines.is_empty() {
        lines.push("  what they would have taken is in no figure".to_owned());
    }
    lines
}

/// The same for programs: `{ "scenario", "place", "count", "oldest_us", "mean_us" }`.
pub(super) fn json(cut: &Interrupted) -> Json {
    let us = |age: Duration| u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
    json!({
        "scenario": cut.scenario,
        "place": cut.place,
        "count": cut.count,
        "oldest_us": us(cut.oldest),
        "mean_us": us(cut.sum) / cut.count.max(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn cut_iterations_have_a_place_a_number_and_an_age() {
        let cut = |place: Option<&str>, count: u64, oldest_ms: u64| Interrupted {
            scenario: "buy".into(),
            place: place.map(str::to_owned),
            count,
            oldest: Duration::from_millis(oldest_ms),
            sum: Duration::from_millis(oldest_ms * count / 2),
        };
        let mut interrupted = vec![cut(Some("buy.rhai:6:9"), 12, 4_000), cut(None, 1, 250)];
        let shown = |list: &[Interrupted]| {
            lines(&Summary { interrupted: list.to_vec(), ..Summary::uneventful() }).join("\n")
        };
        insta::assert_snapshot!(shown(&interrupted), @r"
          12 × buy at buy.rhai:6:9, the oldest after 4.00s, on average after 2.00s
          1 × buy, after 250ms
          what they would have taken is in no figure
        ");
        interrupted.extend((0..9).map(|_| cut(Some("a:1:1"), 2, 100)));
        assert!(shown(&interrupted).contains("  +12 more"), "{}", shown(&interrupted));
        assert_eq!(shown(&[]), "");
    }
}
