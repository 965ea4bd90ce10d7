//! `duration::*`: durations as scripts write them, to calculate with.

use rhai::{EvalAltResult, ImmutableString};

use super::super::declaration::to_duration;
use super::super::registry::Registry;

pub(super) fn register(registry: &mut Registry<'_>) {
    registry
        .define(
            "duration::milliseconds(text)",
            "the milliseconds of a duration such as \"1m30s\", a number with fractions",
            |text: ImmutableString| -> Result<f64, Box<EvalAltResult>> {
                Ok(to_duration("`duration::milliseconds`", &text)?.as_nanos() as f64 / 1e6)
            },
        )
        .example("duration::milliseconds(\"1m30s\") // 90000.0");
}
