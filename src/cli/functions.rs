//! `runner functions`: the reference of what a script can call, from the registry itself.

use super::{CliError, terminal};
use crate::diagnostic::{Code, Diagnostic, suggest};
use crate::script::{Function, functions};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A function (`http::get`), a module (`http`), or a part of a name; all without
    name: Option<String>,
    /// As JSON: a list of signature and description
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// As a Markdown table
    #[arg(long)]
    markdown: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let all = functions();
    let wanted = match &arguments.name {
        None => all,
        Some(name) => find(&all, name)?,
    };
    let text = if arguments.json {
        let list: Vec<serde_json::Value> = wanted
            .iter()
            .map(|function| serde_json::json!({ "signature": function.signature, "about": function.about }))
            .collect();
        serde_json::to_string_pretty(&list)? + "\n"
    } else if arguments.markdown {
        markdown(&wanted)
    } else {
        table(&wanted)
    };
    terminal::print(&text)
}

/// The function or the module of that name; else all whose name holds it.
fn find(all: &[Function], name: &str) -> Result<Vec<Function>, CliError> {
    let name = name.trim_end_matches("()").trim_end_matches("::");
    let pick = |is_wanted: &dyn Fn(&Function) -> bool| -> Vec<Function> {
        all.iter().filter(|function| is_wanted(function)).copied().collect()
    };
    let module = format!("{name}::");
    let exact = pick(&|function| function.name() == name || function.name().starts_with(&module));
    let found = if exact.is_empty() { pick(&|function| function.name().contains(name)) } else { exact };
    if !found.is_empty() {
        return Ok(found);
    }
    let diagnostic = Diagnostic::new(Code::Usage, format!("there is no function or module `{name}`"));
    let near = suggest(name, all.iter().map(Function::name));
    Err(match near.first() {
        Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
        None => diagnostic.hint("`runner functions` lists them all"),
    }
    .into())
}

/// By module, signatures in a column.
fn table(functions: &[Function]) -> String {
    let width = functions.iter().map(|function| function.signature.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    let mut module = None;
    for function in functions {
        let own = function.name().split_once("::").map(|(module, _)| module);
        if module.is_some_and(|module| module != own) {
            text.push('\n');
        }
        module = Some(own);
        text += &format!("{:<width$}  {}\n", function.signature, function.about);
    }
    text
}

fn markdown(functions: &[Function]) -> String {
    let mut text = String::from("| call | what it does |\n|---|---|\n");
    for function in functions {
        text += &format!(
            "| `{}` | {} |\n",
            function.signature.replace('|', "\\|"),
            function.about.replace('|', "\\|")
        );
    }
    text
}
