//! What a connection puts up with: bounds on frames that bring nothing forward.
//!
//! A server has reason to send some, so each bound is far above what any does; but for every flood of CVE-2019-9511
//! to 9518, CVE-2023-44487 and CVE-2024-27316 the connection ends while it is still cheap.

use super::error::{Fault, Flood};

/// Frames in a row that bring no request or response any further: PING, SETTINGS, PRIORITY, unknown ones, windows
/// that nobody waits for.
const IDLE_MAX: u32 = 1_000;
/// DATA frames without data, in a row. One that ends the stream is none of them.
const EMPTY_MAX: u32 = 100;
/// Answers to PING and SETTINGS that the server has not read yet.
const ANSWERS_MAX: u32 = 1_000;
/// Frames in a row of streams that we had reset: what was under way then.
const LATE_MAX: u32 = 10_000;
/// The bytes of a header block, as they come.
const BLOCK_MAX_BYTES: usize = 64 << 10;
/// The frames of a header block: enough for the largest block in frames of a kilobyte.
const BLOCK_MAX_FRAMES: u32 = 64;

#[derive(Debug, Default)]
pub(super) struct Guard {
    idle: u32,
    empty: u32,
    answers: u32,
    late: u32,
}

impl Guard {
    /// Something went forward.
    pub(super) fn progress(&mut self) {
        (self.idle, self.empty, self.late) = (0, 0, 0);
    }

    /// All that was queued has been written.
    pub(super) fn drained(&mut self) {
        self.answers = 0;
    }

    pub(super) fn idle(&mut self) -> Result<(), Fault> {
        count(&mut self.idle, IDLE_MAX, Flood::Control)
    }

    pub(super) fn empty(&mut self) -> Result<(), Fault> {
        count(&mut self.empty, EMPTY_MAX, Flood::EmptyData)
    }

    /// A frame that is answered.
    pub(super) fn answer(&mut self) -> Result<(), Fault> {
        count(&mut self.answers, ANSWERS_MAX, Flood::Answers)
    }

    /// A frame of a stream that is gone.
    pub(super) fn late(&mut self) -> Result<(), Fault> {
        count(&mut self.late, LATE_MAX, Flood::Late)
    }
}

/// Whether a header block of so many frames and bytes may go on.
pub(super) fn check_block(frames: u32, bytes: usize) -> Result<(), Fault> {
    if frames > BLOCK_MAX_FRAMES || bytes > BLOCK_MAX_BYTES {
        return Err(Fault::Flood(Flood::HeaderBlock));
    }
    Ok(())
}

fn count(counter: &mut u32, max: u32, flood: Flood) -> Result<(), Fault> {
    *counter += 1;
    if *counter > max { Err(Fault::Flood(flood)) } else { Ok(()) }
}
