//! Series whose course is known: how often one is found where none is, and how well it is found where one is.
//!
//! The simulated runs are drawn from a seed, so the shares are the same on every machine; the figures stand in
//! docs/honesty.md.

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
    for kind in KINDS {
        for length in [20, 60, 300] {
            for noise in [0.02, 0.1] {
                let alarms = 1.0
                    - share(400, |draw| is_steady_from_the_start(&flat(draw, kind, length, noise)));
                println!("{kind:?}, {length} s, noise {noise}: {:.2} % false alarms", alarms * 100.0);
                assert!(alarms <= 0.05, "{kind:?}, {length}, {noise}: {alarms}");
            }
        }
    }
}
