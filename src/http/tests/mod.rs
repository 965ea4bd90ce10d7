//! The client against real sockets: a scripted server per test, on a port of its own.
//!
//! Here the servers, the clock and the client that all of these tests share.

mod connection;
mod difference;
mod failure;
mod framing;
#[expect(clippy::cast_possible_truncation, reason = "test data made of counters")]
mod http2;
mod mutation;
mod network;
mod phases;
mod random;
mod recorded;
mod recording;
mod seen;
mod tls;
mod upload;

use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep};

use super::*;

/// The engine's clock, played by tokio's.
struct TestClock {
    origin: Instant,
}

struct TestAlarm {
    origin: Instant,
    sleep: RefCell<Option<Pin<Box<Sleep>>>>,
}

impl Clock for TestClock {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap()
    }

    fn alarm(&self) -> Rc<dyn Alarm> {
        Rc::new(TestAlarm { origin: self.origin, sleep: RefCell::new(None) })
    }
}

impl Alarm for TestAlarm {
    fn set(&self, at_ns: u64) {
        let at = self.origin + Duration::from_nanos(at_ns);
        *self.sleep.borrow_mut() = Some(Box::pin(tokio::time::sleep_until(at)));
    }

    fn clear(&self) {
        *self.sleep.borrow_mut() = None;
    }

    fn poll_due(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.borrow_mut().as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx))
    }
}

fn run<F: Future>(test: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test)
}

fn client() -> Client {
    Client::new(Rc::new(TestClock { origin: Instant::now() }), Shared::new(), Options::default())
}

/// A server that runs `serve` on each connection, with its number from 0.
async fn server<F>(serve: impl Fn(usize, TcpStream) -> F + 'static) -> SocketAddr
where
    F: Future<Output = ()> + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::task::spawn_local(serve(number, stream));
        }
    });
    address
}

/// Reads one request, head and body; `None` at the connection's end.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

fn endpoint(address: SocketAddr) -> Rc<Endpoint> {
    Rc::new(Endpoint::parse(None, &format!("http://{address}/x")).unwrap())
}

/// A server that answers every request on every connection with these bytes.
async fn answering(response: &'static [u8]) -> Rc<Endpoint> {
    let address = server(move |_, mut stream| async move {
        while read_request(&mut stream).await.is_some() {
            stream.write_all(response).await.unwrap();
        }
    });
    endpoint(address.await)
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[track_caller]
fn assert_books_balance(exchange: &Exchange) {
    let timings = exchange.timings;
    let phases = timings.phases;
    let before_ns = phases.blocked_ns + phases.dns_ns + phases.connecting_ns + phases.tls_ns;
    assert_eq!(before_ns + phases.duration_ns(), timings.total_ns(), "{timings:?}");
}
