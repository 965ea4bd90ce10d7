//! How another version of the script comes to be played, from the control thread.
//!
//! | state     | event                                      | next      |
//! |-----------|--------------------------------------------|-----------|
//! | idle      | a version is wanted                        | preparing |
//! | preparing | the worker asked has loaded it             | preparing, the next worker; or taken |
//! | preparing | a worker can't load it                     | idle, and observers are told why |
//! | taken     | at once                                    | idle      |
//!
//! The workers load it one after another: while one compiles the others keep the load up. Then all take it at one
//! instant. A version that is wanted meanwhile waits, and only the last that is.

use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Diagnostic;

use super::aggregator::Aggregator;
use super::control::Wish;
use super::event::{EpochCause, NewEpoch, Observer};
use super::message::Command;
use super::run::Workers;
use super::steering::Steering;

/// A version on its way.
#[derive(Debug, Default)]
pub(super) struct Turnover {
    preparing: Option<Preparing>,
    /// Epochs that have begun behind the first.
    epochs: u64,
}

#[derive(Debug)]
struct Preparing {
    wish: Wish,
    /// Workers that have loaded it.
    loaded: usize,
}

impl Workers {
    /// Begins to prepare the version that is wanted, unless one is on its way.
    pub(super) async fn turn_over(&self, turnover: &mut Turnover) {
        if turnover.preparing.is_some() {
            return;
        }
        let Some(wish) = self.control.take_version() else { return };
        self.tell(0, Command::Prepare(Arc::clone(&wish.version))).await;
        turnover.preparing = Some(Preparing { wish, loaded: 0 });
    }

    /// A worker has loaded the version on its way, or can't.
    pub(super) async fn prepared(
        &self,
        turnover: &mut Turnover,
        told: Result<(), Box<Diagnostic>>,
        steering: &mut Steering,
        sums: &mut Aggregator,
        observer: &mut dyn Observer,
    ) {
        let Some(mut preparing) = turnover.preparing.take() else { return };
        if let Err(diagnostic) = told {
            observer.refused(&diagnostic);
        } else {
            preparing.loaded += 1;
            if preparing.loaded < self.commands.len() {
                self.tell(preparing.loaded, Command::Prepare(Arc::clone(&preparing.wish.version))).await;
                turnover.preparing = Some(preparing);
                return;
            }
            let version = &preparing.wish.version;
            let now_ns = self.now_ns();
            let (command, at_ns, parts) = steering.take(&version.plan, now_ns);
            self.control.replan(&version.plan, &parts);
            sums.replan(version);
            self.steer(command, steering, sums).await;
            let took = preparing.wish.asked.elapsed() + Duration::from_nanos(at_ns.saturating_sub(now_ns));
            let cause = EpochCause::Reload { version: version.number, took };
            turnover.begin(cause, at_ns, steering, sums, observer);
        }
        // Another one may be wanted by now.
        self.turn_over(turnover).await;
    }

    /// Begins a new epoch, if one is wanted.
    pub(super) fn reset(
        &self,
        turnover: &mut Turnover,
        steering: &Steering,
        sums: &Aggregator,
        observer: &mut dyn Observer,
    ) {
        if self.control.take_reset() {
            turnover.begin(EpochCause::Reset, self.now_ns(), steering, sums, observer);
        }
    }
}

impl Turnover {
    fn begin(
        &mut self,
        cause: EpochCause,
        at_ns: u64,
        steering: &Steering,
        sums: &Aggregator,
        observer: &mut dyn Observer,
    ) {
        self.epochs += 1;
        let second = steering.second(at_ns);
        observer.epoch(&NewEpoch {
            number: self.epochs + 1,
            first_second: second + 1,
            last_second: second.saturating_sub(1),
            cause,
            plan: sums.plan(),
        });
    }
}

#[cfg(test)]
mod tests;
