//! What a try came to: what was counted, and what its exit code is made of.

use crate::diagnostic::{Code, Diagnostic};
use crate::script::Event;

/// What was counted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tally {
    /// Functions that were called.
    pub calls: u64,
    /// Those that did not come to their end.
    pub calls_failed: u64,
    /// Requests, each hop for itself.
    pub requests: u64,
    /// Those without an answer, or with one that is not expected.
    pub requests_failed: u64,
    /// Checks and assertions.
    pub checks: u64,
    /// Those that did not hold.
    pub checks_failed: u64,
    /// From the first call to the end of the last, in nanoseconds.
    pub took_ns: u64,
    /// Why calls did not come to their end.
    pub codes: Vec<Code>,
    /// What went wrong around them.
    pub errors: Vec<Diagnostic>,
}

impl Tally {
    /// Counts what happened.
    pub(super) fn count(&mut self, event: &Event) {
        match event {
            Event::Request(request) => {
                self.requests += 1;
                self.requests_failed += u64::from(!request.is_expected);
            }
            Event::Check(verdict) => {
                self.checks += 1;
                self.checks_failed += u64::from(!verdict.holds);
            }
            _ => {}
        }
    }

    /// All that went wrong: of a single iteration each check is a target, and so is each request. Empty: it passed.
    pub fn codes(&self) -> Vec<Code> {
        let mut codes = self.codes.clone();
        codes.extend(self.errors.iter().map(|error| error.code));
        if self.requests_failed + self.checks_failed > 0 {
            codes.push(Code::Target);
        }
        codes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Verdict;

    #[test]
    fn a_check_that_does_not_hold_is_a_target_that_failed() {
        let mut tally = Tally::default();
        tally.count(&Event::Check(Verdict { name: "a".to_owned(), holds: true }));
        assert_eq!((tally.checks, tally.codes()), (1, vec![]));
        tally.count(&Event::Check(Verdict { name: "b".to_owned(), holds: false }));
        assert_eq!((tally.checks, tally.checks_failed, tally.codes()), (2, 1, vec![Code::Target]));
        tally.codes.push(Code::Script);
        assert_eq!(tally.codes(), [Code::Script, Code::Target]);
    }
}
