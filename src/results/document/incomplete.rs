//! How far a run is known that came to no end.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::form::micros;
use crate::results::{Incomplete, NoEnd};

/// How far it is known, and why no further.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Prefix {
    text: String,
    seconds: u64,
    elapsed_us: u64,
    end_unix_us: Option<u64>,
    damage: Option<String>,
    why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Why {
    Died {},
    UnderWay {},
    Unreadable { error: String },
}

impl From<&Incomplete> for Prefix {
    fn from(incomplete: &Incomplete) -> Self {
        Self {
            text: incomplete.to_string(),
            seconds: incomplete.seconds,
            elapsed_us: micros(incomplete.elapsed),
            end_unix_us: incomplete.end_unix_ms.map(|ms| ms.saturating_mul(1_000)),
            damage: incomplete.damage.clone(),
            why: match &incomplete.why {
                NoEnd::Died => Why::Died {},
                NoEnd::UnderWay => Why::UnderWay {},
                NoEnd::Unreadable(error) => Why::Unreadable { error: error.clone() },
            },
        }
    }
}

impl Prefix {
    pub(super) fn incomplete(self) -> Incomplete {
        Incomplete {
            seconds: self.seconds,
            elapsed: Duration::from_micros(self.elapsed_us),
            end_unix_ms: self.end_unix_us.map(|us| us / 1_000),
            damage: self.damage,
            why: match self.why {
                Why::Died {} => NoEnd::Died,
                Why::UnderWay {} => NoEnd::UnderWay,
                Why::Unreadable { error } => NoEnd::Unreadable(error),
            },
        }
    }
}
