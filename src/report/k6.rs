//! The summary in the layout of k6's `--summary-export`, for programs that read that: metrics by name with k6's keys and
//! units (times in milliseconds), thresholds, and the checks by group.
//!
//! As there, a threshold is `true` when it was crossed, which is when the target doesn't hold; and the figures of trends are
//! those of `summary_trend_stats`. A figure that is only a lower bound is a number too; our own JSON says which are.

use std::fmt::Write as _;

use md5::{Digest as _, Md5};
use serde_json::{Map, Value as Json, json};

use crate::metrics::{Quantile, Trend, Value};
use crate::plan::{Judgement, TrendStat, Verdict};
use crate::results::{Check, Summary};

/// What stands between the names of a group's path.
const SEPARATOR: &str = "::";

/// k6's JSON of the summary.
pub fn k6_export(summary: &Summary) -> Json {
    json!({ "metrics": metrics(summary), "root_group": root_group(&summary.checks) })
}

fn metrics(summary: &Summary) -> Json {
    let mut metrics: Map<String, Json> = Map::new();
    for total in &summary.metrics {
        if let Some(value) = &total.value {
            metrics.insert(total.metric.name.to_string(), values(value, summary));
        }
    }
    if summary.durations.ok.count() > 0 {
        let ok = trend(&summary.durations.ok, &summary.layout.trend_stats);
        metrics.insert("http_req_duration{expected_response:true}".to_owned(), ok);
    }
    for judgement in &summary.judgements {
        let metric = metrics.entry(&*judgement.key).or_insert_with(|| submetric(judgement));
        let thresholds =
            metric.as_object_mut().expect("made as one").entry("thresholds").or_insert(json!({}));
        let is_crossed = judgement.verdict != Verdict::Passed;
        thresholds.as_object_mut().expect("made as one").insert(judgement.text.clone(), is_crossed.into());
    }
    metrics.sort_keys();
    metrics.into()
}

/// Of series that a target alone selects, what it was judged on.
fn submetric(judgement: &Judgement) -> Json {
    let aggregate = judgement.text.split(['<', '>', '=', '!']).next().unwrap_or_default().trim();
    let observed = judgement.observed.filter(|observed| observed.is_finite());
    match observed {
        Some(observed) if !aggregate.is_empty() => json!({ aggregate: observed }),
        _ => json!({}),
    }
}

fn values(value: &Value, summary: &Summary) -> Json {
    match value {
        Value::Counter(count) => {
            json!({ "count": number(*count), "rate": summary.per_second(*count).unwrap_or(0.0) })
        }
        Value::Gauge { last, min, max } => {
            json!({ "value": number(*last), "min": number(*min), "max": number(*max) })
        }
        Value::Rate { hits, total } => {
            let share = if *total == 0 { 0.0 } else { *hits as f64 / *total as f64 };
            json!({ "passes": hits, "fails": total - hits, "value": share })
        }
        Value::Trend(of) => trend(of, &summary.layout.trend_stats),
    }
}

/// A whole number without a point, as k6 writes it.
#[expect(clippy::cast_possible_truncation, reason = "whole, and below 2⁵³")]
fn number(value: f64) -> Json {
    if value.fract() == 0.0 && value.abs() < 9e15 { (value as i64).into() } else { json!(value) }
}

fn trend(trend: &Trend, stats: &[TrendStat]) -> Json {
    let quantile = |quantile: Option<Quantile>| quantile.map_or(0.0, |quantile| quantile.value());
    let figure = |stat: &TrendStat| {
        let figure = match *stat {
            // Kept in thousandths of what users read.
            TrendStat::Average => json!(trend.mean_us().unwrap_or(0.0) / 1_000.0),
            TrendStat::Min => json!(quantile(trend.min())),
            TrendStat::Median => json!(quantile(trend.quantile(0.5))),
            TrendStat::Max => json!(quantile(trend.max())),
            TrendStat::Count => json!(trend.count()),
            TrendStat::Percentile(percent) => json!(quantile(trend.quantile(percent / 100.0))),
        };
        (stat.to_string(), figure)
    };
    stats.iter().map(figure).collect::<Map<_, _>>().into()
}

/// The checks as a tree of their groups; groups without checks are not known.
fn root_group(checks: &[Check]) -> Json {
    let mut root = group("", "");
    for check in checks {
        let mut at = &mut root;
        let mut path = String::new();
        for name in check.group.split(SEPARATOR).filter(|name| !name.is_empty()) {
            path = format!("{path}{SEPARATOR}{name}");
            at = at["groups"]
                .as_object_mut()
                .expect("made as one")
                .entry(name)
                .or_insert_with(|| group(name, &path));
        }
        let path = format!("{path}{SEPARATOR}{}", check.name);
        at["checks"][&check.name] = json!({
            "name": check.name,
            "path": path,
            "id": group_id(&path),
            "passes": check.passes,
            "fails": check.fails,
        });
    }
    root
}

fn group(name: &str, path: &str) -> Json {
    json!({ "name": name, "path": path, "id": group_id(path), "groups": {}, "checks": {} })
}

/// The id that k6 gives a group or a check: the MD5 of its path.
pub fn group_id(path: &str) -> String {
    Md5::digest(path).iter().fold(String::new(), |mut id, byte| {
        let _ = write!(id, "{byte:02x}");
        id
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Kind, Metric, Unit};
    use crate::results::MetricTotal;
    use std::time::Duration;

    fn total(name: &str, kind: Kind, unit: Unit, value: Value) -> MetricTotal {
        MetricTotal { metric: Metric { name: name.into(), kind, unit }, value: Some(value) }
    }

    fn judgement(key: &str, text: &str, verdict: Verdict, observed: f64) -> Judgement {
        Judgement {
            key: key.to_owned(),
            text: text.to_owned(),
            verdict,
            observed: Some(observed),
            observed_text: String::new(),
            beside: None,
            samples: 4,
            near: Vec::new(),
            interval: None,
            needed: None,
            written_at: None,
        }
    }

    #[test]
    fn it_has_k6s_layout() {
        let mut summary = Summary::uneventful();
        summary.elapsed = Duration::from_secs(2);
        let mut times = Trend::new();
        for us in [1_000, 2_000, 3_000, 10_000] {
            times.record_us(us);
        }
        summary.durations.ok = times.clone();
        summary.metrics = vec![
            total("http_reqs", Kind::Counter, Unit::None, Value::Counter(4.0)),
            total("http_req_duration", Kind::Trend, Unit::Time, Value::Trend(Box::new(times))),
            total("checks", Kind::Rate, Unit::None, Value::Rate { hits: 3, total: 4 }),
            total("vus", Kind::Gauge, Unit::None, Value::Gauge { last: 1.0, min: 0.0, max: 2.0 }),
        ];
        summary.layout.trend_stats =
            vec![TrendStat::Average, TrendStat::Percentile(95.0), TrendStat::Count, TrendStat::Max];
        summary.judgements = vec![
            judgement("http_req_duration", "p(95) < 5ms", Verdict::Failed, 10.0),
            judgement("http_req_duration", "avg < 1s", Verdict::Passed, 4.0),
            judgement("http_req_duration{name:price}", "p(95)<1s", Verdict::Passed, 10.0),
        ];
        let check = |group: &str, name: &str, passes, fails| Check {
            group: group.to_owned(),
            name: name.to_owned(),
            passes,
            fails,
        };
        summary.checks = vec![check("", "is up", 2, 0), check("::shop::pay", "paid", 1, 1)];
        insta::assert_snapshot!(serde_json::to_string_pretty(&k6_export(&summary)).unwrap());
    }

    #[test]
    fn the_id_of_the_root_is_the_one_that_k6_gives_it() {
        assert_eq!(group_id(""), "d41d8cd98f00b204e9800998ecf8427e");
    }
}
