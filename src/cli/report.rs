//! `runner report`: a run that is kept, told again; one that died up to its last second, with INCOMPLETE in its first line.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use jiff::Timestamp;

use super::CliError;
use super::results::ResultsArguments;
use super::run::style;
use super::terminal::Terminal;
use crate::diagnostic::{Code, Diagnostic};
use crate::report::{REPORTS, Report, Style};
use crate::results::{RunState, Survey};

/// The word for the run that began last.
const LAST: &str = "last";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The run: its ID or the beginning of it, a tag, `last`, or the path of its folder or journal
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
    let run = arguments.results.runs()?.find(&arguments.run).map_err(|error| error.looking())?;
    let unreadable = |error: &dyn std::fmt::Display| {
        Diagnostic::new(Code::Other, format!("failed to report {}: {error}", run.name()))
    };
    let journal = run.open_journal().map_err(|error| error.looking())?;
    let mut file = journal.ok_or_else(|| unreadable(&"it has no journal"))?;
    let mut survey = Survey::of(&mut file).map_err(|error| unreadable(&error))?;
    let is_under_way = run.card(Timestamp::now()).state == RunState::UnderWay;
    let mut summary = survey.summary(&mut file, is_under_way).map_err(|error| unreadable(&error))?;
    if summary.run_id.is_none() {
        summary.run_id = run.id().map(ToString::to_string);
    }
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
