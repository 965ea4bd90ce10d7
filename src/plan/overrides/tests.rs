//! What flags do to a plan.
