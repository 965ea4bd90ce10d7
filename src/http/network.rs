//! What the network looks like to the clients of a worker: the run's options of HTTP, made ready.

use crate::plan::HttpOptions;

/// An option that can't be carried out on this machine, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{option}`: {reason}")]
pub struct NetworkError {
    /// The option's name.
    pub option: &'static str,
    /// What is wrong with it.
    pub reason: String,
    /// What to do.
    pub hint: String,
}

/// The run's options of HTTP, made ready for the clients of one worker.
#[derive(Debug, Default)]
pub struct Network {
    options: HttpOptions,
}

impl Network {
    /// Makes the options ready; says which of them can't be carried out.
    pub fn new(options: &HttpOptions) -> Result<Self, NetworkError> {
        Ok(Self { options: options.clone() })
    }

    /// As they were given.
    pub fn options(&self) -> &HttpOptions {
        &self.options
    }
}
