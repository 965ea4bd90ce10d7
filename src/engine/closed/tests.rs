//! Numbers of iterations by index, and deadlines.

use proptest::prelude::*;

use super::super::act::tests::{block_on, crew};
use super::*;
use crate::plan::Demand;

const SECOND_NS: u64 = 1_000_000_000;

/// The numbers that all users on all shards get, sorted. Users take turns, and some take `fast` at once.
fn numbers(shards: usize, users: u64, bound: Option<Bound>, fast: u64, rounds: u64) -> Vec<u64> {
    let stripe = Stripe::equal(shards);
    let mut numbers = Vec::new();
    for shard in 0..shards {
        let share = Share { stripe: &stripe, shard, peak: users };
        let taken = Cell::new(0);
        let own: Vec<(u64, Cell<u64>)> =
            stripe.owned(shard, users).map(|index| (index + 1, Cell::new(0))).collect();
        for _ in 0..rounds {
            for (number, begun) in &own {
                let turns = if number % 2 == 0 { fast } else { 1 };
                for _ in 0..turns {
                    let turns = Turns { number: *number, begun };
                    numbers.extend(next_iteration(share, bound, turns, &taken));
                }
            }
        }
    }
    numbers.sort_unstable();
    numbers
}

proptest! {
    #[test]
    fn the_shards_share_the_iterations_and_each_is_run_once(
        shards in 1usize..7, count in 1u64..9, fast in 1u64..4, total in 0u64..60,
    ) {
        let shared = Some(Bound::Shared(total));
        prop_assert_eq!(numbers(shards, count, shared, fast, 60), (0..total).collect::<Vec<_>>());
    }

    #[test]
    fn each_user_runs_its_own_and_numbers_differ(shards in 1usize..7, count in 1u64..9, fast in 1u64..4, each in 0u64..9) {
        let per_user = Some(Bound::PerUser(each));
        prop_assert_eq!(numbers(shards, count, per_user, fast, 9), (0..count * each).collect::<Vec<_>>());
    }
}

#[test]
fn numbers_without_a_bound_go_by_user_and_not_by_worker() {
    assert_eq!(numbers(1, 3, None, 1, 4), (0..12).collect::<Vec<_>>());
    assert_eq!(numbers(2, 3, None, 2, 4), numbers(5, 3, None, 2, 4));
}

fn ramping(ramp_down: &str, graceful_stop: &str) -> Band {
    let script = format!(
        "scenario(\"s\", #{{ executor: \"ramping-vus\", stages: [\"10s:5\"], flow: || (), \
            graceful_ramp_down: \"{ramp_down}\", graceful_stop: \"{graceful_stop}\" }});"
    );
    let mut part = None;
    block_on(async { part = Some(Rc::clone(&crew(&script).0.parts[0])) });
    let part: Rc<Part> = part.unwrap();
    let Demand::Users(users) = part.scenario.demand.clone() else { panic!("no users") };
    Band { part, users, taken: Cell::new(0), left: Cell::new(0) }
}

#[test]
fn the_deadline_is_that_of_the_ramp_or_of_the_scenario() {
    let hold =
        |until: u64| Hold { start_ns: 0, until_ns: until * SECOND_NS, scenario_end_ns: 10 * SECOND_NS };
    let band = ramping("3s", "5s");
    assert_eq!(hold(10).deadline_ns(&band), 15 * SECOND_NS, "the scenario is over");
    assert_eq!(hold(4).deadline_ns(&band), 7 * SECOND_NS, "ramped down");
    assert_eq!(hold(9).deadline_ns(&band), 12 * SECOND_NS);
    let band = ramping("30s", "5s");
    assert_eq!(hold(4).deadline_ns(&band), 15 * SECOND_NS, "never past the scenario's own stop");
    let band = ramping("0s", "0s");
    assert_eq!((hold(4).deadline_ns(&band), hold(10).deadline_ns(&band)), (4 * SECOND_NS, 10 * SECOND_NS));
}
