//! All cases, a row each: what the server does, what the request has to end with.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use super::case::Does::{Answer, AnswerOpen, Endless, NeverAccepts, Other, Reset, Slowly};
use super::case::{Case, case, fails, fine, read_request, reset, wait_for_request};
use crate::fixture::pause;

/// What a response's body may take, unless a request says otherwise.
const BODY_CAP_BYTES: u64 = 64 << 20;
/// A body that no socket's buffer takes whole.
const LARGE_BODY_BYTES: usize = 16 << 20;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

const TRUNCATED_HEAD: &str = "the connection closed inside the response's head";
const TRUNCATED_BODY: &str = "the connection closed before the response's body was complete";
const RESET_RECEIVING: &str = "connection reset by peer, receiving the response";
const LATE_RECEIVING: &str = "timed out after 2s, receiving the response";
const LATE_WAITING: &str = "timed out after 2s, waiting for the response";
const NO_RESPONSE: &str = "the server closed the connection without a response";
const NOT_HTTP: &str = "the answer is not HTTP";
const VERSION: &str = "the response's HTTP version is not supported";
const STATUS_LINE: &str = "the response's status line is malformed";
const HEADER: &str = "a header of the response is malformed";
const LENGTH: &str = "the response's content-length is not a number";
const CONFLICT: &str = "the response has conflicting content-length headers";
const CODING: &str = "the response's transfer-encoding is not supported: only `chunked` is";
const CHUNK: &str = "the response's chunked framing is malformed";
const OVERHEAD: &str = "the response's chunk extensions or trailers take more than 16384 bytes";
const HEAD_CAP: &str = "the response's head is larger than 65536 bytes";
const BODY_CAP: &str = "the response's body is larger than 67108864 bytes";

macro_rules! chunked {
    ($rest:literal) => {
        concat!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", $rest).as_bytes()
    };
}

macro_rules! head {
    ($lines:literal) => {
        concat!("HTTP/1.1 200 OK\r\n", $lines, "\r\n\r\nhello").as_bytes()
    };
}

/// In the order of the documentation.
#[rustfmt::skip] // a table: a row a case
pub(crate) const CASES: &[Case] = &[
    // Connections that end, or don't.
    fails("reset before the head", Other(reset_at_once), 1220, "connection reset by peer, waiting for the response"),
    fails("reset in the head", Reset(b"HTTP/1.1 200 OK\r\nConte"), 1220, RESET_RECEIVING),
    fails("reset after the head", Reset(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), 1220, RESET_RECEIVING),
    fails("reset in the body", Reset(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"), 1220, RESET_RECEIVING),
    fails("reset between chunks", Reset(chunked!("5\r\nhello\r\n")), 1220, RESET_RECEIVING),
    fails("reset at the end of a body that ends with the connection", Reset(b"HTTP/1.1 200 OK\r\n\r\nhello"), 1220, RESET_RECEIVING),
    fails("close without a word", Answer(b""), 1000, NO_RESPONSE),
    fails("close in the status line", Answer(b"HTTP/1.1 2"), 1000, TRUNCATED_HEAD),
    fails("close in the headers", Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), 1000, TRUNCATED_HEAD),
    fails("close in the body", Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"), 1000, TRUNCATED_BODY),
    fails("close in a chunk", Answer(chunked!("6\r\nhello")), 1000, TRUNCATED_BODY),
    fails("close between chunks", Answer(chunked!("5\r\nhello\r\n")), 1000, TRUNCATED_BODY),
    fails("close before the last line end", Answer(chunked!("5\r\nhello\r\n0\r\n\r")), 1000, TRUNCATED_BODY),
    fails("close after an interim response", Answer(b"HTTP/1.1 100 Continue\r\n\r\n"), 1000, TRUNCATED_HEAD),
    fails("half-close without a word", Other(|_, stream| half_close(stream, b"")), 1000, NO_RESPONSE),
    fails("half-close in the body", Other(|_, stream| half_close(stream, &OK[..OK.len() - 1])), 1000, TRUNCATED_BODY),
    fine("half-close at the end of a body that ends with it", Other(|_, stream| half_close(stream, b"HTTP/1.1 200 OK\r\n\r\nhello")), 200),
    fails("a black hole that accepts", AnswerOpen(b""), 1050, LATE_WAITING),
    fails("a black hole that never accepts", NeverAccepts, 1050, LATE_WAITING),
    fails("silence in the head", AnswerOpen(b"HTTP/1.1 200 OK\r\n"), 1050, LATE_RECEIVING),
    fails("silence in the body", AnswerOpen(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello"), 1050, LATE_RECEIVING),
    fails("silence where only a close would end the body", AnswerOpen(b"HTTP/1.0 200 OK\r\n\r\nhello"), 1050, LATE_RECEIVING),
    fails("a byte at a time in the head", Slowly(OK), 1050, LATE_RECEIVING),
    fails("a byte at a time in the body", Other(drip_body), 1050, LATE_RECEIVING),
    // What is no HTTP/1.
    fails("garbage", Answer(b"\x00\xff\x13\x37 nothing that anybody knows"), 1010, NOT_HTTP),
    fails("the greeting of SSH", Answer(b"SSH-2.0-OpenSSH_9.6\r\n"), 1010, NOT_HTTP),
    fails("an alert of TLS", Answer(b"\x15\x03\x01\x00\x02\x02\x46"), 1010, "the answer is TLS, not HTTP: use https://"),
    fails("a frame of HTTP/2", Answer(b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"), 1010, NOT_HTTP),
    fails("a page of HTTP/0.9", Answer(b"<html>hello</html>"), 1010, NOT_HTTP),
    fails("a stream of ICY", Answer(b"ICY 200 OK\r\n\r\n"), 1010, NOT_HTTP),
    fails("a version in small letters", Answer(b"http/1.1 200 OK\r\n\r\n"), 1010, NOT_HTTP),
    fails("a blank line before the status line", Answer(b"\r\nHTTP/1.1 200 OK\r\n\r\n"), 1010, NOT_HTTP),
    fails("version 2.0", Answer(b"HTTP/2.0 200 OK\r\n\r\n"), 1000, VERSION),
    fails("version 1.2", Answer(b"HTTP/1.2 200 OK\r\n\r\n"), 1000, VERSION),
    fails("a status of letters", Answer(b"HTTP/1.1 abc OK\r\n\r\n"), 1000, STATUS_LINE),
    fails("a status below 100", Answer(b"HTTP/1.1 099 OK\r\n\r\n"), 1000, STATUS_LINE),
    fails("a status of four digits", Answer(b"HTTP/1.1 2000 OK\r\n\r\n"), 1000, STATUS_LINE),
    // Heads.
    fine("100 headers", Other(|_, stream| headers(stream, 99)), 200),
    fails("101 headers", Other(|_, stream| headers(stream, 100)), 1000, "the response has more than 100 headers"),
    fails("endless headers", Endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"), 1000, HEAD_CAP).endless(0),
    fails("a header without end", Endless(b"HTTP/1.1 200 OK\r\nX: ", b"y"), 1000, HEAD_CAP).endless(0),
    fails("a status line without end", Endless(b"HTTP/1.1 200 O", b"K"), 1000, HEAD_CAP).endless(0),
    fine("16 interim responses", Other(|_, stream| interim(stream, 16)), 200),
    fails("endless interim responses", Endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), 1000, "more than 16 interim responses").endless(0),
    fails("another protocol", AnswerOpen(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), 1000, "the server switched protocols (101): upgrades are not supported yet"),
    fine("lines that end in LF alone", Answer(b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"), 200),
    fails("lines that end in CR alone", AnswerOpen(b"HTTP/1.1 200 OK\rContent-Length: 5\r\rhello"), 1050, LATE_RECEIVING),
    fails("CR alone within a header", Answer(head!("X: a\rContent-Length: 5")), 1000, HEADER),
    fails("a NUL in a header", Answer(head!("X: a\0b")), 1000, "the response's head has a NUL byte"),
    fails("a space before the colon", Answer(head!("Content-Length : 5")), 1000, HEADER),
    fails("a folded header", Answer(head!("X: a\r\n b")), 1000, "a header of the response is folded over several lines"),
    fails("a header without a colon", Answer(head!("no colon")), 1000, HEADER),
    fails("a header without a name", Answer(head!(": 5")), 1000, HEADER),
    fine("a header that is no UTF-8", Answer(b"HTTP/1.1 200 OK\r\nX: \xff\xfe\r\nContent-Length: 5\r\n\r\nhello"), 200),
    fine("a reason that is no UTF-8", Answer(b"HTTP/1.1 200 \xc3\x28\xff\r\nContent-Length: 5\r\n\r\nhello"), 200),
    fails("gzip that is none", Answer(head!("Content-Encoding: gzip\r\nContent-Length: 5")), 1701, "the response's body is not valid gzip, though its content-encoding says so"),
    fails("gzip that is cut off", Answer(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 12\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x4c"), 1701, "the response's gzip data ends before it is complete"),
    fails("a coding five times", Answer(head!("Content-Encoding: br, br, br\r\nContent-Encoding: br, br\r\nContent-Length: 5")), 1701, "the response's body has more than 4 content codings"),
    fine("a coding that nobody knows", Answer(head!("Content-Encoding: exi\r\nContent-Length: 5")), 200),
    // Lengths.
    fails("a length below zero", Answer(head!("Content-Length: -5")), 1000, LENGTH),
    fails("a length with a sign", Answer(head!("Content-Length: +5")), 1000, LENGTH),
    fails("a length in hex", Answer(head!("Content-Length: 0x5")), 1000, LENGTH),
    fails("a length of two numbers", Answer(head!("Content-Length: 5 5")), 1000, LENGTH),
    fails("no length at all", Answer(head!("Content-Length:")), 1000, LENGTH),
    fails("a length of 2⁶⁴", Answer(head!("Content-Length: 18446744073709551616")), 1000, LENGTH),
    fails("a length of 2⁶⁴ − 1", Answer(head!("Content-Length: 18446744073709551615")), 1000, BODY_CAP),
    fine("two lengths that agree", Answer(head!("Content-Length: 5\r\nContent-Length: 5")), 200),
    fails("two lengths that differ", Answer(head!("Content-Length: 5\r\nContent-Length: 4")), 1000, CONFLICT),
    fine("a list of one length", Answer(head!("Content-Length: 5, 5")), 200),
    fails("a list of two lengths", Answer(head!("Content-Length: 5, 4")), 1000, CONFLICT),
    fails("a body without end", Endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x"), 1000, BODY_CAP).endless(BODY_CAP_BYTES),
    // Chunks.
    fails("chunks without end", Endless(CHUNKED, b"5\r\nhello\r\n"), 1000, BODY_CAP).endless(BODY_CAP_BYTES),
    fails("a chunk of 2⁶⁴", Answer(chunked!("10000000000000000\r\n")), 1000, CHUNK),
    fails("a chunk of 2⁶⁴ − 1", Answer(chunked!("ffffffffffffffff\r\n")), 1000, BODY_CAP),
    fails("a chunk below zero", Answer(chunked!("-5\r\nhello\r\n")), 1000, CHUNK),
    fails("a chunk's size with 0x", Answer(chunked!("0x5\r\nhello\r\n")), 1000, CHUNK),
    fails("a chunk without a size", Answer(chunked!("\r\nhello\r\n")), 1000, CHUNK),
    fails("a chunk of two sizes", Answer(chunked!("5 6\r\nhello\r\n")), 1000, CHUNK),
    fails("a chunk that is longer than it says", Answer(chunked!("4\r\nhello\r\n")), 1000, CHUNK),
    fails("a chunk that ends in LF alone", Answer(chunked!("5\r\nhello\n0\r\n\r\n")), 1000, CHUNK),
    fails("chunk extensions without end", Endless(chunked!("5;"), b"x"), 1000, OVERHEAD).endless(0),
    fails("zeros without end before a chunk's size", Endless(CHUNKED, b"0"), 1000, OVERHEAD).endless(0),
    fails("trailers without end", Endless(chunked!("0\r\n"), b"X: y\r\n"), 1000, OVERHEAD).endless(0),
    fails("a trailer without a colon", Answer(chunked!("0\r\nno colon\r\n\r\n")), 1000, CHUNK),
    // Two readers that see two messages.
    fine("a length beside chunks", Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), 200).twice(),
    fine("chunks in HTTP/1.0", Answer(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), 200).twice(),
    fails("chunked twice", Answer(head!("Transfer-Encoding: chunked, chunked")), 1000, CODING),
    fails("chunked in two headers", Answer(head!("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked")), 1000, CODING),
    fails("gzip below chunked", Answer(head!("Transfer-Encoding: gzip, chunked")), 1000, CODING),
    fails("the coding identity", Answer(head!("Transfer-Encoding: identity\r\nContent-Length: 5")), 1000, CODING),
    fails("the coding xchunked", Answer(head!("Transfer-Encoding: xchunked")), 1000, CODING),
    fails("a vertical tab before chunked", Answer(head!("Transfer-Encoding: \x0bchunked")), 1000, HEADER),
    fine("a second answer behind the first", AnswerOpen(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n"), 200).twice(),
    fine("a second answer a moment later", Other(answer_twice), 200).twice(),
    fine("an answer before the request", Other(answer_unasked), 200),
    fine("204 with a body", Answer(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello"), 204).twice(),
    fine("304 with a length", Answer(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"), 304).twice(),
    fine("a body behind the answer to HEAD", Answer(OK), 200).asked_with("HEAD", 0).twice(),
    // Idle connections and early answers.
    fine("the idle connection closed", Other(answer_and_close), 200).twice(),
    fine("the idle connection closed on a GET", Other(close_on_the_second), 200).twice(),
    fails("the idle connection closed on a POST", Other(close_on_the_second), 1220, "the server closed the idle connection that the request was sent on").asked_with("POST", 0).twice(),
    case("413 and a close, the body unsent", Other(refuse_and_close), 413, 1413, "the server answered with status 413").asked_with("POST", LARGE_BODY_BYTES),
    case("413 and silence, the body unsent", AnswerOpen(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"), 413, 1413, "the server answered with status 413").asked_with("POST", LARGE_BODY_BYTES),
    fails("silence, the body unsent", AnswerOpen(b""), 1050, "timed out after 2s, sending the request").asked_with("POST", LARGE_BODY_BYTES),
    fails("reset, the body unsent", Reset(b""), 1220, "connection reset by peer, sending the request").asked_with("POST", LARGE_BODY_BYTES),
];

fn reset_at_once(_: usize, stream: &TcpStream) {
    wait_for_request(stream);
    reset(stream);
}

fn drip_body(_: usize, mut stream: &TcpStream) {
    read_request(stream);
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    for _ in 0..40 {
        let _ = stream.write_all(b"x");
        pause(Duration::from_millis(100));
    }
}

fn answer_twice(_: usize, mut stream: &TcpStream) {
    read_request(stream);
    let _ = stream.write_all(OK);
    pause(Duration::from_millis(20));
    let _ = stream.write_all(b"HTTP/1.1 500 Smuggled\r\nContent-Length: 0\r\n\r\n");
    read_request(stream);
}

fn answer_unasked(_: usize, mut stream: &TcpStream) {
    let _ = stream.write_all(OK);
    read_request(stream);
}

fn answer_and_close(_: usize, mut stream: &TcpStream) {
    read_request(stream);
    let _ = stream.write_all(OK);
}

fn refuse_and_close(_: usize, mut stream: &TcpStream) {
    read_request(stream);
    let _ = stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
}

fn half_close(mut stream: &TcpStream, bytes: &[u8]) {
    read_request(stream);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read(&mut [0]);
}

/// So many headers, and the length.
fn headers(mut stream: &TcpStream, count: usize) {
    read_request(stream);
    let lines = "X: y\r\n".repeat(count);
    let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 5\r\n\r\nhello").as_bytes());
}

fn interim(mut stream: &TcpStream, count: usize) {
    read_request(stream);
    let _ = stream.write_all(&[&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(count), OK].concat());
}

/// Answers a connection's first request, and closes it when the second is there, but only the first connection.
fn close_on_the_second(number: usize, mut stream: &TcpStream) {
    read_request(stream);
    let _ = stream.write_all(OK);
    if number == 0 {
        wait_for_request(stream);
        return;
    }
    read_request(stream);
}
