//! `runner`: scriptable performance tests.
//!
//! A Rhai script declares user flows, load and targets; the runner plays them against an HTTP
//! service, measures from the intended start, and says pass or fail. The list below is the floor
//! plan: a room imports only rooms above it, and `tests/it/tidy.rs` holds every row to it.
//!
//! Start reading at [`session`] (one script from end to end), then [`engine`] (who plays the plan)
//! and [`script`] (what an author can say).

// Files of `fuzz/` are compiled into the tests too, and call the library by its name.
#[cfg(test)]
extern crate self as runner;

pub mod units;
pub mod diagnostic;
pub mod stats;
pub mod fiber;
pub mod metrics;
pub mod plan;
pub mod http;
pub mod profile;
pub mod monitor;
pub mod demo;
pub mod script;
pub mod engine;
pub mod results;
pub mod report;
pub mod output;
pub mod session;
pub mod web;
pub mod cli;
