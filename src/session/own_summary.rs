//! A script's `summary(data)` on the control thread, once its run is over and the workers are gone.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Source};
use crate::fiber::Current;
use crate::script::{LogLine, Outside, Program, Stage, StillClock};

/// What a script says of its run.
#[derive(Debug)]
pub struct OwnSummary {
    /// Texts by where they go: `stdout`, `stderr`, or a file.
    pub texts: BTreeMap<String, String>,
    /// The script, which knows where it said so.
    pub program: Program,
}

impl OwnSummary {
    /// Loads the script once more and calls the function; nothing where it has none, or that returns `()`. `log` gets what
    /// the function prints; what the top level does was printed before.
    pub fn of(
        source: &Arc<Source>,
        outside: Outside,
        data: &serde_json::Value,
        log: impl Fn(LogLine) + 'static,
    ) -> Result<Option<Self>, Box<Diagnostic>> {
        let is_loaded = Rc::new(std::cell::Cell::new(false));
        let heard = Rc::clone(&is_loaded);
        let log = move |line| {
            if heard.get() {
                log(line);
            }
        };
        let stage = Stage::new(Rc::new(Current::default()), Rc::new(StillClock), outside, log);
        let (program, _) = Program::load(source, &stage)?;
        is_loaded.set(true);
        Ok(program.summarise(data)?.map(|texts| Self { texts, program }))
    }
}
