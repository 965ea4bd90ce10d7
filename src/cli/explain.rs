//! `runner explain CODE`: what a code means, from where on it speaks and why, and what to do.
//!
//! The texts are those of the registries: the generator's rules, exit codes, error codes of requests, lints.

use std::fmt::Write as _;

use super::CliError;
use super::exit::EXIT_WORDS;
use super::terminal::Terminal;
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::engine::RULES;
use crate::http::{ERROR_CODES, ErrorCode, Side, http2_reason};
use crate::script::LINTS;

/// Columns of a paragraph.
const WIDTH: usize = 100;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A rule (`generator-cpu`), an exit code (`111`), an error code (`1050`), a lint (`unused_flow`); all without
    code: Option<String>,
    /// As JSON: a list with all that is known of each
    #[arg(long)]
    json: bool,
}

/// A code and all that is to be said of it.
struct Topic {
    code: String,
    kind: &'static str,
    about: String,
    /// `what to do`, …
    more: Vec<(&'static str, String)>,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    let all = topics();
    let Some(wanted) = &arguments.code else {
        return if arguments.json { terminal.print_json(&json(&all)) } else { terminal.print(&table(&all)) };
    };
    let found = find(all, wanted)?;
    if arguments.json { terminal.print_json(&json(&found)) } else { terminal.print(&explained(&found)) }
}

/// All codes, in the order of the registries.
fn topics() -> Vec<Topic> {
    let rules = RULES.iter().map(|rule| Topic {
        code: rule.code.to_owned(),
        kind: "rule of the generator",
        about: rule.about.to_owned(),
        more: vec![
            ("threshold", (rule.threshold)()),
            ("why", rule.reason.to_owned()),
            ("what to do", rule.advice.to_owned()),
        ],
    });
    let exits = EXIT_WORDS.iter().map(|word| Topic {
        code: word.code.to_string(),
        kind: "exit code",
        about: word.about.to_owned(),
        more: vec![("what to do", word.advice.to_owned())],
    });
    let errors = ERROR_CODES.iter().map(error);
    let lints = LINTS.iter().map(|lint| Topic {
        code: lint.name.to_owned(),
        kind: "lint of `runner check`",
        about: lint.about.to_owned(),
        more: vec![(
            "where it is meant",
            format!("`// runner: allow({})` on the line or above it", lint.name),
        )],
    });
    rules.chain(exits).chain(errors).chain(lints).collect()
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Target => "the service's, or of the way to it",
        Side::Script => "the script's: nothing was sent",
        Side::Generator => "the generator's own: it says nothing of the service",
    }
}

fn error(code: &ErrorCode) -> Topic {
    Topic {
        code: code.code.to_string(),
        kind: "error code of a request",
        about: code.about.to_owned(),
        more: vec![("whose", side(code.side).to_owned()), ("what to do", code.advice.to_owned())],
    }
}

/// A family of HTTP/2's and a reason in it: the family's words and the reason's name.
fn http2(code: &str) -> Option<Topic> {
    let number = code.parse().ok()?;
    let (_, reason) = http2_reason(number)?;
    let family = error(ErrorCode::find(number)?);
    Some(Topic { code: code.to_owned(), about: format!("{}: {reason}", family.about), ..family })
}

/// 1000 + status, for statuses from 400 on: no list holds them all.
fn status(code: &str) -> Option<Topic> {
    let status =
        code.parse::<u16>().ok()?.checked_sub(1_000).filter(|status| (400..=599).contains(status))?;
    let fault = if status < 500 { "the request" } else { "the service" };
    Some(Topic {
        code: code.to_owned(),
        kind: "error code of a request",
        about: format!("the service answered with status {status}"),
        more: vec![
            ("whose", side(Side::Target).to_owned()),
            ("what to do", format!("look at {fault}: the answer's body and the service's log say more")),
        ],
    })
}

fn find(all: Vec<Topic>, wanted: &str) -> Result<Vec<Topic>, CliError> {
    let wanted = wanted.trim();
    let same = |topic: &Topic| topic.code.replace('-', "_") == wanted.to_lowercase().replace('-', "_");
    let (found, others): (Vec<Topic>, Vec<Topic>) = all.into_iter().partition(same);
    if !found.is_empty() {
        return Ok(found);
    }
    if let Some(topic) = status(wanted).or_else(|| http2(wanted)) {
        return Ok(vec![topic]);
    }
    let diagnostic = Diagnostic::new(Code::Usage, format!("there is no code `{wanted}`"));
    let near = suggest(wanted, others.iter().map(|topic| topic.code.as_str()));
    let near: Vec<String> = near.iter().map(|code| format!("`{code}`")).collect();
    Err(if near.is_empty() {
        diagnostic.hint("`runner explain` lists them all")
    } else {
        diagnostic.hint(format!("did you mean {}?", near.join(" or ")))
    }
    .into())
}

/// By kind, a line each.
fn table(topics: &[Topic]) -> String {
    let width = topics.iter().map(|topic| topic.code.len()).max().unwrap_or(0);
    let (mut text, mut kind) = (String::new(), "");
    for topic in topics {
        if topic.kind != kind {
            let separator = if kind.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{separator}{}", topic.kind);
            kind = topic.kind;
        }
        let _ = writeln!(text, "  {:<width$}  {}", topic.code, topic.about);
    }
    text
}

fn explained(topics: &[Topic]) -> String {
    let mut text = String::new();
    for (index, topic) in topics.iter().enumerate() {
        let separator = if index > 0 { "\n" } else { "" };
        let _ = writeln!(text, "{separator}{} ({})", topic.code, topic.kind);
        text += &paragraph("", &topic.about);
        for (label, words) in &topic.more {
            text.push('\n');
            text += &paragraph(&format!("{label}: "), words);
        }
    }
    text
}

/// Words in lines of a paragraph's width, indented.
fn paragraph(label: &str, words: &str) -> String {
    let mut text = format!("  {label}");
    let mut column = text.chars().count();
    for (index, word) in words.split(' ').enumerate() {
        let length = word.chars().count();
        if index > 0 && column + 1 + length > WIDTH {
            text.push_str("\n    ");
            column = 4;
        } else if index > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
    text
}

fn json(topics: &[Topic]) -> Vec<serde_json::Value> {
    let topic = |topic: &Topic| {
        let mut value = serde_json::json!({ "code": topic.code, "kind": topic.kind, "about": topic.about });
        for (label, words) in &topic.more {
            value[label.replace(' ', "_")] = words.as_str().into();
        }
        value
    };
    topics.iter().map(topic).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn found(wanted: &str) -> Vec<String> {
        find(topics(), wanted)
            .unwrap()
            .iter()
            .map(|topic| format!("{} {}", topic.kind, topic.about))
            .collect()
    }

    #[test]
    fn every_code_is_found_and_means_one_thing() {
        let all = topics();
        let codes: BTreeSet<String> = all.iter().map(|topic| topic.code.clone()).collect();
        assert_eq!(codes.len(), all.len());
        for code in codes {
            assert_eq!(found(&code).len(), 1, "{code}");
        }
    }

    #[test]
    fn spellings_and_statuses_are_understood() {
        assert_eq!(found("GENERATOR_CPU"), found("generator-cpu"));
        assert_eq!(found("1404"), ["error code of a request the service answered with status 404"]);
        assert!(found("111")[0].starts_with("exit code inconclusive"));
        assert!(found("1638")[0].ends_with(": REFUSED_STREAM"), "{:?}", found("1638"));
    }

    #[test]
    fn an_unknown_code_names_near_ones() {
        let error = |wanted: &str| match find(topics(), wanted) {
            Err(CliError::Refused(diagnostic)) => diagnostic.hint.unwrap_or_default(),
            _ => panic!("{wanted} is known"),
        };
        assert!(error("generator-cpi").contains("`generator-cpu`"));
        assert!(error("unused-flows").contains("`unused"));
        assert_eq!(error("banana"), "`runner explain` lists them all");
    }

    #[test]
    fn every_form_holds_every_code_and_lines_are_short() {
        let all = topics();
        let (table, text) = (table(&all), explained(&all));
        for topic in &all {
            assert!(
                table.contains(&topic.about) && text.contains(&format!("{} (", topic.code)),
                "{}",
                topic.code
            );
        }
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }
}
