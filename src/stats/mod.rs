//! What samples tell and what they don't: how sure a quantile is, and whether a series stands still.
//!
//! Pure arithmetic on counts and numbers; it imports nothing.

mod quantile;

pub use quantile::{BEYOND_MIN, CONFIDENCE, Ranks, coverage, ranks, samples_needed};
