//! When the service came to a steady state, by the seconds of the run; or why nobody can say.
//!
//! Only seconds under one planned load are held against each other: what follows a ramp says how the service
//! answers to more load, and nothing of its warming up.

use std::ops::Range;
use std::time::Duration;

use crate::engine::{Outcome, Second};
use crate::stats::{Course, POINTS_MIN, course};

/// So large a share of a stretch's seconds must have answers.
const ANSWERED_MIN: f64 = 0.8;

/// What the response times of a run did.
#[derive(Debug, Clone, PartialEq)]
pub enum Steadiness {
    /// They kept one level from a second on.
    Steady {
        /// So long after the load's start, or after that of its longest stretch under one load.
        since: Duration,
        /// The median before, where there is a before, and from then on: of the seconds' medians, in microseconds.
        before_us: Option<u64>,
        /// See there.
        after_us: u64,
        /// Short stretches that were not like the rest, from the load's start.
        disturbed: Vec<Range<Duration>>,
        /// What was looked at.
        stretch: Stretch,
    },
    /// They rose or fell to the end.
    Drifting {
        /// By how much from the first second to the last: 0.2 is 20 % up.
        change: f64,
        /// What was looked at.
        stretch: Stretch,
    },
    /// Their last change came too late for a level that lasts.
    Restless {
        /// When that was, from the load's start.
        last_change: Duration,
        /// What was looked at.
        stretch: Stretch,
    },
    /// There is too little to say.
    Unknown(Unknown),
}

/// Seconds under one planned load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// From the load's start, or the end of the warm-up.
    pub begin: Duration,
    /// From the load's start.
    pub end: Duration,
    /// Whether that is all that was measured, but for a rest of up to two seconds.
    pub is_all: bool,
}

/// Why nobody can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// The run is shorter than what is needed, in seconds.
    TooShort {
        /// How many seconds it had.
        seconds: usize,
        /// How many it takes.
        needed: usize,
    },
    /// The plan, or whoever steered the run, changed the load: no stretch under one load is long enough.
    LoadChanges {
        /// The longest stretch, in seconds.
        longest: usize,
        /// How many it takes.
        needed: usize,
    },
    /// Too many seconds had no answer.
    Silent,
}

impl Steadiness {
    /// What the seconds after the warm-up say; nothing of a run without requests, or without a whole second.
    pub(super) fn of(outcome: &Outcome) -> Option<Self> {
        let seconds: Vec<&Second> = outcome.seconds.iter().filter(|second| !second.is_warm_up).collect();
        if seconds.iter().all(|second| second.requests == 0) {
            return None;
        }
        if seconds.len() < POINTS_MIN {
            return Some(Self::Unknown(Unknown::TooShort { seconds: seconds.len(), needed: POINTS_MIN }));
        }
        let longest = longest_stretch(&seconds);
        if longest.len() < POINTS_MIN {
            return Some(Self::Unknown(Unknown::LoadChanges { longest: longest.len(), needed: POINTS_MIN }));
        }
        let is_all = longest.len() + 2 >= seconds.len();
        let stretch = Stretch {
            begin: Duration::from_secs(seconds[longest.start].number - 1),
            end: Duration::from_secs(seconds[longest.end - 1].number),
            is_all,
        };
        let answered: Vec<&Second> =
            seconds[longest.clone()].iter().copied().filter(|second| second.level.is_some()).collect();
        if (answered.len() as f64) < (longest.len() as f64 * ANSWERED_MIN).max(POINTS_MIN as f64) {
            return Some(Self::Unknown(Unknown::Silent));
        }
        Some(judge(&answered, stretch))
    }
}

fn judge(answered: &[&Second], stretch: Stretch) -> Steadiness {
    let levels: Vec<f64> = answered.iter().filter_map(|second| second.level).collect();
    let begin_of = |at: usize| Duration::from_secs(answered[at].number - 1);
    match course(&levels) {
        Course::TooShort => Steadiness::Unknown(Unknown::Silent),
        Course::Steady { from, disturbed } => Steadiness::Steady {
            since: if from == 0 { Duration::ZERO } else { begin_of(from).saturating_sub(stretch.begin) },
            before_us: (from > 0).then(|| median_us(&answered[..from])),
            after_us: median_us(&answered[from..]),
            disturbed: disturbed
                .iter()
                .map(|range| begin_of(range.start)..begin_of(range.end - 1) + Duration::from_secs(1))
                .collect(),
            stretch,
        },
        Course::Drifting { change } => Steadiness::Drifting { change: change.exp() - 1.0, stretch },
        Course::Restless { last_change } => {
            Steadiness::Restless { last_change: begin_of(last_change), stretch }
        }
    }
}

/// The longest run of seconds of one stretch, the first of several; empty where there is none.
fn longest_stretch(seconds: &[&Second]) -> Range<usize> {
    let mut longest = 0..0;
    let mut start = 0;
    for chunk in seconds.chunk_by(|a, b| a.stretch == b.stretch) {
        let end = start + chunk.len();
        if chunk[0].stretch.is_some() && chunk.len() > longest.len() {
            longest = start..end;
        }
        start = end;
    }
    longest
}

/// The median of the seconds' medians, each weighing as many requests as it had.
fn median_us(seconds: &[&Second]) -> u64 {
    let mut medians: Vec<(u64, u64)> =
        seconds.iter().filter_map(|second| Some((second.median_us?, second.requests.max(1)))).collect();
    medians.sort_unstable();
    let half = medians.iter().map(|(_, requests)| requests).sum::<u64>().div_ceil(2);
    let mut below = 0;
    let found = medians.iter().find(|(_, requests)| {
        below += requests;
        below >= half
    });
    found.map_or(0, |(median_us, _)| *median_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds with these medians, in ms, of a stretch each; 0 is a second without an answer.
    fn outcome(seconds: impl IntoIterator<Item = (f64, Option<u64>)>) -> Outcome {
        let line = |(at, (ms, stretch)): (usize, (f64, Option<u64>))| {
            // A ripple of 2 %, so that there is some noise.
            let us = ms * 1_000.0 * (1.0 + 0.02 * ((at * 7 % 5) as f64 - 2.0) / 2.0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test's time")]
            let median_us = (us > 0.0).then_some(us as u64);
            Second {
                number: at as u64 + 1,
                requests: 100,
                failed: 0,
                median_us,
                mean_us: median_us.map(|us| us as f64),
                level: median_us.map(|us| (us as f64).ln()),
                vus: 1,
                stretch,
                is_warm_up: false,
            }
        };
        let seconds = seconds.into_iter().enumerate().map(line).collect();
        Outcome { seconds, ..Outcome::uneventful() }
    }

    fn level(count: usize, ms: f64) -> impl Iterator<Item = (f64, Option<u64>)> + Clone {
        std::iter::repeat_n((ms, Some(1)), count)
    }

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_warm_up_that_nobody_asked_for_is_found_with_both_medians() {
        match Steadiness::of(&outcome(level(12, 30.0).chain(level(48, 10.0)))) {
            Some(Steadiness::Steady { since, before_us: Some(before), after_us, disturbed, stretch }) => {
                assert_eq!(
                    (since, disturbed, stretch),
                    (s(12), vec![], Stretch { begin: s(0), end: s(60), is_all: true })
                );
                assert!(
                    before.abs_diff(30_000) < 700 && after_us.abs_diff(10_000) < 300,
                    "{before} {after_us}"
                );
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_ramps_is_left_out_and_a_level_behind_it_is_looked_at() {
        let ramp = (0..20).map(|at| (1.0 + f64::from(at), None));
        let run = ramp.clone().chain(level(5, 30.0)).chain(level(35, 20.0));
        match Steadiness::of(&outcome(run)) {
            Some(Steadiness::Steady { since, stretch, .. }) => {
                assert_eq!((since, stretch), (s(5), Stretch { begin: s(20), end: s(60), is_all: false }));
            }
            other => panic!("{other:?}"),
        }
        let all_ramps = Steadiness::of(&outcome(ramp.clone().chain(level(9, 30.0)).chain(ramp)));
        assert_eq!(all_ramps, Some(Steadiness::Unknown(Unknown::LoadChanges { longest: 9, needed: 20 })));
    }

    #[test]
    fn drifts_late_changes_silence_and_short_runs_are_told_apart() {
        let drift = (0..60).map(|at| (10.0 * (1.0 + 0.02 * f64::from(at)), Some(1)));
        match Steadiness::of(&outcome(drift)) {
            Some(Steadiness::Drifting { change, .. }) => assert!((change - 1.18).abs() < 0.2, "{change}"),
            other => panic!("{other:?}"),
        }
        let late = Steadiness::of(&outcome(level(50, 10.0).chain(level(10, 30.0))));
        assert!(
            matches!(late, Some(Steadiness::Restless { last_change, .. }) if last_change == s(50)),
            "{late:?}"
        );
        let silent = Steadiness::of(&outcome(level(30, 10.0).chain(level(30, 0.0))));
        assert_eq!(silent, Some(Steadiness::Unknown(Unknown::Silent)));
        let short = Steadiness::of(&outcome(level(19, 10.0)));
        assert_eq!(short, Some(Steadiness::Unknown(Unknown::TooShort { seconds: 19, needed: 20 })));
        assert_eq!(Steadiness::of(&Outcome::uneventful()), None);
    }

    #[test]
    fn the_warm_up_is_not_looked_at() {
        let mut outcome = outcome(level(12, 30.0).chain(level(48, 10.0)));
        outcome.seconds[..12].iter_mut().for_each(|second| second.is_warm_up = true);
        match Steadiness::of(&outcome) {
            Some(Steadiness::Steady { since, before_us: None, stretch, .. }) => {
                assert_eq!((since, stretch.begin), (s(0), s(12)));
            }
            other => panic!("{other:?}"),
        }
    }
}
