//! Errors that host functions raise: a sentence, and what to do about it.
//!
//! They travel through Rhai as the value of a thrown error, so that a script can catch them; where
//! they stand in the script is Rhai's to say.

use rhai::{Dynamic, Engine, EvalAltResult, Position};

use crate::plan::{ParamError, PlanError};

/// Whose fault a [`HostError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The script used a function wrongly.
    Misuse,
    /// The script declared something that can't be run.
    Plan,
    /// An assertion did not hold: the service's.
    Assertion,
}

/// What a host function was unhappy with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct HostError {
    /// Lower case, no full stop.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Whose fault it is.
    pub fault: Fault,
    /// The word of the call that is wrong, where there is one to point at.
    pub word: Option<String>,
}

impl HostError {
    /// A misuse, without a hint.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, fault: Fault::Misuse, word: None }
    }

    /// What can't be declared.
    pub fn declaration(message: impl Into<String>) -> Self {
        Self { fault: Fault::Plan, ..Self::new(message) }
    }

    /// What a plan can't be.
    pub fn plan(error: &PlanError) -> Self {
        Self {
            message: error.message(),
            hint: error.hint(),
            fault: Fault::Plan,
            word: error.word().map(str::to_owned),
        }
    }

    /// What a parameter can't be.
    pub fn param(error: &ParamError) -> Self {
        let (message, word) = (error.to_string(), Some(error.word().to_owned()));
        Self { message, hint: error.hint(), fault: Fault::Plan, word }
    }

    /// An assertion that didn't hold.
    pub fn assertion(message: impl Into<String>) -> Self {
        Self { fault: Fault::Assertion, ..Self::new(message) }
    }

    /// Whether an assertion raised it.
    pub fn is_assertion(&self) -> bool {
        self.fault == Fault::Assertion
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says which word of the call is wrong.
    #[must_use]
    pub fn word(mut self, word: impl Into<String>) -> Self {
        self.word = Some(word.into());
        self
    }

    /// The host error that a script error carries, if one does.
    pub fn of(error: &EvalAltResult) -> Option<Self> {
        match error.unwrap_inner() {
            EvalAltResult::ErrorRuntime(value, _) => value.clone().try_cast(),
            _ => None,
        }
    }
}

impl From<HostError> for Box<EvalAltResult> {
    fn from(error: HostError) -> Self {
        EvalAltResult::ErrorRuntime(Dynamic::from(error), Position::NONE).into()
    }
}

/// What a script sees of an error that it caught.
pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<HostError>("error")
        .register_get("message", |error: &mut HostError| error.message.clone())
        .register_fn("to_string", |error: &mut HostError| error.message.clone())
        .register_fn("to_debug", |error: &mut HostError| error.message.clone());
}
