//! The live view: what a person sees of runs that go on, at the lower end of a terminal, and the keys that steer them.
//!
//! A [`Spectator`] a run copies, on the control thread and once a second, what is shown; a thread of the [`View`]'s own draws
//! it and hears the keys, so that a terminal that is slow or stopped delays no run. The view stands on standard error;
//! what is said meanwhile goes above it. Pages are drawn with ratatui; the painter is our own, since ratatui's inline
//! viewport asks the terminal for its cursor by way of standard output, which is data, and has one height for good.

mod act;
mod board;
mod cell;
mod endpoints;
mod gather;
mod graph;
mod head;
mod key;
mod mail;
mod moment;
mod overlay;
mod page;
mod painter;
mod palette;
mod section;
mod spectator;
mod steer;
mod stretch;
mod tty;
mod verdicts;
mod view;

pub use act::Act;
pub use spectator::Spectator;
pub use view::{Look, View, Voice};
