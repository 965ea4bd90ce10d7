//! A request of the running user: waited for, measured, recorded. The one way for all that is sent, with a script
//! or without.

use std::cell::Cell;

use rhai::EvalAltResult;

use super::host::pause;
use super::stage::Stage;
use super::traffic;
use super::vu::{Course, Vu};
use crate::http::{Client, Exchange, Opened, Opens, Protocol, Request};
use crate::metrics::{Recorder, RequestKey, RequestSample, Symbol};
use crate::plan::Slots;

/// Statuses that don't count as failed, as in k6.
const EXPECTED: std::ops::Range<u16> = 200..400;

/// What a request's samples are tagged by, beside what came of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Labels {
    pub(super) name: Symbol,
    pub(super) url: Symbol,
    pub(super) method: Symbol,
    /// Further tags.
    pub(super) extra: Symbol,
}

/// An exchange that was recorded.
#[derive(Debug)]
pub(super) struct Exchanged {
    pub(super) exchange: Exchange,
    /// Whether an answer came, with a status that is expected.
    pub(super) is_expected: bool,
}

/// Sends a request as the user `vu`, who is on, and records what came of it. `expected` are the statuses that
/// don't count as failed; empty for 200 to 399. An error only ends the script.
#[inline]
pub(super) fn exchange(
    stage: &Stage,
    vu: &Vu,
    request: &Request<'_>,
    expected: &[u16],
    labels: impl FnOnce(&mut Recorder) -> Labels,
) -> Result<Exchanged, Box<EvalAltResult>> {
    // k6's place for it too: what a request waits for its slot is no part of what is measured of it.
    wait_for_slots(stage, vu)?;
    // Pinned here: moving the future into `wait` would copy it.
    let sent = stage.wait(vu, std::pin::pin!(client(vu).send(request)));
    let exchange = sent.inspect_err(|_| stage.count_cut_requests(1))?;
    Ok(settle(stage, vu, request, exchange, expected, labels))
}

/// The same for one of several requests that the user has `under_way` at once. Where the script is cut, whoever
/// waits for them all counts those as cut.
pub(super) async fn exchange_beside(
    (stage, vu): (&Stage, &Vu),
    under_way: &Cell<u64>,
    request: &Request<'_>,
    expected: &[u16],
    labels: impl FnOnce(&mut Recorder) -> Labels,
) -> Exchanged {
    for (course, slots) in caps(vu) {
        if let Some(due_ns) = take_slot(stage, course, slots) {
            let alarm = stage.clock().alarm();
            alarm.set(due_ns);
            std::future::poll_fn(|context| alarm.poll_due(context)).await;
        }
    }
    under_way.set(under_way.get() + 1);
    let exchange = client(vu).send(request).await;
    under_way.set(under_way.get() - 1);
    settle(stage, vu, request, exchange, expected, labels)
}

/// Sends a request whose response may open something, and gives what it opened. The response of a stream of events
/// is recorded as any other's, up to its head; a web socket's has metrics of its own.
pub(super) fn open(
    stage: &Stage,
    vu: &Vu,
    request: &Request<'_>,
    opens: Opens,
) -> Result<(Exchange, Option<Opened>), Box<EvalAltResult>> {
    wait_for_slots(stage, vu)?;
    let (exchange, opened) = stage
        .wait(vu, std::pin::pin!(client(vu).open(request, opens)))
        .inspect_err(|_| stage.count_cut_requests(1))?;
    Ok((exchange, opened))
}

/// Shows an exchange to whoever debugs.
pub(super) fn show(stage: &Stage, vu: &Vu, request: &Request<'_>, exchange: &Exchange) {
    if let Some(debug) = stage.http().debug {
        traffic::show(stage, client(vu).options().user_agent.as_deref(), request, exchange, debug);
    }
}

fn client(vu: &Vu) -> &Client {
    vu.client.as_ref().expect("a user who acts has a client")
}

/// Records what came of a request.
pub(super) fn settle(
    stage: &Stage,
    vu: &Vu,
    request: &Request<'_>,
    exchange: Exchange,
    expected: &[u16],
    labels: impl FnOnce(&mut Recorder) -> Labels,
) -> Exchanged {
    let status = exchange.status();
    let is_expected =
        if expected.is_empty() { EXPECTED.contains(&status) } else { expected.contains(&status) };
    record(stage, vu, &exchange, is_expected, labels);
    show(stage, vu, request, &exchange);
    Exchanged { exchange, is_expected }
}

/// Waits until the caps on requests let one more go.
fn wait_for_slots(stage: &Stage, vu: &Vu) -> Result<(), Box<EvalAltResult>> {
    for (course, slots) in caps(vu) {
        if let Some(due_ns) = take_slot(stage, course, slots) {
            pause(stage, vu, due_ns.saturating_sub(stage.clock().now_ns()))?;
        }
    }
    Ok(())
}

/// The caps on a user's requests: the scenario's, then the run's, so that who waits for the first takes nothing of
/// the second from others. Outside of the load there is none.
fn caps(vu: &Vu) -> impl Iterator<Item = (&Course, &Slots)> {
    vu.cast.course.iter().flat_map(|course| course.caps.iter().map(move |slots| (course, &**slots)))
}

/// Takes the next slot under a cap, and says when it is due if that is still to come.
fn take_slot(stage: &Stage, course: &Course, slots: &Slots) -> Option<u64> {
    let now_ns = stage.clock().now_ns();
    let due_ns = slots.take(now_ns.saturating_sub(course.run_start_ns));
    Some(due_ns.saturating_add(course.run_start_ns)).filter(|due_ns| *due_ns > now_ns)
}

fn record(
    stage: &Stage,
    vu: &Vu,
    exchange: &Exchange,
    is_expected: bool,
    labels: impl FnOnce(&mut Recorder) -> Labels,
) {
    let words = stage.words();
    let response = exchange.result.as_ref().ok();
    let timings = &exchange.timings;
    let sample = RequestSample {
        phases: timings.phases,
        response_time_ns: timings.total_ns().saturating_add(vu.lateness_ns.take()),
        responded: response.is_some(),
        failed: !is_expected,
        bytes_sent: exchange.bytes_sent,
        bytes_received: exchange.bytes_received,
        cache: response.and_then(|response| response.cache_status().is_hit()),
    };
    stage.recorder().with(|recorder| {
        let labels = labels(recorder);
        let key = RequestKey {
            scenario: vu.cast.scenario_symbol,
            group: vu.group_symbol.get(),
            name: labels.name,
            url: labels.url,
            method: labels.method,
            proto: response.map_or(Symbol::NONE, |response| match response.protocol() {
                Protocol::Http10 => words.protocols[0],
                Protocol::Http11 => words.protocols[1],
            }),
            status: exchange.status(),
            error_code: exchange.error_code(),
            expected: is_expected,
            extra: labels.extra,
        };
        recorder.request(&key, &sample);
        if exchange.retried {
            count_retry(recorder, &key);
        }
    });
}

/// A second attempt is never made in silence.
#[cold]
fn count_retry(recorder: &mut Recorder, key: &RequestKey) {
    let (metric, _) = recorder.metric("http_req_retries").expect("a built-in metric");
    let tags = [("scenario", key.scenario), ("group", key.group), ("name", key.name), ("method", key.method)];
    let series = recorder.series_of(metric, &tags, key.extra);
    recorder.add(series, 1.0);
}
