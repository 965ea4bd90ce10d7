//! `locust`: the four CSV files of Locust's `--csv PREFIX --csv-full-history`, column by column.
//!
//! `PREFIX_stats.csv` and `PREFIX_failures.csv` are written anew each second, a whole file at a time, `PREFIX_stats_history.csv`
//! grows, `PREFIX_exceptions.csv` has its rows when the run is over.

mod sink;
mod tally;

pub(super) use sink::OUTPUT;
