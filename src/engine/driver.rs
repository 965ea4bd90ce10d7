//! Which driver plays a demand, and when all of them are done.

use std::rc::Rc;

use crate::plan::Demand;

use super::crew::Crew;
use super::{closed, open};

/// Starts the tasks of this worker's share of all scenarios.
pub(super) fn start(crew: &Rc<Crew>) {
    // Held until all are started, so that a worker without a share is done too.
    let starting = Task::new(crew);
    for part in &crew.parts {
        match &part.scenario.demand {
            Demand::Users(users) => closed::start(crew, part, users),
            Demand::Arrivals(arrivals) => open::start(crew, part, arrivals),
        }
    }
    drop(starting);
}

/// Counts a task of a driver, and counts it off however it ends.
pub(super) struct Task(pub(super) Rc<Crew>);

impl Task {
    pub(super) fn new(crew: &Rc<Crew>) -> Self {
        crew.tasks.set(crew.tasks.get() + 1);
        Self(Rc::clone(crew))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let left = self.0.tasks.get() - 1;
        self.0.tasks.set(left);
        if left == 0 {
            self.0.all_done.notify_one();
        }
    }
}
