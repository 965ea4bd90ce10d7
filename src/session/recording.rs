//! What is kept of a run and sent on while it goes: its folder, and its outputs.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use crate::diagnostic::{Code, Diagnostic, Mask};
use crate::engine::{Observer, Taps, Tick, Tracing};
use crate::output::{Courier, DRAIN_MAX, Played};
use crate::plan::Plan;
use crate::results::{
    DOCUMENT_FILE, Document, Head, JOURNAL_DRAIN_MAX, Journal, Labels, PlayedSecond, RunFolder, StoreError,
    Summary, masked_plan,
};
use crate::script::LogLine;

use super::keeping::Keeping;

/// An observer that keeps what it sees.
pub(super) struct Recording {
    script_name: String,
    /// Without secrets: it is kept and sent on.
    plan: Plan,
    mask: Mask,
    folder: Option<Arc<RunFolder>>,
    outputs: Vec<Courier>,
    start_unix_ms: u64,
    journal: Option<Journal>,
    /// What samples are tagged by on their way to the outputs.
    labels: Labels,
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
        let (folder, start_unix_ms) = (folder.map(Arc::new), now_unix_ms());
        let labels = Labels::new(&plan.options, &mask);
        let plan = masked_plan(&plan, &mask).unwrap_or_default();
        Self { script_name, plan, mask, folder, outputs, start_unix_ms, journal: None, labels, keeping: None }
    }

    /// Begins the journal, where there is a folder for it. It is told of a run that is killed in its `setup` too.
    pub(super) fn journalled(mut self, seed: u64, workers: usize) -> Self {
        let head = |folder: &Arc<RunFolder>| {
            let head = Head::new(
                &self.script_name,
                &self.plan,
                seed,
                self.start_unix_ms,
                workers.max(1),
                &self.mask,
            );
            Journal::start(folder, head)
        };
        self.journal = self.folder.as_ref().map(head);
        self
    }

    /// Keeps the script and what it is played with, where the run is kept.
    pub(super) fn keep(&mut self, mut keeping: Keeping) {
        if let Some(folder) = &self.folder {
            keeping.begin(folder);
            self.keeping = Some(keeping);
        }
    }

    /// What the workers tell one by one, for the outputs that want it. For once, before the run.
    pub(super) fn taps(&mut self) -> Taps {
        let (run, mask) = (self.played(), &self.mask);
        let labels = &self.labels;
        let samples = self.outputs.iter().filter_map(|output| output.samples(labels)).collect();
        let spans = self.outputs.iter_mut().filter_map(|output| output.spans(&run, mask)).collect();
        Taps { samples, spans: Tracing::new(spans) }
    }

    fn played(&self) -> Played {
        Played {
            id: self.folder.as_ref().map(|folder| folder.id.to_string()),
            script_name: self.mask.mask(&self.script_name).into_owned(),
            start_unix_ms: self.start_unix_ms,
            plan: self.plan.clone(),
        }
    }

    /// The run is over: sends the outputs their end, waits for them, and adds to the summary what became of all.
    pub(super) fn finish(self, summary: &mut Summary) {
        summary.run_id = self.folder.as_ref().map(|folder| folder.id.to_string());
        summary.start_unix_ms = Some(self.start_unix_ms);
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
        let told = |error: &StoreError| {
            let mut diagnostic = error.diagnostic();
            diagnostic.apply(&self.mask);
            diagnostic
        };
        if let Some(journal) = self.journal {
            let document = Document::from(&*summary).to_value();
            let error = journal.end(document, Instant::now() + JOURNAL_DRAIN_MAX);
            summary.errors.extend(error.as_ref().map(told));
        }
        if let Some(folder) = &self.folder {
            let text = Document::from(&*summary).to_json_lines();
            let written = folder.write_whole(DOCUMENT_FILE, text.as_bytes());
            summary.errors.extend(written.as_ref().err().map(told));
        }
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
        if let Some(journal) = &mut self.journal {
            journal.second(&second, tick, &self.mask);
        }
        if self.outputs.is_empty() {
            return;
        }
        let sent = second.sent(&self.labels).map_or(second, Arc::new);
        self.outputs.iter_mut().for_each(|output| output.second(&sent));
    }

    fn log(&mut self, _line: &LogLine) {}

    fn load_begins(&mut self) {
        self.start_unix_ms = now_unix_ms();
        let played = Arc::new(self.played());
        self.outputs.iter_mut().for_each(|output| output.begin(&played));
    }
}

fn now_unix_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}
