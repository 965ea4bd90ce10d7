//! Numbers of iterations by index, and deadlines.

use proptest::prelude::*;

use super::super::act::tests::{block_on, crew};
use super::*;

const SECOND_NS: u64 = 1_000_000_000;

fn seat(number: u64) -> Seat {
    Seat { number, begun: Cell::new(0), lives: Cell::new(0), is_manned: Cell::new(false) }
}

/// The numbers that all users on all shards get, sorted. Users take turns, and some take `fast` at once.
fn numbers(shards: usize, users: u64, bound: Option<Bound>, fast: u64, rounds: u64) -> Vec<u64> {
    let stripe = Stripe::equal(shards);
    let mut numbers = Vec::new();
    for shard in 0..shards {
        let share = Share { stripe: &stripe, shard, peak: users };
        let taken = Cell::new(0);
        let own: Vec<Seat> = stripe.owned(shard, users).map(|index| seat(index + 1)).collect();
        for _ in 0..rounds {
            for seat in &own {
                let turns = if seat.number % 2 == 0 { fast } else { 1 };
                for _ in 0..turns {
                    numbers.extend(next_iteration(share, bound, seat, &taken));
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

#[test]
fn numbers_of_users_beyond_the_plans_are_apart_from_all_others() {
    let stripe = Stripe::equal(1);
    let share = Share { stripe: &stripe, shard: 0, peak: 3 };
    let mut numbers: Vec<u64> = (1..=7)
        .flat_map(|number| {
            let seat = seat(number);
            (0..50).map(move |_| next_iteration(share, None, &seat, &Cell::new(0)).unwrap())
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!((numbers.len(), numbers[149], numbers[150]), (350, 149, BEYOND));
}

/// When a user is cut that a ramp over 10 s wants until second `until`.
fn cut(ramp_down: &str, graceful_stop: &str, until: u64) -> u64 {
    let script = format!(
        "scenario(\"s\", #{{ executor: \"ramping-vus\", stages: [\"10s:5\"], flow: || (), \
            graceful_ramp_down: \"{ramp_down}\", graceful_stop: \"{graceful_stop}\" }});"
    );
    let mut cut = None;
    block_on(async {
        let (crew, _timer) = crew(&script);
        let part = &crew.parts[0];
        let Demand::Users(users) = part.scenario.demand.clone() else { panic!("no users") };
        part.timetable.begin(0);
        let band = Band {
            part: Rc::clone(part),
            users,
            taken: Cell::new(0),
            seats: RefCell::default(),
            version: Cell::new(0),
            steered_ns: Cell::new(0),
        };
        cut = Some(band.hold(until * SECOND_NS).cut_ns / SECOND_NS);
    });
    cut.unwrap()
}

#[test]
fn the_deadline_is_that_of_the_ramp_or_of_the_scenario() {
    assert_eq!(cut("3s", "5s", 10), 15, "the scenario is over");
    assert_eq!((cut("3s", "5s", 4), cut("3s", "5s", 9)), (7, 12), "ramped down");
    assert_eq!(cut("30s", "5s", 4), 15, "never past the scenario's own stop");
    assert_eq!((cut("0s", "0s", 4), cut("0s", "0s", 10)), (4, 10));
}
