//! A run that lies on disk: what its folder tells of it, whether it ended, was killed, or still goes on.

use std::fs::File;

use jiff::Timestamp;
use serde::Serialize;

use super::environment::{ENVIRONMENT_BYTES_MAX, ENVIRONMENT_FILE, Environment, RunOutcome};
use super::private_folder::{Held, PrivateFolder};
use super::{DOCUMENT_FILE, RunId, StoreError};

/// The journal's name, in a run's folder.
pub const JOURNAL_FILE: &str = "journal";

/// The folder of the script as it ran, in a run's folder.
pub const SCRIPT_FOLDER: &str = "script";

/// The folder of a profile, in a run's folder.
pub const PROFILE_FOLDER: &str = "profile";

/// The tags' file, in a run's folder.
const TAGS_FILE: &str = "tags.json";

/// The largest file of tags that is read.
const TAGS_BYTES_MAX: u64 = 64 << 10;

/// The most tags of a run.
const TAGS_MAX: usize = 100;

/// The longest tag.
const TAG_BYTES_MAX: usize = 64;

/// The name that stands for the newest run.
pub const LAST: &str = "last";

/// Where a file system has no locks: a run writes each second, so that one which has been silent for so long is over.
const SILENCE_MAX_S: i64 = 60;

/// Folders below a run's that are looked into: a script's modules may lie deep.
const DEPTH_MAX: usize = 16;

/// A run on disk.
#[derive(Debug)]
pub struct KeptRun {
    pub(super) id: Option<RunId>,
    pub(super) folder: PrivateFolder,
    /// The name of its journal, which whoever copied it may have changed.
    pub(super) journal: String,
    pub(super) is_named_by_journal: bool,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// A process plays it now.
    UnderWay,
    /// It is over, and what became of it is known.
    Ended,
    /// Its process was killed, or could not write its end.
    Incomplete,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunCard {
    /// Its name.
    pub id: String,
    /// When it began, UTC, RFC 3339; by its name, to the second, where nothing else tells.
    pub begun_at: Option<String>,
    /// Where it stands.
    pub state: RunState,
    /// The script as the user named it.
    pub script: Option<String>,
    /// What became of it; none unless it ended.
    pub outcome: Option<RunOutcome>,
    /// Its tags, in order.
    pub tags: Vec<String>,
    /// What of its folder can't be read.
    pub fault: Option<String>,
}

/// A file of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunFile {
    /// Its path from the run's folder.
    pub path: String,
    /// Its size.
    pub bytes: u64,
}

impl KeptRun {
    /// Its name; none where it lies in a folder that has another.
    pub fn id(&self) -> Option<&RunId> {
        self.id.as_ref()
    }

    /// Its folder, for whoever reads a file there.
    pub fn folder(&self) -> &PrivateFolder {
        &self.folder
    }

    /// How it is called.
    pub fn name(&self) -> String {
        match &self.id {
            Some(id) => id.to_string(),
            None => self.folder.path().display().to_string(),
        }
    }

    /// Its journal's name.
    pub fn journal_name(&self) -> &str {
        &self.journal
    }

    /// Whether the user named its journal and not its folder: nothing else is meant then.
    pub fn is_named_by_journal(&self) -> bool {
        self.is_named_by_journal
    }

    /// Its journal, opened for reading; none where there is none.
    pub fn open_journal(&self) -> Result<Option<File>, StoreError> {
        self.folder.open_file(&self.journal)
    }

    /// What it was played with; none where that was not written.
    pub fn environment(&self) -> Result<Option<Environment>, StoreError> {
        let Some(bytes) = self.folder.read(ENVIRONMENT_FILE, ENVIRONMENT_BYTES_MAX)? else { return Ok(None) };
        let path = self.folder.path().join(ENVIRONMENT_FILE);
        Environment::parse(&bytes).map(Some).map_err(|what| StoreError::Malformed { path, what })
    }

    /// Its tags, in order.
    pub fn tags(&self) -> Result<Vec<String>, StoreError> {
        let Some(bytes) = self.folder.read(TAGS_FILE, TAGS_BYTES_MAX)? else { return Ok(Vec::new()) };
        let malformed = |what| StoreError::Malformed { path: self.folder.path().join(TAGS_FILE), what };
        let mut tags: Vec<String> =
            serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        if let Some(wrong) = tags.iter().find(|tag| check_tag(tag).is_err()) {
            return Err(malformed(format!("`{}` is no tag", wrong.escape_default())));
        }
        tags.sort_unstable();
        tags.dedup();
        Ok(tags)
    }

    /// Keeps these tags in place of those it has.
    pub(super) fn write_tags(&self, tags: &[String]) -> Result<(), StoreError> {
        if tags.len() > TAGS_MAX {
            let tag = tags.last().cloned().unwrap_or_default();
            return Err(StoreError::Tag { tag, why: "a run can have at most 100" });
        }
        let text = serde_json::to_string(tags).unwrap_or_default() + "\n";
        self.folder.write_whole(TAGS_FILE, text.as_bytes())
    }

    /// Whether a process plays it. `now` matters where a file system has no locks.
    pub fn is_under_way(&self, now: Timestamp) -> Result<bool, StoreError> {
        match self.folder.held() {
            Held::Here => Ok(false),
            Held::Elsewhere => Ok(true),
            Held::Unknown => {
                let newest =
                    self.folder.entries()?.iter().map(super::private_folder::Entry::modified_s).max();
                Ok(newest.is_some_and(|second| now.as_second() - second < SILENCE_MAX_S))
            }
        }
    }

    /// What a list shows of it. What can't be read is told in [`RunCard::fault`]: one broken run must not hide the
    /// others.
    pub fn card(&self, now: Timestamp) -> RunCard {
        let mut faults = Vec::new();
        let mut told = |error: StoreError| faults.push(error.to_string());
        let environment = self.environment().map_err(&mut told).unwrap_or_default();
        let tags = self.tags().map_err(&mut told).unwrap_or_default();
        let is_under_way = self.is_under_way(now).map_err(&mut told).unwrap_or(true);
        let environment_begun = environment.as_ref().map(|environment| environment.begun_at.clone());
        let (script, outcome) = environment
            .map(|environment| (environment.script.map(|script| script.name), environment.outcome))
            .unwrap_or_default();
        let state = match (&outcome, is_under_way) {
            (_, true) => RunState::UnderWay,
            (Some(_), false) => RunState::Ended,
            (None, false) => RunState::Incomplete,
        };
        RunCard {
            id: self.name(),
            begun_at: environment_begun.or_else(|| Some(self.id.as_ref()?.begun()?.to_string())),
            state,
            script,
            outcome,
            tags,
            fault: (!faults.is_empty()).then(|| faults.join("; ")),
        }
    }

    /// All its files, in order.
    pub fn files(&self) -> Result<Vec<RunFile>, StoreError> {
        fn walk(
            folder: &PrivateFolder,
            above: &str,
            depth: usize,
            files: &mut Vec<RunFile>,
        ) -> Result<(), StoreError> {
            for entry in folder.entries()? {
                let name = entry.name.to_string_lossy();
                let path = format!("{above}{name}");
                if entry.is_file() {
                    files.push(RunFile { path, bytes: entry.bytes() });
                } else if entry.is_folder() && depth < DEPTH_MAX {
                    walk(&folder.folder(&name)?, &format!("{path}/"), depth + 1, files)?;
                }
            }
            Ok(())
        }
        let mut files = Vec::new();
        walk(&self.folder, "", 0, &mut files)?;
        Ok(files)
    }

    /// When it began, as far as is known; runs are in this order.
    pub(super) fn begun(&self) -> Option<Timestamp> {
        let told = self.environment().ok().flatten().and_then(|environment| environment.begun());
        let named = self.id.as_ref().and_then(RunId::begun);
        match (told, named) {
            // A name counts seconds; what says another second was changed by hand.
            (Some(told), Some(named)) if told.as_second() == named.as_second() => Some(told),
            (told, named) => named.or(told),
        }
    }

    /// Whether what lies there is a run's folder, by its files: empty ones of runs that were killed at once are.
    pub(super) fn is_run(&self) -> Result<bool, StoreError> {
        let entries = self.folder.entries()?;
        let is_known = |name: &[u8]| {
            [JOURNAL_FILE, DOCUMENT_FILE, ENVIRONMENT_FILE].iter().any(|known| known.as_bytes() == name)
        };
        Ok(entries.is_empty()
            || entries.iter().any(|entry| entry.is_file() && is_known(entry.name.to_bytes())))
    }
}

/// Whether a text can be a tag: never an id, the beginning of one, a path, or `last`.
pub(super) fn check_tag(tag: &str) -> Result<(), StoreError> {
    let why = if tag.is_empty() || tag.len() > TAG_BYTES_MAX {
        "it has no character, or too many"
    } else if tag == LAST {
        "it stands for the newest run"
    } else if !tag.starts_with(|first: char| first.is_ascii_alphabetic()) {
        "it doesn't begin with a letter"
    } else if !tag.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
        "it has other characters than letters, digits, `.`, `_` and `-`"
    } else {
        return Ok(());
    };
    Err(StoreError::Tag { tag: tag.to_owned(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_never_an_id_a_path_or_a_word_of_ours() {
        for tag in ["release-1.2", "a", "Main_2026"] {
            assert!(check_tag(tag).is_ok(), "{tag}");
        }
        let long = "a".repeat(65);
        for tag in
            ["", "last", "2026", "20261128T095155Z-4k2f", "../x", "a/b", "a b", ".a", "é", long.as_str()]
        {
            assert!(check_tag(tag).is_err(), "{tag}");
        }
    }
}
