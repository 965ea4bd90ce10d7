//! How records lie in the file, so that any cut and any change is noticed.
//!
//! | bytes | |
//! |---|---|
//! | 17 | `runner journal 1` and a newline |
//! | 4 | the payload's length, little-endian |
//! | 1 | the record's kind |
//! | length | the payload |
//! | 4 | CRC-32 (as in zip, PNG, Ethernet) over length, kind and payload, begun with the checksum before; little-endian |
//!
//! and so on. The first record's checksum begins with that of the first line. Since each goes on from the one before, no record can be left
//! out, doubled, moved, or come from another run.

use std::io::{self, Read};

use crc32fast::Hasher;

use super::JournalError;

/// What a journal begins with; the number is its form.
pub(super) const FIRST_LINE: &[u8; 17] = b"runner journal 1\n";

/// Where in it the number stands.
const NUMBER_AT: usize = 15;

/// Length and kind.
const OPENING_BYTES: usize = 5;

/// A checksum.
const CLOSING_BYTES: usize = 4;

/// The largest payload. A second of ten thousand series with a histogram each takes a tenth of it.
pub(super) const PAYLOAD_BYTES_MAX: usize = 64 << 20;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What is played: the first record, and only that.
    Head,
    /// A second.
    Second,
    /// The sum of the seconds so far.
    Total,
    /// The run's document: the last record.
    End,
}

impl Kind {
    const ALL: [(u8, Self); 4] = [(1, Self::Head), (2, Self::Second), (3, Self::Total), (4, Self::End)];

    fn of(number: u8) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == number).map(|(_, kind)| *kind)
    }

    fn number(self) -> u8 {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or(0, |(number, _)| *number)
    }
}

/// The checksum that the first record's goes on from.
pub(super) fn first_checksum() -> u32 {
    crc32fast::hash(FIRST_LINE)
}

/// Puts a record behind others; gives its checksum. The payload is at most [`PAYLOAD_BYTES_MAX`].
pub(super) fn put(out: &mut Vec<u8>, kind: Kind, payload: &[u8], before: u32) -> u32 {
    let length = u32::try_from(payload.len()).expect("payloads are far shorter");
    let begin = out.len();
    out.extend_from_slice(&length.to_le_bytes());
    out.push(kind.number());
    out.extend_from_slice(payload);
    let mut hasher = Hasher::new_with_initial(before);
    hasher.update(&out[begin..]);
    let checksum = hasher.finalize();
    out.extend_from_slice(&checksum.to_le_bytes());
    checksum
}

/// Why there is no further record.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file ends behind a record.
    Over,
    /// It ends within one: so many bytes of it are there.
    Cut(u64),
    /// A record is not what was written.
    Damaged(&'static str),
    /// The system's answer.
    Io(io::Error),
}

/// A place between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// From the file's beginning.
    pub(super) offset: u64,
    /// The checksum of the record before.
    pub(super) checksum: u32,
}

/// Reads records, each whole and as it was written.
#[derive(Debug)]
pub(super) struct Frames<R> {
    input: R,
    place: Place,
    payload: Vec<u8>,
}

impl<R: Read> Frames<R> {
    /// From the beginning of a file.
    pub(super) fn open(mut input: R) -> Result<Self, JournalError> {
        let mut line = [0; FIRST_LINE.len()];
        let got = fill(&mut input, &mut line)?;
        if got < line.len() && FIRST_LINE.starts_with(&line[..got]) {
            return Err(JournalError::Head { what: "the file ends in its first line".to_owned() });
        }
        if line != *FIRST_LINE {
            let (found, mut same) = (line[NUMBER_AT], line);
            same[NUMBER_AT] = FIRST_LINE[NUMBER_AT];
            let is_ours = same == *FIRST_LINE && found.is_ascii_digit();
            let version = JournalError::Version { found: char::from(found) };
            return Err(if is_ours { version } else { JournalError::Foreign });
        }
        let place = Place { offset: FIRST_LINE.len() as u64, checksum: first_checksum() };
        Ok(Self::resume(input, place))
    }

    /// From a place at which the input stands.
    pub(super) fn resume(input: R, place: Place) -> Self {
        Self { input, place, payload: Vec::new() }
    }

    /// Where the next record begins.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The payload of the record that was read last.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Reads the next record. Memory grows with the bytes that are there, whatever length is said.
    pub(super) fn next(&mut self) -> Result<Kind, Stop> {
        self.payload.clear();
        let mut opening = [0; OPENING_BYTES];
        let got = fill(&mut self.input, &mut opening).map_err(Stop::Io)?;
        if got == 0 {
            return Err(Stop::Over);
        }
        if got < OPENING_BYTES {
            return Err(Stop::Cut(got as u64));
        }
        let [a, b, c, d, kind] = opening;
        let length = u32::from_le_bytes([a, b, c, d]);
        if length as usize > PAYLOAD_BYTES_MAX {
            return Err(Stop::Damaged("a record says it is longer than any"));
        }
        let kind = Kind::of(kind).ok_or(Stop::Damaged("a record is of no known kind"))?;
        let wanted = u64::from(length) + CLOSING_BYTES as u64;
        let got = self.input.by_ref().take(wanted).read_to_end(&mut self.payload).map_err(Stop::Io)?;
        if (got as u64) < wanted {
            return Err(Stop::Cut((OPENING_BYTES + got) as u64));
        }
        let mut hasher = Hasher::new_with_initial(self.place.checksum);
        hasher.update(&opening);
        hasher.update(&self.payload[..length as usize]);
        let checksum = hasher.finalize();
        if self.payload[length as usize..] != checksum.to_le_bytes() {
            return Err(Stop::Damaged("a record doesn't match its checksum"));
        }
        self.payload.truncate(length as usize);
        self.place.offset += OPENING_BYTES as u64 + wanted;
        self.place.checksum = checksum;
        Ok(kind)
    }
}

/// Reads until the buffer is full or the input at its end; gives how much came.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match input.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(more) => got += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}
