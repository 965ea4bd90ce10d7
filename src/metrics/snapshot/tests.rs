//! Snapshots: join and append lose nothing, the cap keeps totals, and bytes come back as they were.

use proptest::prelude::*;

use super::*;
use crate::metrics::{BUILTINS, Kind, Metric, Recorder, Unit};

fn recorder() -> Recorder {
    let custom = |name: &str, kind| Metric { name: name.into(), kind, unit: Unit::None };
    Recorder::new(&[
        custom("sold", Kind::Counter),
        custom("depth", Kind::Gauge),
        custom("price", Kind::Trend),
    ])
}

/// A sample for any of some series: which metric, which tag, and a number.
type Sample = (usize, u8, u32);

const METRICS: [&str; 6] = ["sold", "depth", "vus", "checks", "price", "iteration_duration"];

fn record(recorder: &mut Recorder, &(metric, tag, number): &Sample) {
    let (id, kind) = recorder.metric(METRICS[metric]).unwrap();
    let series = recorder.series(id, &TagSet::from_pairs([("name", format!("n{tag}"))]));
    match kind {
        Kind::Counter => recorder.add(series, f64::from(number)),
        Kind::Gauge => recorder.set(series, f64::from(number)),
        Kind::Rate => recorder.rate(series, u64::from(number % 2), 1),
        Kind::Trend => recorder.trend_us(series, u64::from(number)),
    }
}

fn snapshot(samples: &[Sample]) -> Snapshot {
    let mut recorder = recorder();
    for sample in samples {
        record(&mut recorder, sample);
    }
    recorder.take(1)
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    prop::collection::vec((0..METRICS.len(), 0_u8..3, any::<u32>()), 0..300)
}

fn joined(mut a: Snapshot, b: &Snapshot) -> Snapshot {
    a.join(b.clone());
    a
}

fn appended(mut a: Snapshot, b: &Snapshot) -> Snapshot {
    a.append(b);
    a
}

/// Without gauges, whose rules differ.
fn lossless(snapshot: &Snapshot) -> Vec<Series> {
    snapshot.iter().filter(|series| series.value.kind() != Kind::Gauge).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn joining_is_commutative_and_associative(a in samples(), b in samples(), c in samples()) {
        let (a, b, c) = (snapshot(&a), snapshot(&b), snapshot(&c));
        prop_assert_eq!(joined(a.clone(), &b), joined(b.clone(), &a));
        prop_assert_eq!(joined(joined(a.clone(), &b), &c), joined(a, &joined(b, &c)));
    }

    #[test]
    fn appending_is_associative(a in samples(), b in samples(), c in samples()) {
        let (a, b, c) = (snapshot(&a), snapshot(&b), snapshot(&c));
        prop_assert_eq!(appended(appended(a.clone(), &b), &c), appended(a, &appended(b, &c)));
    }

    #[test]
    fn shards_and_seconds_lose_nothing(all in samples(), shards in 1_usize..4, seconds in 1_usize..5) {
        let mut workers: Vec<Recorder> = (0..shards).map(|_| recorder()).collect();
        let mut total = Snapshot::new(0);
        for part in all.chunks(all.len().div_ceil(seconds).max(1)) {
            for (index, sample) in part.iter().enumerate() {
                record(&mut workers[index % shards], sample);
            }
            let mut second = Snapshot::new(1);
            for worker in &mut workers {
                second.join(worker.take(1));
            }
            total.append(&second);
        }
        prop_assert_eq!(lossless(&total), lossless(&snapshot(&all)));
    }

    #[test]
    fn one_recorders_seconds_appended_are_its_whole(all in samples(), seconds in 1_usize..5) {
        let (mut recorder, mut total) = (recorder(), Snapshot::new(1));
        for part in all.chunks(all.len().div_ceil(seconds).max(1)) {
            for sample in part {
                record(&mut recorder, sample);
            }
            total.append(&recorder.take(1));
        }
        prop_assert_eq!(total, snapshot(&all)); // gauges too
    }

    #[test]
    fn postcard_brings_back_the_same_snapshot(all in samples()) {
        let snapshot = snapshot(&all);
        let bytes = postcard::to_stdvec(&snapshot).unwrap();
        prop_assert_eq!(postcard::from_bytes::<Snapshot>(&bytes).unwrap(), snapshot);
    }

    #[test]
    fn any_bytes_are_a_snapshot_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(snapshot) = postcard::from_bytes::<Snapshot>(&bytes) {
            prop_assert_eq!(joined(Snapshot::new(0), &snapshot).len(), snapshot.len());
        }
    }
}

fn gauge(metric: &str, values: [f64; 3]) -> Snapshot {
    let [last, min, max] = values;
    let value = Value::Gauge { last, min, max };
    let series = Series { metric: metric.into(), tags: TagSet::default(), value };
    Snapshot::from_sorted(1, vec![series], BTreeSet::new())
}

#[test]
fn users_of_workers_add_up_and_later_seconds_replace() {
    let mut second = gauge("vus", [3.0, 3.0, 3.0]);
    second.join(gauge("vus", [4.0, 4.0, 4.0]));
    assert_eq!(second, gauge("vus", [7.0, 7.0, 7.0]));
    second.append(&gauge("vus", [2.0, 2.0, 2.0]));
    assert_eq!(second, gauge("vus", [2.0, 2.0, 7.0]));
}

#[test]
fn other_gauges_of_workers_keep_the_largest() {
    let mut second = gauge("generator_cpu", [0.9, 0.2, 0.9]);
    second.join(gauge("generator_cpu", [0.4, 0.1, 0.5]));
    assert_eq!(second, gauge("generator_cpu", [0.9, 0.1, 0.9]));
}

fn counters(names: std::ops::Range<usize>) -> Snapshot {
    let mut series: Vec<Series> = names
        .map(|n| Series {
            metric: "sold".into(),
            tags: TagSet::from_pairs([("name", n.to_string())]),
            value: Value::Counter(1.0),
        })
        .collect();
    series.sort_by(|a, b| a.key().cmp(&b.key()));
    Snapshot::from_sorted(1, series, BTreeSet::new())
}

#[test]
fn past_the_cap_totals_stay_exact() {
    let mut total = counters(0..SERIES_MAX - 5);
    total.join(counters(SERIES_MAX - 10..SERIES_MAX + 20));
    assert_eq!(total.select(&Selector::all("sold")), Some(Value::Counter(SERIES_MAX as f64 + 25.0)));
    assert_eq!(total.len(), SERIES_MAX + 1);
    assert_eq!(total.get("sold", &TagSet::other()), Some(&Value::Counter(20.0)));
    assert_eq!(total.warnings, BTreeSet::from([Warning::SeriesCap]));
}

#[test]
fn two_kinds_under_one_name_are_warned_of() {
    let mut total = counters(0..1);
    let mut other = counters(0..1);
    other.series[0].value = Value::Rate { hits: 1, total: 1 };
    total.join(other);
    assert_eq!(total.select(&Selector::all("sold")), Some(Value::Counter(1.0)));
    assert!(total.warnings.iter().any(|warning| warning.to_string().contains("two kinds")));
}

#[test]
fn select_joins_what_matches() {
    let snapshot = snapshot(&[(0, 0, 5), (0, 1, 7), (0, 2, 1), (3, 0, 1), (3, 1, 0)]);
    let select = |text| snapshot.select(&Selector::parse(text).unwrap());
    assert_eq!(select("sold"), Some(Value::Counter(13.0)));
    assert_eq!(select("sold{name!:n1}"), Some(Value::Counter(6.0)));
    assert_eq!(select("sold{name:n1}"), Some(Value::Counter(7.0)));
    assert_eq!(select("checks"), Some(Value::Rate { hits: 1, total: 2 }));
    assert_eq!(select("sold{name:n9}"), None);
    assert_eq!(select("sol"), None);
    assert_eq!(snapshot.of("sold").len(), 3);
}

#[test]
fn tags_are_stored_once_however_many_series_share_them() {
    let long = TagSet::from_pairs([("name", "a-name-of-some-forty-characters-for-sure")]);
    let mut series: Vec<Series> = BUILTINS
        .iter()
        .map(|builtin| Series { metric: builtin.name.into(), tags: long.clone(), value: Value::Counter(1.0) })
        .collect();
    series.sort_by(|a, b| a.key().cmp(&b.key()));
    let bytes = postcard::to_stdvec(&Snapshot::from_sorted(1, series, BTreeSet::new())).unwrap();
    let found = bytes.windows(10).filter(|window| window == b"a-name-of-").count();
    assert_eq!(found, 1);
}

#[test]
fn unsorted_or_impossible_series_are_refused() {
    let mut unsorted = counters(0..3);
    unsorted.series.swap(0, 2);
    let mut rate = counters(0..1);
    rate.series[0].value = Value::Rate { hits: 2, total: 1 };
    let mut infinite = counters(0..1);
    infinite.series[0].value = Value::Counter(f64::NAN);
    for broken in [unsorted, rate, infinite] {
        let bytes = postcard::to_stdvec(&broken).unwrap();
        assert!(postcard::from_bytes::<Snapshot>(&bytes).is_err());
    }
}

#[test]
fn more_series_than_are_allowed_are_refused() {
    let bytes = postcard::to_stdvec(&counters(0..3 * SERIES_MAX)).unwrap();
    assert!(postcard::from_bytes::<Snapshot>(&bytes).is_err());
    let text = serde_json::to_string(&counters(0..3 * SERIES_MAX)).unwrap();
    let error = serde_json::from_str::<Snapshot>(&text).unwrap_err().to_string();
    assert!(error.contains("30000 series"), "{error}");
}

#[test]
fn the_memory_of_what_is_added_is_known_before() {
    let trend = |name: &str, values: &[u64]| {
        let mut recorder = Recorder::new(&[]);
        let (metric, _) = recorder.metric("http_req_duration").unwrap();
        let series = recorder.series(metric, &TagSet::from_pairs([("name", name)]));
        for us in values {
            recorder.trend_us(series, *us);
        }
        recorder.take(1)
    };
    let alone = |snapshot: &Snapshot| snapshot.weight_bytes_with(&Snapshot::default());
    let (few, one) = (trend("b", &[5; 128]), trend("b", &[1_000_000]));
    assert_eq!((alone(&few), alone(&one)), (1_024, 8));
    // Together they are a histogram up to a second: 2,048 buckets, and 1,024 for each doubling from there.
    assert_eq!(few.weight_bytes_with(&one), 8 * (2_048 + 9 * 1_024));
    let others = trend("a", &[7; 3]);
    assert_eq!(few.weight_bytes_with(&others), 1_024 + 24);
    assert_eq!(others.weight_bytes_with(&few), 1_024 + 24);
}

#[test]
fn bytes_that_would_ask_for_gigabytes_are_refused() {
    // A few bytes each: 129 samples at the largest value there is.
    let mut recorder = Recorder::new(&[]);
    let (metric, _) = recorder.metric("http_req_duration").unwrap();
    let series = recorder.series(metric, &TagSet::default());
    (0..129).for_each(|_| recorder.trend_us(series, 1_000_000_000_000_000));
    let one = recorder.take(1);
    let value = one.iter().next().unwrap().value.clone();
    let texts: Vec<String> = ["http_req_duration".to_owned(), "name".to_owned()]
        .into_iter()
        .chain((0..4_000).map(|at| format!("{at:05}")))
        .collect();
    let tag_sets: Vec<Vec<(u32, u32)>> = (2..4_002).map(|text| vec![(1, text)]).collect();
    let series: Vec<(u32, u32, &Value)> = (0..4_000).map(|at| (0, at, &value)).collect();
    let bytes = |series: &[(u32, u32, &Value)]| {
        let warnings = BTreeSet::<Warning>::new();
        postcard::to_stdvec(&(1_u64, warnings, &texts, &tag_sets, series)).unwrap()
    };
    assert!(postcard::from_bytes::<Snapshot>(&bytes(&series[..10])).is_ok());
    let bytes = bytes(&series);
    assert!(bytes.len() < 64 * 4_000, "{}", bytes.len());
    let refused = postcard::from_bytes::<Snapshot>(&bytes);
    assert!(refused.is_err());
}
