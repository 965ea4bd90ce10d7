//! The protocol without a socket: rules, floods, books.

mod books;
mod floods;
mod rules;

use std::rc::Rc;

use super::super::endpoint::Endpoint;
use super::super::error::Failure;
use super::super::request::{Method, Request, compose, inspect};
use super::super::response::Response;
use super::connection::Connection;
use super::error::Reason;
use super::frame::{self, HEAD_BYTES, Head, Kind};
use super::hpack::{Decoder, Encoder, Indexing};

const NOW_NS: u64 = 7;

/// A client with a server's words for it.
struct Line {
    connection: Connection,
    encoder: Encoder,
    /// What the server is about to say.
    said: Vec<u8>,
}

impl Line {
    /// After the preface and settings of both sides.
    fn new() -> Self {
        let mut line = Self::silent();
        line.settings(&[]).deliver();
        line.heard();
        line
    }

    /// Before the server's first word.
    fn silent() -> Self {
        Self { connection: Connection::new(), encoder: Encoder::new(), said: Vec::new() }
    }

    fn get(&mut self) -> u32 {
        self.send(&Method::Get, &[], b"")
    }

    fn send(&mut self, method: &Method, headers: &[(&str, &str)], body: &[u8]) -> u32 {
        let endpoint = Rc::new(Endpoint::parse(None, "http://h/x").unwrap());
        let request = Request { headers, body, body_max_bytes: 1 << 20, ..Request::new(method, &endpoint) };
        let mut lines = Vec::new();
        compose(&request, inspect(&request).unwrap(), None, &mut lines);
        self.connection.open(&request, &lines, &mut Vec::new())
    }

    fn frame(&mut self, kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> &mut Self {
        frame::push_head(&mut self.said, payload.len(), kind, flags, stream);
        self.said.extend_from_slice(payload);
        self
    }

    fn settings(&mut self, settings: &[(u16, u32)]) -> &mut Self {
        frame::push_settings(&mut self.said, settings);
        self
    }

    fn block(&mut self, fields: &[(&str, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        self.encoder.begin(&mut out);
        for (name, value) in fields {
            self.encoder.field(name.as_bytes(), value.as_bytes(), Indexing::Always, &mut out);
        }
        out
    }

    fn headers(&mut self, stream: u32, fields: &[(&str, &str)], flags: u8) -> &mut Self {
        let block = self.block(fields);
        self.frame(Kind::Headers, flags | frame::END_HEADERS, stream, &block)
    }

    fn ok(&mut self, stream: u32) -> &mut Self {
        self.headers(stream, &[(":status", "200")], frame::END_STREAM)
    }

    fn deliver(&mut self) -> &mut Self {
        let said = std::mem::take(&mut self.said);
        self.connection.receive(&said, NOW_NS);
        self
    }

    /// What the client wrote since it was last asked, as frames.
    fn heard(&mut self) -> Vec<(Head, Vec<u8>)> {
        let out = self.connection.out().to_vec();
        self.connection.written(out.len(), NOW_NS, NOW_NS);
        frames(out.strip_prefix(frame::PREFACE).unwrap_or(&out))
    }

    fn result(&mut self, stream: u32) -> Option<Result<Response, Failure>> {
        self.connection.settle(stream).map(|settled| settled.result)
    }

    fn failure(&mut self, stream: u32) -> Failure {
        self.result(stream).expect("it is over").expect_err("it failed")
    }

    /// The code that the connection was ended with, if it was.
    fn goaway(&mut self) -> Option<Reason> {
        let heard = self.heard();
        let (_, payload) = heard.iter().find(|(head, _)| head.kind == Kind::GoAway)?;
        Some(Reason(frame::number(&payload[4..]).unwrap()))
    }
}

fn frames(mut bytes: &[u8]) -> Vec<(Head, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some(first) = bytes.first_chunk::<HEAD_BYTES>() {
        let head = Head::parse(first);
        frames.push((head, bytes[HEAD_BYTES..HEAD_BYTES + head.length].to_vec()));
        bytes = &bytes[HEAD_BYTES + head.length..];
    }
    assert!(bytes.is_empty(), "whole frames are queued");
    frames
}

/// The fields of a request, given its frames.
fn fields(decoder: &mut Decoder, block: &[u8]) -> Vec<String> {
    let mut fields = Vec::new();
    decoder
        .decode(block, |name, value| {
            fields.push(format!("{}: {}", str::from_utf8(name).unwrap(), str::from_utf8(value).unwrap()));
        })
        .unwrap();
    fields
}
