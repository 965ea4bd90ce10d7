//! Rhai: the engine, the host modules, declaration, diagnostics.
//!
//! So far the values that a script holds: constants and data frozen behind counters, a user's state
//! behind a handle, depth bounded; and the interpreter with every limit set.

mod engine;
mod error;
mod frozen;
mod state;
mod value;
mod vu;

pub use engine::{
    CALL_LEVELS_MAX, EXPRESSION_DEPTH_MAX, FUNCTIONS_MAX, LIST_ITEMS_MAX, MAP_PAIRS_MAX, MODULES_MAX,
    TEXT_BYTES_MAX, VARIABLES_MAX, engine,
};
pub use error::HostError;
pub use frozen::{FrozenList, FrozenMap, freeze};
pub use state::State;
pub use value::{DEPTH_MAX, from_json, is_deeper_than, to_json, type_name};
pub use vu::{Cast, Ending, Phase, Vu};
