//! Custom metrics: `counter`, `gauge`, `rate`, `trend`, and the handles that they give.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, INT, ImmutableString};

use super::super::error::HostError;
use super::super::frozen::FrozenMap;
use super::super::registry::Registry;
use super::super::series_key::SeriesKey;
use super::super::stage::Stage;
use super::super::value::{described, type_name};
use super::super::vu::{Phase, Vu};
use crate::metrics::{Kind, MetricId, Recorder, SeriesId, Symbol, TagSet, Unit};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// A custom metric, as scripts hold it.
#[derive(Debug, Clone)]
struct CustomMetric {
    name: ImmutableString,
    kind: Kind,
}

const FORMS: [(&str, &str, &str, Kind); 4] = [
    (
        "counter(name)",
        "declares a metric that adds up: `.add(n)`",
        "const SOLD = counter(\"sold\");\nfn flow() { global::SOLD.add(2); }",
        Kind::Counter,
    ),
    (
        "gauge(name)",
        "declares a metric whose last value counts: `.set(n)`",
        "const QUEUE = gauge(\"queue_length\");\nfn flow() { global::QUEUE.set(5); }",
        Kind::Gauge,
    ),
    (
        "rate(name)",
        "declares a share: `.add(true)`, or `.add(hits, total)`",
        "const IN_STOCK = rate(\"in_stock\");\nfn flow() { global::IN_STOCK.add(http::get(\"/health\").status == 200); }",
        Kind::Rate,
    ),
    (
        "trend(name)",
        "declares a distribution of plain numbers: `.add(n)`",
        "const ITEMS = trend(\"items\");\nfn flow() { global::ITEMS.add(12); }",
        Kind::Trend,
    ),
];

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.engine.register_type_with_name::<CustomMetric>("metric");
    for (signature, about, example, kind) in FORMS {
        let stage = Rc::clone(&registry.stage);
        registry
            .define(signature, about, move |name: ImmutableString| declare(&stage, name, kind, Unit::None))
            .declares(example);
    }
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "trend(name, unit)",
        "the same of times in milliseconds (\"time\") or sizes (\"bytes\")",
        move |name: ImmutableString, unit: ImmutableString| -> Outcome<CustomMetric> {
            let unit = match unit.as_str() {
                "time" => Unit::Time,
                "bytes" => Unit::Bytes,
                other => {
                    return Err(HostError::new(format!("`{other}` is no unit of a trend"))
                        .hint("write \"time\" for milliseconds, \"bytes\" for sizes, or nothing")
                        .into());
                }
            };
            declare(&stage, name, Kind::Trend, unit)
        },
    );
    registry.declares(
        "const LOGIN = trend(\"login_time\", \"time\");\nfn flow() { global::LOGIN.add(http::get(\"/health\").timings.duration); }",
    );
    let stage = Rc::clone(&registry.stage);
    // k6: `new Trend(name, isTime)`.
    registry.mistake("trend", move |name: ImmutableString, is_time: bool| {
        declare(&stage, name, Kind::Trend, if is_time { Unit::Time } else { Unit::None })
    });
    methods(registry);
}

fn methods(registry: &mut Registry<'_>) {
    for (plain, with_tags, name, about, example) in [
        (
            "metric.add(value)",
            "metric.add(value, tags)",
            "add",
            "adds a number to a counter or a trend, true or false to a rate",
            "const SOLD = counter(\"sold\");\nfn flow() { global::SOLD.add(1, #{ symbol: \"AAPL\" }); }",
        ),
        (
            "metric.set(value)",
            "metric.set(value, tags)",
            "set",
            "sets a gauge",
            "const QUEUE = gauge(\"queue_length\");\nfn flow() { global::QUEUE.set(5, #{ side: \"buy\" }); }",
        ),
    ] {
        let method = plain.split('(').next().unwrap_or(plain);
        let takes = if name == "set" { "number" } else { "number or true or false" };
        let stage = Rc::clone(&registry.stage);
        registry.method(plain, about, move |metric: &mut CustomMetric, value: Dynamic| {
            add(&stage, metric, name, &value, &TagSet::default())
        });
        registry.takes("value", takes).declares(example);
        let stage = Rc::clone(&registry.stage);
        registry.method(
            with_tags,
            "the same with tags on the sample",
            move |metric: &mut CustomMetric, value: Dynamic, tags: Dynamic| {
                add(&stage, metric, name, &value, &to_tags(method, &tags)?)
            },
        );
        registry.takes("value", takes).takes("tags", "map").declares(example);
    }
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "metric.add(hits, total)",
        "adds so many hits of a total to a rate",
        move |metric: &mut CustomMetric, hits: INT, total: INT| -> Outcome<()> {
            if metric.kind != Kind::Rate {
                return Err(misuse(metric, "takes one number").into());
            }
            let (Ok(hits), Ok(total)) = (u64::try_from(hits), u64::try_from(total)) else {
                return Err(misuse(metric, "takes hits and a total from 0 up").into());
            };
            if hits > total {
                return Err(misuse(metric, &format!("can't have {hits} hits of {total}")).into());
            }
            record(&stage, metric, &TagSet::default(), |recorder, series| {
                recorder.rate(series, hits, total);
            })?;
            stage.tell_sample(&metric.name, metric.kind, || format!("{hits} of {total}"));
            Ok(())
        },
    );
    registry.declares("const FOUND = rate(\"found\");\nfn flow() { global::FOUND.add(3, 8); }");
    registry.property("metric.name", "the name that it was declared by", |metric: &mut CustomMetric| {
        metric.name.clone()
    });
    registry.declares("const SOLD = counter(\"sold\");\nfn flow() { log::info(global::SOLD.name); }");
    registry
        .engine
        .register_fn("to_string", |metric: &mut CustomMetric| format!("{} {}", metric.kind, metric.name));
}

fn declare(stage: &Stage, name: ImmutableString, kind: Kind, unit: Unit) -> Outcome<CustomMetric> {
    stage.declaring(kind.name())?;
    stage.declaration.borrow_mut().metric(&name, kind, unit)?;
    if stage.with_vu(|vu| vu.phase == Phase::Prompt) {
        stage.record_declared();
    }
    Ok(CustomMetric { name, kind })
}

fn add(stage: &Stage, metric: &CustomMetric, method: &str, value: &Dynamic, tags: &TagSet) -> Outcome<()> {
    if method == "set" && metric.kind != Kind::Gauge {
        return Err(misuse(metric, "takes `add`; `set` is for gauges").into());
    }
    if metric.kind == Kind::Rate {
        let Ok(hit) = value.as_bool() else {
            return Err(misuse(
                metric,
                &format!("takes true or false, or `add(hits, total)`, not {}", type_name(value)),
            )
            .into());
        };
        record(stage, metric, tags, |recorder, series| recorder.rate(series, u64::from(hit), 1))?;
        stage.tell_sample(&metric.name, metric.kind, || hit.to_string());
        return Ok(());
    }
    let number = value.as_float().or_else(|_| value.as_int().map(|number| number as f64));
    let Ok(number) = number else {
        return Err(misuse(metric, &format!("takes a number, not {}", type_name(value))).into());
    };
    if !number.is_finite() {
        return Err(misuse(metric, &format!("takes a number, not {number}")).into());
    }
    if metric.kind == Kind::Counter && number < 0.0 {
        return Err(misuse(metric, "only grows: it can't take a negative number").into());
    }
    record(stage, metric, tags, |recorder, series| match metric.kind {
        Kind::Counter => recorder.add(series, number),
        Kind::Gauge => recorder.set(series, number),
        _ => recorder.trend(series, number),
    })?;
    stage.tell_sample(&metric.name, metric.kind, || value.to_string());
    Ok(())
}

fn record(
    stage: &Stage,
    metric: &CustomMetric,
    tags: &TagSet,
    put: impl FnOnce(&mut Recorder, SeriesId),
) -> Outcome<()> {
    let vu = stage.acting(metric.kind.name())?;
    stage.recorder().with(|recorder| {
        let (id, _) =
            recorder.metric(&metric.name).expect("declared at the top level, here as on the control thread");
        if recorder.is_dropped(id) {
            return;
        }
        let key = key(recorder, id, &vu, Symbol::NONE, tags);
        let series = stage.series(recorder, key);
        put(recorder, series);
    });
    Ok(())
}

/// The key of a series that `vu` adds to, with further tags.
pub(super) fn key(
    recorder: &mut Recorder,
    metric: MetricId,
    vu: &Vu,
    check: Symbol,
    tags: &TagSet,
) -> SeriesKey {
    let tags = vu.symbol_with(recorder, tags);
    SeriesKey { metric, check, scenario: vu.cast.scenario_symbol, group: vu.group_symbol.get(), tags }
}

/// Tags as a script gives them: a map, constant or not.
pub(super) fn to_tags(function: &str, tags: &Dynamic) -> Outcome<TagSet> {
    if let Some(map) = tags.read_lock::<FrozenMap>() {
        let pairs: Vec<_> = map.iter().map(|(name, value)| tag(&name, &value)).collect::<Result<_, _>>()?;
        return Ok(TagSet::from_pairs(pairs));
    }
    let Ok(map) = tags.as_map_ref() else {
        return Err(HostError::new(format!("`{function}` takes a map of tags, not {}", described(tags)))
            .hint("write `#{ region: \"eu\" }`")
            .word("tags")
            .into());
    };
    let pairs: Vec<_> = map.iter().map(|(name, value)| tag(name, value)).collect::<Result<_, _>>()?;
    Ok(TagSet::from_pairs(pairs))
}

/// One tag. Its name must be one that a selector, `metric{name:value}`, can hold.
pub(super) fn tag(name: &str, value: &Dynamic) -> Result<(String, String), HostError> {
    if name.is_empty()
        || name.contains(|c: char| c.is_whitespace() || matches!(c, '{' | '}' | ':' | ',' | '='))
    {
        return Err(HostError::new(format!("`{name}` is no name for a tag"))
            .hint("it can't be empty nor hold spaces or `{ } : , =`, which selectors use")
            .word(name));
    }
    if value.is_string() || value.is_int() || value.is_bool() || value.is_float() {
        return Ok((name.to_owned(), value.to_string()));
    }
    Err(HostError::new(format!("the tag `{name}` must be a text, not {}", type_name(value))).word(name))
}

fn misuse(metric: &CustomMetric, what: &str) -> HostError {
    let form = match metric.kind {
        Kind::Counter => "write `.add(1)`, or another number from 0 up",
        Kind::Gauge => "write `.set(5)`",
        Kind::Rate => "write `.add(true)`, `.add(false)`, or `.add(hits, total)`",
        Kind::Trend => "write `.add(12.5)`",
    };
    HostError::new(format!("the {} `{}` {what}", metric.kind, metric.name)).hint(form)
}
