//! A coroutine as a future: blocking code, such as a Rhai script, that waits without a thread.
//!
//! A [`Fiber`] owns a stack of its own and is polled like any future. Code inside it calls
//! [`Current::wait`], which polls another future and, while that is pending, suspends the whole
//! fiber; the executor's wake resumes it. Resume and suspend cost a few nanoseconds.
//!
//! Invariants: a fiber is created, polled and dropped on one thread; [`Current`] names the fiber
//! that runs at this moment and nothing else; a suspended fiber is never unwound (Rhai would catch
//! that): dropped before its end it is leaked, and [`Fiber::is_done`] lets the owner avoid it.
#![expect(unsafe_code, reason = "switches stacks; with `profile/sampler` the only room that may")]

mod guard;
mod shared;
mod stack;
mod suspend;
mod warm;
#[cfg(test)]
mod tests;

pub use guard::report_overflows;
pub use shared::Shared;
pub use stack::{Arena, ArenaError, STACK_BYTES};
pub use suspend::{Cancelled, Current, Fiber};
