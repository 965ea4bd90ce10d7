//! A session over an open connection: reads and writes as if there were no TLS.
//!
//! A request is sealed into a buffer that the worker's connections share and goes out in one send; an answer is
//! received into the caller's buffer and opened there. What the socket doesn't take at once is kept, sealed, until it
//! does: a record can't be sealed twice. So who was told to wait comes again with the same bytes.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, ready};

use super::record::RECORD_MAX_BYTES;
use super::session::{Negotiated, Session};
use crate::http::stream::Stream;

/// What one write seals: several records for one send, and no more than a socket's buffer takes.
const WRITE_MAX_BYTES: usize = 64 << 10;
/// Receives without data in one poll, before other users get their turn: tickets, new keys and parts of records.
const RECEIVES_MAX: usize = 16;
/// What is looked at while a connection lies idle: OpenSSL's two tickets.
const IDLE_READ_BYTES: usize = 512;

/// Where a worker's connections seal what they send.
pub(crate) type SealScratch = Rc<RefCell<Vec<u8>>>;

/// A connection with a session.
#[derive(Debug)]
pub(crate) struct TlsStream {
    inner: Stream,
    state: RefCell<State>,
    scratch: SealScratch,
}

#[derive(Debug)]
struct State {
    session: Session,
    /// Sealed and not sent: the rest of so many bytes that the caller still holds.
    unsent: Vec<u8>,
    unsent_plain: usize,
}

impl TlsStream {
    pub(crate) fn new(inner: Stream, session: Session, scratch: SealScratch) -> Self {
        let state = State { session, unsent: Vec::new(), unsent_plain: 0 };
        Self { inner, state: RefCell::new(state), scratch }
    }

    /// What the handshake agreed on.
    pub(crate) fn negotiated(&self) -> Negotiated {
        self.state.borrow().session.negotiated()
    }

    /// Whether the connection ended without the peer's word for it.
    pub(crate) fn is_cut(&self) -> bool {
        self.state.borrow().session.is_cut()
    }

    /// Reads data; 0 is the end.
    pub(crate) fn poll_read(&self, cx: &mut TaskContext<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let session = &mut self.state.borrow_mut().session;
        for _ in 0..RECEIVES_MAX {
            let length = session.take(buffer).map_err(io::Error::other)?;
            if length > 0 || session.has_ended() {
                return Poll::Ready(Ok(length));
            }
            if buffer.len() < RECORD_MAX_BYTES {
                let mut own = vec![0; RECORD_MAX_BYTES];
                match ready!(self.inner.poll_read(cx, &mut own))? {
                    0 => session.cut(),
                    received => session.absorb(&own[..received]).map_err(io::Error::other)?,
                }
                continue;
            }
            let kept = session.partial_len();
            let received = ready!(self.inner.poll_read(cx, &mut buffer[kept..]))?;
            if received == 0 {
                session.cut();
                continue;
            }
            session.restore(buffer);
            let length = session.open(buffer, kept + received).map_err(io::Error::other)?;
            if length > 0 {
                return Poll::Ready(Ok(length));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads data that is there, or would block; 0 is the end. For connections that lie idle: few bytes come.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let session = &mut self.state.borrow_mut().session;
        let mut chunk = [0; IDLE_READ_BYTES];
        for _ in 0..RECEIVES_MAX {
            let length = session.take(buffer).map_err(io::Error::other)?;
            if length > 0 || session.has_ended() {
                return Ok(length);
            }
            match self.inner.try_read(&mut chunk)? {
                0 => session.cut(),
                received => session.absorb(&chunk[..received]).map_err(io::Error::other)?,
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Whether nothing came that a request could take for its answer.
    pub(crate) fn is_quiet(&self) -> bool {
        let state = &mut *self.state.borrow_mut();
        if !state.unsent.is_empty() {
            return false;
        }
        let mut chunk = [0; IDLE_READ_BYTES];
        for _ in 0..RECEIVES_MAX {
            match self.inner.try_read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return state.session.is_quiet(),
                Ok(received @ 1..) if state.session.absorb(&chunk[..received]).is_ok() => {}
                _ => return false,
            }
        }
        false
    }

    /// Writes as much as fits one send; returns how many bytes of the caller's are out.
    pub(crate) fn poll_write(
        &self,
        cx: &mut TaskContext<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let state = &mut *self.state.borrow_mut();
        if state.unsent.is_empty() {
            let mut parts = slices.iter().map(|slice| &**slice).filter(|slice| !slice.is_empty());
            let (head, body) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let head = &head[..head.len().min(WRITE_MAX_BYTES)];
            let body = &body[..body.len().min(WRITE_MAX_BYTES - head.len())];
            let mut scratch = self.scratch.borrow_mut();
            scratch.clear();
            state.session.seal(head, body, &mut scratch).map_err(io::Error::other)?;
            let sent = match self.inner.poll_write(cx, &[IoSlice::new(&scratch)]) {
                Poll::Ready(sent) => sent?,
                Poll::Pending => 0,
            };
            if sent == scratch.len() {
                return Poll::Ready(Ok(head.len() + body.len()));
            }
            state.unsent = scratch[sent..].to_vec();
            state.unsent_plain = head.len() + body.len();
            if sent == 0 {
                return Poll::Pending;
            }
        }
        while !state.unsent.is_empty() {
            let sent = ready!(self.inner.poll_write(cx, &[IoSlice::new(&state.unsent)]))?;
            state.unsent.drain(..sent);
        }
        state.unsent = Vec::new();
        Poll::Ready(Ok(std::mem::take(&mut state.unsent_plain)))
    }

    /// Writes all of it, or would block, with what is left kept for [`poll_write`](Self::poll_write).
    pub(crate) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let state = &mut *self.state.borrow_mut();
        // What several requests share may be written again before all of the last write is out.
        while !state.unsent.is_empty() {
            let sent = self.inner.try_write(&state.unsent)?;
            state.unsent.drain(..sent);
            if state.unsent.is_empty() {
                return Ok(std::mem::take(&mut state.unsent_plain));
            }
        }
        let mut scratch = self.scratch.borrow_mut();
        scratch.clear();
        state.session.seal(bytes, &[], &mut scratch).map_err(io::Error::other)?;
        let sent = match self.inner.try_write(&scratch) {
            Ok(sent) if sent == scratch.len() => return Ok(bytes.len()),
            Ok(sent) => sent,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error),
        };
        state.unsent = scratch[sent..].to_vec();
        state.unsent_plain = bytes.len();
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Drop for TlsStream {
    /// Says goodbye, as browsers do: to the server an end without it is an attack.
    fn drop(&mut self) {
        let state = self.state.get_mut();
        if state.unsent.is_empty() && !state.session.has_ended() {
            let mut word = Vec::new();
            state.session.seal_close(&mut word);
            // Whoever has gone needs no goodbye.
            let _ = self.inner.try_write(&word);
        }
    }
}
