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

/// The due times of a scenario's arrivals. Each costs the same, however many there are.
#[derive(Debug, Clone)]
pub struct Schedule {
    stretches: Vec<Stretch>,
    draws: Option<Draws>,
    rate: RateCurve,
    /// What the integral is at its start, less the arrivals before: from -1 to 0.
    phase: f64,
    /// Arrivals before it, and when it begins: other than 0 where it follows another.
    base: (u64, u64),
    before: Option<Box<Schedule>>,
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
        Schedule {
            stretches: stretches(&arrivals.rate, 0.0),
            draws,
            rate: arrivals.rate.clone(),
            phase: 0.0,
            base: (0, 0),
            before: None,
        }
    }

    /// How many arrivals there are.
    pub fn count(&self) -> u64 {
        self.base.0 + self.stretches.last().map_or(0, Stretch::end_index)
    }

    /// When arrival `index` is due, in nanoseconds from the scenario's start.
    ///
    /// # Panics
    /// With an index beyond the last.
    pub fn due_ns(&mut self, index: u64) -> u64 {
        let Some(index) = index.checked_sub(self.base.0) else {
            return self.before.as_mut().map_or(self.base.1, |before| before.due_ns(index));
        };
        let place = self.stretches.partition_point(|stretch| stretch.end_index() <= index);
        let stretch = &self.stretches[place];
        let value = match &mut self.draws {
            None => index as f64,
            Some(draws) => draws.value(stretch, index),
        };
        self.base.1.saturating_add(stretch.instant_ns(value))
    }

    /// From an instant on the arrivals are those of another rate over the same time. What was due before stays,
    /// and can still be asked for from the index `from` on.
    pub fn steer(&mut self, at_ns: u64, arrivals: &Arrivals, from: u64) {
        let before = self.count_before(at_ns);
        let draws = self.draws.as_ref().map(|draws| Draws {
            seed: mix(draws.seed ^ before),
            first: u64::MAX,
            values: Vec::new(),
        });
        // Evenly spread, a part of an arrival that had come is not lost; drawn, it has no meaning.
        let phase = if draws.is_some() { 0.0 } else { self.integral(at_ns) - before as f64 };
        let (phase, rate) = (phase.clamp(-1.0, 0.0), arrivals.rate.rest(at_ns));
        let next = Schedule {
            stretches: stretches(&rate, phase),
            draws,
            rate,
            phase,
            base: (before, at_ns),
            before: None,
        };
        let mut past = std::mem::replace(self, next);
        if from >= past.base.0 {
            past.before = None;
        }
        self.before = Some(Box::new(past));
    }

    /// The rate's integral at an instant that is not before its start.
    fn integral(&self, at_ns: u64) -> f64 {
        let into_ns = at_ns.saturating_sub(self.base.1);
        let since: f64 = self.rate.stretches().map(|stretch| stretch.up_to(into_ns)).sum();
        self.base.0 as f64 + self.phase + since
    }

    /// How many arrivals are due before an instant.
    fn count_before(&mut self, at_ns: u64) -> u64 {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.due_ns(middle) < at_ns { low = middle + 1 } else { high = middle }
        }
        low
    }
}

/// Those that have arrivals.
fn stretches(rate: &RateCurve, phase: f64) -> Vec<Stretch> {
    rate.stretches_from(phase).filter(|stretch| stretch.first_index() < stretch.end_index()).collect()
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
