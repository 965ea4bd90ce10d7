//! The golden demand of twenty stage shapes, and the rule checked at random times.

use super::*;
use proptest::prelude::*;

/// A stage shape and what the rule of the module's `//!` makes of it, worked out by hand.
struct Shape {
    name: &'static str,
    start: u64,
    stages: &'static str,
    peak: u64,
    /// A user and when it exists: `a..b` without b, `a..=b` through the nanosecond b.
    users: &'static [(u64, &'static str)],
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "up and hold",
        start: 0,
        stages: "10s:10 10s:10",
        peak: 10,
        users: &[(1, "1s..20s"), (5, "5s..20s"), (10, "10s..20s"), (11, "")],
    },
    Shape {
        name: "1 to 2, and over when 2 is reached",
        start: 1,
        stages: "10s:2",
        peak: 1,
        users: &[(1, "0s..10s"), (2, "")],
    },
    Shape {
        name: "1 to 2 and hold",
        start: 1,
        stages: "10s:2 5s:2",
        peak: 2,
        users: &[(1, "0s..15s"), (2, "10s..15s")],
    },
    Shape {
        name: "down to 0",
        start: 10,
        stages: "10s:0",
        peak: 10,
        users: &[(1, "0s..=9s"), (5, "0s..=5s"), (10, "0s..=0s"), (11, "")],
    },
    Shape {
        name: "step up at once",
        start: 0,
        stages: "0s:5 10s:5",
        peak: 5,
        users: &[(1, "0s..10s"), (5, "0s..10s"), (6, "")],
    },
    Shape {
        name: "step down at the end",
        start: 5,
        stages: "10s:5 0s:0",
        peak: 5,
        users: &[(1, "0s..10s"), (5, "0s..10s")],
    },
    Shape {
        name: "step up in the middle",
        start: 2,
        stages: "10s:2 0s:6 10s:6",
        peak: 6,
        users: &[(2, "0s..20s"), (3, "10s..20s"), (6, "10s..20s"), (7, "")],
    },
    Shape {
        name: "step down in the middle",
        start: 6,
        stages: "10s:6 0s:2 10s:2",
        peak: 6,
        users: &[(2, "0s..20s"), (3, "0s..10s"), (6, "0s..10s")],
    },
    Shape {
        name: "step down and up in one instant is no gap",
        start: 4,
        stages: "10s:4 0s:0 0s:4 10s:4",
        peak: 4,
        users: &[(1, "0s..20s"), (4, "0s..20s")],
    },
    Shape {
        name: "a step to a height that nobody holds",
        start: 1,
        stages: "10s:1 0s:9 0s:1 10s:1",
        peak: 1,
        users: &[(1, "0s..20s"), (2, ""), (9, "")],
    },
    Shape {
        name: "two humps",
        start: 0,
        stages: "10s:10 10s:0 10s:10 10s:0",
        peak: 10,
        users: &[(1, "1s..=19s 21s..=39s"), (5, "5s..=15s 25s..=35s"), (10, "10s..=10s 30s..=30s")],
    },
    Shape {
        name: "a valley that only touches",
        start: 0,
        stages: "10s:10 10s:5 10s:10 10s:0",
        peak: 10,
        users: &[(5, "5s..=35s"), (6, "6s..=18s 22s..=34s")],
    },
    Shape {
        name: "down to 0 and up again",
        start: 10,
        stages: "10s:0 10s:10",
        peak: 10,
        users: &[(1, "0s..=9s 11s..20s"), (9, "0s..=1s 19s..20s"), (10, "0s..=0s")],
    },
    Shape {
        name: "thirds of a second, upwards",
        start: 0,
        stages: "10s:3 1s:3",
        peak: 3,
        users: &[(1, "3.333333334s..11s"), (2, "6.666666667s..11s"), (3, "10s..11s")],
    },
    Shape {
        name: "thirds of a second, downwards",
        start: 3,
        stages: "10s:0",
        peak: 3,
        users: &[(1, "0s..=6.666666666s"), (2, "0s..=3.333333333s"), (3, "0s..=0s")],
    },
    Shape { name: "never one user", start: 0, stages: "10s:1", peak: 0, users: &[(1, "")] },
    Shape {
        name: "a long plateau",
        start: 100,
        stages: "1d:100",
        peak: 100,
        users: &[(1, "0s..1d"), (100, "0s..1d"), (101, "")],
    },
    Shape {
        name: "a spike between calm",
        start: 10,
        stages: "30s:10 0s:100 30s:100 0s:10 30s:10",
        peak: 100,
        users: &[(10, "0s..1m30s"), (11, "30s..1m"), (100, "30s..1m")],
    },
    Shape {
        name: "a trapezoid",
        start: 0,
        stages: "10s:4 20s:4 10s:0",
        peak: 4,
        users: &[(1, "2.5s..=37.5s"), (3, "7.5s..=32.5s"), (4, "10s..=30s")],
    },
    Shape {
        name: "a steep ramp",
        start: 0,
        stages: "1ms:1000 1s:1000",
        peak: 1000,
        users: &[(1, "1µs..1.001s"), (500, "500µs..1.001s"), (1000, "1ms..1.001s")],
    },
    Shape {
        name: "more users than nanoseconds",
        start: 0,
        stages: "1ns:10 1s:10",
        peak: 10,
        users: &[(1, "1ns..1.000000001s"), (10, "1ns..1.000000001s")],
    },
    Shape {
        name: "nobody, then some",
        start: 0,
        stages: "10s:0 0s:3 5s:3",
        peak: 3,
        users: &[(1, "10s..15s"), (3, "10s..15s"), (4, "")],
    },
    Shape {
        name: "off and on",
        start: 1,
        stages: "10s:1 0s:0 10s:0 0s:1 10s:1",
        peak: 1,
        users: &[(1, "0s..10s 20s..30s")],
    },
    Shape {
        name: "from 7 down to 2",
        start: 7,
        stages: "3s:2 1s:2",
        peak: 7,
        users: &[(2, "0s..4s"), (3, "0s..=2.4s"), (7, "0s..=0s")],
    },
    Shape {
        name: "a million users in a month",
        start: 0,
        stages: "30d:1000000 1s:1000000",
        peak: 1_000_000,
        users: &[(1, "2.592s..30d1s"), (1_000_000, "30d..30d1s"), (1_000_001, "")],
    },
];

fn stages(text: &str) -> Vec<Stage> {
    text.split_whitespace().map(|stage| Stage::parse(stage).unwrap()).collect()
}

fn ns(text: &str) -> u64 {
    nanoseconds(parse_duration(text).unwrap())
}

fn intervals(text: &str) -> Vec<Interval> {
    text.split_whitespace()
        .map(|interval| {
            let (start, end) = interval.split_once("..").unwrap();
            let end_ns = end.strip_prefix('=').map_or_else(|| ns(end), |last| ns(last) + 1);
            Interval { start_ns: ns(start), end_ns }
        })
        .collect()
}

#[test]
fn the_demand_of_named_shapes() {
    for shape in SHAPES {
        let curve = Curve::ramp(shape.start, &stages(shape.stages));
        assert_eq!(curve.peak(), shape.peak, "peak of “{}”", shape.name);
        for (user, expected) in shape.users {
            assert_eq!(curve.active(*user), intervals(expected), "user {user} of “{}”", shape.name);
        }
    }
    assert!(SHAPES.len() >= 20);
}

#[test]
#[expect(clippy::float_cmp, reason = "exactness is the claim")]
fn values_are_exact_at_the_corners() {
    let curve = Curve::ramp(0, &stages("10s:3 0s:7 10s:0"));
    assert_eq!(curve.at(0), 0.0);
    assert_eq!(curve.at(5_000_000_000), 1.5);
    assert_eq!(curve.at(9_999_999_999).round(), 3.0);
    assert_eq!(curve.users_at(9_999_999_999), 2, "a nanosecond before the corner");
    assert_eq!(curve.at(10_000_000_000), 7.0, "a step holds from its instant on");
    assert_eq!(curve.users_at(10_000_000_000), 7);
    assert_eq!((curve.at(20_000_000_000), curve.users_at(u64::MAX)), (0.0, 0), "over");
    assert_eq!(curve.duration_ns(), 20_000_000_000);
}

#[test]
fn a_constant_curve_has_all_its_users_all_the_time() {
    let curve = Curve::constant(3, Duration::from_secs(30));
    assert!(curve.is_constant());
    assert_eq!(curve.peak(), 3);
    assert_eq!(curve.active(3), intervals("0s..30s"));
    assert!(curve.active(4).is_empty());
    assert!(!Curve::ramp(3, &stages("1s:3 0s:4")).is_constant());
}

#[test]
fn a_curve_without_length_has_nobody() {
    for curve in [Curve::ramp(5, &[]), Curve::constant(5, Duration::ZERO)] {
        assert_eq!((curve.peak(), curve.active(1), curve.duration_ns()), (0, Vec::new(), 0));
    }
}

#[test]
fn a_stage_in_short() {
    let stage = Stage::parse("1m30s:50").unwrap();
    assert_eq!(stage, Stage { duration: Duration::from_secs(90), target: 50 });
    for bad in ["30s", "30s:", "30s:-1", "30s:x", ":5", "30:5", ""] {
        assert!(Stage::parse(bad).is_err(), "{bad}");
    }
    insta::assert_snapshot!(Stage::parse("30:5").unwrap_err(), @"`stages`: `30` has no unit");
}

/// The curve's value without its fraction, straight from the stages and with no code of the curve's.
fn reference(start: u64, stages: &[Stage], ns: u64) -> u64 {
    let (mut from, mut at) = (i128::from(start), 0i128);
    let ns = i128::from(ns);
    for stage in stages {
        let (length, to) = (i128::try_from(stage.duration.as_nanos()).unwrap(), i128::from(stage.target));
        if at <= ns && ns < at + length {
            return u64::try_from((from * length + (to - from) * (ns - at)).div_euclid(length)).unwrap();
        }
        (from, at) = (to, at + length);
    }
    0
}

fn ramps() -> impl Strategy<Value = (u64, Vec<Stage>)> {
    // Nanoseconds, so that corners, crossings and steps meet often.
    let stage = (prop_oneof![Just(0u64), 1u64..30, Just(1_000_000_007)], 0u64..12)
        .prop_map(|(length, target)| Stage { duration: Duration::from_nanos(length), target });
    (0u64..12, prop::collection::vec(stage, 0..7))
}

proptest! {
    #[test]
    fn as_many_users_are_active_as_the_curve_is_high((start, stages) in ramps(), at in 0u64..200) {
        let curve = Curve::ramp(start, &stages);
        for ns in [at, at + 1_000_000_000, curve.duration_ns().saturating_sub(1), curve.duration_ns()] {
            let active = (1..=13).filter(|user| {
                curve.active(*user).iter().any(|i| (i.start_ns..i.end_ns).contains(&ns))
            });
            let users = active.count() as u64;
            prop_assert_eq!(users, reference(start, &stages, ns));
            prop_assert_eq!(users, curve.users_at(ns));
            prop_assert!((curve.at(ns) - users as f64 + 1e-6).floor() <= 1.0 && curve.at(ns) >= users as f64 - 1e-6);
        }
    }

    #[test]
    fn intervals_are_ordered_and_apart_and_users_nest((start, stages) in ramps()) {
        let curve = Curve::ramp(start, &stages);
        for user in 1..=12u64 {
            let active = curve.active(user);
            prop_assert!(active.iter().all(|i| i.start_ns < i.end_ns && i.end_ns <= curve.duration_ns()));
            prop_assert!(active.windows(2).all(|pair| pair[0].end_ns < pair[1].start_ns));
            let outer = curve.active(user - 1 + u64::from(user == 1));
            prop_assert!(active.iter().all(|i| outer.iter().any(|o| o.start_ns <= i.start_ns && i.end_ns <= o.end_ns)));
        }
    }

    #[test]
    fn the_peak_is_reached_and_not_passed((start, stages) in ramps()) {
        let curve = Curve::ramp(start, &stages);
        let peak = curve.peak();
        prop_assert!(peak == 0 || !curve.active(peak).is_empty());
        prop_assert!(curve.active(peak + 1).is_empty());
    }
}

#[test]
fn a_scaled_curve_has_its_shape_and_keeps_somebody() {
    let ramp = Curve::ramp(1, &[Stage { duration: Duration::from_secs(10), target: 10 }]);
    assert_eq!((ramp.scaled(2.0).peak(), ramp.scaled(1.0)), (19, ramp.clone()));
    assert_eq!(ramp.scaled(0.1).users_at(0), 1, "somebody is left");
    assert_eq!(ramp.scaled(0.0).peak(), 0);
    assert_eq!(ramp.scaled(2.0).duration(), ramp.duration());
    assert_eq!(Curve::constant(u64::MAX, Duration::from_secs(1)).scaled(1e300).peak(), u64::MAX);
}
