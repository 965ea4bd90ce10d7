//! What a plan sets on the stage that it is played on, whoever plays it.

use std::time::Duration;

use super::stage::Stage;
use super::timeouts::Timeouts;
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::RunOptions;

impl Stage {
    /// Takes what a plan says of its requests. Once, before the first of them: connections are made by it.
    pub fn set(&self, options: &RunOptions) -> Result<(), Box<Diagnostic>> {
        self.set_anew(options);
        let configured = self.network().configure(&options.http);
        configured.map_err(|error| Diagnostic::new(Code::Plan, error.to_string()).hint(error.hint).into())
    }

    /// Takes what of that may change while it is played, for requests that begin from here on.
    pub fn set_anew(&self, options: &RunOptions) {
        let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.set_timeouts(Timeouts {
            total_ns: ns(options.timeout),
            connect_ns: ns(options.connect_timeout),
        });
        self.set_throws(options.throws);
        self.set_folds_ids(options.fold_ids);
    }
}
