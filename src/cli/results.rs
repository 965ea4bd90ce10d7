//! Where results lie, for every command that reads or writes them, and what the calibration there says of a plan.

use std::path::PathBuf;

use super::CliError;
use super::terminal::Terminal;
use crate::plan::Plan;
use crate::results::{Advice, Calibration, Fingerprint, KeptRun, RESULTS_FOLDER, RUNS_FOLDER, Runs, advise};

/// The folder of results.
#[derive(Debug, clap::Args)]
pub(super) struct ResultsArguments {
    /// Folder of results
    #[arg(long, env = "RUNNER_RESULTS", value_name = "DIR", default_value = RESULTS_FOLDER)]
    pub(super) results: PathBuf,
}

impl ResultsArguments {
    /// The runs that lie there.
    pub(super) fn runs(&self) -> Result<Runs, CliError> {
        Ok(Runs::open(&self.results).map_err(|error| error.looking())?)
    }

    /// The run that a user means.
    pub(super) fn find(&self, name: &str) -> Result<KeptRun, CliError> {
        Ok(self.runs()?.find(name).map_err(|error| error.looking())?)
    }

    /// Where the run of that name lies.
    pub(super) fn run_folder(&self, id: &str) -> PathBuf {
        self.results.join(RUNS_FOLDER).join(id)
    }

    /// Says what the calibration that lies there has against the plan, if anything.
    pub(super) fn advise(&self, plan: &Plan, workers: usize, quiet: bool, terminal: &Terminal) {
        let advice = match Calibration::read(&self.results) {
            Ok(Some(calibration)) => advise(plan, &calibration, &Fingerprint::here(workers)),
            Ok(None) => None,
            // It belongs to plans with a rate alone; others needn't hear of it.
            Err(error) => {
                if plan.peak_rate().is_some() && !quiet {
                    terminal.note(format_args!("{error}: run `runner calibrate` again"));
                }
                None
            }
        };
        match advice {
            Some(advice @ Advice::TooFast { .. }) => terminal.warn(format_args!("{advice}")),
            Some(advice @ Advice::Stale(_)) if !quiet => terminal.note(format_args!("{advice}")),
            _ => {}
        }
    }
}
