//! Statistics: pure functions of numbers, who know nothing of metrics or runs. Each gives its source and its limits.

mod quantile;
mod trend;

pub use quantile::{BEYOND_MIN, CONFIDENCE, Ranks, coverage, ranks, samples_needed};
pub use trend::{Course, POINTS_MIN, course};
