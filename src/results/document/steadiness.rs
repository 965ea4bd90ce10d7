//! When response times came to a level.

use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::form::micros;
use crate::results::{Steadiness, Stretch, Unknown};

/// What the response times of a run did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Course {
    Steady {
        since_us: u64,
        median_before_us: Option<u64>,
        median_us: u64,
        disturbed: Vec<Span>,
        stretch: Looked,
    },
    Drifting {
        change: f64,
        stretch: Looked,
    },
    Restless {
        last_change_us: u64,
        stretch: Looked,
    },
    TooShort {
        seconds: usize,
        needed: usize,
    },
    LoadChanges {
        longest: usize,
        needed: usize,
    },
    Silent {},
}

/// A part of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Span {
    begin_us: u64,
    end_us: u64,
}

/// The part that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Looked {
    begin_us: u64,
    end_us: u64,
    is_all: bool,
}

impl From<&Range<Duration>> for Span {
    fn from(range: &Range<Duration>) -> Self {
        Self { begin_us: micros(range.start), end_us: micros(range.end) }
    }
}

impl From<Stretch> for Looked {
    fn from(stretch: Stretch) -> Self {
        Self { begin_us: micros(stretch.begin), end_us: micros(stretch.end), is_all: stretch.is_all }
    }
}

impl Looked {
    fn stretch(self) -> Stretch {
        let [begin, end] = [self.begin_us, self.end_us].map(Duration::from_micros);
        Stretch { begin, end, is_all: self.is_all }
    }
}

impl From<&Steadiness> for Course {
    fn from(steadiness: &Steadiness) -> Self {
        match steadiness {
            Steadiness::Steady { since, before_us, after_us, disturbed, stretch } => Self::Steady {
                since_us: micros(*since),
                median_before_us: *before_us,
                median_us: *after_us,
                disturbed: disturbed.iter().map(Span::from).collect(),
                stretch: (*stretch).into(),
            },
            Steadiness::Drifting { change, stretch } => {
                Self::Drifting { change: *change, stretch: (*stretch).into() }
            }
            Steadiness::Restless { last_change, stretch } => {
                Self::Restless { last_change_us: micros(*last_change), stretch: (*stretch).into() }
            }
            Steadiness::Unknown(Unknown::TooShort { seconds, needed }) => {
                Self::TooShort { seconds: *seconds, needed: *needed }
            }
            Steadiness::Unknown(Unknown::LoadChanges { longest, needed }) => {
                Self::LoadChanges { longest: *longest, needed: *needed }
            }
            Steadiness::Unknown(Unknown::Silent) => Self::Silent {},
        }
    }
}

impl Course {
    pub(super) fn steadiness(self) -> Steadiness {
        let us = Duration::from_micros;
        match self {
            Self::Steady { since_us, median_before_us, median_us, disturbed, stretch } => {
                let range = |span: Span| us(span.begin_us)..us(span.end_us);
                Steadiness::Steady {
                    since: us(since_us),
                    before_us: median_before_us,
                    after_us: median_us,
                    disturbed: disturbed.into_iter().map(range).collect(),
                    stretch: stretch.stretch(),
                }
            }
            Self::Drifting { change, stretch } => Steadiness::Drifting { change, stretch: stretch.stretch() },
            Self::Restless { last_change_us, stretch } => {
                Steadiness::Restless { last_change: us(last_change_us), stretch: stretch.stretch() }
            }
            Self::TooShort { seconds, needed } => Steadiness::Unknown(Unknown::TooShort { seconds, needed }),
            Self::LoadChanges { longest, needed } => {
                Steadiness::Unknown(Unknown::LoadChanges { longest, needed })
            }
            Self::Silent {} => Steadiness::Unknown(Unknown::Silent),
        }
    }
}
