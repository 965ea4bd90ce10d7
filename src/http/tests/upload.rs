//! Bodies that come from disk, over real sockets.

use std::io::Write as _;

use super::*;

/// More than any socket's buffers take.
const LARGE_BYTES: usize = 20 << 20;

fn file(bytes: &[u8]) -> FileBody {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    FileBody::new(file, "large.bin", bytes.len() as u64)
}

fn large() -> Vec<u8> {
    (0..LARGE_BYTES).map(|at| u8::try_from(at / 1000 % 251).unwrap()).collect()
}

#[test]
fn a_body_from_disk_arrives_whole_and_is_counted() {
    run(async {
        let expected = large();
        let got = Rc::new(RefCell::new(Vec::new()));
        let (sink, wanted) = (Rc::clone(&got), expected.len() + 6);
        let address = server(move |_, mut stream| {
            let sink = Rc::clone(&sink);
            async move {
                let mut bytes = Vec::new();
                let head_len = loop {
                    stream.read_buf(&mut bytes).await.unwrap();
                    if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                        break end + 4;
                    }
                };
                let head = String::from_utf8_lossy(&bytes[..head_len]).into_owned();
                assert!(head.contains(&format!("Content-Length: {wanted}\r\n")), "{head}");
                while bytes.len() < head_len + wanted {
                    assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
                }
                sink.replace(bytes);
                stream.write_all(OK).await.unwrap();
                // It is kept open: whether it is used again is seen below.
                let _ = stream.read_buf(&mut Vec::new()).await;
            }
        });
        let endpoint = endpoint(address.await);
        let upload = Upload::new(vec![
            Piece::Bytes(b"abc".to_vec()),
            Piece::File(file(&expected)),
            Piece::Bytes(b"xyz".to_vec()),
        ]);
        let client = client();
        let request = Request { upload: Some(&upload), ..Request::new(&Method::Put, &endpoint) };
        let exchange = client.send(&request).await;
        assert_eq!(exchange.result.as_ref().unwrap().body(), b"hello");
        let got = got.borrow();
        let body = &got[got.len() - wanted..];
        assert!(body.starts_with(b"abc") && body.ends_with(b"xyz") && body[3..wanted - 3] == expected[..]);
        assert_eq!(exchange.bytes_sent, got.len() as u64);
        assert_eq!(client.idle(), 1, "the whole request went out: the connection is kept");
        assert_books_balance(&exchange);
    });
}

#[test]
fn an_answer_before_the_whole_body_went_out_is_taken() {
    run(async {
        let address = server(|_, mut stream| async move {
            let _ = stream.read_buf(&mut Vec::with_capacity(1000)).await;
            stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            tokio::time::sleep(Duration::from_secs(5)).await;
        });
        let endpoint = endpoint(address.await);
        let upload = Upload::new(vec![Piece::File(file(&large()))]);
        let client = client();
        let request = Request { upload: Some(&upload), ..Request::new(&Method::Post, &endpoint) };
        let exchange = client.send(&request).await;
        assert_eq!(exchange.status(), 413);
        assert!(exchange.bytes_sent < LARGE_BYTES as u64);
        assert_eq!(client.idle(), 0, "nobody knows what the server makes of the rest");
    });
}

#[test]
fn a_file_that_shrinks_meanwhile_fails_the_request_at_once() {
    run(async {
        let endpoint = answering(OK).await;
        let body = file(&vec![7; 400_000]);
        let shrunk = tempfile::tempfile().unwrap();
        shrunk.set_len(300_000).unwrap();
        let shrunk = FileBody::new(shrunk, "shrunk.bin", body.len());
        let upload = Upload::new(vec![Piece::File(shrunk)]);
        let client = client();
        let request = Request { upload: Some(&upload), ..Request::new(&Method::Post, &endpoint) };
        let exchange = client.send(&request).await;
        assert_eq!(exchange.error().unwrap(), "`shrunk.bin` became shorter while it was sent");
        assert_eq!((exchange.error_code(), client.idle()), (1000, 0));
    });
}

#[test]
fn a_body_from_disk_is_sent_anew_after_a_stale_connection() {
    run(async {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&seen);
        let address = server(move |number, mut stream| {
            let log = Rc::clone(&log);
            async move {
                // Each connection serves one request, and closes then without a word.
                let request = read_request(&mut stream).await.unwrap();
                log.borrow_mut().push((number, request.split_once("\r\n\r\n").unwrap().1.to_owned()));
                stream.write_all(OK).await.unwrap();
            }
        });
        let endpoint = endpoint(address.await);
        let upload = Upload::new(vec![Piece::File(file(b"from disk"))]);
        let client = client();
        let request = Request { upload: Some(&upload), ..Request::new(&Method::Put, &endpoint) };
        for _ in 0..3 {
            assert_eq!(client.send(&request).await.status(), 200);
        }
        let bodies: Vec<String> = seen.borrow().iter().map(|(_, body)| body.clone()).collect();
        assert_eq!(bodies, ["from disk"; 3]);
    });
}
