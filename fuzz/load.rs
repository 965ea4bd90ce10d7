//! Checks a script as the control thread does: no network, no environment, an empty folder's worth of files.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use runner::diagnostic::{Source, render};
use runner::script::{Outside, Program, Stage, StillClock};

/// Loads and lints the script. What is wrong with it is rendered: that must not panic either.
pub(crate) fn load(text: &str) -> bool {
    let source = Arc::new(Source { name: "fuzz.rhai".to_owned(), text: text.to_owned() });
    let outside = Outside { folder: PathBuf::from("no-such-folder"), seed: 1, ..Outside::default() };
    let stage = Stage::new(Rc::default(), Rc::new(StillClock), outside, |_| {});
    let checked = Program::check(&source, &stage);
    checked.diagnostics.iter().all(|diagnostic| !render(diagnostic, true, 80).is_empty())
}
