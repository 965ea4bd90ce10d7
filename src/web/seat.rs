//! The connections of the control API: few, and none of them for long without an answer.
//!
//! Three bounds, since whoever holds sockets open may mean no good, and each costs a descriptor that the load needs:
//!
//! - [`SEATS_MAX`] at a time. A further one takes the place of another: of those that were never answered the one that has been
//!   silent longest, else of all. So who is slow can't keep others out.
//! - [`SILENCE_MAX`] after the last byte that was written to it a connection ends: one whose request doesn't get done, whose
//!   answer isn't taken, or that has nothing more to ask. A stream of events writes at least each
//!   [`super::hub::BREATH`].
//! - [`UNANSWERED_BYTES_MAX`] that are read without an answer: heads as long as that are no requests of ours.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep};

/// More than the people and pages that look at one run.
pub(super) const SEATS_MAX: usize = 256;
/// As long as a person waits.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(10);
/// A head and a body have a fraction of it.
const UNANSWERED_BYTES_MAX: usize = 64 << 10;
/// When the next connection is tried, after one could not be had: descriptors may have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Where connections come in.
pub(super) struct Door {
    listener: TcpListener,
    seats: Seats,
    next: u64,
}

impl Door {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, seats: Seats::default(), next: 0 }
    }
}

impl Listener for Door {
    type Io = Seat;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Seat, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    // A socket that refuses it is already gone, and the next read says so.
                    let _ = stream.set_nodelay(true);
                    self.next += 1;
                    return (self.seats.take(self.next, stream), address);
                }
                Err(_) => sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// Who is there, by the order in which they came.
#[derive(Clone, Default)]
struct Seats(Arc<Mutex<BTreeMap<u64, Place>>>);

struct Place {
    /// Whether it was ever answered, and when something was written to it last (or when it came): the least goes first.
    standing: (bool, Instant),
    /// Dropped, it ends the connection.
    _stay: oneshot::Sender<()>,
}

impl Seats {
    fn places(&self) -> MutexGuard<'_, BTreeMap<u64, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, number: u64, stream: TcpStream) -> Seat {
        let (stay, stays) = oneshot::channel();
        let mut places = self.places();
        if places.len() >= SEATS_MAX
            && let Some(least) =
                places.iter().min_by_key(|(_, place)| place.standing).map(|(number, _)| *number)
        {
            places.remove(&least);
        }
        places.insert(number, Place { standing: (false, Instant::now()), _stay: stay });
        drop(places);
        Seat {
            stream,
            number,
            seats: self.clone(),
            stays: Some(stays),
            silence: Box::pin(sleep(SILENCE_MAX)),
            unanswered_bytes: 0,
        }
    }
}

/// A connection.
pub(super) struct Seat {
    stream: TcpStream,
    number: u64,
    seats: Seats,
    /// None once another took its place.
    stays: Option<oneshot::Receiver<()>>,
    silence: Pin<Box<Sleep>>,
    unanswered_bytes: usize,
}

impl Seat {
    /// Whether it may stay; wakes the task when it may no longer.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let is_gone = match &mut self.stays {
            Some(stays) => Pin::new(stays).poll(context).is_ready(),
            None => true,
        };
        if is_gone {
            self.stays = None;
            return Err(ErrorKind::ConnectionAborted.into());
        }
        match self.silence.as_mut().poll(context) {
            Poll::Ready(()) => Err(ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }

    fn written(&mut self, bytes: usize) {
        if bytes > 0 {
            let now = Instant::now();
            self.unanswered_bytes = 0;
            self.silence.as_mut().reset(now + SILENCE_MAX);
            if let Some(place) = self.seats.places().get_mut(&self.number) {
                place.standing = (true, now);
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.places().remove(&self.number);
    }
}

impl AsyncRead for Seat {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.unanswered_bytes += buffer.filled().len() - before;
        if self.unanswered_bytes > UNANSWERED_BYTES_MAX {
            return Poll::Ready(Err(ErrorKind::InvalidData.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Seat {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.written(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(context, slices))?;
        self.written(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
