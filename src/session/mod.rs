//! Scripts from end to end: read, declare, set by a configuration file and flags, start the demo if asked, look whether the
//! hosts are there, play, sum up.

mod config;
mod declare;
mod error;
mod preflight;
mod run;
mod syntax;

pub use config::{CONFIG_FILES, Config, is_variable};
pub use declare::{Declared, check, declare, read};
pub use error::SessionError;
pub use preflight::preflight;
pub use run::{Part, Played, Settings, run};
