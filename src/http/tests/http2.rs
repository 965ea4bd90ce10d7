//! HTTP/2 over real sockets: against hyper's server, and against scripted ones that count writes or go away.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;

use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::rt::ReadBufCursor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::*;
use crate::plan::{HttpOptions, HttpVersion};

/// A client by prior knowledge, whose worker writes for it.
fn client() -> Client {
    client_with(Options::default())
}

fn client_with(options: Options) -> Client {
    let clock: Rc<dyn Clock> = Rc::new(TestClock { origin: Instant::now() });
    let shared = Shared::with_outbox();
    shared.configure(&HttpOptions { version: HttpVersion::Http2, ..HttpOptions::default() }).unwrap();
    tokio::task::spawn_local(Rc::clone(&shared).deliver(Rc::clone(&clock)));
    Client::new(clock, shared, options)
}

/// A socket as hyper wants it.
struct Wire(TcpStream);

impl hyper::rt::Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 16 << 10];
        let room = buf.remaining().min(bytes.len());
        let mut read = ReadBuf::new(&mut bytes[..room]);
        std::task::ready!(Pin::new(&mut self.0).poll_read(cx, &mut read))?;
        buf.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[derive(Clone)]
struct Local;

impl<F: Future + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move { drop(future.await) });
    }
}

/// A body in pieces of so many bytes, with trailers behind it if asked for.
struct Pieces {
    bytes: Bytes,
    piece: usize,
    trailers: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.bytes.is_empty() {
            let trailers = std::mem::take(&mut self.trailers).then(|| {
                let mut headers = hyper::HeaderMap::new();
                headers.insert("x-sum", hyper::header::HeaderValue::from_static("1"));
                Ok(Frame::trailers(headers))
            });
            return Poll::Ready(trailers);
        }
        let length = self.piece.min(self.bytes.len());
        Poll::Ready(Some(Ok(Frame::data(self.bytes.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty() && !self.trailers
    }
}

async fn read_all(mut body: Incoming) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Some(data) = frame.unwrap().data_ref() {
            bytes.extend_from_slice(data);
        }
    }
    bytes
}

/// hyper's server: answers with what it saw. `/N` answers with N bytes in pieces of 1000 and trailers.
async fn hypers_server(streams_max: u32) -> (SocketAddr, Rc<Cell<usize>>) {
    let connections = Rc::new(Cell::new(0));
    let count = Rc::clone(&connections);
    let address = server(move |_, stream| {
        count.set(count.get() + 1);
        async move {
            let service = hyper::service::service_fn(|request: hyper::Request<Incoming>| async move {
                let (parts, body) = request.into_parts();
                let body = read_all(body).await;
                let wanted: Option<usize> = parts.uri.path()[1..].parse().ok();
                let mut text = format!("{} {}\n", parts.method, parts.uri);
                for (name, value) in &parts.headers {
                    text.extend([name.as_str(), ": ", value.to_str().unwrap(), "\n"]);
                }
                let answer = match wanted {
                    Some(length) => Bytes::from(vec![b'z'; length]),
                    None => Bytes::from([text.as_bytes(), &body].concat()),
                };
                let pieces = Pieces { bytes: answer, piece: 1000, trailers: wanted.is_some() };
                let response = hyper::Response::builder()
                    .status(if parts.uri.path() == "/missing" { 404 } else { 200 })
                    .header("x-method", parts.method.as_str())
                    .header("x-two", "a")
                    .header("x-two", "b")
                    .body(pieces);
                Ok::<_, Infallible>(response.unwrap())
            });
            let mut builder = hyper::server::conn::http2::Builder::new(Local);
            builder.max_concurrent_streams(streams_max);
            let _ = builder.serve_connection(Wire(stream), service).await;
        }
    })
    .await;
    (address, connections)
}

fn at(address: SocketAddr, path: &str) -> Rc<Endpoint> {
    Rc::new(Endpoint::parse(None, &format!("http://{address}{path}")).unwrap())
}

/// Polls all of them as one task, as a batch of a user does.
async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, output) in &mut running {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(cx)
            {
                *output = Some(ready);
            }
        }
        if running.iter().all(|(_, output)| output.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().map(|(_, output)| output.expect("all are ready")).collect()
}

#[test]
fn hypers_server_sees_the_request_and_we_its_response() {
    run(async {
        let (address, connections) = hypers_server(100).await;
        let client = client();
        let large = vec![b'y'; 300_000];
        for (number, (method, path, headers, body)) in [
            (Method::Get, "/a?b=%20c", &[("X-Mine", "1"), ("Cookie", "a=b")][..], &b""[..]),
            (Method::Post, "/a", &[("user-agent", "me")], b"some text"),
            (Method::Put, "/missing", &[], &large),
            (Method::Delete, "/a", &[("Connection", "keep-alive"), ("Host", "other:1")], b""),
            (Method::Get, "/a?b=%20c", &[("X-Mine", "1"), ("Cookie", "a=b")], b""),
        ]
        .into_iter()
        .enumerate()
        {
            let endpoint = at(address, path);
            let request = Request { headers, body, ..Request::new(&method, &endpoint) };
            let exchange = client.send(&request).await;
            assert_books_balance(&exchange);
            assert_eq!(
                (exchange.reused, exchange.retried, exchange.remote),
                (number > 0, false, Some(address))
            );
            assert_eq!(exchange.timings.phases.connecting_ns > 0, number == 0);
            assert!(exchange.bytes_sent > body.len() as u64 && exchange.bytes_received > 9);
            let response = exchange.result.unwrap();
            assert_eq!(response.status(), if path == "/missing" { 404 } else { 200 });
            assert_eq!(response.protocol().as_str(), "HTTP/2.0");
            assert_eq!(response.header("X-Method").as_deref(), Some(method.as_str()));
            assert_eq!(response.header("x-two").as_deref(), Some("a, b"));
            let text = response.text();
            let authority = if method == Method::Delete { "other:1".to_owned() } else { address.to_string() };
            assert!(text.starts_with(&format!("{} http://{authority}{path}\n", method.as_str())), "{text}");
            assert!(text.as_bytes().ends_with(body));
            assert!(!text.contains("\nconnection:") && !text.contains("\nhost:"), "{text}");
            for (name, value) in headers.iter().filter(|(name, _)| !["Connection", "Host"].contains(name)) {
                assert!(text.contains(&format!("\n{}: {value}\n", name.to_lowercase())), "{name} in {text}");
            }
            assert_eq!(client.idle(), 1);
        }
        assert_eq!(connections.get(), 1);
    });
}

#[test]
fn bodies_of_any_size_come_whole_past_every_window() {
    run(async {
        let (address, _) = hypers_server(100).await;
        let client = client();
        for length in [0, 1, 999, 1000, 16_384, 65_535, 65_536, 7 << 20, 20 << 20] {
            let endpoint = at(address, &format!("/{length}"));
            let response = client.send(&Request::new(&Method::Get, &endpoint)).await.result.unwrap();
            assert_eq!(response.body().len(), length);
        }
        let endpoint = at(address, "/echo");
        let body: Vec<u8> = (0..5_000_000_u32).map(|number| number as u8).collect();
        let request = Request { body: &body, ..Request::new(&Method::Post, &endpoint) };
        let exchange = client.send(&request).await;
        assert_books_balance(&exchange);
        assert!(exchange.result.unwrap().body().ends_with(&body));
    });
}

#[test]
fn requests_at_once_share_one_connection_and_wait_for_streams() {
    run(async {
        for streams_max in [100, 3, 1] {
            let (address, connections) = hypers_server(streams_max).await;
            let client = client();
            let endpoints: Vec<_> =
                (0..40).map(|number| at(address, &format!("/{}", number * 500))).collect();
            // The first round learns how many streams are allowed; what was refused for a wrong guess goes again.
            for round in 0..3 {
                let exchanges = all(endpoints
                    .iter()
                    .map(|endpoint| async { client.send(&Request::new(&Method::Get, endpoint)).await }))
                .await;
                for (number, exchange) in exchanges.into_iter().enumerate() {
                    assert_books_balance(&exchange);
                    assert!(round == 0 || !exchange.retried);
                    assert_eq!(exchange.result.expect("a response").body().len(), number * 500);
                }
            }
            assert_eq!((connections.get(), client.idle()), (1, 1), "{streams_max}");
        }
    });
}

#[test]
fn tasks_of_their_own_do_not_lose_each_others_wakes() {
    run(async {
        let (address, connections) = hypers_server(4).await;
        let client = Rc::new(client());
        let tasks: Vec<_> = (0..20)
            .map(|task| {
                let client = Rc::clone(&client);
                tokio::task::spawn_local(async move {
                    for round in 0..20 {
                        let length = task * 100 + round;
                        let endpoint = at(address, &format!("/{length}"));
                        // Every third gives up at once or soon.
                        let request = Request::new(&Method::Get, &endpoint);
                        if task % 3 == 0 {
                            let _ = tokio::time::timeout(
                                Duration::from_micros(50 * round as u64),
                                client.send(&request),
                            )
                            .await;
                            continue;
                        }
                        let exchange = client.send(&request).await;
                        assert_eq!(exchange.result.expect("a response").body().len(), length);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(connections.get(), 1);
    });
}

/// Frames of a scripted server.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, (payload.len() >> 8) as u8, payload.len() as u8, kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

fn ok(stream: u32) -> Vec<u8> {
    frame(1, 5, stream, &[0x88])
}

/// Reads what is there, which is all of what was written in one go, and the streams that it opens.
async fn read_some(stream: &mut TcpStream) -> (usize, Vec<u32>) {
    let mut bytes = vec![0; 64 << 10];
    let length = stream.read(&mut bytes).await.unwrap_or(0);
    let mut rest = &bytes[..length];
    rest = rest.strip_prefix(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap_or(rest);
    let mut opened = Vec::new();
    while let [a, b, c, kind, _, s, t, u, v, ..] = *rest {
        if kind == 1 {
            opened.push(u32::from_be_bytes([s, t, u, v]));
        }
        rest = &rest[9 + u32::from_be_bytes([0, a, b, c]) as usize..];
    }
    (length, opened)
}

#[test]
fn a_batch_is_one_write() {
    run(async {
        let reads = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&reads);
        let address = server(move |_, mut stream| {
            let seen = Rc::clone(&seen);
            async move {
                stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
                loop {
                    let (length, opened) = read_some(&mut stream).await;
                    if length == 0 {
                        return;
                    }
                    // The acknowledgement of the settings comes when it comes.
                    if !opened.is_empty() {
                        seen.borrow_mut().push(opened.len());
                    }
                    let answers: Vec<u8> = opened.into_iter().flat_map(ok).collect();
                    stream.write_all(&answers).await.unwrap();
                }
            }
        })
        .await;
        let client = client();
        let endpoints: Vec<_> = (0..10).map(|number| at(address, &format!("/{number}"))).collect();
        client.send(&Request::new(&Method::Get, &endpoints[0])).await.result.unwrap();
        for _ in 0..5 {
            let exchanges = all(endpoints
                .iter()
                .map(|endpoint| async { client.send(&Request::new(&Method::Get, endpoint)).await }))
            .await;
            assert!(exchanges.iter().all(|exchange| exchange.status() == 200 && exchange.reused));
        }
        assert_eq!(*reads.borrow(), [1, 10, 10, 10, 10, 10]);
    });
}

#[test]
fn what_goaway_left_out_goes_again_over_a_new_connection_and_is_told() {
    run(async {
        let address = server(|number, mut stream| async move {
            stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
            let (_, opened) = read_some(&mut stream).await;
            if number == 0 {
                // It takes the first alone.
                stream.write_all(&frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0])).await.unwrap();
                stream.write_all(&ok(1)).await.unwrap();
            } else {
                for id in opened {
                    stream.write_all(&ok(id)).await.unwrap();
                }
            }
            read_some(&mut stream).await;
        })
        .await;
        let client = client();
        let endpoint = at(address, "/");
        let exchanges =
            all((0..3).map(|_| async { client.send(&Request::new(&Method::Post, &endpoint)).await })).await;
        let told: Vec<_> = exchanges.iter().map(|exchange| (exchange.status(), exchange.retried)).collect();
        assert_eq!(told, [(200, false), (200, true), (200, true)]);
        for exchange in &exchanges {
            assert_books_balance(exchange);
        }
    });
}

#[test]
fn a_second_goaway_is_a_failure() {
    run(async {
        let address = server(|_, mut stream| async move {
            stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
            read_some(&mut stream).await;
            stream.write_all(&frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11])).await.unwrap();
            read_some(&mut stream).await;
        })
        .await;
        let client = client();
        let endpoint = at(address, "/");
        let exchange = client.send(&Request::new(&Method::Get, &endpoint)).await;
        assert_books_balance(&exchange);
        assert_eq!((exchange.retried, exchange.error_code()), (true, 1622));
        assert_eq!(
            exchange.error().as_deref(),
            Some("the server closed the connection before it took the request (GOAWAY, ENHANCE_YOUR_CALM)")
        );
        assert_eq!(client.idle(), 0);
    });
}

#[test]
fn a_connection_closed_while_idle_costs_nothing_and_one_closed_by_a_request_is_retried() {
    run(async {
        for waits in [true, false] {
            let address = server(move |number, mut stream| async move {
                stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
                let (_, opened) = read_some(&mut stream).await;
                stream.write_all(&ok(opened[0])).await.unwrap();
                // The acknowledgement of the settings, then the next request.
                if number == 0 && !waits {
                    while read_some(&mut stream).await.1.is_empty() {}
                } else {
                    read_some(&mut stream).await;
                }
            })
            .await;
            let endpoint = at(address, "/");
            let client = client();
            client.send(&Request::new(&Method::Get, &endpoint)).await.result.unwrap();
            if waits {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            let exchange = client.send(&Request::new(&Method::Get, &endpoint)).await;
            assert_books_balance(&exchange);
            assert_eq!((exchange.status(), exchange.reused, exchange.retried), (200, false, !waits));
        }
    });
}

#[test]
fn what_must_not_be_sent_twice_is_a_stale_connection() {
    run(async {
        let address = server(|_, mut stream| async move {
            stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
            let (_, opened) = read_some(&mut stream).await;
            stream.write_all(&ok(opened[0])).await.unwrap();
            while read_some(&mut stream).await.1.is_empty() {}
        })
        .await;
        let endpoint = at(address, "/");
        let client = client();
        client.send(&Request::new(&Method::Get, &endpoint)).await.result.unwrap();
        let exchange = client.send(&Request::new(&Method::Post, &endpoint)).await;
        assert_eq!(exchange.result.unwrap_err(), Failure::StaleConnection);
    });
}

#[test]
fn a_silent_server_times_out_and_gets_no_second_request_on_that_connection() {
    run(async {
        let connections = Rc::new(Cell::new(0));
        let count = Rc::clone(&connections);
        let address = server(move |_, mut stream| {
            count.set(count.get() + 1);
            async move { while read_some(&mut stream).await.0 > 0 {} }
        })
        .await;
        let endpoint = at(address, "/");
        let client = client();
        for number in 1..3 {
            let request = Request { timeout_ns: 30_000_000, ..Request::new(&Method::Get, &endpoint) };
            let exchange = client.send(&request).await;
            assert_books_balance(&exchange);
            assert_eq!(exchange.error_code(), 1050);
            assert_eq!(exchange.error().as_deref(), Some("timed out after 30ms, waiting for the response"));
            assert_eq!(connections.get(), number);
        }
    });
}

#[test]
fn no_free_stream_is_time_blocked_and_named_when_time_is_up() {
    run(async {
        let address = server(|_, mut stream| async move {
            // No stream at all, after the first.
            stream.write_all(&frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 0])).await.unwrap();
            let (_, opened) = read_some(&mut stream).await;
            stream.write_all(&ok(opened[0])).await.unwrap();
            while read_some(&mut stream).await.0 > 0 {}
        })
        .await;
        let endpoint = at(address, "/");
        let client = client();
        client.send(&Request::new(&Method::Get, &endpoint)).await.result.unwrap();
        let request = Request { timeout_ns: 30_000_000, ..Request::new(&Method::Get, &endpoint) };
        let exchange = client.send(&request).await;
        assert_books_balance(&exchange);
        assert_eq!(exchange.error().as_deref(), Some("timed out after 30ms, waiting for a free stream"));
        assert_eq!(exchange.timings.phases.blocked_ns, exchange.timings.total_ns());
        assert_eq!(exchange.bytes_sent, 0);
    });
}

#[test]
fn a_server_of_http1_is_told_apart() {
    run(async {
        let address = server(|_, mut stream| async move {
            let mut bytes = [0; 1000];
            assert!(stream.read(&mut bytes).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        })
        .await;
        let endpoint = at(address, "/");
        let client = client();
        let exchange = client.send(&Request::new(&Method::Get, &endpoint)).await;
        assert_eq!(exchange.error_code(), 1600);
        assert!(exchange.error().unwrap().starts_with("the server does not speak HTTP/2 there"));
    });
}

#[test]
fn who_waits_for_a_connection_that_fails_fails_too() {
    run(async {
        // Bound and never listened on: refused.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let endpoint = at(address, "/");
        let client = client();
        let exchanges =
            all((0..5).map(|_| async { client.send(&Request::new(&Method::Get, &endpoint)).await })).await;
        for exchange in exchanges {
            assert_books_balance(&exchange);
            assert_eq!(exchange.error_code(), 1212);
        }
    });
}

#[test]
fn a_request_that_connects_and_is_dropped_leaves_the_next_to_connect() {
    run(async {
        let (address, connections) = hypers_server(10).await;
        let client = client();
        let endpoint = at(address, "/");
        let request = Request::new(&Method::Get, &endpoint);
        let mut first = Box::pin(client.send(&request));
        let second = client.send(&request);
        std::future::poll_fn(|cx| {
            assert!(first.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        let (exchange, ()) = tokio::join!(second, async move {
            tokio::task::yield_now().await;
            drop(first);
        });
        assert_eq!(exchange.status(), 200);
        assert!(connections.get() >= 1);
    });
}

#[test]
fn without_reuse_each_request_has_a_connection_of_its_own() {
    run(async {
        let (address, connections) = hypers_server(10).await;
        let client = client_with(Options { idle_max: 0, ..Options::default() });
        let endpoint = at(address, "/");
        for _ in 0..3 {
            let exchange = client.send(&Request::new(&Method::Get, &endpoint)).await;
            assert_eq!((exchange.status(), exchange.reused), (200, false));
        }
        assert_eq!((connections.get(), client.idle()), (3, 0));
    });
}

#[test]
fn a_close_that_was_asked_for_is_kept() {
    run(async {
        let (address, connections) = hypers_server(10).await;
        let client = client();
        let endpoint = at(address, "/");
        for _ in 0..2 {
            let request = Request { keep_alive: false, ..Request::new(&Method::Get, &endpoint) };
            assert_eq!(client.send(&request).await.status(), 200);
        }
        assert_eq!(connections.get(), 2);
    });
}
