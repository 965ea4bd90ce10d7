//! How a run goes, for whoever asks while it does.

use std::time::Duration;

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// The load has not begun.
    #[default]
    Preparing,
    /// It goes on.
    Running,
    /// The schedule's clock stands: what runs goes on, nothing begins.
    Paused,
    /// It was told to end, or has come to its end.
    Stopping,
}

/// How a run goes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Status {
    /// What it is doing.
    pub state: State,
    /// Since the load began, pauses included.
    pub elapsed: Duration,
    /// How long it was paused.
    pub paused: Duration,
    /// Virtual users that exist, as of the last second.
    pub vus: u64,
    /// The most that are wanted at one instant, as steered.
    pub vus_max: u64,
    /// The scenarios, in the order of declaration.
    pub scenarios: Vec<ScenarioStatus>,
}

/// How a scenario goes.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioStatus {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub progress: Progress,
    /// Users that its schedule wants now, if it is one of users.
    pub users: Option<u64>,
    /// Iterations a second that its schedule wants now, if it is one of arrivals.
    pub rate: Option<f64>,
}

/// Where a scenario is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Its start is to come, or the scenario that it starts after is not over.
    Waiting,
    /// It has started.
    Running,
    /// Its users have ended on all workers.
    Over,
}
