//! A request of the running user: waited for, measured, recorded. The one way for all that is sent, with a script
//! or without.

use std::cell::Cell;
use std::rc::Rc;

use rhai::EvalAltResult;

use super::examples::note_request;
use super::hops::{self, Handling, JarChoice};
use super::host::pause;
use super::stage::Stage;
use super::tracer::Tracer;
use super::traffic;
use super::vu::{Course, Vu};
use crate::http::{Client, Exchange, Opened, Opens, Protocol, Request, TRACEPARENT, is_redirect};
use crate::metrics::{Recorder, RequestKey, RequestSample, Symbol};
use crate::plan::Slots;
use crate::plan::TlsVersion;

/// Statuses that don't count as failed where nobody says otherwise, as in k6.
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
    /// Where its last hop led, if it took several.
    pub(super) url: Option<Rc<str>>,
}

/// Sends a request as the user `vu`, who is on, and records what came of it, each hop for itself. An error only ends
/// the script.
#[inline]
pub(super) fn exchange(
    stage: &Stage,
    vu: &Vu,
    request: &Request<'_>,
    handling: &Handling,
    labels: impl FnOnce(&mut Recorder) -> Labels,
) -> Result<Exchanged, Box<EvalAltResult>> {
    // What is traced goes the way on which a header more is no matter.
    if stage.tracer().is_some() || begins_special(vu, request, handling) {
        return hop_on(stage, vu, request, handling, labels, None);
    }
    // k6's place for it too: what a request waits for its slot is no part of what is measured of it.
    wait_for_slots(stage, vu)?;
    // Pinned here: moving the future into `wait` would copy it.
    let sent = stage.wait(vu, std::pin::pin!(client(vu).send(request)));
    let exchange = sent.inspect_err(|_| stage.cut_requests(vu, 1))?;
    if ends_special(&exchange, handling) {
        return hop_on(stage, vu, request, handling, labels, Some(exchange));
    }
    Ok(settle(stage, vu, request, exchange, None, handling, labels))
}

/// Whether a request needs what only hops have: cookies, or a login.
#[inline]
fn begins_special(vu: &Vu, request: &Request<'_>, handling: &Handling) -> bool {
    // One that was written before has all that it needs.
    request.written.is_none()
        && (vu.browser().is_some() || handling.is_special() || request.endpoint.login().is_some())
}

/// Whether an exchange is not all: it sets cookies, or leads elsewhere.
#[inline]
fn ends_special(exchange: &Exchange, handling: &Handling) -> bool {
    let Ok(response) = &exchange.result else { return false };
    response.sets_cookies() && !matches!(handling.jar, JarChoice::None)
        || is_redirect(response.status()) && handling.redirects != Some(0)
}

/// The hops of a request, waited for. `first` is the exchange of the first one, if it was sent already.
#[cold]
fn hop_on(
    stage: &Stage,
    vu: &Vu,
    request: &Request<'_>,
    handling: &Handling,
    labels: impl FnOnce(&mut Recorder) -> Labels,
    first: Option<Exchange>,
) -> Result<Exchanged, Box<EvalAltResult>> {
    let under_way = Cell::new(0);
    let labels = stage.recorder().with(labels);
    // In a box: it is large, and a fiber's stack is not.
    let played = Box::pin(hops::play((stage, vu), &under_way, request, handling, labels, first));
    stage.wait(vu, played).inspect_err(|_| stage.cut_requests(vu, under_way.get()))
}

/// The same for one of several requests that the user has `under_way` at once. Where the script is cut, whoever
/// waits for them all counts those as cut.
pub(super) async fn exchange_beside(
    (stage, vu): (&Stage, &Vu),
    under_way: &Cell<u64>,
    request: &Request<'_>,
    handling: &Handling,
    labels: impl FnOnce(&mut Recorder) -> Labels,
) -> Exchanged {
    let mut first = None;
    if !begins_special(vu, request, handling) {
        let exchange = send_beside((stage, vu), under_way, request).await;
        if !ends_special(&exchange, handling) {
            return settle(stage, vu, request, exchange, None, handling, labels);
        }
        first = Some(exchange);
    }
    let labels = stage.recorder().with(labels);
    Box::pin(hops::play((stage, vu), under_way, request, handling, labels, first)).await
}

/// Sends one hop, once the caps let it go.
pub(super) async fn send_beside(
    (stage, vu): (&Stage, &Vu),
    under_way: &Cell<u64>,
    request: &Request<'_>,
) -> Exchange {
    for (course, slots) in caps(vu) {
        if let Some(due_ns) = take_slot(stage, course, slots) {
            let alarm = stage.clock().alarm();
            alarm.set(due_ns);
            std::future::poll_fn(|context| alarm.poll_due(context)).await;
        }
    }
    under_way.set(under_way.get() + 1);
    let exchange = match stage.tracer() {
        None => client(vu).send(request).await,
        Some(tracer) => Box::pin(send_traced((stage, vu), tracer, request)).await,
    };
    under_way.set(under_way.get() - 1);
    exchange
}

/// Sends it with its `traceparent`.
async fn send_traced((stage, vu): (&Stage, &Vu), tracer: &Tracer, request: &Request<'_>) -> Exchange {
    let Some(own) = tracer.begin_request(stage, vu, request) else {
        return client(vu).send(request).await;
    };
    let text = own.to_string();
    let headers = headers_with(request, &text);
    let mut exchange = client(vu).send(&Request { headers: &headers, ..*request }).await;
    exchange.traceparent = Some(Box::new(own));
    exchange
}

/// A request's headers and its `traceparent`.
pub(super) fn headers_with<'a>(request: &Request<'a>, traceparent: &'a str) -> Vec<(&'a str, &'a str)> {
    request.headers.iter().copied().chain([(TRACEPARENT, traceparent)]).collect()
}

/// Sends a request whose response may open something, and gives what it opened. The response of a stream of events
/// is recorded as any other's, up to its head; a web socket's has metrics of its own.
pub(super) fn open(
    stage: &Stage,
    vu: &Vu,
    request: &Request<'_>,
    handling: &Handling,
    opens: Opens,
) -> Result<(Exchange, Option<Opened>), Box<EvalAltResult>> {
    wait_for_slots(stage, vu)?;
    // In a box: it is large, and a fiber's stack is not.
    let opened = Box::pin(hops::open((stage, vu), request, handling, opens));
    stage.wait(vu, opened).inspect_err(|_| stage.cut_requests(vu, 1))
}

/// Shows an exchange to whoever debugs.
pub(super) fn show(stage: &Stage, vu: &Vu, request: &Request<'_>, exchange: &Exchange) {
    if let Some(debug) = stage.http().debug {
        let traceparent = exchange.traceparent.as_ref().map(ToString::to_string);
        let headers = traceparent.as_ref().map(|text| headers_with(request, text));
        let request = Request { headers: headers.as_deref().unwrap_or(request.headers), ..*request };
        traffic::show(stage, client(vu).options().user_agent.as_deref(), &request, exchange, debug);
    }
}

pub(super) fn client(vu: &Vu) -> &Client {
    vu.client.as_ref().expect("a user who acts has a client")
}

/// Records what came of a hop. `verdict` says whether it was expected, where its status doesn't.
pub(super) fn settle(
    stage: &Stage,
    vu: &Vu,
    request: &Request<'_>,
    exchange: Exchange,
    verdict: Option<bool>,
    handling: &Handling,
    labels: impl FnOnce(&mut Recorder) -> Labels,
) -> Exchanged {
    let is_expected = verdict.unwrap_or_else(|| is_expected(stage, vu, exchange.status(), handling));
    let name = record(stage, vu, &exchange, is_expected, labels);
    if !is_expected {
        note_request(stage, vu, name, request, &exchange);
    }
    show(stage, vu, request, &exchange);
    stage.tell_request(vu, name, request, &exchange, is_expected);
    if let Some(tracer) = stage.tracer() {
        tracer.end_request(stage, vu, &exchange, name, is_expected);
    }
    Exchanged { exchange, is_expected, url: None }
}

/// As the request says, else the user, else the run.
fn is_expected(stage: &Stage, vu: &Vu, status: u16, handling: &Handling) -> bool {
    if let Some(expected) = &handling.expected {
        return expected.contains(status);
    }
    if let Some(browser) = vu.browser()
        && let Some(expected) = &*browser.expected.borrow()
    {
        return expected.contains(status);
    }
    match &*stage.expected.borrow() {
        Some(expected) => expected.contains(status),
        None => EXPECTED.contains(&status),
    }
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

/// Gives the tag `name` under which it is recorded.
fn record(
    stage: &Stage,
    vu: &Vu,
    exchange: &Exchange,
    is_expected: bool,
    labels: impl FnOnce(&mut Recorder) -> Labels,
) -> Symbol {
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
        recorder.at(timings.end_ns);
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
                Protocol::Http2 => words.protocols[2],
            }),
            tls_version: exchange.tls.map_or(Symbol::NONE, |tls| match tls.version {
                TlsVersion::Tls12 => words.tls_versions[0],
                TlsVersion::Tls13 => words.tls_versions[1],
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
        key.name
    })
}

/// A second attempt is never made in silence.
#[cold]
fn count_retry(recorder: &mut Recorder, key: &RequestKey) {
    let (metric, _) = recorder.metric("http_req_retries").expect("a built-in metric");
    let tags = [("scenario", key.scenario), ("group", key.group), ("name", key.name), ("method", key.method)];
    let series = recorder.series_of(metric, &tags, key.extra);
    recorder.add(series, 1.0);
}
