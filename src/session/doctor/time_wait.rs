//! `TIME_WAIT`: a port whose connection was closed here is not given again for a minute.

use super::ports::ports;
use super::{Check, Machine, Planned, Seen};
use crate::units::{format_amount, format_count};

pub(super) const CHECK: Check = Check {
    name: "TIME_WAIT",
    why: "a closed connection keeps its port: it limits flows that open new connections all the time",
    look,
};

const REUSE: &str = "/proc/sys/net/ipv4/tcp_tw_reuse";
const FIN_TIMEOUT: &str = "/proc/sys/net/ipv4/tcp_fin_timeout";

/// How long a port rests: `TCP_TIMEWAIT_LEN`, a constant of the kernel that no setting changes;
/// `tcp_fin_timeout` is for the state before it, when the other end doesn't close.
const REST_S: u64 = 60;

fn look(machine: &Machine, planned: &Planned) -> Seen {
    let Some(reuse) = machine.number(REUSE) else { return Seen::unread(REUSE) };
    let Some(ports) = ports(machine) else {
        return Seen::unknown("the range of local ports can't be read here");
    };
    let name = match reuse {
        0 => "off",
        1 => "on",
        _ => "on within this machine alone",
    };
    let fin = machine.number(FIN_TIMEOUT).map_or_else(String::new, |s| format!(", tcp_fin_timeout {s}s"));
    let saw = format!("tcp_tw_reuse {reuse} ({name}){fin}");
    // With reuse a port rests for a second.
    let per_s = ports.count / REST_S;
    let change = "sudo sysctl -w net.ipv4.tcp_tw_reuse=1";
    let new = format!("{} new connections a second to one address", format_count(per_s));
    match planned.rate_per_s {
        _ if reuse == 1 => Seen::good(saw),
        Some(rate) if rate <= per_s as f64 => Seen::good(format!("{saw}: {new}")),
        Some(rate) => {
            // A user keeps its connection from one iteration to the next: only a service that closes it is hurt.
            let rate = format_amount(rate);
            Seen::look(format!("{saw}: {new}, fewer than {rate} iterations that each open one"), change)
        }
        None => Seen::look(format!("{saw}: {new}"), change),
    }
}
