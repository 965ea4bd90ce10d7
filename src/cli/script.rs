//! What every command that takes a script understands: the script itself, its environment, its load.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;

use super::CliError;
use super::http::HttpArguments;
use super::summary::SummaryArguments;
use super::terminal::Terminal;
use crate::diagnostic::{Code, Diagnostic, Source};
use crate::plan::{
    Given, GivenParams, Overrides, PARAM_VARIABLE, ParamSource, PlanError, Stage, Value, parse_cap,
};
use crate::script::{BASE_URL_HINT, Level, Outside, SecretSource, Secrets};
use crate::session::{Config, Declared, declare, is_variable, read};
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
    /// A value for the script's `param(NAME, …)`; repeatable. `RUNNER_PARAM_NAME` does the same
    #[arg(long, value_name = "NAME=VALUE")]
    param: Vec<String>,
    /// Where the script's `secret(NAME)` comes from: `env:VARIABLE`, `file:PATH` or `command:PROGRAM
    /// ARGUMENTS`; repeatable. `RUNNER_SECRET_NAME` holds one itself
    #[arg(long, value_name = "NAME=FROM")]
    secret: Vec<String>,
    /// Let secrets come from programs that are run
    #[arg(long)]
    allow_run: bool,
    /// Configuration file, TOML or JSON; by default `runner.toml` or `.runner.toml` in the working directory
    #[arg(short, long, env = "RUNNER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read no configuration file
    #[arg(long, conflicts_with = "config")]
    no_config: bool,
    /// Seed of all random numbers, so that a run can be repeated
    #[arg(long, env = "RUNNER_SEED", value_parser = clap::value_parser!(u64).range(0..=i64::MAX.unsigned_abs()))]
    seed: Option<u64>,
    /// Where relative URLs go, instead of the script's `base_url`
    #[arg(long, env = "RUNNER_BASE_URL", value_name = "URL")]
    base_url: Option<String>,
    /// Show the script's debug lines too
    #[arg(short, long)]
    verbose: bool,
}

/// [`LoadFlags`] as they hold: who says on the command line what the load is says all of it, so that
/// `-i 10` is not cut short by a `RUNNER_DURATION`.
#[derive(Debug)]
pub(super) struct LoadArguments(LoadFlags);

impl clap::Args for LoadArguments {
    fn augment_args(command: clap::Command) -> clap::Command {
        LoadFlags::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        LoadFlags::augment_args_for_update(command)
    }
}

impl clap::FromArgMatches for LoadArguments {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut clap::ArgMatches) -> Result<Self, clap::Error> {
        let is_from = |name: &str, source| matches.value_source(name) == Some(source);
        let load = ["duration", "iterations", "stage"];
        let is_written = load.iter().any(|name| is_from(name, ValueSource::CommandLine));
        let dropped = load.map(|name| is_written && is_from(name, ValueSource::EnvVariable));
        let mut flags = LoadFlags::from_arg_matches_mut(matches)?;
        if dropped[0] {
            flags.duration = None;
        }
        if dropped[1] {
            flags.iterations = None;
        }
        if dropped[2] {
            flags.stage.clear();
        }
        Ok(Self(flags))
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl LoadArguments {
    /// Whether they say how much is played.
    pub(super) fn is_sized(&self) -> bool {
        let Self(load) = self;
        load.vus.is_some() || load.duration.is_some() || load.iterations.is_some() || !load.stage.is_empty()
    }
}

/// The load, instead of the script's: k6's shortcuts.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Load")]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
struct LoadFlags {
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
    /// Play only this scenario of the script; repeatable
    #[arg(long, env = "RUNNER_SCENARIO", value_name = "NAME", value_delimiter = ',')]
    scenario: Vec<String>,
    /// Send at most so many requests a second, all users together: 100, or a rate such as 600/m; 0 lifts the
    /// script's cap
    #[arg(long, env = "RUNNER_RPS", value_name = "RATE", value_parser = cap)]
    rps: Option<f64>,
    /// Fill iterations that end sooner up to this, such as 1s
    #[arg(long, env = "RUNNER_MIN_ITERATION_DURATION", value_name = "TIME", value_parser = duration)]
    min_iteration_duration: Option<Duration>,
    /// Let a request without an answer throw; `--throw=false` keeps a script's from it
    #[arg(
        short = 'w', long, env = "RUNNER_THROW", value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = BoolishValueParser::new()
    )]
    throw: Option<bool>,
    /// Stay, once the run is over, until a signal comes (Ctrl-C)
    #[arg(
        short, long, env = "RUNNER_LINGER", value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = BoolishValueParser::new()
    )]
    linger: Option<bool>,
    /// Leave so much of the load's beginning out of all figures and targets, such as 10s; 0s measures all of it
    #[arg(long, env = "RUNNER_WARM_UP", value_name = "TIME", value_parser = duration_or_none)]
    warm_up: Option<Duration>,
    /// Leave `setup()` out
    #[arg(long)]
    no_setup: bool,
    /// Leave `teardown(data)` out
    #[arg(long)]
    no_teardown: bool,
    /// Judge nothing: targets are left out (k6's --no-thresholds)
    #[arg(long, alias = "no-thresholds")]
    no_targets: bool,
    /// Judge percentiles on fewer samples than they need too: targets' option `allow_few`, for all of them
    #[arg(long, env = "RUNNER_ALLOW_FEW", value_parser = BoolishValueParser::new())]
    allow_few: bool,
    /// Judge by the targets of this script, not by those of the script that is played
    #[arg(long, env = "RUNNER_TARGETS", value_name = "FILE", conflicts_with = "no_targets")]
    targets: Option<PathBuf>,
    /// Fold ids in paths, so that `/users/17` is counted as `/users/{id}`
    #[arg(
        long, env = "RUNNER_FOLD_IDS", value_name = "BOOL", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = BoolishValueParser::new()
    )]
    fold_ids: Option<bool>,
    /// The header `user-agent`
    #[arg(long, env = "RUNNER_USER_AGENT", value_name = "TEXT")]
    user_agent: Option<String>,
    /// A tag on each sample; repeatable
    #[arg(long, env = "RUNNER_TAG", value_name = "NAME=VALUE")]
    tag: Vec<String>,
    #[command(flatten)]
    http: HttpArguments,
    #[command(flatten)]
    summary: SummaryArguments,
}

fn count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "write a whole number, such as 10".to_owned())
}

fn duration_or_none(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| format!("{}: {}", error.problem(), error.advice()))
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(duration) if duration.is_zero() => Err("it must be longer than 0s".to_owned()),
        Ok(duration) => Ok(duration),
        Err(error) => Err(format!("{}: {}", error.problem(), error.advice())),
    }
}

fn cap(text: &str) -> Result<f64, String> {
    parse_cap(text).map_err(|error| match error {
        PlanError::Unit { .. } => "write a number a second, such as 100, or a rate, such as 600/m".to_owned(),
        error => error.to_string(),
    })
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

impl OutsideArguments {
    /// Reads a script, and runs its top level. What that logs is printed.
    pub(super) fn declare(
        &self,
        script: &Path,
        config: &Config,
        load: &LoadArguments,
        terminal: &Terminal,
    ) -> Result<Script, CliError> {
        let outside = self.of(script, config, terminal)?;
        let overrides = self.overrides(load, config)?;
        let source = read(script)?;
        let mut declared = declare(&source, &outside, &overrides, {
            let terminal = terminal.clone();
            move |line| terminal.hand_on("", &line)
        })?;
        declared.notes.extend(config.check(&declared.declared)?);
        Ok(Script { source, outside, declared })
    }

    /// The configuration that is named, or found.
    pub(super) fn config(&self) -> Result<Config, Box<Diagnostic>> {
        match &self.config {
            _ if self.no_config => Ok(Config::default()),
            Some(path) => Config::named(path),
            None => Config::found(Path::new("")),
        }
    }

    /// All of it, for the script in that file.
    pub(super) fn of(
        &self,
        script: &Path,
        config: &Config,
        terminal: &Terminal,
    ) -> Result<Outside, CliError> {
        let is_verbose = self.verbose || config.is_on("verbose");
        let seed_of_config = match config.defaults.options.get("seed") {
            Some(Value::Int(seed)) => u64::try_from(*seed).ok(),
            _ => None,
        };
        Ok(Outside {
            folder: script.parent().map(Path::to_owned).unwrap_or_default(),
            env: Arc::new(self.environment(config)?),
            seed: self.seed.or(seed_of_config).unwrap_or_else(fresh_seed),
            log_level: if is_verbose { Level::Debug } else { Level::Info },
            data: Arc::default(),
            modules: Arc::default(),
            params: Arc::new(self.params(config)?),
            defaults: Arc::new(config.defaults.clone()),
            secrets: Secrets::new(terminal.mask().clone(), self.secrets()?, self.allow_run),
            null_response: None,
            profile: None,
            summary_text: None,
            story: None,
        })
    }

    /// The configuration's variables, the process's environment above, `-e` on top.
    fn environment(&self, config: &Config) -> Result<BTreeMap<String, String>, CliError> {
        let mut variables = config.env.clone();
        variables.extend(process_environment());
        for pair in &self.env {
            let (name, value) = split(pair, "-e", "variable")?;
            if !is_variable(name) {
                return Err(Diagnostic::new(Code::Usage, format!("`{name}` is no name for a variable"))
                    .hint("use letters, digits and `_`, beginning with a letter")
                    .into());
            }
            variables.insert(name.to_owned(), value.to_owned());
        }
        Ok(variables)
    }

    /// What is given to the script's parameters, and where.
    fn params(&self, config: &Config) -> Result<GivenParams, CliError> {
        let mut command_line = BTreeMap::new();
        for pair in &self.param {
            let (name, text) = split(pair, "--param", "parameter")?;
            let given = Given { text: text.to_owned(), source: ParamSource::CommandLine };
            command_line.insert(name.to_owned(), given);
        }
        let environment = process_environment()
            .filter(|(variable, _)| variable.starts_with(PARAM_VARIABLE))
            .map(|(variable, text)| {
                let source = ParamSource::Environment(variable.clone());
                (variable, Given { text, source })
            })
            .collect();
        Ok(GivenParams { command_line, environment, config: config.params.clone() })
    }

    /// Where secrets come from. What is wrong is not quoted: it may be one.
    fn secrets(&self) -> Result<BTreeMap<String, SecretSource>, Diagnostic> {
        let source = |pair: &String| {
            let (name, from) = pair.split_once('=').unwrap_or_default();
            let source = SecretSource::parse(from).filter(|_| is_variable(name)).ok_or_else(|| {
                Diagnostic::new(Code::Usage, "`--secret` takes a name and where its secret comes from").hint(
                    "write `--secret NAME=env:VARIABLE`, `--secret NAME=file:PATH` or `--secret \"NAME=command:PROGRAM ARGUMENTS\"`; a secret itself would be seen by all on this machine",
                )
            })?;
            Ok((name.to_owned(), source))
        };
        self.secret.iter().map(source).collect()
    }

    /// Where relative URLs go, if the command line says so.
    pub(super) fn base_url(&self) -> Option<&String> {
        self.base_url.as_ref()
    }

    /// What the command line changes of the plan.
    pub(super) fn overrides(&self, load: &LoadArguments, config: &Config) -> Result<Overrides, CliError> {
        let LoadArguments(load) = load;
        if let Some(url) = &self.base_url
            && url != crate::script::DEMO_URL
        {
            crate::http::Endpoint::parse(None, url).map_err(|error| {
                Diagnostic::new(Code::Usage, format!("`--base-url`: {error}")).hint(BASE_URL_HINT)
            })?;
        }
        let mut tags = BTreeMap::new();
        for pair in &load.tag {
            let (name, value) = split(pair, "--tag", "tag")?;
            tags.insert(name.to_owned(), value.to_owned());
        }
        Ok(Overrides {
            vus: load.vus,
            duration: load.duration,
            iterations: load.iterations,
            stages: (!load.stage.is_empty()).then(|| load.stage.clone()),
            scenarios: if load.scenario.is_empty() { &config.scenarios } else { &load.scenario }.clone(),
            rps: load.rps,
            throws: load.throw,
            min_iteration_duration: load.min_iteration_duration,
            linger: load.linger,
            warm_up: load.warm_up,
            base_url: self.base_url.clone(),
            user_agent: load.user_agent.clone(),
            http: load.http.options(),
            seed: self.seed,
            tags,
            no_setup: load.no_setup || config.is_on("no_setup"),
            no_teardown: load.no_teardown || config.is_on("no_teardown"),
            no_targets: load.no_targets || config.is_on("no_targets"),
            allow_few: load.allow_few || config.is_on("allow_few"),
            targets: load.targets.as_deref().map(read).transpose()?,
            fold_ids: load.fold_ids,
            summary: load.summary.options(),
        })
    }
}

/// The variables that are text.
fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// `NAME=VALUE`. A name alone is no empty value: whoever forgot the value should hear of it.
fn split<'a>(pair: &'a str, flag: &str, noun: &str) -> Result<(&'a str, &'a str), Diagnostic> {
    pair.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
        let name = pair.trim_start_matches('=');
        Diagnostic::new(Code::Usage, format!("`{flag} {pair}` is no {noun}"))
            .hint(format!("write `{flag} {name}=VALUE`; `{flag} {name}=` gives an empty one"))
    })
}

/// A seed that differs from run to run, and that a script's integer can hold.
fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // Keyed by the system's randomness.
    RandomState::new().hash_one(std::process::id()) >> 1
}
