//! Series whose course is known: how often one is found where none is, and how well it is found where one is.
//!
//! The simulated runs are drawn from a seed, so the shares are the same on every machine; the figures stand in
//! docs/honesty.md.
#![expect(clippy::print_stdout, reason = "the figures are what docs/honesty.md quotes")]

use super::*;

/// `SplitMix64`, and what is drawn from it: the same on every machine.
struct Draw(u64);

impl Draw {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// In 0..1, never 0.
    fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Student's t with 3 degrees of freedom: one second in a hundred lies 4.5 deviations out.
    fn heavy(&mut self) -> f64 {
        let chi: f64 = (0..3).map(|_| self.normal().powi(2)).sum();
        self.normal() / (chi / 3.0).sqrt()
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Each second for itself.
    Independent,
    /// Each is like the one before, by half.
    Alike,
    /// Now and then one lies far out.
    Heavy,
    /// Most seconds are level, one in ten is 40 % slower: a collection of garbage.
    Spiky,
}

/// Simulated runs of each kind.
const RUNS: usize = 400;

const KINDS: [Kind; 4] = [Kind::Independent, Kind::Alike, Kind::Heavy, Kind::Spiky];

fn flat(draw: &mut Draw, kind: Kind, length: usize, noise: f64) -> Vec<f64> {
    let mut last = 0.0;
    (0..length)
        .map(|_| {
            last = match kind {
                Kind::Independent => draw.normal(),
                Kind::Alike => 0.5 * last + 0.75_f64.sqrt() * draw.normal(),
                Kind::Heavy => draw.heavy(),
                Kind::Spiky => draw.normal() + if draw.uniform() < 0.1 { 0.4 / noise } else { 0.0 },
            };
            9.0 + noise * last
        })
        .collect()
}

/// The share of simulated runs for which it holds.
fn share(runs: usize, mut holds: impl FnMut(&mut Draw) -> bool) -> f64 {
    let mut draw = Draw(8);
    (0..runs).filter(|_| holds(&mut draw)).count() as f64 / runs as f64
}

fn is_steady_from_the_start(series: &[f64]) -> bool {
    matches!(course(series), Course::Steady { from: 0, .. })
}

#[test]
fn flat_noise_is_steady_from_the_start() {
    let mut worst = 0.0_f64;
    for kind in KINDS {
        for length in [20, 60, 300] {
            for noise in [0.02, 0.1] {
                let alarms =
                    1.0 - share(RUNS, |draw| is_steady_from_the_start(&flat(draw, kind, length, noise)));
                println!("{kind:?}, {length} s, noise {noise}: {:.2} % false alarms", alarms * 100.0);
                worst = worst.max(alarms);
            }
        }
    }
    assert!(worst <= 0.04, "{worst}");
}

/// What a series of a minute with a warm-up is found to be; noise of 3 %.
fn found(draw: &mut Draw, kind: Kind, warm_up: impl Fn(usize) -> f64) -> Course {
    let series = flat(draw, kind, 60, 0.03);
    course(&series.iter().enumerate().map(|(at, value)| value + warm_up(at)).collect::<Vec<_>>())
}

#[test]
fn a_step_is_found_where_it_is() {
    for kind in KINDS {
        for (at, height) in [(3, 1.0), (10, 0.3), (25, 0.3), (10, -0.3)] {
            let hits = share(RUNS, |draw| {
                let course = found(draw, kind, |second| if second < at { height } else { 0.0 });
                matches!(course, Course::Steady { from, .. } if from.abs_diff(at) <= 2)
            });
            println!("{kind:?}, step of {height} at {at}: {:.1} % found", hits * 100.0);
            assert!(hits >= 0.9, "{kind:?}, {at}, {height}: {hits}");
        }
    }
}

#[test]
fn a_warm_up_that_decays_ends_where_little_of_it_is_left() {
    let hits = share(RUNS, |draw| {
        let course = found(draw, Kind::Alike, |second| (-(second as f64) / 5.0).exp());
        // 5 % is left after 15 s, 0.5 % after 26.
        matches!(course, Course::Steady { from, .. } if (8..=26).contains(&from))
    });
    assert!(hits >= 0.95, "{hits}");
}

#[test]
fn what_rises_to_the_end_is_never_steady() {
    for kind in [Kind::Independent, Kind::Alike, Kind::Heavy] {
        let hits = share(RUNS, |draw| {
            let course = found(draw, kind, |second| second as f64 * 0.01);
            matches!(course, Course::Drifting { change } if (0.4..0.8).contains(&change))
        });
        println!("{kind:?}, drift of 60 %: {:.1} % found", hits * 100.0);
        assert!(hits >= 0.9, "{kind:?}: {hits}");
    }
}

#[test]
fn a_level_that_comes_at_the_very_end_is_no_steady_state() {
    let hits = share(RUNS, |draw| {
        let course = found(draw, Kind::Independent, |second| if second < 48 { 0.0 } else { 0.5 });
        matches!(course, Course::Restless { last_change } if last_change.abs_diff(48) <= 1)
    });
    assert!(hits >= 0.95, "{hits}");
}

#[test]
fn a_short_disturbance_is_bridged_and_told() {
    let mut draw = Draw(3);
    let mut series = flat(&mut draw, Kind::Independent, 120, 0.03);
    series[60..68].iter_mut().for_each(|value| *value += 0.5);
    match course(&series) {
        Course::Steady { from: 0, disturbed } => {
            let [only] = disturbed.as_slice() else { panic!("{disturbed:?}") };
            assert!(only.start.abs_diff(60) <= 1 && only.end.abs_diff(68) <= 1, "{only:?}");
        }
        other => panic!("{other:?}"),
    }
    // A quarter of the run is no disturbance.
    series[68..90].iter_mut().for_each(|value| *value += 0.5);
    assert!(matches!(course(&series), Course::Restless { .. } | Course::Steady { from: 85..=95, .. }));
}

#[test]
fn differences_that_no_reader_minds_are_none() {
    let series: Vec<f64> = (0..60).map(|second| if second < 20 { 9.02 } else { 9.0 }).collect();
    assert!(is_steady_from_the_start(&series), "2 %, without any noise");
    assert!(is_steady_from_the_start(&[0.0; 60]));
}

#[test]
fn few_points_say_nothing_and_many_are_thinned() {
    assert_eq!(course(&[9.0; POINTS_MIN - 1]), Course::TooShort);
    assert_eq!(course(&[]), Course::TooShort);
    let mut draw = Draw(5);
    let mut day = flat(&mut draw, Kind::Alike, 86_400, 0.05);
    day[..7_200].iter_mut().for_each(|value| *value += 0.4);
    match course(&day) {
        Course::Steady { from, .. } => assert!(from.abs_diff(7_200) <= 144, "{from}"),
        other => panic!("{other:?}"),
    }
}
