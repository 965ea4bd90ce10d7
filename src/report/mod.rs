//! Summaries of a run, for people and tools.
