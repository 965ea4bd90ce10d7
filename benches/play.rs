//! One play of one generator beside a server, and what a request of it cost.

use std::time::{Duration, Instant};

use super::generator::{Load, Program};
use super::process::{Cpu, Guard, Ticks, cpu, pause};
use super::round::Repeats;
use super::table::Sample;

/// A play's first and last moments, in which it starts, connects and sums up: busy cores are looked at between.
const EDGE: Duration = Duration::from_millis(300);

/// Plays a load against the server with that pid.
pub(crate) fn play(program: Program, server: u32, load: Load<'_>) -> Result<Sample, String> {
    if !program.starts_slowly() {
        let play = play_once(program, server, load)?;
        return Ok(play.sample(Cpu::default(), 0.0));
    }
    let short = play_once(program, server, load)?;
    let long = play_once(program, server, Load { seconds: 3 * load.seconds, ..load })?;
    if long.requests <= short.requests {
        return Err("it completed no more requests in three times the time".to_owned());
    }
    Ok(long.sample(short.used, short.requests))
}

/// What one process did.
struct Play {
    used: Cpu,
    requests: f64,
    seconds: f64,
    generator_busy: f64,
    server_busy: f64,
    steal: f64,
}

impl Play {
    /// Costs beyond those of a shorter play.
    fn sample(&self, used: Cpu, requests: f64) -> Sample {
        let (used, requests) = (self.used.since(used), self.requests - requests);
        let each_us = |time: Duration| time.as_secs_f64() * 1e6 / requests;
        Sample {
            user_us: each_us(used.user),
            system_us: each_us(used.system),
            requests_per_second: self.requests / self.seconds,
            generator_busy: self.generator_busy,
            server_busy: self.server_busy,
            steal: self.steal,
        }
    }
}

fn play_once(program: Program, server: u32, load: Load<'_>) -> Result<Play, String> {
    let (ticks, start) = (Ticks::now(), Instant::now());
    let run = program.start(load)?;
    pause(EDGE);
    let (generator, served, begin) = (used_by(run.id()), used_by(server), Instant::now());
    pause(Duration::from_secs(u64::from(load.seconds)).saturating_sub(2 * EDGE));
    let share = |pid, before: Duration, wall: Duration| {
        used_by(pid).saturating_sub(before).as_secs_f64() / wall.as_secs_f64()
    };
    let wall = begin.elapsed();
    let generator_busy = share(run.id(), generator, wall);
    let server_busy = share(server, served, wall);
    let (used, stdout) = Guard::finish(run)?;
    let seconds = start.elapsed().as_secs_f64();
    let requests = program.completed(&stdout).map_err(|error| format!("{error}\n{stdout}"))?;
    if used.total().is_zero() {
        return Err("it used no CPU of its own: is it a script around the generator?".to_owned());
    }
    Ok(Play { used, requests, seconds, generator_busy, server_busy, steal: ticks.steal_since() })
}

fn used_by(pid: u32) -> Duration {
    cpu(pid).unwrap_or_default().total()
}

/// Plays all rounds of so many programs, prints what each cost, and gives the samples of each.
#[expect(clippy::print_stdout, reason = "who waits wants to see that it goes on")]
pub(crate) fn all_rounds(
    repeats: &mut Repeats,
    rounds: u32,
    programs: usize,
    mut play: impl FnMut(usize) -> Result<Sample, String>,
) -> Result<Vec<Vec<Sample>>, String> {
    let mut samples: Vec<Vec<Sample>> = (0..programs).map(|_| Vec::new()).collect();
    for round in 0..rounds {
        let results = repeats.round(round, programs, &mut play)?;
        let costs: Vec<String> = results.iter().map(|one| format!("{:.2}", one.total_us())).collect();
        println!("round {:>2}/{rounds}: {} µs/request", round + 1, costs.join("  "));
        for (list, sample) in samples.iter_mut().zip(results) {
            list.push(sample);
        }
    }
    Ok(samples)
}
