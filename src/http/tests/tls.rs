//! The client over TLS, against a server session of rustls on a real socket.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::pki_types::PrivateKeyDer;
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::plan::{HttpOptions, TlsVersion};

type Tls = StreamOwned<ServerConnection, std::net::TcpStream>;

/// A server on a thread of its own per connection, its URL and its certificate.
struct Secure {
    endpoint: Rc<Endpoint>,
    options: HttpOptions,
    connections: Arc<AtomicUsize>,
}

/// Runs `serve` on each connection that sends anything, with its number from 0.
fn secure(serve: impl Fn(usize, &mut Tls) -> std::io::Result<()> + Send + Sync + 'static) -> Secure {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let (config, serve) = (Arc::new(config), Arc::new(serve));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let number = count.fetch_add(1, Ordering::Relaxed);
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let serve = Arc::clone(&serve);
            // What goes wrong here shows at the client.
            std::thread::spawn(move || serve(number, &mut StreamOwned::new(connection, stream)));
        }
    });
    let mut options = HttpOptions::default();
    options.tls.roots = vec![certificate.pem()];
    let endpoint = Rc::new(Endpoint::parse(None, &format!("https://{address}/x")).unwrap());
    Secure { endpoint, options, connections }
}

/// Reads one request, head and body; its body's length, or nothing at the connection's end.
fn read(stream: &mut Tls) -> std::io::Result<Option<usize>> {
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let length = length.map_or(0, |length| length.parse().unwrap());
            let mut seen = bytes.len() - end - 4;
            while seen < length {
                match stream.read(&mut chunk)? {
                    0 => return Ok(None),
                    more => seen += more,
                }
            }
            return Ok(Some(length));
        }
        match stream.read(&mut chunk)? {
            0 => return Ok(None),
            more => bytes.extend_from_slice(&chunk[..more]),
        }
    }
}

fn answer_all(_: usize, stream: &mut Tls) -> std::io::Result<()> {
    while read(stream)?.is_some() {
        stream.write_all(OK)?;
    }
    stream.conn.send_close_notify();
    stream.flush()
}

/// A client that trusts the server; its requests are written by itself or, as in a run, all together.
fn trusting(server: &Secure, has_outbox: bool) -> Client {
    let clock: Rc<dyn Clock> = Rc::new(TestClock { origin: Instant::now() });
    let shared = if has_outbox { Shared::with_outbox() } else { Shared::new() };
    shared.configure(&server.options).unwrap();
    if has_outbox {
        tokio::task::spawn_local(Rc::clone(&shared).deliver(Rc::clone(&clock)));
    }
    Client::new(clock, shared, Options::default())
}

#[test]
fn keeps_a_connection_alive_over_tls() {
    run(async {
        for has_outbox in [false, true] {
            let server = secure(answer_all);
            let client = trusting(&server, has_outbox);
            for number in 0..5 {
                let exchange = client.send(&Request::new(&Method::Get, &server.endpoint)).await;
                assert_books_balance(&exchange);
                assert_eq!(exchange.error(), None);
                assert_eq!((exchange.status(), exchange.reused), (200, number > 0));
                let phases = exchange.timings.phases;
                assert_eq!((phases.tls_ns == 0, phases.connecting_ns == 0), (number > 0, number > 0));
                let agreed = exchange.tls.expect("TLS was spoken");
                assert_eq!((agreed.version, agreed.version()), (TlsVersion::Tls13, "tls1.3"));
                assert!(agreed.cipher_suite.starts_with("TLS_AES_"), "{agreed:?}");
                // HTTP's bytes, as everywhere; TLS's own are not counted.
                assert_eq!(exchange.bytes_received, OK.len() as u64);
                assert_eq!(exchange.result.unwrap().text(), "hello");
                // Tickets come now: the connection stays usable all the same.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!((client.idle(), server.connections.load(Ordering::Relaxed)), (1, 1));
        }
    });
}

#[test]
fn large_bodies_go_both_ways_over_tls() {
    run(async {
        for has_outbox in [false, true] {
            let server = secure(|_, stream| {
                while let Some(length) = read(stream)? {
                    let body: Vec<u8> = (0..length).map(|at| at.to_le_bytes()[at % 3]).collect();
                    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")?;
                    stream.write_all(&body)?;
                }
                Ok(())
            });
            let client = trusting(&server, has_outbox);
            for length in [1_usize, 1000, 15_000, 17_000, 70_000, 8 << 20] {
                let body: Vec<u8> = (0..length).map(|at| at.to_le_bytes()[at % 3]).collect();
                let request = Request { body: &body, ..Request::new(&Method::Post, &server.endpoint) };
                let exchange = client.send(&request).await;
                assert_books_balance(&exchange);
                assert_eq!(exchange.error(), None, "{length}");
                assert!(exchange.bytes_sent > length as u64 && exchange.bytes_received > length as u64);
                assert!(exchange.result.unwrap().body() == body, "{length}");
            }
            assert_eq!(server.connections.load(Ordering::Relaxed), 1);
        }
    });
}

/// Answers without a length, then ends the connection with or without a word.
fn endless(says_goodbye: bool) -> Secure {
    secure(move |_, stream| {
        read(stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello")?;
        if says_goodbye {
            stream.conn.send_close_notify();
        }
        stream.flush()
    })
}

#[test]
fn an_end_without_a_word_cuts_a_body_that_only_an_end_ends() {
    run(async {
        let server = endless(true);
        let whole = trusting(&server, true).send(&Request::new(&Method::Get, &server.endpoint)).await;
        assert_eq!(whole.result.unwrap().text(), "hello");
        let server = endless(false);
        let cut = trusting(&server, true).send(&Request::new(&Method::Get, &server.endpoint)).await;
        assert_books_balance(&cut);
        assert_eq!(cut.result.unwrap_err(), Failure::TruncatedBody);
    });
}

#[test]
fn a_stale_connection_is_retried_over_tls_too() {
    run(async {
        for says_goodbye in [true, false] {
            let server = secure(move |_, stream| {
                read(stream)?;
                stream.write_all(OK)?;
                read(stream)?;
                if says_goodbye {
                    stream.conn.send_close_notify();
                }
                stream.flush()
            });
            let client = trusting(&server, true);
            client.send(&Request::new(&Method::Get, &server.endpoint)).await.result.unwrap();
            let second = client.send(&Request::new(&Method::Get, &server.endpoint)).await;
            assert_books_balance(&second);
            assert_eq!((second.status(), second.reused, second.retried), (200, false, true));
            assert!(second.timings.phases.tls_ns > 0);
        }
    });
}

#[test]
fn a_close_seen_while_idle_costs_nothing_over_tls() {
    run(async {
        let server = secure(|_, stream| {
            read(stream)?;
            stream.write_all(OK)?;
            stream.conn.send_close_notify();
            stream.flush()
        });
        let client = trusting(&server, true);
        for _ in 0..3 {
            let exchange = client.send(&Request::new(&Method::Post, &server.endpoint)).await;
            assert_eq!((exchange.status(), exchange.reused, exchange.retried), (200, false, false));
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    });
}

#[test]
fn further_connections_take_the_session_up_again() {
    run(async {
        let (sender, kinds) = std::sync::mpsc::channel();
        let sender = std::sync::Mutex::new(sender);
        let server = secure(move |_, stream| {
            read(stream)?;
            let kind = stream.conn.handshake_kind();
            sender.lock().unwrap().send(kind == Some(HandshakeKind::Resumed)).unwrap();
            stream.write_all(OK)
        });
        let client = trusting(&server, true);
        for _ in 0..3 {
            let request = Request { keep_alive: false, ..Request::new(&Method::Get, &server.endpoint) };
            client.send(&request).await.result.unwrap();
        }
        assert_eq!(kinds.try_iter().collect::<Vec<_>>(), [false, true, true]);
    });
}

#[test]
fn the_other_end_of_tls_may_be_anything() {
    run(async {
        let plain = server(|_, mut stream| async move {
            let mut bytes = [0; 2000];
            assert!(stream.read(&mut bytes).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        })
        .await;
        let secured =
            |address: SocketAddr| Rc::new(Endpoint::parse(None, &format!("https://{address}/")).unwrap());
        let exchange = client().send(&Request::new(&Method::Get, &secured(plain))).await;
        assert_books_balance(&exchange);
        assert!(exchange.timings.phases.tls_ns > 0);
        let said = exchange.error().unwrap();
        assert!(said.starts_with("`127.0.0.1` answers in plain HTTP on this port: use http://"), "{said}");
        assert_eq!((exchange.error_code(), exchange.bytes_sent), (1300, 0));

        let closing = server(|_, stream| async move { drop(stream) }).await;
        let exchange = client().send(&Request::new(&Method::Get, &secured(closing))).await;
        // It may also be reset: what we had sent was never read.
        assert!([1300, 1220].contains(&exchange.error_code()), "{:?}", exchange.error());
        assert!(exchange.error().unwrap().contains("in the TLS handshake"), "{:?}", exchange.error());

        let silent =
            server(|_, mut stream| async move { while stream.read(&mut [0; 2000]).await.unwrap() > 0 {} })
                .await;
        let endpoint = secured(silent);
        let request = Request { connect_timeout_ns: 50_000_000, ..Request::new(&Method::Get, &endpoint) };
        let exchange = client().send(&request).await;
        assert_books_balance(&exchange);
        assert_eq!(exchange.error().unwrap(), "no connection within 50ms, in the TLS handshake");

        // And the other way round.
        let server = secure(answer_all);
        let plain = server.endpoint.url().replace("https:", "http:");
        let plain = Rc::new(Endpoint::parse(None, &plain).unwrap());
        let exchange = client().send(&Request::new(&Method::Get, &plain)).await;
        assert_eq!(exchange.error().unwrap(), "the answer is TLS, not HTTP: use https://");
        assert_eq!(exchange.error_code(), 1010);

        let exchange = client().send(&Request::new(&Method::Get, &server.endpoint)).await;
        let said = exchange.error().unwrap();
        assert!(said.starts_with("the certificate of `127.0.0.1` is self-signed"), "{said}");
        assert_eq!(exchange.error_code(), 1310);
    });
}
