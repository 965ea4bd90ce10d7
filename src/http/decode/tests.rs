//! Every framing rule, each input whole and cut at every boundary.

use proptest::prelude::*;

use super::*;

const LIMIT: u64 = 1000;

/// Status, body and reuse, or the failure, of a response that comes in `pieces`, then a close.
fn decode<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    to_head: bool,
) -> Result<(u16, String, bool), Failure> {
    let mut decoder = Decoder::new(to_head, Receive { max_bytes: LIMIT, discard: false });
    let mut complete = false;
    for piece in pieces {
        if complete {
            // The client stops reading; what follows is found by the pool's probe.
            decoder.leftover = true;
        } else {
            complete = decoder.feed(piece)? == Progress::Complete;
        }
    }
    if !complete {
        decoder.end()?;
    }
    let (response, reusable) = decoder.finish();
    Ok((response.status(), response.text().into_owned(), reusable))
}

/// The same whole, byte by byte, and cut in two at every boundary.
#[track_caller]
fn every_split(input: &[u8], to_head: bool) -> Result<(u16, String, bool), Failure> {
    let whole = decode([input], to_head);
    assert_eq!(decode(input.chunks(1), to_head), whole, "byte by byte");
    for at in 1..input.len() {
        assert_eq!(decode([&input[..at], &input[at..]], to_head), whole, "cut at {at}");
    }
    whole
}

#[track_caller]
fn ok(input: &str) -> (u16, String, bool) {
    every_split(input.as_bytes(), false).unwrap()
}

#[track_caller]
fn failure(input: &str) -> Failure {
    every_split(input.as_bytes(), false).unwrap_err()
}

#[test]
fn frames_a_body_by_its_length() {
    let read = |body: &str, reusable| (200, body.to_owned(), reusable);
    assert_eq!(ok("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), read("hello", true));
    assert_eq!(ok("HTTP/1.1 200 OK\ncontent-length:5\n\nhello"), read("hello", true));
    assert_eq!(ok("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), read("", true));
    assert_eq!(
        ok("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nab"),
        read("ab", true)
    );
    // More than was announced: what it is nobody knows, so the connection goes.
    assert_eq!(ok("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc"), read("ab", false));
    assert_eq!(failure("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"), Failure::TruncatedBody);
    for length in ["x", "-1", "+5", "", "5,", "1 2", "99999999999999999999"] {
        assert_eq!(
            failure(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nhello")),
            Failure::ContentLength
        );
    }
    for lengths in ["5, 6", "5\r\nContent-Length: 6"] {
        assert_eq!(
            failure(&format!("HTTP/1.1 200 OK\r\nContent-Length: {lengths}\r\n\r\nhello")),
            Failure::ConflictingLength
        );
    }
}

#[test]
fn frames_a_body_by_chunks() {
    let chunks = "3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nX-Sum: 1\r\n\r\n";
    let read = |reusable| (200, "hello".to_owned(), reusable);
    assert_eq!(ok(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n{chunks}")), read(true));
    assert_eq!(ok(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}x")), read(false));
    // Both framings: chunks count, and the connection is not trusted any further.
    assert_eq!(
        ok(&format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")),
        read(false)
    );
    assert_eq!(
        ok(&format!(
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
        )),
        read(false)
    );
    let cut = &chunks[..chunks.len() - 1];
    assert_eq!(
        failure(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{cut}")),
        Failure::TruncatedBody
    );
    assert_eq!(failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello"), Failure::Chunk);
    for coding in
        ["gzip, chunked", "gzip", "identity", "chunked, chunked", "chunked\r\nTransfer-Encoding: chunked"]
    {
        let text = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n{chunks}");
        assert_eq!(failure(&text), Failure::TransferCoding, "{coding}");
    }
}

#[test]
fn reads_until_the_close_without_a_framing() {
    assert_eq!(ok("HTTP/1.1 200 OK\r\n\r\nhello"), (200, "hello".into(), false));
    assert_eq!(ok("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n"), (200, String::new(), false));
}

#[test]
fn knows_answers_without_a_body() {
    for status in [204, 304] {
        let input = format!("HTTP/1.1 {status} X\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(ok(&input), (status, String::new(), true));
    }
    for headers in ["Content-Length: 5", "Transfer-Encoding: chunked", "X: y"] {
        let input = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n");
        assert_eq!(every_split(input.as_bytes(), true), Ok((200, String::new(), true)), "{headers}");
    }
}

#[test]
fn skips_interim_responses() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    let last = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nab";
    assert_eq!(ok(&format!("{interim}{last}")), (201, "ab".into(), true));
    assert_eq!(failure(interim), Failure::TruncatedHead);
    assert_eq!(failure("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), Failure::Upgrade);
    let most = "HTTP/1.1 102 Processing\r\n\r\n".repeat(usize::from(INTERIM_MAX));
    assert_eq!(ok(&format!("{most}{last}")).0, 201);
    let flood = format!("HTTP/1.1 102 Processing\r\n\r\n{most}");
    assert_eq!(failure(&flood), Failure::TooManyInterim { max: INTERIM_MAX });
}

#[test]
fn keeps_alive_by_version_and_connection_header() {
    for (version, connection, reusable) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "CONNECTION: Foo , Close\r\n", false),
        ("1.1", "Connection: keep-alive\r\n", true),
        ("1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let input = format!("HTTP/{version} 200 OK\r\n{connection}Content-Length: 1\r\n\r\nx");
        assert_eq!(ok(&input), (200, "x".into(), reusable), "{version} {connection}");
    }
}

#[test]
fn tells_malformed_heads_apart() {
    assert_eq!(failure(""), Failure::NoResponse);
    assert_eq!(failure("HT"), Failure::TruncatedHead);
    assert_eq!(failure("HTTP/1.1 200 OK\r\nX: y\r\n"), Failure::TruncatedHead);
    assert_eq!(failure("SSH-2.0-OpenSSH_9.6\r\n"), Failure::NotHttp);
    assert_eq!(failure("<html>hello</html>"), Failure::NotHttp);
    assert_eq!(failure("HTTP/2.0 200 OK\r\n\r\n"), Failure::Version);
    assert_eq!(failure("HTTP/1.1 abc OK\r\n\r\n"), Failure::StatusLine);
    assert_eq!(failure("HTTP/1.1 099 OK\r\n\r\n"), Failure::StatusLine);
    assert_eq!(failure("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"), Failure::FoldedHeader);
    assert_eq!(failure("HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"), Failure::NulInHead);
    assert_eq!(failure("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), Failure::ResponseHeader);
    assert_eq!(failure("HTTP/1.1 200 OK\r\nX : y\r\n\r\n"), Failure::ResponseHeader);
}

#[test]
fn heads_are_bounded() {
    let headers = |count| format!("HTTP/1.1 204 OK\r\n{}\r\n", "X: y\r\n".repeat(count));
    assert_eq!(ok(&headers(HEADERS_MAX)).0, 204);
    assert_eq!(failure(&headers(HEADERS_MAX + 1)), Failure::TooManyHeaders { max: HEADERS_MAX });

    let head = |len: usize| format!("HTTP/1.1 204 OK\r\nX: {}\r\n\r\n", "y".repeat(len - 24)).into_bytes();
    let limit = Err(Failure::HeadTooLarge { max_bytes: HEAD_MAX_BYTES });
    for step in [1000, HEAD_MAX_BYTES, 2 * HEAD_MAX_BYTES] {
        let fits = head(HEAD_MAX_BYTES);
        assert_eq!(fits.len(), HEAD_MAX_BYTES);
        assert!(decode(fits.chunks(step), false).is_ok(), "{step}");
        assert_eq!(decode(head(HEAD_MAX_BYTES + 1).chunks(step), false), limit, "{step}");
    }
    let endless = b"HTTP/1.1 204 OK\r\nX: y".repeat(HEAD_MAX_BYTES / 20);
    assert_eq!(decode(endless.chunks(1000), false), limit);
}

#[test]
fn bodies_are_bounded_in_every_framing() {
    let limit = Failure::BodyTooLarge { max_bytes: LIMIT };
    let declared = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", LIMIT + 1);
    assert_eq!(failure(&declared), limit);
    assert_eq!(failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n"), limit);
    let body = "x".repeat(usize::try_from(LIMIT).unwrap());
    assert_eq!(failure(&format!("HTTP/1.1 200 OK\r\n\r\n{body}x")), limit);
    assert_eq!(ok(&format!("HTTP/1.1 200 OK\r\n\r\n{body}")).1, body);
}

#[test]
fn a_response_of_known_length_is_one_exact_allocation() {
    let input = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let mut decoder = Decoder::new(false, Receive { max_bytes: LIMIT, discard: false });
    assert_eq!(decoder.feed(input), Ok(Progress::Complete));
    let (response, _) = decoder.finish();
    assert_eq!((response.bytes.capacity(), response.bytes.len()), (input.len(), input.len()));
}

proptest! {
    /// Bodies of any bytes, in any framing, cut anywhere, come out as they went in.
    #[test]
    fn any_split_decodes_to_the_same(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        chunk in 1_usize..50,
        cuts in proptest::collection::vec(1_usize..40, 1..20),
        chunked: bool,
    ) {
        let mut input = b"HTTP/1.1 200 OK\r\n".to_vec();
        if chunked {
            input.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            for part in body.chunks(chunk) {
                input.extend(format!("{:x};e\r\n", part.len()).bytes());
                input.extend(part);
                input.extend(b"\r\n");
            }
            input.extend(b"0\r\nT: u\r\n\r\n");
        } else {
            input.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
            input.extend(&body);
        }
        let mut decoder = Decoder::new(false, Receive { max_bytes: LIMIT, discard: false });
        let mut rest = &input[..];
        for cut in cuts.iter().cycle() {
            let (piece, more) = rest.split_at((*cut).min(rest.len()));
            rest = more;
            let progress = decoder.feed(piece).unwrap();
            prop_assert_eq!(progress == Progress::Complete, rest.is_empty());
            if rest.is_empty() {
                break;
            }
        }
        let (response, reusable) = decoder.finish();
        prop_assert_eq!(response.body(), &body[..]);
        prop_assert!(reusable);
    }

    /// No input makes the decoder panic or disagree with itself.
    #[test]
    fn garbage_fails_the_same_however_it_is_split(tail in "[HTP/1. 0-9a-f:;,\r\n\t\0x]{0,80}", cut in 0_usize..90) {
        let input = format!("HTTP/1.1 200 OK\r\n{tail}");
        let (first, second) = input.as_bytes().split_at(cut.min(input.len()));
        let pieces = [first, second].into_iter().filter(|piece| !piece.is_empty());
        prop_assert_eq!(decode(pieces, false), decode([input.as_bytes()], false));
    }
}
