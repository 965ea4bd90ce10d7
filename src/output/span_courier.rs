//! Carries spans to one sink: a thread, the bounded queue that workers push into, and an account of what was lost.
//!
//! As [`super::Courier`] does for seconds: the run never waits. Pushed = delivered + lost.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Played, SendError};
use crate::diagnostic::Mask;
use crate::script::{Span, SpanQueue};

/// Spans that go together: some 500 KB in protobuf, below the 4 MB that collectors take.
const BATCH_MAX: usize = 1_024;

/// How long one waits for others before it goes alone.
const GATHER: Duration = Duration::from_millis(500);

/// What an output wants of spans.
pub struct SpanRoute {
    /// The share of all traces, from 0 to 1.
    pub share: f64,
    /// Where they go.
    pub sink: Box<dyn SpanSink>,
}

/// Spans of a batch that didn't arrive.
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

    /// Called for each batch, without secrets; never an empty one.
    fn spans(&mut self, spans: &[Span]) -> Result<(), SpanLoss>;
}

/// The way to one sink.
#[derive(Debug)]
pub(super) struct SpanCourier {
    queue: SpanQueue,
    account: Arc<Account>,
    /// Hears nothing, and is cut when the thread has ended.
    ended: Receiver<()>,
}

#[derive(Debug, Default)]
struct Account {
    delivered: AtomicU64,
    /// Nothing more is pushed: who still could, hangs.
    is_over: AtomicBool,
    error: Mutex<Option<String>>,
}

impl Account {
    fn note(&self, error: impl ToString) {
        let mut first = self.error.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| error.to_string());
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
        let (queue, spans) = SpanQueue::new(share);
        let (alive, ended) = sync_channel(0);
        let account = Arc::new(Account::default());
        sink.begin(run);
        let of_thread = Arc::clone(&account);
        let thread = std::thread::Builder::new().name(format!("spans {output}"));
        let started = thread.spawn(move || {
            carry(&mut *sink, &spans, &of_thread, &mask);
            drop(alive);
        });
        if let Err(error) = started {
            account.note(error);
        }
        Self { queue, account, ended }
    }

    /// Where workers push.
    pub(super) fn queue(&self) -> SpanQueue {
        self.queue.clone()
    }

    /// Nothing more is pushed.
    pub(super) fn end(&self) {
        self.account.is_over.store(true, Ordering::Release);
    }

    /// Waits for the sink until the deadline, and says what became of the spans.
    pub(super) fn finish(self, deadline: Instant) -> SpanLine {
        self.end();
        let Self { queue, account, ended } = self;
        let pushed = queue.pushed();
        drop(queue);
        let is_through = matches!(
            ended.recv_timeout(deadline.saturating_duration_since(Instant::now())),
            Err(RecvTimeoutError::Disconnected)
        );
        let delivered = account.delivered.load(Ordering::Acquire);
        let lost = pushed.saturating_sub(delivered);
        if lost > 0 {
            account.note(if is_through { "more spans came than it took" } else { "it was not done in time" });
        }
        let error = account.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        SpanLine { delivered, lost, error }
    }
}

/// The sink's thread.
fn carry(sink: &mut dyn SpanSink, spans: &Receiver<Span>, account: &Account, mask: &Mask) {
    loop {
        let Some((mut batch, is_last)) = gather(spans, account) else { return };
        batch.iter_mut().for_each(|span| span.apply(mask));
        let count = batch.len() as u64;
        let lost = match sink.spans(&batch) {
            Ok(()) => 0,
            Err(loss) => {
                account.note(&loss.error);
                loss.count.min(count)
            }
        };
        account.delivered.fetch_add(count - lost, Ordering::Release);
        if is_last {
            return;
        }
    }
}

/// The next batch, and whether it is the last one; none where there is none any more.
fn gather(spans: &Receiver<Span>, account: &Account) -> Option<(Vec<Span>, bool)> {
    let mut batch = Vec::new();
    let mut until: Option<Instant> = None;
    loop {
        let wait = until.map_or(GATHER, |until| until.saturating_duration_since(Instant::now()));
        match spans.recv_timeout(wait) {
            Ok(span) => {
                batch.push(span);
                until.get_or_insert_with(|| Instant::now() + GATHER);
                if batch.len() == BATCH_MAX {
                    return Some((batch, false));
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                let is_over = account.is_over.load(Ordering::Acquire);
                if is_over || !batch.is_empty() {
                    return (!batch.is_empty()).then_some((batch, false));
                }
            }
            Err(RecvTimeoutError::Disconnected) => return (!batch.is_empty()).then_some((batch, true)),
        }
    }
}
