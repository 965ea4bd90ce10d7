//! The sample service, and a null server for benches.
