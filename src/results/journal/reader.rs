//! Reads a journal, whole or cut: all checksums, the run's course, and where the last total stands.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::time::Duration;

use serde_json::Value as Json;

use super::frame::{Frames, Kind, Place, Stop};
use super::record::{Body, State, Total, parse, plain};
use super::{Head, JournalError};
use crate::engine::Second;
use crate::metrics::{Snapshot, Value};

use super::super::PlayedSecond;

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// How a journal ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// With the run's end.
    Whole,
    /// Without it: the run is under way, or died. So many bytes of a record that isn't whole are left out.
    Cut(u64),
    /// What comes is not what was written.
    Damaged {
        /// Where, from the file's beginning.
        offset: u64,
        /// What is wrong.
        what: String,
    },
}

/// A journal that was read once: all but what the seconds recorded.
#[derive(Debug)]
pub struct Survey {
    /// What is played.
    pub head: Head,
    /// The run's document; none without an end.
    pub end: Option<Json>,
    /// How it ends.
    pub tail: Tail,
    /// Seconds that are there, the rests of seconds included.
    pub seconds: u64,
    /// Lines of the whole ones, of a day at most.
    pub(super) lines: Vec<Second>,
    /// The last one's state.
    pub(super) last: Option<State>,
    /// What the warm-up recorded, and how long it was.
    pub(super) warm_up: Option<(Snapshot, Duration)>,
    /// Whether something was measured behind the warm-up.
    pub(super) is_measured: bool,
    /// Where the last total stands; before it, where the head ends.
    total: Place,
    /// Where the last record ends that counts.
    end_offset: u64,
}

/// Lines that are kept, as in a run.
const LINES_MAX: usize = 86_400;

impl Survey {
    /// Reads all of it.
    pub fn of(input: &mut (impl Read + Seek)) -> Result<Self, JournalError> {
        input.seek(SeekFrom::Start(0))?;
        let mut frames = Frames::open(BufReader::with_capacity(BUFFER_BYTES, input))?;
        let head = head(&mut frames)?;
        let mut survey = Self {
            head,
            end: None,
            tail: Tail::Cut(0),
            seconds: 0,
            lines: Vec::new(),
            last: None,
            warm_up: None,
            is_measured: false,
            total: frames.place(),
            end_offset: frames.place().offset,
        };
        loop {
            let place = frames.place();
            let taken = match frames.next() {
                Ok(kind) => survey.take(kind, place, frames.payload()),
                Err(Stop::Over) => return Ok(survey),
                Err(Stop::Io(error)) => return Err(error.into()),
                Err(Stop::Cut(bytes)) if survey.end.is_none() => {
                    survey.tail = Tail::Cut(bytes);
                    return Ok(survey);
                }
                Err(Stop::Cut(_)) => Err("something stands behind the end".to_owned()),
                Err(Stop::Damaged(what)) => Err(what.to_owned()),
            };
            if let Err(what) = taken {
                survey.tail = Tail::Damaged { offset: place.offset, what };
                return Ok(survey);
            }
            survey.end_offset = frames.place().offset;
        }
    }

    fn take(&mut self, kind: Kind, place: Place, payload: &[u8]) -> Result<(), String> {
        if self.end.is_some() {
            return Err("something stands behind the end".to_owned());
        }
        match kind {
            Kind::Head => return Err("a second head".to_owned()),
            Kind::Second => {
                let (state, pressed) =
                    State::parse(payload).map_err(|error| format!("a second can't be read: {error}"))?;
                if self.last.as_ref().is_some_and(|last| last.number >= state.number) {
                    return Err("seconds are out of order".to_owned());
                }
                if state.is_warm_up {
                    let body = body(pressed)?;
                    let (recorded, elapsed) = self.warm_up.get_or_insert_default();
                    append(recorded, &body.delta)?;
                    *elapsed = state.elapsed;
                } else {
                    self.is_measured = true;
                }
                self.lines.extend(state.second().filter(|_| self.lines.len() < LINES_MAX));
                self.last = Some(state);
                self.seconds += 1;
            }
            Kind::Total => self.total = place,
            Kind::End => {
                let json = plain(payload).map_err(|error| format!("the end can't be read: {error}"))?;
                let json = serde_json::from_slice(&json);
                self.end = Some(json.map_err(|error| format!("the end can't be read: {error}"))?);
                self.tail = Tail::Whole;
            }
        }
        Ok(())
    }

    /// Adds up what was recorded: reads again, from the last total on. A record that has its checksum and still can't be read
    /// ends it there, and the tail says so.
    pub(super) fn total(&mut self, input: &mut (impl Read + Seek)) -> Result<Total, JournalError> {
        let overflow = self.head.plan.as_ref().map(|plan| std::sync::Arc::new(plan.overflow()));
        let mut total = Total::default();
        if let Some(overflow) = overflow {
            total.recorded = total.recorded.with_overflow(&overflow);
        }
        input.seek(SeekFrom::Start(self.total.offset))?;
        let mut frames = Frames::resume(BufReader::with_capacity(BUFFER_BYTES, input), self.total);
        while frames.place().offset < self.end_offset {
            let place = frames.place();
            let added = match frames.next() {
                Ok(Kind::Total) if place == self.total => {
                    total_of(frames.payload()).map(|known| add_total(&mut total, known))
                }
                Ok(Kind::Second) => add_second(&mut total, frames.payload()),
                Ok(_) => Ok(()),
                Err(Stop::Io(error)) => return Err(error.into()),
                Err(_) => Err("it changed while it was read".to_owned()),
            };
            if let Err(what) = added {
                self.tail = Tail::Damaged { offset: place.offset, what };
                self.end = None;
                break;
            }
        }
        Ok(total)
    }

    /// Gives each second in turn, with what it recorded: of the exact prefix that can be read.
    pub fn each_second(
        &self,
        input: &mut (impl Read + Seek),
        mut take: impl FnMut(PlayedSecond),
    ) -> Result<(), JournalError> {
        input.seek(SeekFrom::Start(0))?;
        let mut frames = Frames::open(BufReader::with_capacity(BUFFER_BYTES, input))?;
        while frames.place().offset < self.end_offset {
            match frames.next() {
                Ok(Kind::Second) => {}
                Ok(_) => continue,
                Err(Stop::Io(error)) => return Err(error.into()),
                Err(_) => break,
            }
            let Ok((state, pressed)) = State::parse(frames.payload()) else { break };
            let Ok(body) = body(pressed) else { break };
            take(state.played(body.delta));
        }
        Ok(())
    }
}

fn head<R: Read>(frames: &mut Frames<R>) -> Result<Head, JournalError> {
    let wrong = |what: &str| JournalError::Head { what: what.to_owned() };
    match frames.next() {
        Ok(Kind::Head) => {}
        Ok(_) => return Err(wrong("the first record is another")),
        Err(Stop::Over | Stop::Cut(_)) => return Err(wrong("the file ends before it")),
        Err(Stop::Damaged(what)) => return Err(wrong(what)),
        Err(Stop::Io(error)) => return Err(error.into()),
    }
    let json = plain(frames.payload()).map_err(|error| wrong(&error.to_string()))?;
    serde_json::from_slice(&json).map_err(|error| wrong(&error.to_string()))
}

fn body(pressed: &[u8]) -> Result<Body, String> {
    let unreadable = |error| format!("what a second recorded can't be read: {error}");
    let plain = plain(pressed).map_err(unreadable)?;
    parse(&plain).map_err(unreadable)
}

fn total_of(payload: &[u8]) -> Result<Total, String> {
    let unreadable = |error| format!("a total can't be read: {error}");
    let plain = plain(payload).map_err(unreadable)?;
    parse(&plain).map_err(unreadable)
}

fn add_total(total: &mut Total, known: Total) {
    total.recorded.append(&known.recorded);
    total.worst = known.worst;
}

/// The memory that a run's distributions may take: what a run could take that wrote them, and no file should ask for more.
const WEIGHT_BYTES_MAX: u64 = 1 << 30;

/// Adds what a second recorded, unless that would take more memory than any run.
fn append(total: &mut Snapshot, delta: &Snapshot) -> Result<(), String> {
    if total.weight_bytes_with(delta) > WEIGHT_BYTES_MAX {
        return Err("what was recorded until here takes more memory than any run".to_owned());
    }
    total.append(delta);
    Ok(())
}

fn add_second(total: &mut Total, payload: &[u8]) -> Result<(), String> {
    let (state, pressed) = State::parse(payload).map_err(|error| error.to_string())?;
    if state.is_warm_up {
        return Ok(());
    }
    let body = body(pressed)?;
    append(&mut total.recorded, &body.delta)?;
    for (index, value) in body.worst {
        replace(&mut total.worst, index, value);
    }
    Ok(())
}

fn replace(worst: &mut Vec<(u32, Value)>, index: u32, value: Value) {
    match worst.iter_mut().find(|(known, _)| *known == index) {
        Some((_, known)) => *known = value,
        None => worst.push((index, value)),
    }
}
