//! Framing: what goes out, and where a response ends however it comes in.

use super::*;

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
        let client = client();
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
        let client = client();
        let exchange =
            client.send(&Request { body: &body, ..Request::new(&Method::Post, &endpoint(address)) }).await;
        assert_books_balance(&exchange);
        assert!(exchange.bytes_sent < body.len() as u64);
        assert_eq!((exchange.timings.phases.waiting_ns, client.idle()), (0, 0));
        assert_eq!(exchange.result.unwrap().text(), "no");
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
        let client = client();
        for _ in 0..2 {
            let exchange = client.send(&Request::new(&Method::Get, &endpoint)).await;
            assert_books_balance(&exchange);
            assert!(exchange.timings.phases.receiving_ns > 0);
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
        let client = client();
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
            let client = client();
            let exchange = client.send(&Request::new(&Method::Get, &endpoint)).await;
            assert_books_balance(&exchange);
            assert_eq!(exchange.result.err(), failure);
            assert_eq!(client.idle(), 0);
        }
    });
}
