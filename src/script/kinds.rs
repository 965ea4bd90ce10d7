//! The types of values, as authors call them.

pub(super) use super::value::with_article as a;

/// The types of a call in Rhai's words, `name (i64, bool)`, in ours.
pub(super) fn types_of(signature: &str) -> Vec<&str> {
    let types = signature.split_once(" (").map_or("", |(_, types)| types.strip_suffix(')').unwrap_or(types));
    types.split(", ").filter(|kind| !kind.is_empty()).map(plain_type).collect()
}

/// What an author calls a type of Rhai's.
pub(super) fn plain_type(name: &str) -> &str {
    match name.rsplit("::").next().unwrap_or(name) {
        "&str | ImmutableString | String" | "string" | "ImmutableString" | "&str" | "String" => "text",
        "i64" => "integer",
        "f64" => "number with a decimal point",
        "bool" => "boolean",
        "array" => "list",
        "()" => "nothing",
        "Fn" | "FnPtr" => "closure",
        "char" => "character",
        "blob" => "bytes",
        other => other,
    }
}

/// What a call was given: `a text and an integer`.
pub(super) fn listed(types: &[&str]) -> String {
    match types {
        [] => "no argument".to_owned(),
        [one] => a(one),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(|kind| a(kind)).collect();
            format!("{} and {}", most.join(", "), a(last))
        }
    }
}
