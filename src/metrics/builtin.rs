//! The metrics every run has, by k6's names where k6 has them. Docs, targets and the recorder read
//! this list; a metric that nothing emits or feeds yet stays out of it.

use super::{Join, Kind, Unit};

/// A metric that exists without being declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// How its samples add up.
    pub kind: Kind,
    /// What its numbers are.
    pub unit: Unit,
    /// How workers' values of one second become one; matters for gauges only.
    pub join: Join,
    /// One line for the reference.
    pub about: &'static str,
    /// Whether scripts feed it: it has a name and a kind, so that suites agree, and no source of ours.
    pub fed_by_scripts: bool,
}

const fn metric(kind: Kind, unit: Unit, name: &'static str, about: &'static str) -> Builtin {
    Builtin { name, kind, unit, join: Join::Max, about, fed_by_scripts: false }
}

const fn fed(kind: Kind, name: &'static str, about: &'static str) -> Builtin {
    Builtin { name, kind, unit: Plain, join: Join::Max, about, fed_by_scripts: true }
}

const fn summed(name: &'static str, about: &'static str) -> Builtin {
    Builtin { name, kind: Gauge, unit: Plain, join: Join::Sum, about, fed_by_scripts: false }
}

use Kind::{Counter, Gauge, Rate, Trend};
use Unit::{Bytes, None as Plain, Time};

/// Every built-in metric, in the order of the reference.
pub const BUILTINS: &[Builtin] = &[
    metric(Counter, Plain, "http_reqs", "requests sent, answered or not"),
    metric(Rate, Plain, "http_req_failed", "share of requests without an expected answer"),
    metric(Trend, Time, "http_req_duration", "sending + waiting + receiving, of answered requests"),
    metric(Trend, Time, "http_req_response_time", "all that a caller waits for, from the intended start"),
    metric(Trend, Time, "http_req_blocked", "waiting for a free connection"),
    metric(Trend, Time, "http_req_dns", "resolving the host's name"),
    metric(Trend, Time, "http_req_connecting", "connecting (TCP)"),
    metric(Trend, Time, "http_req_tls_handshaking", "the TLS handshake"),
    metric(Trend, Time, "http_req_sending", "writing the request"),
    metric(Trend, Time, "http_req_waiting", "from the request's last byte to the answer's first"),
    metric(Trend, Time, "http_req_receiving", "reading the answer"),
    metric(
        Counter,
        Plain,
        "http_req_retries",
        "requests sent a second time, since the service had closed the open connection",
    ),
    metric(Counter, Plain, "http_conns_opened", "connections opened, for web sockets and streams too"),
    metric(
        Counter,
        Plain,
        "http_conns_reused",
        "requests that went over a connection which had served one before",
    ),
    metric(Counter, Bytes, "data_sent", "bytes written to the network"),
    metric(Counter, Bytes, "data_received", "bytes read from the network"),
    metric(Counter, Plain, "cache_requests", "answers whose cache status is known, by `verdict`"),
    metric(Rate, Plain, "cache_hit_rate", "share of those answers that came from a cache"),
    metric(Counter, Plain, "ws_sessions", "web sockets asked for, opened or not"),
    metric(Rate, Plain, "ws_session_failed", "share of web sockets that could not be opened, or broke off"),
    metric(Trend, Time, "ws_connecting", "opening a web socket: connection and handshake"),
    metric(
        Trend,
        Time,
        "ws_session_duration",
        "a web socket from its connect to its end, of those that did not fail",
    ),
    metric(Counter, Plain, "ws_msgs_sent", "messages sent over web sockets"),
    metric(Counter, Plain, "ws_msgs_received", "messages received over web sockets"),
    metric(Trend, Time, "ws_ping", "from a ping to its pong"),
    metric(Trend, Time, "ws_time_to_first_message", "from a web socket's connect to its first message"),
    metric(Trend, Time, "ws_time_between_messages", "from one message of a web socket to the next"),
    metric(Counter, Plain, "sse_streams", "streams of server-sent events asked for, opened or not"),
    metric(Rate, Plain, "sse_stream_failed", "share of those streams that could not be opened, or broke off"),
    metric(
        Trend,
        Time,
        "sse_stream_duration",
        "a stream from its request to its end, of those that did not fail",
    ),
    metric(Counter, Plain, "sse_events", "events received"),
    metric(Trend, Time, "sse_time_to_first_event", "from a stream's request to its first event"),
    metric(Trend, Time, "sse_time_between_events", "from one event of a stream to the next"),
    metric(Rate, Plain, "checks", "share of checks that held"),
    metric(Counter, Plain, "iterations", "iterations completed"),
    metric(Counter, Plain, "dropped_iterations", "iterations due that could not start"),
    metric(Trend, Time, "iteration_duration", "an iteration from its start to its end"),
    metric(Trend, Time, "iteration_response_time", "an iteration from its due time to its end"),
    metric(Trend, Time, "iteration_lateness", "how late an iteration started"),
    metric(Trend, Time, "group_duration", "a group from its start to its end"),
    summed("vus", "virtual users that are active"),
    summed("vus_max", "virtual users that are allocated"),
    fed(Rate, "task_completion_rate", "share of tasks that finished, fed by scripts"),
    fed(Rate, "uptime", "share of health probes that succeeded, fed by scripts"),
    fed(Rate, "provider_success", "share of provider calls that succeeded, fed by scripts"),
    fed(Counter, "provider_calls", "calls to outside providers, fed by scripts"),
    metric(Gauge, Plain, "generator_cpu", "CPU of the busiest worker, as a share of a core"),
    metric(
        Gauge,
        Plain,
        "generator_wait",
        "waiting of the worker that waited most for a core, as a share of the time",
    ),
    metric(Trend, Time, "generator_loop_lag", "how late a worker's loop ran: a probe every 10 ms"),
    metric(
        Gauge,
        Plain,
        "generator_steal",
        "time that the hypervisor gave to other machines, as a share of a core",
    ),
    metric(Gauge, Plain, "generator_throttled", "time held back by the container's CPU quota, as a share"),
    metric(Gauge, Plain, "generator_fds", "file descriptors that the generator has open"),
    metric(Gauge, Plain, "generator_ports", "local ports in use towards one address, at most"),
    metric(
        Counter,
        Plain,
        "clamped_values",
        "samples out of range that were clamped or refused, by `metric`",
    ),
];

/// The built-in metric of that name.
pub fn builtin(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

/// Service time and response time: what the service took, and what somebody waited for it.
pub const TIMES: [(&str, &str); 2] =
    [("http_req_duration", "http_req_response_time"), ("iteration_duration", "iteration_response_time")];

/// Whether a metric is one of the service times.
pub fn is_service_time(metric: &str) -> bool {
    TIMES.iter().any(|(service, _)| *service == metric)
}

/// The other one of [`TIMES`].
pub fn beside(metric: &str) -> Option<&'static str> {
    TIMES.iter().find_map(|(service, response)| match metric {
        _ if metric == *service => Some(*response),
        _ if metric == *response => Some(*service),
        _ => None,
    })
}

/// How the workers' values of a gauge become one: custom gauges take the largest.
pub(super) fn join_of(name: &str) -> Join {
    builtin(name).map_or(Join::Max, |builtin| builtin.join)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_described() {
        let names: BTreeSet<_> = BUILTINS.iter().map(|builtin| builtin.name).collect();
        assert_eq!(names.len(), BUILTINS.len());
        assert!(BUILTINS.iter().all(|builtin| !builtin.about.is_empty()));
    }

    #[test]
    fn service_and_response_time_stand_beside_each_other() {
        assert_eq!(beside("http_req_duration"), Some("http_req_response_time"));
        assert_eq!(beside("iteration_response_time"), Some("iteration_duration"));
        assert_eq!(beside("http_req_waiting"), None);
        for name in TIMES.iter().flat_map(|(service, response)| [service, response]) {
            assert_eq!(builtin(name).map(|metric| metric.kind), Some(Trend), "{name}");
        }
    }

    #[test]
    fn users_add_up_and_other_gauges_do_not() {
        assert_eq!(join_of("vus"), Join::Sum);
        assert_eq!(join_of("vus_max"), Join::Sum);
        assert_eq!(join_of("generator_cpu"), Join::Max);
        assert_eq!(join_of("queue_depth"), Join::Max);
    }
}
