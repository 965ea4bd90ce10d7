//! A diagnostic as JSON, for editors and CI (`--json`).

use super::Diagnostic;
use serde_json::{Value, json};

/// One object: `code`, `message`, `labels` (each `file`, `line`, `column`, `length`, `text`), `notes`, `hint`.
pub fn to_json(diagnostic: &Diagnostic) -> Value {
    let labels: Vec<Value> = diagnostic
        .labels
        .iter()
        .map(|label| {
            json!({
                "file": label.source.as_ref().map(|source| source.name.as_str()),
                "line": label.position.line,
                "column": label.position.column,
                "length": label.length,
                "text": label.text,
            })
        })
        .collect();
    json!({
        "code": diagnostic.code,
        "message": diagnostic.message,
        "labels": labels,
        "notes": diagnostic.notes,
        "hint": diagnostic.hint,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Code, Position, Source};
    use super::*;
    use std::sync::Arc;

    #[test]
    fn every_field_is_there() {
        let source = Arc::new(Source { name: "a.rhai".into(), text: "foo()\n".into() });
        let diagnostic = Diagnostic::new(Code::SetupTimeout, "no `foo`")
            .at(&source, Position { line: 1, column: 1 }, "here")
            .note("a note")
            .hint("write `bar`");
        insta::assert_snapshot!(to_json(&diagnostic), @r#"{"code":"setup_timeout","message":"no `foo`","labels":[{"file":"a.rhai","line":1,"column":1,"length":3,"text":"here"}],"notes":["a note"],"hint":"write `bar`"}"#);
    }

    #[test]
    fn what_is_missing_is_null_or_empty() {
        let json = to_json(&Diagnostic::new(Code::Bug, "x"));
        assert_eq!(json, json!({"code": "bug", "message": "x", "labels": [], "notes": [], "hint": null}));
    }
}
