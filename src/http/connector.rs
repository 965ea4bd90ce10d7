//! From a request to an open connection: the way found, the name resolved, its addresses dialled, the proxy asked, hands
//! shaken; each step timed and charged to its phase.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::client::{Shared, timeout};
use super::clock::{Alarm, Clock};
use super::connect::{dial_unix, more_telling};
use super::connections::PeerRef;
use super::error::{Failure, Phase};
use super::exchange::Exchange;
use super::opening::Opens;
use super::outbox::Socket;
use super::pool::Connection;
use super::proxy::{tunnel, unreached};
use super::request::Request;
use super::stream::Stream;
use super::tls::secure;
use super::way::{Place, Way};
use super::way_error::WayError;
use crate::plan::HttpVersion;

/// How long to wait before a Unix socket whose queue is full is tried again: the kernel doesn't do it, other than for
/// TCP, and a server takes up some connections in that time.
const QUEUE_FULL_NS: u64 = 1_000_000;

/// What a connection is opened with.
pub(super) struct Connector<'a> {
    pub(super) shared: &'a Shared,
    pub(super) clock: &'a dyn Clock,
    /// The request's: set to its end again once the connection stands.
    pub(super) alarm: &'a dyn Alarm,
    pub(super) request: &'a Request<'a>,
    /// The address of this machine to connect from.
    pub(super) from: Option<IpAddr>,
}

/// An open stream and its other end, if that has an address.
type Dialled = (Stream, Option<SocketAddr>);

impl Connector<'_> {
    /// A new connection, and when it stood.
    pub(super) async fn connect(
        &self,
        begin_ns: u64,
        exchange: &mut Exchange,
    ) -> Result<(Connection, u64), (Failure, u64)> {
        let request = self.request;
        let endpoint = request.endpoint;
        let deadline_ns = exchange.timings.start_ns.saturating_add(request.timeout_ns);
        let by_ns = begin_ns.saturating_add(request.connect_timeout_ns).min(deadline_ns);

        let mut begin_ns = begin_ns;
        if endpoint.is_tls() {
            // At the first handshake alone: whom to trust is read from disk.
            self.shared.network().tls().prepare().await;
            let now_ns = self.clock.now_ns();
            exchange.timings.phases.blocked_ns += now_ns - begin_ns;
            begin_ns = now_ns;
        }
        let way = Way::to(endpoint, self.shared.network(), request.opens).map_err(|failure| {
            let now_ns = self.clock.now_ns();
            exchange.timings.phases.blocked_ns += now_ns - begin_ns;
            (failure, now_ns)
        })?;
        let mut now_ns = begin_ns;
        let dialled = match way.place {
            Place::Unix(path) => self.dial_unix(path, by_ns, &mut now_ns, exchange).await,
            Place::Address(address) => self.dial_any(&[address], by_ns, &mut now_ns, exchange).await,
            Place::Name(host, port) => {
                match self.resolve((host, port), &way, by_ns, &mut now_ns, exchange).await {
                    Err(failure) => Err(failure),
                    Ok(addresses) => {
                        let dialled = self.dial_any(&addresses, by_ns, &mut now_ns, exchange).await;
                        if let (Ok((_, Some(remote))), true) = (&dialled, addresses.len() > 1) {
                            self.shared.network().resolver().worked(host, remote.ip());
                        }
                        dialled
                    }
                }
            }
        };
        let (mut stream, remote) = dialled.map_err(|failure| match way.proxy {
            Some(proxy) => (unreached(proxy, failure), now_ns),
            None => (failure, now_ns),
        })?;
        if let Some(proxy) = way.proxy.filter(|_| way.is_tunnel) {
            let mut traffic = (0, 0);
            let host = (endpoint.host(), endpoint.port());
            self.alarm.set(by_ns);
            let tunnelled = self.before_alarm(tunnel(&stream, proxy, host, &mut traffic)).await;
            let asked_ns = self.clock.now_ns();
            exchange.timings.phases.connecting_ns += asked_ns - now_ns;
            now_ns = asked_ns;
            exchange.bytes_sent += traffic.0;
            exchange.bytes_received += traffic.1;
            tunnelled
                .unwrap_or_else(|| Err(self.late(Phase::Connecting, by_ns, exchange)))
                .map_err(|failure| (unreached(proxy, failure), now_ns))?;
        }
        if endpoint.is_tls() && !stream.answers_at_once() {
            self.alarm.set(by_ns);
            let secured = self.before_alarm(self.secure(stream)).await;
            let secured_ns = self.clock.now_ns();
            exchange.timings.phases.tls_ns = secured_ns - now_ns;
            now_ns = secured_ns;
            stream = secured
                .unwrap_or_else(|| Err(self.late(Phase::Handshaking, by_ns, exchange)))
                .map_err(|failure| (failure, now_ns))?;
        }
        self.alarm.set(deadline_ns);
        let origin = Rc::clone(endpoint.origin());
        let proxy = way.proxy.filter(|_| !way.is_tunnel).map(Rc::clone);
        // In plain there is nothing to agree by; over TLS it is what ALPN came to.
        let tls = stream.negotiated();
        let is_proxied = way.proxy.is_some();
        self.shared.connections.open(PeerRef { origin: &origin, address: remote, is_proxied, tls });
        let speaks_http2 = match tls {
            Some(agreed) => agreed.is_http2,
            None => self.shared.network().options().version == HttpVersion::Http2,
        };
        Ok((Connection { socket: Socket::new(stream), remote, proxy, origin, speaks_http2 }, now_ns))
    }

    /// The addresses of a name that may be called, in the order they are to be tried; at least one.
    async fn resolve(
        &self,
        (host, port): (&str, u16),
        way: &Way<'_>,
        by_ns: u64,
        now_ns: &mut u64,
        exchange: &mut Exchange,
    ) -> Result<Vec<SocketAddr>, Failure> {
        let network = self.shared.network();
        self.alarm.set(by_ns);
        let found = self.before_alarm(network.resolver().resolve(host, self.clock)).await;
        let resolved_ns = self.clock.now_ns();
        exchange.timings.phases.dns_ns = resolved_ns - *now_ns;
        *now_ns = resolved_ns;
        let found = found.unwrap_or_else(|| Err(self.late(Phase::Resolving, by_ns, exchange)))?;
        let mut forbidden = None;
        let mut addresses = Vec::with_capacity(found.len());
        for address in found {
            // A proxy may lie where the target must not.
            match network.check_address(address) {
                Err(failure) if way.proxy.is_none() => forbidden = Some(failure),
                _ => addresses.push(SocketAddr::new(address, port)),
            }
        }
        match forbidden {
            Some(failure) if addresses.is_empty() => Err(failure),
            _ => Ok(addresses),
        }
    }

    /// A connection to the first of these addresses that takes one.
    async fn dial_any(
        &self,
        addresses: &[SocketAddr],
        by_ns: u64,
        now_ns: &mut u64,
        exchange: &mut Exchange,
    ) -> Result<Dialled, Failure> {
        let begin_ns = *now_ns;
        let mut failed = None;
        for (index, address) in addresses.iter().copied().enumerate() {
            if let Some(from) = self.from.filter(|from| from.is_ipv4() != address.is_ipv4()) {
                let other = WayError::OtherKind { from, to: address.ip() }.into();
                failed = Some(failed.unwrap_or(other));
                continue;
            }
            exchange.remote = Some(address);
            // A silent address may only use up its share, so that the next one gets a chance.
            let share_ns = by_ns.saturating_sub(*now_ns) / (addresses.len() - index) as u64;
            self.alarm.set(*now_ns + share_ns);
            let dialled = self.before_alarm(self.shared.dial(address, self.from)).await;
            *now_ns = self.clock.now_ns();
            exchange.timings.phases.connecting_ns = *now_ns - begin_ns;
            let failure = match dialled {
                Some(Ok(stream)) => return Ok((stream, Some(address))),
                Some(Err(error)) => Failure::dial(&error, address),
                None => self.late(Phase::Connecting, by_ns, exchange),
            };
            failed = Some(more_telling(failed, failure));
        }
        let host = self.request.endpoint.host();
        Err(failed.unwrap_or_else(|| Failure::HostNotFound { host: host.into() }))
    }

    /// A connection to a Unix socket, as soon as its server has room for one.
    async fn dial_unix(
        &self,
        path: &Path,
        by_ns: u64,
        now_ns: &mut u64,
        exchange: &mut Exchange,
    ) -> Result<Dialled, Failure> {
        let begin_ns = *now_ns;
        loop {
            let outcome = dial_unix(path).await;
            *now_ns = self.clock.now_ns();
            exchange.timings.phases.connecting_ns = *now_ns - begin_ns;
            match outcome {
                Ok(stream) => return Ok((stream, None)),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Err(Failure::socket(&error, path));
                }
                Err(_) if *now_ns >= by_ns => return Err(self.late(Phase::Connecting, by_ns, exchange)),
                Err(_) => {
                    self.alarm.set((*now_ns + QUEUE_FULL_NS).min(by_ns));
                    std::future::poll_fn(|cx| self.alarm.poll_due(cx)).await;
                }
            }
        }
    }

    /// The time-out that passed: the request's, or the one for connecting.
    fn late(&self, phase: Phase, by_ns: u64, exchange: &Exchange) -> Failure {
        let request = self.request;
        if by_ns == exchange.timings.start_ns.saturating_add(request.timeout_ns) {
            timeout(request, phase)
        } else {
            Failure::ConnectTimeout { phase, limit: Duration::from_nanos(request.connect_timeout_ns) }
        }
    }

    /// The same connection over TLS.
    async fn secure(&self, stream: Stream) -> Result<Stream, Failure> {
        let network = self.shared.network();
        let protocols: &[&[u8]] = match network.options().version {
            // What is opened has its connection for itself, which HTTP/2 can't give.
            _ if self.request.opens != Opens::Nothing => &[b"http/1.1"],
            HttpVersion::Auto => &[b"h2", b"http/1.1"],
            HttpVersion::Http1 => &[b"http/1.1"],
            HttpVersion::Http2 => &[b"h2"],
        };
        secure(network.tls(), stream, self.request.endpoint.host(), protocols).await
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
