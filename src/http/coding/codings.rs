//! The codings by name, and those of one response.

use std::fmt;

use super::error::CodingError;

/// Codings of one body: one is usual, two are seen where a proxy adds its own.
const CODINGS_MAX: usize = 4;

/// A content coding that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `gzip` (RFC 1952), also called `x-gzip`.
    Gzip,
    /// `deflate`: zlib's format (RFC 1950), or raw deflate (RFC 1951), which some servers send and browsers take.
    Deflate,
    /// `br` (RFC 7932).
    Brotli,
    /// `zstd` (RFC 8878, with a window of at most 8 MB by RFC 9659).
    Zstd,
}

impl Coding {
    /// All of them, the most usual first.
    pub const ALL: [Self; 4] = [Self::Gzip, Self::Deflate, Self::Brotli, Self::Zstd];

    /// As `Content-Encoding` names it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// By its name in any case; `None` for one that is not understood.
    pub fn parse(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("x-gzip") {
            return Some(Self::Gzip);
        }
        Self::ALL.into_iter().find(|coding| coding.as_str().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The codings of a body, in the order in which they were applied. Empty for a body as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Codings {
    list: [Option<Coding>; CODINGS_MAX],
    len: usize,
    /// One of them is not understood: the body is given as it came, as browsers do.
    unknown: bool,
}

impl Codings {
    /// Takes in one `Content-Encoding` field, behind those before it.
    pub(in super::super) fn add(&mut self, value: &[u8]) -> Result<(), CodingError> {
        for name in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
                continue;
            }
            if self.len == CODINGS_MAX {
                return Err(CodingError::TooMany { max: CODINGS_MAX });
            }
            let coding = str::from_utf8(name).ok().and_then(Coding::parse);
            self.unknown |= coding.is_none();
            self.list[self.len] = coding;
            self.len += 1;
        }
        Ok(())
    }

    /// Whether nothing is to be undone.
    pub(in super::super) fn is_plain(self) -> bool {
        self.len == 0 || self.unknown
    }

    /// In the order in which they are undone: the last one first.
    pub(super) fn to_undo(self) -> impl Iterator<Item = Coding> {
        let len = if self.unknown { 0 } else { self.len };
        self.list.into_iter().take(len).rev().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[&str]) -> Result<Vec<Coding>, CodingError> {
        let mut codings = Codings::default();
        for field in fields {
            codings.add(field.as_bytes())?;
        }
        let list: Vec<Coding> = codings.to_undo().collect();
        assert_eq!(codings.is_plain(), list.is_empty());
        Ok(list)
    }

    #[test]
    fn codings_are_undone_from_the_last_to_the_first() {
        use Coding::{Brotli, Deflate, Gzip, Zstd};
        for (fields, undone) in [
            (&[][..], &[][..]),
            (&["gzip"], &[Gzip]),
            (&["X-GZip"], &[Gzip]),
            (&["deflate, BR"], &[Brotli, Deflate]),
            (&["deflate", "zstd ,\tgzip"], &[Gzip, Zstd, Deflate]),
            (&["identity"], &[]),
            (&["", " , gzip,,identity"], &[Gzip]),
            (&["compress"], &[]),
            (&["gzip, exi, br"], &[]),
            (&["gzip\u{e4}"], &[]),
        ] {
            assert_eq!(read(fields).unwrap(), undone, "{fields:?}");
        }
    }

    #[test]
    fn a_tower_of_codings_is_refused() {
        assert_eq!(read(&["gzip, gzip, gzip", "gzip"]).unwrap().len(), 4);
        assert_eq!(read(&["gzip, gzip, gzip, gzip, gzip"]), Err(CodingError::TooMany { max: 4 }));
        assert_eq!(read(&["a, b, c", "d, e"]), Err(CodingError::TooMany { max: 4 }));
    }

    #[test]
    fn every_coding_is_found_by_its_own_name() {
        for coding in Coding::ALL {
            assert_eq!(Coding::parse(coding.as_str()), Some(coding));
        }
        assert_eq!(Coding::parse("brotli"), None);
    }
}
