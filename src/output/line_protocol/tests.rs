//! What is written is read back by a parser that knows the grammar alone.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::engine::Books;
use crate::metrics::{Kind, Metric, Recorder, TagSet, Unit, Value};

/// A line taken apart by the grammar of the documentation of `InfluxDB` 1.8, character by character.
#[derive(Debug, PartialEq)]
struct Point {
    measurement: String,
    tags: BTreeMap<String, String>,
    fields: BTreeMap<String, String>,
    time: i64,
}

/// Takes what stands before the first of the stops that isn't escaped; a backslash escapes what is special alone.
fn token(rest: &mut &str, special: &str, stops: &str) -> String {
    let mut token = String::new();
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if stops.contains(c) {
            *rest = &rest[at..];
            return token;
        }
        match chars.peek() {
            Some((_, next)) if c == '\\' && special.contains(*next) => {
                token.push(*next);
                chars.next();
            }
            _ => token.push(c),
        }
    }
    *rest = "";
    token
}

fn parse(line: &str) -> Point {
    let mut rest = line.strip_suffix('\n').expect("a line ends");
    assert!(!rest.contains('\n'), "one line: {line:?}");
    let measurement = token(&mut rest, ", ", ", ");
    assert!(!measurement.is_empty());
    let mut tags = BTreeMap::new();
    while let Some(behind) = rest.strip_prefix(',') {
        rest = behind;
        let tag = token(&mut rest, ",= ", ",= ");
        rest = rest.strip_prefix('=').unwrap_or_else(|| panic!("{line:?}: no value of {tag:?}"));
        let value = token(&mut rest, ",= ", ", ");
        assert!(!tag.is_empty() && !value.is_empty(), "{line:?}: an empty tag");
        assert!(tags.insert(tag, value).is_none(), "{line:?}: a tag twice");
    }
    rest = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line:?}: no fields"));
    let mut fields = BTreeMap::new();
    loop {
        let key = token(&mut rest, ",= ", "=");
        rest = &rest[1..];
        let value = token(&mut rest, "", ", ");
        let is_number = value.strip_suffix('i').map_or_else(
            || value.parse::<f64>().is_ok_and(f64::is_finite),
            |whole| whole.parse::<i64>().is_ok(),
        );
        assert!(is_number && !key.is_empty(), "{line:?}: {key:?} is {value:?}");
        assert!(fields.insert(key, value).is_none(), "{line:?}: a field twice");
        match rest.strip_prefix(',') {
            Some(behind) => rest = behind,
            None => break,
        }
    }
    let time = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line:?}: no time"));
    Point { measurement, tags, fields, time: time.parse().expect("a time") }
}

fn second(recorder: &mut Recorder) -> PlayedSecond {
    PlayedSecond {
        number: 1,
        end_unix_ms: 1_790_000_000_123,
        elapsed: Duration::from_secs(1),
        is_warm_up: false,
        is_paused: false,
        vus: 1,
        vus_max: 1,
        books: Books::default(),
        delta: recorder.take(1),
    }
}

/// What a text becomes that has signs which can't be escaped.
fn seen(text: &str) -> String {
    text.trim_end_matches('\\').replace(['\n', '\r'], " ")
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c ,=\\\\\n\"']{1,8}",
        "\\PC{1,6}",
        Just("/a b,c=d".to_owned()),
        Just("\\".to_owned()),
        Just("a\\,b".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_line_is_what_the_grammar_says(
        tags in proptest::collection::btree_map(text(), text(), 0..5),
        script in text(),
        us in proptest::collection::vec(0_u64..1 << 40, 1..300),
        size in -1e9..1e9,
    ) {
        let own = [("depth", Kind::Gauge), ("found it", Kind::Rate), ("kg, dry", Kind::Trend)];
        let own: Vec<Metric> =
            own.iter().map(|(name, kind)| Metric { name: (*name).into(), kind: *kind, unit: Unit::None }).collect();
        let mut recorder = Recorder::new(&own);
        let pairs = tags.iter().map(|(tag, value)| (tag.as_str(), value.as_str()));
        let set = TagSet::from_pairs(pairs);
        let names = ["http_reqs", "http_req_duration", "depth", "found it", "kg, dry"];
        let [reqs, times, depth, found, weight] = names.map(|name| {
            let (metric, _) = recorder.metric(name).unwrap();
            recorder.series(metric, &set)
        });
        recorder.add(reqs, us.len() as f64);
        for us in &us {
            recorder.trend_us(times, *us);
        }
        recorder.set(depth, size);
        recorder.rate(found, 3, 4);
        recorder.trend(weight, size.abs());
        let second = second(&mut recorder);
        let units = Units::default();
        let points: Vec<Point> = lines(&second, &units, &script).map(|line| parse(&line)).collect();
        prop_assert_eq!(points.len(), 5);
        let mut expected: Vec<(String, String)> = set.iter().map(|(tag, value)| (seen(tag), seen(value))).collect();
        if set.get("script").is_none() {
            expected.push(("script".to_owned(), seen(&script)));
        }
        expected.retain(|(tag, value)| !tag.is_empty() && !value.is_empty());
        for (point, series) in points.iter().zip(&second.delta) {
            prop_assert_eq!(&point.measurement, &*series.metric);
            prop_assert_eq!(point.time, 1_790_000_000_123);
            let tags: Vec<(String, String)> = point.tags.clone().into_iter().collect();
            let mut sorted = expected.clone();
            sorted.sort();
            prop_assert_eq!(&tags, &sorted);
            match &series.value {
                Value::Counter(sum) => prop_assert_eq!(&point.fields["count"], &sum.to_string()),
                Value::Gauge { last, .. } => prop_assert_eq!(point.fields["value"].parse::<f64>().unwrap().to_bits(), last.to_bits()),
                Value::Rate { .. } => prop_assert_eq!(&point.fields["hits"], "3i"),
                Value::Trend(trend) => {
                    prop_assert_eq!(&point.fields["count"], &format!("{}i", trend.count()));
                    if &*series.metric == "http_req_duration" {
                        prop_assert_eq!(&point.fields["sum_us"], &format!("{}i", us.iter().sum::<u64>()));
                        let p95 = trend.quantile(0.95).unwrap().value_us;
                        prop_assert_eq!(&point.fields["p95_us"], &format!("{p95}i"));
                    }
                }
            }
        }
    }
}
