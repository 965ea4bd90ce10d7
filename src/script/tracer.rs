//! Makes one worker's spans: ids that no other run has, `traceparent` for each request, a span once it ended.
//!
//! An iteration is a trace, and a request in it a span; in `setup`, `on_start` and their like each request is a trace of its
//! own. Ids are random, from a generator of the worker's own: what a script draws is the same with and without. Without
//! a tracer nothing of this costs more than the question whether there is one.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::span::{Ended, RequestOutcome, RequestWork, Share, Span, Tracing, Work};
use super::stage::Stage;
use super::vu::{Vu, mix};
use crate::http::{Endpoint, Exchange, Protocol, Request, TRACEPARENT, Traceparent, presentable_url};
use crate::metrics::{Symbol, Tap};

/// One worker's.
#[derive(Debug)]
pub struct Tracer {
    /// Of the traces, of those that anybody takes.
    share: Share,
    tap: RefCell<Tap<Span>>,
    ids: RefCell<Pcg64Mcg>,
}

/// What is traced of a user at present.
#[derive(Debug, Default)]
pub(super) struct Trail {
    iteration: Cell<Option<Traceparent>>,
    /// Requests under way that are recorded.
    open: RefCell<Vec<Open>>,
}

/// A request under way: what a span tells of it where its iteration is cut.
#[derive(Debug)]
struct Open {
    trace_id: u128,
    span_id: u64,
    start_ns: u64,
    method: String,
    endpoint: Rc<Endpoint>,
}

impl Tracer {
    /// One of a run's.
    pub fn new(tracing: &Tracing) -> Self {
        let (key, worker) = tracing.seed();
        let mut seed = [0; 16];
        for (half, key) in seed.chunks_exact_mut(8).zip(key) {
            half.copy_from_slice(&mix(key, worker).to_le_bytes());
        }
        Self {
            share: tracing.share(),
            tap: RefCell::new(tracing.tap()),
            ids: RefCell::new(Pcg64Mcg::from_seed(seed)),
        }
    }

    /// Hands over what there is.
    pub fn flush(&self) {
        self.tap.borrow_mut().flush();
    }

    /// A span in a new trace.
    fn begin_trace(&self) -> Traceparent {
        let (high, low) = (self.id(), self.id());
        let trace_id = u128::from(high) << 64 | u128::from(low);
        Traceparent { trace_id, span_id: self.id(), is_sampled: self.share.holds(trace_id) }
    }

    /// Never 0, which would be no id.
    fn id(&self) -> u64 {
        self.ids.borrow_mut().random::<u64>().max(1)
    }

    /// An iteration begins.
    pub fn begin_iteration(&self, vu: &Vu) {
        vu.open_trail().iteration.set(Some(self.begin_trace()));
    }

    /// It is over: from when to when on the worker's clock.
    pub fn end_iteration(&self, stage: &Stage, vu: &Vu, (start_ns, end_ns): (u64, u64), ended: Ended) {
        let Some(own) = vu.open_trail().iteration.take().filter(|own| own.is_sampled) else { return };
        self.push(stage, vu, (own, None), (start_ns, end_ns), Work::Iteration(ended));
    }

    /// A request is about to be sent; none where it has a `traceparent` of the script's own, which stands.
    pub(super) fn begin_request(&self, stage: &Stage, vu: &Vu, request: &Request<'_>) -> Option<Traceparent> {
        let is_own = |(name, _): &(&str, &str)| name.eq_ignore_ascii_case(TRACEPARENT);
        if request.written.is_some() || request.headers.iter().any(is_own) {
            return None;
        }
        let trail = vu.open_trail();
        let own = match trail.iteration.get() {
            Some(iteration) => Traceparent { span_id: self.id(), ..iteration },
            None => self.begin_trace(),
        };
        if own.is_sampled {
            trail.open.borrow_mut().push(Open {
                span_id: own.span_id,
                trace_id: own.trace_id,
                start_ns: stage.clock().now_ns(),
                method: request.method.as_str().to_owned(),
                endpoint: Rc::clone(request.endpoint),
            });
        }
        Some(own)
    }

    /// It has ended, and was recorded under that name.
    pub(super) fn end_request(
        &self,
        stage: &Stage,
        vu: &Vu,
        exchange: &Exchange,
        name: Symbol,
        is_expected: bool,
    ) {
        let Some(own) = exchange.traceparent.as_deref().filter(|own| own.is_sampled) else { return };
        let open = {
            let mut open = vu.open_trail().open.borrow_mut();
            let Some(at) = open.iter().position(|open| open.span_id == own.span_id) else { return };
            open.swap_remove(at)
        };
        let response = exchange.result.as_ref().ok();
        let outcome = RequestOutcome {
            status: exchange.status(),
            error_code: exchange.error_code(),
            error: exchange.error().map(std::borrow::Cow::into_owned),
            is_expected,
            protocol: response.map(|response| match response.protocol() {
                Protocol::Http10 => "1.0",
                Protocol::Http11 => "1.1",
                Protocol::Http2 => "2",
            }),
            phases: exchange.timings.phases,
            bytes_sent: exchange.bytes_sent,
            bytes_received: exchange.bytes_received,
            reused: exchange.reused,
            remote: exchange.remote,
        };
        let name = stage.recorder().with(|recorder| recorder.text(name));
        let times = (exchange.timings.start_ns, exchange.timings.end_ns);
        self.push_request(stage, vu, (*own, open), times, name, Some(outcome));
    }

    /// Its iteration was cut: the service saw what was under way, and so do those who look at traces.
    pub(super) fn cut(&self, stage: &Stage, vu: &Vu) {
        let end_ns = stage.clock().now_ns();
        for open in vu.open_trail().open.take() {
            let own = Traceparent { trace_id: open.trace_id, span_id: open.span_id, is_sampled: true };
            let (times, name) = ((open.start_ns, end_ns), Arc::from(&**open.endpoint.name()));
            self.push_request(stage, vu, (own, open), times, name, None);
        }
    }

    fn push_request(
        &self,
        stage: &Stage,
        vu: &Vu,
        (own, open): (Traceparent, Open),
        times: (u64, u64),
        name: Arc<str>,
        outcome: Option<RequestOutcome>,
    ) {
        let Open { method, endpoint, .. } = open;
        let work = RequestWork {
            name,
            group: stage.recorder().with(|recorder| recorder.text(vu.group_symbol.get())),
            method,
            url: presentable_url(endpoint.url()),
            host: endpoint.host().to_owned(),
            port: endpoint.port(),
            outcome,
        };
        let iteration =
            vu.open_trail().iteration.get().filter(|iteration| iteration.trace_id == own.trace_id);
        self.push(stage, vu, (own, iteration), times, Work::Request(Box::new(work)));
    }

    fn push(
        &self,
        stage: &Stage,
        vu: &Vu,
        (own, parent): (Traceparent, Option<Traceparent>),
        (start_ns, end_ns): (u64, u64),
        work: Work,
    ) {
        let span = Span {
            trace_id: own.trace_id,
            span_id: own.span_id,
            parent_id: parent.map(|parent| parent.span_id),
            start_unix_ns: stage.wall_at_ns(start_ns),
            end_unix_ns: stage.wall_at_ns(end_ns),
            scenario: stage.recorder().with(|recorder| recorder.text(vu.cast.scenario_symbol)),
            vu: vu.id,
            iteration: vu.scenario_iteration.get(),
            tags: vu.tags(),
            work,
        };
        self.tap.borrow_mut().push(span);
    }
}
