//! Who owns which index: how a demand is divided among shards (machines, workers) without rounding.
//!
//! A table of owners repeats over the indexes, so every index has exactly one owner, the union of
//! the shards is the whole, and shares sum exactly. With weights the table follows the quota method
//! (Balinski and Young 1975): before any index each shard owns its ideal share, give or take less than one.

use super::PlanError;

/// How long the table may get, which is the sum of the weights without their common divisor. Weights
/// count cores or machines; 65,536 of them are 256 KiB of table.
const PERIOD_MAX: u64 = 1 << 16;

/// Divides the indexes 0, 1, 2, … among shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stripe {
    /// The owner of each index of one period.
    owners: Vec<u32>,
    /// For each shard the indexes that it owns in one period, in order; none is empty.
    owned: Vec<Vec<u64>>,
}

impl Stripe {
    /// Shards of equal weight take turns. At least one shard.
    pub fn equal(shards: usize) -> Stripe {
        let shards = u32::try_from(shards.max(1)).expect("fewer shards than a u32 holds");
        Stripe::from_owners((0..shards).collect(), shards as usize)
    }

    /// Shards own indexes in proportion to their weights, each of which is positive.
    pub fn weighted(weights: &[u64]) -> Result<Stripe, PlanError> {
        let bad = || PlanError::StripeWeights { weights: weights.to_vec(), period_max: PERIOD_MAX };
        if weights.is_empty() || weights.contains(&0) {
            return Err(bad());
        }
        let divisor = weights.iter().copied().fold(0, greatest_common_divisor);
        let weights: Vec<u64> = weights.iter().map(|weight| weight / divisor).collect();
        let total = weights.iter().try_fold(0u64, |sum, weight| sum.checked_add(*weight)).ok_or_else(bad)?;
        if total > PERIOD_MAX {
            return Err(bad());
        }
        let mut counts = vec![0u64; weights.len()];
        let mut owners = Vec::new();
        for index in 1..=total {
            // Among the shards that are below their ideal share of the indexes so far, the one whose next
            // index is due first: (count + 1) / weight is the least. Products stay below 2^32.
            let next = (0..weights.len())
                .filter(|&shard| counts[shard] * total < index * weights[shard])
                .min_by(|&a, &b| {
                    let due = |shard: usize, other: usize| (counts[shard] + 1) * weights[other];
                    due(a, b).cmp(&due(b, a))
                })
                .expect("counts sum to less than the index, so one shard is below its share");
            counts[next] += 1;
            owners.push(u32::try_from(next).expect("no more shards than PERIOD_MAX"));
        }
        Ok(Stripe::from_owners(owners, weights.len()))
    }

    fn from_owners(owners: Vec<u32>, shards: usize) -> Stripe {
        let mut owned = vec![Vec::new(); shards];
        for (index, owner) in (0u64..).zip(&owners) {
            owned[*owner as usize].push(index);
        }
        Stripe { owners, owned }
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.owned.len()
    }

    /// The shard that owns an index, counted from 0.
    pub fn owner(&self, index: u64) -> usize {
        let place = usize::try_from(index % self.period()).expect("below the table's length");
        self.owners[place] as usize
    }

    /// How many of the first `total` indexes a shard owns.
    pub fn share(&self, shard: usize, total: u64) -> u64 {
        let owned = &self.owned[shard];
        let (rounds, rest) = (total / self.period(), total % self.period());
        rounds * owned.len() as u64 + owned.partition_point(|index| *index < rest) as u64
    }

    /// The index that a shard owns as its `rank`-th, counted from 0.
    pub fn nth(&self, shard: usize, rank: u64) -> u64 {
        let owned = &self.owned[shard];
        let length = owned.len() as u64;
        let place = usize::try_from(rank % length).expect("below the list's length");
        (rank / length) * self.period() + owned[place]
    }

    /// The indexes below `total` that a shard owns, in order.
    pub fn owned(&self, shard: usize, total: u64) -> impl Iterator<Item = u64> + '_ {
        (0..self.share(shard, total)).map(move |rank| self.nth(shard, rank))
    }

    /// The shard that runs a shared iteration: the one that owns user `iteration` mod `users`.
    pub fn iteration_owner(&self, iteration: u64, users: u64) -> usize {
        self.owner(iteration % users.max(1))
    }

    /// How many of `total` shared iterations a shard runs.
    pub fn iteration_share(&self, shard: usize, users: u64, total: u64) -> u64 {
        let users = users.max(1);
        (total / users) * self.share(shard, users) + self.share(shard, total % users)
    }

    /// The shared iteration that a shard runs as its `rank`-th, counted from 0; nothing if it owns no user.
    pub fn iteration_nth(&self, shard: usize, users: u64, rank: u64) -> Option<u64> {
        let users = users.max(1);
        let local = self.share(shard, users);
        (local > 0).then(|| (rank / local) * users + self.nth(shard, rank % local))
    }

    fn period(&self) -> u64 {
        self.owners.len() as u64
    }
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn equal_shards_take_turns() {
        let stripe = Stripe::equal(3);
        assert_eq!((0..7).map(|index| stripe.owner(index)).collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2, 0]);
        assert_eq!(stripe.owned(1, 8).collect::<Vec<_>>(), [1, 4, 7]);
        assert_eq!(Stripe::weighted(&[4, 4, 4]).unwrap(), stripe, "equal weights are no weights");
    }

    #[test]
    fn weighted_shards_are_spread_out() {
        let stripe = Stripe::weighted(&[2, 1, 1]).unwrap();
        assert_eq!((0..8).map(|index| stripe.owner(index)).collect::<Vec<_>>(), [0, 1, 0, 2, 0, 1, 0, 2]);
    }

    #[test]
    fn shared_iterations_follow_their_user() {
        // Five users on two shards: users 0, 2, 4 and 1, 3.
        let stripe = Stripe::equal(2);
        assert_eq!((0..6).map(|k| stripe.iteration_owner(k, 5)).collect::<Vec<_>>(), [0, 1, 0, 1, 0, 0]);
        assert_eq!(stripe.iteration_share(0, 5, 12), 7);
        assert_eq!(stripe.iteration_nth(1, 5, 2), Some(6));
        assert_eq!(Stripe::equal(4).iteration_nth(3, 2, 0), None, "a shard without a user");
    }

    #[test]
    fn weights_may_sum_to_the_longest_period_and_no_further() {
        assert!(Stripe::weighted(&[PERIOD_MAX - 1, 1]).is_ok());
        for beyond in [PERIOD_MAX, PERIOD_MAX + 1, 3 * PERIOD_MAX] {
            assert!(Stripe::weighted(&[beyond, 1]).is_err(), "{beyond}");
        }
        assert!(Stripe::weighted(&[2 * PERIOD_MAX - 2, 2]).is_ok(), "by their ratio");
    }

    #[test]
    fn useless_weights_are_refused() {
        assert!(Stripe::weighted(&[]).is_err());
        assert!(Stripe::weighted(&[1, 0]).is_err());
        assert!(Stripe::weighted(&[u64::MAX, 1]).is_err());
        assert!(Stripe::weighted(&[u64::MAX, u64::MAX]).is_ok(), "only the proportion counts");
    }

    fn stripes() -> impl Strategy<Value = (Stripe, Vec<u64>)> {
        prop_oneof![
            (1usize..20).prop_map(|shards| (Stripe::equal(shards), vec![1; shards])),
            prop::collection::vec(1u64..60, 1..12)
                .prop_map(|weights| (Stripe::weighted(&weights).unwrap(), weights)),
        ]
    }

    proptest! {
        #[test]
        fn the_union_of_the_shards_is_the_whole((stripe, _) in stripes(), total in 0u64..3_000) {
            let mut all: Vec<u64> = (0..stripe.shards()).flat_map(|s| stripe.owned(s, total).collect::<Vec<_>>()).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..total).collect::<Vec<_>>());
        }

        #[test]
        fn shares_count_what_is_owned((stripe, _) in stripes(), total in 0u64..3_000) {
            for shard in 0..stripe.shards() {
                let counted = (0..total).filter(|index| stripe.owner(*index) == shard).count() as u64;
                prop_assert_eq!(stripe.share(shard, total), counted);
                prop_assert_eq!(stripe.owned(shard, total).count() as u64, counted);
            }
        }

        #[test]
        fn every_prefix_is_within_one_of_the_ideal((stripe, weights) in stripes()) {
            let sum: u64 = weights.iter().sum();
            let mut counts = vec![0u64; weights.len()];
            for index in 0..2 * sum {
                counts[stripe.owner(index)] += 1;
                for (count, weight) in counts.iter().zip(&weights) {
                    // |count − (index + 1) · weight / sum| < 1, in integers.
                    prop_assert!((count * sum).abs_diff((index + 1) * weight) < sum);
                }
            }
        }

        #[test]
        fn shared_iterations_are_divided_once((stripe, _) in stripes(), users in 1u64..40, total in 0u64..500) {
            let mut all = Vec::new();
            for shard in 0..stripe.shards() {
                for rank in 0..stripe.iteration_share(shard, users, total) {
                    let iteration = stripe.iteration_nth(shard, users, rank).unwrap();
                    prop_assert_eq!(stripe.iteration_owner(iteration, users), shard);
                    all.push(iteration);
                }
            }
            all.sort_unstable();
            prop_assert_eq!(all, (0..total).collect::<Vec<_>>());
        }
    }
}
