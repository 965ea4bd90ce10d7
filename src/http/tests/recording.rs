//! Responses of real servers as they lie in `tests/data/responses`: a file a server, its format told
//! in the folder's `README.md`.

use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::str::Chars;

/// One answer of a real server, byte for byte.
#[derive(Debug)]
pub(super) struct Recording {
    /// Of the server's file and what was asked.
    pub(super) name: String,
    /// Whether the request was a HEAD.
    pub(super) to_head: bool,
    pub(super) bytes: Vec<u8>,
    /// Whether the server closed the connection behind it.
    pub(super) closed: bool,
}

/// All of them, by server and name.
pub(super) fn all() -> Vec<Recording> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/responses");
    let entries = std::fs::read_dir(&folder).expect("the folder of recordings");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "txt"));
    files.iter().flat_map(|file| of_file(file)).collect()
}

fn of_file(file: &Path) -> Vec<Recording> {
    let server = file.file_stem().unwrap().to_string_lossy();
    let text = std::fs::read_to_string(file).unwrap();
    let mut recordings: Vec<Recording> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("== ") {
            let [name, method, end] = title.split(" | ").collect::<Vec<_>>()[..] else {
                panic!("{server}: `{title}` is not `name | method | open or closed`");
            };
            recordings.push(Recording {
                name: format!("{server}: {name}"),
                to_head: method == "HEAD",
                bytes: Vec::new(),
                closed: end == "closed",
            });
        } else if let Some(recording) = recordings.last_mut() {
            unescape(line, &mut recording.bytes);
        }
    }
    recordings
}

/// Takes back `\r`, `\n`, `\t`, `\\`, `\xNN` and `\{N*C}`, which is N times the character C.
fn unescape(line: &str, out: &mut Vec<u8>) {
    let mut chars = line.chars().peekable();
    while chars.peek().is_some() {
        let (byte, times) = one(&mut chars);
        out.resize(out.len() + times, byte);
    }
}

fn one(chars: &mut Peekable<Chars<'_>>) -> (u8, usize) {
    let plain = |char: char| u8::try_from(char).expect("recordings are ASCII");
    match chars.next() {
        Some('\\') => match chars.next() {
            Some('r') => (b'\r', 1),
            Some('n') => (b'\n', 1),
            Some('t') => (b'\t', 1),
            Some('x') => {
                let digits: String = chars.by_ref().take(2).collect();
                (u8::from_str_radix(&digits, 16).expect("two hex digits"), 1)
            }
            Some('{') => {
                let times: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)).collect();
                assert_eq!(chars.next(), Some('*'), "a number, then `*`");
                let (byte, _) = one(chars);
                assert_eq!(chars.next(), Some('}'), "one character, then the brace");
                (byte, times.parse().unwrap())
            }
            other => (plain(other.expect("something behind a backslash")), 1),
        },
        other => (plain(other.expect("a character")), 1),
    }
}

#[test]
fn escapes_are_taken_back() {
    let mut out = Vec::new();
    unescape(r"a\r\n\\\x00\xff\{3*b}\{2*\r}c", &mut out);
    assert_eq!(out, b"a\r\n\\\0\xffbbb\r\rc");
}
