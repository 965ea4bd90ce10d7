//! Connections: kept alive, reused, found stale, bounded, and closed when a request is dropped.

use std::sync::Arc;

use super::*;

#[test]
fn keeps_a_connection_alive() {
    run(async {
        let endpoint = answering(OK).await;
        let client = client();
        for number in 0..3 {
            let exchange = client.send(&Request::new(&Method::Get, &endpoint)).await;
            assert_books_balance(&exchange);
            assert_eq!(exchange.reused, number > 0);
            let phases = exchange.timings.phases;
            assert_eq!(phases.connecting_ns == 0, number > 0);
            assert_eq!((phases.dns_ns, phases.receiving_ns), (0, 0));
            assert!(phases.waiting_ns > 0 && phases.sending_ns > 0);
            assert_eq!(exchange.bytes_received, OK.len() as u64);
            assert!(exchange.bytes_sent > 40);
            assert_eq!((exchange.status(), exchange.error_code(), exchange.error()), (200, 0, None));
            assert_eq!(exchange.result.unwrap().text(), "hello");
            assert_eq!(client.idle(), 1);
        }
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
        let client = Client::new(Rc::clone(&clock), Rc::clone(&shared), Options::default());
        let first = client.send(&Request::new(&Method::Get, &endpoint)).await;
        assert_books_balance(&first);
        assert!(first.timings.phases.dns_ns > 0);
        assert_eq!(first.remote, Some(address));
        assert_eq!(first.status(), 200);
        let again = client.send(&Request::new(&Method::Get, &endpoint)).await;
        assert_eq!((again.reused, again.timings.phases.dns_ns), (true, 0));
        // Another client of the worker asks no resolver: the look-up does not even suspend.
        let other = Client::new(clock, shared, Options::default());
        let exchange = other.send(&Request::new(&Method::Get, &endpoint)).await;
        assert_eq!((exchange.status(), exchange.remote), (200, Some(address)));
        assert!(exchange.timings.phases.dns_ns < first.timings.phases.dns_ns);
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
        let client = client();
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
        let client = client();
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
        let client = client();
        let first = client.send(&Request::new(&Method::Get, &endpoint)).await;
        let second = client.send(&Request::new(&Method::Get, &endpoint)).await;
        assert_books_balance(&second);
        assert_eq!((second.status(), second.reused, second.retried), (200, false, true));
        let phases = second.timings.phases;
        assert!(phases.blocked_ns > 0 && phases.connecting_ns > 0);
        assert_eq!(second.bytes_sent, 2 * first.bytes_sent);
    });
}

#[test]
fn a_stale_connection_fails_what_must_not_be_sent_twice() {
    run(async {
        let endpoint = closing_on_the_second().await;
        let client = client();
        client.send(&Request::new(&Method::Get, &endpoint)).await.result.unwrap();
        let exchange = client.send(&Request::new(&Method::Post, &endpoint)).await;
        assert_books_balance(&exchange);
        assert_eq!((exchange.reused, exchange.retried, exchange.error_code()), (true, false, 1220));
        assert_eq!(exchange.result.unwrap_err(), Failure::StaleConnection);
        assert_eq!(client.idle(), 0);
    });
}

#[test]
fn idle_connections_are_bounded() {
    run(async {
        let client = Client::new(
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
                let client = Client::new(Rc::clone(&clock), Rc::clone(&shared), Options::default());
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
        let client = client();
        let request = Request::new(&Method::Get, &endpoint);
        let cut = tokio::time::timeout(Duration::from_millis(30), client.send(&request)).await;
        assert!(cut.is_err());
        assert_eq!(receiver.await.unwrap(), None);
        assert_eq!(client.idle(), 0);
    });
}

#[test]
fn posted_requests_are_written_together_and_the_wait_is_time_blocked() {
    run(async {
        let endpoint = answering(OK).await;
        let clock: Rc<dyn Clock> = Rc::new(TestClock { origin: Instant::now() });
        let shared = Shared::with_outbox();
        tokio::task::spawn_local(Rc::clone(&shared).deliver(Rc::clone(&clock)));
        let client = Client::new(clock, shared, Options::default());
        for number in 0..3 {
            let exchange = client.send(&Request::new(&Method::Get, &endpoint)).await;
            assert_books_balance(&exchange);
            assert_eq!((exchange.status(), exchange.reused), (200, number > 0));
            let phases = exchange.timings.phases;
            assert!(phases.blocked_ns > 0 && phases.sending_ns > 0 && phases.waiting_ns > 0, "{phases:?}");
            assert!(exchange.bytes_sent > 40);
        }
    });
}

#[test]
fn a_body_that_the_socket_does_not_take_whole_is_sent_all_the_same() {
    const BODY: usize = 12 << 20;
    run(async {
        let address = server(|_, mut stream| async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let mut read = 0;
            let mut chunk = vec![0; 64 << 10];
            while read < BODY {
                read += stream.read(&mut chunk).await.unwrap();
            }
            stream.write_all(OK).await.unwrap();
        })
        .await;
        let endpoint = Rc::new(Endpoint::parse(None, &format!("http://{address}/x")).unwrap());
        let clock: Rc<dyn Clock> = Rc::new(TestClock { origin: Instant::now() });
        let shared = Shared::with_outbox();
        tokio::task::spawn_local(Rc::clone(&shared).deliver(Rc::clone(&clock)));
        let client = Client::new(clock, shared, Options::default());
        let body = vec![b'x'; BODY];
        let request = Request { body: &body, ..Request::new(&Method::Post, &endpoint) };
        let exchange = client.send(&request).await;
        assert_eq!(exchange.status(), 200, "{:?}", exchange.error());
        assert!(exchange.bytes_sent > BODY as u64);
    });
}

#[test]
fn a_request_to_a_server_that_went_away_fails_as_without_an_outbox() {
    run(async {
        let address = server(|_, stream| async move { drop(stream) }).await;
        let endpoint = Rc::new(Endpoint::parse(None, &format!("http://{address}/x")).unwrap());
        let clock: Rc<dyn Clock> = Rc::new(TestClock { origin: Instant::now() });
        let shared = Shared::with_outbox();
        tokio::task::spawn_local(Rc::clone(&shared).deliver(Rc::clone(&clock)));
        let client = Client::new(clock, shared, Options::default());
        let exchange = client.send(&Request::new(&Method::Get, &endpoint)).await;
        assert_books_balance(&exchange);
        assert_eq!(exchange.status(), 0);
        assert!(exchange.result.is_err_and(|failure| failure.is_disconnect()));
    });
}

#[test]
fn without_sockets_every_request_gets_the_same_response() {
    run(async {
        // Nobody listens there.
        let endpoint = Rc::new(Endpoint::parse(None, "http://127.0.0.1:9/x").unwrap());
        let clock: Rc<dyn Clock> = Rc::new(TestClock { origin: Instant::now() });
        let shared = Shared::with_null(Some(Arc::from(OK)));
        tokio::task::spawn_local(Rc::clone(&shared).deliver(Rc::clone(&clock)));
        let client = Client::new(clock, shared, Options::default());
        let large = vec![b'x'; 100 << 10];
        for (number, body) in [&b""[..], b"small", &large].into_iter().enumerate() {
            let request = Request { body, ..Request::new(&Method::Post, &endpoint) };
            let exchange = client.send(&request).await;
            assert_books_balance(&exchange);
            assert_eq!(exchange.status(), 200, "{:?}", exchange.error());
            assert_eq!(exchange.bytes_received, OK.len() as u64);
            assert!(exchange.bytes_sent > body.len() as u64);
            assert_eq!(exchange.reused, number > 0);
        }
    });
}
