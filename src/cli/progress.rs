//! What a person sees while runs go on, on standard error: one line that changes, the scripts' own lines above
//! it. Where standard error is no terminal only those are printed. Runs at the same time share the line.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::terminal::{self, Terminal};
use crate::diagnostic::clean;
use crate::engine::{Books, Observer, Tick};
use crate::metrics::{Selector, Value};
use crate::plan::{Plan, without_login};
use crate::script::LogLine;
use crate::units::{format_count, format_latency_us, format_percent, format_rate};

/// A run that says nothing for so long, beside others that do, is over.
const SILENCE_MAX: Duration = Duration::from_millis(1_500);

/// One run's part in the line.
#[derive(Debug)]
pub(super) struct Progress {
    /// Its place among the runs.
    index: usize,
    board: Arc<Mutex<Board>>,
}

/// The line that changes.
#[derive(Debug)]
struct Board {
    is_shown: bool,
    /// Whether the cursor stands at the end of the line.
    is_open: bool,
    terminal: Terminal,
    /// The scripts' names.
    names: Vec<String>,
    /// What each run told last.
    latest: Vec<Option<Second>>,
}

/// What a run's last second showed.
#[derive(Debug, Clone, Copy, Default)]
struct Second {
    elapsed: Duration,
    end_max: Duration,
    vus: u64,
    vus_max: u64,
    /// The schedule stands.
    is_paused: bool,
    /// It belongs to the warm-up.
    is_warm_up: bool,
    books: Books,
    requests: f64,
    p95_us: Option<u64>,
    failed: u64,
    asked: u64,
}

impl Progress {
    /// For runs at the same time, by their scripts' names. Shown on a terminal, unless the user wants quiet.
    pub(super) fn of(names: &[String], quiet: bool, terminal: &Terminal) -> Vec<Self> {
        let board = Arc::new(Mutex::new(Board {
            is_shown: !quiet && terminal::is_watched(),
            is_open: false,
            terminal: terminal.clone(),
            names: names.to_vec(),
            latest: vec![None; names.len()],
        }));
        (0..names.len()).map(|index| Self { index, board: Arc::clone(&board) }).collect()
    }

    /// Removes the line, so that something else can be printed.
    pub(super) fn clear(&self) {
        self.board().clear();
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Board {
    fn clear(&mut self) {
        if std::mem::take(&mut self.is_open) {
            self.terminal.say(format_args!("\r\x1b[K"));
        }
    }
}

impl Observer for Progress {
    fn tick(&mut self, tick: &Tick<'_>) {
        let mut board = self.board();
        if board.is_shown {
            board.latest[self.index] = Some(Second::of(tick));
            let line = line(&board.latest);
            let line: String = line.chars().take(terminal::width().saturating_sub(1)).collect();
            board.terminal.say(format_args!("\r\x1b[K{line}"));
            board.is_open = true;
        }
    }

    fn log(&mut self, line: &LogLine) {
        let mut board = self.board();
        board.clear();
        // Which script it was is clear where there is one.
        let name = if board.names.len() > 1 { board.names[self.index].as_str() } else { "" };
        board.terminal.hand_on(name, line);
    }
}

impl Second {
    fn of(tick: &Tick<'_>) -> Self {
        let of = |metric: &str| tick.delta.select(&Selector::all(metric));
        let mut second = Self {
            elapsed: tick.elapsed,
            end_max: tick.end_max,
            vus: tick.vus,
            vus_max: tick.vus_max,
            is_paused: tick.is_paused,
            is_warm_up: tick.is_warm_up,
            books: tick.books,
            ..Self::default()
        };
        if let Some(Value::Counter(requests)) = of("http_reqs") {
            second.requests = requests;
        }
        if let Some(Value::Trend(trend)) = of("http_req_duration") {
            second.p95_us = trend.quantile(0.95).map(|p95| p95.value_us);
        }
        if let Some(Value::Rate { hits, total }) = of("http_req_failed") {
            (second.failed, second.asked) = (hits, total);
        }
        second
    }

    /// All runs in one. Their percentiles can't be joined, so there is none where several ran.
    fn joined(seconds: &[Option<Self>]) -> Self {
        let newest = seconds.iter().flatten().map(|second| second.elapsed).max().unwrap_or_default();
        // Paused are they all, or it isn't said.
        let is_paused = seconds.iter().flatten().all(|second| second.is_paused);
        let is_warm_up = seconds.iter().flatten().all(|second| second.is_warm_up);
        let mut all = Self { is_paused, is_warm_up, ..Self::default() };
        for second in seconds.iter().flatten() {
            all.elapsed = newest;
            all.end_max = all.end_max.max(second.end_max);
            all.vus_max += second.vus_max;
            all.books.add(second.books);
            if newest.saturating_sub(second.elapsed) <= SILENCE_MAX {
                all.vus += second.vus;
                all.requests += second.requests;
                all.failed += second.failed;
                all.asked += second.asked;
            }
            all.p95_us = second.p95_us.filter(|_| seconds.len() == 1);
        }
        all
    }
}

/// `running (00m12.0s of 00m25.0s), 10/10 VUs, 1,204 complete and 0 interrupted iterations, …`
fn line(seconds: &[Option<Second>]) -> String {
    let all = Second::joined(seconds);
    let scripts = if seconds.len() > 1 { format!("{} scripts, ", seconds.len()) } else { String::new() };
    let mut line = format!(
        "{} ({} of at most {}), {scripts}{}/{} VUs, {} complete and {} interrupted iterations",
        match (all.is_paused, all.is_warm_up) {
            (true, _) => "paused",
            (false, true) => "warming up",
            (false, false) => "running",
        },
        clock(all.elapsed),
        clock(all.end_max),
        format_count(all.vus),
        format_count(all.vus_max),
        format_count(all.books.ok + all.books.failed),
        format_count(all.books.interrupted),
    );
    if all.books.dropped > 0 {
        let _ = write!(line, ", {} dropped", format_count(all.books.dropped));
    }
    if all.requests > 0.0 {
        let _ = write!(line, ", {}", format_rate(all.requests));
    }
    if let Some(p95_us) = all.p95_us {
        let _ = write!(line, " p(95) {}", format_latency_us(p95_us as f64));
    }
    if all.failed > 0 {
        let _ = write!(line, " failed {}", format_percent(all.failed as f64 / all.asked as f64));
    }
    line
}

/// `01m00.0s`, of a width that doesn't jump.
fn clock(time: Duration) -> String {
    let tenths = time.as_millis() / 100;
    format!("{:02}m{:02}.{}s", tenths / 600, tenths / 10 % 60, tenths % 10)
}

/// Says what is about to be played.
pub(super) fn print_header(terminal: &Terminal, script: &str, plan: &Plan, config: Option<&str>) {
    let on = plan.base_url.as_deref().map_or_else(String::new, |url| format!(" on {}", without_login(url)));
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
        terminal.say(format_args!("  {:<width$}  {}\n", scenario.name, scenario.describe()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(elapsed_s: u64, vus: u64) -> Second {
        let books = Books { ok: 10, ..Books::default() };
        Second {
            elapsed: Duration::from_secs(elapsed_s),
            end_max: Duration::from_secs(9),
            vus,
            vus_max: 5,
            is_paused: false,
            is_warm_up: false,
            books,
            requests: 100.0,
            p95_us: Some(1_000),
            failed: 1,
            asked: 100,
        }
    }

    #[test]
    fn one_run_shows_all_of_its_second() {
        insta::assert_snapshot!(line(&[Some(second(2, 3))]), @"running (00m02.0s of at most 00m09.0s), 3/5 VUs, 10 complete and 0 interrupted iterations, 100/s p(95) 1.00ms failed 1.00%");
    }

    #[test]
    fn a_pause_and_a_warm_up_are_told() {
        let told = |is_paused, is_warm_up| line(&[Some(Second { is_paused, is_warm_up, ..second(2, 3) })]);
        assert!(told(false, true).starts_with("warming up (00m02.0s"), "{}", told(false, true));
        assert!(told(true, true).starts_with("paused ("), "{}", told(true, true));
    }

    #[test]
    fn runs_at_the_same_time_share_a_line_and_one_that_is_over_has_no_users() {
        insta::assert_snapshot!(line(&[Some(second(2, 3)), Some(second(1, 4))]), @"running (00m02.0s of at most 00m09.0s), 2 scripts, 7/10 VUs, 20 complete and 0 interrupted iterations, 200/s failed 1.00%");
        insta::assert_snapshot!(line(&[Some(second(5, 3)), Some(second(1, 4)), None]), @"running (00m05.0s of at most 00m09.0s), 3 scripts, 3/10 VUs, 20 complete and 0 interrupted iterations, 100/s failed 1.00%");
    }
}
