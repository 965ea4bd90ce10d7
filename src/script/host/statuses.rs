//! `http::expected_statuses` and `http::set_response_callback`: which answers don't count as failed, as in k6.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult};

use super::super::error::HostError;
use super::super::expected::Expected;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::super::value::described;
use super::super::vu::Phase;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

const NAME: &str = "http::expected_statuses";

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.define(
        "http::expected_statuses(status)",
        "statuses that don't count as failed: one, a range (`200..300`, `#{ min: 200, max: 299 }`), or a list of these",
        |status: Dynamic| expected(&[status]),
    );
    registry.takes("status", "integer or list or map");
    registry.example(
        "http::get(\"/nowhere\", #{ expected_statuses: http::expected_statuses(404) }).status // 404",
    );
    registry.define(
        "http::expected_statuses(status, other)",
        "the same of two; a list takes more",
        |status: Dynamic, other: Dynamic| expected(&[status, other]),
    );
    registry.takes("status", "integer or list or map").takes("other", "integer or list or map");
    registry.example("http::set_response_callback(http::expected_statuses(200..300, 404));");
    // As many as k6's scripts are likely to name.
    registry.mistake(NAME, |a: Dynamic, b: Dynamic, c: Dynamic| expected(&[a, b, c]));
    registry.mistake(NAME, |a: Dynamic, b: Dynamic, c: Dynamic, d: Dynamic| expected(&[a, b, c, d]));
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "http::set_response_callback(expected)",
        "which statuses don't count as failed from here on, for this user, or at the top level for all; `()` for any \
         answer at all. A request's own `expected_statuses` wins",
        move |statuses: Dynamic| set(&stage, &statuses),
    );
    registry.takes("expected", "expected statuses or integer or list or map or nothing");
    registry.example("http::set_response_callback(http::expected_statuses([200, 404]));");
}

fn expected(statuses: &[Dynamic]) -> Outcome<Expected> {
    Ok(Expected::read(statuses).ok_or_else(|| {
        let got: Vec<String> = statuses.iter().map(described).collect();
        refuse(NAME, &got.join(", "))
    })?)
}

pub(super) fn refuse(taker: &str, got: &str) -> HostError {
    HostError::new(format!("`{taker}` takes statuses, not {got}"))
        .hint("write `[200, 404]`, `200..300` or `#{ min: 200, max: 299 }`")
}

fn set(stage: &Stage, statuses: &Dynamic) -> Outcome<()> {
    let expected = if statuses.is_unit() {
        Expected::any()
    } else {
        Expected::read([statuses])
            .ok_or_else(|| refuse("http::set_response_callback", &described(statuses)))?
    };
    let vu = stage.vu();
    if vu.phase == Phase::Declare {
        stage.expected.replace(Some(expected));
    } else {
        let vu = stage.acting("http::set_response_callback")?;
        vu.open_browser().expected.replace(Some(expected));
    }
    Ok(())
}
