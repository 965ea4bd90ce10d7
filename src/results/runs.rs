//! All runs of a folder of results: listed, found by what users call them, tagged.
//!
//! Only what has a run's name and is a folder is looked at; whatever else lies beside it is nobody's business here.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::folder::{RUNS_FOLDER, links};
use super::kept_run::{JOURNAL_FILE, KeptRun, LAST, RunCard, check_tag};
use super::private_folder::PrivateFolder;
use super::{RunId, StoreError};
use crate::diagnostic::suggest;

/// The store of runs.
#[derive(Debug)]
pub struct Runs {
    path: PathBuf,
    /// None where no run was ever kept.
    pub(super) folder: Option<PrivateFolder>,
}

impl Runs {
    /// The runs among these results, of which there may be none.
    pub fn open(results: &Path) -> Result<Self, StoreError> {
        let path = results.join(RUNS_FOLDER);
        let opened =
            PrivateFolder::open(results, links(results)).and_then(|results| results.folder(RUNS_FOLDER));
        match opened {
            Ok(folder) => Ok(Self { path, folder: Some(folder) }),
            Err(error) if is_missing(&error) => Ok(Self { path, folder: None }),
            Err(error) => Err(error),
        }
    }

    /// Where they lie.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All runs, the newest first.
    pub fn list(&self) -> Result<Vec<KeptRun>, StoreError> {
        let Some(folder) = &self.folder else { return Ok(Vec::new()) };
        let mut runs = Vec::new();
        for entry in folder.entries()?.iter().filter(|entry| entry.is_folder()) {
            let Some(id) = entry.name.to_str().ok().and_then(RunId::parse) else { continue };
            match folder.folder(id.as_str()) {
                Ok(inner) => runs.push(kept(Some(id), inner)),
                Err(error) if is_missing(&error) => {} // removed meanwhile
                Err(error) => return Err(error),
            }
        }
        runs.sort_by_cached_key(|run| (run.begun(), run.id.clone()));
        runs.reverse();
        Ok(runs)
    }

    /// The run that a user means: `last`, an id or its beginning, a tag, or (with a `/` in it) the path of a run's
    /// folder or journal.
    pub fn find(&self, name: &str) -> Result<KeptRun, StoreError> {
        if name.contains('/') || matches!(name, "." | "..") {
            return at_path(Path::new(name));
        }
        let mut runs = self.list()?;
        if name == LAST {
            let place = || StoreError::NoRuns { place: self.path.clone() };
            return runs.into_iter().next().ok_or_else(place);
        }
        let is = |run: &KeptRun| run.id.as_ref().is_some_and(|id| id.as_str() == name);
        if let Some(at) = runs.iter().position(is) {
            return Ok(runs.swap_remove(at));
        }
        // A tag begins with a letter and an id with a digit: none is both.
        let fits: Vec<usize> = if check_tag(name).is_ok() {
            let has = |run: &KeptRun| run.tags().is_ok_and(|tags| tags.iter().any(|tag| tag == name));
            (0..runs.len()).filter(|at| has(&runs[*at])).collect()
        } else {
            let begins = |run: &KeptRun| run.id.as_ref().is_some_and(|id| id.as_str().starts_with(name));
            (0..runs.len()).filter(|at| !name.is_empty() && begins(&runs[*at])).collect()
        };
        match fits[..] {
            [] => Err(self.unknown(name, &runs)),
            [one] => Ok(runs.swap_remove(one)),
            _ => {
                let ids = fits.into_iter().map(|at| runs[at].name()).collect();
                Err(StoreError::Ambiguous { name: name.to_owned(), ids })
            }
        }
    }

    fn unknown(&self, name: &str, runs: &[KeptRun]) -> StoreError {
        if runs.is_empty() {
            return StoreError::NoRuns { place: self.path.clone() };
        }
        let names: Vec<String> = runs
            .iter()
            .flat_map(|run| run.tags().unwrap_or_default().into_iter().chain([run.name()]))
            .chain([LAST.to_owned()])
            .collect();
        let mut near: Vec<String> =
            suggest(name, names.iter().map(String::as_str)).into_iter().map(str::to_owned).collect();
        if Path::new(name).exists() {
            near.push(format!("./{name}"));
        }
        StoreError::NoRun { name: name.to_owned(), place: self.path.clone(), near }
    }

    /// Puts a tag on a run, by which it is found from then on; whether it had it already. A tag is on one run:
    /// `is_moved` takes it from another.
    pub fn tag(&self, run: &KeptRun, tag: &str, is_moved: bool) -> Result<bool, StoreError> {
        check_tag(tag)?;
        let mut tags = run.tags()?;
        let has = tags.iter().any(|known| known == tag);
        if !has {
            tags.push(tag.to_owned());
            tags.sort_unstable();
        }
        let mut others = Vec::new();
        for other in self.list()?.into_iter().filter(|other| other.id.is_none() || other.id != run.id) {
            if other.tags()?.iter().any(|known| known == tag) {
                others.push(other);
            }
        }
        if let Some(other) = others.first().filter(|_| !is_moved) {
            return Err(StoreError::TagTaken { tag: tag.to_owned(), id: other.name() });
        }
        // First here, then away there: cut in between, it is on two, which is told, and not on none.
        if !has {
            run.write_tags(&tags)?;
        }
        for other in others {
            Self::untag(&other, tag)?;
        }
        Ok(has)
    }

    /// Takes a tag from a run.
    pub fn untag(run: &KeptRun, tag: &str) -> Result<(), StoreError> {
        let tags = run.tags()?;
        let left: Vec<String> = tags.iter().filter(|known| *known != tag).cloned().collect();
        if left.len() == tags.len() {
            return Err(StoreError::NoTag { tag: tag.to_owned(), id: run.name(), tags });
        }
        run.write_tags(&left)
    }

    /// What a list shows of all runs, the newest first.
    pub fn cards(&self, now: Timestamp) -> Result<Vec<RunCard>, StoreError> {
        Ok(self.list()?.iter().map(|run| run.card(now)).collect())
    }
}

fn kept(id: Option<RunId>, folder: PrivateFolder) -> KeptRun {
    KeptRun { id, folder, journal: JOURNAL_FILE.to_owned(), is_named_by_journal: false }
}

/// The run in that folder, or of that journal. The user named it, so links are followed.
fn at_path(path: &Path) -> Result<KeptRun, StoreError> {
    use super::private_folder::Links::Followed;
    let whole = path.canonicalize().map_err(|error| StoreError::of("open", path, error))?;
    if whole.is_dir() {
        let id = whole.file_name().and_then(|name| RunId::parse(name.to_str()?));
        return Ok(kept(id, PrivateFolder::open(path, Followed)?));
    }
    let journal = whole.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let above = whole.parent().unwrap_or(Path::new("/"));
    let id = above.file_name().and_then(|name| RunId::parse(name.to_str()?));
    Ok(KeptRun { id, folder: PrivateFolder::open(above, Followed)?, journal, is_named_by_journal: true })
}

fn is_missing(error: &StoreError) -> bool {
    matches!(error, StoreError::File { error, .. } if error.kind() == std::io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests;
