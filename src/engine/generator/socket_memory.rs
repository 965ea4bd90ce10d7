//! The kernel had no memory left for a socket.

use super::descriptors::requests;
use super::evidence::Evidence;
use super::{Rule, Weight};

pub(super) const RULE: Rule = Rule {
    code: "socket-memory",
    about: "the generator's kernel had no memory left for a socket",
    threshold: || {
        "requests failed with error code 1292: inconclusive from 1 % of them on, or when a target failed"
            .to_owned()
    },
    reason: "a connection that could not be opened or written to is no answer of the service's",
    advice: "use fewer connections, or raise `net.ipv4.tcp_mem` and the container's memory",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    let count = evidence.faults.memory;
    (count > 0).then(|| {
        (evidence.weight_of_faults(count), format!("{} met a lack of memory for sockets", requests(count)))
    })
}
