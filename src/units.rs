//! Durations, sizes, rates and percentages: parse, print, round.
//!
//! The single place that turns a quantity into text or back, and the only one that rounds. Parsing
//! is exact (integers, never floats, for durations and sizes), and what [`format_duration`] prints
//! [`parse_duration`] reads back unchanged. Text for people carries three significant digits.

use std::fmt;
use std::time::Duration;

/// A quantity that could not be read: the text, what is wrong with it, and how to write it instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", self.problem(), self.advice())]
pub struct UnitError {
    text: String,
    fault: Fault,
    example: String,
}

/// What is wrong with a quantity's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Empty,
    NoUnit,
    NoNumber,
    UnknownUnit,
    Negative,
    TooLarge,
    TooFine,
    Order,
    NoPeriod,
    NoPercent,
}

impl UnitError {
    /// What is wrong, without the advice: "`30` has no unit".
    pub fn problem(&self) -> String {
        let text = &self.text;
        match self.fault {
            Fault::Empty => "the text is empty".to_string(),
            Fault::NoUnit => format!("`{text}` has no unit"),
            Fault::NoNumber => format!("`{text}` has no number before the unit"),
            Fault::UnknownUnit => format!("`{text}` has an unknown unit"),
            Fault::Negative => format!("`{text}` is negative"),
            Fault::TooLarge => format!("`{text}` is too large"),
            Fault::TooFine => format!("`{text}` is finer than the smallest unit"),
            Fault::Order => format!("`{text}` does not go from the larger unit to the smaller"),
            Fault::NoPeriod => format!("`{text}` names no period"),
            Fault::NoPercent => format!("`{text}` has no percent sign"),
        }
    }

    /// What to write instead: "write "30s" or "30ms"".
    pub fn advice(&self) -> String {
        format!("write {}", self.example)
    }
}

/// Nanoseconds of one unit, from the largest; the spellings that a script may use.
const DURATION_UNITS: &[(u128, &[&str])] = &[
    (86_400_000_000_000, &["d"]),
    (3_600_000_000_000, &["h"]),
    (60_000_000_000, &["m"]),
    (1_000_000_000, &["s"]),
    (1_000_000, &["ms"]),
    (1_000, &["µs", "us", "μs"]), // the micro sign, ASCII, and the Greek letter
    (1, &["ns"]),
];

/// Bytes of one unit; SI and binary.
const SIZE_UNITS: &[(u128, &[&str])] = &[
    (1, &["B"]),
    (1_000, &["KB", "kB"]),
    (1_000_000, &["MB"]),
    (1_000_000_000, &["GB"]),
    (1_000_000_000_000, &["TB"]),
    (1 << 10, &["KiB", "kiB"]),
    (1 << 20, &["MiB"]),
    (1 << 30, &["GiB"]),
    (1 << 40, &["TiB"]),
];

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Reads a duration with its unit: `30s`, `250ms`, `1h30m`, `1.5s`, `100us`, `2d`.
///
/// A bare number is an error, since nobody can tell seconds from milliseconds.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    parse(text, read_duration, &["s", "ms"], "a duration such as \"30s\", \"250ms\" or \"1h30m\"")
}

fn read_duration(text: &str) -> Result<Duration, Fault> {
    let mut rest = text;
    let mut total: u128 = 0;
    let mut smallest = u128::MAX;
    while !rest.is_empty() {
        let (number, after) = Number::split(rest)?;
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let nanos = find_unit(DURATION_UNITS, unit)?;
        if nanos >= smallest {
            return Err(Fault::Order);
        }
        smallest = nanos;
        total = total.checked_add(number.times(nanos)?).ok_or(Fault::TooLarge)?;
        rest = next;
    }
    let seconds = u64::try_from(total / NANOS_PER_SECOND).map_err(|_| Fault::TooLarge)?;
    let nanos = u32::try_from(total % NANOS_PER_SECOND).expect("a remainder below 10^9 fits");
    Ok(Duration::new(seconds, nanos))
}

/// Prints a duration exactly: `1h30m`, `250ms`, `1.5s`, `0s`.
pub fn format_duration(duration: Duration) -> String {
    let total = duration.as_nanos();
    if total == 0 {
        return "0s".to_string();
    }
    if total < NANOS_PER_SECOND {
        let (scale, names) = *DURATION_UNITS
            .iter()
            .find(|(scale, _)| total >= *scale)
            .expect("one nanosecond is the smallest");
        return format!("{}{}", decimal(total, scale), names[0]);
    }
    let mut parts = Vec::new();
    let mut rest = total;
    for (scale, names) in &DURATION_UNITS[..3] {
        if rest >= *scale {
            parts.push(format!("{}{}", rest / scale, names[0]));
            rest %= scale;
        }
    }
    if rest > 0 {
        parts.push(format!("{}s", decimal(rest, NANOS_PER_SECOND)));
    }
    parts.concat()
}

/// Prints a latency, given in microseconds, with three significant digits: `182µs`, `2.41ms`, `1.20s`, `1m30s`.
pub fn format_latency_us(us: f64) -> String {
    if !us.is_finite() {
        return "–".to_string();
    }
    if us < 0.0 {
        return format!("-{}", format_latency_us(-us));
    }
    if us == 0.0 {
        return "0µs".to_string();
    }
    if let Some((digits, unit)) = scaled(us, &[(1e-3, "ns"), (1.0, "µs"), (1e3, "ms")]) {
        return format!("{digits}{unit}");
    }
    let seconds = us / 1e6;
    let digits = format_significant(seconds);
    if shows_less_than(&digits, 60.0) {
        return format!("{digits}s");
    }
    // From a minute on whole seconds, from an hour on whole minutes.
    if seconds.round() < 3600.0 {
        format_duration(Duration::try_from_secs_f64(seconds.round()).unwrap_or(Duration::MAX))
    } else {
        let minutes = (seconds / 60.0).round() * 60.0;
        format_duration(Duration::try_from_secs_f64(minutes).unwrap_or(Duration::MAX))
    }
}

/// Prints ascending latencies of one column, given in microseconds: in the unit of the largest, with as many
/// decimals as tell neighbours apart by two digits.
pub fn format_latencies_us(us: &[f64]) -> Vec<String> {
    let largest = us.last().copied().unwrap_or(0.0);
    let step = us.windows(2).map(|pair| pair[1] - pair[0]).fold(largest, f64::min);
    // A microsecond is the finest that is measured.
    let (factor, unit, finest) = match largest {
        _ if largest < 1e3 => (1.0, "µs", 0),
        _ if largest < 1e6 => (1e3, "ms", 3),
        _ => (1e6, "s", 6),
    };
    let mut shown = step / factor;
    let mut decimals = 0;
    while decimals < finest && shown < 10.0 {
        shown *= 10.0;
        decimals += 1;
    }
    us.iter().map(|us| format!("{:.decimals$}{unit}", us / factor)).collect()
}

/// Reads a size in bytes, SI or binary: `512B`, `10MB`, `1.5GiB`.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    parse(text, read_size, &["B", "MB"], "a size such as \"512B\", \"10MB\" or \"10MiB\"")
}

fn read_size(text: &str) -> Result<u64, Fault> {
    let (number, unit) = Number::split(text)?;
    let bytes = find_unit(SIZE_UNITS, unit.trim_start())?;
    u64::try_from(number.times(bytes)?).map_err(|_| Fault::TooLarge)
}

/// Prints a size, given in bytes, in SI units with three significant digits: `12.3 MB`; whole bytes below 1 KB.
pub fn format_size(bytes: f64) -> String {
    if !bytes.is_finite() {
        return "–".to_string();
    }
    if bytes < 0.0 {
        return format!("-{}", format_size(-bytes));
    }
    if bytes.round() < 1000.0 {
        return if bytes.fract() == 0.0 {
            format!("{bytes:.0} B")
        } else {
            format!("{} B", format_significant(bytes))
        };
    }
    if let Some((digits, unit)) = scaled(bytes, &[(1e3, "KB"), (1e6, "MB"), (1e9, "GB")]) {
        return format!("{digits} {unit}");
    }
    format!("{} TB", format_significant(bytes / 1e12))
}

/// Reads a rate and returns it per second: `200/s`, `12000/m`, `1.5/h`, `50/30s`.
pub fn parse_rate(text: &str) -> Result<f64, UnitError> {
    parse_rate_per(text).map(|(count, period)| count / period.as_secs_f64())
}

/// Reads a rate and returns it as it is written, a number and what that is per: `50/30s` is 50 and 30 s.
pub fn parse_rate_per(text: &str) -> Result<(f64, Duration), UnitError> {
    parse(text, read_rate, &["/s", "/m"], "a rate such as \"200/s\" or \"12000/m\"")
}

fn read_rate(text: &str) -> Result<(f64, Duration), Fault> {
    let (count, period) = text.split_once('/').ok_or(Fault::NoPeriod)?;
    let count = plain_number(count.trim_end())?;
    let period = period.trim_start();
    let period = match period.chars().next() {
        None => return Err(Fault::NoPeriod),
        Some(first) if first.is_ascii_digit() => read_duration(period),
        Some(_) => read_duration(&format!("1{period}")),
    };
    let period = period.map_err(|_| Fault::UnknownUnit)?;
    if (count / period.as_secs_f64()).is_finite() { Ok((count, period)) } else { Err(Fault::TooLarge) }
}

/// Prints a rate, given per second, with three significant digits: `4.17/s`.
pub fn format_rate(per_second: f64) -> String {
    format!("{}/s", format_significant(per_second))
}

/// Joins two printed numbers of one quantity: `184–191ms`, `990µs–1.02ms`; with nothing known above the upper one
/// `12.1ms – > 30.0s`, or `> 30.0s` where both are the same.
pub fn format_range(low: &str, high: &str, high_is_least: bool) -> String {
    if high_is_least {
        return if low == high { format!("> {high}") } else { format!("{low} – > {high}") };
    }
    let (number, unit) = low.split_at(unit_of(low));
    if unit == &high[unit_of(high)..] { format!("{number}–{high}") } else { format!("{low}–{high}") }
}

/// Where the unit begins in a printed number.
fn unit_of(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit() && !".,-".contains(c)).unwrap_or(text.len())
}

/// Prints an amount that need not be whole, such as a planned rate: whole ones, and all from a thousand on, as a count
/// with the thousands apart, others with three significant digits.
pub fn format_amount(amount: f64) -> String {
    let is_count = amount.fract() == 0.0 || amount >= 1_000.0;
    if !is_count || !(0.0..1e18).contains(&amount) {
        return format_significant(amount);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 and 1e18")]
    format_count(amount.round() as u64)
}

/// Reads a percentage as a share: `80%` is 0.8. More than 100 % is allowed.
pub fn parse_percent(text: &str) -> Result<f64, UnitError> {
    parse(text, read_percent, &["%"], "a percentage such as \"80%\"")
}

fn read_percent(text: &str) -> Result<f64, Fault> {
    let number = text.strip_suffix('%').ok_or(Fault::NoPercent)?;
    Ok(plain_number(number.trim_end())? / 100.0)
}

/// Prints a share as a percentage with two decimals: 0.9993 is `99.93%`.
///
/// Only a share of exactly 1 prints `100.00%` and only exactly 0 prints `0.00%`: one failure in a million
/// shows as `>99.99%`, never as perfection.
pub fn format_percent(share: f64) -> String {
    if !share.is_finite() {
        return "–".to_string();
    }
    let text = format!("{:.2}%", share * 100.0);
    match text.as_str() {
        "100.00%" if share < 1.0 => ">99.99%".to_string(),
        "100.00%" if share > 1.0 => "100.01%".to_string(),
        "0.00%" if share > 0.0 => "<0.01%".to_string(),
        "-0.00%" => "0.00%".to_string(),
        _ => text,
    }
}

/// Prints a count with its thousands apart: `1,234,567`.
pub fn format_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Prints three significant digits without an exponent: `0.00123`, `1.20`, `45.7`; whole digits are never cut.
pub fn format_significant(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_string();
    }
    if value == 0.0 {
        return "0".to_string();
    }
    // Rounding comes first: 9.996 has one digit before the point, but prints as 10.0.
    let rounded = format!("{value:.2e}");
    let exponent = rounded.rsplit_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok());
    let decimals = 2 - exponent.expect("`{:e}` prints an exponent");
    format!("{value:.*}", usize::try_from(decimals).unwrap_or(0))
}

/// The value in the first unit that shows fewer than a thousand of it, so that what rounds to 1000
/// belongs to the next one. Each unit comes with its factor, the smallest first.
fn scaled(value: f64, units: &[(f64, &'static str)]) -> Option<(String, &'static str)> {
    let shown = |(factor, unit): &(f64, &'static str)| (format_significant(value / factor), *unit);
    units.iter().map(shown).find(|(digits, _)| shows_less_than(digits, 1000.0))
}

fn shows_less_than(digits: &str, limit: f64) -> bool {
    digits.parse::<f64>().is_ok_and(|shown| shown < limit)
}

/// A decimal number as written: digits and how many of them stand behind the point.
struct Number {
    digits: u128,
    decimals: u32,
}

impl Number {
    /// More digits than any quantity here needs, few enough for `u128` arithmetic.
    const DIGITS_MAX: usize = 24;

    /// Splits the leading number off a text.
    fn split(text: &str) -> Result<(Number, &str), Fault> {
        if text.starts_with('-') {
            return Err(Fault::Negative);
        }
        let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
        let (number, rest) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
            return Err(Fault::NoNumber);
        }
        let fraction = fraction.trim_end_matches('0');
        let written = format!("{whole}{fraction}");
        if written.trim_start_matches('0').len() > Number::DIGITS_MAX || fraction.len() > Number::DIGITS_MAX {
            return Err(if fraction.len() > Number::DIGITS_MAX { Fault::TooFine } else { Fault::TooLarge });
        }
        let digits = if written.is_empty() { 0 } else { written.parse().map_err(|_| Fault::TooLarge)? };
        let decimals = u32::try_from(fraction.len()).expect("at most DIGITS_MAX");
        Ok((Number { digits, decimals }, rest))
    }

    /// The number times a unit, exactly.
    fn times(&self, unit: u128) -> Result<u128, Fault> {
        let scale = 10u128.pow(self.decimals);
        let product = self.digits.checked_mul(unit).ok_or(Fault::TooLarge)?;
        if product % scale == 0 { Ok(product / scale) } else { Err(Fault::TooFine) }
    }
}

/// Units as people write them out, by how they begin.
const WORDS: [(&str, &str); 8] = [
    ("milli", "ms"),
    ("msec", "ms"),
    ("micro", "us"),
    ("sec", "s"),
    ("min", "m"),
    ("hour", "h"),
    ("hr", "h"),
    ("day", "d"),
];

/// `10 minutes`, as it is written here: `"10m"`.
fn in_words(text: &str) -> Option<String> {
    let at = text.find(char::is_alphabetic)?;
    let (number, unit) = (text[..at].trim_end(), text[at..].to_lowercase());
    number.parse::<f64>().ok()?;
    let (_, short) = WORDS.iter().find(|(word, _)| unit.starts_with(word))?;
    Some(format!("\"{number}{short}\""))
}

/// Reads a text that isn't empty. The advice on a bare number is that number with the units it may
/// lack, on anything else the example.
fn parse<T>(
    text: &str,
    read: impl Fn(&str) -> Result<T, Fault>,
    lacking: &[&str],
    example: &str,
) -> Result<T, UnitError> {
    let text = text.trim();
    let result = if text.is_empty() { Err(Fault::Empty) } else { read(text) };
    result.map_err(|fault| {
        let example = match text.parse::<f64>() {
            _ if fault == Fault::UnknownUnit && in_words(text).is_some() => {
                in_words(text).unwrap_or_default()
            }
            Ok(number) if number >= 0.0 => {
                let completed: Vec<_> = lacking.iter().map(|unit| format!("\"{text}{unit}\"")).collect();
                completed.join(" or ")
            }
            _ => example.to_string(),
        };
        UnitError { text: text.to_string(), fault, example }
    })
}

fn find_unit(units: &[(u128, &[&str])], unit: &str) -> Result<u128, Fault> {
    if unit.is_empty() {
        return Err(Fault::NoUnit);
    }
    units.iter().find(|(_, names)| names.contains(&unit)).map(|(scale, _)| *scale).ok_or(Fault::UnknownUnit)
}

fn plain_number(text: &str) -> Result<f64, Fault> {
    let (_, rest) = Number::split(text)?;
    if !rest.is_empty() {
        return Err(Fault::UnknownUnit);
    }
    text.parse().map_err(|_| Fault::NoNumber)
}

/// `value / scale` as an exact decimal; `scale` is a power of ten.
fn decimal(value: u128, scale: u128) -> String {
    let (whole, fraction) = (value / scale, value % scale);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = scale.ilog10() as usize;
    let fraction = format!("{fraction:0width$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// Writes a `Duration` field as its text (`#[serde(with = "crate::units::duration_text")]`), so that a
/// plan printed as JSON reads as its author wrote it.
pub mod duration_text {
    use super::{Duration, DurationText, format_duration};
    use serde::{Deserializer, Serializer};

    /// Serialises as `"1h30m"`.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_duration(*duration))
    }

    /// Reads what [`serialize`] wrote.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        deserializer.deserialize_str(DurationText)
    }
}

struct DurationText;

impl serde::de::Visitor<'_> for DurationText {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration such as \"30s\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Duration, E> {
        parse_duration(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests;
