//! What every command that takes a script understands: the script itself, its environment, its load.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::CliError;
use crate::diagnostic::{Code, Diagnostic, Source};
use crate::plan::{Overrides, PlanError, Stage};
use crate::script::{Level, LogLine, Outside};
use crate::session::{Declared, declare, read};
use crate::units::parse_duration;

/// The script and what it takes from outside.
#[derive(Debug, clap::Args)]
pub(super) struct ScriptArguments {
    /// The script; `-` reads standard input
    pub(super) script: PathBuf,
    #[command(flatten)]
    pub(super) outside: OutsideArguments,
}

/// What a script takes from outside.
#[derive(Debug, clap::Args)]
pub(super) struct OutsideArguments {
    /// A variable for the script's `env(NAME)`; repeatable
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// Seed of all random numbers, so that a run can be repeated
    #[arg(long, env = "RUNNER_SEED", value_parser = clap::value_parser!(u64).range(0..=i64::MAX.unsigned_abs()))]
    seed: Option<u64>,
    /// Where relative URLs go, instead of the script's `base_url`
    #[arg(long, env = "RUNNER_BASE_URL", value_name = "URL")]
    base_url: Option<String>,
    /// Show the script's debug lines too
    #[arg(short, long)]
    pub(super) verbose: bool,
}

/// The load, instead of the script's: k6's shortcuts.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Load")]
pub(super) struct LoadArguments {
    /// Virtual users
    #[arg(short = 'u', long, env = "RUNNER_VUS", value_name = "N", value_parser = count)]
    vus: Option<u64>,
    /// How long, such as 30s
    #[arg(short, long, env = "RUNNER_DURATION", value_name = "TIME", value_parser = duration)]
    duration: Option<Duration>,
    /// Iterations, shared by all virtual users
    #[arg(short, long, env = "RUNNER_ITERATIONS", value_name = "N", value_parser = count)]
    iterations: Option<u64>,
    /// A stage TIME:USERS, such as 30s:50; repeatable
    #[arg(short, long, env = "RUNNER_STAGES", value_name = "TIME:USERS", value_delimiter = ',', value_parser = stage)]
    stage: Vec<Stage>,
    /// Leave `setup()` out
    #[arg(long)]
    no_setup: bool,
    /// Leave `teardown(data)` out
    #[arg(long)]
    no_teardown: bool,
    /// Judge nothing: targets are left out (k6's --no-thresholds)
    #[arg(long, alias = "no-thresholds")]
    no_targets: bool,
    /// The header `user-agent`
    #[arg(long, env = "RUNNER_USER_AGENT", value_name = "TEXT")]
    user_agent: Option<String>,
}

fn count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "write a whole number, such as 10".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(duration) if duration.is_zero() => Err("it must be longer than 0s".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{}: {}", error.problem(), error.advice())),
    }
}

fn stage(text: &str) -> Result<Stage, String> {
    Stage::parse(text).map_err(|error| match error {
        PlanError::Stage { .. } => "write a time and the users at its end, such as 30s:50".to_owned(),
        error => error.hint().map_or_else(|| error.to_string(), |hint| format!("{error}: {hint}")),
    })
}

/// A script that was read and declared.
pub(super) struct Script {
    pub(super) source: Arc<Source>,
    pub(super) outside: Outside,
    pub(super) declared: Declared,
}

impl ScriptArguments {
    /// Reads the script and runs its top level. `print` gets what that logs.
    pub(super) fn declare(
        &self,
        load: &LoadArguments,
        print: impl Fn(LogLine) + 'static,
    ) -> Result<Script, CliError> {
        let outside = self.outside.of(&self.script)?;
        let source = read(&self.script)?;
        let declared = declare(&source, &outside, &self.outside.overrides(load)?, print)?;
        Ok(Script { source, outside, declared })
    }
}

impl OutsideArguments {
    /// All of it, for the script in that file.
    pub(super) fn of(&self, script: &Path) -> Result<Outside, CliError> {
        Ok(Outside {
            folder: script.parent().map(Path::to_owned).unwrap_or_default(),
            env: Arc::new(self.environment()?),
            seed: self.seed.unwrap_or_else(fresh_seed),
            log_level: if self.verbose { Level::Debug } else { Level::Info },
        })
    }

    /// The process's environment, changed by `-e`.
    fn environment(&self) -> Result<BTreeMap<String, String>, CliError> {
        let own = std::env::vars_os();
        let mut variables: BTreeMap<String, String> = own
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        for pair in &self.env {
            let Some((name, value)) = pair.split_once('=').filter(|(name, _)| !name.is_empty()) else {
                return Err(Diagnostic::new(Code::Usage, format!("`-e {pair}` is no variable"))
                    .hint(format!("write `-e {}=VALUE`", pair.trim_start_matches('=')))
                    .into());
            };
            variables.insert(name.to_owned(), value.to_owned());
        }
        Ok(variables)
    }

    /// What the command line changes of the plan.
    pub(super) fn overrides(&self, load: &LoadArguments) -> Result<Overrides, CliError> {
        if let Some(url) = &self.base_url
            && url != crate::script::DEMO_URL
        {
            crate::http::Endpoint::parse(None, url)
                .map_err(|error| Diagnostic::new(Code::Usage, format!("`--base-url`: {error}")))?;
        }
        Ok(Overrides {
            vus: load.vus,
            duration: load.duration,
            iterations: load.iterations,
            stages: (!load.stage.is_empty()).then(|| load.stage.clone()),
            base_url: self.base_url.clone(),
            user_agent: load.user_agent.clone(),
            seed: self.seed,
            no_setup: load.no_setup,
            no_teardown: load.no_teardown,
            no_targets: load.no_targets,
        })
    }
}

/// A seed that differs from run to run, and that a script's integer can hold.
fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // Keyed by the system's randomness.
    RandomState::new().hash_one(std::process::id()) >> 1
}
