//! A script that is read and declared again and again: as a run reads it, with the same secrets, seed, parameters and
//! flags, and with what its files say now.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::config::Config;
use super::super::declare::{Declared, check, declare, declare_over, read};
use super::files::plain;
use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::plan::{Overrides, Plan, TakeOver};
use crate::script::{LogLine, Outside};

/// How a script is read.
#[derive(Debug)]
pub struct Reading {
    /// The script's file.
    pub script: PathBuf,
    /// The configuration; it is read once.
    pub config: Config,
    /// What the script takes from outside; its files are read anew each time.
    pub outside: Outside,
    /// What flags change.
    pub overrides: Overrides,
}

/// A script that was read and declared.
#[derive(Debug)]
pub struct Draft {
    /// Its text.
    pub source: Arc<Source>,
    /// What it takes from outside, its files among it.
    pub outside: Outside,
    /// Its plan.
    pub declared: Declared,
}

/// What the files of a script say, by their names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text(Vec<(String, String)>);

/// Reads a script again and again.
pub(super) struct Reader {
    how: Reading,
    /// Every file that the last reading asked for; where it failed, that of the one before too.
    asked: BTreeSet<PathBuf>,
    /// Data files that have changed since they were read.
    stale: BTreeSet<PathBuf>,
}

impl Reader {
    pub(super) fn new(how: Reading) -> Self {
        let asked = [how.script.clone()].into();
        Self { how, asked, stale: BTreeSet::new() }
    }

    /// Every file that the last reading asked for, whether it was there or not.
    pub(super) fn asked(&self) -> &BTreeSet<PathBuf> {
        &self.asked
    }

    /// Reads it as it is now. What can't be played comes with all that `runner check` says of it.
    pub(super) fn read(&mut self, log: impl Fn(LogLine) + 'static) -> Result<Draft, Vec<Diagnostic>> {
        let (source, outside) = self.files(|_| true)?;
        let declared = declare(&source, &outside, &self.how.overrides, log);
        let declared = declared.and_then(|declared| self.configured(declared));
        self.ask(&outside, declared.is_ok());
        match declared {
            Ok(declared) => Ok(Draft { source, outside, declared }),
            Err(error) => Err(self.all(&source, &outside, *error)),
        }
    }

    /// The same for a plan that is played, of data files only those that have changed: with what of it can hold at once,
    /// and whether any data was read anew. `refit` gives the plan its real addresses.
    pub(super) fn read_over(
        &mut self,
        running: &Plan,
        refit: impl FnOnce(&mut Plan) -> Result<(), String>,
        changed: &BTreeSet<PathBuf>,
        log: impl Fn(LogLine) + 'static,
    ) -> Result<(Draft, TakeOver, bool), Vec<Diagnostic>> {
        self.stale.extend(changed.iter().cloned());
        let stale = self.stale.clone();
        let has_changed = |path: &Path| stale.contains(&plain(path));
        let (source, outside) = self.files(has_changed)?;
        let over = declare_over((&source, &outside), &self.how.overrides, (running, refit), log);
        let over = over.and_then(|(declared, over)| Ok((self.configured(declared)?, over)));
        self.ask(&outside, over.is_ok());
        match over {
            Ok((declared, over)) => {
                let has_new_data =
                    outside.data.paths().iter().any(|path| has_changed(&outside.folder.join(path)));
                Ok((Draft { source, outside, declared }, over, has_new_data))
            }
            Err(error) => Err(self.all(&source, &outside, *error)),
        }
    }

    fn files(
        &mut self,
        has_changed: impl Fn(&Path) -> bool,
    ) -> Result<(Arc<Source>, Outside), Vec<Diagnostic>> {
        let folder = self.how.outside.folder.clone();
        let source = read(&self.how.script).map_err(|error| vec![error])?;
        if let Some(targets) = &mut self.how.overrides.targets {
            *targets = read(Path::new(&targets.name)).map_err(|error| vec![error])?;
        }
        let outside = self.how.outside.renewed_where(|path| has_changed(&folder.join(path)));
        Ok((source, outside))
    }

    fn configured(&self, mut declared: Declared) -> Result<Declared, Box<Diagnostic>> {
        declared.notes.extend(self.how.config.check(&declared.declared)?);
        Ok(declared)
    }

    /// Notes what a reading asked for, and keeps what it read for the next one. A script that failed has not asked for
    /// all that it will.
    fn ask(&mut self, outside: &Outside, is_sound: bool) {
        let (modules, data) = (&outside.modules, &outside.data);
        if is_sound {
            self.asked = [self.how.script.clone()].into();
            self.stale.clear();
            self.how.outside.data = Arc::clone(data);
            self.how.outside.secrets = outside.secrets.clone();
        }
        let relative = modules.paths().into_iter().chain(modules.missed()).chain(data.paths());
        self.asked.extend(relative.map(|path| outside.folder.join(path)));
        self.asked.extend(self.how.overrides.targets.as_ref().map(|targets| PathBuf::from(&targets.name)));
    }

    /// What all files say that are texts of the script.
    pub(super) fn text(&self, draft: &Draft) -> Text {
        let modules = draft.outside.modules.sources().into_iter();
        let modules = modules.map(|(name, source)| (name, source.text.clone()));
        let targets = self.how.overrides.targets.iter();
        let targets = targets.map(|targets| (targets.name.clone(), targets.text.clone()));
        let script = (draft.source.name.clone(), draft.source.text.clone());
        Text([script].into_iter().chain(targets).chain(modules).collect())
    }

    /// All that is to be said of a script that failed with an error.
    fn all(&self, source: &Arc<Source>, outside: &Outside, error: Diagnostic) -> Vec<Diagnostic> {
        let outside = Outside { secrets: outside.secrets.renewed(), ..outside.clone() };
        // What the top level logs was told before.
        let (_, found) = check(source, &outside, &self.how.overrides, |_| {});
        let errors: Vec<Diagnostic> =
            found.into_iter().filter(|found| found.severity == Severity::Error).collect();
        if errors.is_empty() { vec![error] } else { errors }
    }
}
