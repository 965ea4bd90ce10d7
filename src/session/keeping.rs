//! What a run's folder holds beside its figures: the script as it ran, and what it was played with.
//!
//! Written when the run begins, so that one which is killed tells it too; the environment again when it is over, with
//! the commit and what became of it. Nothing here stops a load: what can't be written is told at the end.

use crate::diagnostic::Mask;
use crate::http::shown_word;
use crate::plan::Plan;
use crate::results::{
    ENVIRONMENT_FILE, ENVIRONMENT_SCHEMA, Environment, Fingerprint, KeptScript, PrivateFolder, RunFolder,
    RunOutcome, SCRIPT_FOLDER, ScriptVersion, StoreError, Summary,
};

use super::provenance::Origin;
use super::run::Settings;

/// What a script is called that came over standard input.
const NAMELESS: &str = "script.rhai";

/// What is kept beside a run's figures.
pub(super) struct Keeping {
    mask: Mask,
    /// The script's files by their paths from its folder, the script first, as they ran.
    files: Vec<(String, String)>,
    environment: Environment,
    /// What could not be written so far.
    errors: Vec<StoreError>,
}

impl Keeping {
    pub(super) fn new(settings: &Settings, origin: &Origin, plan: &Plan, folder: &RunFolder) -> Self {
        let mask = settings.outside.secrets.mask().clone();
        let files = origin.files(NAMELESS);
        let script = (!files.is_empty()).then(|| {
            let texts: Vec<(String, &str)> =
                files.iter().map(|(name, text)| (name.clone(), text.as_str())).collect();
            KeptScript {
                name: settings.name.clone(),
                files: files.iter().map(|(name, _)| name.clone()).collect(),
                sha256: ScriptVersion::of(&texts, None).sha256,
                commit: None,
            }
        });
        let mut options = serde_json::to_value(&plan.options).unwrap_or_default();
        hide_logins(&mut options);
        let environment = Environment {
            schema: ENVIRONMENT_SCHEMA,
            id: folder.id.to_string(),
            begun_at: folder.start.to_string(),
            machine: Fingerprint::here(settings.workers.max(1)),
            script,
            seed: Some(settings.outside.seed),
            command: settings.command.iter().map(|word| shown_word(word)).collect(),
            options,
            outcome: None,
        };
        Self { mask, files, environment, errors: Vec::new() }
    }

    /// The run begins.
    pub(super) fn begin(&mut self, folder: &RunFolder) {
        let environment = self.write_environment(folder, RunFolder::write_soon);
        let script = self.write_script(folder);
        self.errors.extend([environment, script].into_iter().filter_map(Result::err));
    }

    /// The run is over, and all that the summary says is known but what fails here.
    pub(super) fn end(mut self, folder: &RunFolder, summary: &mut Summary) {
        let told = |summary: &mut Summary, mask: &Mask, error: &StoreError| {
            let mut diagnostic = error.diagnostic();
            diagnostic.apply(mask);
            summary.errors.push(diagnostic);
        };
        for error in std::mem::take(&mut self.errors) {
            told(summary, &self.mask, &error);
        }
        self.environment.complete(summary.method.provenance.as_ref(), RunOutcome::from(&*summary));
        if let Err(error) = self.write_environment(folder, RunFolder::write_whole) {
            told(summary, &self.mask, &error);
        }
    }

    fn write_environment(
        &self,
        folder: &RunFolder,
        write: fn(&RunFolder, &str, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut value = serde_json::to_value(&self.environment).unwrap_or_default();
        self.mask.apply_json(&mut value);
        let text = serde_json::to_string_pretty(&value).unwrap_or_default() + "\n";
        write(folder, ENVIRONMENT_FILE, text.as_bytes())
    }

    fn write_script(&self, folder: &RunFolder) -> Result<(), StoreError> {
        if self.files.is_empty() {
            return Ok(());
        }
        let script = folder.enter(SCRIPT_FOLDER)?;
        for (name, text) in &self.files {
            write_below(&script, &self.mask.mask(name), &self.mask.mask(text))?;
        }
        Ok(())
    }
}

/// Writes a file below a folder, with the folders of its path.
fn write_below(folder: &PrivateFolder, path: &str, text: &str) -> Result<(), StoreError> {
    match path.split_once('/') {
        Some((first, rest)) => write_below(&folder.enter(first)?, rest, text),
        None => folder.write_soon(path, text.as_bytes()),
    }
}

/// Takes user and password out of the URLs among options.
fn hide_logins(value: &mut serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::String(text) => *text = shown_word(text),
        Value::Array(list) => list.iter_mut().for_each(hide_logins),
        Value::Object(map) => map.values_mut().for_each(hide_logins),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
