//! The lines around the tables: what the run is doing, its graphs and scenarios, the generator, and the keys.

use std::time::Duration;

use ratatui::text::{Line, Span};

use super::board::{Answer, Board, Course, Overlay, Phase, Run};
use super::cell::{columns as width_of, cut, left, right, widest};
use super::graph::{bar, spark};
use super::palette::{Palette, plain};
use super::section::Section;
use crate::engine::{Progress, State};
use crate::units::{format_count, format_duration, format_latency_us, format_rate};

/// Columns of a scenario's name.
const NAME_COLUMNS_MAX: usize = 24;

/// Columns of a progress bar, on a terminal that is narrow and on others.
const BAR_COLUMNS: (usize, usize) = (12, 20);

/// A terminal with fewer is narrow.
const COLUMNS_NARROW: usize = 100;

/// From here on there is room for what a scenario was declared to be, and for graphs side by side.
const COLUMNS_WIDE: usize = 120;

/// Columns of what stands before a graph.
const LABEL_COLUMNS: usize = 9;
const FIGURE_COLUMNS: usize = 9;

/// `▶ running  12s of at most 25s   10/10 VUs   1,204 iterations, 3 failed`
pub(super) fn state_line(board: &Board, columns: usize) -> Line<'static> {
    let (run, palette) = (board.run(), board.palette);
    let mut spans = vec![state(run, palette)];
    if board.runs.len() > 1 {
        let at = format!("  {}/{} ", board.shown + 1, board.runs.len());
        spans.extend([palette.faint(at), palette.strong(run.name.clone())]);
    }
    if let Some(moment) = &run.moment {
        let books = moment.books;
        let whole = |time: Duration| format_duration(Duration::from_secs(time.as_secs()));
        spans.push(plain(format!("  {} of at most {}", whole(moment.elapsed), whole(moment.end_max))));
        spans.push(plain(format!("   {}/{} VUs", format_count(moment.vus), format_count(moment.vus_max))));
        spans.push(plain(format!("   {} iterations", format_count(books.ok + books.failed))));
        for (count, what) in
            [(books.failed, "failed"), (books.dropped, "dropped"), (books.interrupted, "cut")]
        {
            if count > 0 {
                spans.push(palette.bad(format!(", {} {what}", format_count(count))));
            }
        }
    } else {
        spans.push(palette.faint("  loading, `setup`"));
    }
    fit(spans, columns)
}

fn state(run: &Run, palette: Palette) -> Span<'static> {
    let is_warm_up = run.moment.as_ref().is_some_and(|moment| moment.is_warm_up);
    match (run.state(), run.phase) {
        (_, Phase::Ending) => palette.note("■ ending"),
        (State::Stopping, _) => palette.note("■ stopping"),
        (State::Paused, _) => palette.note("‖ paused"),
        (State::Preparing, _) | (_, Phase::Preparing) => palette.note("… preparing"),
        (State::Running, Phase::Load) if is_warm_up => palette.note("▶ warming up"),
        (State::Running, Phase::Load) => palette.good("▶ running"),
    }
}

/// Requests a second and their p(95), second by second.
pub(super) fn graphs(run: &Run, palette: Palette, columns: usize, rows: usize) -> Vec<Line<'static>> {
    let rates: Vec<Option<f64>> = run.history.iter().map(|beat| Some(beat.rate)).collect();
    let times: Vec<Option<f64>> = run.history.iter().map(|beat| beat.p95_us.map(|us| us as f64)).collect();
    let rate = Graph { label: "requests", values: rates, format: format_rate };
    let time = Graph { label: "p(95)", values: times, format: format_latency_us };
    if columns < COLUMNS_WIDE {
        return rate
            .lines(palette, columns, rows)
            .into_iter()
            .chain(time.lines(palette, columns, rows))
            .collect();
    }
    let half = columns / 2;
    let pairs = rate.lines(palette, half - 2, rows).into_iter().zip(time.lines(palette, half - 2, rows));
    pairs.map(|(one, other)| Line::from([pad(one.spans, half), other.spans].concat())).collect()
}

/// A graph with its name, its last figure and its largest.
struct Graph {
    label: &'static str,
    values: Vec<Option<f64>>,
    format: fn(f64) -> String,
}

impl Graph {
    fn lines(&self, palette: Palette, columns: usize, rows: usize) -> Vec<Line<'static>> {
        let last = self.values.last().copied().flatten().map_or_else(|| "–".to_owned(), self.format);
        let width = columns.saturating_sub(LABEL_COLUMNS + 2 * FIGURE_COLUMNS + 8);
        let seen = &self.values[self.values.len().saturating_sub(width)..];
        let most = seen.iter().flatten().copied().fold(0.0, f64::max);
        let most = if most > 0.0 { format!("  most {}", (self.format)(most)) } else { String::new() };
        let line = |(row, graph): (usize, String)| {
            let (label, figure, most) = match row {
                0 => (self.label, &*last, &*most),
                _ => ("", "", ""),
            };
            Line::from(vec![
                palette.faint(left(label, LABEL_COLUMNS)),
                palette.strong(right(figure, FIGURE_COLUMNS)),
                plain("  "),
                palette.graph(graph),
                palette.faint(most.to_owned()),
            ])
        };
        spark(&self.values, width, rows).into_iter().enumerate().map(line).collect()
    }
}

/// The scenarios, with how far they are.
pub(super) fn scenarios(board: &Board, columns: usize) -> Section {
    let (run, palette) = (board.run(), board.palette);
    let name = widest(run.scenarios.iter().map(|scenario| &*scenario.shown), NAME_COLUMNS_MAX);
    let courses = run.courses();
    let loads: Vec<String> = courses.iter().map(load).collect();
    let load = widest(loads.iter().map(String::as_str), columns);
    let row = |(index, (scenario, course)): (usize, (&super::act::Scenario, &Course))| {
        let is_chosen = board.chosen == Some(index);
        let share = course.share.unwrap_or(0.0);
        let (done, rest) = bar(share, if columns < COLUMNS_NARROW { BAR_COLUMNS.0 } else { BAR_COLUMNS.1 });
        let books =
            run.moment.as_ref().and_then(|moment| moment.scenarios.get(index)).copied().unwrap_or_default();
        let mut spans = vec![
            if is_chosen { palette.strong("▸ ") } else { plain("  ") },
            if is_chosen {
                palette.strong(left(&scenario.shown, name))
            } else {
                plain(left(&scenario.shown, name))
            },
            plain("  "),
            palette.graph(done),
            palette.faint(rest),
            plain(right(&format!("{:.0}%", (share * 100.0).floor()), 5)),
            plain(format!("  {}", right(&loads[index], load))),
        ];
        match course.progress {
            Progress::Waiting => spans.push(palette.faint(match (&scenario.start_after, scenario.start) {
                (Some(other), _) => format!("  waits for {other}"),
                (None, Some(start)) if !start.is_zero() => format!("  starts at {}", format_duration(start)),
                (None, _) => String::new(),
            })),
            Progress::Running | Progress::Over => {
                spans.push(plain(format!("  {} iterations", format_count(books.ok + books.failed))));
            }
        }
        for (count, what) in [(books.failed, "failed"), (books.dropped, "dropped")] {
            if count > 0 {
                spans.push(palette.bad(format!(", {} {what}", format_count(count))));
            }
        }
        if course.progress == Progress::Over {
            spans.push(palette.faint("  over"));
        }
        if columns >= COLUMNS_WIDE {
            spans.push(palette.faint(format!("   {}", scenario.demand)));
        }
        fit(spans, columns)
    };
    let rows = run.scenarios.iter().zip(&courses).enumerate().map(row).collect();
    Section::list("SCENARIOS", 2, rows)
}

/// What a scenario's schedule wants now.
fn load(course: &Course) -> String {
    match (course.users, course.rate) {
        (Some(1), _) => "1 VU".to_owned(),
        (Some(users), _) => format!("{} VUs", format_count(users)),
        (None, Some(rate)) => format_rate(rate),
        (None, None) => "–".to_owned(),
    }
}

/// What the generator measured of itself.
pub(super) fn health(run: &Run, palette: Palette, columns: usize) -> Vec<Line<'static>> {
    let Some(moment) = &run.moment else { return Vec::new() };
    let health = moment.health;
    let percent = |share: f64| format!("{:.1}%", share * 100.0);
    let mut facts = Vec::new();
    facts.extend(health.cpu.map(|cpu| format!("CPU {} of a core", percent(cpu))));
    facts.extend(health.wait.map(|wait| format!("waits {}", percent(wait))));
    facts.extend(health.lag_us.map(|lag| format!("lag p(99) {}", format_latency_us(lag as f64))));
    let mut spans = vec![palette.mark(!health.is_slow), palette.faint(" generator  ")];
    if health.slow.0 > 0 {
        let (slow, judged) = (format_count(health.slow.0), format_count(health.slow.1));
        spans.push(palette.bad(format!("the limit in {slow} of {judged} s")));
        spans.push(plain("; "));
    }
    spans.push(plain(if facts.is_empty() { "–".to_owned() } else { facts.join(", ") }));
    vec![fit(spans, columns)]
}

/// The keys, or what came of the last one.
pub(super) fn foot(board: &Board, columns: usize) -> Line<'static> {
    let palette = board.palette;
    let spans = match (board.answer(), board.overlay) {
        (Some(Answer::Done(text)), _) => vec![palette.good("✓ "), plain(text.clone())],
        (Some(Answer::Refused(text)), _) => vec![palette.bad("✗ "), plain(text.clone())],
        (None, Overlay::None) => {
            let keys = [
                ("p", "pause"),
                ("w/s", "users"),
                ("+/-", "rate"),
                ("r", "reset"),
                ("e", "failures"),
                ("?", "help"),
                ("q", "stop"),
            ];
            hints(&keys, palette)
        }
        (None, _) => hints(&[("↑/↓", "scroll"), ("Esc", "back"), ("q", "stop")], palette),
    };
    fit(spans, columns)
}

fn hints(keys: &[(&'static str, &'static str)], palette: Palette) -> Vec<Span<'static>> {
    keys.iter().flat_map(|(key, does)| [palette.strong(*key), palette.faint(format!(" {does}  "))]).collect()
}

/// The spans, filled up with blanks.
fn pad(mut spans: Vec<Span<'static>>, width: usize) -> Vec<Span<'static>> {
    let taken: usize = spans.iter().map(|span| width_of(&span.content)).sum();
    spans.push(plain(" ".repeat(width.saturating_sub(taken))));
    spans
}

/// A line that is cut where the columns end, and shows it.
pub(super) fn fit(spans: Vec<Span<'static>>, columns: usize) -> Line<'static> {
    let mut room = columns;
    let mut kept = Vec::new();
    for span in spans {
        let takes = width_of(&span.content);
        if takes > room {
            kept.push(Span::styled(cut(&span.content, room), span.style));
            break;
        }
        room -= takes;
        kept.push(span);
    }
    Line::from(kept)
}
