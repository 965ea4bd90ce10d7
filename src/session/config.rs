//! The configuration file: what holds where neither script, environment nor command line says otherwise.
//!
//! TOML, or JSON as k6 has it. Every key is checked when the file is read, and what is wrong is shown with
//! its line; only whether the script has the parameters that it sets must wait for the script.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::syntax::{self, Entry};
use crate::diagnostic::{Code, Diagnostic, Position, Source, suggest};
use crate::http::Endpoint;
use crate::plan::{
    Given, HTTP_OPTIONS, OptionSpec, Options, ParamSource, Plan, PlanError, RUN_OPTIONS, Reader, RunDefaults,
    RunOptions, SUMMARY_OPTIONS, SYSTEM_TAGS_OPTION, Value, canonical,
};
use crate::script::DEMO_URL;

/// The files that are found without being named, in the working directory alone: what a run does must not
/// depend on what lies further up.
pub const CONFIG_FILES: [&str; 2] = ["runner.toml", ".runner.toml"];

/// The largest file that is read: a hundred times what one should be.
const BYTES_MAX: u64 = 1 << 20;

/// The most worker threads, as the flag has it.
const WORKERS_MAX: u64 = 1_024;

/// What a configuration file can say beside the options of the run.
const OWN_OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "base_url",
        takes: "a URL, or \"demo\"",
        default: Some("the script's"),
        about: "where relative URLs go",
    },
    OptionSpec { name: "workers", takes: "an integer", default: Some("one a core"), about: "worker threads" },
    OptionSpec {
        name: "env",
        takes: "a table of texts",
        default: Some("{}"),
        about: "variables for `env(name)`",
    },
    OptionSpec {
        name: "params",
        takes: "a table of values",
        default: Some("{}"),
        about: "the script's parameters",
    },
    OptionSpec {
        name: "scenario",
        takes: "a scenario's name, or a list of names",
        default: Some("all"),
        about: "which scenarios are played",
    },
    switch("quiet", "no progress, no heading"),
    switch("verbose", "show the script's debug lines too"),
    switch("in_series", "play several scripts one after another"),
    switch("no_preflight", "start without looking whether the hosts are there"),
    switch("no_setup", "leave `setup()` out"),
    switch("no_teardown", "leave `teardown(data)` out"),
    switch("no_targets", "judge nothing"),
    switch("allow_few", "judge percentiles on fewer samples than they need"),
    text("summary_export", "the file that k6's JSON of the summary goes to"),
    text("console_output", "the file that the script's own lines go to"),
    text("log_output", "where the log goes: stderr, stdout, none or file=PATH"),
    text("log_format", "how its lines look: text, raw or json"),
    list("out", "outputs, each as `-o NAME=WHERE` has it"),
    list("report", "reports, each as `--report NAME=FILE` has it"),
];

/// All that it can say.
const SPECS: [&[OptionSpec]; 5] =
    [RUN_OPTIONS, SYSTEM_TAGS_OPTION, SUMMARY_OPTIONS, HTTP_OPTIONS, OWN_OPTIONS];

const fn text(name: &'static str, about: &'static str) -> OptionSpec {
    OptionSpec { name, takes: "a text", default: Some("none"), about }
}

const fn list(name: &'static str, about: &'static str) -> OptionSpec {
    OptionSpec { name, takes: "a text, or a list of texts", default: Some("none"), about }
}

const fn switch(name: &'static str, about: &'static str) -> OptionSpec {
    OptionSpec { name, takes: "true or false", default: Some("false"), about }
}

/// A configuration file, read and checked.
#[derive(Debug, Default)]
pub struct Config {
    /// Its name as the user wrote it, or as it was found.
    pub name: String,
    /// What holds where the script says nothing.
    pub defaults: RunDefaults,
    /// Variables for `env(name)`, below the environment's own.
    pub env: BTreeMap<String, String>,
    /// Values of parameters.
    pub params: BTreeMap<String, Given>,
    /// Worker threads for each script.
    pub workers: Option<u16>,
    /// The only scenarios that are played; empty: all.
    pub scenarios: Vec<String>,
    /// The outputs, as the flag has each.
    pub outputs: Vec<String>,
    /// The reports, as the flag has each.
    pub reports: Vec<String>,
    /// Flags that are on, by their names in the file: `no_setup`.
    switches: BTreeSet<&'static str>,
    /// Flags that take a text, by their names in the file: `log_output`.
    texts: BTreeMap<&'static str, String>,
    /// Whether the user named it; else it was found.
    is_named: bool,
    source: Option<Arc<Source>>,
    /// Where the parameters stand.
    places: BTreeMap<String, Position>,
}

impl Config {
    /// Reads the file that the user names.
    pub fn named(path: &Path) -> Result<Self, Box<Diagnostic>> {
        Ok(Self { is_named: true, ..Self::read(path)? })
    }

    /// Reads the file that lies in a folder, or says nothing where none does.
    pub fn found(folder: &Path) -> Result<Self, Box<Diagnostic>> {
        let there: Vec<&str> = CONFIG_FILES.into_iter().filter(|name| folder.join(name).is_file()).collect();
        match there[..] {
            [] => Ok(Self::default()),
            [one] => Self::read(&if folder == Path::new("") { PathBuf::from(one) } else { folder.join(one) }),
            _ => Err(Box::new(
                Diagnostic::new(Code::Plan, format!("there are both `{}`", there.join("` and `")))
                    .hint("keep one of them, or name the one that counts: `-c runner.toml`"),
            )),
        }
    }

    /// Whether a flag is on, by its name in the file.
    pub fn is_on(&self, name: &str) -> bool {
        self.switches.contains(name)
    }

    /// What it says for a flag that takes a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// Whether there is a file.
    pub fn is_there(&self) -> bool {
        self.source.is_some()
    }

    /// What the plan makes of the file: a parameter that the script doesn't have is an error in a file that
    /// the user named. One that was found may serve other scripts too, so there it is a note.
    pub fn check(&self, plan: &Plan) -> Result<Vec<String>, Box<Diagnostic>> {
        let mut notes = Vec::new();
        let declared = || plan.params.iter().map(|param| param.name.as_str());
        for name in self.params.keys().filter(|name| !declared().any(|known| known == *name)) {
            let (message, hint) = super::declare::unknown_param(name, &plan.params);
            if self.is_named {
                return Err(Box::new(
                    self.at(Diagnostic::new(Code::Plan, message), self.places.get(name)).hint(hint),
                ));
            }
            notes.push(format!("{}: {message}: {hint}", self.place(name)));
        }
        let load = RunOptions::load_among(&self.defaults.options);
        if !load.is_empty() && plan.scenarios.iter().any(|scenario| scenario.position.is_some()) {
            let load: Vec<String> = load.iter().map(|name| format!("`{name}`")).collect();
            notes.push(format!(
                "{} of {} is not used: the script declares its own scenarios",
                load.join(", "),
                self.name
            ));
        }
        Ok(notes)
    }

    fn place(&self, param: &str) -> String {
        let place = self.places.get(param).map_or_else(String::new, |place| format!(":{place}"));
        format!("{}{place}", self.name)
    }

    fn at(&self, diagnostic: Diagnostic, place: Option<&Position>) -> Diagnostic {
        match (&self.source, place) {
            (Some(source), Some(place)) => diagnostic.at(source, *place, ""),
            _ => diagnostic,
        }
    }

    fn read(path: &Path) -> Result<Self, Box<Diagnostic>> {
        let name = path.display().to_string();
        let text = read_text(path).map_err(|error| {
            Box::new(
                Diagnostic::new(Code::Plan, format!("failed to read the configuration `{name}`: {error}"))
                    .hint("name a TOML or a JSON file, or leave `-c` out"),
            )
        })?;
        Self::parse(&name, text)
    }

    /// The file's content, checked.
    fn parse(name: &str, text: String) -> Result<Self, Box<Diagnostic>> {
        let source = Arc::new(Source { name: name.to_owned(), text });
        let is_json =
            Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let entries = if is_json { syntax::json(&source) } else { syntax::toml(&source) }?;
        let mut config = Self { name: name.to_owned(), source: Some(Arc::clone(&source)), ..Self::default() };
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for entry in &entries {
            let written = entry.name.replace('-', "_");
            let option = canonical(&written).to_owned();
            config.take(&option, entry).map_err(|fault| Box::new(fault.shown(&source, entry)))?;
            if let Some(first) = seen.insert(option, entry.name.clone()) {
                let error = PlanError::GivenTwice { first, second: entry.name.clone() };
                return Err(Box::new(Fault::Plan(error).shown(&source, entry)));
            }
        }
        Ok(config)
    }

    /// Takes one key of the file.
    fn take(&mut self, option: &str, entry: &Entry) -> Result<(), Fault> {
        let alone = Options::from([(option.to_owned(), entry.value.clone())]);
        let reader = Reader::new("the configuration", &alone, &SPECS);
        if reader.check_names().is_err() {
            // Again with the key as it is written.
            let written = Options::from([(entry.name.clone(), entry.value.clone())]);
            return Ok(Reader::new("the configuration", &written, &SPECS).check_names()?);
        }
        if let Some(switch) =
            OWN_OPTIONS.iter().find(|spec| spec.name == option && spec.takes == "true or false")
        {
            if reader.flag(option)? {
                self.switches.insert(switch.name);
            }
            return Ok(());
        }
        if let Some(text) = OWN_OPTIONS.iter().find(|spec| spec.name == option && spec.takes == "a text") {
            self.texts.insert(text.name, reader.text(option)?);
            return Ok(());
        }
        match option {
            "base_url" => {
                let url = reader.text("base_url")?;
                if url != DEMO_URL {
                    Endpoint::parse(None, &url)
                        .map_err(|error| Fault::Other(format!("`base_url`: {error}")))?;
                }
                self.defaults.base_url = Some(url);
            }
            "workers" => self.workers = u16::try_from(reader.count("workers", 1..=WORKERS_MAX)?).ok(),
            "scenario" => self.scenarios = reader.names("scenario")?,
            "out" => self.outputs = reader.names("out")?,
            "report" => self.reports = reader.names("report")?,
            "env" => {
                self.env = reader.texts("env")?;
                if let Some(name) = self.env.keys().find(|name| !is_variable(name)) {
                    return Err(Fault::Key(name.clone(), format!("`{name}` is no name for a variable")));
                }
            }
            "params" => {
                for (name, text) in reader.texts("params")? {
                    let below = entry.below.iter().find(|below| below.name == name);
                    let place = below.map_or(entry.at, |below| below.at);
                    let source = ParamSource::Config(format!("{}:{place}", self.name));
                    self.places.insert(name.clone(), below.map_or(entry.key, |below| below.key));
                    self.params.insert(name, Given { text, source });
                }
            }
            _ => {
                RunOptions::from_options(&alone)?;
                self.defaults.options.insert(option.to_owned(), entry.value.clone());
            }
        }
        Ok(())
    }
}

/// Whether a variable of the environment can have the name.
pub fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn read_text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let length = std::fs::File::open(path)?.take(BYTES_MAX + 1).read_to_string(&mut text)? as u64;
    if length > BYTES_MAX {
        return Err(std::io::Error::other("it is larger than 1 MB"));
    }
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// What is wrong with a key.
enum Fault {
    Plan(PlanError),
    /// A key below the entry, and what is wrong with it.
    Key(String, String),
    Other(String),
}

impl From<PlanError> for Fault {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}

impl Fault {
    /// With its place: at the key where that is unknown, else at the value.
    fn shown(self, source: &Arc<Source>, entry: &Entry) -> Diagnostic {
        match self {
            Self::Other(message) => Diagnostic::new(Code::Plan, message).at(source, entry.at, ""),
            Self::Key(key, message) => {
                let place = entry.find(&key).map_or(entry.key, |found| found.key);
                Diagnostic::new(Code::Plan, message)
                    .at(source, place, "")
                    .hint("use letters, digits and `_`, beginning with a letter")
            }
            Self::Plan(error) => {
                let is_of_key =
                    matches!(error, PlanError::UnknownOption { .. } | PlanError::GivenTwice { .. });
                // Of `env.NAME` the last part is what the file has.
                let word = error.word().map(|word| word.rsplit('.').next().unwrap_or(word).to_owned());
                let found = word.as_deref().and_then(|word| entry.find(word)).unwrap_or(entry);
                let place = if is_of_key { found.key } else { found.at };
                match (&error, script_hint(&error)) {
                    (_, Some(hint)) => Diagnostic::new(Code::Plan, error.message()).hint(hint),
                    (error, None) => error.diagnostic(),
                }
                .at(source, place, "")
            }
        }
    }
}

/// A hint of this file's own, where the script's would show another syntax.
fn script_hint(error: &PlanError) -> Option<String> {
    match error {
        PlanError::UnknownOption { option, .. } => match option.as_str() {
            "thresholds" | "scenarios" | "executor" | "flow" | "targets" => {
                Some(format!("`{option}` belongs into the script: `scenario(…)`, `target(…)`"))
            }
            _ => None,
        },
        PlanError::Stage { .. } => {
            Some("write `{ duration = \"30s\", target = 50 }`, or \"30s:50\" for short".to_owned())
        }
        PlanError::WrongType { option, takes, .. } if takes.contains("#{") && option == "stages" => {
            Some("write `stages = [\"30s:50\", \"10s:0\"]`".to_owned())
        }
        _ => None,
    }
}

/// Names like one that is unknown, best first, as a hint has them.
pub(super) fn near(name: &str, known: &[&str]) -> Option<String> {
    let near: Vec<String> =
        suggest(name, known.iter().copied()).iter().map(|name| format!("`{name}`")).collect();
    (!near.is_empty()).then(|| format!("did you mean {}?", near.join(" or ")))
}

/// The value that a table or a list has in a plan.
pub(super) fn table(entries: &[Entry]) -> Value {
    Value::Map(entries.iter().map(|entry| (entry.name.clone(), entry.value.clone())).collect())
}

#[cfg(test)]
mod tests;
