//! Another version of the script, for a load that goes on.

use std::sync::Arc;

use crate::diagnostic::Source;
use crate::plan::Plan;
use crate::script::Outside;

/// What is to be played from the next iteration on.
///
/// The plan has the scenarios of the one that is played, by name and in its order, each with a demand of the same
/// kind; what else has changed of it holds from then on where it can: flows, think times, demands, targets.
#[derive(Debug, Clone)]
pub struct Version {
    /// Which one, as whoever reloads counts; the run begins with 1.
    pub number: u64,
    /// The script.
    pub source: Arc<Source>,
    /// What it takes from outside: its modules and files among it, read anew.
    pub outside: Outside,
    /// The plan as the script declares it: what each worker must declare too.
    pub declared: Plan,
    /// The plan as it is played.
    pub plan: Plan,
}
