//! A request as data: what a flow without a script sends.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A request that users send again and again. Whether it can be sent is the client's to say, before the load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The method, as on the wire.
    pub method: String,
    /// A whole URL, or one that the scenario's `base_url` completes.
    pub url: String,
    /// Further headers, in the order given.
    pub headers: Vec<(String, String)>,
    /// The body; shared, since each worker has the plan.
    pub body: Arc<[u8]>,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}
