//! A script's own summary, `summary(data)`: called once the run is over, and what it returns printed and written.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;

use super::CliError;
use super::terminal::Terminal;
use crate::diagnostic::{Code, Diagnostic, Source};
use crate::results::{check_name, write_below};
use crate::script::Outside;
use crate::session::OwnSummary;

/// What to call.
pub(super) struct Author {
    pub(super) source: Arc<Source>,
    pub(super) outside: Outside,
}

impl Author {
    /// Calls `summary(data)`; nothing where the summary of `runner` is to be printed, since the script gives none of its own.
    /// `text` is that summary, without colours.
    pub(super) fn summarise(
        self,
        data: &Json,
        text: String,
        terminal: &Terminal,
    ) -> Result<Option<BTreeMap<String, String>>, CliError> {
        let outside = Outside { summary_text: Some(terminal.mask().mask(&text).into()), ..self.outside };
        let log = terminal.clone();
        let own = OwnSummary::of(&self.source, outside, data, move |line| log.hand_on("", &line))?;
        if let Some(OwnSummary { texts, program }) = &own {
            let files = texts.keys().filter(|name| !is_stream(name));
            for name in files {
                check_name(name).map_err(|error| {
                    program.refused(format!("`summary` returned a file that isn't written: {error}"), INSIDE)
                })?;
            }
        }
        Ok(own.map(|own| own.texts))
    }
}

/// What to do about a name that leads elsewhere.
const INSIDE: &str =
    "files go below the working directory, and no link is followed: write the path from there, without `..`";

fn is_stream(name: &str) -> bool {
    matches!(name, "stdout" | "stderr")
}

/// Prints what goes to the streams, and writes the files. All is tried, also after one that can't be written.
pub(super) fn lay_down(texts: &BTreeMap<String, String>, terminal: &Terminal) -> Vec<CliError> {
    let mut errors = Vec::new();
    for (name, text) in texts {
        match name.as_str() {
            "stdout" => errors.extend(terminal.print(text).err()),
            "stderr" => terminal.say(format_args!("{text}")),
            name => {
                let masked = terminal.mask().mask(text);
                if let Err(error) = write_below(Path::new(""), name, masked.as_bytes()) {
                    let message = format!("`{name}`, which `summary` returned, is not written: {error}");
                    errors.push(Diagnostic::new(Code::Results, message).hint(INSIDE).into());
                }
            }
        }
    }
    errors
}
