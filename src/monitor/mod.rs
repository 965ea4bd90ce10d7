//! The monitoring library for Rust services: counters, exposition.
