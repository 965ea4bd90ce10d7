//! What is kept of a run and sent on while it goes: its folder, and its outputs.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use crate::diagnostic::Mask;
use crate::engine::{Observer, Tick};
use crate::output::{Courier, DRAIN_MAX, Played};
use crate::plan::Plan;
use crate::results::{PlayedSecond, RunFolder, Summary};
use crate::script::LogLine;

use super::keeping::Keeping;

/// An observer that keeps what it sees.
pub(super) struct Recording {
    script_name: String,
    plan: Plan,
    mask: Mask,
    folder: Option<RunFolder>,
    outputs: Vec<Courier>,
    start_unix_ms: u64,
    keeping: Option<Keeping>,
}

impl Recording {
    pub(super) fn new(
        script_name: String,
        plan: Plan,
        mask: Mask,
        folder: Option<RunFolder>,
        outputs: Vec<Courier>,
    ) -> Self {
        Self { script_name, plan, mask, folder, outputs, start_unix_ms: now_unix_ms(), keeping: None }
    }

    /// Keeps the script and what it is played with, where the run is kept.
    pub(super) fn keep(&mut self, mut keeping: Keeping) {
        if let Some(folder) = &self.folder {
            keeping.begin(folder);
            self.keeping = Some(keeping);
        }
    }

    /// The run is over: sends the outputs their end, waits for them, and adds to the summary what became of all.
    pub(super) fn finish(self, summary: &mut Summary) {
        let deadline = Instant::now() + DRAIN_MAX;
        let mut outputs = self.outputs;
        if !outputs.is_empty() {
            let shared = Arc::new(summary.clone());
            for output in &mut outputs {
                output.end(&shared);
            }
        }
        summary.outputs = outputs.into_iter().map(|output| output.finish(deadline)).collect();
        summary.run_id = self.folder.as_ref().map(|folder| folder.id.to_string());
        // The last of all: it tells what became of the run, and what could not be written of it.
        if let (Some(folder), Some(keeping)) = (&self.folder, self.keeping) {
            keeping.end(folder, summary);
        }
    }
}

impl Observer for Recording {
    fn tick(&mut self, tick: &Tick<'_>) {
        if self.outputs.is_empty() && self.folder.is_none() {
            return;
        }
        let second = Arc::new(PlayedSecond::of(tick, self.start_unix_ms, &self.mask));
        self.outputs.iter_mut().for_each(|output| output.second(&second));
    }

    fn log(&mut self, _line: &LogLine) {}

    fn load_begins(&mut self) {
        self.start_unix_ms = now_unix_ms();
        let played = Arc::new(Played {
            id: self.folder.as_ref().map(|folder| folder.id.to_string()),
            script_name: self.script_name.clone(),
            start_unix_ms: self.start_unix_ms,
            plan: self.plan.clone(),
        });
        self.outputs.iter_mut().for_each(|output| output.begin(&played));
    }
}

fn now_unix_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}
