//! `br` (RFC 7932). Windows beyond the RFC's 16 MB ("large window brotli") are no `br`, and refused.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use brotli::enc::StandardAlloc;
use brotli::{Allocator, BrotliDecompressStream, BrotliResult, BrotliState, SliceWrapper};

use super::step::{Fault, Step};

/// The decoder's own fields, and what an allocator adds to what is counted.
const STATE_BYTES: u64 = 128 << 10;

/// Counts what the decoder takes: a window that grows with what it has seen, and tables for each piece of the data.
#[derive(Clone, Debug, Default)]
struct Counting {
    inner: StandardAlloc,
    live_bytes: Rc<Cell<u64>>,
}

fn size_bytes<T>(length: usize) -> u64 {
    (length * size_of::<T>()) as u64
}

impl<T: Clone + Default> Allocator<T> for Counting {
    type AllocatedMemory = <StandardAlloc as Allocator<T>>::AllocatedMemory;

    fn alloc_cell(&mut self, length: usize) -> Self::AllocatedMemory {
        self.live_bytes.set(self.live_bytes.get() + size_bytes::<T>(length));
        self.inner.alloc_cell(length)
    }

    fn free_cell(&mut self, data: Self::AllocatedMemory) {
        let bytes = size_bytes::<T>(SliceWrapper::len(&data));
        self.live_bytes.set(self.live_bytes.get().saturating_sub(bytes));
        self.inner.free_cell(data);
    }
}

/// A decoder of `br`.
pub(super) struct Brotli {
    state: Box<BrotliState<Counting, Counting, Counting>>,
    live_bytes: Rc<Cell<u64>>,
    ended: bool,
}

impl fmt::Debug for Brotli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brotli").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl Brotli {
    pub(super) fn new() -> Self {
        let counting = Counting::default();
        let live_bytes = Rc::clone(&counting.live_bytes);
        let state = BrotliState::new_strict(counting.clone(), counting.clone(), counting);
        Self { state: Box::new(state), live_bytes, ended: false }
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
        if self.ended {
            return Ok(Step { read: input.len(), written: 0 });
        }
        let (mut left, mut read) = (input.len(), 0);
        let (mut room, mut written, mut total) = (output.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut read,
            input,
            &mut room,
            &mut written,
            output,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultSuccess => self.ended = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultFailure => return Err(Fault::Corrupt),
        }
        Ok(Step { read, written })
    }

    pub(super) fn is_complete(&self) -> bool {
        self.ended
    }

    pub(super) fn held_bytes(&self) -> u64 {
        STATE_BYTES + self.live_bytes.get()
    }
}
