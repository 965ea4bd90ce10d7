//! Requests whose response opens something that lives on: a web socket, a stream of events.
//!
//! Each gets a connection of its own, which no pool sees: one that was idle might be stale, and it would be taken for
//! as long as the stream lasts anyway. The connection is made in the same steps as any other's. A response that opens
//! nothing is read to its end, as always.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::client::Client;
use super::clock::Clock;
use super::connector::Connector;
use super::decode::Decoder;
use super::exchange::Exchange;
use super::outbox::Socket;
use super::request::{Request, Shape, inspect};
use super::transfer::Transfer;

/// What a fitting response opens instead of ending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opens {
    /// Nothing: every response ends.
    #[default]
    Nothing,
    /// 101: the connection is a web socket's from then on.
    WebSocket,
    /// 200 with `text/event-stream`: its body is read as it comes.
    Events,
}

/// A connection behind a response that has opened something.
pub struct Opened {
    pub(super) socket: Rc<Socket>,
    pub(super) decoder: Decoder,
    pub(super) clock: Rc<dyn Clock>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Client {
    /// Sends a request, and gives what its response opens, or the whole response where that opens nothing. The exchange
    /// ends with the head of a response that opens something.
    pub async fn open(&self, request: &Request<'_>, opens: Opens) -> (Exchange, Option<Opened>) {
        // Whatever opens needs its connection for itself, and as long as it likes.
        let request = Request { keep_alive: true, opens, written: None, ..*request };
        let request = match opens {
            Opens::Events => Request { body_max_bytes: u64::MAX, ..request },
            Opens::Nothing | Opens::WebSocket => request,
        };
        let mut exchange = Exchange::begun(self.clock.now_ns());
        let mut opened = None;
        let end_ns = match inspect(&request) {
            Ok(shape) => self.open_anew(&request, shape, &mut exchange, &mut opened).await,
            Err(failure) => exchange.refuse(failure, self.clock.now_ns()),
        };
        exchange.timings.end_ns = end_ns;
        (exchange, opened)
    }

    async fn open_anew(
        &self,
        request: &Request<'_>,
        shape: Shape,
        exchange: &mut Exchange,
        opened: &mut Option<Opened>,
    ) -> u64 {
        let start_ns = exchange.timings.start_ns;
        let alarm = self.clock.alarm();
        alarm.set(start_ns.saturating_add(request.timeout_ns));
        let from = self.options.local_address;
        let connector =
            Connector { shared: &self.shared, clock: &*self.clock, alarm: &*alarm, request, from };
        let (connection, connected_ns) = match connector.connect(start_ns, exchange).await {
            Ok(connected) => connected,
            Err((failure, end_ns)) => {
                exchange.result = Err(failure);
                return end_ns;
            }
        };
        let mut transfer = Transfer::new(request);
        let over = (&connection, &*alarm);
        let (outcome, end_ns) =
            self.play(&mut transfer, (request, shape), over, connected_ns, exchange).await;
        let decoder = transfer.decoder;
        exchange.result = outcome.map(|()| {
            if !decoder.is_open() {
                return decoder.finish().0;
            }
            let response = decoder.head_only();
            *opened = Some(Opened { socket: connection.socket, decoder, clock: Rc::clone(&self.clock) });
            response
        });
        end_ns
    }
}

impl Opened {
    /// The connection, and what has come over it behind the response's head: for a web socket.
    pub fn into_conduit(mut self) -> (Conduit, Vec<u8>) {
        let behind = self.decoder.take_body();
        (Conduit { socket: self.socket }, behind)
    }
}

/// A connection as a stream of bytes.
#[derive(Debug)]
pub struct Conduit {
    socket: Rc<Socket>,
}

impl AsyncRead for Conduit {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = std::task::ready!(self.socket.poll_read(cx, buffer.initialize_unfilled()))?;
        buffer.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Conduit {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.socket.poll_write(cx, &[IoSlice::new(bytes)])
    }

    /// What was written is on its way.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// It closes when it is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
