//! Carries seconds to one sink: a thread, a bounded queue, and an account of what was lost.
//!
//! The run pushes and never waits. A full queue loses the newest second; a sink that fails loses the one it was
//! given; what isn't through when the run is over and [`DRAIN_MAX`] has passed is lost too. Pushed = delivered + lost.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::hidden::Hidden;
use super::span_courier::{SpanCourier, SpanLine};
use super::{Played, SendError, Sink, SpanRoute};
use crate::diagnostic::Mask;
use crate::metrics::{Batch, Outlet, Sample};
use crate::results::{Labels, OutputLine, PlayedSecond, Summary};
use crate::script::{Share, Span};

/// Seconds that wait for a slow sink.
pub const QUEUE_MAX: usize = 120;

/// Batches of samples that wait for a slow sink: of requests some 30 MB, a few seconds of a fast run.
pub const BATCHES_MAX: usize = 1_024;

/// How long the exit waits for all sinks together: with what ends behind it, five seconds at most.
pub const DRAIN_MAX: Duration = Duration::from_millis(4_500);

enum Parcel {
    Begin(Arc<Played>),
    Second(Arc<PlayedSecond>),
    Samples(Batch<Sample>, Labels),
    End(Arc<Summary>),
}

/// The way to one sink.
#[derive(Debug)]
pub struct Courier {
    output: &'static str,
    place: String,
    is_file: bool,
    takes_samples: bool,
    way: Way,
    pushed: (u64, u64),
    /// How much longer than [`DRAIN_MAX`] its end may take.
    linger: Duration,
    spans: Spans,
    /// Hears nothing, and is cut when the thread has ended.
    ended: Receiver<()>,
}

/// What becomes of spans.
enum Spans {
    Unwanted,
    /// Wanted, once it is known who plays what.
    Wanted(SpanRoute),
    Carried(SpanCourier),
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unwanted => "Unwanted",
            Self::Wanted(_) => "Wanted",
            Self::Carried(_) => "Carried",
        })
    }
}

/// The queue, and who counts. It has room for each kind of parcel, so that samples crowd out no second, and the
/// beginning and the end always come through.
#[derive(Debug, Clone)]
struct Way {
    queue: SyncSender<Parcel>,
    account: Arc<Account>,
}

/// What is under way, and what became of the rest: seconds, and samples.
#[derive(Debug, Default)]
struct Account {
    waiting_seconds: AtomicUsize,
    waiting_batches: AtomicUsize,
    /// Samples that the workers told.
    told: AtomicU64,
    became: Mutex<Became>,
}

#[derive(Debug, Default)]
struct Became {
    seconds: u64,
    samples: u64,
    /// Why the first one was lost.
    error: Option<String>,
    /// The account was given: what arrives from now on is counted as lost already.
    is_closed: bool,
}

impl Account {
    fn became(&self) -> MutexGuard<'_, Became> {
        self.became.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, error: &SendError) {
        self.became().error.get_or_insert_with(|| error.to_string());
    }

    fn delivered(&self, seconds: u64, samples: u64) {
        let mut became = self.became();
        if !became.is_closed {
            became.seconds += seconds;
            became.samples += samples;
        }
    }
}

impl Way {
    /// Puts a parcel in, if there is room for one of its kind.
    fn push(&self, parcel: Parcel, room: Option<(&AtomicUsize, usize, &str)>) {
        if let Some((waiting, most, kind)) = room
            && waiting.fetch_add(1, Ordering::AcqRel) >= most
        {
            waiting.fetch_sub(1, Ordering::AcqRel);
            return self
                .account
                .note(&SendError::Refused(format!("it is too slow: {most} {kind} wait for it")));
        }
        let text = match self.queue.try_send(parcel) {
            Ok(()) => return,
            Err(TrySendError::Full(_)) => "its queue is full",
            // The thread panicked, or never was.
            Err(TrySendError::Disconnected(_)) => "its thread has ended",
        };
        self.account.note(&SendError::Refused(text.to_owned()));
    }
}

/// From the workers to a sink.
#[derive(Debug)]
struct SampleOutlet {
    way: Way,
    labels: Labels,
}

impl Outlet<Sample> for SampleOutlet {
    fn offer(&self, batch: &Batch<Sample>) {
        let account = &self.way.account;
        account.told.fetch_add(count(batch), Ordering::AcqRel);
        let room = (&account.waiting_batches, BATCHES_MAX, "batches of samples");
        self.way.push(Parcel::Samples(Arc::clone(batch), self.labels.clone()), Some(room));
    }
}

fn count(batch: &[Sample]) -> u64 {
    batch.iter().map(Sample::count).sum()
}

impl Courier {
    /// Starts the sink's thread.
    pub(super) fn start(output: &'static str, place: String, is_file: bool, mut sink: Box<dyn Sink>) -> Self {
        const ENDS: usize = 2;
        let (queue, parcels) = sync_channel(QUEUE_MAX + BATCHES_MAX + ENDS);
        let (alive, ended) = sync_channel(0);
        let account = Arc::new(Account::default());
        let of_thread = Arc::clone(&account);
        let linger = sink.linger();
        let takes_samples = sink.takes_samples();
        let spans = sink.spans().map_or(Spans::Unwanted, Spans::Wanted);
        let thread = std::thread::Builder::new().name(format!("output {output}"));
        let started = thread.spawn(move || {
            carry(sink, &parcels, &of_thread);
            drop(alive);
        });
        if let Err(error) = started {
            account.note(&SendError::Io(error));
        }
        Self {
            output,
            place,
            is_file,
            takes_samples,
            way: Way { queue, account },
            pushed: (0, 0),
            linger,
            spans,
            ended,
        }
    }

    /// Where the workers' samples go, if the sink wants them. The sink sees them as the labels say.
    pub fn samples(&self, labels: &Labels) -> Option<Arc<dyn Outlet<Sample>>> {
        let outlet = || Arc::new(SampleOutlet { way: self.way.clone(), labels: labels.clone() }) as _;
        self.takes_samples.then(outlet)
    }

    /// Where the workers' spans go, if the sink wants any, and which; as samples, they are seen without what the mask
    /// hides. For once, before the run.
    pub fn spans(&mut self, run: &Played, mask: &Mask) -> Option<(Share, Arc<dyn Outlet<Span>>)> {
        let Spans::Wanted(route) = std::mem::replace(&mut self.spans, Spans::Unwanted) else { return None };
        let share = route.share;
        let courier = SpanCourier::start(self.output, route, run, mask.clone());
        let outlet = courier.outlet();
        self.spans = Spans::Carried(courier);
        Some((share, outlet))
    }

    /// Whether it is a file, of which a user expects that it is whole.
    pub fn is_file(&self) -> bool {
        self.is_file
    }

    /// The load begins.
    pub fn begin(&mut self, run: &Arc<Played>) {
        self.way.push(Parcel::Begin(Arc::clone(run)), None);
    }

    /// Sends a second on, or loses it.
    pub fn second(&mut self, second: &Arc<PlayedSecond>) {
        // Where the samples come one by one, those are counted.
        let samples = if self.takes_samples { 0 } else { second.samples() };
        self.pushed = (self.pushed.0 + 1, self.pushed.1.saturating_add(samples));
        let room = (&self.way.account.waiting_seconds, QUEUE_MAX, "seconds");
        self.way.push(Parcel::Second(Arc::clone(second)), Some(room));
    }

    /// All is over: sends the summary.
    pub fn end(&mut self, summary: &Arc<Summary>) {
        self.way.push(Parcel::End(Arc::clone(summary)), None);
        if let Spans::Carried(courier) = &self.spans {
            courier.end();
        }
    }

    /// Waits for the sink until the deadline, and says what became of the seconds.
    pub fn finish(self, deadline: Instant) -> OutputLine {
        let account = self.way.account;
        drop(self.way.queue);
        let deadline = deadline + self.linger;
        let is_through = matches!(
            self.ended.recv_timeout(deadline.saturating_duration_since(Instant::now())),
            Err(RecvTimeoutError::Disconnected)
        );
        if !is_through {
            let text = format!("it was not done {} s after the run", (DRAIN_MAX + self.linger).as_secs_f64());
            account.note(&SendError::Refused(text));
        }
        let spans = match self.spans {
            Spans::Carried(courier) => courier.finish(deadline),
            Spans::Unwanted | Spans::Wanted(_) => SpanLine::default(),
        };
        if let Some(error) = spans.error {
            account.note(&SendError::Refused(error));
        }
        let mut became = account.became();
        became.is_closed = true;
        let pushed_samples = self.pushed.1.saturating_add(account.told.load(Ordering::Acquire));
        OutputLine {
            output: self.output.to_owned(),
            place: self.place,
            delivered_seconds: became.seconds,
            delivered_samples: became.samples,
            lost_seconds: self.pushed.0.saturating_sub(became.seconds),
            lost_samples: pushed_samples.saturating_sub(became.samples),
            error: became.error.take(),
            delivered_spans: spans.delivered,
            lost_spans: spans.lost,
        }
    }
}

/// The sink's thread, until the end comes, or nobody is left to send it.
fn carry(mut sink: Box<dyn Sink>, parcels: &Receiver<Parcel>, account: &Account) {
    let takes_samples = sink.takes_samples();
    let mut hidden = Hidden::default();
    // What `setup` told comes before the beginning, and a sink is told the beginning first.
    let mut early = Some(Vec::new());
    let deliver = |sink: &mut Box<dyn Sink>, hidden: &mut Hidden, batch: &Batch<Sample>, labels: &Labels| {
        let became = sink.samples(&hidden.samples(batch, labels));
        account.waiting_batches.fetch_sub(1, Ordering::AcqRel);
        became.inspect(|()| account.delivered(0, count(batch)))
    };
    for parcel in parcels {
        let is_end = matches!(parcel, Parcel::End(_));
        let became = match (parcel, &mut early) {
            (Parcel::Samples(batch, labels), Some(early)) => {
                early.push((batch, labels));
                Ok(())
            }
            (Parcel::Samples(batch, labels), None) => deliver(&mut sink, &mut hidden, &batch, &labels),
            (Parcel::Begin(run), early) => {
                let became = sink.begin(&run);
                for (batch, labels) in early.take().into_iter().flatten() {
                    let became = deliver(&mut sink, &mut hidden, &batch, &labels);
                    became.unwrap_or_else(|error| account.note(&error));
                }
                became
            }
            (Parcel::Second(second), _) => {
                let became = sink.second(&second);
                account.waiting_seconds.fetch_sub(1, Ordering::AcqRel);
                let samples = if takes_samples { 0 } else { second.samples() };
                became.inspect(|()| account.delivered(1, samples))
            }
            (Parcel::End(summary), early) => {
                for (batch, labels) in early.take().into_iter().flatten() {
                    let became = deliver(&mut sink, &mut hidden, &batch, &labels);
                    became.unwrap_or_else(|error| account.note(&error));
                }
                sink.end(&summary)
            }
        };
        match became {
            Ok(()) => {
                let caught_up = sink.caught_up();
                account.delivered(caught_up.seconds, caught_up.samples);
            }
            Err(error) => account.note(&error),
        }
        if is_end {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::RunOptions;

    fn labels() -> Labels {
        Labels::new(&RunOptions::default(), &Mask::default())
    }

    use crate::engine::Books;
    use crate::metrics::{Figure, Kind, Measured, Recorder, TagSet};
    use crate::output::CaughtUp;
    use crate::plan::Plan;

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
        let mut courier = Courier::start("test", "there".to_owned(), false, Box::new(sink));
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

    /// Wants samples, and takes its time for each batch.
    struct Each(Duration, Arc<Mutex<Vec<String>>>);

    impl Sink for Each {
        fn begin(&mut self, _run: &Played) -> Result<(), SendError> {
            self.1.lock().unwrap().push("begin".to_owned());
            Ok(())
        }

        fn second(&mut self, second: &PlayedSecond) -> Result<(), SendError> {
            self.1.lock().unwrap().push(format!("second {}", second.number));
            Ok(())
        }

        fn takes_samples(&self) -> bool {
            true
        }

        #[expect(clippy::disallowed_methods, reason = "a slow sink, on its own thread")]
        fn samples(&mut self, samples: &[Sample]) -> Result<(), SendError> {
            std::thread::sleep(self.0);
            self.1.lock().unwrap().push(format!("{} samples", samples.len()));
            if samples.len() == 3 { Err(SendError::Refused("no three".to_owned())) } else { Ok(()) }
        }

        fn end(&mut self, _summary: &Summary) -> Result<(), SendError> {
            self.1.lock().unwrap().push("end".to_owned());
            Ok(())
        }
    }

    fn batch(samples: usize) -> Batch<Sample> {
        let sample = Sample {
            at_unix_ns: 1,
            tags: TagSet::default(),
            measured: Measured::Number(Figure {
                metric: "iterations".into(),
                kind: Kind::Counter,
                value: 1.0,
                total: 1,
                at_least: false,
            }),
        };
        Arc::new(vec![sample; samples])
    }

    fn run() -> Arc<Played> {
        let (id, script_name, start_unix_ms) = (None, "a.rhai".to_owned(), 0);
        Arc::new(Played { id, script_name, start_unix_ms, plan: Plan::default() })
    }

    #[test]
    fn samples_come_before_their_seconds_end_and_those_of_setup_behind_the_beginning() {
        let heard = Arc::default();
        let sink = Each(Duration::ZERO, Arc::clone(&heard));
        let mut courier = Courier::start("test", "there".to_owned(), false, Box::new(sink));
        let outlet = courier.samples(&labels()).unwrap();
        outlet.offer(&batch(5));
        courier.begin(&run());
        outlet.offer(&batch(2));
        outlet.offer(&batch(3));
        courier.second(&second(1));
        courier.end(&Arc::new(Summary::uneventful()));
        let line = courier.finish(Instant::now() + Duration::from_secs(5));
        let expected = ["begin", "5 samples", "2 samples", "3 samples", "second 1", "end"];
        assert_eq!(*heard.lock().unwrap(), expected);
        assert_eq!((line.delivered_samples, line.lost_samples), (7, 3));
        assert_eq!((line.delivered_seconds, line.lost_seconds), (1, 0));
        assert_eq!(line.error.as_deref(), Some("no three"));
    }

    #[test]
    fn samples_that_find_no_room_are_counted_and_crowd_out_no_second() {
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = Each(Duration::from_millis(20), Arc::clone(&heard));
        let mut courier = Courier::start("test", "there".to_owned(), false, Box::new(sink));
        let outlet = courier.samples(&labels()).unwrap();
        courier.begin(&run());
        let all = BATCHES_MAX + 500;
        let from = Instant::now();
        (0..all).for_each(|_| outlet.offer(&batch(2)));
        assert!(from.elapsed() < Duration::from_secs(5), "nobody waited");
        (1..=5).for_each(|number| courier.second(&second(number)));
        courier.end(&Arc::new(Summary::uneventful()));
        let line = courier.finish(Instant::now() + Duration::from_millis(300));
        assert_eq!(line.delivered_samples + line.lost_samples, 2 * all as u64);
        assert!(line.lost_samples >= 2 * 490 && line.delivered_samples > 0, "{line:?}");
        assert_eq!(line.delivered_seconds + line.lost_seconds, 5);
        assert!(line.error.unwrap().contains("batches of samples"));
    }

    #[test]
    fn a_sink_of_seconds_is_told_no_samples() {
        let sink = Every(100, Duration::ZERO);
        let courier = Courier::start("test", "there".to_owned(), false, Box::new(sink));
        assert!(courier.samples(&labels()).is_none());
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
        let mut courier =
            Courier::start("test", "there".to_owned(), false, Box::new(Sums(CaughtUp::default())));
        (1..=9).for_each(|number| courier.second(&second(number)));
        courier.end(&Arc::new(Summary::uneventful()));
        let line = courier.finish(Instant::now() + Duration::from_secs(5));
        assert_eq!((line.delivered_seconds, line.lost_seconds), (8, 1), "the ninth alone");
        assert_eq!((line.delivered_samples, line.lost_samples), (80, 10));
        assert_eq!(line.error.as_deref(), Some("not now"));
    }
}
