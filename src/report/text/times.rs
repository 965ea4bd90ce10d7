//! Service and response time beside each other.

use crate::metrics::{TIMES, Value};

use super::super::figure;
use super::super::paint::{columns, left, right};
use super::Page;

impl Page<'_> {
    /// What the service took and what somebody waited for it, beside each other: their difference is what a
    /// generator that measures the service time alone would hide.
    pub(super) fn times(&mut self) -> Vec<String> {
        let trend = |name: &str| match self.summary.metric(name).map(|total| &total.value) {
            Some(Some(Value::Trend(trend))) if trend.count() > 0 => Some(trend),
            _ => None,
        };
        let mut rows = Vec::new();
        for (service, response) in TIMES {
            if let (Some(from), Some(to)) = (trend(service), trend(response)) {
                let noun =
                    service.strip_suffix("_duration").unwrap_or(service).replace("http_req", "request");
                rows.push((noun, "service", from));
                rows.push((String::new(), "response", to));
            }
        }
        if rows.is_empty() {
            return Vec::new();
        }
        let mut table = vec![["med", "p(95)", "p(99)", "p(99.9)", "max"].map(str::to_owned)];
        let mut names = vec![String::new()];
        for (noun, side, trend) in rows {
            let figures = figure::tail(trend, &mut self.signs);
            let intervals = figure::tail_intervals(trend, &figures, &mut self.signs);
            names.push(format!("{}{side}", left(&noun, 11)));
            table.push(figures);
            if let Some(intervals) = intervals {
                names.push(right("95 %", 19));
                table.push(intervals);
            }
        }
        let widths: [usize; 5] =
            std::array::from_fn(|at| table.iter().map(|cells| columns(&cells[at])).max().unwrap_or(0));
        let line = |(name, cells): (String, &[String; 5])| {
            let cells = cells.iter().zip(widths).map(|(cell, width)| format!("  {}", right(cell, width)));
            format!("    {}{}", left(&name, 19), cells.collect::<String>()).trim_end().to_owned()
        };
        names.into_iter().zip(&table).map(line).collect()
    }
}
