//! From the run to the control API: an observer that copies what it is told and rings. Nobody is waited for, nothing recorded
//! is lost: seconds that aren't fetched in time become one, lines of the log are counted where there are too many.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::diagnostic::Diagnostic;
use crate::engine::{NewEpoch, Observer, Tick};
use crate::script::LogLine;

use super::beat::{Beat, EpochNews, Notice};

/// More notices wait only where the API's thread gets no core for seconds.
const NOTICES_MAX: usize = 1_024;
/// Seconds that wait one by one.
const SECONDS_MAX: usize = 8;

/// The observer; a clone feeds the same API.
#[derive(Debug, Clone, Default)]
pub struct Feed(Arc<Inbox>);

#[derive(Debug, Default)]
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    rung: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    notices: VecDeque<Notice>,
    seconds: usize,
    lines_lost: u64,
}

impl Feed {
    pub(super) fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.0)
    }

    pub(super) fn tell(&self, notice: Notice) {
        self.0.queue().push(notice);
        self.0.rung.notify_one();
    }
}

impl Queue {
    fn push(&mut self, notice: Notice) {
        match notice {
            Notice::Second(second) if self.seconds >= SECONDS_MAX => {
                let waiting = self.notices.iter_mut().rev().find_map(|notice| match notice {
                    Notice::Second(waiting) => Some(waiting),
                    _ => None,
                });
                match waiting {
                    Some(waiting) => waiting.append(*second),
                    None => self.notices.push_back(Notice::Second(second)),
                }
            }
            Notice::Line(_) if self.notices.len() >= NOTICES_MAX => self.lines_lost += 1,
            notice => {
                self.seconds += usize::from(matches!(notice, Notice::Second(_)));
                self.notices.push_back(notice);
            }
        }
    }
}

impl Inbox {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for notices. A call that is given up loses none.
    pub(super) async fn rung(&self) {
        self.rung.notified().await;
    }

    /// All notices, and how many lines of the log were lost.
    pub(super) fn take(&self) -> (VecDeque<Notice>, u64) {
        let Queue { notices, lines_lost, .. } = std::mem::take(&mut *self.queue());
        (notices, lines_lost)
    }
}

impl Observer for Feed {
    fn tick(&mut self, tick: &Tick<'_>) {
        self.tell(Notice::Second(Box::new(Beat::of(tick))));
    }

    fn log(&mut self, line: &LogLine) {
        self.tell(Notice::Line(line.clone()));
    }

    fn load_begins(&mut self) {
        self.tell(Notice::LoadBegins);
    }

    fn load_ends(&mut self) {
        self.tell(Notice::LoadEnds);
    }

    fn epoch(&mut self, new: &NewEpoch<'_>) {
        self.tell(Notice::Epoch(Box::new(EpochNews::of(new))));
    }

    fn refused(&mut self, diagnostic: &Diagnostic) {
        self.tell(Notice::Refused(Box::new(diagnostic.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Books;
    use crate::metrics::{Recorder, Selector, TagSet, Value};
    use crate::script::Level;
    use std::time::Duration;

    fn second(number: u64) -> Notice {
        let mut recorder = Recorder::new(&[]);
        let (requests, _) = recorder.metric("http_reqs").unwrap();
        let series = recorder.series(requests, &TagSet::default());
        recorder.add(series, 3.0);
        Notice::Second(Box::new(Beat {
            number,
            elapsed: Duration::from_secs(number),
            end_max: Duration::from_mins(1),
            is_paused: false,
            is_warm_up: false,
            vus: 1,
            vus_max: 1,
            books: Books::default(),
            scenarios: Vec::new(),
            worst: Vec::new(),
            delta: recorder.take(number),
        }))
    }

    #[test]
    fn seconds_that_are_not_fetched_become_one_and_lose_nothing() {
        let feed = Feed::default();
        (1..=20).for_each(|number| feed.tell(second(number)));
        let (notices, _) = feed.inbox().take();
        assert_eq!(notices.len(), SECONDS_MAX);
        let requests: f64 = notices
            .iter()
            .map(|notice| match notice {
                Notice::Second(beat) => match beat.delta.select(&Selector::all("http_reqs")) {
                    Some(Value::Counter(count)) => count,
                    other => panic!("{other:?}"),
                },
                other => panic!("{other:?}"),
            })
            .sum();
        assert!((requests - 60.0).abs() < 0.5, "{requests}");
        assert!(matches!(notices.back(), Some(Notice::Second(beat)) if beat.number == 20));
    }

    #[test]
    fn lines_that_come_too_fast_are_counted() {
        let feed = Feed::default();
        let line = LogLine { level: Level::Info, scenario: String::new(), vu: 0, text: "x".to_owned() };
        for _ in 0..NOTICES_MAX + 5 {
            feed.tell(Notice::Line(line.clone()));
        }
        let (notices, lost) = feed.inbox().take();
        assert_eq!((notices.len(), lost), (NOTICES_MAX, 5));
        assert_eq!(feed.inbox().take().1, 0, "told once");
    }
}
