//! `runner runs`: the runs that were kept. Lists them, shows one, tags, removes old ones.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::CliError;
use super::results::ResultsArguments;
use super::terminal::Terminal;
use crate::diagnostic::{Code, Diagnostic, clean};
use crate::results::{
    Environment, KeptRun, Pruned, Pruning, RunCard, RunFile, RunOutcome, RunState, Runs, StoreError,
};
use crate::units::{format_count, format_latency_us, format_size, parse_duration};

/// The form of what `--json` prints.
const JSON_SCHEMA: u32 = 1;

/// Characters of a hash that are shown: enough to tell scripts apart.
const HASH_SHOWN: usize = 12;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Args)]
struct Common {
    #[command(flatten)]
    results: ResultsArguments,
    /// All of it as JSON
    #[arg(long)]
    json: bool,
}

/// A run as users name it.
#[derive(Debug, clap::Args)]
struct Named {
    /// Its id or the beginning of it, a tag, `last`, or the path of its folder
    #[arg(value_name = "RUN")]
    run: String,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show a run: what it was played with, what became of it, its files
    Show {
        #[command(flatten)]
        named: Named,
        #[command(flatten)]
        common: Common,
    },
    /// Put a tag on a run, by which it can be named from then on; `prune` spares it
    Tag {
        #[command(flatten)]
        named: Named,
        /// Letters, digits, `.`, `_`, `-`, beginning with a letter
        tag: String,
        /// Take it from the run that has it
        #[arg(long = "move")]
        is_moved: bool,
        #[command(flatten)]
        results: ResultsArguments,
    },
    /// Take a tag from a run
    Untag {
        #[command(flatten)]
        named: Named,
        /// The tag
        tag: String,
        #[command(flatten)]
        results: ResultsArguments,
    },
    /// Remove old runs: those that every given rule lets go. Spares runs that are under way or tagged
    Prune {
        /// Spare the newest N
        #[arg(long, value_name = "N")]
        keep: Option<usize>,
        /// Spare those that began less than so long ago: 30d, 12h
        #[arg(long, value_name = "TIME", value_parser = age)]
        older_than: Option<Duration>,
        /// Say what would be removed, and remove nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        common: Common,
    },
}

fn age(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| format!("{}: {}", error.problem(), error.advice()))
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    let now = Timestamp::now();
    match &arguments.action {
        None => list(&arguments.common, now, terminal),
        Some(Action::Show { named, common }) => {
            show(&common.results.find(&named.run)?, common, now, terminal)
        }
        Some(Action::Tag { named, tag, is_moved, results }) => {
            let (runs, run) = (results.runs()?, results.find(&named.run)?);
            let had = runs.tag(&run, tag, *is_moved).map_err(told)?;
            let how = if had { "is already" } else { "is now" };
            terminal.say(format_args!("run {} {how} tagged `{tag}`\n", run.name()));
            Ok(())
        }
        Some(Action::Untag { named, tag, results }) => {
            let run = results.find(&named.run)?;
            Runs::untag(&run, tag).map_err(told)?;
            terminal.say(format_args!("run {} is no longer tagged `{tag}`\n", run.name()));
            Ok(())
        }
        Some(Action::Prune { keep, older_than, dry_run, common }) => {
            if keep.is_none() && older_than.is_none() {
                return Err(Diagnostic::new(Code::Usage, "`prune` needs a rule for what may go")
                    .hint("write `--keep 20`, `--older-than 30d`, or both; `--dry-run` shows what would go")
                    .into());
            }
            let rules = Pruning { keep: *keep, older_than: *older_than };
            let pruned = common.results.runs()?.prune(rules, now, *dry_run).map_err(told)?;
            if common.json {
                return terminal.print_json(&json!({ "schema": JSON_SCHEMA, "pruned": pruned }));
            }
            terminal.print(&removed(&pruned))
        }
    }
}

/// What went wrong while looking at runs.
fn told(error: StoreError) -> CliError {
    error.looking().into()
}

fn list(common: &Common, now: Timestamp, terminal: &Terminal) -> Result<(), CliError> {
    let runs = common.results.runs()?;
    let cards = runs.cards(now).map_err(told)?;
    if common.json {
        return terminal.print_json(&json!({ "schema": JSON_SCHEMA, "runs": cards }));
    }
    if cards.is_empty() {
        terminal.say(format_args!("no runs in {}\n", runs.path().display()));
        return Ok(());
    }
    for card in cards.iter().filter(|card| card.fault.is_some()) {
        let fault = one_line(card.fault.as_deref().unwrap_or_default());
        terminal.say(format_args!("note: run {}: {fault}\n", card.id));
    }
    terminal.print(&table(&cards))
}

fn table(cards: &[RunCard]) -> String {
    const HEADINGS: [&str; 7] = ["begun (UTC)", "run", "script", "verdict", "load", "requests", "tags"];
    /// Numbers stand at the right.
    const RIGHT: [bool; 7] = [false, false, false, false, true, true, false];
    let row = |card: &RunCard| {
        let of = |figure: fn(&RunOutcome) -> String| card.outcome.as_ref().map(figure).unwrap_or_default();
        [
            card.begun_at.as_deref().map(shown_time).unwrap_or_default(),
            card.id.clone(),
            one_line(card.script.as_deref().unwrap_or_default()),
            verdict(card),
            of(|outcome| format_latency_us(outcome.elapsed_us as f64)),
            of(|outcome| format_count(outcome.requests)),
            one_line(&card.tags.join(", ")),
        ]
    };
    let rows: Vec<[String; 7]> =
        std::iter::once(HEADINGS.map(str::to_owned)).chain(cards.iter().map(row)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 7] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(widths).zip(RIGHT).map(|((cell, width), is_right)| {
            if is_right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// `2026-11-28T09:51:55.123Z` to the second; as it stands where it is something else.
fn shown_time(text: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => one_line(text),
    }
}

fn verdict(card: &RunCard) -> String {
    match (card.state, &card.outcome) {
        (RunState::UnderWay, _) => "… under way".to_owned(),
        (RunState::Incomplete, _) | (_, None) => "! incomplete".to_owned(),
        (RunState::Ended, Some(outcome)) => {
            let mark = match outcome.verdict.as_str() {
                "passed" => '✓',
                "failed" => '✗',
                "inconclusive" => '?',
                _ => '■',
            };
            format!("{mark} {}", one_line(&outcome.verdict))
        }
    }
}

fn show(run: &KeptRun, common: &Common, now: Timestamp, terminal: &Terminal) -> Result<(), CliError> {
    let (card, environment) = (run.card(now), run.environment().map_err(told)?);
    let files = run.files().map_err(told)?;
    if common.json {
        return terminal.print_json(&json!({
            "schema": JSON_SCHEMA,
            "run": card,
            "folder": run.folder().path(),
            "files": files,
            "environment": environment,
        }));
    }
    terminal.print(&page(run, &card, environment.as_ref(), &files))
}

fn page(run: &KeptRun, card: &RunCard, environment: Option<&Environment>, files: &[RunFile]) -> String {
    let mut rows: Vec<(&str, String)> = vec![("run", card.id.clone())];
    if let Some(begun) = &card.begun_at {
        rows.push(("begun", format!("{} UTC", shown_time(begun))));
    }
    rows.push(("verdict", verdict(card)));
    if let Some(outcome) = &card.outcome {
        rows.extend(outcome.reasons.iter().map(|reason| ("because", reason.clone())));
        let load = format_latency_us(outcome.elapsed_us as f64);
        let requests = format_count(outcome.requests);
        let failed = format_count(outcome.requests_failed);
        rows.push(("load", format!("{load}, {requests} requests, {failed} of them failed")));
        if outcome.targets > 0 {
            rows.push(("targets", format!("{} of {} hold", outcome.targets_passed, outcome.targets)));
        }
    }
    if !card.tags.is_empty() {
        rows.push(("tags", card.tags.join(", ")));
    }
    if let Some(environment) = environment {
        if let Some(script) = &environment.script {
            let hash: String = script.sha256.chars().take(HASH_SHOWN).collect();
            let commit = script.commit.as_ref().map_or_else(String::new, |commit| {
                let id: String = commit.id.chars().take(HASH_SHOWN).collect();
                let other = if commit.holds_script { "" } else { ", which has other text" };
                format!(", commit {id}{other}")
            });
            let count = script.files.len();
            let several = if count > 1 { format!(" and {} modules", count - 1) } else { String::new() };
            rows.push(("script", format!("{}{several}, SHA-256 {hash}{commit}", script.name)));
        }
        if !environment.command.is_empty() {
            rows.push(("command", format!("runner {}", environment.command.join(" "))));
        }
        rows.extend(environment.seed.map(|seed| ("seed", seed.to_string())));
        let machine = &environment.machine;
        rows.push((
            "machine",
            format!(
                "{} workers on {} cores, {}, kernel {}",
                machine.workers, machine.cores, machine.cpu_model, machine.kernel
            ),
        ));
        rows.push(("runner", format!("{} ({})", machine.runner, machine.build)));
    }
    rows.push(("folder", run.folder().path().display().to_string()));
    rows.extend(
        files.iter().map(|file| ("file", format!("{}  {}", file.path, format_size(file.bytes as f64)))),
    );
    rows.extend(card.fault.iter().map(|fault| ("fault", fault.clone())));
    rows.into_iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name:<9}{}", one_line(&value));
        text
    })
}

fn removed(pruned: &Pruned) -> String {
    let mut text = String::new();
    let verb = if pruned.is_dry_run { "would remove" } else { "removed" };
    for run in &pruned.removed {
        let begun = run.begun_at.as_deref().map(shown_time).unwrap_or_default();
        let _ = writeln!(text, "{verb} {}  {begun}  {}", run.id, format_size(run.bytes as f64));
    }
    for run in &pruned.spared {
        let _ = writeln!(text, "spared {}: {}", run.id, one_line(&run.why));
    }
    let bytes: u64 = pruned.removed.iter().map(|run| run.bytes).sum();
    let (count, left) = (pruned.removed.len() as u64, pruned.left);
    let _ = writeln!(
        text,
        "{verb} {}, {}; {} left",
        counted(count),
        format_size(bytes as f64),
        format_count(if pruned.is_dry_run { left.saturating_sub(count) } else { left })
    );
    text
}

fn counted(runs: u64) -> String {
    format!("{} run{}", format_count(runs), if runs == 1 { "" } else { "s" })
}

/// A text out of a folder that may come from anywhere, as it may be printed in a line.
fn one_line(text: &str) -> String {
    clean(text).replace('\n', " ")
}
