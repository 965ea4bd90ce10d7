//! Pass or fail, and why. Each reason has a [`Code`]; the exit code that goes with it is `cli`'s.
//!
//! Nothing passes without evidence: a run that finished without a target and without an iteration that
//! ran to its end has shown nothing.

use std::fmt;

use crate::diagnostic::{Code, worst_exit_code};
use crate::engine::{Accusation, End, Weight};
use crate::plan::{Judgement, Verdict as TargetVerdict};
use crate::units::format_count;

use super::{Finding, Incomplete, Summary};

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every target holds and nothing went wrong.
    Passed,
    /// The user stopped it, and until then nothing was wrong.
    Stopped,
    /// The generator was the limit, or the load was not delivered: it says nothing of the service, whatever
    /// the targets say. Its own reasons first; never empty.
    Inconclusive(Vec<Reason>),
    /// It failed; what lies outside the service's hands first, then the targets. Never empty.
    Failed(Vec<Reason>),
}

impl Verdict {
    /// In a word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Stopped => "stopped",
            Self::Inconclusive(_) => "inconclusive",
            Self::Failed(_) => "failed",
        }
    }

    /// Why it is no other; none of a run that passed.
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Passed => &[],
            Self::Stopped => &[Reason::Interrupted],
            Self::Inconclusive(reasons) | Self::Failed(reasons) => reasons,
        }
    }

    /// A code for each reason.
    pub fn codes(&self) -> Vec<Code> {
        self.reasons().iter().map(Reason::code).collect()
    }

    /// The exit code of a command that has nothing else to tell.
    pub fn exit_code(&self) -> u8 {
        worst_exit_code(&self.codes()).unwrap_or(0)
    }
}

/// Why a run did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Something went wrong outside of iterations: in setup, teardown, or the runner itself.
    Error {
        /// What kind of failure.
        code: Code,
        /// What is wrong.
        message: String,
    },
    /// There was no load, and no error says why.
    NoLoad,
    /// A scenario has no ok iteration, and some threw.
    Threw {
        /// Which scenario.
        scenario: String,
        /// How many threw.
        count: u64,
    },
    /// The script called `abort` with this reason.
    Aborted(String),
    /// The user stopped it.
    Interrupted,
    /// The generator's own fault.
    Accused {
        /// The rule's code.
        code: &'static str,
        /// What was found.
        text: String,
    },
    /// A scenario has no ok iteration, because `assert` or `fail` ended them.
    NoneOk {
        /// Which scenario.
        scenario: String,
        /// How many failed.
        count: u64,
    },
    /// Targets don't hold.
    Targets {
        /// How many of them.
        failed: usize,
        /// How many of those rest on too few samples.
        too_few: usize,
        /// How many there are.
        of: usize,
    },
    /// A target ended the run, although it holds by what came in afterwards: its key and expression.
    TargetEnded(String),
    /// Nothing was declared to hold, and no iteration ran to its end.
    NoEvidence,
    /// It came to no end that is known.
    Incomplete(Incomplete),
}

impl Reason {
    /// The kind of failure.
    pub fn code(&self) -> Code {
        match self {
            Self::Error { code, .. } => *code,
            Self::NoLoad => Code::Setup,
            Self::Threw { .. } => Code::Script,
            Self::Aborted(_) => Code::Aborted,
            Self::Interrupted => Code::Interrupted,
            Self::Accused { .. } | Self::Incomplete(_) => Code::Inconclusive,
            Self::NoneOk { .. } | Self::Targets { .. } | Self::TargetEnded(_) | Self::NoEvidence => {
                Code::Target
            }
        }
    }
}

/// Fits behind "failed: " and "inconclusive: ".
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error { message, .. } => f.write_str(message),
            Self::NoLoad => f.write_str("there was no load"),
            Self::Threw { scenario, count } => {
                write!(f, "no iteration of scenario `{scenario}` was ok, {} threw", format_count(*count))
            }
            Self::Aborted(reason) if reason.is_empty() => f.write_str("aborted by the script"),
            Self::Aborted(reason) => write!(f, "aborted by the script: {reason}"),
            Self::Interrupted => f.write_str("stopped by the user"),
            Self::Accused { code, text } => write!(f, "{text} [{code}]"),
            Self::NoneOk { scenario, count } => {
                write!(f, "no iteration of scenario `{scenario}` was ok, {} failed", format_count(*count))
            }
            Self::Targets { failed, too_few, of } if failed == too_few => {
                let verb = if *failed == 1 { "rests" } else { "rest" };
                write!(f, "{failed} of {} {verb} on too few samples", targets(*of))
            }
            Self::Targets { failed, too_few, of } => {
                let verb = if *failed == 1 { "doesn't" } else { "don't" };
                write!(f, "{failed} of {} {verb} hold", targets(*of))?;
                if *too_few > 0 { write!(f, ", {too_few} of them on too few samples") } else { Ok(()) }
            }
            Self::TargetEnded(target) => {
                write!(f, "`{target}` failed and ended the run, though it holds over the whole")
            }
            Self::NoEvidence => f.write_str("no targets declared and no iteration ran to its end"),
            Self::Incomplete(incomplete) => incomplete.fmt(f),
        }
    }
}

fn targets(count: usize) -> String {
    format!("{count} target{}", if count == 1 { "" } else { "s" })
}

impl Summary {
    /// Whether the run passed, and why not.
    pub fn verdict(&self) -> Verdict {
        let mut reasons: Vec<Reason> = self.incomplete.iter().cloned().map(Reason::Incomplete).collect();
        for error in &self.errors {
            reasons.push(Reason::Error { code: error.code, message: error.message.clone() });
        }
        if self.end == End::NoLoad {
            if reasons.is_empty() {
                reasons.push(Reason::NoLoad);
            }
            return Verdict::Failed(reasons); // targets can't hold without a load: no news
        }
        for line in self.scenarios.iter().filter(|line| line.books.ok == 0 && line.threw > 0) {
            reasons.push(Reason::Threw { scenario: line.name.clone(), count: line.threw });
        }
        match &self.end {
            End::Aborted(reason) => reasons.push(Reason::Aborted(reason.clone())),
            End::Interrupted if self.incomplete.is_none() => reasons.push(Reason::Interrupted),
            End::Interrupted | End::Finished | End::TargetFailed(_) | End::NoLoad => {}
        }
        reasons.extend(self.findings.iter().filter_map(|finding| match finding {
            Finding::Accused(Accusation { code, weight: Weight::Inconclusive, text }) => {
                Some(Reason::Accused { code, text: text.clone() })
            }
            _ => None,
        }));
        let none_ok =
            |line: &&super::ScenarioLine| line.books.ok == 0 && line.books.failed > 0 && line.threw == 0;
        for line in self.scenarios.iter().filter(none_ok) {
            reasons.push(Reason::NoneOk { scenario: line.name.clone(), count: line.books.failed });
        }
        let failed = self.failed_targets().count();
        if failed > 0 {
            let is_few = |judgement: &&Judgement| judgement.verdict == TargetVerdict::TooFew;
            let too_few = self.failed_targets().filter(is_few).count();
            reasons.push(Reason::Targets { failed, too_few, of: self.judgements.len() });
        } else if let End::TargetFailed(target) = &self.end {
            reasons.push(Reason::TargetEnded(target.clone()));
        }
        let measured_none = self.warm_up.as_ref().is_some_and(|warm_up| warm_up.after.iterations == 0);
        if reasons.is_empty() && self.judgements.is_empty() && (self.books().ok == 0 || measured_none) {
            reasons.push(Reason::NoEvidence);
        }
        match reasons.as_slice() {
            [] => Verdict::Passed,
            [Reason::Interrupted] => Verdict::Stopped,
            // Only what the service did comes behind these, and under them it can't be judged.
            [Reason::Accused { .. } | Reason::Incomplete(_), ..] => Verdict::Inconclusive(reasons),
            _ => Verdict::Failed(reasons),
        }
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::diagnostic::Diagnostic;
    use crate::engine::Books;
    use crate::results::ScenarioLine;

    fn summary(ok: u64, failed: u64, threw: u64) -> Summary {
        let started = ok + failed;
        let books = Books { scheduled: started, started, ok, failed, ..Books::default() };
        let line = ScenarioLine {
            name: "main".into(),
            executor: "shared-iterations".into(),
            demand: String::new(),
            books,
            threw,
            model: crate::results::Model::Closed,
        };
        Summary { scenarios: vec![line], ..Summary::uneventful() }
    }

    fn judged(mut summary: Summary, verdict: TargetVerdict) -> Summary {
        summary.judgements.push(Judgement {
            key: "http_req_duration".into(),
            text: "p(95) < 200ms".into(),
            verdict,
            observed: None,
            observed_text: String::new(),
            beside: None,
            samples: 0,
            near: Vec::new(),
            interval: None,
            needed: None,
            written_at: None,
        });
        summary
    }

    fn codes(summary: &Summary) -> Vec<Code> {
        match summary.verdict() {
            Verdict::Failed(reasons) | Verdict::Inconclusive(reasons) => {
                reasons.iter().map(Reason::code).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn single_throws_pass_and_nothing_but_throws_fails() {
        assert_eq!(summary(1, 5, 5).verdict(), Verdict::Passed);
        assert_eq!(codes(&summary(0, 5, 1)), [Code::Script]);
        assert_eq!(codes(&summary(0, 5, 0)), [Code::Target]);
    }

    #[test]
    fn a_run_without_targets_and_iterations_shows_nothing() {
        assert_eq!(summary(0, 0, 0).verdict(), Verdict::Failed(vec![Reason::NoEvidence]));
        assert_eq!(judged(summary(0, 0, 0), TargetVerdict::Passed).verdict(), Verdict::Passed);
    }

    #[test]
    fn no_samples_is_a_failure() {
        let summary = judged(judged(summary(1, 0, 0), TargetVerdict::NoSamples), TargetVerdict::Passed);
        assert_eq!(
            summary.verdict(),
            Verdict::Failed(vec![Reason::Targets { failed: 1, too_few: 0, of: 2 }])
        );
        assert_eq!(summary.failed_targets().count(), 1);
    }

    #[test]
    fn a_target_on_too_few_samples_fails_and_the_reason_says_so() {
        use TargetVerdict::{Failed, Passed, TooFew};
        let told = |verdicts: &[TargetVerdict]| {
            let summary = verdicts.iter().fold(summary(1, 0, 0), |all, verdict| judged(all, *verdict));
            let Verdict::Failed(reasons) = summary.verdict() else { panic!("{verdicts:?}") };
            assert_eq!(codes(&summary), [Code::Target]);
            reasons[0].to_string()
        };
        assert_eq!(told(&[TooFew, Passed]), "1 of 2 targets rests on too few samples");
        assert_eq!(told(&[TooFew, TooFew]), "2 of 2 targets rest on too few samples");
        assert_eq!(
            told(&[TooFew, Failed, Passed]),
            "2 of 3 targets don't hold, 1 of them on too few samples"
        );
    }

    #[test]
    fn a_stopped_run_is_stopped_unless_something_was_wrong() {
        let stopped = Summary { end: End::Interrupted, ..summary(3, 0, 0) };
        assert_eq!(stopped.verdict(), Verdict::Stopped);
        let nothing_yet = Summary { end: End::Interrupted, ..summary(0, 0, 0) };
        assert_eq!(nothing_yet.verdict(), Verdict::Stopped);
        assert_eq!(codes(&judged(stopped, TargetVerdict::Failed)), [Code::Interrupted, Code::Target]);
    }

    #[test]
    fn an_abort_fails_whatever_the_targets_say() {
        let aborted = Summary { end: End::Aborted("no stock".into()), ..summary(3, 0, 0) };
        assert_eq!(codes(&judged(aborted, TargetVerdict::Passed)), [Code::Aborted]);
    }

    #[test]
    fn a_target_that_ended_the_run_fails_it_even_if_it_recovered() {
        let end = End::TargetFailed("checks rate > 90%".into());
        let ended = judged(Summary { end, ..summary(3, 0, 0) }, TargetVerdict::Passed);
        assert_eq!(codes(&ended), [Code::Target]);
        let Verdict::Failed(reasons) = ended.verdict() else { panic!() };
        assert_eq!(
            reasons[0].to_string(),
            "`checks rate > 90%` failed and ended the run, though it holds over the whole"
        );
    }

    #[test]
    fn without_load_the_errors_are_the_reason() {
        let unloaded = Summary { end: End::NoLoad, ..summary(0, 0, 0) };
        assert_eq!(codes(&unloaded), [Code::Setup]);
        let error = Diagnostic::new(Code::SetupTimeout, "setup took longer than 60s");
        let timed_out = Summary { errors: vec![error], ..unloaded };
        assert_eq!(codes(&judged(timed_out, TargetVerdict::NoSamples)), [Code::SetupTimeout]);
    }

    fn accused(mut summary: Summary, weight: Weight) -> Summary {
        let text = "the CPU was the limit".to_owned();
        summary.findings.push(Finding::Accused(Accusation { code: "generator-cpu", weight, text }));
        summary
    }

    #[test]
    fn what_the_generator_could_not_do_says_nothing_of_the_service() {
        let passing = accused(judged(summary(3, 0, 0), TargetVerdict::Passed), Weight::Inconclusive);
        let Verdict::Inconclusive(reasons) = passing.verdict() else { panic!() };
        assert_eq!(reasons[0].to_string(), "the CPU was the limit [generator-cpu]");
        let failing = accused(judged(summary(3, 0, 0), TargetVerdict::Failed), Weight::Inconclusive);
        assert!(matches!(failing.verdict(), Verdict::Inconclusive(_)));
        assert_eq!(codes(&failing), [Code::Inconclusive, Code::Target]);
        let none_ok = accused(summary(0, 3, 0), Weight::Inconclusive);
        assert_eq!(codes(&none_ok), [Code::Inconclusive, Code::Target]);
    }

    #[test]
    fn a_warning_decides_nothing() {
        assert_eq!(accused(summary(3, 0, 0), Weight::Warning).verdict(), Verdict::Passed);
    }

    #[test]
    fn errors_of_the_script_and_a_stop_weigh_more_than_an_inconclusive_run() {
        let threw = accused(summary(0, 3, 1), Weight::Inconclusive);
        assert!(matches!(threw.verdict(), Verdict::Failed(_)));
        assert_eq!(codes(&threw), [Code::Script, Code::Inconclusive]);
        let stopped = Summary { end: End::Interrupted, ..summary(3, 0, 0) };
        assert_eq!(codes(&accused(stopped, Weight::Inconclusive)), [Code::Interrupted, Code::Inconclusive]);
    }

    #[test]
    fn a_failing_teardown_comes_before_failing_targets() {
        let error = Diagnostic::new(Code::Teardown, "teardown threw");
        let failed = Summary { errors: vec![error], ..judged(summary(1, 0, 0), TargetVerdict::Failed) };
        assert_eq!(codes(&failed), [Code::Teardown, Code::Target]);
    }
}
