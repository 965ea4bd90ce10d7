//! What a journal is written on: a file, or in tests one that fails as disks do.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};

/// What takes bytes at its end.
pub trait Medium {
    /// Writes all of them behind the others, or fails with some of them written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Forgets all behind that length; the next bytes go there.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Waits until what was written outlasts a failure of the machine.
    fn sync(&mut self) -> io::Result<()>;
}

impl Medium for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let shortened = self.set_len(length);
        // Even where it can't be shortened, what comes next replaces what was torn.
        self.seek(SeekFrom::Start(length))?;
        shortened
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
