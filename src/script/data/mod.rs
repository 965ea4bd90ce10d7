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

use std::collections::BTreeMap;
use std::path::Path;
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
    tables: BTreeMap<String, Arc<Table>>,
    lines: BTreeMap<String, Arc<Lines>>,
    trees: BTreeMap<String, Arc<Tree>>,
    counters: BTreeMap<String, Arc<AtomicI64>>,
    /// By the number of the feeder: which scenario reads it.
    owners: BTreeMap<usize, Arc<OnceLock<String>>>,
}

impl Shelf {
    /// One for another version of the script: files are read anew, shared counters go on.
    pub(super) fn renewed(&self) -> Self {
        let counters = self.content().counters.clone();
        Self(Mutex::new(Content { counters, ..Content::default() }))
    }

    /// The table of a CSV file, read if it was not yet.
    pub(super) fn table(
        &self,
        folder: &Path,
        path: &str,
        options: &CsvOptions,
    ) -> Result<Arc<Table>, HostError> {
        let key = format!("{path} {options:?}");
        find_or_read(&mut self.content().tables, key, || Table::read(folder, path, options))
    }

    /// The lines of a file.
    pub(super) fn lines(&self, folder: &Path, path: &str) -> Result<Arc<Lines>, HostError> {
        find_or_read(&mut self.content().lines, path.to_owned(), || Lines::read(folder, path))
    }

    /// The tree of a JSON file.
    pub(super) fn tree(&self, folder: &Path, path: &str) -> Result<Arc<Tree>, HostError> {
        find_or_read(&mut self.content().trees, path.to_owned(), || Tree::read(folder, path))
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

fn find_or_read<T>(
    known: &mut BTreeMap<String, Arc<T>>,
    key: String,
    read: impl FnOnce() -> Result<T, HostError>,
) -> Result<Arc<T>, HostError> {
    if let Some(found) = known.get(&key) {
        return Ok(Arc::clone(found));
    }
    let made = Arc::new(read()?);
    known.insert(key, Arc::clone(&made));
    Ok(made)
}
