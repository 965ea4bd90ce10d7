//! One request out and one response in, over one open connection.
//!
//! The common case is one write of everything, then a suspension before the first read (the
//! reactor knows that nothing has come), then one read of everything: two system calls. Both
//! directions are polled together, so that a server may answer before it has read the whole body.
//!
//! | sending | goes to | when |
//! |---|---|---|
//! | `Unsent` | `Posted` | the worker writes for its users ([`super::outbox`]) |
//! | `Unsent`, `Posted` | `Partial`, `Sent`, `Broken` | the first write took a part, all, or failed |
//! | `Partial` | `Sent`, `Broken` | a later write took the rest, or failed |
//! | `Partial` | `Uploading` | the head is out, and the body comes from disk |
//! | `Uploading` | `Sent`, `Broken` | the body's last byte went out, or a write failed |
//!
//! A broken send is not the end: the server may have answered before it stopped reading. Scratch
//! buffers belong to the worker and are borrowed within one poll only.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::clock::Clock;
use super::decode::{Decoder, Progress};
use super::error::{Failure, Phase};
use super::network::ProxyUrl;
use super::outbox::{Outbox, Socket, State};
use super::proxy::forward;
use super::request::{Method, Request, Shape, compose};
use super::sink::Receive;
use super::upload::{Feed, UploadError};
use crate::metrics::Phases;

/// What one read takes: a response of usual size whole, and as much as fits a core's cache beside the rest.
const READ_BYTES: usize = 64 << 10;
/// Bodies up to here are copied behind their head, for a single plain write; larger ones go as a second slice.
const BODY_COPY_MAX_BYTES: usize = 16 << 10;
/// Reads in one poll before other users get their turn: at most 1 MiB.
pub(super) const READS_PER_POLL: usize = 16;
/// The same for writes of a body from disk.
const WRITES_PER_POLL: usize = 16;

/// Buffers that all connections of a worker read and write through.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) read: RefCell<Box<[u8]>>,
    pub(super) write: RefCell<Vec<u8>>,
    /// A header's name in lower case.
    pub(super) name: RefCell<Vec<u8>>,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self {
            read: RefCell::new(vec![0; READ_BYTES].into()),
            write: RefCell::default(),
            name: RefCell::default(),
        }
    }
}

#[derive(Debug)]
enum Sending {
    Unsent,
    /// Composed, with a head of so many bytes; the worker will write it.
    Posted {
        head_len: usize,
    },
    /// So many bytes of the head and the body behind it are out.
    Partial {
        head: Vec<u8>,
        sent: usize,
    },
    /// The head is out, the body is on its way from disk.
    Uploading(Box<Feed>),
    Sent,
    Broken(Failure),
}

/// The state of one exchange on the wire.
#[derive(Debug)]
pub(super) struct Transfer {
    sending: Sending,
    pub(super) decoder: Decoder,
    pub(super) bytes_sent: u64,
    pub(super) bytes_received: u64,
    /// When the worker began to write it, if it did.
    begin_ns: Option<u64>,
    sent_ns: Option<u64>,
    first_ns: Option<u64>,
    /// When the response was complete, if the first read brought it all.
    complete_ns: Option<u64>,
}

/// What a transfer works with, besides its state.
#[derive(Clone, Copy)]
pub(super) struct Wire<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) shape: Shape,
    pub(super) user_agent: Option<&'a str>,
    /// The proxy that passes the request on, if one does.
    pub(super) proxy: Option<&'a ProxyUrl>,
    pub(super) scratch: &'a Scratch,
    /// Where requests are posted; without one each is written at once.
    pub(super) outbox: Option<&'a Outbox>,
    pub(super) clock: &'a dyn Clock,
}

impl Transfer {
    pub(super) fn new(request: &Request<'_>) -> Self {
        let receive = Receive { max_bytes: request.body_max_bytes, discard: request.discard_body };
        Self {
            sending: Sending::Unsent,
            decoder: Decoder::new(*request.method == Method::Head, receive),
            bytes_sent: 0,
            bytes_received: 0,
            begin_ns: None,
            sent_ns: None,
            first_ns: None,
            complete_ns: None,
        }
    }

    /// Goes on until the response is complete.
    pub(super) fn poll(
        &mut self,
        socket: &Rc<Socket>,
        wire: Wire<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        if matches!(self.sending, Sending::Unsent) {
            self.start(socket, wire, cx);
        } else if let Sending::Posted { head_len } = self.sending {
            self.collect(socket, head_len);
        }
        if matches!(self.sending, Sending::Partial { .. }) {
            self.poll_rest(socket, wire, cx);
        }
        if matches!(self.sending, Sending::Uploading(_)) {
            self.poll_upload(socket, wire, cx)?;
        }
        self.poll_receive(socket, wire, cx)
    }

    /// What is being done: the phase that a time-out or an error belongs to.
    pub(super) fn phase(&self) -> Phase {
        match self.sending {
            _ if self.first_ns.is_some() => Phase::Receiving,
            Sending::Sent => Phase::Waiting,
            Sending::Unsent
            | Sending::Posted { .. }
            | Sending::Partial { .. }
            | Sending::Uploading(_)
            | Sending::Broken(_) => Phase::Sending,
        }
    }

    /// Whether the whole request went out; if not, the connection cannot be used again.
    pub(super) fn is_sent(&self) -> bool {
        matches!(self.sending, Sending::Sent)
    }

    /// When the response was complete, if that needs no further look at the clock.
    pub(super) fn complete_ns(&self) -> Option<u64> {
        self.complete_ns
    }

    /// Charges the time from `begin_ns` to `end_ns` to the phases it was spent in.
    pub(super) fn charge(&self, begin_ns: u64, end_ns: u64, phases: &mut Phases) {
        let sent_ns = self.sent_ns.unwrap_or(end_ns);
        let first_ns = self.first_ns.unwrap_or(end_ns);
        // Until its turn came, the request was blocked by ourselves.
        let write_ns = self.begin_ns.unwrap_or(begin_ns);
        phases.blocked_ns += write_ns - begin_ns;
        phases.sending_ns = sent_ns - write_ns;
        phases.waiting_ns = first_ns - sent_ns;
        phases.receiving_ns = end_ns - first_ns;
    }

    /// Posts the request, or writes as much of it as the socket takes.
    fn start(&mut self, socket: &Rc<Socket>, wire: Wire<'_>, cx: &mut Context<'_>) {
        let body = wire.request.body;
        let copies = body.len() <= BODY_COPY_MAX_BYTES;
        let mut head_len = 0;
        let mut write_down = |bytes: &mut Vec<u8>| {
            let begin = bytes.len();
            compose(wire.request, wire.shape, wire.user_agent, bytes);
            if let Some(proxy) = wire.proxy {
                let method_len = wire.request.method.as_str().len();
                forward(bytes, begin, method_len, wire.request.endpoint.origin(), proxy);
            }
            head_len = bytes.len() - begin;
            if copies {
                bytes.extend_from_slice(body);
            }
        };
        if let Some(outbox) = wire.outbox.filter(|_| copies && wire.request.upload.is_none()) {
            outbox.post(socket, cx, wire.clock, write_down);
            self.sending = Sending::Posted { head_len };
            return;
        }
        let mut scratch = wire.scratch.write.borrow_mut();
        scratch.clear();
        write_down(&mut scratch);
        let rest = if copies { &[] } else { body };
        let sent = match socket.poll_write(cx, &[IoSlice::new(&scratch), IoSlice::new(rest)]) {
            Poll::Pending => 0,
            Poll::Ready(Ok(count)) => count,
            Poll::Ready(Err(error)) => return self.break_off(&error),
        };
        self.bytes_sent = sent as u64;
        if sent == head_len + body.len() {
            return self.head_sent(wire);
        }
        // Rare: a large body, or a socket whose buffer is full. Only then is the head kept.
        self.sending = Sending::Partial { head: scratch[..head_len].to_vec(), sent };
    }

    /// Takes up what the worker wrote, if it has.
    fn collect(&mut self, socket: &Socket, head_len: usize) {
        let Some(state) = socket.collect() else { return };
        match state {
            State::Written { begin_ns, end_ns, length } => {
                self.bytes_sent = length as u64;
                self.begin_ns = Some(begin_ns);
                self.sending = Sending::Sent;
                self.sent_ns.get_or_insert(end_ns);
            }
            State::Stuck { begin_ns, sent, mut bytes } => {
                self.bytes_sent = sent as u64;
                self.begin_ns = Some(begin_ns);
                bytes.truncate(head_len);
                self.sending = Sending::Partial { head: bytes, sent };
            }
            State::Failed(error) => self.break_off(&error),
            State::Empty | State::Posted => unreachable!("a posted request is collected once"),
        }
    }

    /// Writes what is left of the request.
    fn poll_rest(&mut self, socket: &Socket, wire: Wire<'_>, cx: &mut Context<'_>) {
        let body = wire.request.body;
        while let Sending::Partial { head, sent } = &mut self.sending {
            let slices = [
                IoSlice::new(head.get(*sent..).unwrap_or_default()),
                IoSlice::new(&body[sent.saturating_sub(head.len())..]),
            ];
            match socket.poll_write(cx, &slices) {
                Poll::Pending => return,
                Poll::Ready(Ok(count)) => {
                    *sent += count;
                    self.bytes_sent += count as u64;
                    if *sent == head.len() + body.len() {
                        return self.head_sent(wire);
                    }
                }
                Poll::Ready(Err(error)) => return self.break_off(&error),
            }
        }
    }

    /// The head went out, and the body if it is one in memory.
    fn head_sent(&mut self, wire: Wire<'_>) {
        match wire.request.upload {
            None => self.sent(wire.clock),
            Some(upload) => self.sending = Sending::Uploading(Box::new(Feed::new(upload))),
        }
    }

    /// Sends on what comes from disk. A file that can't be read any more ends the exchange: nobody would answer.
    fn poll_upload(
        &mut self,
        socket: &Socket,
        wire: Wire<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), UploadError> {
        let Sending::Uploading(feed) = &mut self.sending else { return Ok(()) };
        for _ in 0..WRITES_PER_POLL {
            let Poll::Ready(bytes) = feed.poll_bytes(cx)? else { return Ok(()) };
            if bytes.is_empty() {
                self.sent(wire.clock);
                return Ok(());
            }
            match socket.poll_write(cx, &[IoSlice::new(bytes)]) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(count)) => {
                    feed.handed(count);
                    self.bytes_sent += count as u64;
                }
                Poll::Ready(Err(error)) => {
                    self.break_off(&error);
                    return Ok(());
                }
            }
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    fn sent(&mut self, clock: &dyn Clock) {
        self.sending = Sending::Sent;
        // After an early response the sending has ended already, as far as phases go.
        self.sent_ns.get_or_insert_with(|| clock.now_ns());
    }

    fn break_off(&mut self, error: &io::Error) {
        self.sending = Sending::Broken(Failure::connection(error, Phase::Sending));
    }

    /// Reads until the response is complete or nothing is there.
    fn poll_receive(
        &mut self,
        socket: &Socket,
        wire: Wire<'_>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        let mut scratch = wire.scratch.read.borrow_mut();
        for _ in 0..READS_PER_POLL {
            let outcome = ready!(socket.poll_read(cx, &mut scratch));
            let progress = match outcome {
                Ok(length @ 1..) => {
                    let input = &scratch[..length];
                    self.bytes_received += input.len() as u64;
                    let is_first = self.first_ns.is_none();
                    if is_first {
                        let now_ns = wire.clock.now_ns();
                        self.first_ns = Some(now_ns);
                        self.sent_ns.get_or_insert(now_ns);
                    }
                    let progress = self.decoder.feed(input)?;
                    if is_first && progress == Progress::Complete {
                        self.complete_ns = self.first_ns;
                    }
                    progress
                }
                ended => {
                    let is_cut = socket.stream.is_cut();
                    self.ended(ended.map(|_| ()), is_cut).map(|()| Progress::Complete)?
                }
            };
            if progress == Progress::Complete {
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The connection gives nothing more: fine if the response ends with it, and the end is the server's own.
    fn ended(&mut self, outcome: io::Result<()>, is_cut: bool) -> Result<(), Failure> {
        let error = match outcome {
            Ok(()) if is_cut && self.decoder.awaits_end() => Failure::TruncatedBody,
            Ok(()) => match self.decoder.end() {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            },
            Err(error) => Failure::connection(&error, self.phase()),
        };
        // Without a byte of response, why the request could not be sent says more.
        match &self.sending {
            Sending::Broken(failure) if self.first_ns.is_none() => Err(failure.clone()),
            _ => Err(error),
        }
    }
}
