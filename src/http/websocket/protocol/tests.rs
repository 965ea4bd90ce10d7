//! Cases as Autobahn's, by number, given whole and byte by byte.

use super::*;

/// A frame of the server: final or not, its opcode, its payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            bytes.push(126);
            bytes.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

const FIN: u8 = 0x80;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// What a client makes of these frames; an error ends it.
fn told(frames: &[Vec<u8>]) -> Vec<String> {
    let bytes = frames.concat();
    let whole = {
        let mut protocol = Protocol::new(70_000);
        protocol.feed(&bytes);
        drain(&mut protocol)
    };
    let mut protocol = Protocol::new(70_000);
    let mut apart = Vec::new();
    for byte in bytes {
        protocol.feed(&[byte]);
        apart.extend(drain(&mut protocol));
        if apart.last().is_some_and(|last| last.starts_with("error")) {
            break;
        }
    }
    assert_eq!(whole, apart, "the same byte by byte");
    whole
}

fn drain(protocol: &mut Protocol) -> Vec<String> {
    let mut seen = Vec::new();
    while let Some(happening) = protocol.next() {
        match happening {
            Ok(Happening::Message(Message::Text(text))) => seen.push(format!("text {text}")),
            Ok(Happening::Message(Message::Binary(bytes))) => seen.push(format!("binary {}", bytes.len())),
            Ok(Happening::Ping) => seen.push("ping".to_owned()),
            Ok(Happening::Pong(payload)) => seen.push(format!("pong {}", payload.len())),
            Ok(Happening::Close { code, reason }) => seen.push(format!("close {code} {reason}")),
            Ok(Happening::Over) => {
                seen.push("over".to_owned());
                break;
            }
            Err(error) => {
                seen.push(format!("error {error}"));
                break;
            }
        }
    }
    seen
}

#[test]
fn whole_messages_of_every_length_are_received() {
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536] {
        let text = "*".repeat(length);
        assert_eq!(told(&[frame(FIN | TEXT, text.as_bytes())]), [format!("text {text}")], "1.1 {length}");
        assert_eq!(told(&[frame(FIN | BINARY, &vec![0xfe; length])]), [format!("binary {length}")], "1.2");
    }
}

#[test]
fn pings_come_between_fragments_and_are_answered() {
    let frames = [
        frame(TEXT, b"fragment1"),
        frame(FIN | PING, b"ping payload"),
        frame(FIN, b"fragment2"),
        frame(FIN | PONG, b"unasked"),
    ];
    assert_eq!(told(&frames), ["ping", "text fragment1fragment2", "pong 7"], "2.7, 5.6");
    let mut protocol = Protocol::new(1_000);
    protocol.feed(&frames.concat());
    drain(&mut protocol);
    let pong = protocol.pending().to_vec();
    assert_eq!(pong[..2], [FIN | PONG, 0x8c], "masked, as a client's frames are");
    let unmasked: Vec<u8> = pong[6..].iter().zip(pong[2..6].iter().cycle()).map(|(a, b)| a ^ b).collect();
    assert_eq!(unmasked, b"ping payload");
    protocol.written(pong.len());
    assert!(protocol.pending().is_empty());
}

#[test]
fn texts_in_fragments_may_be_cut_within_a_character() {
    let text = "Hello-\u{b5}@\u{df}\u{f6}\u{e4}\u{fc}\u{e0}\u{e1}-UTF-8!!";
    for cut in 0..=text.len() {
        let (one, two) = text.as_bytes().split_at(cut);
        assert_eq!(told(&[frame(TEXT, one), frame(FIN, two)]), [format!("text {text}")], "6.2 {cut}");
    }
}

#[test]
fn what_breaks_the_rules_is_named() {
    let close = |payload: &[u8]| frame(FIN | CLOSE, payload);
    let mut masked = frame(FIN | TEXT, b"");
    masked[1] = 0x80 | 1;
    masked.extend_from_slice(&[1, 2, 3, 4, b'x']);
    let rules = "error the server broke the web socket protocol: ";
    let utf8 = "error the server sent a text that is no UTF-8";
    for (case, frames, expected) in [
        (
            "2.5 a ping of 126 bytes",
            vec![frame(FIN | PING, &[0; 126])],
            format!("{rules}a control frame of more than 125 bytes"),
        ),
        (
            "3.1 a reserved bit",
            vec![frame(FIN | 0x40 | TEXT, b"")],
            format!("{rules}a frame with reserved bits"),
        ),
        (
            "3.5 three reserved bits",
            vec![frame(FIN | 0x70 | BINARY, b"")],
            format!("{rules}a frame with reserved bits"),
        ),
        ("4.1 opcode 3", vec![frame(FIN | 3, b"")], format!("{rules}a frame of an unknown kind")),
        ("4.2 opcode 11", vec![frame(FIN | 0xb, b"")], format!("{rules}a frame of an unknown kind")),
        ("5.1 a ping in fragments", vec![frame(PING, b"a")], format!("{rules}a control frame in fragments")),
        (
            "5.9 a continuation of nothing",
            vec![frame(FIN, b"a")],
            format!("{rules}a continuation of nothing"),
        ),
        (
            "5.18 a text within a text",
            vec![frame(TEXT, b"a"), frame(FIN | TEXT, b"b")],
            format!("{rules}a new message within another one's fragments"),
        ),
        ("6.3 no UTF-8", vec![frame(FIN | TEXT, b"\xce\xba\xed\xa0\x80")], utf8.to_owned()),
        (
            "6.4 no UTF-8, in the second fragment",
            vec![frame(TEXT, b"\xce\xba"), frame(0, b"\xf4\x90\x80\x80")],
            utf8.to_owned(),
        ),
        ("6.6 an unfinished character at the end", vec![frame(FIN | TEXT, b"\xce")], utf8.to_owned()),
        ("7.3.2 half a code", vec![close(&[3])], format!("{rules}a close frame with half a code")),
        ("7.5.1 a reason that is no UTF-8", vec![close(b"\x03\xe8\xce\xba\xed\xa0\x80")], utf8.to_owned()),
        ("5.1 of the RFC: a masked frame", vec![masked], format!("{rules}a masked frame")),
        (
            "9 a frame beyond the limit",
            vec![frame(FIN | BINARY, &[0; 70_001])],
            "error the server sent a message larger than 70000 bytes".to_owned(),
        ),
        (
            "9 fragments beyond the limit",
            vec![frame(BINARY, &[0; 40_000]), frame(FIN, &[0; 40_000])],
            "error the server sent a message larger than 70000 bytes".to_owned(),
        ),
    ] {
        assert_eq!(told(&frames), [expected], "{case}");
    }
}

#[test]
fn close_frames_are_answered_with_their_code() {
    let close = |payload: &[u8]| frame(FIN | CLOSE, payload);
    for (payload, told_of, answered) in [
        (&b""[..], "close 1005 ", &b""[..]),
        (b"\x03\xe8", "close 1000 ", b"\x03\xe8"),
        (b"\x03\xf3error", "close 1011 error", b"\x03\xf3error"),
        (b"\x0f\xa0mine", "close 4000 mine", b"\x0f\xa0mine"),
        // Codes that must not be on the wire: the answer is 1002.
        (b"\x03\xed", "close 1002 Protocol violation", b"\x03\xeaProtocol violation"),
        (b"\x00\x00", "close 1002 Protocol violation", b"\x03\xeaProtocol violation"),
    ] {
        let mut protocol = Protocol::new(1_000);
        protocol.feed(&close(payload));
        assert_eq!(drain(&mut protocol), [told_of], "{payload:?}");
        assert!(!protocol.is_open() && !protocol.was_closed_by_us());
        let sent = protocol.pending();
        let plain: Vec<u8> = sent[6..].iter().zip(sent[2..6].iter().cycle()).map(|(a, b)| a ^ b).collect();
        assert_eq!((sent[0], &*plain), (FIN | CLOSE, answered), "{payload:?}");
        protocol.end();
        assert_eq!(drain(&mut protocol), ["over"]);
    }
}

#[test]
fn the_end_without_a_close_frame_is_told_apart() {
    let mut protocol = Protocol::new(1_000);
    protocol.feed(&frame(TEXT, b"half"));
    protocol.end();
    assert_eq!(drain(&mut protocol), ["error the server closed the connection without a close frame"]);
    let mut protocol = Protocol::new(1_000);
    protocol.close(1000, "done");
    assert!(protocol.was_closed_by_us() && !protocol.is_open());
    protocol.feed(&[frame(FIN | TEXT, b"late"), frame(FIN | CLOSE, b"\x03\xe8")].concat());
    protocol.end();
    assert_eq!(drain(&mut protocol), ["text late", "close 1000 ", "over"]);
}

#[test]
fn nothing_is_sent_behind_a_close_frame() {
    let mut protocol = Protocol::new(1_000);
    protocol.close(1001, "");
    let length = protocol.pending().len();
    protocol.send(Message::Text("late".to_owned()));
    protocol.ping(Vec::new());
    assert_eq!(protocol.pending().len(), length);
}
