//! One script from end to end.
