//! The control API: a run is looked at and steered over HTTP, by scripts and pages, while it goes on.
//!
//! A [`Server`] has a thread and a runtime of its own, and a bounded number of connections. The run tells it of each second by
//! a [`Feed`], an observer that only copies; what is wanted of the run goes through [`crate::engine::Control`], as for signals and
//! keys. Nobody gets in without the [`Token`], through a name that is not ours, or from another site's page (`guard.rs`).

mod address;
mod api;
mod beat;
mod board;
mod clerk;
mod error;
mod event;
mod feed;
mod group;
mod guard;
mod hub;
mod metric;
mod reply;
mod scenario;
mod seat;
mod server;
mod status;
mod token;
mod wish;

pub use address::Address;
pub use error::WebError;
pub use feed::Feed;
pub use server::{Host, Server};
pub use token::Token;
