//! The sample service, and a null server for benches.
//!
//! It imitates a financial data API: prices behind two cache layers and slow providers, narratives
//! by a simulated text model, a query language whose runs are tasks. What it counts is true: a hit
//! was a hit, a task that is completed has run. Built on `monitor`; `session` and `cli` start it.

mod analysis;
mod argument;
mod cache;
mod clock;
mod handle;
mod health;
mod lru;
mod market;
mod mcp;
mod null;
mod options;
mod price;
mod provider;
mod query;
mod reply;
mod route;
mod server;
mod service;
mod session;
mod stream;
mod task;
mod tool;

#[cfg(test)]
mod tests;

pub use handle::{Handle, Stop};
pub use null::{NULL_RESPONSE, NullServer, serve as serve_null};
pub use options::DemoOptions;
pub use server::{Demo, serve};
