//! The cap in its corners: names, tags, checks and metrics without end, and targets that still see all of theirs.

use super::super::*;
use crate::metrics::{OTHER, RequestSample, Selector, Unit, Value};

/// Ten times the cap and more; the tests over sockets go to a million.
const MANY: usize = 120_000;

fn overflow(selectors: &[&str]) -> Overflow {
    let selectors: Vec<Selector> = selectors.iter().map(|text| Selector::parse(text).unwrap()).collect();
    Overflow::of(&selectors)
}

fn select(snapshot: &Snapshot, text: &str) -> Option<Value> {
    snapshot.select(&Selector::parse(text).unwrap())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
fn count(snapshot: &Snapshot, text: &str) -> usize {
    match select(snapshot, text) {
        None => 0,
        Some(Value::Counter(sum)) => sum as usize,
        Some(Value::Rate { total, .. }) => total as usize,
        Some(Value::Trend(trend)) => trend.count() as usize,
        Some(Value::Gauge { .. }) => 1,
    }
}

fn send(recorder: &mut Recorder, name: &str, status: u16, extra: &TagSet) {
    let key = RequestKey {
        scenario: recorder.intern("load"),
        name: recorder.intern(name),
        url: recorder.intern(&format!("http://host{name}")),
        method: recorder.intern("GET"),
        status,
        error_code: if status >= 400 { 1_000 + status } else { 0 },
        expected: status < 400,
        extra: recorder.intern_tags(extra),
        ..RequestKey::default()
    };
    let sample = RequestSample {
        response_time_ns: 400_000,
        responded: true,
        failed: status >= 400,
        bytes_sent: 10,
        cache: Some(true),
        ..RequestSample::default()
    };
    recorder.request(&key, &sample);
}

/// Everything that a recorder keeps for good.
fn kept(recorder: &Recorder) -> [usize; 8] {
    let [texts, tag_sets] = recorder.symbols.len();
    [
        texts,
        tag_sets,
        recorder.series.len(),
        recorder.slots.len(),
        recorder.series_index.len(),
        recorder.bundles.len(),
        recorder.overflows.len(),
        recorder.reduced.len(),
    ]
}

#[test]
fn names_past_the_cap_cost_nothing_and_totals_stay_exact() {
    let mut recorder = Recorder::new(&[]);
    let mut total = Snapshot::default();
    let mut after_a_tenth = [0; 8];
    for n in 0..MANY {
        send(&mut recorder, &format!("/users/{n}"), 200, &TagSet::default());
        if n == MANY / 10 {
            after_a_tenth = kept(&recorder);
            total.append(&recorder.take(1));
        }
    }
    assert_eq!(kept(&recorder), after_a_tenth, "nothing grows any more");
    total.append(&recorder.take(2));
    for metric in
        ["http_reqs", "http_req_failed", "http_req_duration", "http_req_response_time", "cache_hit_rate"]
    {
        assert_eq!(count(&total, metric), MANY, "{metric}");
    }
    assert_eq!(count(&total, "data_sent"), MANY * 10);
    assert_eq!(count(&total, "cache_requests{verdict:hit}"), MANY, "the verdict is no name");
    assert_eq!(count(&total, "http_reqs{status:200}"), MANY, "nor is the status");
    assert!(count(&total, &format!("http_reqs{{name:{OTHER}}}")) > MANY * 9 / 10);
    assert!(total.len() < SERIES_MAX + 200, "{}", total.len());
    assert_eq!(total.warnings.len(), 1);
}

#[test]
fn a_target_sees_all_of_its_samples_whenever_they_came() {
    let asked = [
        "http_req_failed{name:price}",
        "http_req_duration{name!:cart,status:500}",
        "data_sent{team:a,name:price}",
    ];
    let mut recorder = Recorder::new(&[]).keeping(overflow(&asked));
    let teams = ["a", "b"].map(|team| TagSet::from_pairs([("team", team)]));
    let (mut failed, mut price, mut cart) = (0, 0, 0);
    for n in 0..20_000 {
        send(&mut recorder, &format!("/users/{n}"), 200, &TagSet::default());
        // Neither name, nor the status, nor the team comes before there is no room any more.
        if n >= 10_000 && n % 10 == 0 {
            let status = if n % 20 == 0 { 500 } else { 200 };
            send(&mut recorder, "price", status, &teams[n % 4 / 2]);
            send(&mut recorder, "cart", 500, &teams[0]);
            price += 1;
            cart += 1;
            failed += usize::from(status == 500);
        }
    }
    let total = recorder.take(1);
    assert_eq!(select(&total, asked[0]), Some(Value::Rate { hits: failed as u64, total: price as u64 }));
    assert_eq!(count(&total, asked[1]), failed, "what failed and is no cart");
    assert_eq!(count(&total, asked[2]), price / 2 * 10);
    assert_eq!(count(&total, "http_reqs{status:500}"), failed + cart);
    assert_eq!(count(&total, "http_reqs"), 20_000 + price + cart);
    // The metric beside the target's is told apart likewise.
    assert_eq!(count(&total, "http_req_response_time{name!:cart,status:500}"), failed);
}

#[test]
fn a_tag_of_the_scripts_own_past_the_cap_leaves_the_request_its_name() {
    let mut recorder = Recorder::new(&[]).keeping(overflow(&["http_reqs{name:price}"]));
    for n in 0..3_000 {
        send(&mut recorder, &format!("/{n}"), 200, &TagSet::default());
    }
    for n in 0..50_000 {
        send(&mut recorder, "price", 200, &TagSet::from_pairs([("user", n.to_string())]));
    }
    // One that replaces the name is no price.
    send(&mut recorder, "price", 200, &TagSet::from_pairs([("name", "other")]));
    let full = kept(&recorder);
    send(&mut recorder, "price", 200, &TagSet::from_pairs([("user", "unheard-of")]));
    assert_eq!(kept(&recorder), full);
    let total = recorder.take(1);
    assert_eq!(count(&total, "http_reqs{name:price}"), 50_001);
    assert_eq!(count(&total, "http_reqs"), 53_002);
}

fn custom() -> (Recorder, MetricId, MetricId) {
    let metric = |name: &str, kind| Metric { name: name.into(), kind, unit: Unit::None };
    let own = [metric("sold", Kind::Counter), metric("items", Kind::Trend)];
    let recorder = Recorder::new(&own).keeping(overflow(&["sold{symbol:AAPL}", "checks{check:late}"]));
    let (sold, items) = (recorder.metric("sold").unwrap().0, recorder.metric("items").unwrap().0);
    (recorder, sold, items)
}

#[test]
fn custom_metrics_with_many_tags_end_at_the_cap_too() {
    let (mut recorder, sold, items) = custom();
    for n in 0..MANY {
        let (user, symbol) = (n.to_string(), if n % 3 == 0 { "AAPL" } else { "TSLA" });
        let tags = TagSet::from_pairs([("user", user.as_str()), ("symbol", symbol), ("side", "buy")]);
        let tags = recorder.intern_tags(&tags);
        let series = recorder.series_of(sold, &[("scenario", Symbol::NONE)], tags);
        recorder.add(series, 1.0);
        let series = recorder.series_of(items, &[], tags);
        recorder.trend(series, 3.0);
    }
    let [_, tag_sets, series, ..] = kept(&recorder);
    assert!(tag_sets < SERIES_MAX + 10 && series < SERIES_MAX + 10, "{tag_sets} {series}");
    let total = recorder.take(1);
    assert_eq!((count(&total, "sold"), count(&total, "items")), (MANY, MANY));
    assert_eq!(count(&total, "sold{symbol:AAPL}"), MANY / 3);
    assert_eq!(count(&total, "sold{symbol!:AAPL}"), MANY - MANY / 3);
}

#[test]
fn checks_and_groups_without_end_are_counted_together() {
    let (mut recorder, ..) = custom();
    let (checks, _) = recorder.metric("checks").unwrap();
    for n in 0..MANY {
        let check = recorder.intern(&format!("user {n} is there"));
        let group = recorder.intern(&format!("::user {n}"));
        let series = recorder.series_of(checks, &[("check", check), ("group", group)], Symbol::NONE);
        recorder.rate(series, u64::from(n % 2 == 0), 1);
    }
    let late = recorder.intern("late");
    let series = recorder.series_of(checks, &[("check", late)], Symbol::NONE);
    recorder.rate(series, 1, 1);
    let [texts, _, series, ..] = kept(&recorder);
    assert!(texts < 2 * SERIES_MAX + 20 && series < SERIES_MAX + 10, "{texts} {series}");
    let total = recorder.take(1);
    assert_eq!(
        select(&total, "checks"),
        Some(Value::Rate { hits: MANY as u64 / 2 + 1, total: MANY as u64 + 1 })
    );
    assert_eq!(count(&total, "checks{check:late}"), 1, "a target asks for it");
}

#[test]
fn what_has_no_tags_or_says_what_was_clamped_is_kept_apart_to_the_end() {
    let (mut recorder, sold, items) = custom();
    for n in 0..2 * SERIES_MAX {
        let series = recorder.series(sold, &TagSet::from_pairs([("user", n.to_string())]));
        recorder.add(series, 1.0);
    }
    let plain = recorder.series(items, &TagSet::default());
    recorder.trend(plain, -5.0);
    let total = recorder.take(1);
    assert_eq!(count(&total, "clamped_values{metric:items}"), 1);
    assert_eq!(total.of("items").next().map(|series| series.tags.len()), Some(0));
}

#[test]
fn workers_whose_series_differ_are_merged_without_a_loss_to_targets() {
    let asked = "http_req_failed{name:price}";
    let mut total = Snapshot::default();
    for tick in 1..3 {
        let mut second = Snapshot::default();
        for worker in 0..4 {
            let mut recorder = Recorder::new(&[]).keeping(overflow(&[asked]));
            // Each has room for all of its own, and together they have not.
            for n in 0..400 {
                send(&mut recorder, &format!("/{worker}/{n}"), 200, &TagSet::default());
                send(&mut recorder, "price", if n % 4 == 0 { 503 } else { 200 }, &TagSet::default());
            }
            second.join(recorder.take(tick));
        }
        total.append(&second);
    }
    assert_eq!(select(&total, asked), Some(Value::Rate { hits: 800, total: 3_200 }));
    assert_eq!(count(&total, "http_reqs"), 6_400);
    assert!(total.len() < SERIES_MAX + 100, "{}", total.len());
    assert!(total.warnings.contains(&Warning::SeriesCap));
    // What is stored and read again is the same, with more series than the cap.
    let read: Snapshot = postcard::from_bytes(&postcard::to_stdvec(&total).unwrap()).unwrap();
    assert_eq!(read, total);
}

#[test]
fn metrics_that_are_dropped_are_nowhere() {
    let (recorder, sold, items) = custom();
    let mut recorder = recorder.without(["http_req_waiting", "sold", "http_req_duration", "cache_hit_rate"]);
    assert!(recorder.is_dropped(sold) && !recorder.is_dropped(items));
    for n in 0..100 {
        send(&mut recorder, &format!("/{n}"), 200, &TagSet::default());
        let series = recorder.series(sold, &TagSet::from_pairs([("user", n.to_string())]));
        recorder.add(series, f64::NAN);
    }
    let total = recorder.take(1);
    assert_eq!(count(&total, "http_reqs"), 100);
    for metric in ["http_req_waiting", "sold", "http_req_duration", "cache_hit_rate", "clamped_values"] {
        assert_eq!(total.of(metric).len(), 0, "{metric}");
    }
    assert_eq!(
        recorder.series.len(),
        100 * (Bundle::METRICS.len() - 2) + 100 * 2,
        "they take no room either"
    );
}

#[test]
fn a_snapshot_that_knows_of_no_targets_takes_nothing_from_one_that_does() {
    let asked = "http_req_failed{name:price}";
    let filled = |from: usize, overflow: Overflow| {
        let mut recorder = Recorder::new(&[]).keeping(overflow);
        (from..from + 600).for_each(|n| send(&mut recorder, &format!("/{n}"), 200, &TagSet::default()));
        send(&mut recorder, "price", 500, &TagSet::default());
        recorder.take(1)
    };
    for is_first in [true, false] {
        let mut total = Recorder::new(&[]).take(1);
        let (with, without) = (filled(0, overflow(&[asked])), filled(5_000, Overflow::default()));
        let (first, second) = if is_first { (with, without) } else { (without, with) };
        total.join(first);
        total.join(second);
        assert_eq!(select(&total, asked), Some(Value::Rate { hits: 2, total: 2 }));
    }
}
