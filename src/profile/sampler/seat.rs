//! A thread's place among those that are sampled: an alternate stack that the handler fits on.

use std::ptr;
use std::sync::atomic::Ordering;

use super::{IS_SEATED, WANTED};

/// The handler takes some 12 KB of it, the kernel's own frame up to 11 KB more where registers are wide.
const STACK_BYTES: usize = 64 << 10;

/// Below it: whatever outgrows the stack is a fault, and writes over nobody's memory.
const GUARD_BYTES: usize = 64 << 10;

/// This thread is sampled while it holds its seat.
#[derive(Debug)]
#[must_use = "the thread is sampled as long as this lives"]
pub struct Seat(Option<Held>);

#[derive(Debug)]
struct Held {
    memory: *mut libc::c_void,
    /// Rust's own, which is too small and belongs to its runtime.
    before: libc::stack_t,
}

/// Gives the calling thread a seat if a profile is wanted. Until it has one its samples are counted, and no more.
/// A thread that can't get one runs on without.
pub fn enlist() -> Seat {
    if !WANTED.load(Ordering::Acquire) || IS_SEATED.get() {
        return Seat(None);
    }
    // SAFETY: a fresh private mapping touches nothing that exists.
    let memory = unsafe {
        libc::mmap(
            ptr::null_mut(),
            GUARD_BYTES + STACK_BYTES,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if memory == libc::MAP_FAILED {
        return Seat(None);
    }
    // SAFETY: the guard lies within the mapping, of which nothing is used yet.
    unsafe { libc::mprotect(memory, GUARD_BYTES, libc::PROT_NONE) };
    let stack =
        libc::stack_t { ss_sp: memory.wrapping_byte_add(GUARD_BYTES), ss_flags: 0, ss_size: STACK_BYTES };
    // SAFETY: an all-zero `stack_t` is a valid value of that plain C struct.
    let mut before: libc::stack_t = unsafe { std::mem::zeroed() };
    // SAFETY: the new stack is mapped until the seat is dropped, on this same thread.
    if unsafe { libc::sigaltstack(&raw const stack, &raw mut before) } != 0 {
        // SAFETY: the mapping is ours, and nobody uses it.
        unsafe { libc::munmap(memory, GUARD_BYTES + STACK_BYTES) };
        return Seat(None);
    }
    IS_SEATED.set(true);
    Seat(Some(Held { memory, before }))
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some(held) = self.0.take() else { return };
        // First: from here on the handler does nothing that needs room.
        IS_SEATED.set(false);
        // SAFETY: what was in force before is still mapped, since Rust's runtime takes it away after all of a
        // thread's own code; no handler runs on the memory, since this code does. A pointer is neither sent
        // nor shared, so this is the thread that enlisted.
        unsafe {
            libc::sigaltstack(&raw const held.before, ptr::null_mut());
            libc::munmap(held.memory, GUARD_BYTES + STACK_BYTES);
        }
    }
}
