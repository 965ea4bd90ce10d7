//! A diagnostic as JSON, for editors and CI (`--json`).

use super::Diagnostic;
use serde_json::{Value, json};

/// One object: `severity`, `lint`, `code`, `message`, `labels` (each `file`, `line`, `column`, `length`, `text`), `notes`, `hint`.
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
        "severity": diagnostic.severity,
        "lint": diagnostic.lint,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "labels": labels,
        "notes": diagnostic.notes,
        "hint": diagnostic.hint,
    })
}

/// One flat object, as editors take it: `file`, `line`, `column`, `end_column` (behind the last character;
/// lines and columns from 1, null where no place is known), `severity`, `code` (a lint's name, else the
/// kind of failure), `message`, `notes`, `hint`.
pub fn to_finding(diagnostic: &Diagnostic) -> Value {
    let label = diagnostic.labels.first();
    let position = label.map(|label| label.position);
    json!({
        "file": label.and_then(|label| label.source.as_ref()).map(|source| source.name.as_str()),
        "line": position.map(|position| position.line),
        "column": position.map(|position| position.column),
        "end_column": label.map(|label| label.position.column.saturating_add(label.length)),
        "severity": diagnostic.severity,
        "code": diagnostic.lint.map_or_else(|| json!(diagnostic.code), |lint| json!(lint)),
        "message": diagnostic.message,
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
        insta::assert_snapshot!(to_json(&diagnostic), @r#"{"severity":"error","lint":null,"code":"setup_timeout","message":"no `foo`","labels":[{"file":"a.rhai","line":1,"column":1,"length":3,"text":"here"}],"notes":["a note"],"hint":"write `bar`"}"#);
    }

    #[test]
    fn what_is_missing_is_null_or_empty() {
        let json = to_json(&Diagnostic::new(Code::Bug, "x"));
        assert_eq!(
            json,
            json!({
                "severity": "error", "lint": null, "code": "bug", "message": "x", "labels": [], "notes": [],
                "hint": null
            })
        );
        let flat = to_finding(&Diagnostic::new(Code::Bug, "x"));
        assert_eq!((&flat["line"], &flat["code"]), (&Value::Null, &json!("bug")));
    }

    #[test]
    fn a_finding_is_flat_and_ends_behind_the_word() {
        let source = Arc::new(Source { name: "a.rhai".into(), text: "foo()\n".into() });
        let warning = Diagnostic::warning(Code::Plan, "unused_flow", "nobody calls `foo`")
            .at(&source, Position { line: 1, column: 1 }, "")
            .hint("call it");
        insta::assert_snapshot!(to_finding(&warning), @r#"{"file":"a.rhai","line":1,"column":1,"end_column":4,"severity":"warning","code":"unused_flow","message":"nobody calls `foo`","notes":[],"hint":"call it"}"#);
    }
}
