//! `runner report`: a run that is kept, told again; one that died up to its last second, with INCOMPLETE in its first line.

use std::fmt::Display;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use jiff::Timestamp;

use super::CliError;
use super::results::ResultsArguments;
use super::run::style;
use super::summary::LayoutArguments;
use super::terminal::Terminal;
use crate::diagnostic::{Code, Diagnostic};
use crate::report::{REPORTS, Report, Style, headline};
use crate::results::{
    DOCUMENT_BYTES_MAX, DOCUMENT_FILE, Document, KeptRun, LAST, Summary, Survey, write_whole_file,
};

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
    layout: LayoutArguments,
    #[command(flatten)]
    results: ResultsArguments,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    let run = arguments.results.find(&arguments.run)?;
    let mut summary = summary(&run, Timestamp::now())
        .map_err(|what| Diagnostic::new(Code::Other, format!("failed to report {}: {what}", run.name())))?;
    summary.layout = arguments.layout.over(&summary.layout).map_err(|error| error.diagnostic())?;
    let report = report(&arguments.format);
    match &arguments.file {
        // A run that was to show nothing is told all the same: somebody asks for it now.
        None if report.is_for_people && arguments.layout.are_disabled() => {
            terminal.say(format_args!("{}\n", headline(&summary, Style { colour: false, ..style() })));
            Ok(())
        }
        None => terminal.print(&(report.render)(&summary, &style())),
        Some(file) => {
            let plain = Style { colour: false, width: FILE_COLUMNS };
            let text = (report.render)(&summary, &plain);
            Ok(write_whole_file(file, text.as_bytes()).map_err(|error| error.diagnostic())?)
        }
    }
}

/// What is known of a run: by its journal; where that has no end or isn't there, by its summary, if that is.
fn summary(run: &KeptRun, now: Timestamp) -> Result<Summary, String> {
    fn told(error: impl Display) -> String {
        error.to_string()
    }
    let is_under_way = run.is_under_way(now).map_err(told)?;
    let of_journal = || -> Result<(bool, Summary), String> {
        let path = run.folder().path().join(run.journal_name());
        let mut file =
            run.open_journal().map_err(told)?.ok_or_else(|| format!("there is no {}", path.display()))?;
        let mut survey = Survey::of(&mut file).map_err(|error| format!("{}: {error}", path.display()))?;
        let summary = survey.summary(&mut file, is_under_way);
        let mut summary = summary.map_err(|error| format!("{}: {error}", path.display()))?;
        summary.run_id = summary.run_id.or_else(|| run.id().map(ToString::to_string));
        Ok((survey.end.is_some(), summary))
    };
    let of_journal = of_journal();
    if is_under_way || run.is_named_by_journal() || of_journal.as_ref().is_ok_and(|(has_end, _)| *has_end) {
        return of_journal.map(|(_, summary)| summary);
    }
    match (document(run), of_journal) {
        (None, of_journal) => of_journal.map(|(_, summary)| summary),
        (Some(Ok(summary)), _) => Ok(summary),
        (Some(Err(what)), Ok((_, mut summary))) => {
            summary.warnings.push(what);
            Ok(summary)
        }
        (Some(Err(what)), Err(_)) if run.open_journal().is_ok_and(|journal| journal.is_none()) => Err(what),
        (Some(Err(what)), Err(of_journal)) => Err(format!("{what}; {of_journal}")),
    }
}

/// What its summary says, if there is one; or why it says nothing.
fn document(run: &KeptRun) -> Option<Result<Summary, String>> {
    let told = |what: &dyn Display| format!("{}: {what}", run.folder().path().join(DOCUMENT_FILE).display());
    let bytes = match run.folder().read(DOCUMENT_FILE, DOCUMENT_BYTES_MAX) {
        Ok(bytes) => bytes?,
        Err(error) => return Some(Err(error.to_string())),
    };
    let summary = Document::from_json(&bytes).and_then(Document::into_summary);
    Some(summary.map_err(|error| told(&error)))
}

/// Columns of a report in a file.
const FILE_COLUMNS: usize = 120;

fn report(name: &str) -> &'static Report {
    REPORTS.iter().copied().find(|report| report.name == name).unwrap_or(REPORTS[0])
}
