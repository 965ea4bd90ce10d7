//! Random responses, valid, nearly valid and broken: the same however they are cut, and the same to
//! hyper's client but for the known differences.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::difference::explained;
use super::seen::{hypers, ours};

const STATUS_LINES: &[&str] = &[
    "HTTP/1.1 200 OK",
    "HTTP/1.1 200 OK",
    "HTTP/1.0 200 OK",
    "HTTP/1.1 204 No Content",
    "HTTP/1.1 304 Not Modified",
    "HTTP/1.1 404 Not found, sorry",
    "HTTP/1.1 503",
    "HTTP/1.1 299 ",
    "HTTP/1.1 699 \u{fc}ber",
    "HTTP/1.0 404 Not Found",
    "HTTP/1.1 099 Low",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 20x OK",
    "HTTP/1.1  200 OK",
    "HTTP/1.1 200  OK",
    "HTTP/1.2 200 OK",
    "HTTP/2 200 OK",
    "http/1.1 200 OK",
    "HTTP/1.1 101 Switching Protocols",
    "ICY 200 OK",
    "",
];

const HEADERS: &[&str] = &[
    "Date: Fri, 27 Nov 2026 12:00:00 GMT",
    "Set-Cookie: a=1; Path=/",
    "set-cookie: b=2",
    "X-Empty:",
    "X-Blank:  \t ",
    "X-Many:  a\tb  c \t",
    "X-Umlaut: \u{e4}\u{f6}",
    "Connection: close",
    "Connection: Keep-Alive",
    "Connection: x, close",
    "Connection: x,\tkeep-alive",
    "connection: closed",
    "Connection: keep-alive, close",
    "Keep-Alive: timeout=5",
    "X : space",
    " X: folded",
    "no colon",
    ": no name",
    "X\u{0}: nul",
    "X: nul\u{0}",
    "X: cr\rhere",
    "X\u{e4}: name",
    "Content-Length: 3",
    "Content-Length: 3, 3",
    "Content-Length: 3, 4",
    "Content-Length: +3",
    "Content-Length: -3",
    "Content-Length: 3 3",
    "Content-Length: 0x3",
    "Content-Length:",
    "Content-Length: ,3",
    "Content-Length: 18446744073709551615",
    "Content-Length: 18446744073709551616",
    "Content-Length: 003",
    "content-LENGTH:\t4 ",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: Chunked",
    "transfer-encoding:  chunked\t",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: chunked;q=1",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding:",
    "Transfer-Encoding: chunked,",
    "Transfer_Encoding: chunked",
    "Trailer: X-Sum",
];

const CHUNK_SIZES: &[&str] = &[
    "5",
    "5",
    "05",
    "5;name=value",
    "5; a=\"b;c\"",
    "5 ;a",
    "5 ",
    "5\t",
    "5 6",
    "5;\u{1}",
    "5;\r",
    "g",
    "",
    "-5",
    "0x5",
    "00000000000000000005",
    "10000000000000005",
    "fffffffffffffffff",
    "ffffffff",
    "4",
    "6",
];

const TRAILERS: &[&str] = &[
    "X-Sum: 1\r\n",
    "X-Empty:\r\n",
    "no colon\r\n",
    "X : y\r\n",
    " X: y\r\n",
    "X: y\n",
    "X: \u{1}\r\n",
    "\r",
];

const BODIES: &[&str] = &["", "abc", "abcd", "ab", "abcHTTP/1.1 200 OK\r\n\r\n", "0\r\n\r\n"];

/// Mostly the usual line end.
fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![80 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r"), 1 => Just("\r\r\n")]
}

/// Text of these characters as single bytes, so that those above 0x7f are no UTF-8.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect()
}

fn head() -> impl Strategy<Value = String> {
    let lines = proptest::collection::vec(
        (prop_oneof![10 => select(&HEADERS[..14]), 1 => select(HEADERS)], line_end()),
        0..6,
    );
    let status = prop_oneof![8 => select(&STATUS_LINES[..5]), 1 => select(STATUS_LINES)];
    (status, line_end(), lines, line_end()).prop_map(|(status, end, lines, last)| {
        let lines = lines.into_iter().map(|(line, end)| line.to_owned() + end).collect::<Vec<_>>().concat();
        format!("{status}{end}{lines}{last}")
    })
}

fn chunks() -> impl Strategy<Value = String> {
    let size = prop_oneof![3 => select(&CHUNK_SIZES[..8]), 1 => select(CHUNK_SIZES)];
    let trailers = prop_oneof![4 => Just(vec![]), 1 => proptest::collection::vec(select(TRAILERS), 0..3)];
    let last = prop_oneof![8 => Just("0\r\n"), 1 => Just("000;x\r\n"), 1 => Just("")];
    let end = prop_oneof![8 => Just("\r\n"), 1 => Just("\n"), 1 => Just(""), 1 => Just("\r\nmore")];
    (proptest::collection::vec((size, line_end(), line_end()), 0..4), last, trailers, end).prop_map(
        |(chunks, last, trailers, end)| {
            let mut body = String::new();
            for (size, first, second) in chunks {
                let _ = write!(body, "{size}{first}hello{second}");
            }
            body + last + &trailers.concat() + end
        },
    )
}

/// A response by the grammar's parts, of which any may be wrong.
fn response() -> impl Strategy<Value = Vec<u8>> {
    let interim = prop_oneof![
        6 => Just(String::new()),
        1 => Just("HTTP/1.1 100 Continue\r\n\r\n".to_owned()),
        1 => Just("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n".to_owned()),
        1 => (0_usize..20).prop_map(|count| "HTTP/1.1 100 Continue\r\n\r\n".repeat(count)),
    ];
    let length = (head(), select(BODIES)).prop_map(|(head, body)| head + body);
    // The coding stands first, so that what follows may contradict it.
    let chunked = (head(), chunks()).prop_map(|(head, body)| {
        let (line, rest) = head.split_once("\r\n").unwrap_or((&head, "\r\n"));
        format!("{line}\r\nTransfer-Encoding: chunked\r\n{rest}{body}")
    });
    let sized = (head(), select(BODIES)).prop_map(|(head, body)| {
        let (line, rest) = head.split_once("\r\n").unwrap_or((&head, "\r\n"));
        format!("{line}\r\nContent-Length: 3\r\n{rest}{body}")
    });
    (interim, prop_oneof![length, chunked, sized])
        .prop_map(|(interim, response)| latin1(&(interim + &response)))
}

/// A change of one byte somewhere.
#[derive(Clone, Debug)]
enum Slip {
    Set(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Truncate(Index),
}

impl Slip {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Set(at, byte) => *at.get_mut(bytes) = *byte,
            Self::Insert(at, byte) => bytes.insert(at.index(bytes.len()), *byte),
            Self::Remove(at) => drop(bytes.remove(at.index(bytes.len()))),
            Self::Truncate(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
}

fn slips() -> impl Strategy<Value = Vec<Slip>> {
    let byte = prop_oneof![any::<u8>(), select(&b"\r\n\0 \t:;,0123456789afHTP/"[..])];
    let slip = prop_oneof![
        (any::<Index>(), byte.clone()).prop_map(|(at, byte)| Slip::Set(at, byte)),
        (any::<Index>(), byte).prop_map(|(at, byte)| Slip::Insert(at, byte)),
        any::<Index>().prop_map(Slip::Remove),
        any::<Index>().prop_map(Slip::Truncate),
    ];
    prop_oneof![5 => Just(vec![]), 1 => proptest::collection::vec(slip, 1..3)]
}

/// A response, perhaps with slips, and whether it answers a HEAD and ends with the connection.
fn answer() -> impl Strategy<Value = (Vec<u8>, bool, bool)> {
    (response(), slips(), proptest::bool::weighted(0.1), proptest::bool::weighted(0.8)).prop_map(
        |(mut bytes, slips, to_head, closed)| {
            for slip in &slips {
                slip.apply(&mut bytes);
            }
            (bytes, to_head, closed)
        },
    )
}

/// Where the input is cut: any places, in order.
fn cut<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for place in places.into_iter().chain([bytes.len()]) {
        pieces.push(&bytes[from..place]);
        from = place;
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn check(bytes: &[u8], to_head: bool, closed: bool, cuts: &[Index]) -> Result<(), TestCaseError> {
    let own = ours(to_head, &cut(bytes, &[]), closed);
    prop_assert_eq!(&ours(to_head, &cut(bytes, cuts), closed), &own, "cut at random");
    for at in 1..bytes.len() {
        let (first, second) = bytes.split_at(at);
        prop_assert_eq!(&ours(to_head, &[first, second], closed), &own, "cut at {}", at);
    }
    let bytewise: Vec<&[u8]> = bytes.chunks(1).collect();
    prop_assert_eq!(&ours(to_head, &bytewise, closed), &own, "byte by byte");
    // A head that never ends is refused by hyper at its first wrong byte, by us when it ends; one of the two
    // comes in any case, if only with the connection's end.
    let reference = hypers(to_head, &cut(bytes, cuts), true);
    let own = ours(to_head, &cut(bytes, &[]), true);
    prop_assert!(
        own.agrees_with(&reference) || explained(bytes, &own, &reference).is_some(),
        "{:?}\nours: {:?}\nhyper's: {:?}",
        String::from_utf8_lossy(bytes),
        own,
        reference
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn random_responses_are_seen_as_hyper_sees_them(
        (bytes, to_head, closed) in answer(),
        cuts in proptest::collection::vec(any::<Index>(), 0..6),
    ) {
        check(&bytes, to_head, closed, &cuts)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn full_random_responses_are_seen_as_hyper_sees_them(
        (bytes, to_head, closed) in answer(),
        cuts in proptest::collection::vec(any::<Index>(), 0..6),
    ) {
        check(&bytes, to_head, closed, &cuts)?;
    }
}

#[test]
fn random_responses_are_often_complete() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let strategy = answer();
    let mut complete = 0;
    for _ in 0..500 {
        let (bytes, to_head, _) = strategy.new_tree(&mut runner).unwrap().current();
        complete += usize::from(ours(to_head, &[&bytes], true).message().is_some());
    }
    // Else the comparison would be one of errors alone.
    assert!((100..450).contains(&complete), "{complete} of 500");
}
