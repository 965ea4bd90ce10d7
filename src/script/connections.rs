//! The metrics of a worker's connections: recorded once a second, by the sums that its clients keep.

use super::stage::Stage;
use crate::metrics::TagSet;

impl Stage {
    /// Adds to the metrics what connections were opened and used again since the last call.
    pub fn record_connections(&self) {
        let (opened, reused) = self.network().count_connections();
        if opened + reused == 0 {
            return;
        }
        self.recorder().with(|recorder| {
            for (name, count) in [("http_conns_opened", opened), ("http_conns_reused", reused)] {
                let (metric, _) = recorder.metric(name).expect("a built-in metric");
                let series = recorder.series(metric, &TagSet::default());
                recorder.add(series, count as f64);
            }
        });
    }
}
