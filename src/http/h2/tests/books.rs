//! What goes out, in which order and how it is counted; windows; and that it makes no difference how input is cut.

use proptest::prelude::*;

use super::super::frame::{
    END_STREAM, Kind, SETTING_HEADER_TABLE_SIZE, SETTING_INITIAL_WINDOW_SIZE, SETTING_MAX_CONCURRENT_STREAMS,
    SETTING_MAX_FRAME_SIZE,
};
use super::*;

#[test]
fn the_first_request_goes_out_with_the_preface() {
    let mut line = Line::silent();
    let stream = line.send(&Method::Post, &[("X-A", "b")], b"body");
    assert!(line.connection.out().starts_with(frame::PREFACE));
    let heard = line.heard();
    let kinds: Vec<Kind> = heard.iter().map(|(head, _)| head.kind).collect();
    assert_eq!(kinds, [Kind::Settings, Kind::WindowUpdate, Kind::Headers, Kind::Data]);
    let fields = fields(&mut Decoder::new(), &heard[2].1);
    assert_eq!(fields[..4], [":method: POST", ":scheme: http", ":authority: h", ":path: /x"]);
    assert_eq!(fields[5..], ["x-a: b", "content-length: 4"]);
    assert_eq!((heard[2].0.stream, heard[2].0.has(END_STREAM)), (stream, false));
    assert_eq!((&*heard[3].1, heard[3].0.has(END_STREAM)), (&b"body"[..], true));
}

#[test]
fn a_request_that_is_sent_again_takes_a_handful_of_bytes() {
    let mut line = Line::new();
    let mut decoder = Decoder::new();
    let mut lengths = Vec::new();
    for _ in 0..5 {
        let stream = line.get();
        line.ok(stream).deliver();
        line.result(stream).unwrap().unwrap();
        let heard = line.heard();
        assert_eq!(
            fields(&mut decoder, &heard[0].1)[..4],
            [":method: GET", ":scheme: http", ":authority: h", ":path: /x"]
        );
        lengths.push(heard[0].1.len());
    }
    assert_eq!(lengths[2..], [5, 5, 5], "{lengths:?}");
}

#[test]
fn a_body_keeps_to_the_windows_and_to_the_frames_size() {
    let mut line = Line::new();
    line.settings(&[(SETTING_INITIAL_WINDOW_SIZE, 10), (SETTING_MAX_FRAME_SIZE, 20_000)]).deliver();
    let body: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
    let stream = line.send(&Method::Post, &[], &body);
    let data = |line: &mut Line| -> Vec<usize> {
        line.connection.pump(stream, &body);
        let heard = line.heard();
        heard.iter().filter(|(head, _)| head.kind == Kind::Data).map(|(head, _)| head.length).collect()
    };
    assert_eq!(data(&mut line), [10]);
    assert_eq!(data(&mut line), [0; 0]);
    // A smaller window makes it negative: what is granted then is owed first.
    line.settings(&[(SETTING_INITIAL_WINDOW_SIZE, 0)])
        .frame(Kind::WindowUpdate, 0, stream, &[0, 0, 0, 15])
        .deliver();
    assert_eq!(data(&mut line), [5]);
    line.frame(Kind::WindowUpdate, 0, stream, &[0x00, 0x10, 0, 0]).deliver();
    // The connection's window is what is left now.
    assert_eq!(data(&mut line).iter().sum::<usize>(), 65_535 - 15);
    line.frame(Kind::WindowUpdate, 0, 0, &[0x00, 0x10, 0, 0]).deliver();
    let mut rest = Vec::new();
    while line.connection.stream_mut(stream).unwrap().unsent > 0 {
        rest.extend(data(&mut line));
    }
    assert_eq!(rest.iter().sum::<usize>(), 200_000 - 65_535);
    assert!(rest.iter().all(|length| *length <= 20_000), "{rest:?}");
}

#[test]
fn a_head_larger_than_a_frame_is_continued() {
    let mut line = Line::new();
    let value: String = (0..40_000_u32).map(|number| char::from(33 + (number * 7 % 90) as u8)).collect();
    let stream = line.send(&Method::Get, &[("x", &value)], b"");
    let heard = line.heard();
    let kinds: Vec<Kind> = heard.iter().map(|(head, _)| head.kind).collect();
    assert_eq!(kinds[..2], [Kind::Headers, Kind::Continuation]);
    assert!(heard[0].0.has(END_STREAM) && !heard[0].0.has(frame::END_HEADERS));
    assert!(heard.last().unwrap().0.has(frame::END_HEADERS));
    assert!(heard.iter().all(|(head, _)| head.stream == stream));
    let block: Vec<u8> = heard.into_iter().flat_map(|(_, payload)| payload).collect();
    assert_eq!(*fields(&mut Decoder::new(), &block).last().unwrap(), format!("x: {value}"));
}

#[test]
fn an_answer_before_the_requests_end_stops_it() {
    let mut line = Line::new();
    let body = vec![1; 300_000];
    let stream = line.send(&Method::Post, &[], &body);
    line.heard();
    line.headers(stream, &[(":status", "413")], END_STREAM).deliver();
    assert_eq!(line.result(stream).unwrap().unwrap().status(), 413);
    let heard = line.heard();
    assert_eq!(heard.last().map(|(head, _)| (head.kind, head.stream)), Some((Kind::RstStream, stream)));
    // What the server sends for it now is late, no fault.
    line.frame(Kind::WindowUpdate, 0, stream, &[0, 0, 1, 0])
        .frame(Kind::RstStream, 0, stream, &[0; 4])
        .deliver();
    assert!(line.connection.is_open());
}

#[test]
fn streams_are_bounded_by_the_servers_word() {
    let mut line = Line::new();
    assert_eq!(line.connection.free(), 100);
    line.settings(&[(SETTING_MAX_CONCURRENT_STREAMS, 2)]).deliver();
    let first = line.get();
    line.get();
    assert_eq!(line.connection.free(), 0);
    line.ok(first).deliver();
    line.result(first).unwrap().unwrap();
    assert_eq!(line.connection.free(), 1);
}

#[test]
fn every_byte_is_charged_once() {
    let mut line = Line::silent();
    let (mut written, mut read) = (0, 0);
    let (mut sent, mut received) = (0, 0);
    let mut settle = |line: &mut Line, stream: u32| {
        let settled = line.connection.settle(stream).unwrap();
        settled.result.unwrap();
        sent += settled.bytes_sent;
        received += settled.bytes_received;
    };
    for round in 0..20_u8 {
        let streams: Vec<u32> = (0..3).map(|_| line.send(&Method::Post, &[], &[round; 100])).collect();
        let out = line.connection.out().len();
        written += out as u64;
        line.connection.written(out, 1, 2);
        line.settings(&[(SETTING_HEADER_TABLE_SIZE, u32::from(round) * 30)]).frame(Kind::Ping, 0, 0, &[0; 8]);
        for stream in streams.iter().rev() {
            line.headers(*stream, &[(":status", "200"), ("n", &round.to_string())], 0);
            line.frame(Kind::Data, 0, *stream, b"abc").frame(Kind::Data, END_STREAM, *stream, b"");
        }
        let said = std::mem::take(&mut line.said);
        read += said.len() as u64;
        let (a, b) = said.split_at(said.len() / 2);
        line.connection.receive(a, 3);
        line.connection.receive(b, 4);
        let out = line.connection.out().len();
        written += out as u64;
        line.connection.written(out, 5, 6);
        for stream in streams {
            settle(&mut line, stream);
        }
    }
    assert_eq!((sent, received), (written, read));
}

#[test]
fn a_window_is_opened_again_at_half() {
    let mut line = Line::new();
    let stream = line.get();
    line.heard();
    line.headers(stream, &[(":status", "200")], 0).deliver();
    let mut granted = Vec::new();
    for _ in 0..60 {
        line.frame(Kind::Data, 0, stream, &[7; 16 << 10]).deliver();
        granted.extend(
            line.heard().into_iter().map(|(head, payload)| (head.stream, frame::number(&payload).unwrap())),
        );
    }
    assert_eq!(granted, [], "a mebibyte is far below half of the windows");
}

#[test]
fn a_stream_that_is_given_up_is_reset_and_its_silence_retires_the_connection() {
    let mut line = Line::new();
    let (first, second) = (line.get(), line.get());
    line.heard();
    line.headers(first, &[(":status", "200")], 0).deliver();
    line.connection.cancel(first, Failure::NoResponse, true, NOW_NS);
    assert!(line.connection.is_open(), "it spoke");
    let third = line.get();
    line.connection.cancel(third, Failure::NoResponse, false, NOW_NS);
    assert!(line.connection.is_open(), "it had time left");
    line.connection.cancel(second, Failure::NoResponse, true, NOW_NS);
    assert!(!line.connection.is_open(), "it was silent");
    let resets: Vec<u32> = line.heard().iter().map(|(head, _)| head.stream).collect();
    assert_eq!(resets, [first, third, third, second]);
}

/// Frames as a server may send them, right or wrong.
fn frames_of_a_server() -> impl Strategy<Value = Vec<(u8, u8, u32, Vec<u8>)>> {
    let payload = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        Just(vec![0x88]),
        Just(vec![0x88, 0x0f, 0x0d, 1, b'4']),
        Just(b"body".to_vec()),
        Just(vec![0, 0, 0, 1]),
        Just(vec![0; 8]),
    ];
    prop::collection::vec(
        (
            0_u8..11,
            prop_oneof![Just(0), Just(1), Just(4), Just(5), any::<u8>()],
            prop_oneof![Just(0_u32), Just(1), Just(3), Just(5), 0_u32..9],
            payload,
        ),
        0..20,
    )
}

proptest! {
    #[test]
    fn how_the_input_is_cut_makes_no_difference(frames in frames_of_a_server(), cuts in prop::collection::vec(1_usize..40, 1..20)) {
        let mut said = Vec::new();
        for (kind, flags, stream, payload) in frames {
            said.extend_from_slice(&[0, 0, payload.len() as u8, kind, flags]);
            said.extend_from_slice(&stream.to_be_bytes());
            said.extend_from_slice(&payload);
        }
        let seen = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let mut line = Line::new();
            let streams = [line.get(), line.get()];
            line.heard();
            for piece in pieces {
                line.connection.receive(piece, NOW_NS);
            }
            let closed = line.connection.is_closed();
            let heard = line.heard();
            line.connection.ended(None, NOW_NS);
            let results: Vec<String> = streams
                .iter()
                .map(|stream| {
                    let result = line.result(*stream).expect("every stream ends");
                    result.map_or_else(|failure| failure.to_string(), |response| format!("{} {}", response.status(), response.text()))
                })
                .collect();
            (closed, heard, results)
        };
        let whole = seen(&mut std::iter::once(&*said));
        let mut rest = &*said;
        let mut cuts = cuts.iter().cycle();
        let cut = seen(&mut std::iter::from_fn(|| {
            let at = (*cuts.next()?).min(rest.len());
            let (piece, left) = rest.split_at(at);
            rest = left;
            (at > 0).then_some(piece)
        }));
        prop_assert_eq!(whole, cut);
    }
}
