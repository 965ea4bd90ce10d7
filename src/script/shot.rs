//! A flow without a script: one request, sent again and again.
//!
//! It goes the way of `http::get` ([`super::request`]), so that it is measured and recorded as a script's is; but
//! nothing of it is worked out anew, and nothing of Rhai runs.

use std::rc::Rc;
use std::sync::Arc;

use super::hops::{Handling, JarChoice};
use super::program::Failure;
use super::request::{Labels, exchange};
use super::stage::Stage;
use super::vu::{Cast, Vu};
use crate::http::{Endpoint, Failure as HttpFailure, Method, Prepared, UrlError};
use crate::plan;

/// A plan's request, ready to be sent by the users of one scenario on one worker.
#[derive(Debug)]
pub struct Shot {
    prepared: Prepared,
    labels: Labels,
    handling: Handling,
}

/// Why a plan's request can't be sent.
#[derive(Debug, thiserror::Error)]
pub enum ShotError {
    /// Its URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Its method or a header.
    #[error(transparent)]
    Request(#[from] HttpFailure),
}

impl Shot {
    /// Makes a request ready. `user_agent` is the run's, if it has one of its own.
    pub fn new(
        request: &plan::Request,
        stage: &Stage,
        cast: &Cast,
        user_agent: Option<&str>,
    ) -> Result<Self, ShotError> {
        let endpoint = Rc::new(Endpoint::parse(cast.base_url.as_deref(), &request.url)?);
        let method = Method::parse(&request.method)?;
        let labels = stage.recorder().with(|recorder| Labels {
            name: recorder.intern(endpoint.name()),
            url: recorder.intern(endpoint.tag()),
            method: recorder.intern(method.as_str()),
            extra: cast.tags_symbol,
        });
        let headers: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let keep_alive = !stage.http().no_connection_reuse;
        let body = Arc::clone(&request.body);
        let prepared = Prepared::new(method, endpoint, &headers, body, (user_agent, keep_alive))?;
        // What is measured is the URL that was given; a redirect is its answer.
        let handling = Handling { redirects: Some(0), jar: JarChoice::None, ..Handling::default() };
        Ok(Self { prepared, labels, handling })
    }

    /// Sends it as the user `vu`, who is on; false when no answer came, or one with another status than 200 to 399.
    pub fn send(&self, stage: &Stage, vu: &Vu) -> Result<bool, Failure> {
        let timeouts = stage.timeouts();
        let mut request = self.prepared.request();
        request.timeout_ns = timeouts.total_ns;
        request.connect_timeout_ns = timeouts.connect_ns;
        request.discard_body = stage.http().discard_response_bodies;
        let exchanged = exchange(stage, vu, &request, &self.handling, |_| self.labels);
        if vu.is_ending() {
            vu.take_ending();
            return Err(Failure::Stopped(None));
        }
        Ok(exchanged.is_ok_and(|exchanged| exchanged.is_expected))
    }
}
