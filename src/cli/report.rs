//! `runner report`: a run that is kept, told again; one that died up to its last second, with INCOMPLETE in its first line.

use std::fs::File;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;

use super::CliError;
use super::results::ResultsArguments;
use super::run::style;
use super::terminal::Terminal;
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::report::{REPORTS, Report, Style};
use crate::results::{RunId, Survey};

/// The journal's name in a run's folder.
const JOURNAL_FILE: &str = "journal";

/// The word for the run that began last.
const LAST: &str = "last";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The run: its ID, `last`, or the path of its folder or journal
    #[arg(default_value = LAST)]
    run: String,
    /// How it is laid out
    #[arg(long, value_name = "NAME", default_value = REPORTS[0].name,
        value_parser = PossibleValuesParser::new(REPORTS.iter().map(|report| report.name)))]
    format: String,
    /// Write it to a file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    results: ResultsArguments,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    let path = find(&arguments.run, &arguments.results.results)?;
    let unreadable = |error: &dyn std::fmt::Display| {
        Diagnostic::new(Code::Other, format!("failed to report {}: {error}", path.display()))
    };
    let mut file = File::open(&path).map_err(|error| unreadable(&error))?;
    let mut survey = Survey::of(&mut file).map_err(|error| unreadable(&error))?;
    let summary = survey.summary(&mut file, false).map_err(|error| unreadable(&error))?;
    let report = report(&arguments.format);
    match &arguments.file {
        None => terminal.print(&(report.render)(&summary, &style())),
        Some(file) => {
            let plain = Style { colour: false, width: FILE_COLUMNS };
            let text = (report.render)(&summary, &plain);
            write(file, &text).map_err(|error| {
                Diagnostic::new(Code::Results, format!("failed to write {}: {error}", file.display())).into()
            })
        }
    }
}

/// Columns of a report in a file.
const FILE_COLUMNS: usize = 120;

/// Writes a file whole, or leaves what was there.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let mut draft = file.as_os_str().to_owned();
    draft.push(format!(".{}.part", std::process::id()));
    let written = std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, file));
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written
}

fn report(name: &str) -> &'static Report {
    REPORTS.iter().copied().find(|report| report.name == name).unwrap_or(REPORTS[0])
}

/// The journal of a run.
fn find(run: &str, results: &Path) -> Result<PathBuf, CliError> {
    let runs = results.join("runs");
    if run == LAST {
        let last = ids(&runs).max();
        let path = last.map(|id| runs.join(id.as_str()).join(JOURNAL_FILE));
        return path.ok_or_else(|| {
            let text = format!("no run is kept in {}", runs.display());
            Diagnostic::new(Code::Other, text).hint("`--results DIR` says where else they are").into()
        });
    }
    if let Some(id) = RunId::parse(run).filter(|id| runs.join(id.as_str()).is_dir()) {
        return Ok(runs.join(id.as_str()).join(JOURNAL_FILE));
    }
    let path = PathBuf::from(run);
    if path.is_dir() {
        return Ok(path.join(JOURNAL_FILE));
    }
    if path.is_file() {
        return Ok(path);
    }
    let names: Vec<String> = ids(&runs).map(|id| id.to_string()).collect();
    let near = suggest(run, names.iter().map(String::as_str));
    let mut diagnostic =
        Diagnostic::new(Code::Other, format!("there is no run `{run}` in {}", runs.display()));
    if let Some(near) = near.first() {
        diagnostic = diagnostic.hint(format!("did you mean `{near}`?"));
    } else {
        diagnostic = diagnostic.hint(
            "name it by its ID, by `last`, or by the path of its folder; `--results DIR` says where runs are",
        );
    }
    Err(diagnostic.into())
}

/// The runs that are kept.
fn ids(runs: &Path) -> impl Iterator<Item = RunId> {
    let entries = std::fs::read_dir(runs).into_iter().flatten().flatten();
    entries.filter_map(|entry| RunId::parse(entry.file_name().to_str()?))
}
