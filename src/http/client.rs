//! One virtual user's client, and what the clients of one worker share.
//!
//! Invariant: [`Client::send`] always yields an [`Exchange`], within the request's time-out, and a
//! connection on which anything went wrong is closed. Dropping the future mid-way closes it too.

use std::cell::{Cell, OnceCell, RefCell};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustc_hash::FxHashSet;

use super::clock::{Alarm, Clock};
use super::connect::dial;
use super::connections::{Account, Connections};
use super::connector::Connector;
use super::error::{Failure, Phase};
use super::exchange::Exchange;
use super::h2::Sessions;
use super::network::{Network, NetworkError};
use super::outbox::Outbox;
use super::pool::{Connection, Pool};
use super::request::{Request, Shape, inspect};
use super::response::Response;
use super::stream::Stream;
use super::transfer::{Scratch, Transfer, Wire};
use crate::metrics::Phases;
use crate::plan::HttpOptions;

/// Origins that are remembered by what they speak; past it all are asked again.
const PLAIN_MAX: usize = 1024;

/// What the clients of one worker share: the network as the run's options have it, scratch buffers, resolved names.
#[derive(Debug)]
pub struct Shared {
    network: OnceCell<Network>,
    pub(super) scratch: Scratch,
    /// Origins with which TLS did not agree on HTTP/2.
    plain: RefCell<FxHashSet<Rc<str>>>,
    pub(super) outbox: Option<Outbox>,
    pub(super) connections: Account,
    /// What answers every request in place of a network.
    null: Option<Arc<[u8]>>,
}

impl Shared {
    /// Nothing resolved yet; each client writes its requests itself.
    pub fn new() -> Rc<Self> {
        Self::make(None, None)
    }

    /// The same, but requests are written together, as long as [`Shared::deliver`] is polled.
    pub fn with_outbox() -> Rc<Self> {
        Self::with_null(None)
    }

    /// The same; where a response is given, connections are no sockets: each answers every request with it.
    /// What a request then costs is the generator's own, without the kernel. For benches.
    pub fn with_null(response: Option<Arc<[u8]>>) -> Rc<Self> {
        Self::make(Some(Outbox::default()), response)
    }

    fn make(outbox: Option<Outbox>, null: Option<Arc<[u8]>>) -> Rc<Self> {
        let (network, scratch, plain) = (OnceCell::new(), Scratch::new(), RefCell::default());
        Rc::new(Self { network, scratch, plain, outbox, connections: Account::default(), null })
    }

    /// Whether TLS with the origin once agreed on HTTP/1.1.
    pub(super) fn is_plain(&self, origin: &str) -> bool {
        self.plain.borrow().contains(origin)
    }

    /// Remembers that it did.
    pub(super) fn keep_plain(&self, origin: &Rc<str>) {
        let mut plain = self.plain.borrow_mut();
        if plain.len() >= PLAIN_MAX {
            plain.clear();
        }
        plain.insert(Rc::clone(origin));
    }

    /// Says what the network looks like; to be called before the first request, else the defaults hold.
    pub fn configure(&self, options: &HttpOptions) -> Result<(), NetworkError> {
        let network = Network::new(options)?;
        self.network.set(network).map_err(|_| NetworkError {
            option: "options",
            reason: "the network is in use already".to_owned(),
            hint: "a bug of runner's: please report it".to_owned(),
        })
    }

    /// The network as the run's options have it.
    pub fn network(&self) -> &Network {
        self.network.get_or_init(Network::default)
    }

    /// Connections opened, and requests that needed none, since the last call or the last
    /// [`take_connections`](Self::take_connections).
    pub fn count_connections(&self) -> (u64, u64) {
        self.connections.count()
    }

    /// All connections since the last call.
    pub fn take_connections(&self) -> Connections {
        self.connections.take()
    }

    /// Writes the requests of all clients; never ends. To be spawned once beside them.
    pub async fn deliver(self: Rc<Self>, clock: Rc<dyn Clock>) {
        match &self.outbox {
            Some(outbox) => outbox.deliver(&*clock).await,
            None => std::future::pending().await,
        }
    }

    pub(super) async fn dial(&self, address: SocketAddr, from: Option<IpAddr>) -> io::Result<Stream> {
        match &self.null {
            None => dial(address, from).await,
            Some(response) => Ok(Stream::null(Arc::clone(response))),
        }
    }
}

/// What holds for all requests of a client.
#[derive(Clone, Debug)]
pub struct Options {
    /// Idle connections kept, over all hosts; 0 makes every request connect anew.
    pub idle_max: usize,
    /// Sent as `User-Agent` by requests without one of their own, in place of `runner/VERSION`.
    pub user_agent: Option<Rc<str>>,
    /// The address of this machine to connect from, if not the one that the system takes.
    pub local_address: Option<IpAddr>,
}

impl Default for Options {
    /// Six idle connections: a browser's limit per host; a sequential flow uses one per host.
    fn default() -> Self {
        Self { idle_max: 6, user_agent: None, local_address: None }
    }
}

/// The client of one virtual user. Lives on the user's worker, between two requests as small as its
/// idle connections.
pub struct Client {
    pub(super) clock: Rc<dyn Clock>,
    /// Of the request that is under way; further ones at the same time take alarms of their own.
    alarm: Cell<Option<Rc<dyn Alarm>>>,
    pub(super) shared: Rc<Shared>,
    pub(super) options: Options,
    pool: RefCell<Pool>,
    /// Connections of HTTP/2, which several requests share.
    pub(super) sessions: Sessions,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("options", &self.options)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client without a connection. It takes an alarm of its own from the clock.
    pub fn new(clock: Rc<dyn Clock>, shared: Rc<Shared>, options: Options) -> Self {
        let alarm = Cell::new(Some(clock.alarm()));
        Self { clock, alarm, shared, options, pool: RefCell::default(), sessions: Sessions::default() }
    }

    /// Sends a request and reads its response: one hop. Needs a tokio runtime with I/O around it. Several may be
    /// under way at once: over HTTP/2 they share a connection, over HTTP/1.1 each has its own.
    pub async fn send(&self, request: &Request<'_>) -> Exchange {
        let mut exchange = Exchange::begun(self.clock.now_ns());
        let end_ns = match inspect(request) {
            Ok(shape) => {
                let alarm = self.alarm.take().unwrap_or_else(|| self.clock.alarm());
                let end_ns = self.attempt(request, shape, &*alarm, &mut exchange).await;
                alarm.clear();
                self.alarm.set(Some(alarm));
                if exchange.reused {
                    self.shared.connections.reuse();
                }
                end_ns
            }
            Err(failure) => exchange.refuse(failure, self.clock.now_ns()),
        };
        exchange.timings.end_ns = end_ns;
        exchange
    }

    /// What holds for all its requests.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Closes the idle connections, as a browser that is restarted.
    pub fn close_idle(&self) {
        self.pool.borrow_mut().clear();
        self.sessions.clear();
    }

    /// How many connections lie idle.
    pub fn idle(&self) -> usize {
        self.pool.borrow().len() + self.sessions.idle()
    }

    /// Over an idle connection if there is one, else (or, where that is allowed, after it proved
    /// stale) over a new one. Fills in the exchange and returns when it ended.
    async fn attempt(
        &self,
        request: &Request<'_>,
        shape: Shape,
        alarm: &dyn Alarm,
        exchange: &mut Exchange,
    ) -> u64 {
        let start_ns = exchange.timings.start_ns;
        alarm.set(start_ns.saturating_add(request.timeout_ns));

        // In a box, as all but the usual: what waits here lies on its user's stack, cold when the answer comes.
        if self.multiplexes(request.endpoint) {
            return Box::pin(self.over_any((request, shape), None, alarm, exchange)).await;
        }

        let mut begin_ns = start_ns;
        let idle = self.pool.borrow_mut().take(request.endpoint);
        if let Some(connection) = idle {
            exchange.reused = true;
            exchange.remote = connection.remote;
            let (result, end_ns) =
                self.transfer((request, shape), connection, alarm, begin_ns, exchange).await;
            let stale = exchange.bytes_received == 0 && result.as_ref().is_err_and(Failure::is_disconnect);
            if !stale {
                exchange.result = result;
                return end_ns;
            }
            if !request.method.is_idempotent() {
                exchange.result = Err(Failure::StaleConnection);
                return end_ns;
            }
            // The lost attempt brought no answer: what it took was spent without a usable connection.
            exchange.timings.phases = Phases { blocked_ns: end_ns - start_ns, ..Phases::default() };
            exchange.reused = false;
            exchange.retried = true;
            begin_ns = end_ns;
        }

        Box::pin(self.anew((request, shape), alarm, begin_ns, exchange)).await
    }

    /// Over a new connection, and in a box: rare, and large beside what every request carries along.
    async fn anew(
        &self,
        (request, shape): (&Request<'_>, Shape),
        alarm: &dyn Alarm,
        begin_ns: u64,
        exchange: &mut Exchange,
    ) -> u64 {
        if self.may_multiplex(request.endpoint) {
            return self.over_any((request, shape), None, alarm, exchange).await;
        }
        let from = self.options.local_address;
        let connector = Connector { shared: &self.shared, clock: &*self.clock, alarm, request, from };
        match connector.connect(begin_ns, exchange).await {
            Ok((connection, connected_ns)) if connection.speaks_http2 => {
                let opened = Some((connection, connected_ns));
                self.over_any((request, shape), opened, alarm, exchange).await
            }
            Ok((connection, connected_ns)) => {
                let (result, end_ns) =
                    self.transfer((request, shape), connection, alarm, connected_ns, exchange).await;
                exchange.result = result;
                end_ns
            }
            Err((failure, end_ns)) => {
                exchange.result = Err(failure);
                end_ns
            }
        }
    }

    /// Over a connection that requests share, or over one of its own where that comes to speak HTTP/1.1.
    async fn over_any(
        &self,
        (request, shape): (&Request<'_>, Shape),
        opened: Option<(Connection, u64)>,
        alarm: &dyn Alarm,
        exchange: &mut Exchange,
    ) -> u64 {
        match self.multiplexed((request, shape), opened, alarm, exchange).await {
            Ok(end_ns) => end_ns,
            Err((connection, connected_ns)) => {
                exchange.reused = false;
                exchange.remote = connection.remote;
                let (result, end_ns) =
                    self.transfer((request, shape), connection, alarm, connected_ns, exchange).await;
                exchange.result = result;
                end_ns
            }
        }
    }

    /// One request over one connection, which goes (back) to the pool if it may serve another.
    async fn transfer(
        &self,
        (request, shape): (&Request<'_>, Shape),
        connection: Connection,
        alarm: &dyn Alarm,
        begin_ns: u64,
        exchange: &mut Exchange,
    ) -> (Result<Response, Failure>, u64) {
        let mut transfer = Transfer::new(request);
        let over = (&connection, alarm);
        let (outcome, end_ns) = self.play(&mut transfer, (request, shape), over, begin_ns, exchange).await;
        let sent = transfer.is_sent();
        let result = outcome.map(|()| {
            let (response, reusable) = transfer.decoder.finish();
            if reusable && sent && !shape.close {
                self.pool.borrow_mut().put(connection, self.options.idle_max);
            }
            response
        });
        (result, end_ns)
    }

    /// Plays a transfer to its end, and says when that was. Charges the exchange with what it cost.
    pub(super) async fn play(
        &self,
        transfer: &mut Transfer,
        (request, shape): (&Request<'_>, Shape),
        (connection, alarm): (&Connection, &dyn Alarm),
        begin_ns: u64,
        exchange: &mut Exchange,
    ) -> (Result<(), Failure>, u64) {
        exchange.tls = connection.socket.stream.negotiated();
        let wire = Wire {
            request,
            shape,
            user_agent: self.options.user_agent.as_deref(),
            proxy: connection.proxy.as_deref(),
            scratch: &self.shared.scratch,
            outbox: self.shared.outbox.as_ref(),
            clock: &*self.clock,
        };
        let outcome = std::future::poll_fn(|cx| {
            let progress = transfer.poll(&connection.socket, wire, cx);
            if progress.is_pending() && alarm.poll_due(cx).is_ready() {
                return Poll::Ready(Err(timeout(request, transfer.phase())));
            }
            progress
        })
        .await;
        let end_ns = transfer.complete_ns().unwrap_or_else(|| self.clock.now_ns());
        transfer.charge(begin_ns, end_ns, &mut exchange.timings.phases);
        exchange.bytes_sent += transfer.bytes_sent;
        exchange.bytes_received += transfer.bytes_received;
        (outcome, end_ns)
    }
}

pub(super) fn timeout(request: &Request<'_>, phase: Phase) -> Failure {
    Failure::Timeout { phase, limit: Duration::from_nanos(request.timeout_ns) }
}
