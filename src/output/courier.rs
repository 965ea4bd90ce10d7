//! Carries seconds to one sink: a thread, a bounded queue, and an account of what was lost.
//!
//! The run pushes and never waits. A full queue loses the newest second; a sink that fails loses the one it was
//! given; what isn't through when the run is over and [`DRAIN_MAX`] has passed is lost too. Pushed = delivered + lost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Played, SendError, Sink};
use crate::results::{OutputLine, PlayedSecond, Summary};

/// Seconds that wait for a slow sink.
pub const QUEUE_MAX: usize = 120;

/// How long the exit waits for all sinks together.
pub const DRAIN_MAX: Duration = Duration::from_secs(5);

enum Parcel {
    Begin(Arc<Played>),
    Second(Arc<PlayedSecond>),
    End(Arc<Summary>),
}

/// The way to one sink.
#[derive(Debug)]
pub struct Courier {
    output: &'static str,
    place: String,
    /// None once the end is sent.
    queue: Option<SyncSender<Parcel>>,
    account: Arc<Account>,
    pushed: (u64, u64),
    /// How much longer than [`DRAIN_MAX`] its end may take.
    linger: Duration,
    /// Hears nothing, and is cut when the thread has ended.
    ended: Receiver<()>,
}

/// What the sink's thread tells: seconds, and the samples in them.
#[derive(Debug, Default)]
struct Account {
    delivered_seconds: AtomicU64,
    delivered_samples: AtomicU64,
    /// Why the first one was lost.
    error: Mutex<Option<String>>,
}

impl Account {
    fn note(&self, error: &SendError) {
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| error.to_string());
    }
}

impl Courier {
    /// Starts the sink's thread.
    pub(super) fn start(output: &'static str, place: String, sink: Box<dyn Sink>) -> Self {
        let (queue, parcels) = sync_channel(QUEUE_MAX);
        let (alive, ended) = sync_channel(0);
        let account = Arc::new(Account::default());
        let of_thread = Arc::clone(&account);
        let linger = sink.linger();
        let thread = std::thread::Builder::new().name(format!("output {output}"));
        let started = thread.spawn(move || {
            carry(sink, &parcels, &of_thread);
            drop(alive);
        });
        if let Err(error) = started {
            account.note(&SendError::Io(error));
        }
        Self { output, place, queue: Some(queue), account, pushed: (0, 0), linger, ended }
    }

    /// The load begins.
    pub fn begin(&mut self, run: &Arc<Played>) {
        self.push(Parcel::Begin(Arc::clone(run)));
    }

    /// Sends a second on, or loses it.
    pub fn second(&mut self, second: &Arc<PlayedSecond>) {
        self.pushed = (self.pushed.0 + 1, self.pushed.1.saturating_add(second.samples()));
        self.push(Parcel::Second(Arc::clone(second)));
    }

    fn push(&self, parcel: Parcel) {
        let Some(queue) = &self.queue else { return };
        match queue.try_send(parcel) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                let text = format!("it is too slow: {QUEUE_MAX} seconds wait for it");
                self.account.note(&SendError::Refused(text));
            }
            // The thread panicked, or never was.
            Err(TrySendError::Disconnected(_)) => {
                self.account.note(&SendError::Refused("its thread has ended".to_owned()));
            }
        }
    }

    /// All is over: sends the summary, which a full queue may keep from it.
    pub fn end(&mut self, summary: &Arc<Summary>) {
        self.push(Parcel::End(Arc::clone(summary)));
        self.queue = None;
    }

    /// Waits for the sink until the deadline, and says what became of the seconds.
    pub fn finish(self, deadline: Instant) -> OutputLine {
        drop(self.queue);
        let deadline = deadline + self.linger;
        let is_through = matches!(
            self.ended.recv_timeout(deadline.saturating_duration_since(Instant::now())),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected)
        );
        let delivered_seconds = self.account.delivered_seconds.load(Ordering::Acquire);
        let delivered_samples = self.account.delivered_samples.load(Ordering::Acquire);
        if !is_through {
            let text = format!("it was not done {} s after the run", (DRAIN_MAX + self.linger).as_secs());
            self.account.note(&SendError::Refused(text));
        }
        let error = self.account.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        OutputLine {
            output: self.output.to_owned(),
            place: self.place,
            delivered_seconds,
            delivered_samples,
            lost_seconds: self.pushed.0.saturating_sub(delivered_seconds),
            lost_samples: self.pushed.1.saturating_sub(delivered_samples),
            error,
        }
    }
}

/// The sink's thread.
fn carry(mut sink: Box<dyn Sink>, parcels: &Receiver<Parcel>, account: &Account) {
    for parcel in parcels {
        let became = match &parcel {
            Parcel::Begin(run) => sink.begin(run),
            Parcel::Second(second) => sink.second(second).inspect(|()| {
                account.delivered_samples.fetch_add(second.samples(), Ordering::Release);
                account.delivered_seconds.fetch_add(1, Ordering::Release);
            }),
            Parcel::End(summary) => sink.end(summary),
        };
        match became {
            Ok(()) => {
                let caught_up = sink.caught_up();
                account.delivered_samples.fetch_add(caught_up.samples, Ordering::Release);
                account.delivered_seconds.fetch_add(caught_up.seconds, Ordering::Release);
            }
            Err(error) => account.note(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Books;
    use crate::metrics::{Recorder, TagSet};
    use crate::output::CaughtUp;

    fn second(number: u64) -> Arc<PlayedSecond> {
        let mut recorder = Recorder::new(&[]);
        let (metric, _) = recorder.metric("http_req_duration").unwrap();
        let series = recorder.series(metric, &TagSet::default());
        (0..10).for_each(|us| recorder.trend_us(series, us));
        Arc::new(PlayedSecond {
            number,
            end_unix_ms: 1_000 * number,
            elapsed: Duration::from_secs(number),
            is_warm_up: false,
            is_paused: false,
            vus: 1,
            vus_max: 1,
            books: Books::default(),
            delta: recorder.take(number),
        })
    }

    struct Every(u64, Duration);

    impl Sink for Every {
        #[expect(clippy::disallowed_methods, reason = "a slow sink, on its own thread")]
        fn second(&mut self, second: &PlayedSecond) -> Result<(), SendError> {
            std::thread::sleep(self.1);
            if second.number.is_multiple_of(self.0) {
                Err(SendError::Refused(format!("no {}", second.number)))
            } else {
                Ok(())
            }
        }
    }

    fn played(sink: Every, seconds: u64, patience: Duration) -> OutputLine {
        let mut courier = Courier::start("test", "there".to_owned(), Box::new(sink));
        (1..=seconds).for_each(|number| courier.second(&second(number)));
        courier.end(&Arc::new(Summary::uneventful()));
        courier.finish(Instant::now() + patience)
    }

    #[test]
    fn what_a_sink_refuses_is_counted_and_the_first_reason_told() {
        let line = played(Every(3, Duration::ZERO), 10, Duration::from_secs(5));
        assert_eq!((line.delivered_seconds, line.lost_seconds), (7, 3));
        assert_eq!((line.delivered_samples, line.lost_samples), (70, 30));
        assert_eq!(line.error.as_deref(), Some("no 3"));
    }

    #[test]
    fn one_that_hangs_loses_its_own_and_is_left_behind() {
        let begun = Instant::now();
        let line = played(Every(7, Duration::from_mins(1)), 300, Duration::from_millis(50));
        assert!(begun.elapsed() < Duration::from_secs(30), "nobody waited for it");
        assert_eq!((line.delivered_seconds, line.lost_seconds, line.lost_samples), (0, 300, 3_000));
        assert!(line.error.unwrap().contains("too slow"));
    }

    /// Sums that go on: what every second call but the last one gives up, the next one brings.
    struct Sums(CaughtUp);

    impl Sink for Sums {
        fn second(&mut self, second: &PlayedSecond) -> Result<(), SendError> {
            if second.number.is_multiple_of(2) {
                return Ok(());
            }
            self.0.seconds += 1;
            self.0.samples += second.samples();
            Err(SendError::Refused("not now".to_owned()))
        }

        fn caught_up(&mut self) -> CaughtUp {
            std::mem::take(&mut self.0)
        }

        fn end(&mut self, _summary: &Summary) -> Result<(), SendError> {
            Err(SendError::Refused("not at the end either".to_owned()))
        }
    }

    #[test]
    fn what_arrived_later_is_not_lost_and_what_did_not_is() {
        let mut courier = Courier::start("test", "there".to_owned(), Box::new(Sums(CaughtUp::default())));
        (1..=9).for_each(|number| courier.second(&second(number)));
        courier.end(&Arc::new(Summary::uneventful()));
        let line = courier.finish(Instant::now() + Duration::from_secs(5));
        assert_eq!((line.delivered_seconds, line.lost_seconds), (8, 1), "the ninth alone");
        assert_eq!((line.delivered_samples, line.lost_samples), (80, 10));
        assert_eq!(line.error.as_deref(), Some("not now"));
    }
}
