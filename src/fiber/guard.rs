//! What happens when a fiber runs into the guard below its stack: one line, exit code 109.
//!
//! The interpreter's own checks stop a script long before; reaching the guard is a bug of ours.
//! Nothing can be unwound there (the fiber may hold anything half-written), so the handler only
//! calls `write` and `_exit`. The journal is safe, since each ended second is already written.

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Arenas that can be told apart; a worker has one. Past it an overflow is still fatal, only
/// without our line.
const WATCHED_MAX: usize = 1024;

/// The exit code of a bug in `runner`, as in `cli/exit.rs`, which a signal handler can't call.
const EXIT_BUG: libc::c_int = 109;

const MESSAGE: &[u8] = b"error: a fiber overflowed its stack; this is a bug in runner, please report it\n";

struct Watched {
    start: AtomicUsize,
    length: AtomicUsize,
}

// A signal handler receives nothing but the signal, so what it must know can only lie in a static.
static WATCHED: [Watched; WATCHED_MAX] =
    [const { Watched { start: AtomicUsize::new(0), length: AtomicUsize::new(0) } }; WATCHED_MAX];

/// Lets the handler recognise faults in this range.
pub(super) fn watch(start: usize, length: usize) {
    for slot in &WATCHED {
        if slot.start.compare_exchange(0, start, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            slot.length.store(length, Ordering::Release);
            return;
        }
    }
}

/// Forgets the range that starts here.
pub(super) fn forget(start: usize) {
    for slot in &WATCHED {
        if slot.start.load(Ordering::Acquire) == start {
            slot.length.store(0, Ordering::Release);
            slot.start.store(0, Ordering::Release);
            return;
        }
    }
}

/// Installs the handler for the whole process. Called once, by the program's start; faults outside
/// every arena are left to the default action.
pub fn report_overflows() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        for signal in [libc::SIGSEGV, libc::SIGBUS] {
            // SAFETY: an all-zero `sigaction` is a valid value of that plain C struct.
            let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
            action.sa_sigaction = on_fault as *const () as usize;
            // The fault happened for want of stack: run on the thread's alternate one, which Rust's
            // runtime gives every thread that it starts.
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            // SAFETY: `on_fault` has the signature that SA_SIGINFO demands and only calls
            // async-signal-safe functions; a null old action is allowed.
            unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
        }
    });
}

extern "C" fn on_fault(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel passes a valid `siginfo_t`; for these signals it holds an
    // address.
    let address = unsafe { (*info).si_addr() } as usize;
    let ours = WATCHED.iter().any(|slot| {
        let start = slot.start.load(Ordering::Acquire);
        start != 0 && (start..start + slot.length.load(Ordering::Acquire)).contains(&address)
    });
    if ours {
        // SAFETY: `write` and `_exit` are async-signal-safe, and the buffer is a static.
        unsafe {
            libc::write(libc::STDERR_FILENO, MESSAGE.as_ptr().cast(), MESSAGE.len());
            libc::_exit(EXIT_BUG);
        }
    }
    // Not a fiber's: restore the default action and return, so that the instruction faults again
    // and the process dies as it would have without us.
    // SAFETY: `signal` is async-signal-safe, and SIG_DFL is valid for both signals.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}
