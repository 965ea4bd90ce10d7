//! Placeholder: verdicts are built on another branch.
