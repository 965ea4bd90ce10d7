//! The decoders of one body, each feeding the next, the last one what is kept.

use super::super::grow::append_in_place;
use super::codings::{Coding, Codings};
use super::error::CodingError;
use super::step::{Fault, Stage};

/// What decoders may hold beside a body that fills its limit: windows, states, and what lies between two of them.
pub(in super::super) const DECODER_MAX_BYTES: u64 = 1 << 20;
/// Of these, what isn't counted: fields, code that is read in, what an allocator adds.
const UNCOUNTED_BYTES: u64 = 256 << 10;
/// What one step of a decoder gives at most: it stays in a core's cache until the next one reads it.
const STEP_BYTES: usize = 16 << 10;

/// Where decoded bytes go: behind `head_len` bytes of something else, at most `max_bytes` of them.
#[derive(Debug)]
pub(in super::super) struct Kept<'a> {
    pub(in super::super) bytes: &'a mut Vec<u8>,
    pub(in super::super) head_len: usize,
    pub(in super::super) max_bytes: u64,
}

impl Kept<'_> {
    fn len(&self) -> u64 {
        (self.bytes.len() - self.head_len) as u64
    }
}

/// What ended a body before its time.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum Stop {
    /// More bytes than may be kept.
    TooLarge,
    Coding(CodingError),
}

#[derive(Debug)]
struct Link {
    coding: Coding,
    stage: Stage,
    output: Box<[u8]>,
    written: u64,
    held_bytes: u64,
}

/// The decoders of one body.
#[derive(Debug)]
pub(in super::super) struct Chain {
    links: Vec<Link>,
    /// Whether a byte came at all.
    begun: bool,
}

impl Chain {
    /// Decoders that undo all `codings`.
    pub(in super::super) fn new(codings: Codings) -> Self {
        let link = |coding| Link {
            coding,
            stage: Stage::new(coding),
            output: vec![0; STEP_BYTES].into(),
            written: 0,
            held_bytes: 0,
        };
        Self { links: codings.to_undo().map(link).collect(), begun: false }
    }

    /// Decodes `input` to the end of what is kept.
    pub(in super::super) fn push(&mut self, input: &[u8], kept: &mut Kept<'_>) -> Result<(), Stop> {
        self.begun |= !input.is_empty();
        let mut held_bytes = self.links.iter().map(|link| link.held_bytes).sum();
        pass(&mut self.links, input, kept, &mut held_bytes)
    }

    /// The body is over: an error if one of its codings is not. An empty body, as servers send it with any
    /// header, is empty.
    pub(in super::super) fn end(&self) -> Result<(), CodingError> {
        let open = self.links.iter().find(|link| !link.stage.is_complete()).filter(|_| self.begun);
        open.map_or(Ok(()), |link| Err(CodingError::Truncated { coding: link.coding }))
    }
}

fn pass(links: &mut [Link], input: &[u8], kept: &mut Kept<'_>, held_bytes: &mut u64) -> Result<(), Stop> {
    let Some((link, rest)) = links.split_first_mut() else {
        let room = kept.max_bytes - kept.len();
        if input.len() as u64 > room {
            return Err(Stop::TooLarge);
        }
        append_in_place(kept.bytes, input, room);
        return Ok(());
    };
    let coding = link.coding;
    let mut input = input;
    loop {
        let max_bytes = kept.max_bytes.saturating_add(DECODER_MAX_BYTES);
        let window = Stop::Coding(CodingError::Window { coding, max_bytes });
        let step = match link.stage.step(input, &mut link.output) {
            Ok(step) => step,
            Err(Fault::Corrupt) => return Err(Stop::Coding(CodingError::Corrupt { coding })),
            Err(Fault::Window) => return Err(window),
        };
        input = &input[step.read..];
        link.written += step.written as u64;
        let now = link.stage.held_bytes(link.written) + link.output.len() as u64;
        *held_bytes = *held_bytes - link.held_bytes + now;
        link.held_bytes = now;
        if kept.len() + *held_bytes > max_bytes - UNCOUNTED_BYTES {
            return Err(window);
        }
        if step.written > 0 {
            pass(rest, &link.output[..step.written], kept, held_bytes)?;
        } else if step.read == 0 || input.is_empty() {
            return Ok(());
        }
    }
}
