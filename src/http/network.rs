//! What the network looks like to the clients of a worker: the run's options of HTTP, made ready.

use super::tls;
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
    tls: tls::Context,
}

impl Network {
    /// Makes the options ready; says which of them can't be carried out.
    pub fn new(options: &HttpOptions) -> Result<Self, NetworkError> {
        let tls = tls::Context::new(options).map_err(|error| NetworkError {
            option: error.option(),
            reason: error.to_string(),
            hint: error.hint().to_owned(),
        })?;
        Ok(Self { options: options.clone(), tls })
    }

    /// How TLS is spoken.
    pub(super) fn tls(&self) -> &tls::Context {
        &self.tls
    }

    /// As they were given.
    pub fn options(&self) -> &HttpOptions {
        &self.options
    }
}
