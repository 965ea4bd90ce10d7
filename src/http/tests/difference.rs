//! Where our decoder means to differ from hyper's client: each with its reason, and told in `docs/http.md`.
//!
//! A difference is looked up by what we said, not by what was sent: so a disagreement that no entry
//! explains fails its test.

use super::super::error::Failure;
use super::seen::{BODY_MAX_BYTES, Message, Seen, hypers, ours};

/// One deliberate difference.
pub(super) struct Difference {
    /// As the table in `docs/http.md` names it.
    pub(super) name: &'static str,
    /// Whether it explains that we saw this, and hyper that, in these bytes.
    explains: fn(&[u8], &Seen, &Seen) -> bool,
    /// A response for which the two differ.
    example: fn() -> Vec<u8>,
}

/// All of them, in the order of the documentation.
pub(super) const DIFFERENCES: &[Difference] = &[
    Difference {
        name: "chunks in HTTP/1.0",
        explains: |bytes, ours, hypers| {
            let Some(message) = ours.message() else { return false };
            let is_faulty = message.is_1_0 && !message.reusable && has(bytes, "transfer-encoding");
            // Where no body follows hyper doesn't look.
            let keeps = |other: &Message| other.reusable && other.body.is_empty() && message.body.is_empty();
            is_faulty && (refused(hypers) || hypers.message().is_some_and(keeps))
        },
        example: || {
            b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_vec()
        },
    },
    Difference {
        name: "content-length beside chunks",
        explains: |bytes, ours, hypers| {
            let both = has(bytes, "transfer-encoding") && has(bytes, "content-length");
            let (Some(ours), Some(hypers)) = (ours.message(), hypers.message()) else { return false };
            both && !ours.reusable && hypers.reusable && ours.body == hypers.body
        },
        example: || {
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec()
        },
    },
    Difference {
        name: "another transfer coding",
        explains: |_, ours, _| ours.failure() == Some(&Failure::TransferCoding),
        example: || b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n".to_vec(),
    },
    Difference {
        name: "a wrong content-length where it doesn't count",
        explains: |_, ours, _| {
            matches!(ours.failure(), Some(Failure::ContentLength | Failure::ConflictingLength))
        },
        example: || b"HTTP/1.1 204 No Content\r\nContent-Length: +5\r\n\r\n".to_vec(),
    },
    Difference {
        name: "switching protocols",
        explains: |_, ours, _| ours.failure() == Some(&Failure::Upgrade),
        example: || b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n".to_vec(),
    },
    Difference {
        name: "endless interim responses",
        explains: |_, ours, _| matches!(ours.failure(), Some(Failure::TooManyInterim { .. })),
        example: || {
            [&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(17)[..], b"HTTP/1.1 204 No Content\r\n\r\n"].concat()
        },
    },
    Difference {
        name: "blank lines before the status line",
        explains: |bytes, ours, _| {
            ours.failure() == Some(&Failure::NotHttp)
                && (bytes.starts_with(b"\r\n")
                    || bytes.starts_with(b"\n")
                    || has(bytes, "\n\r\n")
                    || has(bytes, "\n\n"))
        },
        example: || b"\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n".to_vec(),
    },
    Difference {
        name: "control characters in chunk extensions",
        explains: |bytes, ours, hypers| {
            ours.failure() == Some(&Failure::Chunk) && hypers.message().is_some() && has(bytes, ";")
        },
        example: || b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;\x01\r\nx\r\n0\r\n\r\n".to_vec(),
    },
    Difference {
        name: "bare line feeds in trailers",
        explains: |bytes, ours, hypers| {
            // Behind the head, where hyper takes bare ones too, and so do we.
            let head = bytes.windows(3).position(|end| end == b"\n\r\n").unwrap_or(0);
            let has_bare = bytes
                .get(head + 2..)
                .unwrap_or_default()
                .windows(2)
                .any(|pair| pair[0] != b'\r' && pair[1] == b'\n');
            ours.failure() == Some(&Failure::Chunk) && hypers.message().is_some() && has_bare
        },
        example: || b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\nX: y\r\n\r\n".to_vec(),
    },
    Difference {
        name: "limits",
        explains: |_, ours, _| {
            matches!(
                ours.failure(),
                Some(
                    Failure::BodyTooLarge { .. }
                        | Failure::HeadTooLarge { .. }
                        | Failure::ChunkOverhead { .. }
                )
            )
        },
        example: || {
            let body = vec![b'x'; usize::try_from(BODY_MAX_BYTES).unwrap() + 1];
            [b"HTTP/1.1 200 OK\r\n\r\n", &body[..]].concat()
        },
    },
];

fn refused(seen: &Seen) -> bool {
    matches!(seen, Seen::Refused(_))
}

/// Whether the bytes hold the text, in any case.
fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}

/// What explains that the two differ.
pub(super) fn explained(bytes: &[u8], ours: &Seen, hypers: &Seen) -> Option<&'static str> {
    DIFFERENCES.iter().find(|known| (known.explains)(bytes, ours, hypers)).map(|known| known.name)
}

#[test]
fn each_has_an_example_that_nothing_else_explains() {
    for difference in DIFFERENCES {
        let bytes = (difference.example)();
        let (own, reference) = (ours(false, &[&bytes], true), hypers(false, &[&bytes], true));
        assert!(!own.agrees_with(&reference), "{}: {own:?}", difference.name);
        let names = DIFFERENCES.iter().filter(|other| (other.explains)(&bytes, &own, &reference));
        let names: Vec<_> = names.map(|other| other.name).collect();
        assert_eq!(names, [difference.name]);
    }
}

#[test]
fn each_is_told_in_the_documentation() {
    let page = include_str!("../../../docs/http.md");
    let section = page.split_once("## Other than hyper").expect("the section").1;
    let section = section.split_once("\n## ").expect("a section behind it").0;
    let mut rest = section;
    for difference in DIFFERENCES {
        let row = format!("\n| {} |", difference.name);
        rest = rest.split_once(&row).unwrap_or_else(|| panic!("no row, in this order: {row}")).1;
    }
    let rows = section.lines().filter(|line| line.starts_with("| ")).count();
    assert_eq!(rows, DIFFERENCES.len() + 1, "the heading and a row each");
}
