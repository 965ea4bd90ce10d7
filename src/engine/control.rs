//! How a run is told to stop from outside: by a signal, and later by keys and the API.

use tokio::sync::watch;

/// How urgently a run should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Urgency {
    /// It goes on.
    #[default]
    None,
    /// Iterations are cut, `on_stop` and `teardown` still run.
    Stop,
    /// Nothing of the script runs any more.
    Now,
}

/// The handle on a run.
#[derive(Debug, Clone)]
pub struct Control(watch::Sender<Urgency>);

impl Default for Control {
    fn default() -> Self {
        Self(watch::Sender::new(Urgency::None))
    }
}

impl Control {
    /// Ends the run; called a second time, without `on_stop` and `teardown`.
    pub fn stop(&self) {
        self.0.send_modify(|urgency| {
            *urgency = if *urgency == Urgency::None { Urgency::Stop } else { Urgency::Now };
        });
    }

    /// Whether it was told to end.
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow() > Urgency::None
    }

    /// To wait for a stop.
    pub(super) fn subscribe(&self) -> watch::Receiver<Urgency> {
        self.0.subscribe()
    }
}
