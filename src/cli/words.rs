//! The words of a command line: what stands in front of a script that is named alone, and where a wrong value came from.

use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue};

use super::Arguments;

/// Says so when a wrong value comes from an environment variable: clap names the flag alone.
pub(super) fn with_source(mut error: clap::Error, words: &[OsString]) -> clap::Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let (flag, value) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue));
    let mut command = Arguments::command();
    command.build();
    let flags = command.get_subcommands().flat_map(clap::Command::get_arguments);
    let variable = flags
        .filter(|argument| Some(argument.to_string()) == flag)
        .find_map(|argument| argument.get_env()?.to_str());
    // Behind the program's own path, which may hold any value by chance.
    let is_written =
        value.is_some_and(|value| words.iter().skip(1).any(|word| word.to_string_lossy().contains(&value)));
    if let Some(variable) = variable.filter(|variable| !is_written && std::env::var_os(variable).is_some()) {
        let tip = format!("the value comes from the environment variable `{variable}`");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// Puts `run` in front of a script, or of flags of `run`. A word that is neither a file nor looks like
/// one is left to clap, which knows subcommands like it.
pub(super) fn with_command(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let Some(first) = arguments.get(1).and_then(|first| first.to_str()) else { return arguments };
    let is_command = Arguments::command().get_subcommands().any(|command| command.get_name() == first);
    let is_ours = matches!(first, "help" | "-h" | "--help" | "-V" | "--version");
    let is_script = first.starts_with('-') || first.contains(['.', '/']) || Path::new(first).is_file();
    if !is_command && !is_ours && is_script {
        arguments.insert(1, OsString::from("run"));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn completed(line: &str) -> String {
        let arguments = line.split(' ').map(OsString::from).collect();
        let words: Vec<String> =
            with_command(arguments).into_iter().map(|word| word.into_string().unwrap()).collect();
        words.join(" ")
    }

    #[test]
    fn a_script_alone_is_run() {
        assert_eq!(completed("runner a.rhai -u 5"), "runner run a.rhai -u 5");
        assert_eq!(completed("runner -u 5 a.rhai"), "runner run -u 5 a.rhai");
        assert_eq!(completed("runner -"), "runner run -");
        for same in
            ["runner", "runner run a.rhai", "runner demo", "runner --help", "runner -V", "runner chekc"]
        {
            assert_eq!(completed(same), same);
        }
    }

    #[test]
    fn a_wrong_value_on_the_command_line_is_not_blamed_on_the_environment() {
        let words: Vec<OsString> = ["runner", "run", "-u", "abc", "a.rhai"].map(OsString::from).into();
        let error = with_source(Arguments::try_parse_from(&words).unwrap_err(), &words);
        assert!(error.to_string().contains("'abc' for '--vus <N>'"), "{error}");
        assert!(!error.to_string().contains("environment"), "{error}");
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }
}
