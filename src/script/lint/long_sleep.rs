//! `sleep(500)`: milliseconds in many languages, seconds here as in k6.

use super::survey::Shape;
use super::{Finding, Lint, Subject};
use crate::units::format_count;

pub(super) const LINT: Lint = Lint {
    name: "long_sleep",
    about: "`sleep(500)`, which are seconds and were meant as milliseconds",
    look,
};

/// Longer pauses are rarely meant, and shorter ones rarely milliseconds.
const SECONDS_MIN: f64 = 100.0;

fn look(subject: &Subject<'_>) -> Vec<Finding> {
    (subject.survey.calls_of("sleep"))
        .filter_map(|call| match call.arguments.first() {
            Some(Shape::Number(seconds))
                if *seconds >= SECONDS_MIN && seconds.fract() == 0.0 && *seconds < 1e12 =>
            {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "between 100 and 1e12"
                )]
                let count = format_count(*seconds as u64);
                Some(Finding::new(
                    call.place,
                    format!("`sleep({seconds})` waits for {count} seconds"),
                    format!("write `sleep(\"{seconds}ms\")`, or `sleep(\"{seconds}s\")` if it is meant"),
                ))
            }
            _ => None,
        })
        .collect()
}
