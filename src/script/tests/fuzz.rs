//! The fuzzer's scripts in short: thousands of them, the same each time. `make fuzz` plays millions.

use rand::{RngExt as _, SeedableRng as _};

use super::{dream, load, shown};
use crate::script::functions;

#[path = "../../../fuzz/generate.rs"]
mod generate;
#[path = "../../../fuzz/play.rs"]
mod play;

/// Some three seconds in a debug build.
const SCRIPTS: u64 = 2_000;

#[test]
fn no_call_of_a_registered_function_panics_or_hangs() {
    let functions: Vec<(&str, usize)> =
        functions().iter().map(|function| (function.name(), function.arity())).collect();
    let mut sound = 0;
    for seed in 0..SCRIPTS {
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
        let mut data = vec![0; rng.random_range(4..120)];
        rng.fill(&mut data[..]);
        let script = generate::script(&data, &functions);
        match load(&script) {
            Ok(_) => sound += 1,
            Err(diagnostic) => assert!(!shown(&diagnostic).is_empty()),
        }
    }
    assert!(sound > 20, "only {sound} scripts came to their end: the generator has lost its way");
}

/// Fewer: a flow plays all of its statements, some of which take their time.
const FLOWS: u64 = 300;

#[test]
fn no_call_within_a_flow_panics_or_hangs() {
    let functions: Vec<(&str, usize)> =
        functions().iter().map(|function| (function.name(), function.arity())).collect();
    let (mut played, mut sound) = (0, 0);
    for seed in 0..FLOWS {
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
        let mut data = vec![0; rng.random_range(4..120)];
        rng.fill(&mut data[..]);
        let script = generate::flow(&data, &functions);
        if let Some(ended) = play::play(&script) {
            played += 1;
            sound += u64::from(ended);
        }
    }
    assert!(played > FLOWS / 4 && sound > FLOWS / 8, "{played} of {FLOWS} played, {sound} to the end");
}
