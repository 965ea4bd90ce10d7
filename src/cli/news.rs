//! What `runner watch` says of saves, on standard error: lines that stay.

use std::fmt::Write as _;

use super::terminal::Terminal;
use crate::diagnostic::clean;
use crate::results::{EndpointChange, EndpointFigures, Moved};
use crate::session::watch::{Compared, News, Span};
use crate::units::{format_latency_us, format_percent, format_rate};

/// Endpoints of a comparison; of more those with most requests are shown.
const ENDPOINTS_MAX: usize = 20;

/// Says it; nothing but mistakes where quiet is wanted.
pub(super) fn say(news: &News, is_quiet: bool, terminal: &Terminal) {
    let line = |text: &str| terminal.say_line(&clean(text));
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
            for why in why {
                line(&format!("  {why}"));
            }
        }
        _ if is_quiet => {}
        News::Mended => line("the files say again what is played"),
        News::Read(read) => {
            line(&format!("version {} is read", read.version));
            for (what, told) in
                [("note", &read.notes), ("now", &read.applied), ("after a restart", &read.restart)]
            {
                for told in told {
                    line(&format!("  {what}: {told}"));
                }
            }
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
        let _ = writeln!(text, "  {}", cells.join("  ").trim_end());
    }
    if compared.endpoints.len() > ENDPOINTS_MAX {
        let _ = writeln!(text, "  and {} more", compared.endpoints.len() - ENDPOINTS_MAX);
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
        insta::assert_snapshot!(table(&compared), @"
        epoch 1 (version 1, 10 s) → epoch 2 (version 2, 10 s)
                       requests           p(50)             p(95)             failed
          /price  100/s → 200/s  5.00ms → 300ms  20.0ms → > 1.20s  ↑  0.00% → 25.00%
          /new      – → 0.700/s      – → 1.00ms        – → 4.00ms          – → 0.00%
        ");
    }
}
