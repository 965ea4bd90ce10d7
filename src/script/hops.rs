//! The hops of one request: redirects, and the second try that digest authentication takes. Each is sent, timed and
//! recorded as a request of its own; the last one's response is the script's.
//!
//! | the hop ended with                          | next                                             |
//! |---------------------------------------------|--------------------------------------------------|
//! | 401 and a challenge that can be answered    | the same again, with the answer; once            |
//! | a redirect, and one more is allowed         | its target, without what identifies the user if that lies elsewhere |
//! | a redirect that can't or mustn't be followed | over: failed, the redirect stands                |
//! | anything else                               | over                                             |
//!
//! A request that needs none of this never comes here: see [`super::request::exchange`].

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;

use super::browser::CookieJar;
use super::expected::Expected;
use super::request::{Exchanged, Labels, client, headers_with, send_beside, settle};
use super::route::Route;
use super::stage::Stage;
use super::vu::{Vu, mix};
use crate::http::{
    Asked, Challenge, Endpoint, Exchange, Failure, Login, Method, Opened, Opens, Piece, Redirect,
    RedirectError, Request, SetCookie, Upload, is_elsewhere, is_of_body, stays_behind,
};
use crate::metrics::Symbol;

/// Status of an answer that wants to know who asks.
const UNAUTHORIZED: u16 = 401;

/// Nanoseconds of a second.
const SECOND_NS: u64 = 1_000_000_000;

/// Whose cookies go with a request.
#[derive(Debug, Clone, Default)]
pub(super) enum JarChoice {
    /// The user's own.
    #[default]
    Own,
    /// Those of a jar that the script made.
    Given(CookieJar),
    /// None are sent, none are kept.
    None,
}

/// Who answers a challenge.
#[derive(Debug, Clone)]
pub(super) enum Digest {
    /// As the script says.
    Login(Login),
    /// As the URL says, as in k6.
    Url,
}

/// A cookie of one request.
#[derive(Debug, Clone)]
pub(super) struct OwnCookie {
    pub(super) name: Box<str>,
    pub(super) value: Box<str>,
    /// Whether one of that name in the jar stays there; else both are sent, as in k6.
    pub(super) replaces: bool,
}

/// How a request is to be treated, beside what is sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Handling {
    /// Statuses that don't count as failed; else those of the user.
    pub(super) expected: Option<Expected>,
    /// How many redirects are followed; else as the run says.
    pub(super) redirects: Option<u64>,
    pub(super) jar: JarChoice,
    pub(super) cookies: Vec<OwnCookie>,
    pub(super) digest: Option<Digest>,
}

impl Handling {
    /// Whether its first hop needs something that only hops have.
    #[inline]
    pub(super) fn is_special(&self) -> bool {
        matches!(self.jar, JarChoice::Given(_)) || !self.cookies.is_empty() || self.digest.is_some()
    }
}

/// Plays the hops of a request to their end. `first` is the exchange of the first hop, if it was sent already.
pub(super) async fn play(
    (stage, vu): (&Stage, &Vu),
    under_way: &Cell<u64>,
    request: &Request<'_>,
    handling: &Handling,
    labels: Labels,
    mut first: Option<Exchange>,
) -> Exchanged {
    let mut hops = Hops::new(stage, vu, request, handling, first.as_ref());
    loop {
        let own = if first.is_some() { Vec::new() } else { hops.own_headers() };
        let endpoint = Rc::clone(hops.endpoint());
        let headers = hops.headers_with(&own);
        let hop = hops.request(&headers, &endpoint);
        let mut exchange = match first.take() {
            Some(exchange) => exchange,
            None => send_beside((stage, vu), under_way, &hop).await,
        };
        hops.tell_limit(&mut exchange);
        hops.keep_cookies(&exchange, &endpoint);
        let next = hops.next(&exchange, &endpoint);
        let labels = hops.labels(labels);
        match next {
            Next::Hop(step) => {
                // What was expected of the request is judged by its end.
                settle(stage, vu, &hop, exchange, Some(true), handling, |_| labels);
                hops.take(step);
            }
            Next::End(not_followed) => {
                let verdict = not_followed.is_some().then_some(false);
                exchange.not_followed = not_followed.map(Box::new);
                let mut exchanged = settle(stage, vu, &hop, exchange, verdict, handling, |_| labels);
                exchanged.url = Some(Rc::clone(endpoint.url()));
                return exchanged;
            }
        }
    }
}

/// Sends the only hop of a request whose response may open something: with cookies and a login as any other's, but no
/// redirect is followed.
pub(super) async fn open(
    (stage, vu): (&Stage, &Vu),
    request: &Request<'_>,
    handling: &Handling,
    opens: Opens,
) -> (Exchange, Option<Opened>) {
    let hops = Hops::new(stage, vu, request, handling, None);
    let own = hops.own_headers();
    let headers = hops.headers_with(&own);
    let request = Request { headers: &headers, ..*request };
    let own = stage.tracer().and_then(|tracer| tracer.begin_request(stage, vu, &request));
    let traceparent = own.map(|own| own.to_string());
    let traced = traceparent.as_ref().map(|text| headers_with(&request, text));
    let request = Request { headers: traced.as_deref().unwrap_or(&headers), ..request };
    let (mut exchange, opened) = client(vu).open(&request, opens).await;
    exchange.traceparent = own.map(Box::new);
    hops.keep_cookies(&exchange, request.endpoint);
    (exchange, opened)
}

/// What follows on a hop.
enum Next {
    Hop(Step),
    /// The last one; with what kept it from being followed.
    End(Option<RedirectError>),
}

enum Step {
    /// The same, with an answer to the challenge.
    Answer,
    Redirect {
        route: Route,
        becomes_get: bool,
        elsewhere: bool,
    },
}

/// Where a request stands.
struct Hops<'a> {
    stage: &'a Stage,
    vu: &'a Vu,
    first: &'a Request<'a>,
    handling: &'a Handling,
    /// After a redirect: where it led.
    route: Option<Route>,
    /// A redirect made it a GET without a body.
    is_get: bool,
    /// A redirect once led to another scheme, host or port: what identified the user stays away, also on the way back.
    is_away: bool,
    /// The script's own.
    headers: Vec<(&'a str, &'a str)>,
    /// From the URL.
    login: Option<Login>,
    redirects: u64,
    /// A challenge was answered with its own nonce.
    has_answered: bool,
    /// When it is over, on the worker's clock.
    deadline_ns: u64,
}

impl<'a> Hops<'a> {
    fn new(
        stage: &'a Stage,
        vu: &'a Vu,
        first: &'a Request<'a>,
        handling: &'a Handling,
        sent: Option<&Exchange>,
    ) -> Self {
        let begun_ns = sent.map_or_else(|| stage.clock().now_ns(), |exchange| exchange.timings.start_ns);
        Self {
            stage,
            vu,
            first,
            handling,
            route: None,
            is_get: false,
            is_away: false,
            headers: first.headers.to_vec(),
            login: first.endpoint.login().cloned(),
            redirects: 0,
            has_answered: false,
            deadline_ns: begun_ns.saturating_add(first.timeout_ns),
        }
    }

    fn endpoint(&self) -> &Rc<Endpoint> {
        self.route.as_ref().map_or(self.first.endpoint, |route| &route.endpoint)
    }

    fn method(&self) -> &'a Method {
        if self.is_get { &Method::Get } else { self.first.method }
    }

    fn body(&self) -> &'a [u8] {
        if self.is_get { &[] } else { self.first.body }
    }

    /// The next hop. Its time-out is what the earlier ones left of the whole.
    fn request<'b>(&self, headers: &'b [(&'b str, &'b str)], endpoint: &'b Rc<Endpoint>) -> Request<'b>
    where
        'a: 'b,
    {
        Request {
            method: self.method(),
            endpoint,
            headers,
            body: self.body(),
            upload: self.first.upload.filter(|_| !self.is_get),
            timeout_ns: self.deadline_ns.saturating_sub(self.stage.clock().now_ns()).max(1),
            ..*self.first
        }
    }

    /// A time-out is that of the whole, whatever was left of it for this hop.
    fn tell_limit(&self, exchange: &mut Exchange) {
        if let Err(Failure::Timeout { limit, .. }) = &mut exchange.result {
            *limit = std::time::Duration::from_nanos(self.first.timeout_ns);
        }
    }

    fn headers_with<'b>(&self, own: &'b [(&'static str, String)]) -> Vec<(&'b str, &'b str)>
    where
        'a: 'b,
    {
        let is_replaced = |name: &str| own.iter().any(|(known, _)| name.eq_ignore_ascii_case(known));
        let given = self.headers.iter().copied().filter(|(name, _)| !is_replaced(name));
        given.chain(own.iter().map(|(name, value)| (*name, value.as_str()))).collect()
    }

    fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// What the hop sends beside the script's headers: cookies, and who asks.
    fn own_headers(&self) -> Vec<(&'static str, String)> {
        let mut own = Vec::new();
        if let Some(cookies) = self.cookies() {
            own.push(("Cookie", cookies));
        }
        if let Some(authorization) = self.authorization() {
            own.push(("Authorization", authorization));
        }
        own
    }

    /// The script's header, then the request's cookies, then those of the jar; nothing if that is the header alone.
    fn cookies(&self) -> Option<String> {
        let request: &[OwnCookie] = if self.is_away { &[] } else { &self.handling.cookies };
        let mut text = String::new();
        let mut add = |name: &str, value: &str| {
            let separator = if text.is_empty() { "" } else { "; " };
            text.push_str(separator);
            text.push_str(name);
            text.push('=');
            text.push_str(value);
        };
        for cookie in request {
            add(&cookie.name, &cookie.value);
        }
        if let Some(jar) = self.jar() {
            jar.with(|jar| {
                for cookie in jar.of(self.endpoint(), self.now_s()) {
                    if !request.iter().any(|own| own.replaces && own.name == cookie.name) {
                        add(&cookie.name, &cookie.value);
                    }
                }
            });
        }
        let given = self.header("cookie");
        (!text.is_empty()).then(|| given.map_or_else(|| text.clone(), |given| format!("{given}; {text}")))
    }

    fn jar(&self) -> Option<&CookieJar> {
        match &self.handling.jar {
            JarChoice::Own => self.vu.browser().map(|browser| &browser.jar),
            JarChoice::Given(jar) => Some(jar),
            JarChoice::None => None,
        }
    }

    fn now_s(&self) -> i64 {
        (self.stage.wall_ns() / SECOND_NS).cast_signed()
    }

    fn keep_cookies(&self, exchange: &Exchange, endpoint: &Endpoint) {
        let Ok(response) = &exchange.result else { return };
        if !response.sets_cookies() {
            return;
        }
        let jar = match &self.handling.jar {
            JarChoice::Own => &self.vu.open_browser().jar,
            JarChoice::Given(jar) => jar,
            JarChoice::None => return,
        };
        for cookie in response.values("set-cookie").filter_map(|value| SetCookie::parse(&value)) {
            // One that may not be set is ignored, as browsers do.
            let _ = jar.with(|jar| jar.store(cookie, endpoint, self.now_s()));
        }
    }

    /// Who answers a challenge of this hop.
    fn digest_login(&self) -> Option<&Login> {
        match self.handling.digest.as_ref()? {
            Digest::Login(login) => (!self.is_away).then_some(login),
            Digest::Url => self.login.as_ref(),
        }
    }

    /// The script's own header stands; else the answer to a challenge, else what the URL says.
    fn authorization(&self) -> Option<String> {
        if self.header("authorization").is_some() {
            return None;
        }
        if self.handling.digest.is_some() {
            let login = self.digest_login()?;
            let endpoint = self.endpoint();
            let asked =
                Asked { method: self.method().as_str(), target: endpoint.target(), body: self.body() };
            return self.vu.browser()?.answer(endpoint.origin(), login, asked, &self.client_nonce());
        }
        // A login that can't be sent is no part of a URL.
        self.login.as_ref().and_then(|login| login.basic().ok())
    }

    /// One that no other request has.
    fn client_nonce(&self) -> String {
        let now_ns = self.stage.clock().now_ns();
        format!("{:016x}{:016x}", mix(now_ns, self.vu.id), mix(self.vu.id, now_ns))
    }

    fn next(&mut self, exchange: &Exchange, endpoint: &Rc<Endpoint>) -> Next {
        let Ok(response) = &exchange.result else { return Next::End(None) };
        if response.status() == UNAUTHORIZED {
            return if self.challenge(response, endpoint) {
                Next::Hop(Step::Answer)
            } else {
                Next::End(None)
            };
        }
        let max = self.handling.redirects.unwrap_or(self.stage.http().max_redirects);
        if max == 0 {
            return Next::End(None);
        }
        match Redirect::of(response, self.method(), endpoint) {
            Ok(None) => Next::End(None),
            Ok(Some(_)) if self.redirects >= max => Next::End(Some(RedirectError::TooMany { max })),
            Ok(Some(redirect)) => match self.step(&redirect, endpoint) {
                Ok(step) => Next::Hop(step),
                Err(error) => Next::End(Some(error)),
            },
            Err(error) => Next::End(Some(error)),
        }
    }

    /// Whether a challenge came that is to be answered: not a second time, unless only its nonce was old.
    fn challenge(&mut self, response: &crate::http::Response, endpoint: &Rc<Endpoint>) -> bool {
        let Some(login) = self.digest_login() else { return false };
        if self.has_answered || self.header("authorization").is_some() {
            return false;
        }
        let values: Vec<Cow<'_, str>> = response.values("www-authenticate").collect();
        let Ok(challenge) = Challenge::read(values.iter().map(|value| &**value)) else { return false };
        self.vu.open_browser().keep_challenge(endpoint.origin(), login, challenge);
        self.has_answered = true;
        true
    }

    fn step(&self, redirect: &Redirect, from: &Endpoint) -> Result<Step, RedirectError> {
        let route = self.route_to(&redirect.url)?;
        let elsewhere = is_elsewhere(from, &route.endpoint);
        if elsewhere && !redirect.becomes_get && self.body_holds_secret() {
            return Err(RedirectError::SecretBody { host: route.endpoint.authority().into() });
        }
        Ok(Step::Redirect { route, becomes_get: redirect.becomes_get, elsewhere })
    }

    /// The parsed URL, from earlier calls if it was called before.
    fn route_to(&self, url: &str) -> Result<Route, RedirectError> {
        if let Some(route) = self.vu.cast.route(url) {
            return Ok(route);
        }
        let route = Route::unlabelled(Endpoint::parse(None, url)?);
        // Those with a query are new each time, and would take the room of the script's own.
        if !url.contains('?') {
            self.vu.cast.keep_route(url.into(), route.clone());
        }
        Ok(route)
    }

    /// Whether a text shows a `secret` of the script, plain or encoded.
    fn holds_secret(&self, text: &str) -> bool {
        matches!(self.stage.outside().secrets.mask().mask(text), Cow::Owned(_))
    }

    /// The same of what is sent behind the head; files are not searched.
    fn body_holds_secret(&self) -> bool {
        let pieces = self.first.upload.map_or(&[][..], Upload::pieces);
        let in_memory = pieces.iter().filter_map(|piece| match piece {
            Piece::Bytes(bytes) => Some(bytes.as_slice()),
            Piece::File(_) => None,
        });
        in_memory.chain([self.body()]).any(|bytes| self.holds_secret(&String::from_utf8_lossy(bytes)))
    }

    /// Goes on to the next hop.
    fn take(&mut self, step: Step) {
        let Step::Redirect { route, becomes_get, elsewhere } = step else { return };
        self.redirects += 1;
        // A challenge of the next place is answered for itself.
        self.has_answered = false;
        if becomes_get {
            self.is_get = true;
            self.headers.retain(|(name, _)| !is_of_body(name));
        }
        if elsewhere {
            self.is_away = true;
            self.login = None;
            let headers = std::mem::take(&mut self.headers);
            let stays = |(name, value): &(&str, &str)| !stays_behind(name) && !self.holds_secret(value);
            self.headers = headers.into_iter().filter(stays).collect();
        }
        if let Some(login) = route.endpoint.login() {
            self.login = Some(login.clone());
        }
        self.route = Some(route);
    }

    /// A hop behind a redirect has its own name, unless the script gave one.
    fn labels(&self, first: Labels) -> Labels {
        let Some(route) = &self.route else { return first };
        let is_named = first.url == Symbol::NONE;
        let [name, url] = if is_named { [first.name, first.url] } else { route.labels(self.stage) };
        let method = if self.is_get { self.stage.words().methods[0] } else { first.method };
        Labels { name, url, method, ..first }
    }
}
