//! The functions of a script that `runner` calls by their names, beside flows.

use serde::{Deserialize, Serialize};

/// Which functions of the life cycle a script has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "functions, each there or not")]
pub struct Hooks {
    /// `setup`, once before the load.
    pub setup: bool,
    /// `teardown`, once after it.
    pub teardown: bool,
    /// `on_start`, for each user before its first iteration.
    pub on_start: bool,
    /// `on_stop`, for each user after its last.
    pub on_stop: bool,
    /// `summary`, once the run is over.
    #[serde(default)]
    pub summary: bool,
}
