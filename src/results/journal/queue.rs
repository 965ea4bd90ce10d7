//! The way to the journal: a thread and a bounded queue, so that no disk ever delays the run.

use std::borrow::Cow;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::super::{PlayedSecond, RunFolder, StoreError};
use super::record::{self, KeptSecond};
use super::writer::Writer;
use super::{Head, JOURNAL_FILE, TOTAL_EVERY};
use crate::diagnostic::Mask;
use crate::engine::Tick;

/// Seconds that wait for a slow disk.
const QUEUE_MAX: usize = 120;

/// How long the exit waits for the disk.
pub const JOURNAL_DRAIN_MAX: Duration = Duration::from_secs(5);

/// Series for which a total each [`TOTAL_EVERY`] seconds costs next to nothing; of more they are rarer.
const SERIES_EASY: usize = 1_000;

enum Parcel {
    Second(Box<KeptSecond>),
    Total(Vec<u8>),
    End(Json),
}

/// The journal of a run that is under way.
#[derive(Debug)]
pub struct Journal {
    folder: Arc<RunFolder>,
    /// None once something was lost: nothing may stand behind a gap.
    queue: Option<SyncSender<Parcel>>,
    /// Hears nothing, and is cut when the thread has ended.
    ended: Receiver<()>,
    error: Arc<Mutex<Option<StoreError>>>,
    /// How often each target's worst window had changed.
    told: Vec<u64>,
    since_total: u64,
}

impl Journal {
    /// Begins a run's journal; what fails is told by [`Journal::end`].
    pub fn start(folder: &Arc<RunFolder>, head: Head) -> Self {
        let (queue, parcels) = sync_channel(QUEUE_MAX);
        let (alive, ended) = sync_channel(0);
        let error = Arc::new(Mutex::new(None));
        let journal = Self {
            folder: Arc::clone(folder),
            queue: Some(queue),
            ended,
            error: Arc::clone(&error),
            told: Vec::new(),
            since_total: 0,
        };
        let folder = Arc::clone(folder);
        let thread = std::thread::Builder::new().name("journal".to_owned());
        let started = thread.spawn(move || {
            if let Err(failed) = write(&folder, &head, &parcels) {
                note(&error, failed);
            }
            drop(alive);
        });
        if let Err(failed) = started {
            journal.note("write", failed);
        }
        journal
    }

    /// Keeps a second.
    pub fn second(&mut self, second: &Arc<PlayedSecond>, tick: &Tick<'_>, mask: &Mask) {
        if self.queue.is_none() {
            return;
        }
        let kept = KeptSecond::new(Arc::clone(second), tick.so_far, &mut self.told);
        self.push(Parcel::Second(Box::new(kept)));
        if tick.is_warm_up {
            return;
        }
        self.since_total += 1;
        if self.since_total >= TOTAL_EVERY * tick.total.len().div_ceil(SERIES_EASY).max(1) as u64 {
            self.since_total = 0;
            let total = tick.total.shown(|text| match mask.mask(text) {
                Cow::Borrowed(_) => None,
                Cow::Owned(masked) => Some(masked),
            });
            if let Some(bytes) = record::total_bytes(&total, tick.so_far) {
                self.push(Parcel::Total(bytes));
            }
        }
    }

    fn push(&mut self, parcel: Parcel) {
        let Some(queue) = &self.queue else { return };
        let Err(error) = queue.try_send(parcel) else { return };
        let text = match error {
            TrySendError::Full(_) => format!("the disk is too slow: {QUEUE_MAX} seconds wait for it"),
            TrySendError::Disconnected(_) => "its thread has ended".to_owned(),
        };
        self.queue = None;
        self.note("write", io::Error::other(text));
    }

    fn note(&self, verb: &'static str, error: io::Error) {
        note(&self.error, StoreError::of(verb, &self.folder.path().join(JOURNAL_FILE), error));
    }

    /// Ends it with the run's document, waits for the disk until the deadline, and says what went wrong first.
    pub fn end(mut self, document: Json, deadline: Instant) -> Option<StoreError> {
        self.push(Parcel::End(document));
        self.queue = None;
        let waited = self.ended.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        if waited != Err(RecvTimeoutError::Disconnected) {
            let text = format!("the disk was not done {} s after the run", JOURNAL_DRAIN_MAX.as_secs());
            self.note("write", io::Error::new(io::ErrorKind::TimedOut, text));
        }
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Keeps the first error.
fn note(slot: &Mutex<Option<StoreError>>, error: StoreError) {
    slot.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
}

/// The journal's thread.
fn write(folder: &RunFolder, head: &Head, parcels: &Receiver<Parcel>) -> Result<(), StoreError> {
    let path = folder.path().join(JOURNAL_FILE);
    let file = folder.create_file(JOURNAL_FILE)?;
    let mut writer = Writer::begin(file, head).map_err(|error| StoreError::of("write", &path, error))?;
    for parcel in parcels {
        match parcel {
            Parcel::Second(second) => writer.second(&second),
            Parcel::Total(plain) => writer.total(&plain),
            Parcel::End(document) => writer.end(&document),
        }
    }
    match writer.into_error() {
        Some((verb, error)) => Err(StoreError::of(verb, &path, error)),
        None => Ok(()),
    }
}
