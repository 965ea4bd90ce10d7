//! A script that is read and declared again and again: as a run reads it, with the same secrets, seed, parameters and
//! flags, and with what its files say now.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::config::Config;
use super::super::declare::{Declared, check, declare, declare_over, read};
use crate::diagnostic::{Diagnostic, Severity, Source};
use crate::plan::{Overrides, Plan, TakeOver};
use crate::script::{LogLine, Outside, Shelf};

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

/// Reads a script again and again.
pub(super) struct Reader {
    how: Reading,
    /// Every file that the last reading asked for.
    asked: BTreeSet<PathBuf>,
}

impl Reader {
    pub(super) fn new(how: Reading) -> Self {
        let asked = [how.script.clone()].into();
        Self { how, asked }
    }

    /// The script's file.
    pub(super) fn script(&self) -> &Path {
        &self.how.script
    }

    /// Every file that the last reading asked for, whether it was there or not.
    pub(super) fn asked(&self) -> &BTreeSet<PathBuf> {
        &self.asked
    }

    /// Reads it as it is now; of data files those that have changed. What can't be played comes with all that
    /// `runner check` says of it.
    pub(super) fn read(
        &mut self,
        has_changed: impl Fn(&Path) -> bool,
        log: impl Fn(LogLine) + 'static,
    ) -> Result<Draft, Vec<Diagnostic>> {
        let (source, outside) = self.files(has_changed)?;
        let declared = declare(&source, &outside, &self.how.overrides, log);
        let declared = declared.and_then(|declared| self.configured(declared));
        self.ask(&outside);
        match declared {
            Ok(declared) => Ok(Draft { source, outside, declared }),
            Err(error) => Err(self.all(&source, &outside, *error)),
        }
    }

    /// The same for a plan that is played: what of it can hold at once. `refit` gives the plan its real addresses.
    pub(super) fn read_over(
        &mut self,
        running: &Plan,
        refit: impl FnOnce(&mut Plan) -> Result<(), String>,
        has_changed: impl Fn(&Path) -> bool,
        log: impl Fn(LogLine) + 'static,
    ) -> Result<(Draft, TakeOver), Vec<Diagnostic>> {
        let (source, outside) = self.files(has_changed)?;
        let over = declare_over((&source, &outside), &self.how.overrides, (running, refit), log);
        let over = over.and_then(|(declared, over)| Ok((self.configured(declared)?, over)));
        self.ask(&outside);
        match over {
            Ok((declared, over)) => Ok((Draft { source, outside, declared }, over)),
            Err(error) => Err(self.all(&source, &outside, *error)),
        }
    }

    fn files(&mut self, has_changed: impl Fn(&Path) -> bool) -> Result<(Arc<Source>, Outside), Vec<Diagnostic>> {
        let folder = self.how.outside.folder.clone();
        // Without it only the script is known; what it asked for last is looked after still.
        let source = read(&self.how.script).map_err(|error| vec![error])?;
        if let Some(targets) = &mut self.how.overrides.targets {
            *targets = read(Path::new(&targets.name)).map_err(|error| vec![error])?;
        }
        let data: Shelf = self.how.outside.data.renewed(|path| has_changed(&folder.join(path)));
        let secrets = self.how.outside.secrets.renewed();
        let outside =
            Outside { data: Arc::new(data), modules: Arc::default(), secrets, ..self.how.outside.clone() };
        Ok((source, outside))
    }

    fn configured(&self, mut declared: Declared) -> Result<Declared, Box<Diagnostic>> {
        declared.notes.extend(self.how.config.check(&declared.declared)?);
        Ok(declared)
    }

    /// Notes what a reading asked for, and keeps what it read of data.
    fn ask(&mut self, outside: &Outside) {
        let (modules, data) = (&outside.modules, &outside.data);
        let relative = modules.paths().into_iter().chain(modules.missed()).chain(data.paths());
        self.asked = relative.map(|path| outside.folder.join(path)).collect();
        self.asked.insert(self.how.script.clone());
        self.asked.extend(self.how.overrides.targets.as_ref().map(|targets| PathBuf::from(&targets.name)));
        self.how.outside.data = Arc::clone(data);
        self.how.outside.secrets = outside.secrets.clone();
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
