//! Scenarios from option maps.
