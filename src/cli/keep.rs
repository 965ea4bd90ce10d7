//! What is kept of a run, and where its seconds go.

use clap::builder::BoolishValueParser;
use jiff::Timestamp;

use super::CliError;
use super::results::ResultsArguments;
use crate::output::{self, Courier};
use crate::results::RunFolder;
use crate::session::Config;

/// k6's `K6_OUT`: outputs divided by commas.
const VARIABLE: &str = "RUNNER_OUT";

const SHORT_HELP: &str =
    "Send each second to an output while the run goes on; repeatable [env: RUNNER_OUT, several by commas]";

/// What is kept, and what is sent on.
#[derive(Debug, clap::Args)]
pub(super) struct KeepArguments {
    #[arg(short, long = "out", value_name = "NAME=WHERE", help = SHORT_HELP, long_help = outputs_help())]
    out: Vec<String>,
    /// Keep nothing of the run on disk
    #[arg(long, env = "RUNNER_NO_SAVE", value_parser = BoolishValueParser::new())]
    no_save: bool,
}

impl KeepArguments {
    /// Whether runs are kept.
    pub(super) fn is_on(&self) -> bool {
        !self.no_save
    }

    /// A folder for a run that is about to begin.
    pub(super) fn folder(
        &self,
        results: &ResultsArguments,
        random: u64,
    ) -> Result<Option<RunFolder>, CliError> {
        if self.no_save {
            return Ok(None);
        }
        let folder = RunFolder::create(&results.results, Timestamp::now(), random);
        Ok(Some(folder.map_err(|error| error.diagnostic())?))
    }

    /// What is asked of outputs for each of the scripts: by the command line, else the environment, else the configuration.
    pub(super) fn orders(
        &self,
        config: &Config,
        script_names: &[String],
    ) -> Result<Vec<Vec<String>>, CliError> {
        let of_variable = || std::env::var(VARIABLE).ok().map(|text| output::listed(&text));
        let asked = match &self.out[..] {
            [] => of_variable().unwrap_or_else(|| config.outputs.clone()),
            given => given.to_owned(),
        };
        Ok(output::orders(&asked, script_names).map_err(|error| error.diagnostic())?)
    }
}

/// The outputs of a run that is about to begin.
pub(super) fn outputs(orders: &[String]) -> Result<Vec<Courier>, CliError> {
    orders.iter().map(|text| Ok(output::open(text).map_err(|error| error.diagnostic())?)).collect()
}

/// What stands in the help of `--out`: the outputs of the registry.
pub(super) fn outputs_help() -> String {
    let list = output::OUTPUTS.iter().map(|output| {
        let options = output.options.iter().map(|(key, about)| format!("\n      #{key}: {about}"));
        format!("  {}={}: {}{}", output.name, output.place, output.about, options.collect::<String>())
    });
    let list = list.collect::<Vec<_>>().join("\n");
    format!(
        "Send each second to an output while the run goes on; repeatable. In a file's name `{{script}}` is the script's name. \
         Options stand behind a `#`, as in `#key=value,key=value`. `{VARIABLE}` holds several, divided by commas.\n\nOutputs:\n{list}\n\n[env: {VARIABLE}]"
    )
}
