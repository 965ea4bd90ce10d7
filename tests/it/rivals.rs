//! Beside other generators: where a service is well, they and we report the same; where it is ill, each says what
//! `docs/honesty.md` has it say. The whole table is `make prove-rivals`'.
#![expect(clippy::print_stdout, reason = "the figures are what a reader of a failure wants")]

use std::ffi::OsStr;
use std::time::Duration;

use crate::pathology::{Pathology, Truth, percentile};
use crate::rival::{Figure, Load, Report, Rival};
use crate::service::{Act, Service};

fn play(rival: Rival, load: Load<'_>) -> Report {
    let report =
        rival.play(OsStr::new(env!("CARGO_BIN_EXE_runner")), load).unwrap_or_else(|error| panic!("{error}"));
    println!("{}: {report:?}", rival.name());
    report
}

/// The same illness, played by one tool; what it reported, and the truth.
fn suffer(pathology: Pathology, rival: Rival) -> (Report, Truth) {
    // A p99 needs a thousand good answers, of two in five in an outage.
    const SECONDS: u32 = 7;
    let length = Duration::from_secs(u64::from(SECONDS));
    let service = pathology.service(length);
    let url = service.url();
    let load = Load {
        url: &url,
        per_second: Some(400),
        connections: pathology.connections(),
        seconds: SECONDS,
        timeout: Duration::from_secs(2),
    };
    let report = play(rival, load);
    let truth = pathology.truth(&service.log(), length).expect("good answers");
    println!("  {truth:?}");
    (report, truth)
}

fn seconds(figure: Figure) -> f64 {
    match figure {
        Figure::Seconds(seconds) => seconds,
        other => panic!("no time: {other:?}"),
    }
}

#[test]
fn full_needs_wrk_and_h2load_the_median_of_a_service_that_sleeps_is_theirs() {
    let service = Service::start(|_| Act::ok(Duration::from_millis(5)));
    let url = service.url();
    let load =
        Load { url: &url, per_second: None, connections: 16, seconds: 2, timeout: Duration::from_secs(2) };
    // Ours stands between theirs, so that what else the machine does meets all.
    let [wrk, ours, h2load] =
        [Rival::Wrk, Rival::Hit, Rival::H2load].map(|rival| seconds(play(rival, load).p50));
    for theirs in [wrk, h2load] {
        assert!((ours / theirs - 1.0).abs() <= 0.1, "ours {ours} s, theirs {theirs} s");
    }
    let log = service.log();
    let mut took: Vec<f64> = log.iter().filter_map(|seen| Some(seen.took()?.as_secs_f64())).collect();
    took.sort_by(f64::total_cmp);
    let truth = percentile(&took, 0.5).expect("requests");
    assert!(ours >= truth * 0.99, "ours {ours} s, the service's own {truth} s");
}

/// Ours tells the truth of those who got a good answer, and of how many didn't.
fn expect_true(report: Report, truth: Truth) {
    let failed = report.failed_share();
    assert!((failed - truth.failed).abs() <= 0.02, "{failed} of all failed, not {}", truth.failed);
    for (said, truth) in [(report.p50, truth.p50), (report.p99, truth.p99)] {
        let said = seconds(said);
        // Never less; more by what a busy machine adds to answers of some milliseconds.
        assert!(said >= truth * 0.99, "{said} s, the service's own {truth} s");
        assert!(said <= truth * 1.1 + 0.05, "{said} s, the service's own {truth} s");
    }
}

#[test]
fn full_needs_wrk_one_request_in_ten_is_never_answered_and_wrk_has_no_word_for_it() {
    let (ours, truth) = suffer(Pathology::BlackHole, Rival::Run);
    expect_true(ours, truth);
    assert!((truth.failed - 0.1).abs() < 0.001, "{truth:?}");
    let (wrk, truth) = suffer(Pathology::BlackHole, Rival::Wrk);
    assert!((truth.failed - 0.1).abs() < 0.001, "{truth:?}");
    assert!(wrk.failed_share() < 0.01, "docs/honesty.md says otherwise of wrk: {wrk:?}");
}

#[test]
fn full_needs_h2load_nobody_listens_for_most_of_the_time_and_h2load_tells_of_no_failure() {
    let (ours, truth) = suffer(Pathology::Refused, Rival::Run);
    expect_true(ours, truth);
    let (h2load, _) = suffer(Pathology::Refused, Rival::H2load);
    assert!(h2load.failed_share() < 0.01, "docs/honesty.md says otherwise of h2load: {h2load:?}");
    // Its connections broke, and it sent nothing more.
    assert!(h2load.requests < 0.5 * ours.requests, "{h2load:?}");
}
