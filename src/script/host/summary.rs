//! `summary::text()`: the summary that would be printed, for a script's own `summary(data)`.

use std::rc::Rc;

use rhai::{EvalAltResult, ImmutableString};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::vu::Phase;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "summary::text()",
            "in `summary(data)`: the summary that is printed without that function, without colours (k6's `textSummary`)",
            move || -> Result<ImmutableString, Box<EvalAltResult>> {
                let outside = stage.outside();
                let text = outside.summary_text.as_deref();
                text.filter(|_| stage.vu().phase == Phase::Summary).map(ImmutableString::from).ok_or_else(|| {
                    HostError::new("`summary::text` can only be called in `summary(data)`")
                        .hint("elsewhere there is no summary yet: write `fn summary(data) { #{ stdout: summary::text() } }`")
                        .into()
                })
            },
        )
        .declares("fn flow() { http::get(\"http://127.0.0.1:9/\"); }\nfn summary(data) { #{ stdout: summary::text(), \"run.json\": to_json(data) } }");
}
