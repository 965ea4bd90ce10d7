//! What is reported of a service against the truth that the service itself wrote down.
//!
//! The service's log ends where a client can first know of an answer, and begins after the client has begun: so
//! what is measured from outside may be more, by what lies between, and never less. More is held to a hundredth
//! or a millisecond; other tests run beside and only add, so that bound gets further plays. What must be exact,
//! and what may never be less, has to hold in each.
#![expect(clippy::print_stdout, reason = "the figures are what `make prove-truth` is run for")]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fixture::{Finished, conclusive, runner};
use crate::pathology::percentile;
use crate::rival::{Figure, target};
use crate::service::{Act, Seen, Service};

const REQUESTS: usize = 10_000;
const PER_SECOND: usize = 1_000;
/// Of 10,000: answered after half a second.
const LATE: usize = 200;
const SEED: u64 = 8;

/// How long each request takes: evenly from 1 to 100 ms, but for one in fifty, which takes 500.
fn delays() -> Vec<Duration> {
    let early = REQUESTS - LATE;
    let mut delays: Vec<Duration> = (0..REQUESTS)
        .map(|k| match k.checked_sub(early) {
            Some(_) => Duration::from_millis(500),
            None => Duration::from_millis(1) + Duration::from_millis(99) * u32_of(k) / u32_of(early - 1),
        })
        .collect();
    // Fisher–Yates, by splitmix64.
    let mut state = SEED;
    let mut draw = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    for k in (1..REQUESTS).rev() {
        let other = usize::try_from(draw() % (k as u64 + 1)).expect("below 10,000");
        delays.swap(k, other);
    }
    delays
}

fn u32_of(number: usize) -> u32 {
    u32::try_from(number).expect("below 10,000")
}

/// The number at the end of a path such as `/d/17`.
fn number(path: &str) -> usize {
    path.rsplit('/').next().and_then(|word| word.parse().ok()).expect("a number at the end")
}

const PERCENTILES: [(&str, f64); 5] =
    [("p(50)", 0.5), ("p(90)", 0.9), ("p(97)", 0.97), ("p(99)", 0.99), ("p(99.5)", 0.995)];

fn script(url: &str) -> String {
    let targets =
        PERCENTILES.map(|(name, _)| format!("target(\"http_req_duration\", \"{name} < 1h\");")).join("\n");
    format!(
        "base_url(\"{url}\");
        scenario(\"people\", #{{ executor: \"constant-arrival-rate\", rate: {PER_SECOND}, duration: \"{}s\", max_vus: 1000,
            flow: || http::get(`/d/${{scenario::iteration()}}`, #{{ name: \"d\" }}) }});
        {targets}
        target(\"http_reqs\", \"count == {REQUESTS}\");
        target(\"http_reqs{{status:200}}\", \"count == {REQUESTS}\");
        target(\"http_req_failed\", \"rate == 0%\");
        target(\"iterations\", \"count == {REQUESTS}\");",
        REQUESTS / PER_SECOND
    )
}

/// A play of the table: what was reported, and what the service did.
fn play() -> (Finished, Vec<Seen>) {
    let mut log = Vec::new();
    let finished = conclusive(|| {
        let delays = delays();
        let service = Service::start(move |asked| Act::ok(delays[number(asked.path)]));
        let call = runner(["run", "-q", "--no-preflight", "truth.rhai"]);
        let finished = call.file("truth.rhai", &script(&service.url())).run();
        log = service.log();
        finished
    });
    (finished, log)
}

/// Holds what must be exact, and each percentile's floor; how far the furthest percentile lies above the truth, as
/// a share of what it may.
fn compare(finished: &Finished, log: &[Seen]) -> f64 {
    let mut asked = BTreeMap::<usize, usize>::new();
    for seen in log {
        *asked.entry(number(&seen.path)).or_default() += 1;
    }
    assert_eq!(log.len(), REQUESTS, "{}", finished.printed());
    assert!((0..REQUESTS).all(|k| asked.get(&k) == Some(&1)), "each number was asked for once");
    let mut took: Vec<f64> =
        log.iter().map(|seen| seen.took().expect("an answer to each").as_secs_f64()).collect();
    took.sort_by(f64::total_cmp);
    let mut furthest: f64 = 0.0;
    for (name, q) in PERCENTILES {
        let truth = percentile(&took, q).expect("10,000 requests");
        let Some(Figure::Seconds(said)) = target(&finished.stdout, "http_req_duration", name) else {
            panic!("no {name}\n{}", finished.printed())
        };
        let off = said - truth;
        println!(
            "{name}: reported {:.3} ms, the service's own {:.3} ms, {:+.2} %",
            said * 1e3,
            truth * 1e3,
            off / truth * 100.0
        );
        assert!(off >= -0.01 * truth, "{name}: {said} s is less than the {truth} s it took");
        furthest = furthest.max(off / (truth * 0.01).max(1e-3));
    }
    furthest
}

#[test]
fn full_percentiles_of_ten_thousand_requests_are_the_services_own() {
    const PLAYS: usize = 3;
    let mut furthest = Vec::new();
    for _ in 0..PLAYS {
        let (finished, log) = play();
        let finished = finished.expect_code(0);
        furthest.push(compare(&finished, &log));
        if furthest.iter().any(|off| *off <= 1.0) {
            return;
        }
    }
    panic!("a percentile lay above its truth by these multiples of what it may: {furthest:?}");
}
