//! What becomes of series past the cap: they are counted together, and told apart only by what targets ask for.
//!
//! Invariant: a selector of a target matches the collapsed tags of a sample if, and only if, it matched the sample's
//! own. So a target is judged on all of its samples, however many names there were. Used by recorders and by
//! snapshots that merge.

use std::collections::{BTreeMap, BTreeSet};

use super::tags::OTHER;
use super::{Selector, TagSet, beside};

/// The most combinations of tags that targets may tell apart: as many as there are series before the cap, so that
/// what comes behind it is no more than what was before.
pub const OVERFLOW_MAX: usize = 10_000;

/// Tags with few values, none of them a script's to choose: series past the cap keep them. By errors the generator
/// finds its own fault, and by statuses a reader that of the service.
const OWN: [(&str, &str); 7] = [
    ("cache_requests", "verdict"),
    ("clamped_values", "metric"),
    ("dropped_iterations", "reason"),
    ("http_reqs", "error_code"),
    ("http_reqs", "status"),
    ("http_req_failed", "error_code"),
    ("http_req_failed", "status"),
];

/// Tags that a request brings by itself: a script's tag of that name replaces it.
const OF_REQUESTS: [&str; 10] = [
    "scenario",
    "group",
    "name",
    "url",
    "method",
    "proto",
    "tls_version",
    "status",
    "error_code",
    "expected_response",
];

/// The values that selectors name, by tag.
type Named = BTreeMap<String, BTreeSet<String>>;

/// Which tags series past the cap keep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overflow {
    by_metric: BTreeMap<String, Named>,
    /// Of all metrics together.
    all: Named,
}

impl Overflow {
    /// Keeps what these selectors tell apart.
    pub fn of<'a>(selectors: impl IntoIterator<Item = &'a Selector>) -> Self {
        let mut overflow = Self::default();
        for selector in selectors {
            // The metric beside it is shown by the same tags.
            let metrics = [Some(selector.metric.as_str()), beside(&selector.metric)];
            for matcher in &selector.matchers {
                for metric in metrics.into_iter().flatten() {
                    let values = overflow.by_metric.entry(metric.to_owned()).or_default();
                    values.entry(matcher.tag.clone()).or_default().insert(matcher.value.clone());
                }
                overflow.all.entry(matcher.tag.clone()).or_default().insert(matcher.value.clone());
            }
        }
        overflow
    }

    /// How many series past the cap there can be beside one for each metric: each tag has the values that are named,
    /// or none of them. At most [`OVERFLOW_MAX`] in a plan.
    pub fn combinations(&self) -> usize {
        let product =
            |named: &Named| named.values().fold(1, |all: usize, values| all.saturating_mul(values.len() + 1));
        let by_metric =
            self.by_metric.values().fold(0, |sum: usize, named| sum.saturating_add(product(named)));
        by_metric.max(product(&self.all))
    }

    /// All texts that are named; a recorder must know them before it is full.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.all.values().flatten().map(String::as_str)
    }

    /// Whether a selector of any metric names the pair.
    pub(super) fn names(&self, tag: &str, value: &str) -> bool {
        names(&self.all, tag, value)
    }

    /// The tags of a sample past the cap: what is named, and `name:__other__` where the name isn't. A sample without
    /// tags is one of a few, and stays.
    pub(super) fn collapse(&self, metric: &str, tags: &TagSet) -> TagSet {
        if tags.is_empty() {
            return TagSet::default();
        }
        let named = self.by_metric.get(metric);
        let is_kept = |tag: &str, value: &str| {
            OWN.contains(&(metric, tag)) || named.is_some_and(|named| names(named, tag, value))
        };
        let kept = tags.iter().filter(|(tag, value)| is_kept(tag, value));
        let kept: Vec<(&str, &str)> = kept.collect();
        let has_name = kept.iter().any(|(tag, _)| *tag == "name");
        let other = (!has_name).then_some(("name", OTHER));
        TagSet::from_pairs(kept.into_iter().chain(other))
    }

    /// Whether tags are such collapsed ones, which count towards no cap.
    pub(super) fn is_collapsed(&self, metric: &str, tags: &TagSet) -> bool {
        tags.get("name") == Some(OTHER) && self.collapse(metric, tags) == *tags
    }

    /// What is left of a script's tags past the cap: what is named, and whatever stands in the place of a request's own
    /// tag, with a value that nothing names.
    pub(super) fn reduce(&self, tags: &TagSet) -> TagSet {
        TagSet::from_pairs(tags.iter().filter_map(|(tag, value)| {
            if self.names(tag, value) {
                return Some((tag, value));
            }
            OF_REQUESTS.contains(&tag).then_some((tag, OTHER))
        }))
    }
}

fn names(named: &Named, tag: &str, value: &str) -> bool {
    named.get(tag).is_some_and(|values| values.contains(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(selectors: &[&str]) -> (Overflow, Vec<Selector>) {
        let selectors: Vec<Selector> = selectors.iter().map(|text| Selector::parse(text).unwrap()).collect();
        (Overflow::of(&selectors), selectors)
    }

    fn tags(pairs: &[(&str, &str)]) -> TagSet {
        TagSet::from_pairs(pairs.iter().copied())
    }

    #[test]
    fn without_targets_only_the_other_name_is_left() {
        let overflow = Overflow::default();
        let many = tags(&[("name", "/users/7"), ("status", "200"), ("verdict", "hit")]);
        assert_eq!(overflow.collapse("data_sent", &many), TagSet::other());
        assert_eq!(overflow.collapse("http_reqs", &many), TagSet::other().with("status", "200"));
        assert_eq!(overflow.collapse("http_reqs", &TagSet::default()), TagSet::default());
        assert_eq!(overflow.collapse("cache_requests", &many), TagSet::other().with("verdict", "hit"));
        assert_eq!(overflow.combinations(), 1);
    }

    #[test]
    fn what_targets_name_stays_apart() {
        let (overflow, _) = of(&["http_req_duration{name:price,status!:500}", "checks{scenario:a}"]);
        let price = tags(&[("name", "price"), ("status", "200"), ("scenario", "a")]);
        assert_eq!(overflow.collapse("http_req_duration", &price), tags(&[("name", "price")]));
        let failed = tags(&[("name", "cart"), ("status", "500")]);
        let kept = tags(&[("name", OTHER), ("status", "500")]);
        assert_eq!(overflow.collapse("http_req_duration", &failed), kept);
        assert_eq!(overflow.collapse("http_req_response_time", &failed), kept, "it is shown beside");
        assert_eq!(overflow.collapse("http_req_waiting", &failed), TagSet::other());
        assert_eq!(overflow.combinations(), (2 * 2) * 2 + 2);
    }

    #[test]
    fn a_tag_in_the_place_of_a_requests_own_stays_there() {
        let (overflow, _) = of(&["http_reqs{name:price,team:a}"]);
        let reduced = overflow.reduce(&tags(&[("name", "cart"), ("team", "a"), ("user", "7")]));
        assert_eq!(reduced, tags(&[("name", OTHER), ("team", "a")]));
    }

    proptest! {
        #[test]
        fn a_selector_sees_collapsed_samples_as_it_saw_the_samples(
            selectors in prop::collection::vec(
                ("[mn]", prop::collection::vec(("(name|a|b)", "[xyz]", any::<bool>()), 0..3)), 0..4),
            samples in prop::collection::vec(
                ("[mn]", prop::collection::vec(("(name|a|b|c)", "[xyzv]"), 0..5)), 1..20),
        ) {
            let selectors: Vec<Selector> = selectors.into_iter().map(|(metric, matchers)| Selector {
                metric,
                matchers: matchers.into_iter()
                    .map(|(tag, value, negated)| super::super::Matcher { tag, value, negated }).collect(),
            }).collect();
            let overflow = Overflow::of(&selectors);
            for (metric, pairs) in samples {
                let tags = TagSet::from_pairs(pairs);
                let collapsed = overflow.collapse(&metric, &tags);
                for selector in &selectors {
                    prop_assert_eq!(selector.matches(&metric, &tags), selector.matches(&metric, &collapsed));
                }
                prop_assert_eq!(&overflow.collapse(&metric, &collapsed), &collapsed, "once is enough");
                // What scripts add is reduced first, where a recorder is full.
                let reduced = overflow.collapse(&metric, &overflow.reduce(&tags));
                for selector in &selectors {
                    prop_assert_eq!(selector.matches(&metric, &tags), selector.matches(&metric, &reduced));
                }
            }
        }
    }
}
