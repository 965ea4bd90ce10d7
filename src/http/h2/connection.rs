//! A connection without its socket: requests go in, bytes to be written come out, and the other way round.
//!
//! Invariant: whatever comes, and however it is split, each stream ends once, with a response or a failure; what is
//! kept is bounded by the open streams, two tables of 4 KiB, and one incomplete frame.
//!
//! | state | goes to | when |
//! |---|---|---|
//! | `Open` | `Leaving` | GOAWAY came, stream numbers ran out, or we retired it: what is open may end, nothing new begins |
//! | `Open`, `Leaving` | `Closed` | the socket ended, or the peer broke a rule |

mod receive;

use std::io;
use std::task::Waker;

use super::super::error::{Failure, Phase};
use super::super::request::{Method, Request};
use super::super::response::Response;
use super::super::sink::Receive;
use super::answer::Answer;
use super::error::{Fault, Http2Error, Reason};
use super::flow::{ReceiveWindow, SendWindow, WINDOW_DEFAULT};
use super::frame::{self, Kind};
use super::guard::Guard;
use super::hpack::{Decoder, Encoder};
use super::stream::{Stream, Times};
use super::{CONNECTION_WINDOW_BYTES, QUEUE_MAX_BYTES, STREAM_WINDOW_BYTES, STREAMS_ASSUMED, head};
use receive::Input;

/// What a response's headers may take: the same as in HTTP/1.
const HEADERS_MAX_BYTES: u32 = 64 << 10;
/// Stream numbers end here: then another connection is needed.
const STREAM_ID_MAX: u32 = 0x7fff_ffff;
/// How many of the streams that we reset are remembered: what was under way for them is no fault of the server's.
const RESETS_KEPT: usize = 32;
/// A head up to here is kept beside its block, in case the same request follows.
const LAST_MAX_BYTES: usize = 512;

#[derive(Debug, Default)]
enum State {
    #[default]
    Open,
    /// With the code of GOAWAY, or none where we leave by ourselves.
    Leaving(Option<Reason>),
    Closed,
}

/// What the peer's settings say.
#[derive(Debug)]
struct Peer {
    /// Whether they came.
    is_known: bool,
    streams_max: usize,
    window: u32,
    frame_max: usize,
}

/// The head that was sent last, and its block.
#[derive(Debug, Default)]
struct Last {
    lines: Vec<u8>,
    block: Vec<u8>,
    generation: u32,
}

#[derive(Debug)]
pub(super) struct Connection {
    state: State,
    /// What is to be written.
    out: Vec<u8>,
    /// All bytes ever queued, those in `out` included.
    queued: u64,
    /// Bytes written and read that no exchange was charged with yet.
    unclaimed_sent: u64,
    unclaimed_received: u64,
    /// Bytes queued by the streams that are still here.
    charged_later: u64,
    input: Input,
    encoder: Encoder,
    last: Last,
    decoder: Decoder,
    /// By number.
    streams: Vec<Stream>,
    next_id: u32,
    has_served: bool,
    /// Why the socket takes no more.
    broken: Option<Failure>,
    peer: Peer,
    send: SendWindow,
    receive: ReceiveWindow,
    guard: Guard,
    resets: [u32; RESETS_KEPT],
    resets_at: usize,
}

/// A stream that is over.
#[derive(Debug)]
pub(in crate::http) struct Settled {
    pub(in crate::http) result: Result<Response, Failure>,
    pub(super) times: Times,
    pub(in crate::http) bytes_sent: u64,
    pub(in crate::http) bytes_received: u64,
}

impl Connection {
    /// A connection whose preface is queued.
    pub(super) fn new() -> Self {
        let mut out = frame::PREFACE.to_vec();
        let settings = [
            (frame::SETTING_ENABLE_PUSH, 0),
            (frame::SETTING_INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES),
            (frame::SETTING_MAX_HEADER_LIST_SIZE, HEADERS_MAX_BYTES),
        ];
        frame::push_settings(&mut out, &settings);
        frame::push_window_update(&mut out, 0, CONNECTION_WINDOW_BYTES - WINDOW_DEFAULT);
        Self {
            state: State::default(),
            queued: out.len() as u64,
            out,
            unclaimed_sent: 0,
            unclaimed_received: 0,
            charged_later: 0,
            input: Input::default(),
            encoder: Encoder::new(),
            last: Last::default(),
            decoder: Decoder::new(),
            streams: Vec::new(),
            next_id: 1,
            has_served: false,
            broken: None,
            peer: Peer {
                is_known: false,
                streams_max: STREAMS_ASSUMED,
                window: WINDOW_DEFAULT,
                frame_max: frame::PAYLOAD_MAX_BYTES,
            },
            send: SendWindow::new(WINDOW_DEFAULT),
            receive: ReceiveWindow::new(CONNECTION_WINDOW_BYTES),
            guard: Guard::default(),
            resets: [0; RESETS_KEPT],
            resets_at: 0,
        }
    }

    /// Whether requests may still be sent on it.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Whether nothing more will come of it.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Whether it has answered a request.
    pub(super) fn has_served(&self) -> bool {
        self.has_served
    }

    /// How many streams could begin now.
    pub(super) fn free(&self) -> usize {
        self.peer.streams_max.saturating_sub(self.streams.len())
    }

    /// Whether the server has said how many streams it takes.
    pub(super) fn is_acquainted(&self) -> bool {
        self.peer.is_known
    }

    /// No stream is open.
    pub(super) fn is_idle(&self) -> bool {
        self.streams.is_empty()
    }

    /// What is to be written.
    pub(super) fn out(&self) -> &[u8] {
        &self.out
    }

    /// Queues a request whose head, as HTTP/1 has it, is `lines`. Asks neither whether it is open nor free.
    pub(super) fn open(&mut self, request: &Request<'_>, lines: &[u8], lower: &mut Vec<u8>) -> u32 {
        let id = self.next_id;
        self.next_id += 2;
        if self.next_id > STREAM_ID_MAX {
            self.state = State::Leaving(None);
        }
        let begin = self.out.len();
        let length = request.body_bytes();
        let ends = if length == 0 { frame::END_STREAM } else { 0 };
        frame::push_head(&mut self.out, 0, Kind::Headers, ends | frame::END_HEADERS, id);
        self.encode(request.endpoint.scheme(), lines, lower);
        self.seal_block(begin, id);
        let receive = Receive { max_bytes: request.body_max_bytes, discard: request.discard_body };
        let answer = Answer::new(*request.method == Method::Head, receive);
        let windows = (SendWindow::new(self.peer.window), ReceiveWindow::new(STREAM_WINDOW_BYTES));
        let mut stream = Stream::new(id, answer, windows.0, windows.1, length);
        stream.is_guess = !self.peer.is_known;
        stream.bytes_queued = (self.out.len() - begin) as u64;
        self.charged_later += stream.bytes_queued;
        self.queued += stream.bytes_queued;
        if length == 0 {
            stream.queued_end = Some(self.queued);
        }
        self.streams.push(stream);
        self.guard.progress();
        if request.upload.is_none() {
            self.pump(id, request.body);
        }
        id
    }

    /// Queues as much of the request's body as windows and the queue have room for.
    pub(super) fn pump(&mut self, id: u32, body: &[u8]) {
        let Ok(at) = self.find(id) else { return };
        let sent = body.len() - usize::try_from(self.streams[at].unsent).unwrap_or(0).min(body.len());
        self.push_data(id, &body[sent..]);
    }

    /// Queues as much of what comes next of the request's body; says how much that was.
    pub(super) fn push_data(&mut self, id: u32, mut data: &[u8]) -> usize {
        let whole = data.len();
        let Ok(at) = self.find(id) else { return 0 };
        let stream = &mut self.streams[at];
        while !data.is_empty() && stream.unsent > 0 && !stream.is_over() && self.out.len() < QUEUE_MAX_BYTES {
            let room = stream.send.room().min(self.send.room()).min(self.peer.frame_max);
            let length = room.min(data.len());
            if length == 0 {
                break;
            }
            let (piece, rest) = data.split_at(length);
            data = rest;
            stream.unsent = stream.unsent.saturating_sub(length as u64);
            let flags = if stream.unsent == 0 { frame::END_STREAM } else { 0 };
            frame::push_head(&mut self.out, length, Kind::Data, flags, id);
            self.out.extend_from_slice(piece);
            stream.send.take(length);
            self.send.take(length);
            let framed = (frame::HEAD_BYTES + length) as u64;
            stream.bytes_queued += framed;
            self.charged_later += framed;
            self.queued += framed;
            if stream.unsent == 0 {
                stream.queued_end = Some(self.queued);
            }
            self.guard.progress();
        }
        whole - data.len()
    }

    /// So many bytes of [`out`](Self::out) were written, within that time.
    pub(super) fn written(&mut self, length: usize, begin_ns: u64, end_ns: u64) {
        self.out.drain(..length);
        self.unclaimed_sent += length as u64;
        let written = self.queued - self.out.len() as u64;
        for stream in &mut self.streams {
            if stream.timings.sent_ns.is_none() {
                stream.timings.write_ns.get_or_insert(begin_ns);
                if stream.queued_end.is_some_and(|end| end <= written) {
                    stream.timings.sent_ns = Some(end_ns);
                }
            }
        }
        if self.out.is_empty() {
            self.guard.drained();
            if self.out.capacity() > super::QUEUE_KEPT_BYTES {
                self.out = Vec::new();
            }
            self.wake_senders();
        }
    }

    /// Takes a stream that is over, with what it is charged for.
    pub(super) fn settle(&mut self, id: u32) -> Option<Settled> {
        let at = self.find(id).ok().filter(|at| self.streams[*at].is_over())?;
        let stream = self.streams.remove(at);
        let (bytes_sent, bytes_received) = self.charge(&stream);
        if stream.unsent > 0 || stream.outcome.as_ref().is_some_and(Result::is_err) {
            self.forget(&stream);
        }
        let result = match stream.outcome {
            Some(Ok(())) => Ok(stream.answer.finish()),
            Some(Err(failure)) => Err(failure),
            None => return None,
        };
        self.has_served |= result.is_ok();
        Some(Settled { result, times: stream.timings, bytes_sent, bytes_received })
    }

    /// Ends a stream that nobody waits for any more with this failure, since its time is up (`late`) or for another
    /// reason.
    pub(super) fn cancel(&mut self, id: u32, failure: Failure, late: bool, now_ns: u64) {
        if let Ok(at) = self.find(id)
            && !self.streams[at].is_over()
        {
            // Silent since the request went out: it may be dead, and further requests shouldn't find out one by one.
            if late && self.streams[at].bytes_received == 0 {
                self.retire();
            }
            self.reset(at, Reason::CANCEL);
            self.streams[at].end(Err(failure), now_ns);
        }
    }

    /// The socket took no more. What it gives may still say why, so reading goes on.
    pub(super) fn broken(&mut self, error: &io::Error) {
        self.retire();
        self.out = Vec::new();
        self.broken = Some(Failure::connection(error, Phase::Sending));
        for stream in &mut self.streams {
            stream.unsent = 0;
        }
    }

    /// The socket ended, by an error or in order.
    pub(super) fn ended(&mut self, error: Option<&io::Error>, now_ns: u64) {
        let goaway = match self.state {
            State::Leaving(Some(reason)) if reason != Reason::NO_ERROR => Some(reason),
            State::Closed => return,
            _ => None,
        };
        self.state = State::Closed;
        self.out = Vec::new();
        for stream in &mut self.streams {
            let silent = stream.timings.first_ns.is_none();
            let failure = match (goaway, error) {
                (Some(reason), _) => Failure::Http2(Http2Error::GoAway { reason }),
                // Without a byte of response, why the request could not be sent says more.
                (None, _) if silent && self.broken.is_some() => {
                    self.broken.clone().unwrap_or(Failure::NoResponse)
                }
                (None, Some(error)) => Failure::connection(error, stream.phase()),
                (None, None) if stream.answer.has_head() => Failure::TruncatedBody,
                (None, None) if silent => Failure::NoResponse,
                (None, None) => Failure::TruncatedHead,
            };
            stream.end(Err(failure), now_ns);
        }
    }

    /// No further requests are sent on it.
    pub(super) fn retire(&mut self) {
        if self.is_open() {
            self.state = State::Leaving(None);
        }
    }

    pub(super) fn stream_mut(&mut self, id: u32) -> Option<&mut Stream> {
        let at = self.find(id).ok()?;
        Some(&mut self.streams[at])
    }

    /// Wakes one of those that wait, unless it would be `own`: somebody has to read.
    pub(super) fn wake_another(&mut self, own: Option<&Waker>) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| !stream.is_over()) {
            stream.wake_unless(own);
        }
    }

    fn find(&self, id: u32) -> Result<usize, usize> {
        self.streams.binary_search_by_key(&id, |stream| stream.id)
    }

    /// The peer broke a rule: it is told, and all streams fail.
    fn close(&mut self, error: Http2Error, reason: Reason, now_ns: u64) {
        self.state = State::Closed;
        frame::push_goaway(&mut self.out, reason);
        self.queued += (frame::HEAD_BYTES + 8) as u64;
        for stream in &mut self.streams {
            stream.end(Err(Failure::Http2(error)), now_ns);
        }
    }

    /// Resets a stream, unless the server knows that it is over.
    fn reset(&mut self, at: usize, reason: Reason) {
        let stream = &mut self.streams[at];
        let begin = self.out.len();
        frame::push_reset(&mut self.out, stream.id, reason);
        let framed = (self.out.len() - begin) as u64;
        stream.bytes_queued += framed;
        stream.unsent = 0;
        self.queued += framed;
        self.charged_later += framed;
        self.resets[self.resets_at] = stream.id;
        self.resets_at = (self.resets_at + 1) % RESETS_KEPT;
    }

    /// Remembers that frames may still come for a stream that ended early.
    fn forget(&mut self, stream: &Stream) {
        if !self.resets.contains(&stream.id) {
            self.resets[self.resets_at] = stream.id;
            self.resets_at = (self.resets_at + 1) % RESETS_KEPT;
        }
    }

    /// The bytes of a stream that goes, with those of the connection that nobody paid for yet.
    fn charge(&mut self, stream: &Stream) -> (u64, u64) {
        self.charged_later -= stream.bytes_queued;
        let own = stream.bytes_queued.min(self.unclaimed_sent);
        let shared = (self.unclaimed_sent - own).saturating_sub(self.charged_later);
        self.unclaimed_sent -= own + shared;
        let received = std::mem::take(&mut self.unclaimed_received);
        (own + shared, stream.bytes_received + received)
    }

    /// Whoever has data left to send is to go on.
    fn wake_senders(&mut self) {
        for stream in &mut self.streams {
            if stream.unsent > 0 {
                stream.wake();
            }
        }
    }

    /// Appends the block of a request: the last one again, if the same request is sent again.
    fn encode(&mut self, scheme: &str, lines: &[u8], lower: &mut Vec<u8>) {
        let begin = self.out.len();
        let generation = self.encoder.generation();
        if self.last.generation == generation && self.last.lines == lines {
            return self.out.extend_from_slice(&self.last.block);
        }
        head::encode(lines, scheme, &mut self.encoder, lower, &mut self.out);
        // It may be repeated only if writing it changed nothing.
        if self.encoder.generation() == generation && lines.len() <= LAST_MAX_BYTES {
            let Last { lines: last_lines, block, .. } = &mut self.last;
            last_lines.clear();
            last_lines.extend_from_slice(lines);
            block.clear();
            block.extend_from_slice(&self.out[begin..]);
            self.last.generation = generation;
        }
    }

    /// Completes the HEADERS frame at `begin`, with CONTINUATION where the block is too large for one.
    fn seal_block(&mut self, begin: usize, id: u32) {
        let max = self.peer.frame_max;
        let block = begin + frame::HEAD_BYTES;
        if self.out.len() - block <= max {
            return frame::seal(&mut self.out, begin);
        }
        let rest = self.out.split_off(block + max);
        self.out[begin + 4] &= !frame::END_HEADERS;
        frame::seal(&mut self.out, begin);
        let mut pieces = rest.chunks(max).peekable();
        while let Some(piece) = pieces.next() {
            let flags = if pieces.peek().is_none() { frame::END_HEADERS } else { 0 };
            frame::push_head(&mut self.out, piece.len(), Kind::Continuation, flags, id);
            self.out.extend_from_slice(piece);
        }
    }

    /// The peer's settings, as far as they concern us.
    fn apply(&mut self, name: u16, value: u32) -> Result<(), Fault> {
        match name {
            frame::SETTING_HEADER_TABLE_SIZE => self.encoder.resize(value as usize),
            // Only clients take pushes.
            frame::SETTING_ENABLE_PUSH if value != 0 => return Err(Fault::Setting),
            frame::SETTING_MAX_CONCURRENT_STREAMS => self.peer.streams_max = value as usize,
            frame::SETTING_INITIAL_WINDOW_SIZE => {
                if i64::from(value) > super::flow::WINDOW_MAX {
                    return Err(Fault::WindowOverflow);
                }
                let by = i64::from(value) - i64::from(self.peer.window);
                self.peer.window = value;
                for stream in &mut self.streams {
                    if !stream.send.shift(by) {
                        return Err(Fault::WindowOverflow);
                    }
                }
            }
            frame::SETTING_MAX_FRAME_SIZE => {
                if !(1 << 14..1 << 24).contains(&value) {
                    return Err(Fault::Setting);
                }
                self.peer.frame_max = value as usize;
            }
            _ => {}
        }
        Ok(())
    }
}
