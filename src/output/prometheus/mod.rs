//! Prometheus: an endpoint that it scrapes, and writes that it receives.
//!
//! Both tell the run's total since its start, as Prometheus wants it: sums that only rise, so that what one scrape
//! or one write misses the next one brings. What belongs to the warm-up is in no total, as in the summary.

mod classic;
mod delimited;
mod exposition;
mod message;
mod naming;
mod native;
mod point;
mod push;
mod remote_write;
mod request;
mod scrape;
mod total;

pub(super) use remote_write::OUTPUT as REMOTE_WRITE;
pub(super) use scrape::OUTPUT as SCRAPE;
