//! What `runner watch` says of saves, on standard error: lines that stay.

use super::terminal::{self, Terminal};
use crate::diagnostic::clean;
use crate::results::{EndpointChange, EndpointFigures, Moved};
use crate::session::watch::{Compared, News, Span};
use crate::units::{format_latency_us, format_percent, format_rate};

/// Endpoints of a comparison; of more those with most requests are shown.
const ENDPOINTS_MAX: usize = 20;

/// Says it; nothing but mistakes where quiet is wanted.
pub(super) fn say(news: &News, is_quiet: bool, terminal: &Terminal) {
    let line = |text: &str| {
        // The line of the progress stands there.
        let clear = if terminal::is_watched() { "\r\x1b[K" } else { "" };
        terminal.say(format_args!("{clear}{}\n", clean(text)));
    };
    match news {
        News::Log(log) => terminal.hand_on("", log),
        News::Broken(diagnostics) => {
            for diagnostic in diagnostics {
                line("");
                terminal.print_diagnostic(diagnostic);
            }
            line("the save is not played: the version before goes on");
        }
        News::Refused(diagnostic) => {
            line("");
            terminal.print_diagnostic(diagnostic);
            line("the save is not played: the version before goes on");
        }
        News::Barred(why) => {
            line("the save is played after a restart:");
            why.iter().for_each(|why| line(&format!("  {why}")));
        }
        _ if is_quiet => {}
        News::Mended => line("the files say again what is played"),
        News::Read(read) => {
            line(&format!("version {} is read", read.version));
            read.notes.iter().for_each(|note| line(&format!("  note: {note}")));
            read.applied.iter().for_each(|applied| line(&format!("  now: {applied}")));
            read.restart.iter().for_each(|restart| line(&format!("  after a restart: {restart}")));
        }
        News::Live { version, took, .. } => {
            let took = format_latency_us(took.as_secs_f64() * 1e6);
            line(&format!("version {version} is played, {took} after its save"));
        }
        News::Reset { epoch } => line(&format!("epoch {epoch} begins")),
        News::Compared(compared) => table(compared).lines().for_each(line),
    }
}

/// A line each endpoint: before, and now.
fn table(compared: &Compared) -> String {
    let span = |span: Span| format!("epoch {} (version {}, {} s)", span.epoch, span.version, span.seconds);
    let mut rows = vec![["", "requests", "p(50)", "p(95)", "", "failed"].map(str::to_owned)];
    rows.extend(compared.endpoints.iter().take(ENDPOINTS_MAX).map(row));
    let widths: Vec<usize> =
        (0..6).map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0)).collect();
    let mut text = format!("{} → {}\n", span(compared.before), span(compared.now));
    for row in rows {
        let cells: Vec<String> = (row.iter().zip(&widths).enumerate())
            .map(
                |(at, (cell, width))| {
                    if at == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                },
            )
            .collect();
        text += &format!("  {}\n", cells.join("  "));
    }
    if compared.endpoints.len() > ENDPOINTS_MAX {
        text += &format!("  and {} more\n", compared.endpoints.len() - ENDPOINTS_MAX);
    }
    text
}

fn row(change: &EndpointChange) -> [String; 6] {
    let both = |told: &dyn Fn(EndpointFigures) -> String| {
        let one = |figures: Option<EndpointFigures>| figures.map_or_else(|| "–".to_owned(), told);
        format!("{} → {}", one(change.before), one(change.now))
    };
    let latency = |quantile: Option<crate::metrics::Quantile>| {
        quantile.map_or_else(
            || "–".to_owned(),
            |quantile| {
                let sign = if quantile.at_least { "> " } else { "" };
                format!("{sign}{}", format_latency_us(quantile.value_us as f64))
            },
        )
    };
    let moved = match change.p95 {
        Moved::Up => "↑",
        Moved::Down => "↓",
        Moved::No => "≈",
        Moved::Unknown => "",
    };
    [
        change.name.clone(),
        both(&|figures| format_rate(figures.per_second)),
        both(&|figures| latency(figures.p50)),
        both(&|figures| latency(figures.p95)),
        moved.to_owned(),
        both(&|figures| format_percent(figures.failed)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Quantile;

    #[test]
    fn two_epochs_stand_side_by_side() {
        let figures = |requests, ms: u64, failed| {
            let quantile = |ms: u64| Some(Quantile { value_us: ms * 1_000, at_least: ms > 1_000 });
            EndpointFigures {
                requests,
                per_second: requests as f64 / 10.0,
                p50: quantile(ms),
                p95: quantile(ms * 4),
                failed,
            }
        };
        let change =
            |name: &str, before, now, p95| EndpointChange { name: name.to_owned(), now, before, p95 };
        let span = |epoch| Span { epoch, version: epoch, seconds: 10 };
        let compared = Compared {
            now: span(2),
            before: span(1),
            endpoints: vec![
                change("/price", Some(figures(1_000, 5, 0.0)), Some(figures(2_000, 300, 0.25)), Moved::Up),
                change("/new", None, Some(figures(7, 1, 0.0)), Moved::Unknown),
            ],
        };
        insta::assert_snapshot!(table(&compared), @"");
    }
}
