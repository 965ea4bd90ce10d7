//! A calibration as a file, its interval, and what it says of plans.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::plan::{Arrivals, Curve, Demand, Jitter, RateCurve, Scenario, Users, Value, WhenBusy};

fn fingerprint() -> Fingerprint {
    Fingerprint {
        cores: 2,
        cpu_model: "Test CPU".to_owned(),
        kernel: "6.1".to_owned(),
        workers: 2,
        runner: "0.1.0".to_owned(),
        build: "release".to_owned(),
    }
}

fn calibration() -> Calibration {
    let spread = Spread { p50_us: 1, p99_us: 2, max_us: 3 };
    let rounds_per_s = vec![900, 1_000, 1_100];
    Calibration {
        schema: CALIBRATION_SCHEMA,
        made_at: "2026-11-24T00:00:00Z".to_owned(),
        fingerprint: fingerprint(),
        users: 64,
        top: TopRate::of(&rounds_per_s).unwrap(),
        rounds_per_s,
        cpu_per_request_ns: Some(10_000),
        server_cpu_thousandths: Some(400),
        floor: vec![Floor {
            share_thousandths: 100,
            asked_per_s: 100,
            delivered_per_s: 100,
            dropped: 0,
            latency: spread,
            lateness: spread,
        }],
    }
}

fn scenario(start_s: u64, demand: Demand) -> Scenario {
    let options = [("executor", "constant-vus"), ("duration", "1s"), ("flow", "shop")];
    let options = options.map(|(name, value)| (name.to_owned(), Value::Text(value.into())));
    let scenario = Scenario::from_options("shop", &options.into(), None).unwrap();
    Scenario { start_time: Duration::from_secs(start_s), demand, ..scenario }
}

fn arrivals(per_s: f64, duration_s: u64) -> Demand {
    Demand::Arrivals(Arrivals {
        rate: RateCurve::constant(per_s, Duration::from_secs(1), Duration::from_secs(duration_s)),
        jitter: Jitter::None,
        pre_allocated_vus: 0,
        vus_max: 10,
        when_busy: WhenBusy::Drop,
    })
}

fn plan(scenarios: Vec<Scenario>) -> Plan {
    Plan { scenarios, ..Plan::default() }
}

#[test]
fn the_median_lies_between_the_rounds_and_the_confidence_is_that_of_the_sign_test() {
    let top =
        |rounds: &[u64]| TopRate::of(rounds).map(|top| (top.median_per_s, top.low_per_s, top.high_per_s));
    assert_eq!(top(&[]), None);
    assert_eq!(top(&[5]), Some((5, 5, 5)));
    assert_eq!(top(&[3, 9, 1]), Some((3, 1, 9)));
    assert_eq!(top(&[4, 2, 8, 6]), Some((5, 2, 8)));
    let confidence = |rounds: usize| TopRate::of(&vec![1; rounds]).unwrap().confidence_thousandths;
    // All n on one side of the median: twice 0.5ⁿ.
    assert_eq!([1, 2, 5, 7, 100].map(confidence), [0, 500, 937, 984, 1_000]);
}

proptest! {
    #[test]
    fn the_interval_holds_the_median(rounds in proptest::collection::vec(0..=u64::MAX, 1..20)) {
        let top = TopRate::of(&rounds).unwrap();
        prop_assert!(top.low_per_s <= top.median_per_s && top.median_per_s <= top.high_per_s);
    }
}

#[test]
fn what_is_written_is_read_and_an_older_one_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("deep/.runner");
    assert_eq!(Calibration::read(&results).unwrap(), None);
    calibration().write(&results).unwrap();
    assert_eq!(Calibration::read(&results).unwrap(), Some(calibration()));
    let later = Calibration { users: 1, cpu_per_request_ns: None, ..calibration() };
    later.write(&results).unwrap();
    assert_eq!(Calibration::read(&results).unwrap(), Some(later));
    // Nothing lies beside it.
    assert_eq!(std::fs::read_dir(&results).unwrap().count(), 1);
}

#[test]
fn a_file_that_is_none_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let says = |text: &str| {
        std::fs::write(folder.path().join(CALIBRATION_FILE), text).unwrap();
        Calibration::read(folder.path()).unwrap_err().to_string()
    };
    assert!(says("{}").contains("calibration.json holds no calibration: missing field `schema`"));
    assert!(says("{\"schema\": 1}").contains("holds no calibration: missing field `made_at`"));
    assert!(says("{\"schema\": 2}").contains("has schema 2, this version reads 1"));
    assert!(says("").contains("holds no calibration"));
}

#[test]
fn a_folder_that_can_not_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("taken"), "").unwrap();
    let error = calibration().write(&folder.path().join("taken")).unwrap_err().to_string();
    assert!(error.contains("taken"), "{error}");
}

#[test]
fn a_plan_above_the_top_rate_is_warned_of_and_one_below_it_is_not() {
    let advice = |demand| advise(&plan(vec![scenario(0, demand)]), &calibration(), &fingerprint());
    assert_eq!(advice(arrivals(1_000.0, 10)), None);
    let warned = advice(arrivals(1_000.5, 10)).unwrap();
    assert!(warned.is_warning());
    assert_eq!(
        warned.to_string(),
        "the plan starts up to 1,001 iterations a second; `runner calibrate` reached 1,000 requests a second on this machine: expect late or dropped iterations"
    );
    let disturbed = Calibration { top: TopRate::of(&[100, 200]).unwrap(), ..calibration() };
    let warned = advise(&plan(vec![scenario(0, arrivals(151.0, 10))]), &disturbed, &fingerprint()).unwrap();
    let expected = "reached 150 requests a second on this machine while something else used it: expect";
    assert!(warned.to_string().contains(expected), "{warned}");
}

#[test]
fn rounds_that_differ_a_lot_show_that_the_machine_was_not_calm() {
    let of =
        |rounds: &[u64]| Calibration { top: TopRate::of(rounds).unwrap(), ..calibration() }.is_disturbed();
    assert!(!of(&[1_000, 1_100, 1_250]));
    assert!(of(&[1_000, 1_100, 1_251]));
}

#[test]
fn users_that_loop_have_no_rate_to_be_held_against() {
    let users = Users {
        curve: Curve::constant(1_000_000, Duration::from_secs(1)),
        bound: None,
        graceful_ramp_down: Duration::ZERO,
        max: None,
    };
    let looping = plan(vec![scenario(0, Demand::Users(users))]);
    let other = Fingerprint { cores: 64, ..fingerprint() };
    assert_eq!(advise(&looping, &calibration(), &other), None);
    assert_eq!(advise(&Plan::default(), &calibration(), &other), None);
}

#[test]
fn only_scenarios_whose_times_overlap_add_up() {
    let rate = |scenarios| plan(scenarios).peak_rate();
    let apart = vec![scenario(0, arrivals(600.0, 10)), scenario(10, arrivals(700.0, 10))];
    assert_eq!(rate(apart), Some(700.0));
    let over = vec![scenario(0, arrivals(600.0, 11)), scenario(10, arrivals(700.0, 10))];
    assert_eq!(rate(over), Some(1_300.0));
    assert_eq!(rate(Vec::new()), None);
}

#[test]
fn a_calibration_of_another_machine_is_stale_and_says_why() {
    let fast = plan(vec![scenario(0, arrivals(5_000.0, 10))]);
    let here = Fingerprint { workers: 1, kernel: "6.2".to_owned(), ..fingerprint() };
    let advice = advise(&fast, &calibration(), &here).unwrap();
    assert!(!advice.is_warning());
    assert_eq!(
        advice.to_string(),
        "the calibration of this machine is stale (workers 2, now 1; kernel 6.1, now 6.2): run `runner calibrate` again"
    );
}

#[test]
fn a_service_elsewhere_leaves_all_cores_to_the_workers() {
    assert_eq!(calibration().cpu_bound_per_s(), Some(200_000));
    let more_workers = Fingerprint { workers: 16, ..fingerprint() };
    let calibration = Calibration { fingerprint: more_workers, ..calibration() };
    assert_eq!(calibration.cpu_bound_per_s(), Some(200_000));
    assert_eq!(Calibration { cpu_per_request_ns: None, ..calibration }.cpu_bound_per_s(), None);
}

#[test]
fn a_processor_has_a_name_or_its_numbers() {
    assert_eq!(cpu_model("processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n"), "AMD EPYC");
    assert_eq!(cpu_model("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"), "0x41 0xd0c");
    assert_eq!(cpu_model(""), "unknown");
    let here = Fingerprint::here(3);
    assert_eq!(here.workers, 3);
    assert!(here.cores >= 1 && !here.cpu_model.is_empty());
    assert!(here.differs(&here).is_empty());
}
