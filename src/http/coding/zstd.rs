//! `zstd` (RFC 8878): frames one behind another, skippable ones among them.

use std::fmt;

use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

use super::step::{Fault, Step};

/// The largest window as a power of two: 8 MB, which RFC 9659 sets for HTTP.
const WINDOW_LOG_MAX: u32 = 23;
/// The library's words for a frame with a larger window.
const TOO_MUCH_MEMORY: &str = "Frame requires too much memory for decoding";
/// The context without its buffers.
const CONTEXT_BYTES: u64 = 160 << 10;

/// A decoder of `zstd`.
pub(super) struct Zstd {
    context: DCtx<'static>,
    /// Whether input of a frame was read that is not complete.
    within: bool,
    has_frame: bool,
}

impl fmt::Debug for Zstd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zstd").field("within", &self.within).finish_non_exhaustive()
    }
}

impl Zstd {
    pub(super) fn new() -> Self {
        let mut context = DCtx::create();
        let limited = context.set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX));
        debug_assert!(limited.is_ok(), "the limit is one that the library knows");
        Self { context, within: false, has_frame: false }
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
        if input.is_empty() && !self.within {
            return Ok(Step::default());
        }
        let mut from = InBuffer::around(input);
        let mut to = OutBuffer::around(output);
        let hint = self.context.decompress_stream(&mut to, &mut from).map_err(|code| {
            if get_error_name(code) == TOO_MUCH_MEMORY { Fault::Window } else { Fault::Corrupt }
        })?;
        let step = Step { read: from.pos(), written: to.pos() };
        self.within = hint != 0;
        self.has_frame |= hint == 0;
        Ok(step)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.has_frame && !self.within
    }

    pub(super) fn held_bytes(&self, written: u64) -> u64 {
        let buffers = (self.context.sizeof() as u64).saturating_sub(CONTEXT_BYTES);
        // The window is filled from its beginning.
        CONTEXT_BYTES + buffers.min(written)
    }
}
