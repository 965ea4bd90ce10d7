//! Scripts from end to end: read, declare, set by a configuration file and flags, start the demo if asked, look whether the
//! hosts are there, play, sum up. A load without a script goes the same way ([`Hit`]). Beside it what a machine is good for as a load generator ([`doctor`]).

mod attempt;
mod calibrate;
mod config;
mod declare;
pub mod doctor;
mod error;
mod hit;
mod own_summary;
mod keeping;
mod preflight;
mod profile;
mod prompt;
mod provenance;
mod recording;
mod run;
mod syntax;
mod targets;
pub mod watch;

pub use attempt::{Act, AttemptSettings, Audience, Ended, Part as ActPart, Tally, attempt};
pub use calibrate::{CALIBRATION_ROUNDS, CalibrateSettings, calibrate};
pub use config::{CONFIG_FILES, Config, is_variable};
pub use declare::{Declared, check, declare, read};
pub use error::SessionError;
pub use hit::{Aimed, CONNECTIONS, Hit, Load, REQUESTS};
pub use own_summary::OwnSummary;
pub use preflight::preflight;
pub use profile::Profiling;
pub use prompt::{Interrupted, Line, Prompt};
pub use run::{Part, Played, Settings, run};
