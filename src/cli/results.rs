//! Where results lie, for every command that reads or writes them, and what the calibration there says of a plan.

use std::path::PathBuf;

use super::terminal::Terminal;
use crate::plan::Plan;
use crate::results::{Advice, Calibration, Fingerprint, advise};

/// The folder of results.
#[derive(Debug, clap::Args)]
pub(super) struct ResultsArguments {
    /// Folder of results
    #[arg(long, env = "RUNNER_RESULTS", value_name = "DIR", default_value = ".runner")]
    pub(super) results: PathBuf,
}

impl ResultsArguments {
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
