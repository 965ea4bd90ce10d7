//! Content codings (RFC 9110 §8.4): bodies are decoded while they come, and encoded before they go.
//!
//! Invariant: however a body was cut on its way, the outcome is the same, and whatever it unpacks to, what is kept
//! and what the decoders hold beside it stay within the request's limit and 1 MB. A new coding is
//! one file and one variant of [`Coding`].

mod brotli;
mod chain;
mod codings;
mod deflate;
mod encode;
mod error;
mod gzip;
mod step;
mod zstd;

#[cfg(test)]
mod tests;

pub(super) use chain::{Chain, Kept, Stop};
pub use codings::Coding;
pub(super) use codings::Codings;
pub use encode::encode;
pub use error::CodingError;
