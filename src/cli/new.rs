//! `runner new`: a script to start from, which runs as it is against the embedded demo.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::CliError;
use super::terminal::Terminal;
use crate::diagnostic::{Code, Diagnostic, suggest};

/// A script to start from.
struct Template {
    name: &'static str,
    about: &'static str,
    text: &'static str,
}

/// All templates, in the order of `--list`; the first is the default.
const TEMPLATES: &[Template] = &[
    Template {
        name: "minimal",
        about: "one request and one check",
        text: include_str!("../../scripts/templates/minimal.rhai"),
    },
    Template {
        name: "api",
        about: "an API's everyday calls, weighted, with parameters and checks",
        text: include_str!("../../scripts/templates/api.rhai"),
    },
    Template {
        name: "stress",
        about: "a spike of users between two calm phases",
        text: include_str!("../../scripts/templates/stress.rhai"),
    },
    Template {
        name: "targets",
        about: "targets and own metrics, for CI",
        text: include_str!("../../scripts/templates/targets.rhai"),
    },
];

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The script to write; `.rhai` is added where it is missing
    #[arg(default_value = "script.rhai")]
    file: PathBuf,
    /// What to start from, see --list
    #[arg(short, long, default_value = "minimal", value_name = "NAME")]
    template: String,
    /// Overwrite a file that is there
    #[arg(short, long)]
    force: bool,
    /// List the templates
    #[arg(short, long)]
    list: bool,
}

pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    if arguments.list {
        let lines = TEMPLATES.iter().map(|template| format!("{:<8}  {}\n", template.name, template.about));
        return terminal.print(&lines.collect::<String>());
    }
    let template = find(&arguments.template)?;
    let path = with_extension(&arguments.file);
    write(&path, template, arguments.force)?;
    let shown = path.display();
    terminal.say(format_args!("wrote {shown}: {}\n", template.about));
    terminal.say(format_args!("next: `runner {shown}` plays it against the embedded demo; "));
    terminal.say(format_args!("`TARGET_URL=http://HOST:PORT runner {shown}` against your service\n"));
    Ok(())
}

fn find(name: &str) -> Result<&'static Template, CliError> {
    if let Some(template) = TEMPLATES.iter().find(|template| template.name == name) {
        return Ok(template);
    }
    let names: Vec<&str> = TEMPLATES.iter().map(|template| template.name).collect();
    let all = format!("there are `{}`", names.join("`, `"));
    let hint = match suggest(name, names.iter().copied()).first() {
        Some(near) => format!("did you mean `{near}`? {all}"),
        None => all,
    };
    Err(Diagnostic::new(Code::Usage, format!("there is no template `{name}`")).hint(hint).into())
}

/// `load` and `load.v2` get `.rhai`, `load.rhai` has it.
fn with_extension(file: &Path) -> PathBuf {
    if file.extension().is_some_and(|extension| extension == "rhai") || file.file_name().is_none() {
        return file.to_owned();
    }
    let mut name = file.as_os_str().to_owned();
    name.push(".rhai");
    name.into()
}

fn write(path: &Path, template: &Template, force: bool) -> Result<(), CliError> {
    let shown = path.display().to_string();
    let text = template.text.replace("FILE", &shown);
    let mut options = OpenOptions::new();
    // Without --force the system itself refuses what is there: nothing can come between look and write.
    let opened = options.write(true).create(true).truncate(true).create_new(!force).open(path);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        match (error.kind(), folder) {
            (ErrorKind::AlreadyExists, _) => {
                Diagnostic::new(Code::Usage, format!("`{shown}` is there already"))
                    .hint("name another file, or overwrite it with `--force`")
            }
            (ErrorKind::NotFound, Some(folder)) => {
                Diagnostic::new(Code::Usage, format!("there is no folder `{}`", folder.display()))
                    .hint(format!("make it first: `mkdir -p {}`", folder.display()))
            }
            _ => Diagnostic::new(Code::Results, format!("failed to write `{shown}`: {error}")),
        }
        .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_named_like_one() {
        for (given, expected) in [
            ("load", "load.rhai"),
            ("a/load.v2", "a/load.v2.rhai"),
            ("load.rhai", "load.rhai"),
            (".", "."),
            ("/", "/"),
        ] {
            assert_eq!(with_extension(Path::new(given)), PathBuf::from(expected));
        }
    }

    #[test]
    fn each_template_says_how_it_is_run() {
        for template in TEMPLATES {
            assert!(template.text.contains("runner FILE"), "{}", template.name);
        }
    }
}
