//! At most so many requests a second, by an absolute schedule: slot *k* is due at *k* / rate.
//!
//! Slots are divided by index (DESIGN §8), as arrivals are: slot *k* belongs to the shard that owns user *k* mod
//! users, so that the shards' rates go by the users that each has, and their sum is the cap. A slot that was
//! not used in time is lost, so that nothing is saved up: whoever comes after an idle time may take the last
//! slot that has passed, and then waits like everybody.

use std::cell::Cell;

use super::{Plan, Stripe};

const SECOND_NS: f64 = 1e9;

/// A shard's share of a cap, and which of its slots are taken.
#[derive(Debug)]
pub struct Slots {
    per_second: f64,
    stripe: Stripe,
    bands: Vec<Band>,
    /// All users of all bands, and those that this shard owns.
    users: u64,
    own: u64,
    /// The rank of the first slot that nobody has taken, counted among the shard's own.
    next: Cell<u64>,
}

/// The users of one scenario, and the shard of it that is played here.
#[derive(Debug, Clone, Copy)]
struct Band {
    shard: usize,
    users: u64,
}

impl Slots {
    /// A cap of the whole plan on worker `worker` of so many; scenarios turn by one each, as the crew has it.
    pub fn of_plan(plan: &Plan, worker: usize, stripe: &Stripe) -> Option<Slots> {
        let band = |(index, scenario): (usize, &super::Scenario)| Band {
            shard: (worker + index) % stripe.shards(),
            users: scenario.demand.peak(),
        };
        let bands = plan.scenarios.iter().enumerate().map(band).collect();
        plan.options.rps.map(|per_second| Slots::new(per_second, stripe, bands))
    }

    /// A cap of one scenario with so many users at most, on one of its shards.
    pub fn of_scenario(per_second: Option<f64>, users: u64, shard: usize, stripe: &Stripe) -> Option<Slots> {
        per_second.map(|per_second| Slots::new(per_second, stripe, vec![Band { shard, users }]))
    }

    fn new(per_second: f64, stripe: &Stripe, bands: Vec<Band>) -> Slots {
        let users = bands.iter().map(|band| band.users).sum();
        let own = bands.iter().map(|band| stripe.share(band.shard, band.users)).sum();
        Slots { per_second, stripe: stripe.clone(), bands, users, own, next: Cell::new(0) }
    }

    /// Takes the next slot and gives its time, both since the start of the load: the caller waits until then.
    /// A shard without users owns no slot.
    pub fn take(&self, now_ns: u64) -> u64 {
        if self.own == 0 {
            return u64::MAX;
        }
        // The last slot that has passed; the ones before are lost.
        let passed = self.own_below(self.at(now_ns).saturating_add(1));
        let rank = self.next.get().max(passed.saturating_sub(1));
        self.next.set(rank + 1);
        self.due_ns(self.nth(rank))
    }

    /// The slot, of the whole, that is the last one due at a time.
    fn at(&self, ns: u64) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and far below 2^53"
        )]
        let slot = (ns as f64 * self.per_second / SECOND_NS) as u64;
        // Rounding may have led to the one behind.
        if self.due_ns(slot) > ns { slot.saturating_sub(1) } else { slot }
    }

    fn due_ns(&self, slot: u64) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and beyond every run it saturates"
        )]
        let due_ns = (slot as f64 * SECOND_NS / self.per_second).ceil() as u64;
        due_ns
    }

    /// How many of the first `count` slots of the whole are this shard's.
    fn own_below(&self, count: u64) -> u64 {
        let mut rest = count % self.users;
        let mut own = count / self.users * self.own;
        for band in &self.bands {
            let users = rest.min(band.users);
            own += self.stripe.share(band.shard, users);
            rest -= users;
        }
        own
    }

    /// The slot of the whole that this shard owns as its `rank`-th.
    fn nth(&self, rank: u64) -> u64 {
        let (round, mut rest) = (rank / self.own, rank % self.own);
        let mut before = round * self.users;
        for band in &self.bands {
            let own = self.stripe.share(band.shard, band.users);
            if rest < own {
                return before + self.stripe.nth(band.shard, rest);
            }
            rest -= own;
            before += band.users;
        }
        unreachable!("the bands' users are the shard's own")
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::scenario;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const SECOND: u64 = 1_000_000_000;

    fn alone(per_second: f64) -> Slots {
        Slots::of_scenario(Some(per_second), 1, 0, &Stripe::equal(1)).unwrap()
    }

    #[test]
    fn slots_are_due_by_an_absolute_schedule() {
        let slots = alone(4.0);
        let due: Vec<u64> = (0..5).map(|_| slots.take(0)).collect();
        assert_eq!(due, [0, SECOND / 4, SECOND / 2, SECOND * 3 / 4, SECOND]);
        let third = alone(3.0);
        let last = (0..=3_000_000).map(|_| third.take(0)).last();
        assert_eq!(last, Some(1_000_000 * SECOND), "thirds don't add up to a drift");
    }

    #[test]
    fn a_slot_is_the_last_one_due_from_its_own_instant_on() {
        for per_second in [0.1, 3.0, 10.0, 997.0, 1e6] {
            let slots = alone(per_second);
            for slot in [1, 2, 3, 10, 1_000, 123_457] {
                let due_ns = slots.due_ns(slot);
                assert_eq!((slots.at(due_ns - 1), slots.at(due_ns)), (slot - 1, slot), "{per_second}");
            }
        }
    }

    #[test]
    fn idle_time_saves_nothing_up_but_the_last_slot() {
        let slots = alone(10.0);
        assert_eq!(slots.take(0), 0);
        // Ten seconds later: the slot that has just passed, then one each tenth of a second.
        let now = 10 * SECOND + SECOND / 20;
        let due: Vec<u64> = (0..3).map(|_| slots.take(now)).collect();
        assert_eq!(due, [10 * SECOND, 10 * SECOND + SECOND / 10, 10 * SECOND + SECOND / 5]);
    }

    #[test]
    fn whoever_waits_stands_in_a_row() {
        let slots = alone(1.0);
        assert_eq!(
            (0..4).map(|_| slots.take(SECOND / 2)).collect::<Vec<_>>(),
            [0, SECOND, 2 * SECOND, 3 * SECOND]
        );
        assert_eq!(slots.take(SECOND), 4 * SECOND, "behind those that came before");
    }

    #[test]
    fn shares_go_by_the_users_that_a_worker_has() {
        // Five users on two workers: three and two of five slots.
        let stripe = Stripe::equal(2);
        let shard = |shard| Slots::of_scenario(Some(5.0), 5, shard, &stripe).unwrap();
        let (first, second) = (shard(0), shard(1));
        let due = |slots: &Slots| (0..5).map(|_| slots.take(0) * 5 / SECOND).collect::<Vec<_>>();
        assert_eq!(due(&first), [0, 2, 4, 5, 7]);
        assert_eq!(due(&second), [1, 3, 6, 8, 11]);
        let lonely = Slots::of_scenario(Some(5.0), 1, 1, &stripe).unwrap();
        assert_eq!(lonely.take(0), u64::MAX, "no user, no slot");
    }

    #[test]
    fn without_a_cap_there_are_no_slots() {
        let plan = Plan::default();
        assert!(Slots::of_plan(&plan, 0, &Stripe::equal(2)).is_none());
        assert!(Slots::of_scenario(None, 5, 0, &Stripe::equal(2)).is_none());
    }

    proptest! {
        #[test]
        fn the_union_of_the_workers_is_the_cap(users in prop::collection::vec(1u64..9, 1..5), workers in 1usize..6, per_second in 0.1f64..5_000.0) {
            let scenarios = users.iter().enumerate().map(|(index, users)| {
                scenario(&format!("s{index}"), json!({"executor": "constant-vus", "vus": users, "duration": "1s", "flow": "f"}))
            });
            let mut plan = Plan { scenarios: scenarios.collect(), ..Plan::default() };
            plan.options.rps = Some(per_second);
            let stripe = Stripe::equal(workers);
            let total = users.iter().sum::<u64>() * 7;
            let mut all = Vec::new();
            for worker in 0..workers {
                let slots = Slots::of_plan(&plan, worker, &stripe).unwrap();
                let own = if slots.own == 0 { 0 } else { slots.own_below(total) };
                let mut last = None;
                for rank in 0..own {
                    let slot = slots.nth(rank);
                    prop_assert!(last < Some(slot), "in order");
                    prop_assert_eq!(slots.own_below(slot), rank, "each knows its place");
                    last = Some(slot);
                    all.push(slot);
                }
            }
            all.sort_unstable();
            prop_assert_eq!(all, (0..total).collect::<Vec<_>>());
        }

        #[test]
        fn no_span_holds_more_than_its_slots(per_second in 0.5f64..2_000.0, gaps in prop::collection::vec(0u64..2_000_000_000, 2..60)) {
            // One user that comes when it likes, and goes when its slot is due.
            let slots = alone(per_second);
            let mut now = 0;
            let mut went = Vec::new();
            for gap in gaps {
                now += gap;
                now = now.max(slots.take(now));
                went.push(now);
            }
            for (i, from) in went.iter().enumerate() {
                for (j, to) in went.iter().enumerate().skip(i) {
                    let allowed = (to - from) as f64 * per_second / SECOND_NS + 2.0 + 1e-6;
                    prop_assert!((j - i + 1) as f64 <= allowed, "{} within {} ns", j - i + 1, to - from);
                }
            }
        }
    }
}
