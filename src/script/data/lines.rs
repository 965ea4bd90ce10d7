//! A text by lines: each that isn't blank is an item.

use std::path::Path;

use super::super::error::HostError;
use super::file;
use super::index::Index;

/// The lines of a file.
#[derive(Debug)]
pub(in super::super) struct Lines {
    text: String,
    index: Index,
}

impl Lines {
    /// Reads a file within the script's folder.
    pub(super) fn read(folder: &Path, path: &str) -> Result<Self, HostError> {
        Ok(Self::new(file::read(folder, path)?))
    }

    fn new(text: String) -> Self {
        let mut index = Index::new(text.len());
        let mut at = 0;
        while let Some((start, end)) = line(&text, at) {
            index.push(start);
            at = end;
        }
        Self { text, index }
    }

    /// How many there are.
    pub(in super::super) fn len(&self) -> usize {
        self.index.len()
    }

    /// A line without its end.
    pub(in super::super) fn at(&self, index: usize) -> Option<&str> {
        let (mut at, skip) = self.index.near(index)?;
        for _ in 0..skip {
            (_, at) = line(&self.text, at)?;
        }
        let (start, end) = line(&self.text, at)?;
        Some(&self.text[start..end])
    }
}

/// The first line from `at` that isn't blank: where it begins and ends.
fn line(text: &str, mut at: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    while at < bytes.len() {
        let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |length| at + length);
        let length = bytes[at..end].strip_suffix(b"\r").unwrap_or(&bytes[at..end]).len();
        if length > 0 {
            return Some((at, at + length));
        }
        at = end + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_they_like_and_blank_ones_are_left_out() {
        let lines = Lines::new("a\r\n\nb\n\r\n c ".to_owned());
        assert_eq!((lines.len(), lines.at(0), lines.at(1)), (3, Some("a"), Some("b")));
        assert_eq!((lines.at(2), lines.at(3)), (Some(" c "), None));
    }

    #[test]
    fn short_lines_are_all_found() {
        let text: String = (0..10_000).fold(String::new(), |all, n| all + &format!("{n}\n"));
        let lines = Lines::new(text);
        assert_eq!(lines.len(), 10_000);
        assert!((0..10_000).all(|n| lines.at(n) == Some(&n.to_string())));
    }
}
