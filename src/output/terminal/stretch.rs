//! What was recorded since an epoch began: each endpoint's requests, and the checks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::moment::{Check, Endpoint, Figures};
use crate::diagnostic::{Mask, clean};
use crate::metrics::{Quantile, Snapshot, TagSet, Trend, Value};

/// Endpoints and checks that are kept apart, in the order in which they were met; what comes later is counted together. Each
/// has a histogram of its own, and no terminal shows as many.
const KEPT_MAX: usize = 200;

/// Endpoints that a page may show: more lines than a terminal has.
const ROWS_MAX: usize = 60;

/// The percentiles of the table.
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// A percentile has so many samples beyond it, or is not shown: principle 5 of the design.
const SAMPLES_BEYOND_MIN: f64 = 10.0;

/// The name of requests whose name is not among their tags.
const NAMELESS: &str = "all requests";

/// What was recorded in an epoch.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    /// How long, so far.
    pub(super) lasted: Duration,
    endpoints: BTreeMap<String, Sum>,
    /// Requests under further names, and how many names.
    others: Sum,
    others_names: std::collections::BTreeSet<String>,
    checks: BTreeMap<String, (Arc<str>, u64, u64)>,
}

/// An endpoint's requests.
#[derive(Debug, Default)]
struct Sum {
    shown: Arc<str>,
    requests: u64,
    failed: (u64, u64),
    durations: Trend,
}

impl Stretch {
    /// Adds a second.
    pub(super) fn add(&mut self, delta: &Snapshot, mask: &Mask) {
        for series in delta.of("http_reqs") {
            if let Value::Counter(sum) = series.value {
                let of = self.sum(&series.tags, mask);
                of.requests = of.requests.saturating_add(whole(sum));
            }
        }
        for series in delta.of("http_req_failed") {
            if let Value::Rate { hits, total } = series.value {
                let of = self.sum(&series.tags, mask);
                of.failed = (of.failed.0.saturating_add(hits), of.failed.1.saturating_add(total));
            }
        }
        for series in delta.of("http_req_duration") {
            if let Value::Trend(trend) = &series.value {
                self.sum(&series.tags, mask).durations.merge(trend);
            }
        }
        for series in delta.of("checks") {
            if let Value::Rate { hits, total } = series.value {
                let Some(name) = series.tags.get("check") else { continue };
                self.check(name, (hits, total), mask);
            }
        }
    }

    fn sum(&mut self, tags: &TagSet, mask: &Mask) -> &mut Sum {
        let name = tags.get("name").unwrap_or(NAMELESS);
        let is_known = self.endpoints.contains_key(name);
        if !is_known && self.endpoints.len() >= KEPT_MAX {
            if self.others_names.len() < KEPT_MAX && !self.others_names.contains(name) {
                self.others_names.insert(name.to_owned());
            }
            return &mut self.others;
        }
        if !is_known {
            let sum = Sum { shown: shown(name, mask), ..Sum::default() };
            self.endpoints.insert(name.to_owned(), sum);
        }
        self.endpoints.get_mut(name).expect("it was put in")
    }

    fn check(&mut self, name: &str, (hits, total): (u64, u64), mask: &Mask) {
        if !self.checks.contains_key(name) {
            if self.checks.len() >= KEPT_MAX {
                return;
            }
            self.checks.insert(name.to_owned(), (shown(name, mask), 0, 0));
        }
        let (_, held, all) = self.checks.get_mut(name).expect("it was put in");
        (*held, *all) = (held.saturating_add(hits), all.saturating_add(total));
    }

    /// The endpoints with most requests, beside what they had come to in the epoch before; and what the others come to.
    pub(super) fn endpoints(
        &self,
        last: &BTreeMap<String, Figures>,
    ) -> (Vec<Endpoint>, Option<(usize, Figures)>) {
        let mut order: Vec<(&String, &Sum)> = self.endpoints.iter().collect();
        // By name within equal counts, so that rows don't change places for nothing.
        order.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.requests));
        let (top, rest) = order.split_at(order.len().min(ROWS_MAX));
        let row = |(name, sum): &(&String, &Sum)| Endpoint {
            name: Arc::clone(&sum.shown),
            now: sum.figures(self.lasted),
            last: last.get(*name).copied(),
        };
        let mut more = self.others.counts(self.lasted);
        for (_, sum) in rest {
            let counts = sum.counts(self.lasted);
            more.requests += counts.requests;
            more.per_second += counts.per_second;
            more.failed = (more.failed.0 + counts.failed.0, more.failed.1 + counts.failed.1);
        }
        let names = rest.len() + self.others_names.len();
        (top.iter().map(row).collect(), (names > 0).then_some((names, more)))
    }

    /// All of them, by name: what the next epoch is compared with.
    pub(super) fn figures(&self) -> BTreeMap<String, Figures> {
        self.endpoints.iter().map(|(name, sum)| (name.clone(), sum.figures(self.lasted))).collect()
    }

    /// The checks: those that failed most often first.
    pub(super) fn checks(&self) -> Vec<Check> {
        let check = |(name, held, total): &(Arc<str>, u64, u64)| Check {
            name: Arc::clone(name),
            held: *held,
            total: *total,
        };
        let mut checks: Vec<Check> = self.checks.values().map(check).collect();
        checks.sort_by_key(|check| std::cmp::Reverse(check.total - check.held));
        checks.truncate(ROWS_MAX);
        checks
    }
}

impl Sum {
    /// All but percentiles.
    fn counts(&self, lasted: Duration) -> Figures {
        let seconds = lasted.as_secs_f64();
        let per_second = if seconds > 0.0 { self.requests as f64 / seconds } else { 0.0 };
        Figures { requests: self.requests, per_second, percentiles: [None; 3], failed: self.failed }
    }

    fn figures(&self, lasted: Duration) -> Figures {
        let percentiles = QUANTILES.map(|q| percentile(&self.durations, q));
        Figures { percentiles, ..self.counts(lasted) }
    }
}

/// A percentile, if there are enough samples for it.
fn percentile(trend: &Trend, q: f64) -> Option<Quantile> {
    let beyond = trend.count() as f64 * (1.0 - q).min(q);
    // A tenth of a sample: 1,000 samples have ten beyond the p(99), whatever binary fractions say.
    if beyond + 0.1 < SAMPLES_BEYOND_MIN { None } else { trend.quantile(q) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn whole(sum: f64) -> u64 {
    sum.round() as u64
}

/// A name on one line, as it may be shown.
pub(super) fn shown(name: &str, mask: &Mask) -> Arc<str> {
    one_line(&mask.mask(name)).into()
}

/// A text on one line, that can't steer the terminal.
pub(super) fn one_line(text: &str) -> String {
    clean(text).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Recorder;

    /// A second with so many requests of each endpoint, all of the same time.
    fn second(requests: &[(&str, u64, u64)]) -> Snapshot {
        let mut recorder = Recorder::new(&[]);
        for (name, count, us) in requests {
            let tags = TagSet::from_pairs([("name", *name)]);
            let mut series = |metric| {
                let (metric, _) = recorder.metric(metric).unwrap();
                recorder.series(metric, &tags)
            };
            let (sent, failed, times) =
                (series("http_reqs"), series("http_req_failed"), series("http_req_duration"));
            for at in 0..*count {
                recorder.add(sent, 1.0);
                recorder.rate(failed, u64::from(at % 10 == 0), 1);
                recorder.trend_us(times, *us);
            }
        }
        recorder.take(1)
    }

    fn stretch(seconds: &[Snapshot]) -> Stretch {
        let mut stretch = Stretch::default();
        for delta in seconds {
            stretch.add(delta, &Mask::default());
            stretch.lasted += Duration::from_secs(1);
        }
        stretch
    }

    #[test]
    fn endpoints_come_by_requests_with_what_they_were_in_the_epoch_before() {
        let before = stretch(&[second(&[("/a", 100, 4_000)])]);
        let now =
            stretch(&[second(&[("/a", 100, 2_000), ("/b", 300, 1_000)]), second(&[("/a", 100, 2_000)])]);
        let (endpoints, more) = now.endpoints(&before.figures());
        assert!(more.is_none());
        let names: Vec<&str> = endpoints.iter().map(|endpoint| &*endpoint.name).collect();
        assert_eq!(names, ["/b", "/a"]);
        let a = &endpoints[1];
        assert_eq!((a.now.requests, a.now.failed), (200, (20, 200)));
        assert!((a.now.per_second - 100.0).abs() < 1e-9);
        assert_eq!(
            a.now.percentiles.map(|p| p.map(|p| p.value_us)),
            [Some(2_000), Some(2_000), None],
            "too few"
        );
        assert_eq!(a.last.unwrap().percentiles[0].unwrap().value_us, 4_000);
        assert_eq!(endpoints[0].last, None);
    }

    #[test]
    fn endpoints_beyond_the_limit_are_counted_together() {
        let names: Vec<String> = (0..KEPT_MAX + 7).map(|at| format!("/{at:04}")).collect();
        let requests: Vec<_> = names.iter().map(|name| (name.as_str(), 2, 1_000)).collect();
        let (endpoints, more) = stretch(&[second(&requests)]).endpoints(&BTreeMap::new());
        let (names, figures) = more.unwrap();
        assert_eq!((endpoints.len(), names), (ROWS_MAX, KEPT_MAX + 7 - ROWS_MAX));
        let shown: u64 = endpoints.iter().map(|endpoint| endpoint.now.requests).sum();
        assert_eq!(shown + figures.requests, 2 * (KEPT_MAX as u64 + 7));
    }

    #[test]
    fn a_name_is_masked_and_can_not_steer_the_terminal() {
        let mask = Mask::default();
        mask.hide("hunter22");
        let mut stretch = Stretch::default();
        stretch.add(&second(&[("/a?key=hunter22\u{1b}[2J\n", 1, 1)]), &mask);
        assert_eq!(&*stretch.endpoints(&BTreeMap::new()).0[0].name, "/a?key=***\u{fffd}[2J ");
    }
}
