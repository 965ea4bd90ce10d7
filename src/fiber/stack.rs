//! Stacks for fibers: equal slots of one reserved address range, each with a guard below it.
//!
//! Address space is reserved, memory is not: only pages that a fiber touched cost anything, so a
//! slot can be large. A slot goes back to its arena when the fiber has ended and is used again.

use std::cell::RefCell;
use std::io;
use std::num::NonZeroUsize;
use std::ptr;
use std::rc::Rc;

use corosensei::stack::{Stack, StackPointer};

use super::guard;

/// Address space of one fiber, its guard included. A Rhai call level takes 9 to 22 KB, so this
/// holds the interpreter's 64 levels with room for the host function at the end of them.
pub const STACK_BYTES: usize = 1 << 20;

/// The unmapped end of a slot. Rust probes every page of a large frame, so one page would do; four
/// also stop C code that doesn't probe.
const GUARD_BYTES: usize = 16 << 10;

/// `MADV_GUARD_INSTALL` (Linux 6.13): a guard that doesn't split the mapping. Not yet in `libc`
/// for every target.
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// Why stacks could not be reserved.
#[derive(Debug, thiserror::Error)]
pub enum ArenaError {
    /// The kernel refused the address range.
    #[error("failed to reserve {count} stacks of {STACK_BYTES} bytes of address space: {error}")]
    Reserve {
        /// Stacks asked for.
        count: usize,
        /// The kernel's answer.
        error: io::Error,
    },
    /// A guard below a stack could not be made.
    #[error("failed to guard stack {index}: {error} (older kernels need a higher `vm.max_map_count`)")]
    Guard {
        /// Which stack, from 0.
        index: usize,
        /// The kernel's answer.
        error: io::Error,
    },
    /// More fibers at once than the arena was made for.
    #[error("all {count} stacks are in use")]
    Full {
        /// Stacks that the arena has.
        count: usize,
    },
}

/// An address range divided into stacks, for one thread.
#[derive(Debug)]
pub struct Arena {
    start: *mut libc::c_void,
    count: usize,
    free: RefCell<FreeSlots>,
}

#[derive(Debug)]
struct FreeSlots {
    /// Slots below this have been handed out at least once and have their guard.
    fresh: usize,
    returned: Vec<usize>,
}

impl Arena {
    /// Reserves address space for `count` fibers that are alive at once.
    pub fn new(count: usize) -> Result<Rc<Self>, ArenaError> {
        let count = count.max(1);
        let length = count * STACK_BYTES;
        // SAFETY: an anonymous private mapping at an address of the kernel's choice touches no
        // memory that Rust knows of; the result is checked below.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(ArenaError::Reserve { count, error: io::Error::last_os_error() });
        }
        // A huge page would make each stack cost 2 MiB. Kernels without huge pages answer EINVAL,
        // which is as good.
        // SAFETY: the range is the mapping made above, and the advice doesn't change its contents.
        unsafe { libc::madvise(start, length, libc::MADV_NOHUGEPAGE) };
        guard::watch(start as usize, length);
        let free = RefCell::new(FreeSlots { fresh: 0, returned: Vec::new() });
        Ok(Rc::new(Self { start, count, free }))
    }

    /// How many fibers can be alive at once.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether that many are.
    pub fn is_full(&self) -> bool {
        let free = self.free.borrow();
        free.fresh == self.count && free.returned.is_empty()
    }

    /// A stack for one fiber, warm from an earlier one if there is such a stack.
    pub(super) fn take(self: &Rc<Self>) -> Result<Slot, ArenaError> {
        let mut free = self.free.borrow_mut();
        let index = match free.returned.pop() {
            Some(index) => index,
            None if free.fresh == self.count => return Err(ArenaError::Full { count: self.count }),
            None => {
                self.install_guard(free.fresh)?;
                free.fresh += 1;
                free.fresh - 1
            }
        };
        Ok(Slot { arena: Rc::clone(self), index })
    }

    fn install_guard(&self, index: usize) -> Result<(), ArenaError> {
        let bottom = (self.start as usize + index * STACK_BYTES) as *mut libc::c_void;
        // SAFETY: the guard range lies inside this arena's mapping, at the low end of a slot that
        // no fiber has used yet.
        let installed = unsafe { libc::madvise(bottom, GUARD_BYTES, MADV_GUARD_INSTALL) == 0 };
        // SAFETY: as above; `mprotect` is the older way, at the price of a split mapping.
        if installed || unsafe { libc::mprotect(bottom, GUARD_BYTES, libc::PROT_NONE) == 0 } {
            return Ok(());
        }
        Err(ArenaError::Guard { index, error: io::Error::last_os_error() })
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let length = self.count * STACK_BYTES;
        guard::forget(self.start as usize);
        // SAFETY: each slot holds the arena by `Rc`, so none is left; the range was mapped in `new`.
        unsafe { libc::munmap(self.start, length) };
    }
}

/// One stack of an arena; gives itself back when dropped.
pub(super) struct Slot {
    arena: Rc<Arena>,
    index: usize,
}

impl Slot {
    fn bottom(&self) -> usize {
        self.arena.start as usize + self.index * STACK_BYTES
    }

    /// The lowest address that the fiber may use.
    pub(super) fn usable_limit(&self) -> usize {
        self.bottom() + GUARD_BYTES
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.arena.free.borrow_mut().returned.push(self.index);
    }
}

fn stack_pointer(address: usize) -> StackPointer {
    NonZeroUsize::new(address).expect("a mapping never starts at address 0")
}

// SAFETY: a slot is exclusive to one fiber (the free list hands each index out once), lies wholly
// in a live mapping (held by `Rc`), is page-aligned at both ends, and its lowest `GUARD_BYTES` are
// inaccessible since `take`.
unsafe impl Stack for Slot {
    fn base(&self) -> StackPointer {
        stack_pointer(self.bottom() + STACK_BYTES)
    }

    fn limit(&self) -> StackPointer {
        stack_pointer(self.bottom())
    }
}
