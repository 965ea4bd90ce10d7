//! The client against real sockets: a scripted server per test, on a port of its own.

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
    let phases = timings.blocked_ns + timings.dns_ns + timings.connecting_ns + timings.tls_ns;
    assert_eq!(phases + timings.duration_ns(), timings.total_ns(), "{timings:?}");
}

#[test]
fn keeps_a_connection_alive() {
    run(async {
        let endpoint = answering(OK).await;
        let mut client = client();
        for number in 0..3 {
            let exchange = client.send(&Request::new(&Method::Get, &endpoint)).await;
            assert_books_balance(&exchange);
            assert_eq!(exchange.reused, number > 0);
            assert_eq!(exchange.timings.connecting_ns == 0, number > 0);
            assert_eq!((exchange.timings.dns_ns, exchange.timings.receiving_ns), (0, 0));
            assert!(exchange.timings.waiting_ns > 0 && exchange.timings.sending_ns > 0);
            assert_eq!(exchange.bytes_received, OK.len() as u64);
            assert!(exchange.bytes_sent > 40);
            assert_eq!((exchange.status(), exchange.error_code(), exchange.error()), (200, 0, None));
            assert_eq!(exchange.result.unwrap().text(), "hello");
            assert_eq!(client.idle(), 1);
        }
    });
}

#[test]
fn sends_what_was_asked() {
    run(async {
        // The server echoes the request it read.
        let address = server(|_, mut stream| async move {
            while let Some(request) = read_request(&mut stream).await {
                let response =
                    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{request}", request.len());
                stream.write_all(response.as_bytes()).await.unwrap();
            }
        })
        .await;
        let endpoint = endpoint(address);
        let mut client = client();
        // Small bodies go with the head, large ones behind it; a large request fills the socket's buffer.
        for size in [0, 10, 16 << 10, (16 << 10) + 1, 9 << 20] {
            let body = vec![b'x'; size];
            for method in [Method::Get, Method::Post] {
                let headers = [("X-Size", "any")];
                let request = Request { headers: &headers, body: &body, ..Request::new(&method, &endpoint) };
                let exchange = client.send(&request).await;
                assert_books_balance(&exchange);
                let sent = exchange.bytes_sent;
                let text = exchange.result.unwrap().text().into_owned();
                assert_eq!(text.len() as u64, sent);
                assert!(
                    text.starts_with(&format!(
                        "{method} /x HTTP/1.1\r\nHost: {address}\r\nUser-Agent: runner/"
                    ))
                );
                assert!(text.contains("\r\nX-Size: any\r\n"));
                assert!(text.as_bytes().ends_with(&body));
            }
        }
        assert_eq!(client.idle(), 1);
        let closing = Request { keep_alive: false, ..Request::new(&Method::Get, &endpoint) };
        assert!(client.send(&closing).await.result.unwrap().text().contains("\r\nConnection: close\r\n"));
        assert_eq!(client.idle(), 0);
    });
}

#[test]
fn a_refused_header_reaches_no_socket() {
    run(async {
        let endpoint = dead_endpoint();
        let headers = [("X", "a\r\nInjected: b")];
        let exchange =
            client().send(&Request { headers: &headers, ..Request::new(&Method::Get, &endpoint) }).await;
        assert_books_balance(&exchange);
        assert_eq!((exchange.bytes_sent, exchange.remote), (0, None));
        assert_eq!(
            exchange.result.unwrap_err().to_string(),
            "request header \"X\" has a value with a line break or another control character"
        );
    });
}

/// Where nobody listens.
fn dead_endpoint() -> Rc<Endpoint> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    endpoint(listener.local_addr().unwrap())
}

#[test]
fn a_refused_connection_is_told() {
    run(async {
        let endpoint = dead_endpoint();
        let exchange = client().send(&Request::new(&Method::Get, &endpoint)).await;
        assert_books_balance(&exchange);
        assert!(exchange.timings.connecting_ns > 0);
        assert_eq!((exchange.status(), exchange.error_code(), exchange.timings.duration_ns()), (0, 1212, 0));
        assert!(exchange.error().unwrap().starts_with("connection refused by 127.0.0.1:"));
        assert!(!exchange.result.unwrap_err().is_generator_fault());
    });
}

#[test]
fn statuses_from_400_are_errors_with_a_response() {
    run(async {
        let endpoint = answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
        let exchange = client().send(&Request::new(&Method::Get, &endpoint)).await;
        assert_eq!((exchange.status(), exchange.error_code()), (404, 1404));
        assert_eq!(exchange.error().unwrap(), "the server answered with status 404");
        assert_eq!(exchange.result.unwrap().reason(), "Not Found");
    });
}

#[test]
fn resolves_a_name_once_and_remembers_what_worked() {
    run(async {
        let address = server(|_, mut stream| async move {
            while read_request(&mut stream).await.is_some() {
                stream.write_all(OK).await.unwrap();
            }
        })
        .await;
        let url = format!("http://localhost:{}/x", address.port());
        let endpoint = Rc::new(Endpoint::parse(None, &url).unwrap());
        let clock: Rc<dyn Clock> = Rc::new(TestClock { origin: Instant::now() });
        let shared = Shared::new();
        let mut client = Client::new(Rc::clone(&clock), Rc::clone(&shared), Options::default());
        let first = client.send(&Request::new(&Method::Get, &endpoint)).await;
        assert_books_balance(&first);
        assert!(first.timings.dns_ns > 0);
        assert_eq!(first.remote, Some(address));
        assert_eq!(first.status(), 200);
        let again = client.send(&Request::new(&Method::Get, &endpoint)).await;
        assert_eq!((again.reused, again.timings.dns_ns), (true, 0));
        // Another client of the worker asks no resolver: the look-up does not even suspend.
        let mut other = Client::new(clock, shared, Options::default());
        let exchange = other.send(&Request::new(&Method::Get, &endpoint)).await;
        assert_eq!((exchange.status(), exchange.remote), (200, Some(address)));
        assert!(exchange.timings.dns_ns < first.timings.dns_ns);
    });
}

#[test]
fn a_close_seen_while_idle_costs_nothing() {
    run(async {
        let address = server(|_, mut stream| async move {
            read_request(&mut stream).await;
            stream.write_all(OK).await.unwrap();
        })
        .await;
        let endpoint = endpoint(address);
        let mut client = client();
        for _ in 0..2 {
            // The server closes after each answer; by the next request the reactor has seen it.
            let exchange = client.send(&Request::new(&Method::Post, &endpoint)).await;
            assert_eq!((exchange.status(), exchange.reused, exchange.retried), (200, false, false));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn what_came_while_idle_is_no_answer() {
    run(async {
        let address = server(|number, mut stream| async move {
            read_request(&mut stream).await;
            stream.write_all(OK).await.unwrap();
            if number == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
                stream.write_all(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            }
            read_request(&mut stream).await;
        })
        .await;
        let endpoint = endpoint(address);
        let mut client = client();
        client.send(&Request::new(&Method::Get, &endpoint)).await.result.unwrap();
        tokio::time::sleep(Duration::from_millis(40)).await;
        let exchange = client.send(&Request::new(&Method::Get, &endpoint)).await;
        assert_eq!((exchange.status(), exchange.reused), (200, false));
    });
}

/// Answers the first request of a connection, and closes it on reading the second.
async fn closing_on_the_second() -> Rc<Endpoint> {
    let address = server(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(OK).await.unwrap();
        read_request(&mut stream).await;
    });
    endpoint(address.await)
}

#[test]
fn a_stale_connection_is_retried_once_and_told() {
    run(async {
        let endpoint = closing_on_the_second().await;
        let mut client = client();
        let first = client.send(&Request::new(&Method::Get, &endpoint)).await;
        let second = client.send(&Request::new(&Method::Get, &endpoint)).await;
        assert_books_balance(&second);
        assert_eq!((second.status(), second.reused, second.retried), (200, false, true));
        assert!(second.timings.blocked_ns > 0 && second.timings.connecting_ns > 0);
        assert_eq!(second.bytes_sent, 2 * first.bytes_sent);
    });
}

#[test]
fn a_stale_connection_fails_what_must_not_be_sent_twice() {
    run(async {
        let endpoint = closing_on_the_second().await;
        let mut client = client();
        client.send(&Request::new(&Method::Get, &endpoint)).await.result.unwrap();
        let exchange = client.send(&Request::new(&Method::Post, &endpoint)).await;
        assert_books_balance(&exchange);
        assert_eq!((exchange.reused, exchange.retried, exchange.error_code()), (true, false, 1220));
        assert_eq!(exchange.result.unwrap_err(), Failure::StaleConnection);
        assert_eq!(client.idle(), 0);
    });
}

#[test]
fn a_new_connection_closed_without_an_answer_is_not_retried() {
    run(async {
        let address = server(|number, mut stream| async move {
            assert_eq!(number, 0, "a second connection");
            read_request(&mut stream).await;
        })
        .await;
        let exchange = client().send(&Request::new(&Method::Get, &endpoint(address))).await;
        assert!(!exchange.retried);
        assert_eq!(exchange.result.unwrap_err(), Failure::NoResponse);
    });
}

#[test]
fn a_reset_is_told_with_its_phase() {
    run(async {
        let address = server(|number, mut stream| async move {
            read_request(&mut stream).await;
            if number == 1 {
                stream.write_all(&OK[..20]).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            stream.set_zero_linger().unwrap();
        })
        .await;
        for phase in [Phase::Waiting, Phase::Receiving] {
            let exchange = client().send(&Request::new(&Method::Get, &endpoint(address))).await;
            assert_books_balance(&exchange);
            assert_eq!(exchange.result.unwrap_err(), Failure::Reset { phase });
            // The server counts connections, so each client's is the next.
        }
    });
}

#[test]
fn an_early_answer_is_read_while_the_body_is_being_sent() {
    run(async {
        let address = server(|_, mut stream| async move {
            let mut some = [0; 1000];
            stream.read_exact(&mut some).await.unwrap();
            stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
            // Never reads on: the client would wait for ever if it wanted to send all first.
            std::future::pending::<()>().await;
        })
        .await;
        let body = vec![0; 32 << 20];
        let mut client = client();
        let exchange =
            client.send(&Request { body: &body, ..Request::new(&Method::Post, &endpoint(address)) }).await;
        assert_books_balance(&exchange);
        assert!(exchange.bytes_sent < body.len() as u64);
        assert_eq!((exchange.timings.waiting_ns, client.idle()), (0, 0));
        assert_eq!(exchange.result.unwrap().text(), "no");
    });
}

#[test]
fn a_time_out_tells_what_it_cut() {
    run(async {
        // Says nothing, or begins to answer, or does not even read.
        for (serve, size, phase) in
            [("read", 0, Phase::Waiting), ("answer", 0, Phase::Receiving), ("", 64 << 20, Phase::Sending)]
        {
            let address = server(move |_, mut stream| async move {
                if !serve.is_empty() {
                    read_request(&mut stream).await;
                }
                if serve == "answer" {
                    stream.write_all(&OK[..OK.len() - 1]).await.unwrap();
                }
                std::future::pending::<()>().await;
            })
            .await;
            let body = vec![0; size];
            let mut client = client();
            let endpoint = endpoint(address);
            let request =
                Request { body: &body, timeout_ns: 50_000_000, ..Request::new(&Method::Post, &endpoint) };
            let exchange = client.send(&request).await;
            assert_books_balance(&exchange);
            assert_eq!((exchange.error_code(), client.idle()), (1050, 0));
            assert!(exchange.timings.total_ns() >= request.timeout_ns);
            let limit = Duration::from_millis(50);
            assert_eq!(exchange.result.unwrap_err(), Failure::Timeout { phase, limit });
        }
    });
}

#[test]
fn connecting_has_a_time_out_of_its_own() {
    run(async {
        // A listener that never accepts: past its queue the kernel drops what knocks.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let knocking: Vec<_> =
            (0..8).map(|_| tokio::task::spawn_local(TcpStream::connect(address))).collect();
        tokio::time::sleep(Duration::from_millis(50)).await;

        let endpoint = endpoint(address);
        let request = Request { connect_timeout_ns: 50_000_000, ..Request::new(&Method::Get, &endpoint) };
        let exchange = client().send(&request).await;
        assert_books_balance(&exchange);
        assert_eq!((exchange.error_code(), exchange.timings.duration_ns()), (1211, 0));
        let limit = Duration::from_millis(50);
        assert_eq!(exchange.result.unwrap_err(), Failure::ConnectTimeout { phase: Phase::Connecting, limit });

        let request = Request { timeout_ns: 50_000_000, ..request };
        let exchange = client().send(&Request { connect_timeout_ns: 60_000_000, ..request }).await;
        assert_eq!(exchange.result.unwrap_err(), Failure::Timeout { phase: Phase::Connecting, limit });
        drop(knocking);
    });
}

#[test]
fn a_response_in_pieces_is_received_over_time() {
    run(async {
        let address = server(|_, mut stream| async move {
            while read_request(&mut stream).await.is_some() {
                for byte in OK.chunks(1) {
                    stream.write_all(byte).await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
        })
        .await;
        let endpoint = endpoint(address);
        let mut client = client();
        for _ in 0..2 {
            let exchange = client.send(&Request::new(&Method::Get, &endpoint)).await;
            assert_books_balance(&exchange);
            assert!(exchange.timings.receiving_ns > 0);
            assert_eq!(exchange.bytes_received, OK.len() as u64);
            assert_eq!(exchange.result.unwrap().text(), "hello");
        }
        assert_eq!(client.idle(), 1);
    });
}

#[test]
fn bodies_end_with_the_connection_or_the_cap() {
    run(async {
        let address = server(|_, mut stream| async move {
            read_request(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await;
            let _ = stream.write_all(&vec![b'x'; 1 << 20]).await;
        })
        .await;
        let endpoint = endpoint(address);
        let mut client = client();
        let exchange = client.send(&Request::new(&Method::Get, &endpoint)).await;
        let response = exchange.result.unwrap();
        assert_eq!((response.protocol().as_str(), response.body().len()), ("HTTP/1.0", 1 << 20));
        let capped = Request { body_max_bytes: 1000, ..Request::new(&Method::Get, &endpoint) };
        let exchange = client.send(&capped).await;
        assert_books_balance(&exchange);
        assert_eq!(exchange.result.unwrap_err(), Failure::BodyTooLarge { max_bytes: 1000 });
        assert_eq!(client.idle(), 0);
    });
}

#[test]
fn a_malformed_or_longer_answer_ends_the_connection() {
    run(async {
        for (answer, failure) in [
            (&b"220 mail ESMTP\r\n"[..], Some(Failure::NotHttp)),
            (b"HTTP/1.1 200 OK\r\nA\r\n\r\n", Some(Failure::ResponseHeader)),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK", None),
            (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", None),
        ] {
            let endpoint = answering(answer).await;
            let mut client = client();
            let exchange = client.send(&Request::new(&Method::Get, &endpoint)).await;
            assert_books_balance(&exchange);
            assert_eq!(exchange.result.err(), failure);
            assert_eq!(client.idle(), 0);
        }
    });
}

#[test]
fn idle_connections_are_bounded() {
    run(async {
        let mut client = Client::new(
            Rc::new(TestClock { origin: Instant::now() }),
            Shared::new(),
            Options { idle_max: 2, ..Options::default() },
        );
        let mut endpoints = Vec::new();
        for _ in 0..4 {
            endpoints.push(answering(OK).await);
            client.send(&Request::new(&Method::Get, endpoints.last().unwrap())).await.result.unwrap();
        }
        assert_eq!(client.idle(), 2);
        // The two used last are the ones kept.
        for (number, endpoint) in endpoints.iter().enumerate().rev().take(3) {
            let exchange = client.send(&Request::new(&Method::Get, endpoint)).await;
            assert_eq!(exchange.reused, number >= 2);
        }
        client.close_idle();
        assert_eq!(client.idle(), 0);
    });
}

#[test]
fn clients_that_share_buffers_do_not_mix_them_up() {
    run(async {
        // Answers with the request's body, in two pieces with a pause between.
        let address = server(|_, mut stream| async move {
            while let Some(request) = read_request(&mut stream).await {
                let body = request.split_once("\r\n\r\n").unwrap().1;
                let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                let (first, second) = response.split_at(response.len() / 2);
                stream.write_all(first.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
                stream.write_all(second.as_bytes()).await.unwrap();
            }
        })
        .await;
        let clock: Rc<dyn Clock> = Rc::new(TestClock { origin: Instant::now() });
        let shared = Shared::new();
        let users: Vec<_> = (0..50)
            .map(|user| {
                let mut client = Client::new(Rc::clone(&clock), Rc::clone(&shared), Options::default());
                let endpoint = endpoint(address);
                tokio::task::spawn_local(async move {
                    for round in 0..20 {
                        let body = format!("user {user} round {round} ").repeat(1 + user * 50);
                        let request =
                            Request { body: body.as_bytes(), ..Request::new(&Method::Post, &endpoint) };
                        assert_eq!(client.send(&request).await.result.unwrap().text(), body);
                    }
                })
            })
            .collect();
        for user in users {
            user.await.unwrap();
        }
    });
}

#[test]
fn dropping_a_request_closes_its_connection() {
    run(async {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let sender = Rc::new(RefCell::new(Some(sender)));
        let address = server(move |_, mut stream| {
            let sender = sender.borrow_mut().take().unwrap();
            async move {
                read_request(&mut stream).await;
                // The next read sees the end of the connection.
                sender.send(read_request(&mut stream).await).unwrap();
            }
        })
        .await;
        let endpoint = endpoint(address);
        let mut client = client();
        let request = Request::new(&Method::Get, &endpoint);
        let cut = tokio::time::timeout(Duration::from_millis(30), client.send(&request)).await;
        assert!(cut.is_err());
        assert_eq!(receiver.await.unwrap(), None);
        assert_eq!(client.idle(), 0);
    });
}
