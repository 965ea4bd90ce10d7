//! Data files: read once by the control thread, shared by all workers and users without copies.
//!
//! The [`Shelf`] is part of what a script takes from outside. Its lock is taken while scripts declare,
//! never by a running one: what a flow reads lies behind an `Arc` of its own.

mod field;
mod file;
mod index;
mod lines;
mod table;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::error::HostError;

pub use file::DATA_BYTES_MAX;
pub(super) use lines::Lines;
pub(super) use table::{COLUMN_KINDS, Cell, CsvOptions, Kind as ColumnKind, Table};
pub(super) use tree::{Node, Span, Tree};

/// Shared counters of a script: each is a word that all workers write to.
const COUNTERS_MAX: usize = 1_000;

/// Feeders of a script.
const FEEDERS_MAX: usize = 1_000;

/// What the control thread read and every worker finds.
#[derive(Debug, Default)]
pub struct Shelf(Mutex<Content>);

#[derive(Debug, Default)]
struct Content {
    /// By path and options.
    tables: BTreeMap<(String, String), Arc<Table>>,
    lines: BTreeMap<String, Arc<Lines>>,
    trees: BTreeMap<String, Arc<Tree>>,
    /// The paths that were asked for, read or not.
    asked: BTreeSet<String>,
    counters: BTreeMap<String, Arc<AtomicI64>>,
    /// By the number of the feeder: which scenario reads it.
    owners: BTreeMap<usize, Arc<OnceLock<String>>>,
}

impl Shelf {
    /// The table of a CSV file, read if it was not yet.
    pub(super) fn table(
        &self,
        folder: &Path,
        path: &str,
        options: &CsvOptions,
    ) -> Result<Arc<Table>, HostError> {
        let mut content = self.content();
        content.asked.insert(path.to_owned());
        let key = (path.to_owned(), format!("{options:?}"));
        find_or_read(&mut content.tables, key, || Table::read(folder, path, options))
    }

    /// The lines of a file.
    pub(super) fn lines(&self, folder: &Path, path: &str) -> Result<Arc<Lines>, HostError> {
        let mut content = self.content();
        content.asked.insert(path.to_owned());
        find_or_read(&mut content.lines, path.to_owned(), || Lines::read(folder, path))
    }

    /// The tree of a JSON file.
    pub(super) fn tree(&self, folder: &Path, path: &str) -> Result<Arc<Tree>, HostError> {
        let mut content = self.content();
        content.asked.insert(path.to_owned());
        find_or_read(&mut content.trees, path.to_owned(), || Tree::read(folder, path))
    }

    /// The files that were asked for, relative to the script's folder; also those that could not be read.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.content().asked.iter().map(PathBuf::from).collect()
    }

    /// A shelf for another version of the script: the files that were asked for and have not changed are not read
    /// again, shared counters go on.
    #[must_use]
    pub(super) fn renewed(&self, has_changed: impl Fn(&Path) -> bool) -> Self {
        let content = self.content();
        let stays = |path: &str| content.asked.contains(path) && !has_changed(Path::new(path));
        let tables = content.tables.iter().filter(|((path, _), _)| stays(path));
        let lines = content.lines.iter().filter(|(path, _)| stays(path));
        let trees = content.trees.iter().filter(|(path, _)| stays(path));
        Self(Mutex::new(Content {
            tables: tables.map(|(key, table)| (key.clone(), Arc::clone(table))).collect(),
            lines: lines.map(|(path, lines)| (path.clone(), Arc::clone(lines))).collect(),
            trees: trees.map(|(path, tree)| (path.clone(), Arc::clone(tree))).collect(),
            counters: content.counters.clone(),
            ..Content::default()
        }))
    }

    /// The counter of that name.
    pub(super) fn counter(&self, name: &str) -> Result<Arc<AtomicI64>, HostError> {
        let counters = &mut self.content().counters;
        if counters.len() >= COUNTERS_MAX && !counters.contains_key(name) {
            return Err(HostError::new(format!("a script can share at most {COUNTERS_MAX} counters"))
                .hint("for figures of the summary there are metrics: `counter(name)`"));
        }
        Ok(Arc::clone(counters.entry(name.to_owned()).or_default()))
    }

    /// Who reads the feeder that a script declares as its `number`th.
    pub(super) fn owner(&self, number: usize) -> Result<Arc<OnceLock<String>>, HostError> {
        if number > FEEDERS_MAX {
            return Err(HostError::new(format!("a script can declare at most {FEEDERS_MAX} feeders"))
                .hint("declare a feeder once, as a `const`, and ask it for rows in flows"));
        }
        Ok(Arc::clone(self.content().owners.entry(number).or_default()))
    }

    fn content(&self) -> std::sync::MutexGuard<'_, Content> {
        // Nothing is left half done by a panic within: maps are filled by one insertion each.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find_or_read<K: Ord, T>(
    known: &mut BTreeMap<K, Arc<T>>,
    key: K,
    read: impl FnOnce() -> Result<T, HostError>,
) -> Result<Arc<T>, HostError> {
    if let Some(found) = known.get(&key) {
        return Ok(Arc::clone(found));
    }
    let made = Arc::new(read()?);
    known.insert(key, Arc::clone(&made));
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_shelf_reads_what_has_changed_and_counts_on() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("a.txt", "one");
        write("b.txt", "one");
        let shelf = Shelf::default();
        let old = ["a.txt", "b.txt"].map(|name| shelf.lines(folder.path(), name).unwrap());
        assert!(shelf.lines(folder.path(), "missing.txt").is_err());
        assert_eq!(shelf.paths(), ["a.txt", "b.txt", "missing.txt"].map(PathBuf::from));
        shelf.counter("c").unwrap().store(7, std::sync::atomic::Ordering::Relaxed);
        let renewed = shelf.renewed(|path| path == Path::new("b.txt"));
        assert_eq!(renewed.paths(), Vec::<PathBuf>::new());
        let new = ["a.txt", "b.txt"].map(|name| renewed.lines(folder.path(), name).unwrap());
        assert!(Arc::ptr_eq(&old[0], &new[0]) && !Arc::ptr_eq(&old[1], &new[1]));
        assert_eq!(renewed.counter("c").unwrap().load(std::sync::atomic::Ordering::Relaxed), 7);
        // What is asked for no more is forgotten.
        let once_more = renewed.renewed(|_| false).renewed(|_| false);
        assert!(!Arc::ptr_eq(&new[0], &once_more.lines(folder.path(), "a.txt").unwrap()));
    }
}
