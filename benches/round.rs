//! Rounds of plays that are repeated while other guests of the machine take its cores.
//!
//! A play that lost more than 1 % of the machine ends its round, which starts anew. The number of repeats is
//! bounded; past it a round counts all the same, and the foot of the table says so.
#![allow(dead_code, reason = "each bench uses its part")]

use std::fmt::Write as _;
use std::time::Duration;

use super::process::Ticks;

/// Above this share of the machine taken by others a play says little.
pub(crate) const STEAL_MAX: f64 = 0.01;

/// The order of the plays of a round: every other round goes backwards (ABBA), so that drift cancels out.
pub(crate) fn order(round: u32, plays: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..plays).collect();
    if round % 2 == 1 {
        order.reverse();
    }
    order
}

/// How often rounds may be repeated, and how often they were.
#[derive(Debug)]
pub(crate) struct Repeats {
    left: u32,
    /// What was stolen of the plays that were thrown away.
    repeated: Vec<f64>,
    /// The rounds that counted in spite of it, from 1, and what was stolen.
    counted: Vec<(u32, f64)>,
}

impl Repeats {
    pub(crate) fn new(most: u32) -> Self {
        Self { left: most, repeated: Vec::new(), counted: Vec::new() }
    }

    /// Plays a round, `play` once for each index, until none of them is disturbed; what they gave, by index.
    pub(crate) fn round<T>(
        &mut self,
        round: u32,
        plays: usize,
        mut play: impl FnMut(usize) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        'again: loop {
            let mut results: Vec<(usize, T)> = Vec::with_capacity(plays);
            for index in order(round, plays) {
                let ticks = Ticks::now();
                results.push((index, play(index)?));
                let steal = ticks.steal_since();
                if steal <= STEAL_MAX {
                    continue;
                }
                if self.left > 0 {
                    self.left -= 1;
                    self.repeated.push(steal);
                    continue 'again;
                }
                self.counted.push((round + 1, steal));
            }
            results.sort_by_key(|(index, _)| *index);
            return Ok(results.into_iter().map(|(_, result)| result).collect());
        }
    }

    /// A sentence for the foot of a table.
    pub(crate) fn foot(&self) -> String {
        let percent = |steal: &f64| format!("{:.1} %", steal * 100.0);
        let repeated: Vec<String> = self.repeated.iter().map(percent).collect();
        let mut foot = match repeated.len() {
            0 => "no round was repeated".to_owned(),
            times => format!("rounds repeated {times} times, for steal of {}", repeated.join(", ")),
        };
        if !self.counted.is_empty() {
            let counted: Vec<String> =
                self.counted.iter().map(|(round, steal)| format!("{round} ({})", percent(steal))).collect();
            let _ = write!(
                foot,
                "; counted all the same, the repeats being used up: round {}",
                counted.join(", ")
            );
        }
        foot
    }
}

/// How long so many plays take, for the line that a bench begins with.
pub(crate) fn about(plays: usize, rounds: u32, seconds: u32) -> Duration {
    Duration::from_secs(u64::from(rounds * seconds) * plays as u64)
}
