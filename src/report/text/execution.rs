//! Iterations and users, scenario by scenario.

use crate::results::{Books, ScenarioLine};
use crate::units::{format_count, format_rate};

use super::super::paint::{left, widest};
use super::{CELL_COLUMNS_MAX, Kin, Page, Row, is_silent, kin};

/// Loads in words are longer than names: a cap, a queue, a start after another scenario.
const DEMAND_COLUMNS_MAX: usize = 80;

impl Page<'_> {
    pub(super) fn execution(&mut self) -> Vec<String> {
        let summary = self.summary;
        let books = summary.books();
        let mut rows = Vec::new();
        if !summary.scenarios.is_empty() {
            // The books, not the metric of that name: they also know what the stop cut. They know of no warm-up.
            let completed = match &summary.warm_up {
                Some(warm_up) => warm_up.after.iterations,
                None => books.ok + books.failed,
            };
            let rate = summary.per_second(completed as f64).map(format_rate);
            let mut cells: Vec<String> = std::iter::once(format_count(completed)).chain(rate).collect();
            if books.failed + books.interrupted + books.dropped > 0 && summary.warm_up.is_none() {
                cells.push(outcome(books).join("  "));
            }
            rows.push(Row { name: "iterations", kind: None, cells });
        }
        for total in &summary.metrics {
            let name = &*total.metric.name;
            if kin(name) == Kin::Execution && name != "iterations" && !is_silent(total) {
                rows.push(self.row(total));
            }
        }
        let mut lines = self.lay_out(rows);
        if summary.scenarios.len() > 1 || summary.warm_up.is_some() {
            lines.push(String::new());
            let title = match summary.warm_up {
                Some(_) => "    by scenario, the warm-up included",
                None => "    by scenario",
            };
            lines.push(title.to_owned());
            lines.extend(scenario_lines(&summary.scenarios));
        }
        lines
    }
}

/// `398 ok`, and what else there is.
fn outcome(books: Books) -> Vec<String> {
    let others = [(books.failed, "failed"), (books.interrupted, "interrupted"), (books.dropped, "dropped")];
    let others = others.into_iter().filter(|(count, _)| *count > 0);
    let all = std::iter::once((books.ok, "ok")).chain(others);
    all.map(|(count, what)| format!("{} {what}", format_count(count))).collect()
}

fn scenario_lines(scenarios: &[ScenarioLine]) -> impl Iterator<Item = String> {
    let name = widest(scenarios.iter().map(|line| &*line.name), CELL_COLUMNS_MAX);
    let demand = widest(scenarios.iter().map(|line| &*line.demand), DEMAND_COLUMNS_MAX);
    let line = move |line: &ScenarioLine| {
        let threw = match line.threw {
            0 => String::new(),
            threw => format!("  ({} threw)", format_count(threw)),
        };
        let outcome = outcome(line.books).join("  ");
        format!("    {}  {}  {outcome}{threw}", left(&line.name, name), left(&line.demand, demand))
    };
    scenarios.iter().map(line)
}
