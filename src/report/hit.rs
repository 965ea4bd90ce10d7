//! The result of `runner hit`: what oha prints, in its order, with this program's figures.
//!
//! A success is an answer with a status from 200 to 399. Times are response times, from when a request was to be
//! sent (with a rate: from when it was due) to its last byte; the service's own time stands beside them where it
//! differs. What got no answer is in every percentile, as *at least*. The line `http_reqs:` is read by programs.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use crate::metrics::{Quantile, Trend, Unit, Value};
use crate::results::{Answer, Model, Reason, Summary, Verdict};
use crate::units::{
    format_amount, format_count, format_latencies_us, format_latency_us, format_percent, format_size,
};

use super::Style;
use super::example;
use super::figure::{self, Signs};
use super::headline::{self, duration};
use super::interrupted;
use super::method;
use super::paint::{clean, columns, left, right};
use super::steady;

/// Bars of the histogram, as in oha and hey.
const BARS: u64 = 11;

/// The longest bar.
const BAR_COLUMNS: u64 = 32;

/// oha's percentiles.
const PERCENTILES: [f64; 9] = [10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99];

/// Columns from a label to its figure.
const LABEL_COLUMNS: usize = 15;

/// A result to lay out.
#[derive(Clone, Copy)]
pub struct Hit<'a> {
    /// What was measured.
    pub summary: &'a Summary,
    /// The load in words.
    pub load: &'a str,
    /// What an error code means.
    pub explain: fn(u16) -> Option<&'static str>,
}

/// Requests whose response time lies above the bar before, and is at most this.
struct Bar {
    at_most_us: u64,
    requests: u64,
}

/// Between the fastest and the slowest answer, in equal steps of whole microseconds; fewer bars where the resolution
/// doesn't give more.
fn bars(trend: &Trend) -> Vec<Bar> {
    let answered = trend.answered();
    let (Some(min), Some(max)) = (answered.min(), answered.max()) else { return Vec::new() };
    let (min_us, span_us) = (min.value_us, max.value_us - min.value_us);
    let steps = span_us.clamp(1, BARS);
    let mut before = 0;
    let bar = |step| {
        let at_most_us = min_us + span_us * step / steps;
        let up_to = answered.at_most(at_most_us);
        Bar { at_most_us, requests: up_to - std::mem::replace(&mut before, up_to) }
    };
    (1..=steps).map(bar).collect()
}

impl Hit<'_> {
    /// For people. Ends in a newline.
    pub fn text(&self, style: Style) -> String {
        let summary = self.summary;
        let mut page = Page { hit: self, style, signs: Signs::default(), text: String::new() };
        if let Some(warning) = headline::warning(summary, style) {
            page.line(&format!("{warning}\n"));
        }
        page.line(&format!("{} · {}", style.heading(&clean(&summary.script_name)), self.load));
        page.summary();
        page.histogram();
        page.distribution();
        page.details();
        page.answers();
        page.interrupted();
        page.steadiness();
        page.examples();
        page.method();
        for lines in [page.signs.footnotes(), headline::findings(summary, style)] {
            if !lines.is_empty() {
                page.line("");
            }
            for line in lines {
                page.line(&format!("  {}", line.trim_start()));
            }
        }
        let verdict = self.verdict(style);
        page.line(&format!("\n{verdict}"));
        page.text
    }

    /// For programs: times as integers in microseconds. Keys stay.
    pub fn json(&self) -> Json {
        let summary = self.summary;
        let (failed, requests) = self.failed();
        let answers =
            |is_answer: bool| summary.answers.iter().filter(move |one| (one.status > 0) == is_answer);
        let statuses: Map<String, Json> =
            answers(true).map(|one| (one.status.to_string(), json!(one.requests))).collect();
        let errors: Vec<Json> = answers(false)
            .map(|one| json!({ "code": one.error_code, "about": self.about(one), "requests": one.requests }))
            .collect();
        let histogram: Vec<Json> = bars(&self.trend("http_req_response_time"))
            .iter()
            .map(|bar| json!({ "at_most_us": bar.at_most_us, "requests": bar.requests }))
            .collect();
        let books = summary.books();
        let (warm_up, steady) = steady::json(summary, times);
        let (verdict, reasons) = match summary.verdict() {
            Verdict::Passed => ("passed", Vec::new()),
            Verdict::Stopped => ("stopped", Vec::new()),
            Verdict::Failed(reasons) => ("failed", reasons),
            Verdict::Inconclusive(reasons) => ("inconclusive", reasons),
        };
        json!({
            "schema": 1,
            "verdict": verdict,
            "reasons": reasons.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "request": summary.script_name,
            "load": self.load,
            "requests": requests,
            "ok": requests - failed,
            "failed": failed,
            "cut": summary.requests_cut,
            "interrupted": summary.interrupted.iter().map(interrupted::json).collect::<Vec<_>>(),
            "warm_up": warm_up,
            "steady": steady,
            "dropped": books.dropped,
            "elapsed_us": u64::try_from(summary.elapsed.as_micros()).unwrap_or(u64::MAX),
            "requests_per_second": summary.per_second(requests as f64),
            "bytes_received": self.counter("data_received"),
            "bytes_sent": self.counter("data_sent"),
            "response_time": times(&self.trend("http_req_response_time")),
            "service_time": times(&self.trend("http_req_duration")),
            "service_time_ok": times(&summary.durations.ok),
            "service_time_failed": times(&summary.durations.failed),
            "lateness": times(&self.trend("iteration_lateness")),
            "dns_lookup": times(&self.trend("http_req_dns").above_zero()),
            "dialup": times(&self.trend("http_req_connecting").above_zero()),
            "first_byte": times(&self.trend("http_req_waiting")),
            "histogram": histogram,
            "statuses": statuses,
            "errors": errors,
            "method": method::json(summary),
            "findings": summary.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "warnings": summary.warnings,
            "examples": summary.examples.list.iter().map(example::json).collect::<Vec<_>>(),
            "failures_without_example": summary.examples.more,
        })
    }

    /// Failed requests, and all.
    fn failed(&self) -> (u64, u64) {
        match self.value("http_req_failed") {
            Some(Value::Rate { hits, total }) => (*hits, *total),
            _ => (0, 0),
        }
    }

    fn value(&self, metric: &str) -> Option<&Value> {
        self.summary.metric(metric)?.value.as_ref()
    }

    fn trend(&self, metric: &str) -> Trend {
        match self.value(metric) {
            Some(Value::Trend(trend)) => (**trend).clone(),
            _ => Trend::new(),
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count; saturates")]
    fn counter(&self, metric: &str) -> u64 {
        match self.value(metric) {
            Some(Value::Counter(sum)) => *sum as u64,
            _ => 0,
        }
    }

    fn about(&self, answer: &Answer) -> &'static str {
        (self.explain)(answer.error_code).unwrap_or("no answer")
    }

    /// The last line.
    fn verdict(&self, style: Style) -> String {
        let (failed, requests) = self.failed();
        let ok = format_count(requests - failed);
        let others = if failed > 0 { format!(", {} failed", format_count(failed)) } else { String::new() };
        match self.summary.verdict() {
            Verdict::Passed => {
                format!("{} {ok} requests ok{others}; no targets declared", style.good("✓ passed:"))
            }
            Verdict::Stopped => {
                let stopped = format!("✗ stopped by the user after {}:", duration(self.summary.elapsed));
                format!("{} {ok} requests ok{others} so far", style.note(&stopped))
            }
            Verdict::Failed(reasons) if matches!(reasons.as_slice(), [Reason::NoneOk { .. }]) => {
                let all = if requests == 1 {
                    "the only request".to_owned()
                } else {
                    format!("all {} requests", format_count(requests))
                };
                format!("{} {all} failed", style.bad("✗ failed:"))
            }
            Verdict::Failed(_) | Verdict::Inconclusive(_) => headline::headline(self.summary, style),
        }
    }
}

/// A distribution's figures; percentiles that fall among requests without an answer are `null`. `too_few` names those that
/// have too few samples behind them, `intervals` has the others' 95 % intervals: `[low, high]`, `null` for no upper end.
fn times(trend: &Trend) -> Json {
    let known = |quantile: Option<Quantile>| {
        quantile.filter(|quantile| !quantile.at_least).map(|quantile| quantile.value_us)
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time; saturates")]
    let mean_us = trend.mean_us().map(|mean_us| mean_us.round() as u64);
    let mut figures = Map::new();
    figures.insert("count".to_owned(), json!(trend.count()));
    figures.insert("without_answer".to_owned(), json!(trend.censored()));
    figures.insert("min_us".to_owned(), json!(known(trend.min())));
    figures.insert("mean_us".to_owned(), json!(mean_us.filter(|_| trend.censored() == 0)));
    let (mut intervals, mut too_few) = (Map::new(), Vec::new());
    for percent in PERCENTILES {
        let name = format!("p{percent}_us").replace('.', "_");
        figures.insert(name.clone(), json!(known(trend.quantile(percent / 100.0))));
        match trend.interval(percent / 100.0) {
            Some(interval) => {
                intervals.insert(name, json!([interval.low.value_us, known(Some(interval.high))]));
            }
            None => too_few.push(name),
        }
    }
    figures.insert("max_us".to_owned(), json!(known(trend.max())));
    figures.insert("intervals".to_owned(), Json::Object(intervals));
    figures.insert("too_few".to_owned(), json!(too_few));
    Json::Object(figures)
}

struct Page<'a> {
    hit: &'a Hit<'a>,
    style: Style,
    signs: Signs,
    text: String,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{line}");
    }

    fn heading(&mut self, text: &str) {
        let heading = self.style.heading(text);
        self.line(&format!("\n{heading}"));
    }

    fn figure(&mut self, label: &str, figure: &str) {
        self.line(&format!("  {}{figure}", left(label, LABEL_COLUMNS)));
    }

    fn summary(&mut self) {
        let hit = self.hit;
        let (failed, requests) = hit.failed();
        let response = hit.trend("http_req_response_time");
        let per_second = |amount: f64| hit.summary.per_second(amount);
        self.heading("Summary:");
        let success = match requests {
            0 => "–".to_owned(),
            _ => format_percent((requests - failed) as f64 / requests as f64),
        };
        let of = format!("{} of {}", format_count(requests - failed), format_count(requests));
        self.figure("Success rate:", &format!("{success}  {of}"));
        self.figure("http_reqs:", &format_count(requests));
        self.figure("Total:", &duration(hit.summary.elapsed));
        let slowest = figure::quantile(response.max(), Unit::Time, &mut self.signs);
        let fastest = figure::quantile(response.min(), Unit::Time, &mut self.signs);
        let average = figure::average(&response, Unit::Time, &mut self.signs);
        self.figure("Slowest:", &slowest);
        self.figure("Fastest:", &fastest);
        self.figure("Average:", &average);
        self.figure(
            "Requests/sec:",
            &per_second(requests as f64).map_or_else(|| "–".to_owned(), format_amount),
        );
        self.line("");
        let received = hit.counter("data_received") as f64;
        self.figure("Total data:", &format_size(received));
        let each = if requests == 0 { f64::NAN } else { received / requests as f64 };
        self.figure("Size/request:", &format_size(each.round()));
        self.figure("Size/sec:", &format_size(per_second(received).unwrap_or(f64::NAN)));
    }

    fn histogram(&mut self) {
        let response = self.hit.trend("http_req_response_time");
        let bars = bars(&response);
        self.heading("Response time histogram:");
        let most = bars.iter().map(|bar| bar.requests).chain([response.censored()]).max().unwrap_or(0);
        if most == 0 {
            return self.line("  no requests");
        }
        let limits: Vec<f64> = bars.iter().map(|bar| bar.at_most_us as f64).collect();
        let mut rows: Vec<(String, u64)> =
            format_latencies_us(&limits).into_iter().zip(bars.iter().map(|bar| bar.requests)).collect();
        if response.censored() > 0 {
            rows.push(("no answer".to_owned(), response.censored()));
        }
        let label = rows.iter().map(|(label, _)| columns(label)).max().unwrap_or(0);
        let digits = columns(&format_count(most));
        for (text, requests) in rows {
            // What is there shows, however little.
            let length = (requests * BAR_COLUMNS / most).max(u64::from(requests > 0));
            let bar = "■".repeat(usize::try_from(length).unwrap_or(0));
            let line =
                format!("  {} [{}] |{bar}", right(&text, label), right(&format_count(requests), digits));
            self.line(&line);
        }
    }

    fn distribution(&mut self) {
        let trends = ["http_req_response_time", "http_req_duration"].map(|metric| self.hit.trend(metric));
        let [response, service] = trends.map(|trend| {
            PERCENTILES.map(|percent| match percent {
                50.0 => figure::median(&trend, Unit::Time, &mut self.signs),
                _ => figure::percentile(&trend, percent, Unit::Time, &mut self.signs),
            })
        });
        let trend = self.hit.trend("http_req_response_time");
        let intervals = PERCENTILES.map(|percent| {
            let interval = figure::interval(&trend, percent, Unit::Time, &mut self.signs);
            interval.map(|interval| format!("  (95 %: {interval})")).unwrap_or_default()
        });
        let interval_width = intervals.iter().map(|text| columns(text)).max().unwrap_or(0);
        self.heading("Response time distribution:");
        let width = response.iter().map(|text| columns(text)).max().unwrap_or(0);
        let service_width = service.iter().map(|text| columns(text)).max().unwrap_or(0);
        let differs = response != service && self.hit.trend("http_req_duration").count() > 0;
        for (at, percent) in PERCENTILES.into_iter().enumerate() {
            let beside = if differs {
                format!("   service {}", right(&service[at], service_width))
            } else {
                String::new()
            };
            let interval = left(&intervals[at], interval_width);
            let line = format!("  {percent:>5.2}% in {}{interval}{beside}", right(&response[at], width));
            self.line(line.trim_end());
        }
        let note = if self.hit.is_open() {
            "from when each request was due: that it waited for a connection counts"
        } else {
            "a stall holds back requests that are then not sent, nor counted: `-q` measures from when they were due"
        };
        let note = self.style.faint(note);
        self.line(&format!("  {note}"));
    }

    fn details(&mut self) {
        let hit = self.hit;
        if hit.trend("http_req_waiting").count() == 0 {
            return;
        }
        self.heading("Details (average, fastest, slowest):");
        // Apart only where there are both: a fast failure would pass for a fast answer.
        let durations = hit.summary.durations.apart().cloned().unwrap_or_default();
        for (label, trend, noun) in [
            ("DNS lookup:", hit.trend("http_req_dns").above_zero(), "look-up"),
            ("Dialup:", hit.trend("http_req_connecting").above_zero(), "connection"),
            ("First byte:", hit.trend("http_req_waiting"), "answer"),
            ("Ok answers:", durations.ok, "answer"),
            ("Failed ones:", durations.failed, "answer"),
        ] {
            let number = trend.count();
            if number == 0 {
                continue;
            }
            let average = trend.mean_us().map_or_else(|| "–".to_owned(), format_latency_us);
            let [fastest, slowest] =
                [trend.min(), trend.max()].map(|one| figure::quantile(one, Unit::Time, &mut self.signs));
            let plural = if number == 1 { "" } else { "s" };
            let figures =
                format!("{average}, {fastest}, {slowest}  ({} {noun}{plural})", format_count(number));
            self.figure(label, &figures);
        }
    }

    fn interrupted(&mut self) {
        let lines = interrupted::lines(self.hit.summary);
        if !lines.is_empty() {
            self.heading("Interrupted:");
        }
        for line in lines {
            self.line(&line);
        }
    }

    fn steadiness(&mut self) {
        let lines = steady::lines(self.hit.summary, self.style, &mut self.signs);
        if !lines.is_empty() {
            self.heading("Steady state:");
        }
        for line in lines {
            self.line(&line);
        }
    }

    fn method(&mut self) {
        self.heading("Method:");
        for line in method::lines(self.hit.summary, self.style, 2) {
            self.line(&line);
        }
    }

    fn answers(&mut self) {
        let hit = self.hit;
        let (answered, without): (Vec<&Answer>, Vec<&Answer>) =
            hit.summary.answers.iter().partition(|one| one.status > 0);
        self.heading("Status code distribution:");
        if answered.is_empty() {
            self.line("  no answer");
        }
        for one in answered {
            let noun = if one.requests == 1 { "response" } else { "responses" };
            let text = format!("[{}] {} {noun}", one.status, format_count(one.requests));
            let is_good = (200..400).contains(&one.status);
            let line = if is_good { text } else { format!("{}  failed", self.style.bad(&text)) };
            self.line(&format!("  {line}"));
        }
        if !without.is_empty() {
            self.heading("Error distribution:");
        }
        for one in without {
            let (requests, code) = (format_count(one.requests), one.error_code);
            let line = format!("  [{requests}] {}, error code {code}", hit.about(one));
            self.line(&line);
        }
    }
}

impl Page<'_> {
    fn examples(&mut self) {
        let lines = example::lines(&self.hit.summary.examples, self.style);
        if !lines.is_empty() {
            self.heading("Failure examples:");
        }
        for line in lines {
            self.line(&line);
        }
    }
}

impl Hit<'_> {
    /// Whether requests are due at a rate.
    fn is_open(&self) -> bool {
        self.summary.scenarios.iter().any(|line| line.model == Model::Open)
    }
}

#[cfg(test)]
mod tests;
