//! `runner functions`: the reference of what a script can call, from the registry itself; and, from the
//! same list, what editors need (`editor.rs`).

use std::fmt::Write as _;

use super::terminal::Terminal;
use super::{CliError, editor};
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::script::{Function, Kind, functions};

#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line, of which one can be given")]
pub(super) struct Arguments {
    /// A function (`http::get`), a module (`http`), a type (`response`), or a part of a name; all without
    name: Option<String>,
    /// As JSON: a list with all that is known of each
    #[arg(long, group = "form")]
    json: bool,
    /// As a Markdown page (docs/functions.md)
    #[arg(long, group = "form")]
    markdown: bool,
    /// A `TextMate` grammar of the language, for editors
    #[arg(long, group = "form", conflicts_with = "name")]
    grammar: bool,
    /// Completions with placeholders, in the format of Visual Studio Code's snippets
    #[arg(long, group = "form")]
    snippets: bool,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    let wanted = wanted(arguments.name.as_deref())?;
    let text = if arguments.json {
        let list: Vec<serde_json::Value> = wanted.iter().map(json).collect();
        serde_json::to_string_pretty(&list)? + "\n"
    } else if arguments.markdown {
        markdown(&wanted)
    } else if arguments.grammar {
        serde_json::to_string_pretty(&editor::grammar(&wanted))? + "\n"
    } else if arguments.snippets {
        serde_json::to_string_pretty(&editor::snippets(&wanted))? + "\n"
    } else {
        told(&wanted)
    };
    terminal.print(&text)
}

/// The reference for a person: of a function, a module or a type, or all of it.
pub(super) fn reference(name: Option<&str>) -> Result<String, CliError> {
    Ok(told(&wanted(name)?))
}

fn wanted(name: Option<&str>) -> Result<Vec<Function>, CliError> {
    let all = functions();
    name.map_or(Ok(all.clone()), |name| find(&all, name))
}

fn told(functions: &[Function]) -> String {
    if functions.iter().all(|function| function.name() == functions[0].name()) {
        explained(functions)
    } else {
        table(functions)
    }
}

/// The function or the module of that name; else all whose name holds it.
fn find(all: &[Function], name: &str) -> Result<Vec<Function>, CliError> {
    let name = name.trim_end_matches("()").trim_end_matches("::");
    let pick = |is_wanted: &dyn Fn(&Function) -> bool| -> Vec<Function> {
        all.iter().filter(|function| is_wanted(function)).cloned().collect()
    };
    let mut found = pick(&|function| function.name() == name);
    // `time` is a module, `metric` a type, `rate` neither.
    for further in [
        pick(&|function| function.module() == Some(name)),
        pick(&|function| name.len() > 1 && function.name().contains(name)),
    ] {
        if found.is_empty() {
            found = further;
        }
    }
    if !found.is_empty() {
        return Ok(found);
    }
    let diagnostic = Diagnostic::new(Code::Usage, format!("there is no function or module `{name}`"));
    let names = all.iter().flat_map(|function| [Some(function.name()), function.module()]).flatten();
    let near = suggest(name, names);
    Err(match near.first() {
        Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
        None => diagnostic.hint("`runner functions` lists them all"),
    }
    .into())
}

/// The functions by heading, in the order of the registry.
fn sections(functions: &[Function]) -> Vec<(String, Vec<&Function>)> {
    let mut sections: Vec<(String, Vec<&Function>)> = Vec::new();
    for function in functions {
        let title = match (function.module(), function.kind) {
            (Some(module), Kind::Function) => format!("{module}::"),
            (Some(owner), _) => format!("a {owner}"),
            (None, _) if function.declares => "at the top level".to_owned(),
            (None, _) => "without a module".to_owned(),
        };
        match sections.iter_mut().find(|(known, _)| *known == title) {
            Some((_, list)) => list.push(function),
            None => sections.push((title, vec![function])),
        }
    }
    sections
}

/// What it gives, where it gives something.
fn arrow(function: &Function) -> String {
    if function.gives == "nothing" { String::new() } else { format!(" -> {}", function.gives) }
}

/// By module, a line each.
fn table(functions: &[Function]) -> String {
    let mut text = String::new();
    for (title, list) in sections(functions) {
        let separator = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{separator}{title}");
        for function in list {
            let call = format!("{}{}", function.typed(), arrow(function));
            let _ = writeln!(text, "  {call}\n      {}", function.about);
        }
    }
    text
}

/// All forms of one function, each with its example.
fn explained(forms: &[Function]) -> String {
    let mut text = String::new();
    for form in forms {
        let separator = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{separator}{}{}\n  {}", form.typed(), arrow(form), form.about);
        if !form.example.is_empty() {
            let place = if form.declares { "at the top level" } else { "in a flow" };
            let _ = writeln!(text, "\n  {place}:");
            for line in form.example.lines() {
                let _ = writeln!(text, "    {line}");
            }
        }
    }
    text
}

fn json(function: &Function) -> serde_json::Value {
    let parameters: Vec<serde_json::Value> = (function.parameters.iter())
        .map(|parameter| serde_json::json!({ "name": parameter.name, "takes": parameter.takes }))
        .collect();
    serde_json::json!({
        "name": function.name(),
        "module": function.module(),
        "kind": function.kind.name(),
        "signature": function.signature,
        "typed": function.typed(),
        "parameters": parameters,
        "gives": function.gives,
        "about": function.about,
        "example": function.example,
        "top_level": function.declares,
    })
}

fn markdown(functions: &[Function]) -> String {
    let mut text = String::from(
        "# Functions\n\n\
         All that a script can call, written by `runner functions --markdown`; `runner functions NAME` shows one of them.\n\
         A value behind `//` is what the line gives. Examples at the top level say so; the others stand in a flow.\n",
    );
    for (title, list) in sections(functions) {
        let _ = writeln!(text, "\n## {title}");
        for function in list {
            let place = if function.declares { " At the top level:" } else { "" };
            let _ = writeln!(
                text,
                "\n### `{}{}`\n\n{}.{place}",
                function.typed(),
                arrow(function),
                capital(function.about)
            );
            if !function.example.is_empty() {
                let _ = writeln!(text, "\n```rust\n{}\n```", function.example);
            }
        }
    }
    text
}

fn capital(about: &str) -> String {
    let mut characters = about.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(wanted: &str) -> Vec<&'static str> {
        find(&functions(), wanted).unwrap_or_default().iter().map(Function::name).collect()
    }

    #[test]
    fn a_name_finds_a_function_a_module_a_type_or_what_holds_it() {
        assert_eq!(names("http::get"), ["http::get", "http::get"]);
        assert_eq!(names("http::get()"), names("http::get"));
        assert!(names("regex").len() > 5 && names("regex::") == names("regex"));
        assert!(names("response").contains(&"response.json"));
        assert!(names("json_").contains(&"encoding::json_decode"));
        assert!(names("banana").is_empty());
    }

    #[test]
    fn every_form_of_output_holds_every_function() {
        let all = functions();
        let (table, page) = (table(&all), markdown(&all));
        for function in &all {
            assert!(table.contains(&function.typed()), "{}", function.signature);
            assert!(page.contains(&format!("### `{}", function.typed())), "{}", function.signature);
            assert!(page.contains(function.example), "{}", function.signature);
        }
    }
}
