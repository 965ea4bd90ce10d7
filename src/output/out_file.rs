//! A file that grows by whole pieces: what can't be written to its end is taken back, so that a reader never meets half a
//! second. With a name in `.gz` each piece is a gzip member of its own, which every reader takes for one text.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{OutputError, Place};

/// An output's file.
pub(super) struct OutFile {
    file: File,
    /// Of what was written to its end.
    length_bytes: u64,
    is_gzip: bool,
}

impl OutFile {
    /// Makes it, or empties it.
    pub(super) fn create(place: &Place, path: &str) -> Result<Self, OutputError> {
        let file = File::create(path).map_err(|error| OutputError::Open {
            output: place.output,
            at: path.to_owned(),
            error,
        })?;
        let is_gzip = Path::new(path).extension().is_some_and(|extension| extension == "gz");
        Ok(Self { file, length_bytes: 0, is_gzip })
    }

    /// Adds a piece, or nothing of it.
    pub(super) fn append(&mut self, piece: &[u8]) -> io::Result<()> {
        if !self.is_gzip {
            return self.append_as_is(piece);
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(piece)?;
        let member = encoder.finish()?;
        self.append_as_is(&member)
    }

    fn append_as_is(&mut self, piece: &[u8]) -> io::Result<()> {
        match self.file.write_all(piece) {
            Ok(()) => {
                self.length_bytes += piece.len() as u64;
                Ok(())
            }
            Err(error) => {
                // A pipe can't take anything back.
                let _ = self.file.set_len(self.length_bytes);
                let _ = self.file.seek(SeekFrom::Start(self.length_bytes));
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::output::OUTPUTS;

    #[test]
    fn a_gzip_of_pieces_is_one_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv.gz").to_str().unwrap().to_owned();
        let place = Place::parse(OUTPUTS[0], &path).unwrap();
        let mut file = OutFile::create(&place, &path).unwrap();
        file.append(b"one\n").unwrap();
        file.append(b"two\n").unwrap();
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(File::open(&path).unwrap()).read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwo\n");
    }

    #[test]
    fn what_cannot_be_made_is_said_before_the_load() {
        let place = Place::parse(OUTPUTS[0], "/nowhere/a.jsonl").unwrap();
        let Err(error) = OutFile::create(&place, &place.at) else { panic!() };
        assert!(error.to_string().contains("`/nowhere/a.jsonl`"), "{error}");
    }
}
