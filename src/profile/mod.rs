//! CPU profiles: samples of this process's threads, folded stacks, flame graphs, pprof's format.
//!
//! A [`Sampler`] takes [`Samples`]; those, and what a script's interpreter tells of itself, become [`Folded`]
//! stacks, and a [`Profile`] is all of a run, ready to be written. Nothing here knows of scripts or loads.

mod error;
mod flamegraph;
mod folded;
mod naming;
mod protobuf;
mod sample;
mod sampler;
mod store;

pub use error::ProfileError;
pub use flamegraph::flame_graph;
pub use folded::{Folded, Own};
pub use protobuf::pprof;
pub use sample::{Frame, Samples, Stack};
pub use sampler::{HERTZ, Sampler, Seat, enlist, take_ticks};
pub use store::{Profile, ProfileFile, ready, write};
