//! The resolver could not be asked, or did not answer in time.
//!
//! A name that doesn't exist is an answer: the target's fault (error code 1101).

use super::descriptors::requests;
use super::evidence::Evidence;
use super::{Rule, Weight};

pub(super) const RULE: Rule = Rule {
    code: "resolver",
    about: "the generator's resolver failed",
    threshold: || {
        "requests failed with error code 1100: inconclusive from 1 % of them on, or when a target failed"
            .to_owned()
    },
    reason: "who can't be found can't be measured; the service may be well",
    advice: "look at this machine's resolver (`/etc/resolv.conf`), or write an address into the URL",
    look,
};

fn look(evidence: &Evidence) -> Option<(Weight, String)> {
    let count = evidence.faults.resolver;
    (count > 0).then(|| {
        (evidence.weight_of_faults(count), format!("{} failed because no resolver answered", requests(count)))
    })
}
