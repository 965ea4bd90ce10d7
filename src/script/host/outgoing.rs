//! A request on its way out: what a call says, put together with what the user and the run say.

use std::rc::Rc;

use rhai::{EvalAltResult, ImmutableString};

use super::super::error::HostError;
use super::super::examples::note_check;
use super::super::request::{Exchanged, Labels};
use super::super::route::Route;
use super::super::stage::Stage;
use super::super::vu::Vu;
use super::call::{Call, ResponseType};
use super::response::Reply;
use crate::http::{Endpoint, Exchange, Failure, Method, Request, UrlError};
use crate::metrics::{Recorder, Symbol};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// A request on its way out.
pub(super) struct Outgoing<'a> {
    function: &'a str,
    method: &'a Method,
    /// In [`super::http`]'s table of methods, if it stands there.
    method_index: Option<usize>,
    pub(super) call: &'a Rc<Call>,
    pub(super) route: Route,
    headers: Vec<(&'a str, &'a str)>,
}

impl<'a> Outgoing<'a> {
    /// Puts it together; says what is wrong with the URL otherwise.
    #[inline]
    pub(super) fn new(
        (stage, vu): (&Stage, &Vu),
        function: &'a str,
        (method, method_index): (&'a Method, Option<usize>),
        url: ImmutableString,
        call: &'a Rc<Call>,
    ) -> Outcome<Self> {
        let route = route(stage, vu, url, call)?;
        let headers = headers(call);
        Ok(Self { function, method, method_index, call, route, headers })
    }

    /// As the client takes it.
    #[inline]
    pub(super) fn request(&self, stage: &Stage) -> Request<'_> {
        let request = request(stage, (self.method, &self.route.endpoint), self.call, &self.headers);
        Request { discard_body: self.response_type(stage) == ResponseType::Nothing, ..request }
    }

    /// What becomes of the response's body.
    fn response_type(&self, stage: &Stage) -> ResponseType {
        let by_default =
            if stage.http().discard_response_bodies { ResponseType::Nothing } else { ResponseType::Text };
        self.call.response.unwrap_or(by_default)
    }

    /// What its samples are tagged by.
    #[inline]
    pub(super) fn labels(&self, stage: &Stage, vu: &Vu, recorder: &mut Recorder) -> Labels {
        let call = self.call;
        // A given name groups URLs that differ: the `url` tag would tell them apart again.
        let (name, url) = if let Some(name) = &call.name {
            (recorder.intern(name), Symbol::NONE)
        } else {
            let [name, url] = self.route.labels.expect("a request without a name has its route's");
            (name, url)
        };
        let method = match self.method_index {
            Some(index) => stage.words().methods[index],
            None => recorder.intern(self.method.as_str()),
        };
        let extra =
            if call.tags.is_empty() { vu.tags_symbol() } else { vu.symbol_with(recorder, &call.tags) };
        Labels { name, url, method, extra }
    }

    /// What the script gets of what came back.
    #[inline]
    pub(super) fn reply(&self, stage: &Stage, exchanged: Exchanged) -> Outcome<Reply> {
        let exchange = exchanged.exchange;
        if let Err(failure) = &exchange.result
            && self.call.throws.unwrap_or_else(|| stage.throws())
        {
            return Err(no_answer(self.function, failure).into());
        }
        let url = exchanged.url.unwrap_or_else(|| Rc::clone(self.route.endpoint.url()));
        let sent = Sent {
            method: self.method.clone(),
            endpoint: Rc::clone(&self.route.endpoint),
            call: Rc::clone(self.call),
        };
        Ok(Reply::new(exchange, url, self.response_type(stage), Some(sent)))
    }
}

/// What a response came for: as much as a failed check needs to tell it, shared with the call.
#[derive(Debug)]
pub(super) struct Sent {
    method: Method,
    endpoint: Rc<Endpoint>,
    call: Rc<Call>,
}

impl Sent {
    /// Takes note of a check that did not hold of the response. Told is what the script asked for: cookies that the user had,
    /// and hops behind a redirect, are not part of it.
    #[cold]
    pub(super) fn note_check(&self, stage: &Stage, vu: &Vu, check: &str, exchange: &Exchange) {
        let headers = headers(&self.call);
        let request = request(stage, (&self.method, &self.endpoint), &self.call, &headers);
        let name = self.call.name.as_deref().unwrap_or(self.endpoint.name());
        note_check(stage, vu, (check, name), &request, exchange);
    }
}

/// The headers that a call says.
fn headers(call: &Call) -> Vec<(&str, &str)> {
    let mut headers: Vec<(&str, &str)> =
        call.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    if let Some(kind) = call.body.content_type.as_deref()
        && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"))
    {
        headers.push(("Content-Type", kind));
    }
    if let Some(codings) = &call.body.content_encoding {
        headers.push(("Content-Encoding", codings));
    }
    if let Some(authorization) = &call.authorization
        && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
    {
        headers.push(("Authorization", authorization));
    }
    headers
}

/// As the client takes it.
#[inline]
fn request<'a>(
    stage: &Stage,
    (method, endpoint): (&'a Method, &'a Rc<Endpoint>),
    call: &'a Call,
    headers: &'a [(&'a str, &'a str)],
) -> Request<'a> {
    let timeouts = stage.timeouts();
    Request {
        headers,
        body: &call.body.bytes,
        upload: call.body.upload.as_ref(),
        timeout_ns: call.timeout_ns.unwrap_or(timeouts.total_ns),
        connect_timeout_ns: call.connect_timeout_ns.unwrap_or(timeouts.connect_ns),
        keep_alive: !stage.http().no_connection_reuse,
        ..Request::new(method, endpoint)
    }
}

/// With `throws`, a request without an answer; the service's fault, as with an `assert`.
fn no_answer(function: &str, failure: &Failure) -> HostError {
    HostError::assertion(format!("`{function}` got no answer: {failure}"))
        .hint("catch it with `try`; without `throws` the response has `status` 0, and `error` says why")
}

/// The parsed URL, from the scenario's earlier calls if it was called before.
fn route(stage: &Stage, vu: &Vu, url: ImmutableString, call: &Call) -> Outcome<Route> {
    let query = &call.query;
    if query.is_empty()
        && let Some(route) = vu.cast.route(&url)
        && (route.labels.is_some() || call.name.is_some())
    {
        return Ok(route);
    }
    let query_pairs = query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let endpoint = Endpoint::with_query(vu.cast.base_url.as_deref(), &url, query_pairs).map_err(|error| {
        let fault = HostError::new(error.to_string()).word(url.as_str());
        match error {
            UrlError::Relative { .. } => fault
                .hint("declare `base_url(\"http://HOST:PORT\")` at the top level, or write the whole URL"),
            // The others say themselves what to write.
            _ => fault,
        }
    })?;
    let route = match call.name {
        Some(_) => Route::unlabelled(endpoint),
        None => Route::labelled(stage, endpoint),
    };
    if query.is_empty() {
        vu.cast.keep_route(url, route.clone());
    }
    Ok(route)
}
