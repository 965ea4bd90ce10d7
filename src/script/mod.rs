//! Rhai: the engine, a file per host module, declaration, diagnostics.
//!
//! A [`Program`] is a script on one thread: loaded, it gives the plan that its top level declares,
//! and its functions can be called for a [`Vu`]. What its host functions share on a worker is the
//! [`Stage`]; a [`Turn`] sets who is on it. Flows read as blocking code: a host function that waits
//! suspends the fiber that it runs on.

mod aside;
mod bodies;
mod bounded;
mod browser;
mod command;
mod connections;
mod data;
mod declaration;
mod diagnose;
mod elsewhere;
mod engine;
mod error;
mod examples;
mod expected;
mod folder;
mod foreign;
mod frozen;
mod hops;
mod host;
mod kinds;
mod later;
mod link;
mod lint;
mod log;
mod lookups;
mod modules;
mod names;
mod permit;
mod place;
mod profiler;
mod program;
mod properties;
mod registry;
mod rename;
mod repl;
mod request;
mod route;
mod secrets;
mod series_key;
mod setting;
mod shot;
mod span;
mod stage;
mod state;
mod steps;
mod stdlib;
mod still_clock;
mod story;
mod summarise;
mod syntax;
mod timeouts;
#[cfg(test)]
mod tests;
mod trace;
mod tracer;
mod traffic;
mod turn;
mod value;
mod vu;
mod watch;
mod words;
mod wording;

pub use aside::Aside;
pub use data::{DATA_BYTES_MAX, Shelf};
pub use declaration::{BASE_URL_HINT, DEMO_URL};
pub use engine::{
    CALL_LEVELS_MAX, EXPRESSION_DEPTH_MAX, FUNCTIONS_MAX, LIST_ITEMS_MAX, MAP_PAIRS_MAX, MODULES_MAX,
    TEXT_BYTES_MAX, VARIABLES_MAX,
};
pub use error::{Fault, HostError};
pub use frozen::{FrozenList, FrozenMap, freeze};
pub use lint::{LINTS, Lint};
pub use log::{Level, LogLine};
pub use modules::{MODULE_BYTES_MAX, ModuleFiles};
pub use profiler::{ScriptProfile, ScriptTime};
pub use program::{Checked, Entry, Failure, Program, functions};
pub use registry::{Function, Kind, Parameter};
pub use repl::{Given, Known, Origin, Repl, Shown, ShownResponse, Variable};
pub use route::Route;
pub use secrets::{SECRET_VARIABLE, SecretSource, Secrets};
pub use shot::{Shot, ShotError};
pub use span::{Ended, RequestOutcome, RequestWork, Share, Span, Tracing, Work};
pub use stage::{OPERATIONS_MAX, Outside, Stage};
pub use state::State;
pub use still_clock::StillClock;
pub use story::{
    Answer, Event, Message, Permit, Place, Question, RequestSeen, Story, StoryWanted, Told, Verdict,
};
pub use tracer::Tracer;
pub use turn::Turn;
pub use value::{DEPTH_MAX, from_json, is_deeper_than, to_json, type_name};
pub use vu::{Agenda, Cast, Course, Ending, Limit, Phase, Vu};
