//! What a decoder makes of bytes that come in pieces: ours, and hyper's client as the reference.
//!
//! hyper is played without a runtime: an in-memory connection hands it the pieces, one a read, and
//! a loop polls it until nothing moves any more.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, Read as _};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use hyper::body::{Body, Incoming};
use hyper::rt::ReadBufCursor;

use super::super::decode::{Decoder, Progress};
use super::super::error::Failure;
use super::super::response::Protocol;
use super::super::sink::Receive;

/// A body that neither recordings nor random responses reach, but wrong lengths do.
pub(super) const BODY_MAX_BYTES: u64 = 1 << 20;

/// What came of the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Complete(Message),
    /// Refused; ours says why.
    Refused(Option<Failure>),
    /// Waiting for more, which doesn't come.
    Unfinished,
}

/// A complete response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) status: u16,
    pub(super) is_1_0: bool,
    /// Names in lower case in the order they came first, the values of one name in theirs.
    pub(super) headers: Vec<(String, Vec<Vec<u8>>)>,
    pub(super) body: Vec<u8>,
    /// Whether the connection may serve another request.
    pub(super) reusable: bool,
}

impl Seen {
    pub(super) fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Refused(failure) => failure.as_ref(),
            Self::Complete(_) | Self::Unfinished => None,
        }
    }

    pub(super) fn message(&self) -> Option<&Message> {
        match self {
            Self::Complete(message) => Some(message),
            Self::Refused(_) | Self::Unfinished => None,
        }
    }

    /// The same but for the reason of a refusal, which the two put in words of their own.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Refused(_), Self::Refused(_)) => true,
            _ => self == other,
        }
    }
}

fn grouped<'a>(headers: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Vec<(String, Vec<Vec<u8>>)> {
    let mut groups: Vec<(String, Vec<Vec<u8>>)> = Vec::new();
    for (name, value) in headers {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value.to_vec()),
            None => groups.push((name, vec![value.to_vec()])),
        }
    }
    groups
}

/// Our decoder's view.
pub(super) fn ours(to_head: bool, pieces: &[&[u8]], closed: bool) -> Seen {
    let mut decoder = Decoder::new(to_head, Receive { max_bytes: BODY_MAX_BYTES, discard: false });
    let mut pieces = pieces.iter();
    let mut ended = false;
    while !ended {
        match pieces.next().map(|piece| decoder.feed(piece)) {
            Some(Ok(Progress::More)) => {}
            Some(Ok(Progress::Complete)) => break,
            Some(Err(failure)) => return Seen::Refused(Some(failure)),
            None if !closed => return Seen::Unfinished,
            None => match decoder.end() {
                Ok(()) => ended = true,
                Err(failure) => return Seen::Refused(Some(failure)),
            },
        }
    }
    let (response, keep) = decoder.finish();
    Seen::Complete(Message {
        status: response.status(),
        is_1_0: response.protocol() == Protocol::Http10,
        headers: grouped(response.raw_headers()),
        body: response.body().to_vec(),
        // What lies in the socket behind it is found by the pool.
        reusable: keep && !ended && pieces.next().is_none(),
    })
}

#[derive(Debug, Default)]
struct Line {
    pieces: VecDeque<Vec<u8>>,
    asked: bool,
    closed: bool,
}

/// An in-memory connection that answers once it was written to.
#[derive(Clone, Debug, Default)]
struct Connection(Rc<RefCell<Line>>);

impl hyper::rt::Read for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut line = self.0.borrow_mut();
        cx.waker().wake_by_ref();
        if !line.asked {
            return Poll::Pending;
        }
        match line.pieces.pop_front() {
            Some(mut piece) => {
                let rest = piece.split_off(piece.len().min(buf.remaining()));
                buf.put_slice(&piece);
                if !rest.is_empty() {
                    line.pieces.push_front(rest);
                }
                Poll::Ready(Ok(()))
            }
            None if line.closed => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }
}

impl hyper::rt::Write for Connection {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().asked = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Rounds without any news after which nothing moves any more; hyper needs one to notice what it was told.
const QUIET_ROUNDS: usize = 3;

/// The view of hyper's client.
pub(super) fn hypers(to_head: bool, pieces: &[&[u8]], closed: bool) -> Seen {
    let line = Rc::new(RefCell::new(Line::default()));
    line.borrow_mut().pieces = pieces.iter().map(|piece| piece.to_vec()).collect();
    let mut cx = Context::from_waker(Waker::noop());
    let handshake = pin!(hyper::client::conn::http1::handshake(Connection(Rc::clone(&line))));
    let Poll::Ready(Ok((mut sender, driver))) = handshake.poll(&mut cx) else {
        panic!("hyper's handshake needs no network");
    };
    let mut driver = pin!(driver);
    let method = if to_head { "HEAD" } else { "GET" };
    let request = hyper::Request::builder().method(method).uri("/").body(String::new()).unwrap();
    let mut asking = Box::pin(sender.send_request(request));

    let mut head: Option<hyper::Response<Incoming>> = None;
    let mut body = Vec::new();
    let (mut complete, mut reusable) = (false, false);
    let mut driver_ended = false;
    let mut quiet = 0;
    loop {
        let before = (line.borrow().pieces.len(), head.is_some(), body.len(), complete, driver_ended);
        if !driver_ended {
            driver_ended = driver.as_mut().poll(&mut cx).is_ready();
        }
        if head.is_none()
            && let Poll::Ready(answer) = asking.as_mut().poll(&mut cx)
        {
            match answer {
                Ok(answer) => head = Some(answer),
                Err(_) => return Seen::Refused(None),
            }
        }
        while let Some(response) = head.as_mut().filter(|_| !complete) {
            match Pin::new(response.body_mut()).poll_frame(&mut cx) {
                Poll::Pending => break,
                Poll::Ready(None) => complete = true,
                Poll::Ready(Some(Err(_))) => return Seen::Refused(None),
                Poll::Ready(Some(Ok(frame))) => {
                    if let Some(data) = frame.data_ref() {
                        body.extend_from_slice(data);
                    }
                }
            }
        }
        let after = (line.borrow().pieces.len(), head.is_some(), body.len(), complete, driver_ended);
        quiet = if before == after { quiet + 1 } else { 0 };
        if quiet < QUIET_ROUNDS {
            continue;
        }
        if complete {
            reusable = !driver_ended && !line.borrow().closed;
            break;
        }
        if line.borrow().closed || !closed {
            break;
        }
        line.borrow_mut().closed = true;
        quiet = 0;
    }
    drop(asking);
    let Some(response) = head.filter(|_| complete) else { return Seen::Unfinished };
    let headers = response.headers();
    // hyper leaves codings to others; gzip's own reference reads what it gives.
    if headers.get("content-encoding").is_some_and(|coding| coding == "gzip") && !body.is_empty() {
        let mut decoded = Vec::new();
        if flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut decoded).is_err() {
            return Seen::Refused(None);
        }
        body = decoded;
    }
    Seen::Complete(Message {
        status: response.status().as_u16(),
        is_1_0: response.version() == hyper::Version::HTTP_10,
        headers: grouped(headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))),
        body,
        reusable: reusable && matches!(sender.poll_ready(&mut cx), Poll::Ready(Ok(()))),
    })
}
