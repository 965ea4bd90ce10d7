//! A server that sees when requests come: what a generator says of its pace is held against it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::fixture::pause;
use crate::server::{Reply, Server};

/// A server that notes when requests of one path come.
pub(crate) struct Witness {
    pub(crate) server: Server,
    seen: Arc<Mutex<Vec<Instant>>>,
}

impl Witness {
    /// One that answers none of them from `stall.0` until `stall.1` after the first.
    pub(crate) fn start(path: &'static str, stall: Option<(Duration, Duration)>) -> Self {
        let seen: Arc<Mutex<Vec<Instant>>> = Arc::default();
        let noted = Arc::clone(&seen);
        let server = Server::start(move |request| {
            if request.path() != path {
                return Reply::ok("ok");
            }
            let now = Instant::now();
            let first = {
                let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
                noted.push(now);
                noted[0]
            };
            if let Some((from, until)) = stall
                && (first + from..first + until).contains(&now)
            {
                pause(first + until - now);
            }
            Reply::ok("ok")
        });
        Self { server, seen }
    }

    /// When they came, in the order of their coming.
    pub(crate) fn seen(&self) -> Vec<Instant> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
