//! What a connection reads and writes: a TCP stream, TLS over one, a Unix socket, or nothing at all.
//!
//! [`Stream::Null`] answers each write with the same bytes, without a system call. Benches alone ask for it
//! ([`super::Shared::with_null`]): whether workers share something hot shows only where they don't share a
//! server and a kernel's network.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, SendFlags};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

use super::tls::{Negotiated, TlsStream};

/// Where a request goes.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// In a box: keys are large beside a socket.
    Tls(Box<TlsStream>),
    Null(Null),
}

/// A connection within the process, which takes every write for a whole request.
#[derive(Debug)]
pub(super) struct Null {
    response: Arc<[u8]>,
    /// Bytes of the response that were not read yet.
    unread: Cell<usize>,
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}

impl Stream {
    /// A connection that answers each request with these bytes.
    pub(super) fn null(response: Arc<[u8]>) -> Self {
        Self::Null(Null { response, unread: Cell::new(0) })
    }

    /// Whether an answer is there as soon as the request is written: no reactor will tell of it.
    pub(super) fn answers_at_once(&self) -> bool {
        matches!(self, Self::Null(_))
    }

    /// What TLS agreed on, if it is spoken.
    pub(super) fn negotiated(&self) -> Option<Negotiated> {
        match self {
            Self::Tls(stream) => Some(stream.negotiated()),
            Self::Tcp(_) | Self::Unix(_) | Self::Null(_) => None,
        }
    }

    /// Whether its end may not be the peer's: over TLS an end without a word is anybody's (RFC 9112 §9.8).
    pub(super) fn is_cut(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.is_cut())
    }

    /// Whether it may take a request: open, and silent. Costs no system call while the reactor has
    /// seen nothing on it, which is also why a close may still be missed here.
    pub(super) fn is_quiet(&self) -> bool {
        match self {
            Self::Tls(stream) => stream.is_quiet(),
            Self::Tcp(_) | Self::Unix(_) | Self::Null(_) => {
                let probe = self.try_read(&mut [0]);
                matches!(probe, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
        }
    }

    /// Reads what is there. A read that doesn't fill the buffer has emptied the socket: tokio is told so,
    /// or it would try once more in vain.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut read = None;
            let outcome = match self {
                Self::Tcp(stream) => {
                    ready!(stream.poll_read_ready(cx))?;
                    stream.try_io(Interest::READABLE, || receive(stream, buffer, &mut read))
                }
                Self::Unix(stream) => {
                    ready!(stream.poll_read_ready(cx))?;
                    stream.try_io(Interest::READABLE, || receive(stream, buffer, &mut read))
                }
                Self::Tls(stream) => return stream.poll_read(cx, buffer),
                Self::Null(null) => return null.poll_read(buffer),
            };
            match (read, outcome) {
                (Some(length), _) => return Poll::Ready(Ok(length)),
                (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                (None, Err(error)) => return Poll::Ready(Err(error)),
                (None, Ok(())) => return Poll::Ready(Ok(0)),
            }
        }
    }

    /// Reads what is there, if anything is.
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.try_read(buffer),
            Self::Unix(stream) => stream.try_read(buffer),
            Self::Tls(stream) => stream.try_read(buffer),
            Self::Null(null) => match null.read(buffer) {
                0 => Err(io::ErrorKind::WouldBlock.into()),
                length => Ok(length),
            },
        }
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            // Past tokio's books, which only matter once the socket's buffer is full; then it is asked again.
            Self::Tcp(stream) => Ok(rustix::net::send(stream, bytes, SendFlags::NOSIGNAL)?),
            Self::Unix(stream) => Ok(rustix::net::send(stream, bytes, SendFlags::NOSIGNAL)?),
            Self::Tls(stream) => stream.try_write(bytes),
            Self::Null(null) => Ok(null.write(bytes.len())),
        }
    }

    /// Writes as much as it takes.
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            let outcome = match self {
                Self::Tcp(stream) => {
                    ready!(stream.poll_write_ready(cx))?;
                    stream.try_write_vectored(slices)
                }
                Self::Unix(stream) => {
                    ready!(stream.poll_write_ready(cx))?;
                    stream.try_write_vectored(slices)
                }
                Self::Tls(stream) => return stream.poll_write(cx, slices),
                Self::Null(null) => Ok(null.write(slices.iter().map(|slice| slice.len()).sum())),
            };
            match outcome {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
        }
    }
}

/// Reads once; says that nothing more is there if the buffer was not filled.
fn receive(socket: impl AsFd, buffer: &mut [u8], read: &mut Option<usize>) -> io::Result<()> {
    let room = buffer.len();
    let (_, length) = rustix::net::recv(socket, buffer, RecvFlags::empty())?;
    *read = Some(length);
    if length > 0 && length < room { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
}

impl Null {
    fn write(&self, length: usize) -> usize {
        self.unread.set(self.response.len());
        length
    }

    /// Gives the rest of the response, or as much as there is room for; nothing before a request.
    pub(super) fn read(&self, buffer: &mut [u8]) -> usize {
        let from = self.response.len() - self.unread.get();
        let length = self.unread.get().min(buffer.len());
        buffer[..length].copy_from_slice(&self.response[from..from + length]);
        self.unread.set(self.unread.get() - length);
        length
    }

    pub(super) fn poll_read(&self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.read(buffer) {
            0 => Poll::Pending,
            length => Poll::Ready(Ok(length)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn a_null_stream_answers_each_request_once() {
        let stream = Stream::null(Arc::from(*b"answer"));
        let mut context = Context::from_waker(Waker::noop());
        let mut buffer = [0; 4];
        assert_eq!(stream.try_read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        for _ in 0..2 {
            let slices = [IoSlice::new(b"head"), IoSlice::new(b"body")];
            assert!(matches!(stream.poll_write(&mut context, &slices), Poll::Ready(Ok(8))));
            assert_eq!(stream.try_read(&mut buffer).unwrap(), 4);
            assert_eq!(&buffer, b"answ");
            assert_eq!(stream.try_read(&mut buffer).unwrap(), 2);
            assert_eq!(&buffer[..2], b"er");
            assert_eq!(stream.try_read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        }
    }
}
