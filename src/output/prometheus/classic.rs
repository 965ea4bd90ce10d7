//! A trend as a classic histogram: how many samples are at most so large, for a fixed list of bounds.

use crate::metrics::Trend;
use crate::output::{OutputError, Place};

use super::naming::Family;

/// Seconds: from what a service beside us takes to what people wait for at most.
const SECONDS: [f64; 20] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 15.0, 30.0, 60.0, 120.0,
];

/// Numbers of whatever unit: three a decade.
const NUMBERS: [f64; 24] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3,
    1e4, 2.5e4, 5e4, 1e5, 1e6, 1e9,
];

/// More bounds are more series than anybody looks at.
const BOUNDS_MAX: usize = 200;

/// The upper bounds of the buckets, rising.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bounds {
    seconds: Vec<f64>,
    numbers: Vec<f64>,
}

/// A classic histogram; the bucket of infinity holds `count`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Classic {
    /// Bound, and how many samples are at most so large.
    pub(super) buckets: Vec<(f64, u64)>,
    pub(super) count: u64,
    pub(super) sum: f64,
}

impl Bounds {
    /// Those of the option `bounds`, seconds divided by `;`, which all times have then; else such that suit latencies.
    pub(super) fn new(place: &Place) -> Result<Self, OutputError> {
        let Some(text) = place.option("bounds") else {
            return Ok(Self { seconds: SECONDS.into(), numbers: NUMBERS.into() });
        };
        let seconds: Option<Vec<f64>> = text.split(';').map(|bound| bound.trim().parse().ok()).collect();
        let is_right = |bounds: &Vec<f64>| {
            bounds.len() <= BOUNDS_MAX
                && bounds.iter().all(|bound| bound.is_finite() && *bound > 0.0)
                && bounds.windows(2).all(|pair| pair[0] < pair[1])
        };
        match seconds.filter(is_right) {
            Some(seconds) => Ok(Self { seconds, numbers: NUMBERS.into() }),
            None => Err(place.wrong(
                "bounds",
                text,
                "are no bounds: write rising seconds, as in `0.05;0.1;0.5;1`",
            )),
        }
    }

    /// The trend's samples, zeros among them. What is only known to be at least so long is beyond all bounds.
    pub(super) fn of(&self, trend: &Trend, family: &Family) -> Classic {
        let bounds = if family.unit == "seconds" { &self.seconds } else { &self.numbers };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; saturates")]
        let stored = |bound: f64| (bound / family.scale).round() as u64;
        Classic {
            buckets: bounds.iter().map(|bound| (*bound, trend.at_most(stored(*bound)))).collect(),
            count: trend.count(),
            sum: trend.sum_us() as f64 * family.scale,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Kind;
    use crate::output::prometheus::scrape;

    fn bounds(options: &str) -> Result<Bounds, OutputError> {
        Bounds::new(&Place::parse(&scrape::OUTPUT, &format!("9464{options}"))?)
    }

    fn family(unit: &'static str, scale: f64) -> Family {
        Family { kind: Kind::Trend, names: vec!["x".to_owned()], help: String::new(), unit, scale }
    }

    #[test]
    fn each_bucket_holds_what_is_at_most_its_bound() {
        let mut trend = Trend::new();
        for us in [0, 100, 101, 5_000, 70_000_000] {
            trend.record_us(us);
        }
        trend.record_at_least_us(10);
        let classic = bounds("").unwrap().of(&trend, &family("seconds", 1e-6));
        let at = |bound: f64| {
            classic.buckets.iter().find(|(known, _)| known.to_bits() == bound.to_bits()).unwrap().1
        };
        assert_eq!([at(0.000_1), at(0.000_25), at(0.005), at(60.0), at(120.0)], [2, 3, 4, 4, 5]);
        assert_eq!(classic.count, 6, "what got no answer is beyond all bounds");
        assert!((classic.sum - 70.005_211).abs() < 1e-9);
    }

    #[test]
    fn bounds_can_be_chosen_for_times() {
        let mut trend = Trend::new();
        for us in [20_000, 300_000] {
            trend.record_us(us);
        }
        let bounds = bounds("#bounds=0.1;0.5").unwrap();
        assert_eq!(bounds.of(&trend, &family("seconds", 1e-6)).buckets, [(0.1, 1), (0.5, 2)]);
        assert_eq!(bounds.of(&trend, &family("", 1e-3)).buckets.len(), NUMBERS.len());
        for wrong in ["#bounds=1;0.5", "#bounds=a", "#bounds=0", "#bounds=inf", "#bounds=1;;2"] {
            assert!(tests::bounds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_lists_rise() {
        assert!(SECONDS.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(NUMBERS.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
