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
        table.extend(rows.iter().map(|(.., trend)| figure::tail(trend, &mut self.signs)));
        let widths: [usize; 5] =
            std::array::from_fn(|at| table.iter().map(|cells| columns(&cells[at])).max().unwrap_or(0));
        let names = std::iter::once(String::new())
            .chain(rows.iter().map(|(noun, side, _)| format!("{}{side}", left(noun, 11))));
        let line = |(name, cells): (String, &[String; 5])| {
            let cells = cells.iter().zip(widths).map(|(cell, width)| format!("  {}", right(cell, width)));
            format!("    {}{}", left(&name, 19), cells.collect::<String>())
        };
        names.zip(&table).map(line).collect()
    }
}
