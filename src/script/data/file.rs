//! A data file as one text: read once, to its exact size, and told what is wrong with its bytes.

use std::io::Read;
use std::path::Path;

use super::super::error::HostError;
use super::super::folder;
use crate::units::format_size;

/// The largest data file. Offsets into it are 32 bits wide, and all of it stays in memory.
pub const DATA_BYTES_MAX: u64 = 1 << 30;

/// What some editors put in front of a text; it is no part of it.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The text of a file within the script's folder.
pub(super) fn read(folder: &Path, path: &str) -> Result<String, HostError> {
    let (file, size) = folder::open(folder, path)?;
    let too_large = || {
        HostError::new(format!("`{path}` is larger than {}", format_size(DATA_BYTES_MAX as f64)))
            .hint("all users share it, and it stays in memory: take the rows that the test needs")
            .word(path)
    };
    if size > DATA_BYTES_MAX {
        return Err(too_large());
    }
    // To the byte: a buffer that doubles would cost up to twice the file.
    let mut bytes = Vec::with_capacity(usize::try_from(size).map_err(|_| too_large())?);
    file.take(DATA_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| HostError::new(format!("`{path}` can't be read: {error}")).word(path))?;
    if bytes.len() as u64 > DATA_BYTES_MAX {
        return Err(too_large());
    }
    text(path, bytes)
}

fn text(path: &str, bytes: Vec<u8>) -> Result<String, HostError> {
    let fault = |message: String| HostError::new(message).word(path);
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(fault(format!("`{path}` is in UTF-16")).hint("save it in UTF-8"));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let byte = error.as_bytes()[offset];
        let line = 1 + memchr::memchr_iter(b'\n', &error.as_bytes()[..offset]).count();
        fault(format!("`{path}:{line}` is no text in UTF-8: byte {offset} of the file is 0x{byte:02x}"))
            .hint("save it in UTF-8: is it in Latin-1, or no text at all?")
    })?;
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len());
    }
    if text.trim_ascii().is_empty() {
        return Err(fault(format!("`{path}` is empty")).hint("a test without data measures nothing"));
    }
    let old_ends = memchr::memchr(b'\r', text.as_bytes()).is_some();
    if old_ends && memchr::memchr(b'\n', text.as_bytes()).is_none() {
        return Err(fault(format!("the lines of `{path}` end in CR alone")).hint("save it with LF or CRLF"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_loses_its_mark_and_nothing_else() {
        assert_eq!(text("a.csv", b"\xef\xbb\xbfa,b\r\n".to_vec()).unwrap(), "a,b\r\n");
        assert_eq!(text("a.csv", "ü".into()).unwrap(), "ü");
    }

    #[test]
    fn what_is_no_text_is_told_with_its_place() {
        for (bytes, said) in [
            (&b"\xff\xfea\0"[..], "`a.csv` is in UTF-16"),
            (b"\xfe\xff\0a", "`a.csv` is in UTF-16"),
            (b"a,b\nM\xfcller,1\n", "`a.csv:2` is no text in UTF-8: byte 5 of the file is 0xfc"),
            (b"", "`a.csv` is empty"),
            (b"\xef\xbb\xbf\r\n", "`a.csv` is empty"),
            (b"a,b\r1,2\r", "the lines of `a.csv` end in CR alone"),
        ] {
            let error = text("a.csv", bytes.to_vec()).unwrap_err();
            assert_eq!(error.message, said);
            assert!(error.hint.is_some() && error.word.as_deref() == Some("a.csv"));
        }
    }

    #[test]
    fn a_file_takes_its_size_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.txt"), "x".repeat(100_001)).unwrap();
        let text = read(folder.path(), "a.txt").unwrap();
        assert_eq!((text.len(), text.capacity()), (100_001, 100_001));
    }

    #[test]
    fn a_file_over_the_limit_is_refused_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        // Sparse: it takes no room.
        std::fs::File::create(folder.path().join("big.csv")).unwrap().set_len(DATA_BYTES_MAX + 1).unwrap();
        let error = read(folder.path(), "big.csv").unwrap_err();
        assert!(error.message.starts_with("`big.csv` is larger than"), "{error}");
    }
}
