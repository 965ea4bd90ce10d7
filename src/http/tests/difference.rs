//! Where our decoder means to differ from hyper's client: each with its reason, and told in `docs/http.md`.
//!
//! A difference is looked up by what we said, not by what was sent: so a disagreement that no entry
//! explains fails its test.

use super::super::error::Failure;
use super::seen::Seen;

/// One deliberate difference.
pub(super) struct Difference {
    /// As the table in `docs/http.md` names it.
    pub(super) name: &'static str,
    /// Whether it explains that we saw this, and hyper that, in these bytes.
    explains: fn(&[u8], &Seen, &Seen) -> bool,
}

/// All of them, in the order of the documentation.
pub(super) const DIFFERENCES: &[Difference] = &[
    Difference {
        name: "chunks in HTTP/1.0",
        explains: |bytes, ours, hypers| {
            let Some(message) = ours.message() else { return false };
            message.is_1_0 && !message.reusable && has(bytes, "transfer-encoding") && refused(hypers)
        },
    },
    Difference {
        name: "content-length beside chunks",
        explains: |bytes, ours, hypers| {
            let both = has(bytes, "transfer-encoding") && has(bytes, "content-length");
            let (Some(ours), Some(hypers)) = (ours.message(), hypers.message()) else { return false };
            both && !ours.reusable && hypers.reusable && ours.body == hypers.body
        },
    },
    Difference {
        name: "another transfer coding",
        explains: |_, ours, _| ours.failure() == Some(&Failure::TransferCoding),
    },
    Difference {
        name: "a wrong content-length where it doesn't count",
        explains: |_, ours, _| {
            matches!(ours.failure(), Some(Failure::ContentLength | Failure::ConflictingLength))
        },
    },
    Difference {
        name: "switching protocols",
        explains: |_, ours, _| ours.failure() == Some(&Failure::Upgrade),
    },
    Difference {
        name: "endless interim responses",
        explains: |_, ours, _| matches!(ours.failure(), Some(Failure::TooManyInterim { .. })),
    },
    Difference {
        name: "blank lines before the status line",
        explains: |bytes, ours, _| {
            ours.failure() == Some(&Failure::NotHttp)
                && (bytes.starts_with(b"\r\n") || bytes.starts_with(b"\n") || has(bytes, "\n\r\n") || has(bytes, "\n\n"))
        },
    },
    Difference {
        name: "control characters in chunk extensions",
        explains: |bytes, ours, hypers| {
            ours.failure() == Some(&Failure::Chunk) && hypers.message().is_some() && has(bytes, ";")
        },
    },
    Difference {
        name: "limits",
        explains: |_, ours, _| {
            matches!(
                ours.failure(),
                Some(
                    Failure::BodyTooLarge { .. } | Failure::HeadTooLarge { .. } | Failure::ChunkOverhead { .. }
                )
            )
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
