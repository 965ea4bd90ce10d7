//! The null server over real sockets, and its parser under every cut of the bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// What the parser answers to `parts`, and its last verdict.
fn answers(parts: &[&[u8]]) -> (Vec<u8>, Verdict) {
    let (mut parser, mut output, mut verdict) = (Parser::default(), Vec::new(), Verdict::Open);
    for part in parts {
        verdict = parser.feed(part, &mut output);
        if verdict != Verdict::Open {
            break;
        }
    }
    (output, verdict)
}

/// All that comes back for `parts` until the server closes.
fn exchange(server: &NullServer, parts: &[&[u8]]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    for part in parts {
        stream.write_all(part).unwrap();
        std::thread::park_timeout(Duration::from_millis(5));
    }
    // The server may have closed first.
    let _ = stream.shutdown(Shutdown::Write);
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    received
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[test]
fn an_answer_is_67_bytes_and_frames_itself() {
    let server = NullServer::start(0).unwrap();
    assert_eq!(exchange(&server, &[GET]), NULL_RESPONSE);
    let (head, body) = NULL_RESPONSE.split_at(NULL_RESPONSE.len() - BODY_BYTES);
    assert!(head.ends_with(b"\r\n\r\n") && body == b"ok");
}

#[test]
fn pipelined_and_split_requests_are_each_answered_once() {
    let server = NullServer::start(0).unwrap();
    assert_eq!(exchange(&server, &[&GET.repeat(100)]), NULL_RESPONSE.repeat(100));
    let bytes: Vec<&[u8]> = GET.chunks(1).collect();
    assert_eq!(exchange(&server, &bytes), NULL_RESPONSE);
    let post = b"POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n";
    assert_eq!(exchange(&server, &[&post[..40], &post[40..]]), NULL_RESPONSE.repeat(2));
}

#[test]
fn a_body_longer_than_the_buffer_is_skipped() {
    let server = NullServer::start(0).unwrap();
    let body = vec![b'x'; 3 * READ_BYTES];
    let head = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
    assert_eq!(exchange(&server, &[head.as_bytes(), &body, GET]), NULL_RESPONSE.repeat(2));
}

#[test]
fn an_incomplete_body_has_no_answer_yet() {
    assert_eq!(answers(&[b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhell"]).0, b"");
}

#[test]
fn head_and_close_are_honoured() {
    let (head, _) = answers(&[b"HEAD / HTTP/1.1\r\n\r\n"]);
    assert!(head.ends_with(b"\r\n\r\n"));
    for last in [&b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"[..], b"GET / HTTP/1.0\r\n\r\n"] {
        assert_eq!(answers(&[last, GET]), (NULL_RESPONSE.to_vec(), Verdict::LastAnswer));
    }
    assert_eq!(answers(&[b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"]).1, Verdict::Open);
}

#[test]
fn garbage_closes() {
    let server = NullServer::start(0).unwrap();
    assert_eq!(exchange(&server, &[b"\x16\x03\x01\x02\x00"]), b"");
    for garbage in [
        &b"hello\r\n\r\n"[..],
        b"GET /\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\ncookie\r\n\r\n",
        &b"A".repeat(HEAD_BYTES_MAX + 1),
    ] {
        assert_eq!(
            answers(&[garbage]),
            (Vec::new(), Verdict::Garbage),
            "{}",
            String::from_utf8_lossy(garbage)
        );
    }
}

#[test]
fn a_client_that_does_not_read_is_answered_when_it_does() {
    const REQUESTS: usize = 200_000;
    let server = NullServer::start(0).unwrap();
    let mut reader = TcpStream::connect(server.address()).unwrap();
    let mut writer = reader.try_clone().unwrap();
    let sending = std::thread::spawn(move || writer.write_all(&GET.repeat(REQUESTS)).unwrap());
    std::thread::park_timeout(Duration::from_millis(100));
    let mut received = vec![0; NULL_RESPONSE.len() * REQUESTS];
    reader.read_exact(&mut received).unwrap();
    sending.join().unwrap();
    assert!(received.chunks(NULL_RESPONSE.len()).all(|answer| answer == NULL_RESPONSE));
}

#[test]
fn an_end_that_comes_with_the_request_is_seen() {
    // Both lie in the socket before the server starts, so that one edge tells of both.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(GET).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| serve(listener, &stop));
        let mut received = Vec::new();
        let read = stream.read_to_end(&mut received);
        stop.store(true, Ordering::Relaxed);
        assert_eq!((read.unwrap(), &received[..]), (NULL_RESPONSE.len(), &NULL_RESPONSE[..]));
    });
}

#[test]
fn answers_of_one_turn_go_to_who_asked() {
    // All lie in the sockets before the server starts, so that one turn reads them.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let head = b"HEAD / HTTP/1.1\r\n\r\n";
    let without_body = &NULL_RESPONSE[..NULL_RESPONSE.len() - BODY_BYTES];
    let kinds = [
        (GET.to_vec(), NULL_RESPONSE.to_vec()),
        ([GET, b"garbage\r\n\r\n"].concat(), Vec::new()),
        (head.to_vec(), without_body.to_vec()),
        (head.repeat(3), without_body.repeat(3)),
        (b"GET / HTTP/1.0\r\n\r\n".to_vec(), NULL_RESPONSE.to_vec()),
        (GET[..10].to_vec(), Vec::new()),
        (GET.repeat(2_000), NULL_RESPONSE.repeat(2_000)),
    ];
    let mut clients: Vec<(TcpStream, &[u8])> = Vec::new();
    for (request, answer) in kinds.iter().cycle().take(5 * kinds.len()) {
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(request).unwrap();
        clients.push((stream, answer));
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| serve(listener, &stop));
        let found: Vec<bool> = clients
            .iter_mut()
            .map(|(stream, answer)| {
                let mut received = vec![0; answer.len()];
                // Half-closed only now: the server is to find requests and no end.
                stream.read_exact(&mut received).is_ok()
                    && stream.shutdown(Shutdown::Write).is_ok_and(|()| received == *answer)
                    // Nobody gets more than that. One that was cut off for its garbage may see a reset.
                    && !matches!(stream.read(&mut [0]), Ok(1..))
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(found, vec![true; clients.len()]);
    });
}

#[test]
fn it_stops_and_frees_its_port() {
    let server = NullServer::start(0).unwrap();
    let address = server.address();
    let _idle = TcpStream::connect(address).unwrap();
    server.stop().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

proptest! {
    /// However the bytes are cut, the answers are the same.
    #[test]
    fn cuts_change_nothing(sizes in prop::collection::vec(1_usize..30, 1..40)) {
        let text = b"POST /a HTTP/1.1\r\nContent-Length: 7\r\n\r\n1234567HEAD / HTTP/1.1\r\nHost: x\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        let (mut parts, mut rest) = (Vec::new(), &text[..]);
        for size in sizes {
            let (part, more) = rest.split_at(size.min(rest.len()));
            parts.push(part);
            rest = more;
        }
        parts.push(rest);
        prop_assert_eq!(answers(&parts), answers(&[text]));
    }
}
