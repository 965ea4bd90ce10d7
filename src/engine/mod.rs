//! Runs a plan: workers, life cycle, drivers, aggregation.
