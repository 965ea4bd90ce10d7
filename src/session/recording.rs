//! What is kept of a run and sent on while it goes: its folder, and its outputs.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use crate::diagnostic::{Code, Diagnostic, Mask};
use crate::engine::{Observer, Taps, Tick};
use crate::output::{Courier, DRAIN_MAX, Played};
use crate::plan::Plan;
use crate::results::{PlayedSecond, RunFolder, Summary};
use crate::script::LogLine;

/// An observer that keeps what it sees.
pub(super) struct Recording {
    script_name: String,
    plan: Plan,
    mask: Mask,
    folder: Option<RunFolder>,
    outputs: Vec<Courier>,
    start_unix_ms: u64,
}

impl Recording {
    pub(super) fn new(
        script_name: String,
        plan: Plan,
        mask: Mask,
        folder: Option<RunFolder>,
        outputs: Vec<Courier>,
    ) -> Self {
        Self { script_name, plan, mask, folder, outputs, start_unix_ms: now_unix_ms() }
    }

    /// What the workers tell one by one, for the outputs that want it.
    pub(super) fn taps(&self) -> Taps {
        Taps { samples: self.outputs.iter().filter_map(|output| output.samples(&self.mask)).collect() }
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
        for output in outputs {
            let is_file = output.is_file();
            let mut line = output.finish(deadline);
            [&mut line.place].into_iter().chain(&mut line.error).for_each(|text| self.mask.apply(text));
            if let Some(lost) = is_file.then(|| line.lost()).flatten() {
                let text = format!("failed to write `{}`: {lost}", line.place);
                summary.errors.push(Diagnostic::new(Code::Results, text));
            }
            summary.outputs.push(line);
        }
        summary.run_id = self.folder.as_ref().map(|folder| folder.id.to_string());
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
            script_name: self.mask.mask(&self.script_name).into_owned(),
            start_unix_ms: self.start_unix_ms,
            plan: self.plan.clone(),
        });
        self.outputs.iter_mut().for_each(|output| output.begin(&played));
    }
}

fn now_unix_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}
