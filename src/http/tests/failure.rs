//! Failures: what could not be sent, reached, awaited or read, and what each is told as.

use super::*;

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
        let phases = exchange.timings.phases;
        assert!(phases.connecting_ns > 0);
        assert_eq!((exchange.status(), exchange.error_code(), phases.duration_ns()), (0, 1212, 0));
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
            let client = client();
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
        assert_eq!((exchange.error_code(), exchange.timings.phases.duration_ns()), (1211, 0));
        let limit = Duration::from_millis(50);
        assert_eq!(exchange.result.unwrap_err(), Failure::ConnectTimeout { phase: Phase::Connecting, limit });

        let request = Request { timeout_ns: 50_000_000, ..request };
        let exchange = client().send(&Request { connect_timeout_ns: 60_000_000, ..request }).await;
        assert_eq!(exchange.result.unwrap_err(), Failure::Timeout { phase: Phase::Connecting, limit });
        drop(knocking);
    });
}
