//! What a metric is: its kind says how samples add up, its unit how they are printed, and its join
//! rule how gauges of several workers become one.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How samples of a metric add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A sum.
    Counter,
    /// The last value, with its extremes.
    Gauge,
    /// A share of samples that were true.
    Rate,
    /// A distribution.
    Trend,
}

impl Kind {
    /// The word users write and read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Rate => "rate",
            Self::Trend => "trend",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a metric's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A plain number.
    None,
    /// Time: milliseconds for users, integer microseconds inside a trend.
    Time,
    /// Bytes.
    Bytes,
}

/// How a gauge's values from different workers in the same second become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Join {
    /// Each worker holds a part of the whole: `vus`.
    Sum,
    /// Each worker holds a view of its own and the largest matters: `generator_cpu`, custom gauges.
    Max,
}

/// A declared metric.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Metric {
    /// The name that scripts and targets use.
    pub name: Arc<str>,
    /// How its samples add up.
    pub kind: Kind,
    /// What its numbers are.
    pub unit: Unit,
}
