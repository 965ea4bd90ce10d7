//! A session over a pipe within the process, whose other end speaks frames by hand.

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::super::super::tests::{TestClock, run};
use super::*;

fn open(capacity_bytes: usize) -> (Session<DuplexStream>, DuplexStream) {
    let (near, far) = tokio::io::duplex(capacity_bytes);
    (Session::start(near, b"", Rc::new(TestClock::start()), 1_000), far)
}

/// A frame of the client, unmasked: its first byte and its payload.
async fn read_frame(far: &mut DuplexStream) -> (u8, Vec<u8>) {
    let mut head = [0; 6];
    far.read_exact(&mut head).await.unwrap();
    assert_eq!(head[1] & 0x80, 0x80, "masked");
    let mut payload = vec![0; (head[1] & 0x7f).into()];
    far.read_exact(&mut payload).await.unwrap();
    for (byte, mask) in payload.iter_mut().zip(head[2..].iter().cycle()) {
        *byte ^= mask;
    }
    (head[0], payload)
}

const SECOND_NS: u64 = 1_000_000_000;

#[test]
fn messages_go_both_ways_and_the_close_is_answered() {
    run(async {
        let (session, mut far) = open(1 << 16);
        session.send(Message::Text("hello".to_owned()), SECOND_NS).await;
        assert_eq!(read_frame(&mut far).await, (0x81, b"hello".to_vec()));
        far.write_all(b"\x82\x02ab").await.unwrap();
        let arrived = session.receive(None).await.unwrap();
        assert_eq!(arrived.item, Message::Binary(b"ab".to_vec()));
        assert_eq!(session.totals(), Totals { bytes_sent: 11, bytes_received: 4 });
        let server = async {
            assert_eq!(read_frame(&mut far).await, (0x88, b"\x03\xe8done".to_vec()));
            far.write_all(b"\x81\x04late\x88\x02\x03\xe8").await.unwrap();
        };
        let mut late = Vec::new();
        tokio::join!(session.close(1000, "done", |arrived| late.push(arrived.item)), server);
        assert_eq!(late, [Message::Text("late".to_owned())]);
        let ending = Ending::Closed { code: 1000, reason: String::new(), by_server: false };
        assert_eq!(session.ending(), Some(ending));
        assert!(!session.is_open());
    });
}

#[test]
fn pings_are_answered_and_timed_while_the_user_does_something_else() {
    run(async {
        let (session, mut far) = open(1 << 16);
        far.write_all(b"\x89\x01x").await.unwrap();
        assert_eq!(read_frame(&mut far).await, (0x8a, b"x".to_vec()), "by the task alone");
        session.ping(None, SECOND_NS).await;
        assert_eq!(read_frame(&mut far).await, (0x89, b"1".to_vec()));
        session.ping(Some(b"two".to_vec()), SECOND_NS).await;
        assert_eq!(read_frame(&mut far).await, (0x89, b"two".to_vec()));
        far.write_all(b"\x8a\x02no\x8a\x011\x8a\x03two\x81\x00").await.unwrap();
        session.receive(None).await.unwrap();
        assert_eq!(session.take_round_trips().len(), 2, "an answer that nobody asked for counts nothing");
    });
}

#[test]
fn a_server_that_breaks_the_rules_hears_why() {
    run(async {
        for (bytes, code) in
            [(&b"\xc1\x00"[..], 1002_u16), (b"\x81\x01\xff", 1007), (b"\x82\x7e\x10\x00", 1009)]
        {
            let (session, mut far) = open(1 << 16);
            far.write_all(b"\x81\x02ok").await.unwrap();
            far.write_all(bytes).await.unwrap();
            assert_eq!(session.receive(None).await.unwrap().item, Message::Text("ok".to_owned()));
            assert_eq!(session.receive(None).await, None);
            assert_eq!(read_frame(&mut far).await, (0x88, code.to_be_bytes().to_vec()));
            let ending = session.ending().unwrap();
            assert_eq!((ending.code(), ending.failure().unwrap().error_code()), (code, 1800));
        }
    });
}

#[test]
fn a_close_of_the_server_is_told_with_its_code() {
    run(async {
        for (code, fails) in [(1000_u16, false), (1001, false), (1011, true), (4001, false)] {
            let (session, mut far) = open(1 << 16);
            let mut frame = vec![0x88, 5];
            frame.extend_from_slice(&code.to_be_bytes());
            frame.extend_from_slice(b"bye");
            far.write_all(&frame).await.unwrap();
            assert_eq!(session.receive(None).await, None);
            assert_eq!(read_frame(&mut far).await.1[..2], code.to_be_bytes());
            let ending = session.ending().unwrap();
            assert_eq!((ending.code(), ending.failure().is_some()), (code, fails));
            assert!(matches!(ending, Ending::Closed { by_server: true, reason, .. } if reason == "bye"));
        }
        let (session, far) = open(1 << 16);
        drop(far);
        assert_eq!(session.receive(None).await, None);
        let ending = session.ending().unwrap();
        assert_eq!((ending.code(), ending.failure()), (1006, Some(WebSocketError::Abnormal.into())));
    });
}

#[test]
fn a_receive_ends_at_its_time_out_and_the_socket_stays_open() {
    run(async {
        let (session, mut far) = open(1 << 16);
        assert_eq!(session.receive(Some(1_000_000)).await, None);
        assert!(session.is_open());
        far.write_all(b"\x81\x00").await.unwrap();
        assert!(session.receive(Some(SECOND_NS)).await.is_some());
    });
}

#[test]
fn a_server_that_reads_nothing_fails_the_send() {
    run(async {
        let (session, far) = open(64);
        session.send(Message::Binary(vec![0; 1_000]), 20_000_000).await;
        let failure = session.ending().unwrap().failure().unwrap();
        assert_eq!(failure.to_string(), "timed out after 20ms, sending the request");
        drop(far);
    });
}

#[test]
fn a_user_who_does_not_receive_holds_the_server_back() {
    run(async {
        let (session, mut far) = open(1 << 16);
        let message = [&b"\x82\x7e\x03\x00"[..], &[7; 768]].concat();
        let mut sent = 0_usize;
        let flood = async {
            loop {
                far.write_all(&message).await.unwrap();
                sent += 1;
            }
        };
        let _ = tokio::time::timeout(Duration::from_millis(200), flood).await;
        assert!((1_024..1_300).contains(&sent), "{sent} messages were taken");
        for _ in 0..sent {
            assert!(session.receive(Some(SECOND_NS)).await.is_some());
        }
    });
}

#[test]
fn a_user_whose_time_is_over_says_so_and_waits_for_nothing() {
    run(async {
        let (session, mut far) = open(1 << 16);
        session.close_now(1001, "");
        drop(session);
        assert_eq!(read_frame(&mut far).await, (0x88, b"\x03\xe9".to_vec()));
    });
}
