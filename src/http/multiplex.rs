//! Requests over HTTP/2: one connection of a user to a host, shared by what is under way.
//!
//! Invariant: a request is sent a second time once at most, and only if the server said that it had not taken it, or
//! if it is idempotent and the connection, kept since an earlier request, ended without a byte for it. Both are told
//! ([`Exchange::retried`]).

use std::rc::Rc;
use std::task::Poll;

use super::client::{Client, timeout};
use super::clock::Alarm;
use super::connector::Connector;
use super::endpoint::Endpoint;
use super::error::{Failure, Phase};
use super::exchange::Exchange;
use super::h2::{Call, Found, Outcome, Session, Settled};
use super::pool::Connection;
use super::request::{Request, Shape};
use super::transfer::Wire;
use crate::metrics::Phases;
use crate::plan::HttpVersion;

/// How often a request looks for another connection, where each takes no more before it began.
const CONNECTIONS_MAX: u32 = 8;

/// What a request goes over, and since when it has had it.
enum Begun {
    Session(Rc<Session>, u64),
    /// A connection on which TLS did not agree on HTTP/2.
    Plain(Connection, u64),
}

impl Client {
    /// Whether requests to the endpoint share a connection: by prior knowledge, or since one is there.
    pub(super) fn multiplexes(&self, endpoint: &Endpoint) -> bool {
        self.shared.network().options().version == HttpVersion::Http2
            || (!self.sessions.is_empty() && self.sessions.has(endpoint.origin()))
    }

    /// Whether a new connection may turn out to be one that requests share: then only one is opened, and the others
    /// wait to see.
    pub(super) fn may_multiplex(&self, endpoint: &Endpoint) -> bool {
        endpoint.is_tls()
            && self.options.idle_max > 0
            && self.shared.network().options().version == HttpVersion::Auto
            && !self.shared.is_plain(endpoint.origin())
    }

    /// One request over a shared connection: `opened`, on which nothing was said yet, or whichever there is. Fills in
    /// the exchange and returns when it ended; or else the connection that speaks HTTP/1.1, and since when it stands.
    pub(super) async fn multiplexed(
        &self,
        (request, shape): (&Request<'_>, Shape),
        mut opened: Option<(Connection, u64)>,
        alarm: &dyn Alarm,
        exchange: &mut Exchange,
    ) -> Result<u64, (Connection, u64)> {
        let mut begin_ns = exchange.timings.start_ns;
        let mut was_refused = false;
        for _ in 0..CONNECTIONS_MAX {
            let begun = match opened.take() {
                Some(opened) => Ok(self.adopt(opened)),
                None => self.session(request, alarm, &mut begin_ns, exchange).await,
            };
            let (session, session_ns) = match begun {
                Ok(Begun::Session(session, session_ns)) => (session, session_ns),
                Ok(Begun::Plain(connection, connected_ns)) => return Err((connection, connected_ns)),
                Err((failure, end_ns)) => {
                    exchange.result = Err(failure);
                    return Ok(end_ns);
                }
            };
            begin_ns = session_ns;
            exchange.reused = session.has_served();
            exchange.remote = session.remote;
            exchange.tls = session.negotiated();
            let mut call = Call::new(Rc::clone(&session), was_refused);
            let Some(settled) = self.call((request, shape), &mut call, alarm).await else { continue };
            if shape.close {
                session.retire();
            }
            let end_ns = settled.charge(begin_ns, self.clock.now_ns(), &mut exchange.timings.phases);
            exchange.bytes_sent += settled.bytes_sent;
            exchange.bytes_received += settled.bytes_received;
            let again = match &settled.result {
                Err(Failure::Http2(error)) if error.is_unprocessed() => {
                    was_refused = error.is_refusal();
                    true
                }
                Err(failure) if exchange.reused && settled.is_silent() && failure.is_disconnect() => {
                    if !request.method.is_idempotent() {
                        exchange.result = Err(Failure::StaleConnection);
                        return Ok(end_ns);
                    }
                    true
                }
                _ => false,
            };
            if !again || exchange.retried {
                exchange.result = settled.result;
                return Ok(end_ns);
            }
            // The lost attempt brought no answer: what it took was spent without a usable connection.
            let blocked_ns = end_ns - exchange.timings.start_ns;
            exchange.timings.phases = Phases { blocked_ns, ..Phases::default() };
            exchange.reused = false;
            exchange.retried = true;
            begin_ns = end_ns;
        }
        let end_ns = self.clock.now_ns();
        exchange.timings.phases.blocked_ns += end_ns - begin_ns;
        Ok(end_ns)
    }

    /// The request on a session; `None` if the session takes no more.
    async fn call(
        &self,
        (request, shape): (&Request<'_>, Shape),
        call: &mut Call,
        alarm: &dyn Alarm,
    ) -> Option<Settled> {
        let wire = Wire {
            request,
            shape,
            user_agent: self.options.user_agent.as_deref(),
            proxy: None,
            scratch: &self.shared.scratch,
            outbox: self.shared.outbox.as_ref(),
            clock: &*self.clock,
        };
        std::future::poll_fn(|cx| match call.poll(wire, cx) {
            Poll::Ready(Outcome::NotBegun) => Poll::Ready(None),
            Poll::Ready(Outcome::Settled(settled)) => Poll::Ready(Some(settled)),
            Poll::Pending if alarm.poll_due(cx).is_ready() => {
                let failure = timeout(request, call.phase());
                Poll::Ready(Some(call.give_up(failure, self.clock.now_ns())))
            }
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// A session to the request's origin: the one that is there, the one that another request is opening, or a new
    /// one. `begin_ns` is from when on the time is yet to be charged.
    async fn session(
        &self,
        request: &Request<'_>,
        alarm: &dyn Alarm,
        begin_ns: &mut u64,
        exchange: &mut Exchange,
    ) -> Result<Begun, (Failure, u64)> {
        let origin = request.endpoint.origin();
        let shares = self.options.idle_max > 0;
        let mut has_waited = false;
        loop {
            let usable = |session: &Session| session.is_usable(&self.shared.scratch, &*self.clock);
            let found = if shares { self.sessions.find(origin, usable) } else { Found::Nothing };
            let gate = match found {
                Found::Open(session) => return Ok(Begun::Session(session, *begin_ns)),
                Found::Connecting(gate) => gate,
                Found::Nothing => break,
            };
            has_waited = true;
            let outcome = std::future::poll_fn(|cx| match gate.poll(cx.waker()) {
                Poll::Pending if alarm.poll_due(cx).is_ready() => {
                    Poll::Ready(Err(timeout(request, Phase::Connecting)))
                }
                progress => progress,
            })
            .await;
            if let Err(failure) = outcome {
                let now_ns = self.clock.now_ns();
                exchange.timings.phases.blocked_ns += now_ns - *begin_ns;
                return Err((failure, now_ns));
            }
        }
        // Connections of HTTP/1.1 are nobody else's.
        let connecting = (shares && !self.shared.is_plain(origin)).then(|| self.sessions.connect(origin));
        // What was spent on others' connections, or on such that took no more, came before.
        if has_waited || exchange.timings.start_ns != *begin_ns {
            let now_ns = self.clock.now_ns();
            let blocked_ns = now_ns - exchange.timings.start_ns;
            exchange.timings.phases = Phases { blocked_ns, ..Phases::default() };
            *begin_ns = now_ns;
        }
        let from = self.options.local_address;
        let connector = Connector { shared: &self.shared, clock: &*self.clock, alarm, request, from };
        match Box::pin(connector.connect(*begin_ns, exchange)).await {
            Ok((connection, connected_ns)) if self.is_plain(&connection) => {
                self.shared.keep_plain(origin);
                Ok(Begun::Plain(connection, connected_ns))
            }
            Ok((connection, connected_ns)) => {
                let session = Session::new(connection);
                if let Some(connecting) = connecting {
                    connecting.done(&session, self.options.idle_max);
                }
                Ok(Begun::Session(session, connected_ns))
            }
            Err((failure, end_ns)) => {
                if let Some(connecting) = connecting {
                    connecting.failed(&failure);
                }
                Err((failure, end_ns))
            }
        }
    }

    /// The session that comes of a connection on which both sides agreed to speak HTTP/2. Where another request was
    /// faster, its session is taken.
    fn adopt(&self, (connection, connected_ns): (Connection, u64)) -> Begun {
        let usable = |session: &Session| session.is_usable(&self.shared.scratch, &*self.clock);
        if self.options.idle_max > 0
            && let Found::Open(session) = self.sessions.find(&connection.origin, usable)
        {
            return Begun::Session(session, connected_ns);
        }
        let session = Session::new(connection);
        if self.options.idle_max > 0 {
            self.sessions.put(Rc::clone(&session), self.options.idle_max);
        }
        Begun::Session(session, connected_ns)
    }

    /// Whether a connection came to speak HTTP/1.1, where the run leaves that open.
    fn is_plain(&self, connection: &Connection) -> bool {
        !connection.speaks_http2 && self.shared.network().options().version == HttpVersion::Auto
    }
}
