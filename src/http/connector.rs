//! From a request to an open connection: the name resolved, its addresses dialled, each step timed and charged to its
//! phase.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::client::{Shared, timeout};
use super::clock::{Alarm, Clock};
use super::connect::{Addresses, more_telling};
use super::error::{Failure, Phase};
use super::exchange::Exchange;
use super::outbox::Socket;
use super::pool::Connection;
use super::request::Request;

/// What a connection is opened with.
pub(super) struct Connector<'a> {
    pub(super) shared: &'a Shared,
    pub(super) clock: &'a dyn Clock,
    /// The request's: set to its end again once the connection stands.
    pub(super) alarm: &'a dyn Alarm,
    pub(super) request: &'a Request<'a>,
}

impl Connector<'_> {
    /// A new connection, and when it stood.
    pub(super) async fn connect(
        &self,
        begin_ns: u64,
        exchange: &mut Exchange,
    ) -> Result<(Connection, u64), (Failure, u64)> {
        let request = self.request;
        let endpoint = request.endpoint;
        let clock = self.clock;
        let deadline_ns = exchange.timings.start_ns.saturating_add(request.timeout_ns);
        let connect_by_ns = begin_ns.saturating_add(request.connect_timeout_ns).min(deadline_ns);
        let late = |phase| {
            if connect_by_ns == deadline_ns {
                timeout(request, phase)
            } else {
                Failure::ConnectTimeout { phase, limit: Duration::from_nanos(request.connect_timeout_ns) }
            }
        };

        let mut resolved_ns = begin_ns;
        let addresses = if let Some(address) = endpoint.literal() {
            Addresses::Literal(address)
        } else {
            self.alarm.set(connect_by_ns);
            let found = self.before_alarm(self.shared.resolver().resolve(endpoint.host(), clock)).await;
            resolved_ns = clock.now_ns();
            exchange.timings.phases.dns_ns = resolved_ns - begin_ns;
            match found.unwrap_or_else(|| Err(late(Phase::Resolving))) {
                Ok(found) => Addresses::Resolved(found),
                Err(failure) => return Err((failure, resolved_ns)),
            }
        };

        let mut now_ns = resolved_ns;
        let mut failed = None;
        for index in 0..addresses.len() {
            let address = addresses.get(index, endpoint.port());
            exchange.remote = Some(address);
            // A silent address may only use up its share, so that the next one gets a chance.
            let share_ns = connect_by_ns.saturating_sub(now_ns) / (addresses.len() - index) as u64;
            self.alarm.set(now_ns + share_ns);
            let dialled = self.before_alarm(self.shared.dial(address)).await;
            now_ns = clock.now_ns();
            exchange.timings.phases.connecting_ns = now_ns - resolved_ns;
            let failure = match dialled {
                Some(Ok(stream)) => {
                    self.alarm.set(deadline_ns);
                    addresses.worked(index, endpoint, self.shared.resolver());
                    let origin = Rc::clone(endpoint.origin());
                    return Ok((Connection { socket: Socket::new(stream), remote: address, origin }, now_ns));
                }
                Some(Err(error)) => Failure::dial(&error, address),
                None => late(Phase::Connecting),
            };
            failed = Some(more_telling(failed, failure));
        }
        let failure = failed.unwrap_or_else(|| Failure::HostNotFound { host: endpoint.host().into() });
        Err((failure, now_ns))
    }

    /// The future's output, or `None` if the alarm came first.
    async fn before_alarm<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            self.alarm.poll_due(cx).map(|()| None)
        })
        .await
    }
}
