//! What whoever watches a script is told, as data: the view and the plain lines say it their way.

use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::results::EndpointChange;
use crate::script::LogLine;

/// What happened.
#[derive(Debug, Clone)]
pub enum News {
    /// The script's top level logged a line when it was read anew.
    Log(LogLine),
    /// A save that can't be played, and all that `runner check` says of it. What was played before is played on.
    Broken(Vec<Diagnostic>),
    /// The files say again what is played: a mistake is undone.
    Mended,
    /// A version was read, and is on its way to the workers.
    Read(Read),
    /// A version can't be played before a restart, and why; a sentence each.
    Barred(Vec<String>),
    /// All workers play a version from their next iterations on.
    Live {
        /// Which one.
        version: u64,
        /// The epoch that it begins.
        epoch: u64,
        /// From the first sign of its save.
        took: Duration,
    },
    /// A worker could not take a version; none plays it.
    Refused(Diagnostic),
    /// Somebody wanted to count anew.
    Reset {
        /// The epoch that begins.
        epoch: u64,
    },
    /// What a change did to the numbers, once there are enough of them and again when they are replaced.
    Compared(Compared),
}

/// A version that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Which one; the run begins with 1.
    pub version: u64,
    /// What a user should know about the flags.
    pub notes: Vec<String>,
    /// What of the plan holds from now on, a sentence each.
    pub applied: Vec<String>,
    /// What of it holds after a restart only, a sentence each.
    pub restart: Vec<String>,
}

/// Two epochs side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared {
    /// The epoch, its version, its whole seconds.
    pub now: Span,
    /// Those of the one that it is compared with.
    pub before: Span,
    /// The endpoints, those with most requests first.
    pub endpoints: Vec<EndpointChange>,
}

/// Which epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its number, from 1.
    pub epoch: u64,
    /// The version that was played.
    pub version: u64,
    /// How many whole seconds it has.
    pub seconds: u64,
}
