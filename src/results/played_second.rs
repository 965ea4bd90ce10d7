//! A second of a run as it is kept and sent on: owned, dated, and without secrets.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Mask;
use crate::engine::{Books, Tick};
use crate::metrics::{Snapshot, TagSet};
use crate::plan::{RunOptions, SystemTags};

/// One second of the run, all workers together. The last one may be a part of a second, and one behind the load
/// holds what `teardown` recorded: the sum of all is the run's total (and its warm-up).
#[derive(Debug, Clone, PartialEq)]
pub struct PlayedSecond {
    /// Which second of the load, from 1.
    pub number: u64,
    /// When it ended: milliseconds since 1970, UTC, by the wall clock at the start of the load and the run's own clock
    /// since. So a clock that is set meanwhile doesn't matter.
    pub end_unix_ms: u64,
    /// Since the start of the load.
    pub elapsed: Duration,
    /// Whether it belongs to the warm-up, which no total holds.
    pub is_warm_up: bool,
    /// Whether the load is paused.
    pub is_paused: bool,
    /// Virtual users that are active.
    pub vus: u64,
    /// The most that are wanted, as planned or steered.
    pub vus_max: u64,
    /// The iterations so far.
    pub books: Books,
    /// What it recorded.
    pub delta: Snapshot,
}

impl PlayedSecond {
    /// What the engine told of a load that began at that time, without what the mask hides.
    pub fn of(tick: &Tick<'_>, start_unix_ms: u64, mask: &Mask) -> Self {
        let hide = |text: &str| match mask.mask(text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(masked) => Some(masked),
        };
        let elapsed_ms = u64::try_from(tick.elapsed.as_millis()).unwrap_or(u64::MAX);
        Self {
            number: tick.number,
            end_unix_ms: start_unix_ms.saturating_add(elapsed_ms),
            elapsed: tick.elapsed,
            is_warm_up: tick.is_warm_up,
            is_paused: tick.is_paused,
            vus: tick.vus,
            vus_max: tick.vus_max,
            books: tick.books,
            delta: tick.delta.relabelled(hide),
        }
    }

    /// The same as it is sent on: every series has the tags of the run, its own winning, and of `runner`'s own tags those that
    /// go to the outputs. Nothing where it would be the same.
    pub fn sent(&self, labels: &Labels) -> Option<Self> {
        labels.changes().then(|| Self { delta: self.delta.retagged(|tags| labels.of(tags)), ..self.clone() })
    }

    /// How many samples it holds: of each series what it counts, of a counter or a gauge one.
    pub fn samples(&self) -> u64 {
        self.delta.iter().map(|series| series.value.samples()).sum()
    }
}

/// What is said about the tags of samples that are sent on, and what is hidden in them.
#[derive(Debug, Clone)]
pub struct Labels {
    /// Tags of the whole run, masked.
    run: TagSet,
    system: Arc<SystemTags>,
    mask: Mask,
}

impl Labels {
    /// Of the options of a run, without what the mask hides.
    pub fn new(options: &RunOptions, mask: &Mask) -> Self {
        let masked = |text: &String| mask.mask(text).into_owned();
        let run = options.tags.iter().map(|(tag, value)| (masked(tag), masked(value)));
        Self {
            run: TagSet::from_pairs(run),
            system: Arc::new(options.system_tags.clone()),
            mask: mask.clone(),
        }
    }

    /// What is hidden.
    pub fn mask(&self) -> &Mask {
        &self.mask
    }

    /// Whether any tags become others, but for what is hidden.
    pub fn changes(&self) -> bool {
        !self.run.is_empty() || !self.system.is_all()
    }

    /// The tags of a sample on its way out; they are masked already.
    pub fn of(&self, tags: &TagSet) -> TagSet {
        let own = tags.iter().filter(|(tag, _)| !self.system.leaves_out(tag));
        TagSet::from_pairs(self.run.iter().chain(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Recorder, Selector};
    use crate::plan::{Options, Value};

    /// A second with two names, in a run whose tag `team` they have or not.
    fn second() -> PlayedSecond {
        let mut recorder = Recorder::new(&[]);
        let (reqs, _) = recorder.metric("http_reqs").unwrap();
        for pairs in [
            [("name", "/a"), ("status", "200")],
            [("name", "/b"), ("status", "200")],
            [("name", "/c"), ("team", "own")],
        ] {
            let series = recorder.series(reqs, &TagSet::from_pairs(pairs));
            recorder.add(series, 2.0);
        }
        PlayedSecond {
            number: 1,
            end_unix_ms: 1_000,
            elapsed: Duration::from_secs(1),
            is_warm_up: false,
            is_paused: false,
            vus: 1,
            vus_max: 1,
            books: Books::default(),
            delta: recorder.take(1),
        }
    }

    fn labels(options: &[(&str, Value)], hidden: &str) -> Labels {
        let options: Options =
            options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mask = Mask::default();
        mask.hide(hidden);
        Labels::new(&RunOptions::from_options(&options).unwrap().0, &mask)
    }

    #[test]
    fn what_is_sent_has_the_runs_tags_and_the_system_tags_that_are_asked_for() {
        let run = Value::Map(Options::from(
            ["team", "build"].map(|tag| (tag.to_owned(), Value::Text("hunter22".to_owned()))),
        ));
        let second = second();
        let sent = second
            .sent(&labels(&[("tags", run), ("system_tags", Value::Text("status".into()))], "hunter22"))
            .unwrap();
        let tags: Vec<String> = sent.delta.iter().map(|series| series.tags.to_string()).collect();
        assert_eq!(tags, ["{build:***,status:200,team:***}", "{build:***,team:own}"]);
        let all = Selector::all("http_reqs");
        assert_eq!(sent.delta.select(&all), second.delta.select(&all), "no sample is lost");
    }

    #[test]
    fn without_either_nothing_is_copied() {
        assert_eq!(second().sent(&labels(&[], "x")), None);
    }
}
