//! A server that floods: the connection, or the stream, ends within bounds, and says why.

use super::super::super::error::Failure;
use super::super::error::{Fault, Flood, Http2Error, Reason};
use super::super::frame::{ACK, END_HEADERS, Kind};
use super::super::{CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES};
use super::*;

/// What a test lets a flood come to: far more than any bound.
const ROUNDS: usize = 20_000;

/// Repeats a deed until the connection ends; the most that was queued meanwhile if the client could write, and the
/// failure.
fn flood(writes: bool, deed: impl Fn(&mut Line)) -> (usize, Failure) {
    let mut line = Line::new();
    let stream = line.get();
    line.heard();
    let mut most = 0;
    for _ in 0..ROUNDS {
        deed(&mut line);
        line.deliver();
        most = most.max(line.connection.out().len());
        if line.connection.is_closed() {
            assert_eq!(line.goaway(), Some(Reason::ENHANCE_YOUR_CALM));
            return (most, line.failure(stream));
        }
        if writes {
            line.heard();
        }
    }
    panic!("it never ends");
}

fn flooded(flood: Flood) -> Failure {
    Failure::Http2(Http2Error::Connection(Fault::Flood(flood)))
}

#[test]
fn frames_that_bring_nothing_forward_end_the_connection() {
    let deeds: [for<'a> fn(&'a mut Line) -> &'a mut Line; 8] = [
        |l| l.frame(Kind::Ping, 0, 0, &[0; 8]),
        |l| l.frame(Kind::Ping, ACK, 0, &[0; 8]),
        |l| l.settings(&[(4, 65_535)]),
        |l| l.frame(Kind::Settings, ACK, 0, &[]),
        |l| l.frame(Kind::Priority, 0, 1, &[0; 5]),
        |l| l.frame(Kind::Unknown, 0, 0, &[0; 100]),
        |l| l.frame(Kind::WindowUpdate, 0, 0, &[0, 0, 0, 1]),
        |l| l.frame(Kind::GoAway, 0, 0, &[0, 0, 0, 9, 0, 0, 0, 0]),
    ];
    for deed in deeds {
        let (most, failure) = flood(true, |line| {
            deed(line);
        });
        assert_eq!(failure, flooded(Flood::Control));
        assert!(most < 100, "{most}");
    }
    assert_eq!(
        failure_text(Flood::Control),
        "the connection was ended, since the server broke HTTP/2: it sent too many frames that bring no response any further"
    );
}

fn failure_text(flood: Flood) -> String {
    flooded(flood).to_string()
}

#[test]
fn answers_that_nobody_reads_end_the_connection_before_they_cost_memory() {
    // Between the pings come bytes of a response, so that none is in vain.
    let (most, failure) = flood(false, |l| {
        if l.connection.stream_mut(1).is_some_and(|stream| !stream.answer.has_head()) {
            l.headers(1, &[(":status", "200")], 0);
        }
        l.frame(Kind::Ping, 0, 0, &[0; 8]).frame(Kind::Data, 0, 1, b"x");
    });
    assert_eq!(failure, flooded(Flood::Answers));
    assert!(most < 20_000, "{most}");
}

#[test]
fn empty_data_ends_the_connection() {
    let head = |l: &mut Line| {
        if l.connection.stream_mut(1).is_some_and(|stream| !stream.answer.has_head()) {
            l.headers(1, &[(":status", "200")], 0);
        }
    };
    let (_, failure) = flood(true, |l| {
        head(l);
        l.frame(Kind::Data, 0, 1, b"");
    });
    assert_eq!(failure, flooded(Flood::EmptyData));
    // The same dressed up in padding.
    let (_, failure) = flood(true, |l| {
        head(l);
        l.frame(Kind::Data, frame::PADDED, 1, &[9, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    });
    assert_eq!(failure, flooded(Flood::EmptyData));
}

#[test]
fn a_header_block_without_end_ends_the_connection() {
    for piece in [0, 100, 16 << 10] {
        let mut line = Line::new();
        let stream = line.get();
        line.frame(Kind::Headers, 0, stream, &[0x88]).deliver();
        let mut sent = 0;
        while !line.connection.is_closed() {
            line.frame(Kind::Continuation, 0, stream, &vec![0x88; piece]).deliver();
            sent += piece;
            assert!(sent <= 128 << 10);
        }
        assert_eq!(line.failure(stream), flooded(Flood::HeaderBlock));
    }
}

#[test]
fn a_bomb_of_headers_fails_its_stream_alone() {
    // One large field in the table, then its index again and again: 64 KiB become 100 MB.
    let mut line = Line::new();
    let (first, second) = (line.get(), line.get());
    let big = "x".repeat(900);
    let mut block = line.block(&[(":status", "200"), ("a", &big)]);
    block.resize(16 << 10, 0xbe);
    line.frame(Kind::Headers, END_HEADERS, first, &block).ok(second).deliver();
    assert!(matches!(line.failure(first), Failure::HeadTooLarge { .. } | Failure::TooManyHeaders { .. }));
    assert_eq!(line.result(second).unwrap().unwrap().status(), 200);
}

#[test]
fn too_many_headers_and_interim_responses_fail_the_stream() {
    let mut line = Line::new();
    let stream = line.get();
    let names: Vec<String> = (0..101).map(|number| format!("h{number}")).collect();
    let fields: Vec<(&str, &str)> =
        std::iter::once((":status", "200")).chain(names.iter().map(|name| (name.as_str(), "1"))).collect();
    line.headers(stream, &fields[..101], frame::END_STREAM).deliver();
    assert_eq!(line.result(stream).unwrap().unwrap().headers().count(), 100);
    let stream = line.get();
    line.headers(stream, &fields, frame::END_STREAM).deliver();
    assert_eq!(line.failure(stream), Failure::TooManyHeaders { max: 100 });
    let stream = line.get();
    for _ in 0..17 {
        line.headers(stream, &[(":status", "103")], 0).deliver();
    }
    assert_eq!(line.failure(stream), Failure::TooManyInterim { max: 16 });
    assert!(line.connection.is_open());
}

#[test]
fn a_body_without_end_stops_at_its_limit_and_the_connection_goes_on() {
    let mut line = Line::new();
    let stream = line.get();
    line.headers(stream, &[(":status", "200")], 0).deliver();
    let mut sent = 0;
    while line.connection.stream_mut(stream).is_some_and(|stream| !stream.is_over()) {
        line.frame(Kind::Data, 0, stream, &[7; 16 << 10]).deliver();
        line.heard();
        sent += 16 << 10;
        assert!(sent <= (1 << 20) + (16 << 10));
    }
    assert_eq!(line.failure(stream), Failure::BodyTooLarge { max_bytes: 1 << 20 });
    let declared = line.get();
    line.headers(declared, &[(":status", "200"), ("content-length", "9999999999")], 0).deliver();
    assert_eq!(line.failure(declared), Failure::BodyTooLarge { max_bytes: 1 << 20 });
    // What is under way for the first is read and forgotten, and the connection's window is opened again.
    for _ in 0..2 * (CONNECTION_WINDOW_BYTES >> 14) {
        line.frame(Kind::Data, 0, stream, &[7; 16 << 10]).deliver();
        line.heard();
    }
    let next = line.get();
    line.ok(next).deliver();
    assert_eq!(line.result(next).unwrap().unwrap().status(), 200);
}

#[test]
fn late_frames_without_end_end_the_connection() {
    let (_, failure) = flood(true, |l| {
        if l.connection.stream_mut(1).is_some_and(|stream| !stream.is_over()) {
            l.headers(1, &[(":status", "20")], 0);
        }
        l.frame(Kind::Data, 0, 1, b"x");
    });
    assert_eq!(failure, Failure::Http2(Http2Error::Answer(super::super::error::AnswerFault::Status)));
}

#[test]
fn more_than_a_window_allows_is_refused() {
    // The client grants as it reads; so nothing is read: the connection's window alone is counted.
    let mut line = Line::new();
    let stream = line.get();
    frame::push_head(&mut line.said, 16 << 10, Kind::Data, 0, stream);
    line.deliver();
    assert!(line.connection.is_open(), "its data may come");
    let mut window = super::super::flow::ReceiveWindow::new(STREAM_WINDOW_BYTES);
    assert!(window.take(STREAM_WINDOW_BYTES as usize));
    assert!(!window.take(1));
}
