//! A body that is not one piece of memory: files are read while they are sent, so that memory stays flat at any size.
//!
//! Reads happen on tokio's threads for blocking work, a piece ahead of the socket: a slow disk holds up its own
//! request, and no other user of the worker.

use std::fs::File;
use std::future::Future as _;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::task::{JoinHandle, spawn_blocking};

/// What is read of a file at once: few reads, and a buffer that a user can have beside thousands of others.
const READ_BYTES: usize = 128 << 10;

/// Why a body can't be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// The file is shorter than it was when the request began.
    #[error("`{path}` became shorter while it was sent")]
    Shorter {
        /// As the user wrote it.
        path: Box<str>,
    },
    /// Reading failed.
    #[error("`{path}` can't be read any further: {reason}")]
    Read {
        /// As the user wrote it.
        path: Box<str>,
        /// The system's words.
        reason: Box<str>,
    },
}

/// A file as a body or a part of one: as many bytes as it had when it was opened.
#[derive(Clone, Debug)]
pub struct FileBody {
    file: Arc<File>,
    path: Rc<str>,
    len: u64,
}

impl FileBody {
    /// An open file, its path as the user wrote it, and its size in bytes.
    pub fn new(file: File, path: &str, len: u64) -> Self {
        Self { file: Arc::new(file), path: path.into(), len }
    }

    /// Its size in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its path, as the user wrote it.
    pub fn path(&self) -> &str {
        &self.path
    }
}

/// A piece of an [`Upload`].
#[derive(Clone, Debug)]
pub enum Piece {
    /// In memory.
    Bytes(Vec<u8>),
    /// On disk.
    File(FileBody),
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.len,
        }
    }
}

/// A body in pieces.
#[derive(Clone, Debug)]
pub struct Upload {
    pieces: Rc<[Piece]>,
    len: u64,
}

impl Upload {
    /// One piece behind the other.
    pub fn new(pieces: Vec<Piece>) -> Self {
        let len = pieces.iter().map(Piece::len).sum();
        Self { pieces: pieces.into(), len }
    }

    /// Bytes in all.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its pieces, in their order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The whole body, if no file is in it.
    pub fn in_memory(&self) -> Option<Vec<u8>> {
        let mut whole = Vec::new();
        for piece in &*self.pieces {
            let Piece::Bytes(bytes) = piece else { return None };
            whole.extend_from_slice(bytes);
        }
        Some(whole)
    }
}

/// Where the sending of an [`Upload`] stands.
#[derive(Debug)]
pub(super) struct Feed {
    upload: Upload,
    /// The piece that is being sent.
    index: usize,
    /// How much of it was handed over, or read into `buffer`.
    offset: u64,
    /// What was read of a file, and how much of that was handed over.
    buffer: Vec<u8>,
    handed: usize,
    reading: Option<JoinHandle<(io::Result<()>, Vec<u8>)>>,
}

impl Feed {
    pub(super) fn new(upload: &Upload) -> Self {
        Self { upload: upload.clone(), index: 0, offset: 0, buffer: Vec::new(), handed: 0, reading: None }
    }

    /// The next bytes to send; none at the end. They come again until they were [`handed`](Self::handed) over.
    pub(super) fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<&[u8], UploadError>> {
        loop {
            let Some(piece) = self.upload.pieces.get(self.index) else { return Poll::Ready(Ok(&[])) };
            if let Some(reading) = &mut self.reading {
                let outcome = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                let (outcome, buffer) =
                    outcome.unwrap_or_else(|error| (Err(io::Error::other(error)), Vec::new()));
                outcome.map_err(|error| fault(piece, &error))?;
                self.offset += buffer.len() as u64;
                (self.buffer, self.handed) = (buffer, 0);
            }
            if self.handed < self.buffer.len() || self.offset < piece.len() {
                let Piece::File(body) = piece else { break };
                if self.handed < self.buffer.len() {
                    break;
                }
                let left = usize::try_from(body.len - self.offset).unwrap_or(READ_BYTES);
                let (file, offset) = (Arc::clone(&body.file), self.offset);
                let mut buffer = std::mem::take(&mut self.buffer);
                self.reading = Some(spawn_blocking(move || {
                    buffer.resize(left.min(READ_BYTES), 0);
                    (file.read_exact_at(&mut buffer, offset), buffer)
                }));
                continue;
            }
            self.index += 1;
            self.offset = 0;
            self.buffer.clear();
            self.handed = 0;
        }
        Poll::Ready(Ok(self.bytes()))
    }

    /// What is at hand of the piece that is being sent.
    fn bytes(&self) -> &[u8] {
        match self.upload.pieces.get(self.index) {
            Some(Piece::Bytes(bytes)) => &bytes[usize::try_from(self.offset).unwrap_or(bytes.len())..],
            _ => &self.buffer[self.handed..],
        }
    }

    /// So many of the bytes went out.
    pub(super) fn handed(&mut self, count: usize) {
        match self.upload.pieces.get(self.index) {
            Some(Piece::Bytes(_)) => self.offset += count as u64,
            _ => self.handed += count,
        }
    }
}

fn fault(piece: &Piece, error: &io::Error) -> UploadError {
    let path = match piece {
        Piece::File(file) => (*file.path).into(),
        Piece::Bytes(_) => "".into(),
    };
    match error.kind() {
        io::ErrorKind::UnexpectedEof => UploadError::Shorter { path },
        _ => UploadError::Read { path, reason: error.to_string().into() },
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Write as _;

    use super::*;

    fn file(bytes: &[u8]) -> FileBody {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        FileBody::new(file, "data.bin", bytes.len() as u64)
    }

    /// All that a feed gives, at most `step` bytes taken at a time.
    fn drain(upload: &Upload, step: usize) -> Result<Vec<u8>, UploadError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut feed, mut all) = (Feed::new(upload), Vec::new());
            loop {
                let taken =
                    poll_fn(|cx| feed.poll_bytes(cx).map_ok(|bytes| bytes[..bytes.len().min(step)].to_vec()))
                        .await?;
                if taken.is_empty() {
                    return Ok(all);
                }
                feed.handed(taken.len());
                all.extend(taken);
            }
        })
    }

    #[test]
    fn pieces_are_given_in_order_and_whole() {
        let large: Vec<u8> = (0..400_000_u32).map(|number| number.to_le_bytes()[1]).collect();
        let upload = Upload::new(vec![
            Piece::Bytes(b"first".to_vec()),
            Piece::Bytes(Vec::new()),
            Piece::File(file(&large)),
            Piece::File(file(b"")),
            Piece::File(file(b"small")),
            Piece::Bytes(b"last".to_vec()),
        ]);
        let expected = [b"first", &large[..], b"small", b"last"].concat();
        assert_eq!(upload.len(), expected.len() as u64);
        for step in [7_777, 1 << 30] {
            assert!(drain(&upload, step).unwrap() == expected, "{step} bytes at a time");
        }
        assert!(upload.in_memory().is_none());
        let in_memory = Upload::new(vec![Piece::Bytes(b"a".to_vec()), Piece::Bytes(b"b".to_vec())]);
        assert_eq!(in_memory.in_memory().unwrap(), b"ab");
        assert_eq!(drain(&Upload::new(Vec::new()), 1).unwrap(), b"");
    }

    #[test]
    fn a_file_that_became_shorter_is_told() {
        let body = file(&vec![7; 300_000]);
        body.file.set_len(200_000).unwrap();
        let error = drain(&Upload::new(vec![Piece::File(body)]), 1 << 20).unwrap_err();
        assert_eq!(error.to_string(), "`data.bin` became shorter while it was sent");
    }

    #[test]
    fn what_was_appended_later_is_not_sent() {
        let body = file(b"12345");
        (&*body.file).write_all(b"more").unwrap();
        assert_eq!(drain(&Upload::new(vec![Piece::File(body)]), 100).unwrap(), b"12345");
    }
}
