//! Appends records to a medium; what fails is kept and tried again, so that the file never has a gap.
//!
//! | what fails | then |
//! |---|---|
//! | writing | what was torn is cut off; the records wait, and are tried again with the next one |
//! | more than [`BACKLOG_BYTES_MAX`] wait | nothing is written any more |
//! | a sync | it goes on: who reads finds what was written, unless the machine fails too |
//!
//! The first failure is told at the end, whatever came of it.

use std::io;

use serde_json::Value as Json;

use super::Head;
use super::frame::{self, FIRST_LINE, Kind, PAYLOAD_BYTES_MAX};
use super::medium::Medium;
use super::record::{KeptSecond, Press, total_bytes};
use crate::engine::SoFar;
use crate::metrics::Snapshot;

/// Records that wait for a disk to have room again: some minutes of a usual run.
pub(super) const BACKLOG_BYTES_MAX: usize = 8 << 20;

/// Seconds between two syncs: what a failure of the machine may cost. That of the process costs nothing.
const SYNC_EVERY: u64 = 10;

/// Writes one journal.
pub struct Writer<M> {
    medium: M,
    press: Press,
    /// Bytes that are written for good, each record whole.
    written: u64,
    /// Records that are not.
    backlog: Vec<u8>,
    checksum: u32,
    since_sync: u64,
    has_given_up: bool,
    error: Option<(&'static str, io::Error)>,
}

impl<M: Medium> Writer<M> {
    /// Begins a journal on an empty medium.
    pub fn begin(medium: M, head: &Head) -> io::Result<Self> {
        let mut writer = Self {
            medium,
            press: Press::new()?,
            written: 0,
            backlog: FIRST_LINE.to_vec(),
            checksum: frame::first_checksum(),
            since_sync: 0,
            has_given_up: false,
            error: None,
        };
        let head = serde_json::to_vec(head).map_err(io::Error::other)?;
        writer.pressed(Kind::Head, &head);
        Ok(writer)
    }

    /// A second.
    pub fn second(&mut self, second: &KeptSecond) {
        match second.bytes(&mut self.press) {
            Ok(payload) => self.put(Kind::Second, &payload),
            Err(error) => self.fail("write", error),
        }
        self.since_sync += 1;
        if self.since_sync >= SYNC_EVERY {
            self.sync();
        }
    }

    /// The sum of the seconds so far. One that is too large is left out.
    pub fn sum(&mut self, total: &Snapshot, so_far: &SoFar<'_>) {
        if let Some(plain) = total_bytes(total, so_far) {
            self.total(&plain);
        }
    }

    /// The same, of its bytes.
    pub(super) fn total(&mut self, plain: &[u8]) {
        self.pressed(Kind::Total, plain);
    }

    /// The end, and the run's document.
    pub fn end(&mut self, document: &Json) {
        self.pressed(Kind::End, document.to_string().as_bytes());
        self.sync();
    }

    /// Bytes that are written for good.
    pub fn written_bytes(&self) -> u64 {
        self.written
    }

    /// Bytes that wait for the medium.
    #[cfg(test)]
    pub(super) fn waiting_bytes(&self) -> usize {
        self.backlog.len()
    }

    /// What went wrong first: the verb, and the system's answer.
    pub fn into_error(self) -> Option<(&'static str, io::Error)> {
        self.error
    }

    fn pressed(&mut self, kind: Kind, plain: &[u8]) {
        match self.press.after(Vec::new(), plain) {
            Ok(payload) => self.put(kind, &payload),
            Err(error) => self.fail("write", error),
        }
    }

    fn put(&mut self, kind: Kind, payload: &[u8]) {
        if self.has_given_up {
            return;
        }
        if payload.len() > PAYLOAD_BYTES_MAX {
            // A total can be done without; a second can't, and nothing may stand behind a gap.
            if kind != Kind::Total {
                self.has_given_up = true;
                self.fail("write", io::Error::new(io::ErrorKind::FileTooLarge, "a second is too large"));
            }
            return;
        }
        self.checksum = frame::put(&mut self.backlog, kind, payload, self.checksum);
        match self.medium.append(&self.backlog) {
            Ok(()) => {
                self.written += self.backlog.len() as u64;
                self.backlog.clear();
            }
            Err(error) => {
                self.fail("write", error);
                if let Err(error) = self.medium.cut(self.written) {
                    self.fail("shorten", error);
                }
                if self.backlog.len() > BACKLOG_BYTES_MAX {
                    self.has_given_up = true;
                    self.backlog = Vec::new();
                }
            }
        }
    }

    fn sync(&mut self) {
        self.since_sync = 0;
        if let Err(error) = self.medium.sync() {
            self.fail("sync", error);
        }
    }

    fn fail(&mut self, verb: &'static str, error: io::Error) {
        self.error.get_or_insert((verb, error));
    }
}
