//! A body as an example keeps it: a text up to a limit, a few bytes, or only its size.

use super::sensitive;

/// The end of a text that was cut.
pub(super) const CUT: char = '…';

/// Bytes that are no text and are kept even so: what a line for a shell can still hold.
const BYTES_KEPT_MAX: usize = 512;

/// A body, or its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    /// What is kept of it.
    pub content: Content,
    /// The size of the whole, in bytes.
    pub total_bytes: u64,
}

/// What is kept of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// There was none.
    Nothing,
    /// A text; one that was cut ends in `…`.
    Text {
        /// The text.
        text: String,
        /// Whether it is the whole body.
        is_whole: bool,
    },
    /// A whole body that is no text.
    Bytes(Vec<u8>),
    /// It was read from this file, and not looked at.
    File(String),
    /// Nothing of it: it is no text, or in several files, or was discarded.
    Withheld,
}

/// What is known of a body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept<'a> {
    /// Its `Content-Type`.
    pub(super) kind: Option<&'a str>,
    /// Whether it is compressed: secrets in it can't be seen.
    pub(super) is_encoded: bool,
    /// The most of a text that is kept.
    pub(super) text_bytes_max: usize,
    /// Whether bytes that are no text are worth keeping.
    pub(super) keeps_bytes: bool,
}

impl Excerpt {
    /// No body.
    pub(super) fn nothing() -> Self {
        Self { content: Content::Nothing, total_bytes: 0 }
    }

    /// Of a body in memory.
    pub(super) fn of(body: &[u8], kept: Kept<'_>) -> Self {
        let total_bytes = body.len() as u64;
        let start = &body[..body.len().min(kept.text_bytes_max)];
        let is_whole = start.len() == body.len();
        let kind = kept.kind.map(str::to_ascii_lowercase).unwrap_or_default();
        let text = match std::str::from_utf8(start) {
            Ok(text) => Some(text),
            // Cut within a character.
            Err(error) if error.error_len().is_none() && !is_whole => {
                std::str::from_utf8(&start[..error.valid_up_to()]).ok()
            }
            Err(_) => None,
        };
        let content = match text {
            _ if body.is_empty() => Content::Nothing,
            _ if kept.is_encoded => Content::Withheld,
            Some(text) => {
                let mut text = sensitive::body(text, &kind);
                if !is_whole {
                    text.push(CUT);
                }
                Content::Text { text, is_whole }
            }
            // A field of a form beside a file: nobody has looked for secrets in it.
            None if kept.keeps_bytes && body.len() <= BYTES_KEPT_MAX && !kind.starts_with("multipart/") => {
                Content::Bytes(body.to_vec())
            }
            None => Content::Withheld,
        };
        Self { content, total_bytes }
    }

    /// Hides what `hide` finds in texts. Of bytes in which it finds something nothing stays.
    pub(super) fn hide(&mut self, hide: &mut dyn FnMut(&mut String)) {
        match &mut self.content {
            Content::Text { text, .. } | Content::File(text) => hide(text),
            Content::Bytes(bytes) => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let mut hidden = text.clone();
                hide(&mut hidden);
                if hidden != text {
                    self.content = Content::Withheld;
                }
            }
            Content::Nothing | Content::Withheld => {}
        }
    }
}
