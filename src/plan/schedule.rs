//! When each arrival of a scenario is due, by its index over the whole run.
//!
//! Evenly spread, arrival k is due at the first instant at which the rate's integral exceeds k. With
//! `jitter: "poisson"` the arrivals of each stretch are cut into blocks; a block's due times are sorted uniform
//! draws over the block's part of the integral, seeded by run, scenario and block. So over spans much
//! shorter than a block they come as a Poisson process does, stages and blocks keep their exact counts, and
//! every worker and machine draws the same times.

use super::rate_curve::Stretch;
use super::{Arrivals, Jitter, RateCurve};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// Arrivals of one block.
const BLOCK: u64 = 1_000;

/// The due times of a scenario's arrivals. Asked in order, each costs the same, however many there are.
#[derive(Debug, Clone)]
pub struct Schedule {
    stretches: Vec<Stretch>,
    /// The stretch of the last answer.
    place: usize,
    draws: Option<Draws>,
}

/// The draws of one block.
#[derive(Debug, Clone)]
struct Draws {
    /// Of run and scenario.
    seed: u64,
    /// The block's first arrival.
    first: u64,
    /// Where the block's arrivals lie in the integral, in order.
    values: Vec<f64>,
}

impl Schedule {
    /// The schedule of a scenario's arrivals; `seed` is the run's, `scenario` its name.
    pub fn new(arrivals: &Arrivals, seed: u64, scenario: &str) -> Schedule {
        let draws = match arrivals.jitter {
            Jitter::None => None,
            Jitter::Poisson => {
                Some(Draws { seed: hash(seed, scenario), first: u64::MAX, values: Vec::new() })
            }
        };
        Schedule { stretches: stretches(&arrivals.rate), place: 0, draws }
    }

    /// How many arrivals there are.
    pub fn count(&self) -> u64 {
        self.stretches.last().map_or(0, Stretch::end_index)
    }

    /// When arrival `index` is due, in nanoseconds from the scenario's start.
    ///
    /// # Panics
    /// With an index beyond the last.
    pub fn due_ns(&mut self, index: u64) -> u64 {
        while self.place > 0 && self.stretches[self.place].first_index() > index {
            self.place -= 1;
        }
        while self.stretches[self.place].end_index() <= index {
            self.place += 1;
        }
        let stretch = &self.stretches[self.place];
        let value = match &mut self.draws {
            None => index as f64,
            Some(draws) => draws.value(stretch, index),
        };
        stretch.instant_ns(value)
    }
}

/// Those that have arrivals.
fn stretches(rate: &RateCurve) -> Vec<Stretch> {
    rate.stretches().filter(|stretch| stretch.first_index() < stretch.end_index()).collect()
}

impl Draws {
    fn value(&mut self, stretch: &Stretch, index: u64) -> f64 {
        let start = stretch.first_index();
        let first = start + (index - start) / BLOCK * BLOCK;
        if first != self.first {
            self.draw(stretch, first);
        }
        self.values[usize::try_from(index - first).expect("below the block's length")]
    }

    fn draw(&mut self, stretch: &Stretch, first: u64) {
        let end = stretch.end_index().min(first + BLOCK);
        // The stretch's first block begins where it does, and the last ends with it.
        let low = if first == stretch.first_index() { stretch.before } else { first as f64 };
        let high = if end == stretch.end_index() { stretch.after } else { end as f64 };
        let mut rng = Pcg64Mcg::seed_from_u64(mix(self.seed ^ mix(first)));
        self.first = first;
        self.values.clear();
        self.values.extend((first..end).map(|_| low + (high - low) * rng.random::<f64>()));
        self.values.sort_unstable_by(f64::total_cmp);
    }
}

/// A number for a run and a scenario (FNV-1a), so that no two scenarios draw alike.
fn hash(seed: u64, scenario: &str) -> u64 {
    let byte = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(seed ^ scenario.bytes().fold(0xcbf2_9ce4_8422_2325, byte))
}

/// Spreads a number's bits (the finaliser of `SplitMix64`).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests;
