//! Removing old runs: which, by rules that only ever spare; and how, without leaving the run's own folder.
//!
//! A run goes only if every rule that was given lets it go. Spared always: a run under way, a tagged one, what isn't a
//! run's folder. Whoever removes a run holds its folder, so that two who clear up don't meet in it.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::environment::ENVIRONMENT_FILE;
use super::kept_run::{KeptRun, RunCard, RunState};
use super::private_folder::{Held, PrivateFolder};
use super::{Runs, StoreError};

/// Folders in folders that are removed: as deep as anything of a run lies, twice.
const DEPTH_MAX: usize = 32;

/// Which runs may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruning {
    /// The newest so many stay.
    pub keep: Option<usize>,
    /// Younger ones stay.
    pub older_than: Option<Duration>,
}

/// What was removed, or would be, and what was spared though the rules would let it go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Pruned {
    /// Whether nothing was removed, since the user only asked.
    pub is_dry_run: bool,
    /// The runs that are gone, the oldest first.
    pub removed: Vec<PrunedRun>,
    /// Those that stay.
    pub spared: Vec<SparedRun>,
    /// Runs that are left, these included.
    pub left: u64,
}

/// A run that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrunedRun {
    /// Its name.
    pub id: String,
    /// When it began.
    pub begun_at: Option<String>,
    /// What it took.
    pub bytes: u64,
}

/// A run that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SparedRun {
    /// Its name.
    pub id: String,
    /// Why.
    pub why: String,
}

impl Runs {
    /// Removes the runs that every rule lets go; with `is_dry_run` it only says which.
    pub fn prune(&self, rules: Pruning, now: Timestamp, is_dry_run: bool) -> Result<Pruned, StoreError> {
        let runs = self.list()?;
        let mut pruned = Pruned { is_dry_run, left: runs.len() as u64, ..Pruned::default() };
        // The oldest first: what is interrupted has removed what matters least.
        for (_, run) in runs.into_iter().enumerate().skip(rules.keep.unwrap_or(0)).rev() {
            let is_young = |limit: Duration| {
                run.begun().is_none_or(|begun| {
                    Duration::try_from(now.duration_since(begun)).is_ok_and(|age| age < limit)
                })
            };
            if rules.older_than.is_some_and(is_young) {
                continue;
            }
            let card = run.card(now);
            match self.remove(&run, &card, is_dry_run)? {
                Ok(bytes) => {
                    pruned.left -= u64::from(!is_dry_run);
                    pruned.removed.push(PrunedRun { id: card.id, begun_at: card.begun_at, bytes });
                }
                Err(why) => pruned.spared.push(SparedRun { id: card.id, why }),
            }
        }
        Ok(pruned)
    }

    /// Removes a run, and gives what it took, or why it stays.
    fn remove(
        &self,
        run: &KeptRun,
        card: &RunCard,
        is_dry_run: bool,
    ) -> Result<Result<u64, String>, StoreError> {
        let (Some(runs), Some(id)) = (&self.folder, &run.id) else { return Ok(Err("it has no id".into())) };
        if card.state == RunState::UnderWay {
            return Ok(Err("it is under way".into()));
        }
        if !card.tags.is_empty() {
            return Ok(Err(format!("it is tagged `{}`", card.tags.join("`, `"))));
        }
        if let Some(fault) = &card.fault {
            return Ok(Err(fault.clone()));
        }
        if !run.is_run()? {
            return Ok(Err("it holds no file of a run".into()));
        }
        let bytes = run.files()?.iter().map(|file| file.bytes).sum();
        if is_dry_run {
            return Ok(Ok(bytes));
        }
        if run.folder.hold() == Held::Elsewhere {
            return Ok(Err("it is under way".into()));
        }
        // The name must still lead to the folder that is held.
        let stat = run.folder.stat()?;
        let is_it = |entry: &super::private_folder::Entry| {
            entry.name.to_bytes() == id.as_str().as_bytes() && entry.is_same(&stat)
        };
        if !runs.entries()?.iter().any(is_it) {
            return Ok(Err("another folder lies there by now".into()));
        }
        empty(&run.folder, 0)?;
        runs.remove_empty(id.as_str())?;
        Ok(Ok(bytes))
    }
}

/// Removes all that lies in a folder: links themselves, never what they lead to; nothing on another file system. By
/// which a run is known goes last, so that what is cut in between is still a run, and can be removed.
fn empty(folder: &PrivateFolder, depth: usize) -> Result<(), StoreError> {
    let stat = folder.stat()?;
    let mut entries = folder.entries()?;
    entries.sort_by_key(|entry| entry.name.to_bytes() == ENVIRONMENT_FILE.as_bytes());
    for entry in entries {
        if !entry.is_folder() {
            folder.remove_file(&entry.name)?;
            continue;
        }
        let name = entry.name.to_string_lossy();
        let path = folder.path().join(&*name);
        if !entry.is_beside(&stat) {
            return Err(StoreError::Planted { path, what: "on another file system" });
        }
        if depth == DEPTH_MAX {
            return Err(StoreError::Planted { path, what: "too deep" });
        }
        empty(&folder.folder(&name)?, depth + 1)?;
        folder.remove_empty(&name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
