//! What the runs tell the view: a bounded queue between their threads and its own.
//!
//! A second that finds it full is lost to the view and to nothing else. What is said waits for room, as it would for the
//! terminal itself. Once the view is closed nobody waits any more, and says it without the view.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::act::Scenario;
use super::moment::Moment;
use crate::engine::NewFailures;

/// Words that wait. A view that is so far behind has a terminal that is stopped.
const WORDS_MAX: usize = 1_000;

/// How long somebody waits to say something: the terminal is stopped, and whoever writes to it without the view waits there.
const SAY_MAX: Duration = Duration::from_secs(1);

/// What the view is told.
#[derive(Debug)]
pub(super) enum Word {
    /// A run's second.
    Second(usize, Box<Moment>),
    /// What failed in a run, as it may be shown.
    Failing(usize, Box<NewFailures>),
    /// A run's load has begun.
    Begun(usize),
    /// A run's load is over.
    Ended(usize),
    /// A run plays other scenarios: the same ones, with other demands.
    Scenarios(usize, Vec<Scenario>),
    /// Lines to be said above the view.
    Text(String),
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Mail {
    inner: Mutex<Queue>,
    /// There is room, or the view is gone.
    moved: Condvar,
    /// There is something to read.
    came: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    words: VecDeque<Word>,
    state: State,
}

/// How a view goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// It is up, or about to be.
    #[default]
    Open,
    /// It is told to end, and takes nothing any more.
    Closed,
    /// The terminal is as it was.
    Gone,
}

impl Mail {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells, unless there is no room.
    pub(super) fn tell(&self, word: Word) {
        let mut queue = self.queue();
        if queue.state == State::Open && queue.words.len() < WORDS_MAX {
            queue.words.push_back(word);
            self.came.notify_one();
        }
    }

    /// Says lines above the view; false where there is none any more, and the terminal is as it was.
    pub(super) fn say(&self, text: &str) -> bool {
        let mut queue = self.queue();
        loop {
            match queue.state {
                State::Gone => return false,
                State::Open if queue.words.len() < WORDS_MAX => break,
                State::Open | State::Closed => {
                    let waited =
                        self.moved.wait_timeout(queue, SAY_MAX).unwrap_or_else(PoisonError::into_inner);
                    if waited.1.timed_out() {
                        return false;
                    }
                    queue = waited.0;
                }
            }
        }
        queue.words.push_back(Word::Text(text.to_owned()));
        self.came.notify_one();
        true
    }

    /// The view is to end, once it has read what waits.
    pub(super) fn close(&self) {
        let mut queue = self.queue();
        if queue.state == State::Open {
            queue.state = State::Closed;
        }
        self.came.notify_one();
    }

    /// The view has ended; what it had not read comes back.
    pub(super) fn bury(&self) -> Vec<Word> {
        let mut queue = self.queue();
        queue.state = State::Gone;
        self.moved.notify_all();
        queue.words.drain(..).collect()
    }

    /// Waits for something to read.
    pub(super) async fn came(&self) {
        self.came.notified().await;
    }

    /// What waits, and whether the view is to end with it.
    pub(super) fn take(&self) -> (Vec<Word>, bool) {
        let mut queue = self.queue();
        self.moved.notify_all();
        (queue.words.drain(..).collect(), queue.state != State::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_loses_seconds_and_says_nothing_is_gone_only_once_it_is() {
        let mail = Mail::default();
        for _ in 0..WORDS_MAX + 5 {
            mail.tell(Word::Begun(0));
        }
        assert_eq!(mail.take().0.len(), WORDS_MAX);
        assert!(mail.say("a line\n"));
        mail.close();
        let (words, is_last) = mail.take();
        assert!(is_last && matches!(&words[..], [Word::Text(text)] if text == "a line\n"));
        mail.tell(Word::Begun(0));
        assert!(mail.bury().is_empty() && !mail.say("nobody hears it"));
    }

    #[test]
    fn what_is_said_waits_for_room() {
        let mail = Mail::default();
        for _ in 0..WORDS_MAX {
            mail.tell(Word::Begun(0));
        }
        std::thread::scope(|scope| {
            let said = scope.spawn(|| mail.say("late\n"));
            let mut seen = 0;
            while seen < WORDS_MAX + 1 {
                seen += mail.take().0.len();
                std::thread::yield_now();
            }
            assert!(said.join().unwrap());
        });
    }
}
