//! The terminal itself: its size, its modes, whose it is, and the bytes that its keys send.
//!
//! Keys come byte by byte and aren't echoed; signals stay as they are, so that Ctrl-C is what it is everywhere. Ctrl-Z alone
//! comes as a key: the terminal is to be given back before the process sleeps. It is opened anew, so that it can be read
//! without waiting and nobody else's standard input is changed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, getpgrp, kill_process_group};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr,
};

/// Where the process's terminal is found.
const PATH: &str = "/dev/tty";

/// A special character that no key sends (termios(3), `_POSIX_VDISABLE`).
const DISABLED: u8 = 0;

/// The process's terminal.
#[derive(Debug)]
pub(super) struct Tty {
    file: File,
    /// Its modes as they were found, while they are ours.
    found: Option<Termios>,
}

impl Tty {
    pub(super) fn open() -> io::Result<Self> {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let flags = i32::try_from(flags.bits()).unwrap_or(0);
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(PATH)?;
        tcgetattr(&file)?;
        Ok(Self { file, found: None })
    }

    /// Whether keys are this process's: another one may be in front.
    pub(super) fn is_ours(&self) -> bool {
        tcgetpgrp(&self.file).is_ok_and(|front: Pid| front == getpgrp())
    }

    /// Takes the keys one by one. Only in front: in the background it would put the process to sleep.
    pub(super) fn take(&mut self) -> io::Result<()> {
        let mut modes = tcgetattr(&self.file)?;
        let is_taken = !modes.local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO);
        if is_taken && self.found.is_some() {
            return Ok(());
        }
        self.found = Some(modes.clone());
        modes.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        modes.special_codes[SpecialCodeIndex::VSUSP] = DISABLED;
        Ok(tcsetattr(&self.file, OptionalActions::Now, &modes)?)
    }

    /// Gives the keys back.
    pub(super) fn give_back(&mut self) {
        if let Some(found) = self.found.take()
            && self.is_ours()
        {
            let _ = tcsetattr(&self.file, OptionalActions::Now, &found);
        }
    }

    /// Sleeps, as Ctrl-Z makes others do, until somebody wakes the process; at once, if nobody could.
    pub(super) fn sleep() {
        let _ = kill_process_group(getpgrp(), Signal::TSTP);
    }

    /// To read what keys send; without waiting.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// The columns and rows of standard error's terminal.
pub(super) fn size() -> Option<(usize, usize)> {
    let size = tcgetwinsize(io::stderr()).ok()?;
    Some((usize::from(size.ws_col), usize::from(size.ws_row)))
}

/// Sends what is to be shown. That nobody sees it ends no run.
pub(super) fn send(text: &str) {
    if !text.is_empty() {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}
