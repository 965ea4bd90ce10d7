//! Iterations that were cut, with how long they had run: the slowest ones of a run are often among them.

use crate::units::{format_count, format_latency_us};

use super::super::paint::clean;
use super::Page;

/// Lines that are shown; the rest is counted.
const LINES_MAX: usize = 5;

impl Page<'_> {
    pub(super) fn interrupted(&mut self) -> Vec<String> {
        let list = &self.summary.interrupted;
        let time = |age: std::time::Duration| format_latency_us(age.as_secs_f64() * 1e6);
        let mut lines: Vec<String> = list
            .iter()
            .take(LINES_MAX)
            .map(|cut| {
                let place =
                    cut.place.as_deref().map(|place| format!(" at {}", clean(place))).unwrap_or_default();
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
}
