//! Words of a request's tags that never change, made symbols once a worker.

use crate::metrics::{MetricId, Recorder, Symbol};

/// Their symbols.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    /// As in [`super::host`]'s table of methods.
    pub(super) methods: [Symbol; 7],
    /// HTTP/1.0, HTTP/1.1 and HTTP/2.
    pub(super) protocols: [Symbol; 3],
    /// TLS 1.2 and 1.3.
    pub(super) tls_versions: [Symbol; 2],
    /// The metric that every check adds to.
    pub(super) checks: MetricId,
}

impl Words {
    pub(super) fn new(recorder: &mut Recorder) -> Self {
        let methods =
            ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].map(|m| recorder.intern(m));
        let protocols = ["HTTP/1.0", "HTTP/1.1", "HTTP/2.0"].map(|p| recorder.intern(p));
        let tls_versions = ["tls1.2", "tls1.3"].map(|version| recorder.intern(version));
        let (checks, _) = recorder.metric("checks").expect("a built-in metric");
        Self { methods, protocols, tls_versions, checks }
    }
}
