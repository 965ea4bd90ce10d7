//! `group`: names what happens inside a closure.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, FnPtr, ImmutableString, NativeCallContext};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::super::story::Event;
use super::call_back;
use super::metric::{key, to_tags};
use crate::metrics::{Symbol, TagSet};

/// Groups within groups.
const DEPTH_MAX: usize = 16;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "group(name, closure)",
        "runs the closure with the tag `group` on all its samples, and times it",
        move |context: NativeCallContext<'_>, name: ImmutableString, closure: FnPtr| {
            group(&context, &stage, &name, None, &closure)
        },
    );
    registry.example(
        "group(\"look around\", || { http::get(\"/health\"); http::get(\"/mcp/tools\").status }) // 200",
    );
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "group(name, tags, closure)",
            "the same with tags on all its samples",
            move |context: NativeCallContext<'_>, name: ImmutableString, tags: Dynamic, closure: FnPtr| {
                group(&context, &stage, &name, Some(to_tags("group", &tags)?), &closure)
            },
        )
        .example("group(\"checkout\", #{ team: \"payments\" }, || check(true, \"is paid\"));");
}

fn group(
    context: &NativeCallContext<'_>,
    stage: &Stage,
    name: &str,
    tags: Option<TagSet>,
    closure: &FnPtr,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let vu = stage.acting("group")?;
    if name.is_empty() || name.contains("::") {
        return Err(HostError::new(format!("`{name}` is no name for a group"))
            .hint("it can't be empty nor hold `::`, which joins the names of nested groups")
            .into());
    }
    let outer = vu.group.borrow().clone();
    if outer.matches("::").count() >= DEPTH_MAX {
        return Err(HostError::new(format!("groups are nested deeper than {DEPTH_MAX}")).into());
    }
    let outer_symbol = vu.group_symbol.get();
    let inner = format!("{outer}::{name}");
    vu.group_symbol.set(stage.recorder().with(|recorder| recorder.intern(&inner)));
    vu.group.replace(inner);
    let outer_tags = tags.map(|tags| stage.recorder().with(|recorder| vu.open_group(recorder, &tags)));
    if let Some(story) = stage.story() {
        stage.tell(|| Event::GroupBegins { name: name.to_owned() });
        story.scout.open_group();
    }
    let start_ns = stage.clock().now_ns();
    let result = call_back(context, &vu, closure, &mut []);
    if let Some(story) = stage.story() {
        story.scout.close_group();
        let took_ns = stage.clock().now_ns() - start_ns;
        stage.tell(|| Event::GroupEnds { name: name.to_owned(), took_ns });
    }
    if !vu.is_ending() {
        let took_us = (stage.clock().now_ns() - start_ns) / 1_000;
        stage.recorder().with(|recorder| {
            let (metric, _) = recorder.metric("group_duration").expect("a built-in metric");
            let key = key(recorder, metric, &vu, Symbol::NONE, &TagSet::default());
            let series = stage.series(recorder, key);
            recorder.trend_us(series, took_us);
        });
    }
    if let Some(outer_tags) = outer_tags {
        stage.recorder().with(|recorder| vu.close_group(recorder, outer_tags));
    }
    vu.group.replace(outer);
    vu.group_symbol.set(outer_symbol);
    result
}
