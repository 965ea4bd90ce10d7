//! Kinds, tags, selectors, histograms, and snapshots that merge.
//!
//! A worker owns one [`Recorder`] and records into it without locks. Once a second [`Recorder::take`]
//! hands over a [`Snapshot`]: the delta of that second. Snapshots of workers are joined, seconds are
//! appended, and nothing is lost on the way: histograms, never samples, never averaged percentiles.

mod builtin;
mod error;
mod histogram;
mod kind;
mod overflow;
mod pile;
mod recorder;
mod relabel;
mod request;
mod sample;
mod seconds;
mod selector;
mod snapshot;
mod symbol;
mod tags;
mod tap;
mod value;
mod wire;

pub use builtin::{BUILTINS, Builtin, TIMES, beside, builtin, is_service_time};
pub use error::{KindMismatch, SelectorError};
pub use histogram::{Bucket, Interval, Layout, Quantile, STORED_MAX, Trend};
pub use kind::{Join, Kind, Metric, Unit};
pub use overflow::{OVERFLOW_MAX, Overflow};
pub use pile::Malformed;
pub use recorder::{MetricId, Recorder, SERIES_MAX, SeriesId};
pub use request::{Phases, RequestKey, RequestSample};
pub use sample::{Figure, Measured, Sample};
pub use selector::{Matcher, Selector};
pub use snapshot::{Series, Snapshot, Warning};
pub use symbol::{SYMBOLS_MAX, Symbol};
pub use tags::{OTHER, TagSet};
pub use tap::{BATCH_MAX, Batch, Outlet, Outlets, Tap};
pub use value::Value;
