//! What h2spec asks of a server, asked of a client: each rule that a server can break, and what comes of it.

use super::super::super::error::Failure;
use super::super::error::{AnswerFault, Fault, Http2Error, Reason};
use super::super::frame::{
    ACK, END_HEADERS, END_STREAM, Kind, PADDED, PRIORITY, SETTING_ENABLE_PUSH, SETTING_INITIAL_WINDOW_SIZE,
    SETTING_MAX_FRAME_SIZE,
};
use super::super::hpack::HpackError;
use super::*;

/// What a server does on a connection with one stream open, number 1.
type Deed = for<'a> fn(&'a mut Line) -> &'a mut Line;

/// Deeds that end the connection, with the rule and the code that the server is told.
const CONNECTION: &[(&str, Deed, Fault, Reason)] = &[
    ("data on the connection", |l| l.frame(Kind::Data, 0, 0, b"x"), Fault::Stream, Reason::PROTOCOL_ERROR),
    ("headers on the connection", |l| l.headers(0, &[], 0), Fault::Stream, Reason::PROTOCOL_ERROR),
    (
        "a reset of the connection",
        |l| l.frame(Kind::RstStream, 0, 0, &[0; 4]),
        Fault::Stream,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "priority of the connection",
        |l| l.frame(Kind::Priority, 0, 0, &[0; 5]),
        Fault::Stream,
        Reason::PROTOCOL_ERROR,
    ),
    ("settings on a stream", |l| l.frame(Kind::Settings, 0, 1, &[]), Fault::Stream, Reason::PROTOCOL_ERROR),
    ("ping on a stream", |l| l.frame(Kind::Ping, 0, 1, &[0; 8]), Fault::Stream, Reason::PROTOCOL_ERROR),
    ("goaway on a stream", |l| l.frame(Kind::GoAway, 0, 1, &[0; 8]), Fault::Stream, Reason::PROTOCOL_ERROR),
    (
        "data for a stream never opened",
        |l| l.frame(Kind::Data, 0, 3, b"x"),
        Fault::IdleStream,
        Reason::PROTOCOL_ERROR,
    ),
    ("headers for a stream never opened", |l| l.ok(3), Fault::IdleStream, Reason::PROTOCOL_ERROR),
    ("headers for a stream of the server's", |l| l.ok(2), Fault::IdleStream, Reason::PROTOCOL_ERROR),
    (
        "a reset of a stream never opened",
        |l| l.frame(Kind::RstStream, 0, 5, &[0; 4]),
        Fault::IdleStream,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a window of a stream never opened",
        |l| l.frame(Kind::WindowUpdate, 0, 5, &[0, 0, 0, 1]),
        Fault::IdleStream,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a frame too large",
        |l| l.frame(Kind::Data, 0, 1, &[0; 16_385]),
        Fault::FrameSize,
        Reason::FRAME_SIZE_ERROR,
    ),
    (
        "settings of five bytes",
        |l| l.frame(Kind::Settings, 0, 0, &[0; 5]),
        Fault::FrameSize,
        Reason::FRAME_SIZE_ERROR,
    ),
    (
        "settings confirmed with a payload",
        |l| l.frame(Kind::Settings, ACK, 0, &[0; 6]),
        Fault::FrameSize,
        Reason::FRAME_SIZE_ERROR,
    ),
    (
        "a ping of seven bytes",
        |l| l.frame(Kind::Ping, 0, 0, &[0; 7]),
        Fault::FrameSize,
        Reason::FRAME_SIZE_ERROR,
    ),
    (
        "a reset of three bytes",
        |l| l.frame(Kind::RstStream, 0, 1, &[0; 3]),
        Fault::FrameSize,
        Reason::FRAME_SIZE_ERROR,
    ),
    (
        "a window of five bytes",
        |l| l.frame(Kind::WindowUpdate, 0, 1, &[0; 5]),
        Fault::FrameSize,
        Reason::FRAME_SIZE_ERROR,
    ),
    (
        "a goaway of seven bytes",
        |l| l.frame(Kind::GoAway, 0, 0, &[0; 7]),
        Fault::FrameSize,
        Reason::FRAME_SIZE_ERROR,
    ),
    (
        "headers with a priority cut short",
        |l| l.frame(Kind::Headers, END_HEADERS | PRIORITY, 1, &[0; 4]),
        Fault::FrameSize,
        Reason::FRAME_SIZE_ERROR,
    ),
    (
        "pushes switched on",
        |l| l.settings(&[(SETTING_ENABLE_PUSH, 1)]),
        Fault::Setting,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "frames of less than 16 KiB",
        |l| l.settings(&[(SETTING_MAX_FRAME_SIZE, 16_383)]),
        Fault::Setting,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "frames of 16 MiB",
        |l| l.settings(&[(SETTING_MAX_FRAME_SIZE, 1 << 24)]),
        Fault::Setting,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "an initial window of 2 GiB",
        |l| l.settings(&[(SETTING_INITIAL_WINDOW_SIZE, 1 << 31)]),
        Fault::WindowOverflow,
        Reason::FLOW_CONTROL_ERROR,
    ),
    (
        "an initial window that makes a stream's too large",
        |l| {
            l.frame(Kind::WindowUpdate, 0, 1, &[0x7f, 0xff, 0, 0])
                .settings(&[(SETTING_INITIAL_WINDOW_SIZE, 0x7fff_ffff)])
        },
        Fault::WindowOverflow,
        Reason::FLOW_CONTROL_ERROR,
    ),
    (
        "the connection's window enlarged by nothing",
        |l| l.frame(Kind::WindowUpdate, 0, 0, &[0; 4]),
        Fault::EmptyUpdate,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "the connection's window too large",
        |l| l.frame(Kind::WindowUpdate, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
        Fault::WindowOverflow,
        Reason::FLOW_CONTROL_ERROR,
    ),
    (
        "a push",
        |l| l.frame(Kind::PushPromise, END_HEADERS, 1, &[0, 0, 0, 2]),
        Fault::Push,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a continuation of nothing",
        |l| l.frame(Kind::Continuation, END_HEADERS, 1, &[]),
        Fault::Continuation,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a continuation on another stream",
        |l| l.frame(Kind::Headers, 0, 1, &[0x88]).frame(Kind::Continuation, END_HEADERS, 3, &[]),
        Fault::Continuation,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a ping within a header block",
        |l| l.frame(Kind::Headers, 0, 1, &[0x88]).frame(Kind::Ping, 0, 0, &[0; 8]),
        Fault::Continuation,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "data within a header block",
        |l| l.frame(Kind::Headers, 0, 1, &[0x88]).frame(Kind::Data, 0, 1, b"x"),
        Fault::Continuation,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "an unknown frame within a header block",
        |l| l.frame(Kind::Headers, 0, 1, &[0x88]).frame(Kind::Unknown, 0, 1, b"x"),
        Fault::Continuation,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "data all of padding and more",
        |l| l.frame(Kind::Data, PADDED, 1, &[3, 0, 0]),
        Fault::Padding,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "headers all of padding and more",
        |l| l.frame(Kind::Headers, PADDED | END_HEADERS, 1, &[9, 0x88]),
        Fault::Padding,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "an index that is in no table",
        |l| l.frame(Kind::Headers, END_HEADERS, 1, &[0x88, 0xff, 0x00]),
        Fault::Compression(HpackError::Index),
        Reason::COMPRESSION_ERROR,
    ),
    (
        "a header block cut short",
        |l| l.frame(Kind::Headers, END_HEADERS, 1, &[0x88, 0x40]),
        Fault::Compression(HpackError::Truncated),
        Reason::COMPRESSION_ERROR,
    ),
    (
        "a table larger than granted",
        |l| l.frame(Kind::Headers, END_HEADERS, 1, &[0x3f, 0xe2, 0x1f, 0x88]),
        Fault::Compression(HpackError::TableSize),
        Reason::COMPRESSION_ERROR,
    ),
    (
        "data behind the end",
        |l| l.ok(1).frame(Kind::Data, 0, 1, b"x"),
        Fault::ClosedStream,
        Reason::STREAM_CLOSED,
    ),
    ("headers behind the end", |l| l.ok(1).ok(1), Fault::ClosedStream, Reason::STREAM_CLOSED),
];

#[test]
fn what_breaks_the_connection_ends_it_and_says_why() {
    for (name, deed, fault, reason) in CONNECTION {
        let mut line = Line::new();
        let stream = line.get();
        let other = line.get();
        // A third number would be an idle stream.
        assert_eq!((stream, other), (1, 3), "{name}");
        let mut line = Line::new();
        line.get();
        line.heard();
        deed(&mut line);
        line.deliver();
        assert!(line.connection.is_closed(), "{name}");
        assert_eq!(line.goaway(), Some(*reason), "{name}");
        let result = line.result(1).unwrap_or_else(|| panic!("{name}"));
        let expected = Failure::Http2(Http2Error::Connection(*fault));
        // What had ended before has ended well.
        if !matches!(fault, Fault::ClosedStream) {
            assert_eq!(result.unwrap_err(), expected, "{name}");
        }
    }
}

/// Deeds that end the stream, with the failure and the code that the server is told.
const STREAM: &[(&str, Deed, AnswerFault, Reason)] = &[
    (
        "data before the head",
        |l| l.frame(Kind::Data, 0, 1, b"x"),
        AnswerFault::DataFirst,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "an end before the head",
        |l| l.frame(Kind::Data, END_STREAM, 1, b""),
        AnswerFault::DataFirst,
        Reason::PROTOCOL_ERROR,
    ),
    ("no status", |l| l.headers(1, &[("a", "b")], END_STREAM), AnswerFault::Status, Reason::PROTOCOL_ERROR),
    ("an empty block", |l| l.headers(1, &[], END_STREAM), AnswerFault::Status, Reason::PROTOCOL_ERROR),
    (
        "two statuses",
        |l| l.headers(1, &[(":status", "200"), (":status", "200")], 0),
        AnswerFault::Status,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a status of letters",
        |l| l.headers(1, &[(":status", "2oo")], 0),
        AnswerFault::Status,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a status of two digits",
        |l| l.headers(1, &[(":status", "20")], 0),
        AnswerFault::Status,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a status below 100",
        |l| l.headers(1, &[(":status", "099")], 0),
        AnswerFault::Status,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a pseudo-header of requests",
        |l| l.headers(1, &[(":status", "200"), (":path", "/")], 0),
        AnswerFault::Pseudo,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "an unknown pseudo-header",
        |l| l.headers(1, &[(":a", "b"), (":status", "200")], 0),
        AnswerFault::Pseudo,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a status behind a header",
        |l| l.headers(1, &[("a", "b"), (":status", "200")], 0),
        AnswerFault::Status,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "capitals",
        |l| l.headers(1, &[(":status", "200"), ("Server", "x")], 0),
        AnswerFault::Name,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a space in a name",
        |l| l.headers(1, &[(":status", "200"), ("a b", "x")], 0),
        AnswerFault::Name,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "an empty name",
        |l| l.headers(1, &[(":status", "200"), ("", "x")], 0),
        AnswerFault::Name,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a line break in a value",
        |l| l.headers(1, &[(":status", "200"), ("a", "x\r\nb: y")], 0),
        AnswerFault::Value,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a NUL in a value",
        |l| l.headers(1, &[(":status", "200"), ("a", "\0")], 0),
        AnswerFault::Value,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "connection",
        |l| l.headers(1, &[(":status", "200"), ("connection", "close")], 0),
        AnswerFault::ConnectionHeader,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "transfer-encoding",
        |l| l.headers(1, &[(":status", "200"), ("transfer-encoding", "chunked")], 0),
        AnswerFault::ConnectionHeader,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "more data than announced",
        |l| {
            l.headers(1, &[(":status", "200"), ("content-length", "1")], 0).frame(
                Kind::Data,
                END_STREAM,
                1,
                b"xy",
            )
        },
        AnswerFault::Length,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "less data than announced",
        |l| {
            l.headers(1, &[(":status", "200"), ("content-length", "3")], 0).frame(
                Kind::Data,
                END_STREAM,
                1,
                b"xy",
            )
        },
        AnswerFault::Length,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "no data but announced",
        |l| l.headers(1, &[(":status", "200"), ("content-length", "3")], END_STREAM),
        AnswerFault::Length,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "data with 204",
        |l| l.headers(1, &[(":status", "204")], 0).frame(Kind::Data, END_STREAM, 1, b"x"),
        AnswerFault::Length,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "an interim response that ends",
        |l| l.headers(1, &[(":status", "103")], END_STREAM),
        AnswerFault::Interim,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "another protocol",
        |l| l.headers(1, &[(":status", "101")], 0),
        AnswerFault::Interim,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "trailers that don't end",
        |l| l.headers(1, &[(":status", "200")], 0).headers(1, &[("a", "b")], 0),
        AnswerFault::Trailers,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a status in trailers",
        |l| l.headers(1, &[(":status", "200")], 0).headers(1, &[(":status", "200")], END_STREAM),
        AnswerFault::Pseudo,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a window enlarged by nothing",
        |l| l.frame(Kind::WindowUpdate, 0, 1, &[0; 4]),
        AnswerFault::EmptyUpdate,
        Reason::PROTOCOL_ERROR,
    ),
    (
        "a window too large",
        |l| l.frame(Kind::WindowUpdate, 0, 1, &[0x7f, 0xff, 0xff, 0xff]),
        AnswerFault::WindowOverflow,
        Reason::FLOW_CONTROL_ERROR,
    ),
    (
        "a priority of four bytes",
        |l| l.frame(Kind::Priority, 0, 1, &[0; 4]),
        AnswerFault::FrameSize,
        Reason::FRAME_SIZE_ERROR,
    ),
];

#[test]
fn what_breaks_a_stream_resets_it_and_leaves_the_others_alone() {
    for (name, deed, fault, reason) in STREAM {
        let mut line = Line::new();
        let first = line.get();
        line.heard();
        deed(&mut line);
        line.deliver();
        let second = line.get();
        // What was under way for the first is no fault.
        line.frame(Kind::Data, 0, first, b"late").frame(Kind::RstStream, 0, first, &[0; 4]);
        line.ok(second).deliver();
        let heard = line.heard();
        let (_, payload) =
            heard.iter().find(|(head, _)| head.kind == Kind::RstStream).unwrap_or_else(|| panic!("{name}"));
        assert_eq!(Reason(frame::number(payload).unwrap()), *reason, "{name}");
        assert_eq!(line.failure(first), Failure::Http2(Http2Error::Answer(*fault)), "{name}");
        assert_eq!(line.result(second).expect(name).expect(name).status(), 200, "{name}");
        assert!(line.connection.is_open(), "{name}");
    }
}

#[test]
fn what_is_allowed_though_odd_ends_well() {
    type Odd = (&'static str, fn(&mut Line));
    let deeds: &[Odd] = &[
        ("padding", |l| {
            let block = l.block(&[(":status", "200")]);
            let padded = [&[2][..], &[0, 0, 0, 0, 16], &block, &[0, 0]].concat();
            l.frame(Kind::Headers, END_HEADERS | PADDED | PRIORITY, 1, &padded);
            l.frame(Kind::Data, PADDED, 1, b"\x03body\0\0\0").frame(
                Kind::Data,
                PADDED | END_STREAM,
                1,
                b"\0",
            );
        }),
        ("continuations, one of them empty", |l| {
            l.frame(Kind::Headers, 0, 1, &[]).frame(Kind::Continuation, 0, 1, &[0x88]).frame(
                Kind::Continuation,
                0,
                1,
                &[],
            );
            l.frame(Kind::Continuation, END_HEADERS, 1, &[]).frame(Kind::Data, END_STREAM, 1, b"body");
        }),
        ("interim responses and trailers", |l| {
            l.headers(1, &[(":status", "100"), ("content-length", "9")], 0).headers(
                1,
                &[(":status", "103"), ("link", "x")],
                0,
            );
            l.headers(1, &[(":status", "200")], 0).frame(Kind::Data, 0, 1, b"body").headers(
                1,
                &[("a", "b")],
                END_STREAM,
            );
        }),
        ("unknown frames, settings and priorities", |l| {
            l.frame(Kind::Unknown, 0xff, 1, b"x").frame(Kind::Priority, 0, 1, &[0, 0, 0, 1, 9]).frame(
                Kind::Priority,
                0,
                99,
                &[0; 5],
            );
            l.settings(&[(0x0a0a, 7), (8, 1)]).frame(Kind::Settings, ACK, 0, &[]);
            l.headers(1, &[(":status", "200")], 0).frame(Kind::Data, END_STREAM, 1, b"body");
        }),
        ("a reset without error behind the end", |l| {
            l.headers(1, &[(":status", "200")], 0).frame(Kind::Data, END_STREAM, 1, b"body").frame(
                Kind::RstStream,
                0,
                1,
                &[0; 4],
            );
        }),
        ("an end in a frame without data", |l| {
            l.headers(1, &[(":status", "200"), ("content-length", "4")], 0).frame(Kind::Data, 0, 1, b"body");
            l.frame(Kind::Data, 0, 1, b"").frame(Kind::Data, END_STREAM, 1, b"");
        }),
    ];
    for (name, deed) in deeds {
        // Whole, and byte by byte.
        for step in [usize::MAX, 1, 7] {
            let mut line = Line::new();
            line.get();
            deed(&mut line);
            let said = std::mem::take(&mut line.said);
            for piece in said.chunks(step.min(said.len())) {
                line.connection.receive(piece, NOW_NS);
            }
            let response = line.result(1).expect(name).expect(name);
            assert_eq!((response.status(), response.body()), (200, &b"body"[..]), "{name}");
            assert_eq!(response.protocol().as_str(), "HTTP/2.0");
            assert!(line.connection.is_open(), "{name}");
        }
    }
}

#[test]
fn the_answer_to_head_has_no_body_whatever_its_length() {
    let mut line = Line::new();
    let stream = line.send(&Method::Head, &[], b"");
    line.headers(stream, &[(":status", "200"), ("content-length", "99")], END_STREAM).deliver();
    let response = line.result(stream).unwrap().unwrap();
    assert_eq!((response.header("content-length").as_deref(), response.body()), (Some("99"), &b""[..]));
}

#[test]
fn a_server_of_another_protocol_is_told_apart() {
    for (said, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], Http2Error::NotHttp2),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Http2Error::Connection(Fault::Preface)),
        (&[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8], Http2Error::Connection(Fault::Preface)),
    ] {
        for step in [said.len(), 1] {
            let mut line = Line::silent();
            let stream = line.get();
            for piece in said.chunks(step) {
                line.connection.receive(piece, NOW_NS);
            }
            assert_eq!(line.failure(stream), Failure::Http2(expected));
        }
    }
}

#[test]
fn goaway_fails_what_was_not_taken_and_lets_the_rest_end() {
    let mut line = Line::new();
    let (first, second) = (line.get(), line.get());
    line.frame(Kind::GoAway, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]).deliver();
    assert!(!line.connection.is_open());
    let reason = Reason::NO_ERROR;
    assert_eq!(line.failure(second), Failure::Http2(Http2Error::Unprocessed { reason }));
    assert!(line.result(first).is_none());
    line.ok(first).deliver();
    assert_eq!(line.result(first).unwrap().unwrap().status(), 200);
}

#[test]
fn goaway_with_an_error_is_what_the_others_end_with() {
    let mut line = Line::new();
    let stream = line.get();
    line.frame(Kind::GoAway, 0, 0, &[0, 0, 0, 9, 0, 0, 0, 11, b'w', b'h', b'y']).deliver();
    line.connection.ended(None, NOW_NS);
    let failure = line.failure(stream);
    assert_eq!(
        (failure.error_code(), &*failure.to_string()),
        (1622, "the server ended the connection (GOAWAY, ENHANCE_YOUR_CALM)")
    );
}

#[test]
fn a_refused_stream_may_go_again_only_where_the_number_was_a_guess() {
    let refuse = |line: &mut Line| {
        let stream = line.get();
        line.settings(&[]).frame(Kind::RstStream, 0, stream, &[0, 0, 0, 7]).deliver();
        line.failure(stream)
    };
    let reason = Reason::REFUSED_STREAM;
    assert_eq!(refuse(&mut Line::silent()), Failure::Http2(Http2Error::Unprocessed { reason }));
    assert_eq!(refuse(&mut Line::new()), Failure::Http2(Http2Error::Refused));
    let mut line = Line::new();
    let stream = line.get();
    line.frame(Kind::RstStream, 0, stream, &[0, 0, 0, 2]).deliver();
    assert_eq!(line.failure(stream).to_string(), "the server reset the stream (INTERNAL_ERROR)");
}

#[test]
fn a_connection_that_ends_says_where() {
    for (deed, expected) in [
        ((|l| l) as Deed, Failure::NoResponse),
        (|l| l.headers(1, &[(":status", "103")], 0), Failure::TruncatedHead),
        (|l| l.headers(1, &[(":status", "200")], 0), Failure::TruncatedBody),
    ] {
        let mut line = Line::new();
        line.get();
        deed(&mut line);
        line.deliver();
        line.connection.ended(None, NOW_NS);
        assert_eq!(line.failure(1), expected);
    }
}
