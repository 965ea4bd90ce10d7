//! What may be wrong with a service, and what a person who comes at any moment then lives through.
//!
//! Each pathology is played by [`Service`], and its truth is taken from the log of that very play: what a good
//! answer took, and how many came to nothing. Where people would have come whom a generator didn't send (a
//! stall, an outage), arithmetic over the log's own figures says what they waited. Shared by `rivals` and by
//! `tests/it`.
#![allow(dead_code, reason = "each program uses its part")]

use std::time::Duration;

use super::service::{Act, Outage, Seen, Service};

/// A service in good health.
const FAST: Duration = Duration::from_millis(5);
/// One whose refusals are much faster than its answers.
const STEADY: Duration = Duration::from_millis(20);
/// A refusal.
const REFUSAL: Duration = Duration::from_millis(1);
/// A head or a body that comes in pieces.
const SLOW: Duration = Duration::from_millis(300);
/// Parts of a play: the stall lasts one of eight, the outage six of ten.
const STALL_SHARE: f64 = 0.125;
const OUTAGE_SHARE: f64 = 0.6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pathology {
    /// Nobody is answered for a while.
    Stall,
    /// One request in ten is never answered.
    BlackHole,
    /// Nobody listens for most of the time.
    Refused,
    /// Six in ten are turned away, quickly.
    TooMany,
    SlowBody,
    SlowHead,
}

pub(crate) const PATHOLOGIES: [Pathology; 6] = [
    Pathology::Stall,
    Pathology::BlackHole,
    Pathology::Refused,
    Pathology::TooMany,
    Pathology::SlowBody,
    Pathology::SlowHead,
];

/// What people live through: those who got a good answer, and how many didn't.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Truth {
    /// Share of all who came.
    pub(crate) failed: f64,
    /// From coming to the last byte of a good answer, in seconds.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Pathology {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stall => "stall",
            Self::BlackHole => "10 % black hole",
            Self::Refused => "refused",
            Self::TooMany => "429s",
            Self::SlowBody => "slow body",
            Self::SlowHead => "slow head",
        }
    }

    /// In a sentence for the page, for a play of so long.
    pub(crate) fn told(self, play: Duration) -> String {
        let part = |share: f64| format!("{:?}", play.mul_f64(share));
        match self {
            Self::Stall => format!("answers take {FAST:?}; for {} nobody is answered", part(STALL_SHARE)),
            Self::BlackHole => format!("answers take {FAST:?}; one request in ten is never answered"),
            Self::Refused => format!("answers take {STEADY:?}; for {} nobody listens", part(OUTAGE_SHARE)),
            Self::TooMany => {
                format!("six in ten get a 429 after {REFUSAL:?}, the others a 200 after {STEADY:?}")
            }
            Self::SlowBody => format!("the head comes at once, the body in pieces until {SLOW:?}"),
            Self::SlowHead => format!("the head comes in pieces until {SLOW:?}"),
        }
    }

    /// How many connections somebody would give a tool for 400 requests a second: several times what a healthy
    /// service needs.
    pub(crate) fn connections(self) -> u32 {
        match self {
            Self::Stall => 10,
            Self::TooMany => 20,
            Self::BlackHole | Self::Refused | Self::SlowBody | Self::SlowHead => 200,
        }
    }

    /// A service that has it, for a play of so long from its first request on.
    pub(crate) fn service(self, play: Duration) -> Service {
        let stall = play.mul_f64(0.375)..play.mul_f64(0.375 + STALL_SHARE);
        let outage = Outage { from: play.mul_f64(0.2), until: play.mul_f64(0.2 + OUTAGE_SHARE) };
        Service::start_with((self == Self::Refused).then_some(outage), move |asked| match self {
            Self::Stall if stall.contains(&asked.elapsed) => {
                Act::ok(stall.end.saturating_sub(asked.elapsed) + FAST)
            }
            Self::BlackHole if asked.number % 10 == 9 => Act::Never,
            Self::Stall | Self::BlackHole => Act::ok(FAST),
            Self::TooMany if asked.number % 10 < 6 => Act::Answer { status: 429, after: REFUSAL },
            Self::Refused | Self::TooMany => Act::ok(STEADY),
            Self::SlowBody => Act::SlowBody { over: SLOW },
            Self::SlowHead => Act::SlowHead { over: SLOW },
        })
    }

    /// What the log of a play says; `None` if nobody got a good answer.
    pub(crate) fn truth(self, log: &[Seen], play: Duration) -> Option<Truth> {
        // What a generator cut itself, at its end, says nothing of the service.
        let log: Vec<&Seen> = log.iter().filter(|seen| seen.to.is_some() || seen.act == Act::Never).collect();
        let is_good = |seen: &&&Seen| !matches!(seen.act, Act::Answer { status: 400.., .. });
        let mut took: Vec<f64> = log
            .iter()
            .filter(is_good)
            .filter_map(|seen| seen.took())
            .map(|took| took.as_secs_f64())
            .collect();
        took.sort_by(f64::total_cmp);
        let p50 = percentile(&took, 0.5)?;
        Some(match self {
            // Those who come in the stall wait for its end, however few of them a generator sends: of 8 s the
            // hundredth part who wait longest come in its first 80 ms.
            Self::Stall => Truth { failed: 0.0, p50, p99: play.as_secs_f64() * (STALL_SHARE - 0.01) + p50 },
            Self::Refused => Truth { failed: OUTAGE_SHARE, p50, p99: percentile(&took, 0.99)? },
            _ => Truth {
                failed: 1.0 - took.len() as f64 / log.len() as f64,
                p50,
                p99: percentile(&took, 0.99)?,
            },
        })
    }
}

/// By nearest rank, of values in ascending order.
pub(crate) fn percentile(sorted: &[f64], q: f64) -> Option<f64> {
    let rank = (q * sorted.len() as f64 - 1e-9).ceil().max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to the length")]
    sorted.get(rank as usize - 1).copied()
}
