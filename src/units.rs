//! Durations, sizes, rates and percentages: parse, print, round.
