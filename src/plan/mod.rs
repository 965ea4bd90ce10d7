//! The declared test as data: scenarios, their demand, targets and verdicts.
