//! Requests that are composed and wait to be written, all of a worker's in one go.
//!
//! Written one by one between flows, each request finds the server asleep and wakes it, which is the
//! dearest part of a loopback send; written together, the server is busy with the first when the others
//! come. And no user has to be resumed for it: the next time it runs, its response is there.
//!
//! | slip      | event                               | next      |
//! |-----------|-------------------------------------|-----------|
//! | `Empty`   | a transfer posts its request        | `Posted`  |
//! | `Posted`  | the worker writes all of it         | `Written` |
//! | `Posted`  | the socket takes a part, or none    | `Stuck`   |
//! | `Posted`  | the write fails                     | `Failed`  |
//! | the rest  | the transfer collects it            | `Empty`   |

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::clock::Clock;
use super::h2::Session;
use super::stream::Stream;

/// Requests that wait to be written together. What the kernel keeps of so many sockets is still in the core's
/// cache from their reads; of thousands it isn't (10,000 users: a fifth of a request's cost).
const POSTED_MAX: usize = 256;

/// An open socket and what is to be written to it.
#[derive(Debug)]
pub(super) struct Socket {
    pub(super) stream: Stream,
    slip: RefCell<Slip>,
}

#[derive(Debug, Default)]
struct Slip {
    state: State,
    /// Woken when the transfer has to go on by itself.
    waker: Option<Waker>,
}

/// What became of a posted request.
#[derive(Debug, Default)]
pub(super) enum State {
    #[default]
    Empty,
    /// It waits for its turn.
    Posted,
    /// All of it went out, in this time.
    Written {
        begin_ns: u64,
        end_ns: u64,
        length: usize,
    },
    /// The socket's buffer is full after so many bytes of these.
    Stuck {
        begin_ns: u64,
        sent: usize,
        bytes: Vec<u8>,
    },
    Failed(io::Error),
}

impl Socket {
    pub(super) fn new(stream: impl Into<Stream>) -> Rc<Self> {
        Rc::new(Self { stream: stream.into(), slip: RefCell::default() })
    }

    /// What became of the posted request; it stays posted until it had its turn.
    pub(super) fn collect(&self) -> Option<State> {
        let mut slip = self.slip.borrow_mut();
        if matches!(slip.state, State::Posted) {
            return None;
        }
        Some(std::mem::take(&mut slip.state))
    }

    /// Reads what is there.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.stream.poll_read(cx, buffer)
    }

    /// Writes as much as the socket takes.
    pub(super) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream.poll_write(cx, slices)
    }
}

/// Requests in one piece: a buffer of its own would be one more that is cold, for each connection.
#[derive(Debug, Default)]
struct Posted {
    bytes: Vec<u8>,
    /// Each with the end of its bytes.
    list: Vec<(Rc<Socket>, usize)>,
}

/// The posted requests of one worker.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    posted: RefCell<Posted>,
    /// HTTP/2 connections with requests of their own to write: all of a batch in one go.
    sessions: RefCell<Vec<Rc<Session>>>,
    /// Of the task that writes.
    waker: RefCell<Option<Waker>>,
}

impl Outbox {
    /// Posts a request that `compose` writes down. `cx` is woken only if it can't be written in one go.
    pub(super) fn post(
        &self,
        socket: &Rc<Socket>,
        cx: &Context<'_>,
        clock: &dyn Clock,
        compose: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut slip = socket.slip.borrow_mut();
        slip.state = State::Posted;
        if slip.waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            slip.waker = Some(cx.waker().clone());
        }
        let mut posted = self.posted.borrow_mut();
        compose(&mut posted.bytes);
        let end = posted.bytes.len();
        posted.list.push((Rc::clone(socket), end));
        if posted.list.len() == 1
            && let Some(waker) = &*self.waker.borrow()
        {
            waker.wake_by_ref();
        }
        if posted.list.len() >= POSTED_MAX {
            drop((slip, posted));
            self.write_all(clock);
        }
    }

    /// Posts what a session has queued.
    pub(super) fn post_session(&self, session: &Rc<Session>) {
        let mut sessions = self.sessions.borrow_mut();
        sessions.push(Rc::clone(session));
        if sessions.len() == 1
            && let Some(waker) = &*self.waker.borrow()
        {
            waker.wake_by_ref();
        }
    }

    /// Writes what is posted, for as long as it is polled.
    pub(super) async fn deliver(&self, clock: &dyn Clock) {
        poll_fn(|cx| {
            let mut waker = self.waker.borrow_mut();
            if waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
            drop(waker);
            self.write_all(clock);
            self.write_sessions(clock);
            Poll::<()>::Pending
        })
        .await;
    }

    fn write_sessions(&self, clock: &dyn Clock) {
        for session in self.sessions.borrow_mut().drain(..) {
            session.deliver(clock);
        }
    }

    fn write_all(&self, clock: &dyn Clock) {
        let mut posted = self.posted.borrow_mut();
        let Posted { bytes, list } = &mut *posted;
        if list.is_empty() {
            return;
        }
        let mut begin_ns = clock.now_ns();
        let mut start = 0;
        for (socket, end) in list.drain(..) {
            let request = &bytes[std::mem::replace(&mut start, end)..end];
            // Whose transfer is gone waits for no answer.
            if Rc::strong_count(&socket) == 1 {
                continue;
            }
            let outcome = socket.stream.try_write(request);
            let end_ns = clock.now_ns();
            let mut slip = socket.slip.borrow_mut();
            slip.state = match outcome {
                Ok(length) if length == request.len() => State::Written { begin_ns, end_ns, length },
                Ok(sent) => State::Stuck { begin_ns, sent, bytes: request.to_vec() },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    State::Stuck { begin_ns, sent: 0, bytes: request.to_vec() }
                }
                Err(error) => State::Failed(error),
            };
            if (!matches!(slip.state, State::Written { .. }) || socket.stream.answers_at_once())
                && let Some(waker) = &slip.waker
            {
                waker.wake_by_ref();
            }
            begin_ns = end_ns;
        }
        bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::net::TcpStream;

    use super::*;

    struct Seconds(std::cell::Cell<u64>);

    impl Clock for Seconds {
        fn now_ns(&self) -> u64 {
            self.0.set(self.0.get() + 1);
            self.0.get()
        }

        fn alarm(&self) -> Rc<dyn super::super::Alarm> {
            unreachable!("nothing here waits")
        }
    }

    /// A connected socket and its other end.
    async fn pair() -> (Rc<Socket>, TcpStream) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        near.writable().await.unwrap();
        (Socket::new(near), listener.accept().await.unwrap().0)
    }

    fn run<F: Future>(test: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
    }

    #[test]
    fn what_is_posted_is_written_in_order_and_collected_once() {
        run(async {
            let (outbox, clock) = (Outbox::default(), Seconds(0.into()));
            let (a, mut a_end) = pair().await;
            let (b, _b_end) = pair().await;
            let context = Context::from_waker(Waker::noop());
            outbox.post(&a, &context, &clock, |bytes| bytes.extend_from_slice(b"first"));
            outbox.post(&b, &context, &clock, |bytes| bytes.extend_from_slice(b"second"));
            assert!(a.collect().is_none(), "it waits for its turn");
            outbox.write_all(&clock);
            assert!(matches!(a.collect(), Some(State::Written { begin_ns: 1, end_ns: 2, length: 5 })));
            assert!(matches!(b.collect(), Some(State::Written { begin_ns: 2, end_ns: 3, length: 6 })));
            assert!(matches!(a.collect(), Some(State::Empty)));
            let mut read = [0; 5];
            tokio::io::AsyncReadExt::read_exact(&mut a_end, &mut read).await.unwrap();
            assert_eq!(&read, b"first");
        });
    }

    #[test]
    fn a_full_socket_leaves_the_request_to_its_transfer() {
        run(async {
            let (outbox, clock) = (Outbox::default(), Seconds(0.into()));
            let (socket, _end) = pair().await;
            while socket.stream.try_write(&vec![0; 64 << 10]).is_ok() {}
            outbox.post(&socket, &Context::from_waker(Waker::noop()), &clock, |bytes| {
                bytes.extend_from_slice(b"head body");
            });
            outbox.write_all(&clock);
            let Some(State::Stuck { sent: 0, bytes, .. }) = socket.collect() else {
                panic!("it was written")
            };
            assert_eq!(bytes, b"head body");
        });
    }

    #[test]
    fn a_request_that_nobody_waits_for_is_not_written() {
        run(async {
            let (outbox, clock) = (Outbox::default(), Seconds(0.into()));
            let (socket, mut end) = pair().await;
            outbox.post(&socket, &Context::from_waker(Waker::noop()), &clock, |bytes| {
                bytes.extend_from_slice(b"late");
            });
            drop(socket);
            outbox.write_all(&clock);
            let mut read = Vec::new();
            tokio::io::AsyncReadExt::read_to_end(&mut end, &mut read).await.unwrap();
            assert!(read.is_empty());
        });
    }
}
