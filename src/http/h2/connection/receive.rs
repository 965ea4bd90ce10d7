//! What the server sends: split into frames, checked, and given to the stream it is for.

use super::super::super::error::Failure;
use super::super::answer::Block;
use super::super::error::{AnswerFault, Fault, Http2Error, Reason};
use super::super::frame::{self, HEAD_BYTES, Head, Kind};
use super::super::guard;
use super::{Connection, State};

/// What HTTP/1 begins with, where HTTP/2 has a frame's length.
const HTTP1: &[u8] = b"HTTP/1";

/// Where in the input we are.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// An incomplete frame, but for data.
    carried: Vec<u8>,
    /// Data of a frame whose head came, and how much is to come.
    data: Option<(Head, usize)>,
    /// A header block that goes on.
    block: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    stream: u32,
    ends_stream: bool,
    bytes: Vec<u8>,
    frames: u32,
}

impl Connection {
    /// Takes what came from the socket.
    pub(in crate::http::h2) fn receive(&mut self, mut input: &[u8], now_ns: u64) {
        self.unclaimed_received += input.len() as u64;
        while !self.is_closed() && !input.is_empty() {
            match self.step(&mut input, now_ns) {
                Ok(()) => {}
                // The first bytes tell the protocol, whatever they break as a frame.
                Err(Fault::Preface) if self.input.carried.starts_with(HTTP1) => {
                    self.close(Http2Error::NotHttp2, Reason::PROTOCOL_ERROR, now_ns);
                }
                Err(fault) => self.close(Http2Error::Connection(fault), fault.reason(), now_ns),
            }
        }
    }

    /// Takes a frame, or as much of one as is there.
    fn step(&mut self, input: &mut &[u8], now_ns: u64) -> Result<(), Fault> {
        if let Some((head, left)) = self.input.data {
            let data = take(input, left);
            let left = left - data.len();
            self.input.data = (left > 0).then_some((head, left));
            return self.data(head, data, left == 0, now_ns);
        }
        if self.input.carried.is_empty()
            && let Some(bytes) = input.first_chunk::<HEAD_BYTES>()
        {
            let head = self.head(bytes)?;
            if streams_data(head) {
                *input = &input[HEAD_BYTES..];
                return self.begin_data(head, now_ns);
            }
            if let Some(payload) = input.get(HEAD_BYTES..HEAD_BYTES + head.length) {
                *input = &input[HEAD_BYTES + head.length..];
                return self.frame(head, payload, now_ns);
            }
        }
        self.carry(input, now_ns)
    }

    /// A frame comes in pieces.
    fn carry(&mut self, input: &mut &[u8], now_ns: u64) -> Result<(), Fault> {
        let missing = HEAD_BYTES.saturating_sub(self.input.carried.len());
        self.input.carried.extend_from_slice(take(input, missing));
        let Some(bytes) = self.input.carried.first_chunk::<HEAD_BYTES>() else { return Ok(()) };
        let head = self.head(&bytes.clone())?;
        if streams_data(head) {
            self.input.carried.clear();
            return self.begin_data(head, now_ns);
        }
        let missing = HEAD_BYTES + head.length - self.input.carried.len();
        self.input.carried.extend_from_slice(take(input, missing));
        if self.input.carried.len() < HEAD_BYTES + head.length {
            return Ok(());
        }
        let carried = std::mem::take(&mut self.input.carried);
        self.frame(head, &carried[HEAD_BYTES..], now_ns)
    }

    /// A frame's head, as far as it can be judged alone.
    fn head(&mut self, bytes: &[u8; HEAD_BYTES]) -> Result<Head, Fault> {
        let head = Head::parse(bytes);
        if !self.peer.is_known && (head.kind != Kind::Settings || head.has(frame::ACK)) {
            // Kept for whoever explains it.
            self.input.carried = bytes.to_vec();
            return Err(Fault::Preface);
        }
        if head.length > frame::PAYLOAD_MAX_BYTES {
            return Err(Fault::FrameSize);
        }
        Ok(head)
    }

    /// The head of a DATA frame came: its whole length counts against the windows.
    fn begin_data(&mut self, head: Head, now_ns: u64) -> Result<(), Fault> {
        self.admit_data(head, now_ns)?;
        self.input.data = Some((head, head.length));
        self.claim(head.stream, HEAD_BYTES);
        Ok(())
    }

    fn admit_data(&mut self, head: Head, now_ns: u64) -> Result<(), Fault> {
        self.uninterrupted()?;
        if head.stream == 0 {
            return Err(Fault::Stream);
        }
        if !self.receive.take(head.length) {
            return Err(Fault::WindowExceeded);
        }
        match self.find(head.stream) {
            Ok(at) => {
                if !self.streams[at].receive.take(head.length) {
                    self.fail(at, AnswerFault::WindowExceeded.into(), now_ns);
                }
            }
            Err(_) => self.late(head.stream)?,
        }
        Ok(())
    }

    /// Data of a frame that was admitted; the `last` of it or not.
    fn data(&mut self, head: Head, data: &[u8], last: bool, now_ns: u64) -> Result<(), Fault> {
        if last && let Some(increment) = self.receive.renew() {
            self.grant(0, increment);
        }
        self.claim(head.stream, data.len());
        let Ok(at) = self.find(head.stream) else { return Ok(()) };
        let stream = &mut self.streams[at];
        match stream.outcome {
            Some(Ok(())) => return Err(Fault::ClosedStream),
            Some(Err(_)) => return self.guard.late(),
            None if data.is_empty() && !head.has(frame::END_STREAM) => self.guard.empty()?,
            None => self.guard.progress(),
        }
        if let Err(failure) = stream.answer.data(data) {
            self.fail(at, failure, now_ns);
            return Ok(());
        }
        if !last {
            return Ok(());
        }
        if head.has(frame::END_STREAM) {
            self.end_stream(at, now_ns);
        } else if let Some(increment) = self.streams[at].receive.renew() {
            self.grant(head.stream, increment);
        }
        Ok(())
    }

    /// A whole frame.
    fn frame(&mut self, head: Head, payload: &[u8], now_ns: u64) -> Result<(), Fault> {
        if head.kind != Kind::Continuation {
            self.uninterrupted()?;
        }
        match head.kind {
            Kind::Data => {
                self.admit_data(head, now_ns)?;
                let data = frame::unpadded(head, payload)?;
                self.claim(head.stream, HEAD_BYTES + payload.len() - data.len());
                self.data(head, data, true, now_ns)
            }
            Kind::Headers => self.headers(head, payload, now_ns),
            Kind::Continuation => self.continuation(head, payload, now_ns),
            Kind::RstStream => self.peer_reset(head, payload, now_ns),
            Kind::Settings => self.settings(head, payload),
            Kind::Ping => self.ping(head, payload),
            Kind::GoAway => self.goaway(head, payload, now_ns),
            Kind::WindowUpdate => self.window_update(head, payload, now_ns),
            Kind::PushPromise => Err(Fault::Push),
            Kind::Priority => self.priority(head, payload, now_ns),
            Kind::Unknown => self.guard.idle(),
        }
    }

    fn headers(&mut self, head: Head, payload: &[u8], now_ns: u64) -> Result<(), Fault> {
        if head.stream == 0 {
            return Err(Fault::Stream);
        }
        let mut block = frame::unpadded(head, payload)?;
        if head.has(frame::PRIORITY) {
            block = block.get(5..).ok_or(Fault::FrameSize)?;
        }
        self.claim(head.stream, HEAD_BYTES + payload.len());
        let ends_stream = head.has(frame::END_STREAM);
        if head.has(frame::END_HEADERS) {
            return self.block(head.stream, ends_stream, block, now_ns);
        }
        self.input.block =
            Some(Pending { stream: head.stream, ends_stream, bytes: block.to_vec(), frames: 1 });
        Ok(())
    }

    fn continuation(&mut self, head: Head, payload: &[u8], now_ns: u64) -> Result<(), Fault> {
        let mut pending = self
            .input
            .block
            .take()
            .filter(|pending| pending.stream == head.stream)
            .ok_or(Fault::Continuation)?;
        pending.frames += 1;
        guard::check_block(pending.frames, pending.bytes.len() + payload.len())?;
        pending.bytes.extend_from_slice(payload);
        self.claim(head.stream, HEAD_BYTES + payload.len());
        if head.has(frame::END_HEADERS) {
            return self.block(head.stream, pending.ends_stream, &pending.bytes, now_ns);
        }
        self.input.block = Some(pending);
        Ok(())
    }

    /// A whole header block. It is read in any case: the table depends on it.
    fn block(&mut self, id: u32, ends_stream: bool, bytes: &[u8], now_ns: u64) -> Result<(), Fault> {
        let found = self.find(id);
        let Ok(at) = found else {
            self.late(id)?;
            return self.decoder.decode(bytes, |_, _| {}).map_err(Fault::Compression);
        };
        let stream = &mut self.streams[at];
        match stream.outcome {
            Some(Ok(())) => return Err(Fault::ClosedStream),
            Some(Err(_)) => {
                self.guard.late()?;
                return self.decoder.decode(bytes, |_, _| {}).map_err(Fault::Compression);
            }
            None => self.guard.progress(),
        }
        stream.timings.first_ns.get_or_insert(now_ns);
        let mut block = Block::default();
        let answer = &mut stream.answer;
        self.decoder
            .decode(bytes, |name, value| answer.field(&mut block, name, value))
            .map_err(Fault::Compression)?;
        match answer.end_block(block, ends_stream) {
            Err(failure) => self.fail(at, failure, now_ns),
            Ok(()) if ends_stream => self.end_stream(at, now_ns),
            Ok(()) => {}
        }
        Ok(())
    }

    /// The server has said all on a stream.
    fn end_stream(&mut self, at: usize, now_ns: u64) {
        if let Err(failure) = self.streams[at].answer.end() {
            return self.fail(at, failure, now_ns);
        }
        // It answered before it had all of the request: the rest isn't sent.
        if self.streams[at].unsent > 0 {
            self.reset(at, Reason::CANCEL);
        }
        self.streams[at].end(Ok(()), now_ns);
    }

    /// A stream fails by what the server sent on it.
    fn fail(&mut self, at: usize, failure: Failure, now_ns: u64) {
        if self.streams[at].is_over() {
            return;
        }
        let reason = match &failure {
            Failure::Http2(Http2Error::Answer(fault)) => fault.reason(),
            Failure::ContentLength | Failure::ConflictingLength => Reason::PROTOCOL_ERROR,
            _ => Reason::CANCEL,
        };
        self.reset(at, reason);
        self.streams[at].end(Err(failure), now_ns);
    }

    fn peer_reset(&mut self, head: Head, payload: &[u8], now_ns: u64) -> Result<(), Fault> {
        if payload.len() != 4 {
            return Err(Fault::FrameSize);
        }
        let reason = Reason(frame::number(payload)?);
        if head.stream == 0 {
            return Err(Fault::Stream);
        }
        self.claim(head.stream, HEAD_BYTES + payload.len());
        let Ok(at) = self.find(head.stream) else {
            self.guard.idle()?;
            return self.known(head.stream);
        };
        let error = match reason {
            // Before the settings came, how many streams it takes was a guess of ours.
            Reason::REFUSED_STREAM if self.streams[at].is_guess => Http2Error::Unprocessed { reason },
            Reason::REFUSED_STREAM => Http2Error::Refused,
            _ => Http2Error::Reset { reason },
        };
        self.streams[at].unsent = 0;
        self.streams[at].end(Err(Failure::Http2(error)), now_ns);
        Ok(())
    }

    fn settings(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        if head.stream != 0 {
            return Err(Fault::Stream);
        }
        if head.has(frame::ACK) {
            return if payload.is_empty() { self.guard.idle() } else { Err(Fault::FrameSize) };
        }
        if !payload.len().is_multiple_of(6) {
            return Err(Fault::FrameSize);
        }
        self.peer.is_known = true;
        self.guard.idle()?;
        self.guard.answer()?;
        for setting in payload.chunks_exact(6) {
            let name = u16::from_be_bytes([setting[0], setting[1]]);
            self.apply(name, frame::number(&setting[2..])?)?;
        }
        self.answer(Kind::Settings, &[]);
        self.wake_senders();
        Ok(())
    }

    fn ping(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        if head.stream != 0 {
            return Err(Fault::Stream);
        }
        if payload.len() != 8 {
            return Err(Fault::FrameSize);
        }
        self.guard.idle()?;
        if !head.has(frame::ACK) {
            self.guard.answer()?;
            self.answer(Kind::Ping, payload);
        }
        Ok(())
    }

    fn answer(&mut self, kind: Kind, payload: &[u8]) {
        frame::push_head(&mut self.out, payload.len(), kind, frame::ACK, 0);
        self.out.extend_from_slice(payload);
        self.queued += (HEAD_BYTES + payload.len()) as u64;
    }

    fn grant(&mut self, id: u32, increment: u32) {
        frame::push_window_update(&mut self.out, id, increment);
        self.queued += (HEAD_BYTES + 4) as u64;
    }

    fn goaway(&mut self, head: Head, payload: &[u8], now_ns: u64) -> Result<(), Fault> {
        if head.stream != 0 {
            return Err(Fault::Stream);
        }
        if payload.len() < 8 {
            return Err(Fault::FrameSize);
        }
        let last = frame::number(payload)? & 0x7fff_ffff;
        let reason = Reason(frame::number(&payload[4..])?);
        self.guard.idle()?;
        self.state = State::Leaving(Some(reason));
        for stream in &mut self.streams {
            if stream.id > last {
                stream.unsent = 0;
                stream.end(Err(Failure::Http2(Http2Error::Unprocessed { reason })), now_ns);
            }
        }
        Ok(())
    }

    fn window_update(&mut self, head: Head, payload: &[u8], now_ns: u64) -> Result<(), Fault> {
        if payload.len() != 4 {
            return Err(Fault::FrameSize);
        }
        let increment = i64::from(frame::number(payload)? & 0x7fff_ffff);
        self.guard.idle()?;
        if head.stream == 0 {
            if increment == 0 {
                return Err(Fault::EmptyUpdate);
            }
            if !self.send.shift(increment) {
                return Err(Fault::WindowOverflow);
            }
            self.wake_senders();
            return Ok(());
        }
        self.claim(head.stream, HEAD_BYTES + payload.len());
        let Ok(at) = self.find(head.stream) else { return self.known(head.stream) };
        let stream = &mut self.streams[at];
        if increment == 0 {
            self.fail(at, AnswerFault::EmptyUpdate.into(), now_ns);
        } else if !stream.send.shift(increment) {
            self.fail(at, AnswerFault::WindowOverflow.into(), now_ns);
        } else if stream.unsent > 0 {
            stream.wake();
        }
        Ok(())
    }

    fn priority(&mut self, head: Head, payload: &[u8], now_ns: u64) -> Result<(), Fault> {
        if head.stream == 0 {
            return Err(Fault::Stream);
        }
        self.guard.idle()?;
        if payload.len() != 5
            && let Ok(at) = self.find(head.stream)
        {
            self.fail(at, AnswerFault::FrameSize.into(), now_ns);
        }
        Ok(())
    }

    /// No header block is half-way.
    fn uninterrupted(&self) -> Result<(), Fault> {
        if self.input.block.is_some() { Err(Fault::Continuation) } else { Ok(()) }
    }

    /// A stream that is not there any more may only be named if it was opened by us.
    fn known(&self, id: u32) -> Result<(), Fault> {
        if id.is_multiple_of(2) || id >= self.next_id { Err(Fault::IdleStream) } else { Ok(()) }
    }

    /// A frame for a stream that is not there: fine if we left it before the server had ended it.
    fn late(&mut self, id: u32) -> Result<(), Fault> {
        self.known(id)?;
        if !self.resets.contains(&id) {
            return Err(Fault::ClosedStream);
        }
        self.guard.late()
    }

    /// Charges a stream with bytes that came for it.
    fn claim(&mut self, id: u32, bytes: usize) {
        let Ok(at) = self.find(id) else { return };
        let bytes = self.unclaimed_received.min(bytes as u64);
        self.unclaimed_received -= bytes;
        self.streams[at].bytes_received += bytes;
    }
}

/// Whether a frame's data is passed on as it comes.
fn streams_data(head: Head) -> bool {
    head.kind == Kind::Data && head.length > 0 && !head.has(frame::PADDED)
}

fn take<'a>(input: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(length.min(input.len()));
    *input = rest;
    taken
}
