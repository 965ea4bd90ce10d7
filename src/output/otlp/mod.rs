//! OpenTelemetry's own protocol, over HTTP with protobuf: each second's metrics, and traces where they are asked for.
//!
//! There is no SDK below it: what that would do, to add up and to count, the run has done already. Formats are those of
//! opentelemetry-proto 1.x; names and kinds of metrics are k6's, so that its dashboards find them.

mod attribute;
mod exporter;
mod histogram;
mod metric;
mod setting;
mod signal;
mod trace;

pub(super) use exporter::OUTPUT;
