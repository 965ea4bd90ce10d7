//! What can be wanted, and what is refused.
