//! The requests, name by name.

use std::borrow::Cow;

use crate::metrics::Unit;
use crate::results::Endpoint;
use crate::units::format_count;

use super::super::figure;
use super::super::paint::{clean, columns, cut, left, right};
use super::Page;

/// An endpoint's name gets at least this much, however narrow the terminal.
const ENDPOINT_COLUMNS_MIN: usize = 16;

/// Endpoints in the table: those with most requests; the rest is counted.
const ENDPOINTS_MAX: usize = 20;

impl Page<'_> {
    pub(super) fn endpoints(&mut self) -> Vec<String> {
        let endpoints = &self.summary.endpoints;
        if endpoints.len() < 2 {
            return Vec::new();
        }
        let shown = &endpoints[..endpoints.len().min(ENDPOINTS_MAX)];
        let head = ["reqs", "failed", "avg", "med", "p(95)", "max"].map(Cow::Borrowed);
        let mut table = vec![head];
        table.extend(shown.iter().map(|endpoint| self.endpoint(endpoint).map(Cow::Owned)));
        let widths: [usize; 6] =
            std::array::from_fn(|at| table.iter().map(|cells| columns(&cells[at])).max().unwrap_or(0));
        let names: Vec<String> = shown.iter().map(|endpoint| clean(&endpoint.name)).collect();
        let names = std::iter::once("by endpoint").chain(names.iter().map(String::as_str));
        let others: usize = widths.iter().map(|width| width + 2).sum();
        let room = self.style.width.saturating_sub(others + 4).max(ENDPOINT_COLUMNS_MIN);
        let width = names.clone().map(columns).max().unwrap_or(0).min(room);
        let mut lines: Vec<String> = vec![String::new()];
        for (name, cells) in names.zip(&table) {
            let cells = cells.iter().zip(widths).map(|(cell, width)| format!("  {}", right(cell, width)));
            lines.push(format!("    {}{}", left(&cut(name, width), width), cells.collect::<String>()));
        }
        if endpoints.len() > shown.len() {
            lines.push(format!("    +{} more", format_count((endpoints.len() - shown.len()) as u64)));
        }
        lines
    }

    fn endpoint(&mut self, endpoint: &Endpoint) -> [String; 6] {
        let (trend, signs) = (&endpoint.duration, &mut self.signs);
        [
            format_count(endpoint.requests),
            figure::percent(endpoint.failed, endpoint.requests),
            figure::average(trend, Unit::Time, signs),
            figure::median(trend, Unit::Time, signs),
            figure::percentile(trend, 95.0, Unit::Time, signs),
            figure::quantile(trend.max(), Unit::Time, signs),
        ]
    }
}
