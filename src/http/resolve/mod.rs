//! From a name to the addresses to try, in order: the look-up, how long its answer is believed, and which of
//! the addresses is called.

mod choice;
mod lookup;
mod resolver;
mod servers;

pub(super) use lookup::Lookup;
pub(super) use resolver::Resolver;
pub(super) use servers::Servers;
