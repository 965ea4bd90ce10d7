//! The observer of one run that tells the view.

use std::sync::Arc;

use super::act::{Act, Scenario};
use super::gather::Gather;
use super::mail::{Mail, Word};
use crate::diagnostic::Mask;
use crate::engine::{NewEpoch, NewFailures, Observer, Tick};
use crate::script::LogLine;

/// Tells the view of one run. What it costs the control thread is the copy of what is shown.
#[derive(Debug)]
pub struct Spectator {
    run: usize,
    gather: Gather,
    mask: Mask,
    mail: Arc<Mail>,
}

impl Spectator {
    pub(super) fn new(run: usize, act: &Act, mask: &Mask, mail: &Arc<Mail>) -> Self {
        Self { run, gather: Gather::new(&act.plan, mask), mask: mask.clone(), mail: Arc::clone(mail) }
    }
}

impl Observer for Spectator {
    fn tick(&mut self, tick: &Tick<'_>) {
        let moment = self.gather.tick(tick);
        self.mail.tell(Word::Second(self.run, Box::new(moment)));
    }

    /// Whoever prints the log says its lines above the view.
    fn log(&mut self, _line: &LogLine) {}

    fn load_begins(&mut self) {
        self.mail.tell(Word::Begun(self.run));
    }

    fn load_ends(&mut self) {
        self.mail.tell(Word::Ended(self.run));
    }

    fn epoch(&mut self, new: &NewEpoch<'_>) {
        self.gather.epoch(new);
        self.mail.tell(Word::Scenarios(self.run, Scenario::of(new.plan, &self.mask)));
    }

    fn failing(&mut self, new: &NewFailures) {
        self.mail.tell(Word::Failing(self.run, Box::new(self.gather.hide(new))));
    }
}
