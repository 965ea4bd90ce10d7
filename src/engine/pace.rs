//! The schedule's clock: it runs with the real one, and stands while the run is paused.
//!
//! Whatever a schedule wants (intervals, due times, deadlines) is said in schedule time; whoever
//! sleeps asks for the real instant of it. So a pause moves everything behind it, and nothing counts
//! as late for it. Both times are the worker's nanoseconds, and equal until the first pause. Every
//! worker is told the same instants, a little ahead, so all keep the same schedule.
//!
//! | state   | event            | next    |
//! |---------|------------------|---------|
//! | running | pause at `t`     | stands from `t` on |
//! | stands  | resume at `t`    | running from `t` on |
//! | running, stands | the same again | as it was |

use std::time::Duration;

/// Pauses that are remembered. Nobody asks for times before the last few.
const PAUSES_MAX: usize = 64;

/// The relation of schedule time and real time.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    /// In order and apart from each other; only the last may be open.
    pauses: Vec<Pause>,
}

#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "a unit ends a name")]
struct Pause {
    begin_ns: u64,
    /// `u64::MAX` while nobody has said when it ends.
    end_ns: u64,
    /// How long the pauses before it were, together.
    before_ns: u64,
}

impl Pause {
    /// Where the schedule's clock stands.
    fn point_ns(self) -> u64 {
        self.begin_ns - self.before_ns
    }

    fn is_open(self) -> bool {
        self.end_ns == u64::MAX
    }

    /// What it and those before it come to.
    fn sum_ns(self) -> u64 {
        self.before_ns + (self.end_ns - self.begin_ns)
    }
}

impl Pace {
    /// The clock stands from this real instant on.
    pub(super) fn pause(&mut self, at_ns: u64) {
        let (begin_ns, before_ns) = match self.pauses.last() {
            Some(last) if last.is_open() => return,
            Some(last) => (at_ns.max(last.end_ns), last.sum_ns()),
            None => (at_ns, 0),
        };
        if self.pauses.len() == PAUSES_MAX {
            self.pauses.remove(0);
        }
        self.pauses.push(Pause { begin_ns, end_ns: u64::MAX, before_ns });
    }

    /// The clock runs from this real instant on.
    pub(super) fn resume(&mut self, at_ns: u64) {
        if let Some(last) = self.pauses.last_mut().filter(|last| last.is_open()) {
            // A pause without an end is told from one that ends at the last nanosecond.
            last.end_ns = at_ns.clamp(last.begin_ns, u64::MAX - 1);
        }
    }

    /// What the schedule's clock shows at a real instant.
    #[inline]
    pub(super) fn schedule_ns(&self, real_ns: u64) -> u64 {
        match self.pauses.iter().rev().find(|pause| pause.begin_ns <= real_ns) {
            Some(pause) if real_ns < pause.end_ns => pause.point_ns(),
            Some(pause) => real_ns - pause.sum_ns(),
            None => real_ns - self.pauses.first().map_or(0, |first| first.before_ns.min(real_ns)),
        }
    }

    /// The first real instant at which the schedule's clock has come to this and runs. `None`: the clock
    /// stands before, and nobody has said until when.
    pub(super) fn real_ns(&self, schedule_ns: u64) -> Option<u64> {
        match self.pauses.iter().rev().find(|pause| pause.point_ns() <= schedule_ns) {
            Some(pause) if pause.is_open() => None,
            Some(pause) => Some(schedule_ns.saturating_add(pause.sum_ns())),
            None => Some(schedule_ns.saturating_add(self.pauses.first().map_or(0, |first| first.before_ns))),
        }
    }

    /// Whether the clock stands at a real instant.
    #[inline]
    pub(super) fn is_paused(&self, real_ns: u64) -> bool {
        self.pauses.iter().rev().any(|pause| (pause.begin_ns..pause.end_ns).contains(&real_ns))
    }

    /// How long the clock has stood, up to a real instant.
    pub(super) fn paused(&self, real_ns: u64) -> Duration {
        Duration::from_nanos(real_ns - self.schedule_ns(real_ns))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pause_moves_what_comes_behind_it() {
        let mut pace = Pace::default();
        assert_eq!((pace.schedule_ns(7), pace.real_ns(7), pace.is_paused(7)), (7, Some(7), false));
        pace.pause(100);
        assert_eq!((pace.schedule_ns(99), pace.real_ns(99), pace.is_paused(99)), (99, Some(99), false));
        assert_eq!((pace.schedule_ns(500), pace.real_ns(100), pace.is_paused(100)), (100, None, true));
        pace.pause(200);
        pace.resume(150);
        pace.resume(900);
        assert_eq!(
            (pace.real_ns(99), pace.real_ns(100), pace.real_ns(101)),
            (Some(99), Some(150), Some(151))
        );
        assert_eq!((pace.schedule_ns(149), pace.schedule_ns(150), pace.schedule_ns(160)), (100, 100, 110));
        assert_eq!((pace.is_paused(149), pace.is_paused(150)), (true, false));
        assert_eq!(pace.paused(160), Duration::from_nanos(50));
    }

    #[test]
    fn a_run_that_begins_paused_waits_for_the_first_word() {
        let mut pace = Pace::default();
        pace.pause(1_000);
        assert_eq!((pace.real_ns(1_000), pace.real_ns(5_000)), (None, None));
        pace.resume(3_000);
        assert_eq!((pace.real_ns(1_000), pace.real_ns(5_000)), (Some(3_000), Some(7_000)));
    }

    #[test]
    fn old_pauses_are_forgotten_and_still_count() {
        let mut pace = Pace::default();
        for number in 0..1_000 {
            pace.pause(number * 10);
            pace.resume(number * 10 + 3);
        }
        assert_eq!(pace.pauses.len(), PAUSES_MAX);
        assert_eq!((pace.schedule_ns(10_000), pace.real_ns(7_000)), (7_000, Some(10_000)));
    }

    /// A pace after toggling at some instants, and those.
    fn paces() -> impl Strategy<Value = (Pace, Vec<u64>)> {
        prop::collection::vec(0u64..1_000, 0..12).prop_map(|mut instants| {
            instants.sort_unstable();
            let mut pace = Pace::default();
            for (index, at_ns) in instants.iter().enumerate() {
                if index % 2 == 0 { pace.pause(*at_ns) } else { pace.resume(*at_ns) }
            }
            (pace, instants)
        })
    }

    proptest! {
        #[test]
        fn the_schedule_never_goes_back_nor_faster_than_time((pace, _) in paces(), a in 0u64..2_000, b in 0u64..2_000) {
            let (early, late) = (a.min(b), a.max(b));
            let (from, to) = (pace.schedule_ns(early), pace.schedule_ns(late));
            prop_assert!(from <= to && to - from <= late - early);
        }

        #[test]
        fn real_time_is_the_inverse((pace, _) in paces(), at in 0u64..2_000) {
            if let Some(real) = pace.real_ns(at) {
                prop_assert_eq!(pace.schedule_ns(real), at);
                prop_assert!(!pace.is_paused(real));
                // It is the first such instant.
                prop_assert!(real == 0 || pace.is_paused(real - 1) || pace.schedule_ns(real - 1) < at);
            }
            if pace.is_paused(at) {
                let resumed = pace.real_ns(pace.schedule_ns(at));
                prop_assert!(resumed.is_none_or(|real| real > at));
            } else {
                prop_assert_eq!(pace.real_ns(pace.schedule_ns(at)), Some(at));
            }
        }

        #[test]
        fn the_clock_stands_exactly_while_paused((pace, instants) in paces(), at in 0u64..2_000) {
            let toggled = instants.iter().filter(|instant| **instant <= at).count();
            // Two toggles at one instant are a pause of no length.
            prop_assert_eq!(pace.is_paused(at), toggled % 2 == 1);
            let stood = (0..at).filter(|ns| pace.is_paused(*ns)).count() as u64;
            prop_assert_eq!(pace.paused(at), Duration::from_nanos(stood));
        }
    }
}
