//! The examples of RFC 7541's appendix C, what must be refused, and that whatever is encoded comes back.

use proptest::prelude::*;

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap())
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<String>, HpackError> {
    let mut fields = Vec::new();
    decoder.decode(block, |name, value| {
        fields.push(format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)));
    })?;
    Ok(fields)
}

/// Blocks on one connection, each with its fields and the table's weight after it.
fn check(blocks: &[(&str, &[&str], usize)]) {
    let mut decoder = Decoder::new();
    for (hex, fields, weight) in blocks {
        assert_eq!(decode(&mut decoder, &bytes(hex)).unwrap(), *fields, "{hex}");
        assert_eq!(decoder.table().weight(), *weight, "{hex}");
    }
}

#[test]
fn c_2_each_kind_of_field() {
    check(&[(
        "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
        &["custom-key: custom-header"],
        55,
    )]);
    check(&[("040c 2f73 616d 706c 652f 7061 7468", &[":path: /sample/path"], 0)]);
    check(&[("1008 7061 7373 776f 7264 0673 6563 7265 74", &["password: secret"], 0)]);
    check(&[("82", &[":method: GET"], 0)]);
}

const REQUESTS: [&[&str]; 3] = [
    &[":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
    &[":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
    &[
        ":method: GET",
        ":scheme: https",
        ":path: /index.html",
        ":authority: www.example.com",
        "custom-key: custom-value",
    ],
];

#[test]
fn c_3_requests_without_huffman() {
    check(&[
        ("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", REQUESTS[0], 57),
        ("8286 84be 5808 6e6f 2d63 6163 6865", REQUESTS[1], 110),
        ("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", REQUESTS[2], 164),
    ]);
}

#[test]
fn c_4_requests_with_huffman() {
    let blocks = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    check(&[(blocks[0], REQUESTS[0], 57), (blocks[1], REQUESTS[1], 110), (blocks[2], REQUESTS[2], 164)]);
    // And our encoder writes the very same bytes.
    let mut encoder = Encoder::new();
    for (hex, fields) in blocks.iter().zip(REQUESTS) {
        let mut out = Vec::new();
        encoder.begin(&mut out);
        for field in fields {
            let at = 1 + field[1..].find(": ").unwrap();
            encoder.field(&field.as_bytes()[..at], &field.as_bytes()[at + 2..], Indexing::Always, &mut out);
        }
        assert_eq!(out, bytes(hex), "{fields:?}");
    }
}

const RESPONSES: [&[&str]; 3] = [
    &[
        ":status: 302",
        "cache-control: private",
        "date: Mon, 21 Oct 2013 20:13:21 GMT",
        "location: https://www.example.com",
    ],
    &[
        ":status: 307",
        "cache-control: private",
        "date: Mon, 21 Oct 2013 20:13:21 GMT",
        "location: https://www.example.com",
    ],
    &[
        ":status: 200",
        "cache-control: private",
        "date: Mon, 21 Oct 2013 20:13:22 GMT",
        "location: https://www.example.com",
        "content-encoding: gzip",
        "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    ],
];

/// The appendix's responses, on a table of 256 bytes from which entries fall out.
fn check_responses(blocks: [&str; 3]) {
    let mut decoder = Decoder::new();
    // "3fe101": the table's size becomes 256.
    for ((hex, fields), weight) in blocks.iter().zip(RESPONSES).zip([222, 222, 215]) {
        let start = if weight == 222 && fields[0].ends_with("302") { "3fe101" } else { "" };
        assert_eq!(decode(&mut decoder, &bytes(&format!("{start}{hex}"))).unwrap(), fields);
        assert_eq!(decoder.table().weight(), weight);
    }
}

#[test]
fn c_5_responses_without_huffman() {
    check_responses([
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d
         546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f
         6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b
         2076 6572 7369 6f6e 3d31",
    ]);
}

#[test]
fn c_6_responses_with_huffman() {
    check_responses([
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7
         8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335
         dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
    ]);
}

#[test]
fn what_is_malformed_is_refused() {
    for (hex, error) in [
        ("80", HpackError::Index),
        ("be", HpackError::Index),
        ("ff80 8080 8010", HpackError::Integer),
        ("ff", HpackError::Truncated),
        ("7f00 0161", HpackError::Index),
        ("40", HpackError::Truncated),
        ("4002 61", HpackError::Truncated),
        ("4001 61", HpackError::Truncated),
        ("4001 6181 00", HpackError::Huffman),
        ("4001 6184 ffff ffff", HpackError::Huffman),
        ("3fe2 1f", HpackError::TableSize),
        ("8220", HpackError::TableSize),
    ] {
        assert_eq!(decode(&mut Decoder::new(), &bytes(hex)), Err(error), "{hex}");
    }
    // Twice at the beginning is fine: the smallest and the last.
    assert_eq!(decode(&mut Decoder::new(), &bytes("20 3fe1 1f 82")).unwrap(), [":method: GET"]);
}

#[test]
fn a_peers_smaller_table_is_confirmed_and_kept() {
    let mut encoder = Encoder::new();
    let mut out = Vec::new();
    encoder.field(b"a", b"1", Indexing::Always, &mut out);
    encoder.resize(0);
    encoder.resize(100);
    out.clear();
    encoder.begin(&mut out);
    assert_eq!(out, bytes("20 3f45"));
    encoder.field(b"a", b"1", Indexing::Always, &mut out);
    assert_eq!(out.len(), 3 + 5, "it is no longer known");
    out.clear();
    encoder.begin(&mut out);
    assert!(out.is_empty());
    // More than the default is not taken.
    encoder.resize(1 << 20);
    encoder.begin(&mut out);
    assert_eq!(out, bytes("3fe1 1f"));
}

#[test]
fn a_path_enters_the_table_when_it_comes_again() {
    let mut encoder = Encoder::new();
    let mut length = |path: &[u8]| {
        let mut out = Vec::new();
        encoder.field(b":path", path, Indexing::Again, &mut out);
        out.len()
    };
    assert!(length(b"/abc") > 1);
    assert!(length(b"/abc") > 1, "now it enters");
    assert_eq!(length(b"/abc"), 1);
    assert!(length(b"/def") > 1);
}

#[test]
fn a_table_keeps_no_more_text_than_twice_its_size() {
    let mut decoder = Decoder::new();
    for number in 0..10_000 {
        let value = format!("{number:0>100}");
        let mut block = vec![0x40, 1, b'a', 100];
        block.extend_from_slice(value.as_bytes());
        assert_eq!(decode(&mut decoder, &block).unwrap(), [format!("a: {value}")]);
        assert_eq!(decode(&mut decoder, &[0xbe]).unwrap(), [format!("a: {value}")]);
    }
    assert!(decoder.table().weight() <= TABLE_MAX_BYTES);
    assert!(decoder.table().text_capacity() <= 4 * TABLE_MAX_BYTES);
}

proptest! {
    #[test]
    fn what_is_encoded_comes_back(
        blocks in prop::collection::vec(
            (prop::option::of(0usize..5000), prop::collection::vec(("[a-z:-]{1,12}", prop::collection::vec(any::<u8>(), 0..300), 0usize..4), 0..12)),
            1..12,
        ),
    ) {
        let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
        for (size, fields) in blocks {
            if let Some(size) = size {
                encoder.resize(size);
            }
            let mut out = Vec::new();
            encoder.begin(&mut out);
            for (name, value, how) in &fields {
                let how = [Indexing::Always, Indexing::Again, Indexing::Secret, Indexing::Never][*how];
                encoder.field(name.as_bytes(), value, how, &mut out);
            }
            let mut back = Vec::new();
            decoder.decode(&out, |name, value| back.push((name.to_vec(), value.to_vec()))).unwrap();
            let sent: Vec<_> = fields.into_iter().map(|(name, value, _)| (name.into_bytes(), value)).collect();
            prop_assert_eq!(back, sent);
        }
    }

    #[test]
    fn odd_blocks_are_refused_or_read_but_never_worse(blocks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..8)) {
        let mut decoder = Decoder::new();
        for block in blocks {
            let _ = decode(&mut decoder, &block);
            prop_assert!(decoder.table().weight() <= TABLE_MAX_BYTES);
        }
    }
}
