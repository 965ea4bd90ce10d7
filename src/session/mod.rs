//! One script from end to end: read, declare, change by flags, start the demo if asked, look whether the
//! hosts are there, play, sum up.

mod declare;
mod error;
mod preflight;
mod run;

pub use declare::{Declared, check, declare, read};
pub use error::SessionError;
pub use preflight::preflight;
pub use run::{Settings, run};
