//! What a person sees while a run goes on, on standard error: one line that changes, the script's own
//! lines above it. Where standard error is no terminal only the script's lines are printed.

use std::fmt::Write as _;
use std::time::Duration;

use super::terminal::{self, Terminal};
use crate::diagnostic::clean;
use crate::engine::{Observer, Tick};
use crate::metrics::{Selector, Value};
use crate::plan::Plan;
use crate::script::LogLine;
use crate::units::{format_count, format_duration, format_latency_us, format_percent, format_rate};

/// The line that changes.
#[derive(Debug)]
pub(super) struct Progress {
    is_shown: bool,
    /// Whether the cursor stands at the end of the line.
    is_open: bool,
    terminal: Terminal,
}

impl Progress {
    /// Shown on a terminal, unless the user wants quiet.
    pub(super) fn new(quiet: bool, terminal: &Terminal) -> Self {
        Self { is_shown: !quiet && terminal::is_watched(), is_open: false, terminal: terminal.clone() }
    }

    /// Removes the line, so that something else can be printed.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.is_open) {
            self.terminal.say(format_args!("\r\x1b[K"));
        }
    }
}

impl Observer for Progress {
    fn tick(&mut self, tick: &Tick<'_>) {
        if self.is_shown {
            let line: String = line(tick).chars().take(terminal::width().saturating_sub(1)).collect();
            self.terminal.say(format_args!("\r\x1b[K{line}"));
            self.is_open = true;
        }
    }

    fn log(&mut self, line: &LogLine) {
        self.clear();
        print_log(&self.terminal, line);
    }
}

/// `running (00m12.0s of 00m25.0s), 10/10 VUs, 1,204 complete and 0 interrupted iterations, …`
fn line(tick: &Tick<'_>) -> String {
    let of = |metric: &str| tick.delta.select(&Selector::all(metric));
    let mut line = format!(
        "running ({} of at most {}), {}/{} VUs, {} complete and {} interrupted iterations",
        clock(tick.elapsed),
        clock(tick.end_max),
        format_count(tick.vus),
        format_count(tick.vus_max),
        format_count(tick.books.ok + tick.books.failed),
        format_count(tick.books.interrupted),
    );
    if let Some(Value::Counter(requests)) = of("http_reqs") {
        let _ = write!(line, ", {}", format_rate(requests));
    }
    if let Some(Value::Trend(trend)) = of("http_req_duration")
        && let Some(p95) = trend.quantile(0.95)
    {
        let _ = write!(line, " p(95) {}", format_latency_us(p95.value_us as f64));
    }
    if let Some(Value::Rate { hits, total }) = of("http_req_failed")
        && hits > 0
    {
        let _ = write!(line, " failed {}", format_percent(hits as f64 / total as f64));
    }
    line
}

/// `01m00.0s`, of a width that doesn't jump.
fn clock(time: Duration) -> String {
    let tenths = time.as_millis() / 100;
    format!("{:02}m{:02}.{}s", tenths / 600, tenths / 10 % 60, tenths % 10)
}

/// Prints a line of the script's log.
pub(super) fn print_log(terminal: &Terminal, line: &LogLine) {
    let from = match (line.scenario.as_str(), line.vu) {
        ("", _) => String::new(),
        (scenario, vu) => format!(" [{scenario} #{vu}]"),
    };
    // What a service sent may be in it.
    let text = clean(&terminal.mask().mask(&line.text));
    terminal.say(format_args!("{}{from} {text}\n", line.level.name()));
}

/// Says what is about to be played.
pub(super) fn print_header(terminal: &Terminal, script: &str, plan: &Plan, config: Option<&str>) {
    let on = plan.base_url.as_deref().map_or_else(String::new, |url| format!(" on {url}"));
    let with = config.map_or_else(String::new, |name| format!(", with {name}"));
    terminal.say(format_args!("runner {}: {script}{on}{with}\n", env!("CARGO_PKG_VERSION")));
    let given = plan.params.iter().filter(|param| param.is_given());
    let given: Vec<String> =
        given.map(|param| clean(&format!("{}={} ({})", param.name, param.value, param.source))).collect();
    if !given.is_empty() {
        terminal.say(format_args!("  {}\n", given.join(", ")));
    }
    let settings: Vec<String> =
        plan.options.play_settings().into_iter().map(|(name, value)| format!("{name} {value}")).collect();
    if !settings.is_empty() {
        terminal.say(format_args!("  {}\n", settings.join(", ")));
    }
    let width = plan.scenarios.iter().map(|scenario| scenario.name.chars().count()).max().unwrap_or(0);
    for scenario in &plan.scenarios {
        let start = match scenario.start_time {
            Duration::ZERO => String::new(),
            start => format!(", starting at {}", format_duration(start)),
        };
        let (load, cap) = (scenario.demand.describe(), scenario.describe_cap());
        terminal.say(format_args!("  {:<width$}  {load}{start}{cap}\n", scenario.name));
    }
}
