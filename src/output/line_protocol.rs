//! `InfluxDB`'s line protocol: `measurement,tag=value field=number,field=number time`, a line a series and second.
//!
//! In names and tags `,`, `=` and blanks are escaped by a backslash. A line break can't be, and becomes a blank; nor can a
//! backslash at the end, which would escape the sign behind it, and is left out.

use std::fmt::Write as _;

use super::fields::{Field, Number, Units, fields};
use crate::metrics::Series;
use crate::results::PlayedSecond;

/// The tag that tells scripts apart which are played at the same time.
const SCRIPT_TAG: &str = "script";

/// Lines of a second, each with its line break.
pub(super) fn lines<'a>(
    second: &'a PlayedSecond,
    units: &'a Units,
    script_name: &'a str,
) -> impl Iterator<Item = String> + 'a {
    second.delta.iter().map(move |series| line(second, series, units, script_name))
}

fn line(second: &PlayedSecond, series: &Series, units: &Units, script_name: &str) -> String {
    let mut line = escaped(&series.metric, &[',', ' ']);
    let own = series.tags.get(SCRIPT_TAG).is_none().then_some((SCRIPT_TAG, script_name));
    // Sorted by the tag, as the database wants them for speed.
    let mut tags: Vec<(&str, &str)> = series.tags.iter().chain(own).collect();
    tags.sort_unstable();
    for (tag, value) in tags {
        // The database drops points that have a tag of this name.
        let tag = if tag == "time" { "time_" } else { tag };
        let [tag, value] = [tag, value].map(|text| escaped(text, &[',', '=', ' ']));
        if !tag.is_empty() && !value.is_empty() {
            let _ = write!(line, ",{tag}={value}");
        }
    }
    let fields = fields(&series.value, units.unit(&series.metric));
    for (index, field) in fields.iter().enumerate() {
        line.push(if index == 0 { ' ' } else { ',' });
        let _ = write!(line, "{}={}", field.key(), number(field));
    }
    let _ = writeln!(line, " {}", second.end_unix_ms);
    line
}

/// Whole numbers are signed ones of 64 bits, with an `i`.
fn number(field: &Field) -> String {
    match field.number {
        Number::Whole(number) => {
            i64::try_from(number).map_or_else(|_| (number as f64).to_string(), |number| format!("{number}i"))
        }
        Number::Real(number) => number.to_string(),
    }
}

fn escaped(text: &str, special: &[char]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.trim_end_matches('\\').chars() {
        match c {
            '\n' | '\r' => escaped.push_str(if special.contains(&' ') { "\\ " } else { " " }),
            _ => {
                if special.contains(&c) {
                    escaped.push('\\');
                }
                escaped.push(c);
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
