//! Placeholder: targets are built on another branch.
#![allow(missing_docs, reason = "a placeholder")]

use super::{Options, PlanError};
use crate::diagnostic::Position;
use crate::metrics::Metric;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub key: String,
    pub text: String,
    pub position: Option<Position>,
}

impl Target {
    pub fn parse(
        key: &str,
        expression: &str,
        _options: &Options,
        _metrics: &[Metric],
        position: Option<Position>,
    ) -> Result<Target, PlanError> {
        Ok(Target { key: key.to_string(), text: expression.to_string(), position })
    }
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TargetError {
    #[error("placeholder")]
    Placeholder,
}

impl TargetError {
    pub fn hint(&self) -> Option<String> {
        None
    }
}
