//! A URL with a value in its path and no `name`: each value becomes a series of its own.

use super::survey::{Call, Shape};
use super::{Finding, Lint, Subject};

pub(super) const LINT: Lint = Lint {
    name: "many_names",
    about: "a URL with a value in its path and no `name`: a series for each value",
    look,
};

fn look(subject: &Subject<'_>) -> Vec<Finding> {
    // Values that look like ids are folded; others may not be, which only a run can tell.
    if subject.plan.options.fold_ids {
        return Vec::new();
    }
    (subject.survey.calls.iter())
        .filter(|call| call.name.starts_with("http::") && !call.is_method)
        .filter(|call| varies(call) && !is_named(call))
        .map(|call| {
            Finding::new(
                call.place,
                "the path of this request holds a value, so each value is a series of its own",
                "give the requests one name, `#{ name: \"…\" }` among the options, or let ids be folded, `options(#{ fold_ids: true })`",
            )
        })
        .collect()
}

/// Whether a value stands in the path. One at the very beginning may be the host, one in the query is left
/// out of the name anyway.
fn varies(call: &Call) -> bool {
    let url = call.arguments.get(usize::from(call.name == "http::request"));
    let Some(Shape::Template(before)) = url else { return false };
    !before.is_empty() && !before.contains('?') && !before.ends_with("://")
}

fn is_named(call: &Call) -> bool {
    let options = call.arguments.get(1 + usize::from(call.name == "http::request"));
    match options {
        None => false,
        Some(Shape::Map(options)) => options.contains_key("name") || options.contains_key("tags"),
        // What they hold can't be seen.
        Some(_) => true,
    }
}
