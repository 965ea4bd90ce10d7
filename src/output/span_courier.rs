//! Carries spans to one sink: a thread, a bounded queue of the workers' batches, and an account of what was lost.
//!
//! As [`super::Courier`] does for seconds: the run never waits. Offered = delivered + lost.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Played, SendError};
use crate::diagnostic::Mask;
use crate::metrics::{Batch, Outlet};
use crate::script::{Share, Span};

/// Batches that wait for a slow sink: of full ones some 16 MB, two seconds at 16,000 requests a second.
const SPAN_BATCHES_MAX: usize = 128;

/// Spans from which on nothing is added to a message: with one batch more some 600 KB, well below the 4 MB that
/// collectors take.
const MESSAGE_SPANS: usize = 1_024;

/// How often a thread that waits looks whether all is over.
const LOOK: Duration = Duration::from_millis(50);

/// What an output wants of spans.
pub struct SpanRoute {
    /// Of all traces.
    pub share: Share,
    /// Where they go.
    pub sink: Box<dyn SpanSink>,
}

/// Spans of a message that didn't arrive.
#[derive(Debug)]
pub struct SpanLoss {
    /// How many, at most as many as it had.
    pub count: u64,
    /// Why.
    pub error: SendError,
}

/// Where spans go. As [`super::Sink`], it has a thread of its own and may block.
pub trait SpanSink: Send {
    /// Called once, before the first.
    fn begin(&mut self, run: &Played);

    /// Called for several together, without what the mask hides; never for none.
    fn spans(&mut self, spans: &[Span]) -> Result<(), SpanLoss>;
}

/// The way to one sink.
#[derive(Debug)]
pub(super) struct SpanCourier {
    outlet: Arc<SpanOutlet>,
    /// Hears nothing, and is cut when the thread has ended.
    ended: Receiver<()>,
}

/// The workers' end.
#[derive(Debug)]
struct SpanOutlet {
    share: Share,
    queue: SyncSender<Batch<Span>>,
    account: Arc<Account>,
}

#[derive(Debug, Default)]
struct Account {
    offered: AtomicU64,
    delivered: AtomicU64,
    /// Nothing more is offered: who still could, hangs.
    is_over: AtomicBool,
    error: Mutex<Option<String>>,
}

impl Account {
    fn note(&self, error: impl ToString) {
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| error.to_string());
    }
}

impl Outlet<Span> for SpanOutlet {
    fn offer(&self, batch: &Batch<Span>) {
        let count = batch.iter().filter(|span| self.share.holds(span.trace_id)).count() as u64;
        if count == 0 {
            return;
        }
        self.account.offered.fetch_add(count, Ordering::AcqRel);
        if self.queue.try_send(Arc::clone(batch)).is_err() {
            self.account.note(format!("it is too slow: {SPAN_BATCHES_MAX} batches wait for it"));
        }
    }
}

/// What became of the spans.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SpanLine {
    pub(super) delivered: u64,
    pub(super) lost: u64,
    /// Why the first one was.
    pub(super) error: Option<String>,
}

impl SpanCourier {
    /// Starts the sink's thread, which hides what `mask` knows.
    pub(super) fn start(output: &'static str, route: SpanRoute, run: &Played, mask: Mask) -> Self {
        let SpanRoute { share, mut sink } = route;
        let (queue, batches) = sync_channel(SPAN_BATCHES_MAX);
        let (alive, ended) = sync_channel(0);
        let account = Arc::new(Account::default());
        sink.begin(run);
        let of_thread = Arc::clone(&account);
        let thread = std::thread::Builder::new().name(format!("spans {output}"));
        let started = thread.spawn(move || {
            carry(&mut *sink, &batches, share, &of_thread, &mask);
            drop(alive);
        });
        if let Err(error) = started {
            account.note(error);
        }
        Self { outlet: Arc::new(SpanOutlet { share, queue, account }), ended }
    }

    /// Where workers hand over.
    pub(super) fn outlet(&self) -> Arc<dyn Outlet<Span>> {
        Arc::clone(&self.outlet) as _
    }

    /// Nothing more is offered.
    pub(super) fn end(&self) {
        self.outlet.account.is_over.store(true, Ordering::Release);
    }

    /// Waits for the sink until the deadline, and says what became of the spans.
    pub(super) fn finish(self, deadline: Instant) -> SpanLine {
        self.end();
        let account = Arc::clone(&self.outlet.account);
        let offered = account.offered.load(Ordering::Acquire);
        drop(self.outlet);
        let is_through = matches!(
            self.ended.recv_timeout(deadline.saturating_duration_since(Instant::now())),
            Err(RecvTimeoutError::Disconnected)
        );
        let delivered = account.delivered.load(Ordering::Acquire);
        let lost = offered.saturating_sub(delivered);
        if lost > 0 {
            account.note(if is_through { "its thread has ended" } else { "it was not done in time" });
        }
        let error = account.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        SpanLine { delivered: delivered.min(offered), lost, error }
    }
}

/// The sink's thread.
fn carry(
    sink: &mut dyn SpanSink,
    batches: &Receiver<Batch<Span>>,
    share: Share,
    account: &Account,
    mask: &Mask,
) {
    while let Some(first) = next(batches, account) {
        let mut spans = Vec::new();
        let mut more = Some(first);
        while let Some(batch) = more {
            spans.extend(batch.iter().filter(|span| share.holds(span.trace_id)).cloned());
            more = if spans.len() < MESSAGE_SPANS { batches.try_recv().ok() } else { None };
        }
        for span in &mut spans {
            span.apply(mask);
        }
        let count = spans.len() as u64;
        let lost = match sink.spans(&spans) {
            Ok(()) => 0,
            Err(loss) => {
                account.note(&loss.error);
                loss.count.min(count)
            }
        };
        account.delivered.fetch_add(count - lost, Ordering::AcqRel);
    }
}

/// The next batch; none where there is none any more.
fn next(batches: &Receiver<Batch<Span>>, account: &Account) -> Option<Batch<Span>> {
    loop {
        let is_over = account.is_over.load(Ordering::Acquire);
        match batches.recv_timeout(if is_over { Duration::ZERO } else { LOOK }) {
            Ok(batch) => return Some(batch),
            Err(RecvTimeoutError::Timeout) if !is_over => {}
            Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::TagSet;
    use crate::plan::Plan;
    use crate::script::{Ended, Work};

    /// Keeps what it gets, refuses what is asked, takes its time.
    struct Slow(Duration, u64, Arc<Mutex<Vec<Span>>>);

    impl SpanSink for Slow {
        fn begin(&mut self, run: &Played) {
            assert_eq!(run.script_name, "a.rhai");
        }

        #[expect(clippy::disallowed_methods, reason = "a slow sink, on its own thread")]
        fn spans(&mut self, spans: &[Span]) -> Result<(), SpanLoss> {
            std::thread::sleep(self.0);
            self.2.lock().unwrap().extend_from_slice(spans);
            if self.1 == 0 {
                return Ok(());
            }
            Err(SpanLoss { count: self.1, error: SendError::Refused("not these".to_owned()) })
        }
    }

    fn batch(ids: impl Iterator<Item = u128>) -> Batch<Span> {
        let span = |trace_id| Span {
            trace_id,
            span_id: 1,
            parent_id: None,
            start_unix_ns: 1,
            end_unix_ns: 2,
            scenario: "of hunter22".into(),
            vu: 1,
            iteration: Some(0),
            tags: TagSet::default(),
            work: Work::Iteration(Ended::Ok),
        };
        Arc::new(ids.map(span).collect())
    }

    fn courier(share: f64, sink: Slow) -> SpanCourier {
        let mask = Mask::default();
        mask.hide("hunter22");
        let run =
            Played { id: None, script_name: "a.rhai".to_owned(), start_unix_ms: 0, plan: Plan::default() };
        SpanCourier::start("test", SpanRoute { share: Share::new(share), sink: Box::new(sink) }, &run, mask)
    }

    #[test]
    fn spans_of_its_share_arrive_without_secrets() {
        let heard = Arc::default();
        let courier = courier(0.5, Slow(Duration::ZERO, 0, Arc::clone(&heard)));
        let ids = [0, u128::from(u64::MAX), 7];
        courier.outlet().offer(&batch(ids.into_iter()));
        courier.outlet().offer(&batch([u128::from(u64::MAX)].into_iter()));
        let line = courier.finish(Instant::now() + Duration::from_secs(5));
        assert_eq!(line, SpanLine { delivered: 2, lost: 0, error: None });
        let heard = heard.lock().unwrap();
        assert_eq!(heard.iter().map(|span| span.trace_id).collect::<Vec<_>>(), [0, 7]);
        assert!(heard.iter().all(|span| &*span.scenario == "of ***"));
    }

    #[test]
    fn what_is_refused_is_counted_and_told() {
        let courier = courier(1.0, Slow(Duration::ZERO, 2, Arc::default()));
        courier.outlet().offer(&batch(0..5));
        let line = courier.finish(Instant::now() + Duration::from_secs(5));
        assert_eq!(line, SpanLine { delivered: 3, lost: 2, error: Some("not these".to_owned()) });
    }

    #[test]
    fn one_that_hangs_loses_and_nobody_waits_for_it() {
        let courier = courier(1.0, Slow(Duration::from_mins(1), 0, Arc::default()));
        let (outlet, begun) = (courier.outlet(), Instant::now());
        (0..300).for_each(|_| outlet.offer(&batch(0..2)));
        let line = courier.finish(Instant::now() + Duration::from_millis(50));
        assert!(begun.elapsed() < Duration::from_secs(30), "nobody waited");
        assert_eq!((line.delivered, line.lost), (0, 600));
        assert!(line.error.unwrap().contains("too slow"));
    }
}
