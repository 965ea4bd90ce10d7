//! `check`: records whether something holds, and goes on.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, FnPtr, ImmutableString, Map, NativeCallContext};

use super::super::error::HostError;
use super::super::frozen::FrozenMap;
use super::super::registry::Registry;
use super::super::series_key::SeriesKey;
use super::super::stage::Stage;
use super::super::value::type_name;
use super::super::vu::Vu;
use super::call_back;
use super::metric::{key, to_tags};
use super::response::Reply;
use crate::metrics::{SeriesId, Symbol, TagSet};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "check(condition, name)",
        "records whether the condition holds, and returns it",
        move |holds: bool, name: ImmutableString| -> Outcome<bool> {
            let vu = stage.acting("check")?;
            record(&stage, &vu, &name, holds, &TagSet::default());
            Ok(holds)
        },
    );
    registry.example("check(http::get(\"/health\").status == 200, \"is healthy\") // true");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "check(condition, name, tags)",
        "the same with tags on the sample",
        move |holds: bool, name: ImmutableString, tags: Dynamic| -> Outcome<bool> {
            let vu = stage.acting("check")?;
            record(&stage, &vu, &name, holds, &to_tags("check", &tags)?);
            Ok(holds)
        },
    );
    registry.takes("tags", "map").example("check(true, \"is paid\", #{ part: \"checkout\" }) // true");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "check(value, checks)",
        "records each of the map's closures, called with the value; returns whether all hold",
        move |context: NativeCallContext<'_>, value: Dynamic, checks: Map| {
            check(&context, &stage, &value, &checks, &TagSet::default())
        },
    );
    registry.example(
        "let r = http::get(\"/health\");\n\
         check(r, #{ \"is healthy\": |r| r.json(\"status\") == \"healthy\", \"is fast\": |r| r.timings.duration < 5000 }) // true",
    );
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "check(value, checks, tags)",
        "the same with tags on the samples",
        move |context: NativeCallContext<'_>, value: Dynamic, checks: Map, tags: Dynamic| {
            check(&context, &stage, &value, &checks, &to_tags("check", &tags)?)
        },
    );
    let stage = Rc::clone(&registry.stage);
    registry.overload("check", move |context: NativeCallContext<'_>, value: Dynamic, checks: FrozenMap| {
        check(&context, &stage, &value, &checks.to_map(), &TagSet::default())
    });
    let stage = Rc::clone(&registry.stage);
    registry.overload(
        "check",
        move |context: NativeCallContext<'_>, value: Dynamic, checks: FrozenMap, tags: Dynamic| {
            check(&context, &stage, &value, &checks.to_map(), &to_tags("check", &tags)?)
        },
    );
    registry.takes("checks", "map").takes("tags", "map");
    registry.example("check(http::get(\"/health\"), #{ \"is healthy\": |r| r.status == 200 }, #{ part: \"health\" }) // true");
    registry.mistake("check", |name: ImmutableString, _: bool| -> Outcome<bool> {
        Err(HostError::new("`check` takes the condition first, then the name")
            .hint(format!("write `check(condition, \"{name}\")`"))
            .into())
    });
    registry.mistake("check", |condition: Dynamic, _: ImmutableString| -> Outcome<bool> {
        Err(HostError::new(format!(
            "`check` takes true or false beside a name, not {}",
            type_name(&condition)
        ))
        .hint("write `check(r.status == 200, \"name\")`, or `check(r, #{ \"name\": |r| r.status == 200 })`")
        .into())
    });
}

fn check(
    context: &NativeCallContext<'_>,
    stage: &Stage,
    value: &Dynamic,
    checks: &Map,
    tags: &TagSet,
) -> Outcome<bool> {
    let vu = stage.acting("check")?;
    let mut all = true;
    for (name, condition) in checks {
        let holds = match holds(context, &vu, value, name, condition) {
            Ok(holds) => holds,
            // What throws doesn't hold, and is a mistake of the script as well.
            Err(error) => {
                if !vu.is_ending() {
                    record(stage, &vu, name, false, tags);
                }
                return Err(error);
            }
        };
        record(stage, &vu, name, holds, tags);
        if !holds && let Some(reply) = value.read_lock::<Reply>() {
            reply.note_check(stage, &vu, name);
        }
        all &= holds;
    }
    Ok(all)
}

fn holds(
    context: &NativeCallContext<'_>,
    vu: &Vu,
    value: &Dynamic,
    name: &str,
    condition: &Dynamic,
) -> Outcome<bool> {
    if let Ok(holds) = condition.as_bool() {
        return Ok(holds);
    }
    let Some(closure) = condition.read_lock::<FnPtr>() else {
        return Err(HostError::new(format!("the check `{name}` is {}", type_name(condition)))
            .hint("a check is a closure, `|r| r.status == 200`, or true or false")
            .word(name)
            .into());
    };
    let held = call_back(context, vu, &closure, &mut [value.clone()])?;
    held.as_bool().map_err(|_| {
        HostError::new(format!("the check `{name}` gave {}, not true or false", type_name(&held)))
            .hint("compare: `|r| r.json(\"price\") > 0`")
            .word(name)
            .into()
    })
}

/// A check's series, remembered: the name's symbol, and what the last sample's key led to.
#[derive(Debug, Default)]
pub(in super::super) struct CheckSeries {
    name: OnceCell<Symbol>,
    last: Cell<Option<(SeriesKey, SeriesId)>>,
}

impl CheckSeries {
    /// Counts the check, whose name is always the same.
    pub(in super::super) fn record(&self, stage: &Stage, vu: &Vu, name: &str, holds: bool) {
        stage.recorder().with(|recorder| {
            let check = *self.name.get_or_init(|| recorder.intern(name));
            let tags = vu.tags_symbol();
            let (scenario, group) = (vu.cast.scenario_symbol, vu.group_symbol.get());
            let key = SeriesKey { metric: stage.words().checks, check, scenario, group, tags };
            let series = match self.last.get() {
                Some((last, series)) if last == key => series,
                _ => {
                    let series = stage.series(recorder, key);
                    self.last.set(Some((key, series)));
                    series
                }
            };
            recorder.rate(series, u64::from(holds), 1);
        });
    }
}

/// Counts a check.
pub(super) fn record(stage: &Stage, vu: &Vu, name: &str, holds: bool, tags: &TagSet) {
    let metric = stage.words().checks;
    stage.recorder().with(|recorder| {
        let check = recorder.intern(name);
        let key = key(recorder, metric, vu, check, tags);
        let series = stage.series(recorder, key);
        recorder.rate(series, u64::from(holds), 1);
    });
    stage.tell_check(name, holds);
}
