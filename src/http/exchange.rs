//! What came of one request: a response or a failure, and what it cost.

use std::borrow::Cow;
use std::net::SocketAddr;

use super::error::Failure;
use super::redirect::RedirectError;
use super::response::Response;
use super::timings::Timings;
use super::tls::Negotiated;
use super::traceparent::Traceparent;

/// First error code of the statuses that count as errors: k6's `1000 + status`.
const STATUS_CODE_BASE: u16 = 1000;
/// Statuses from here on carry an error code.
const ERROR_STATUS_MIN: u16 = 400;

/// The outcome of one request, complete even when it failed.
#[derive(Debug)]
pub struct Exchange {
    /// The response, or why there is none.
    pub result: Result<Response, Failure>,
    /// The phases, also of a failed exchange.
    pub timings: Timings,
    /// Bytes of HTTP written to the socket, over all attempts.
    pub bytes_sent: u64,
    /// Bytes of HTTP read from the socket, over all attempts: heads, framing and interim responses too.
    pub bytes_received: u64,
    /// Whether the last attempt went over a connection that had served a request before.
    pub reused: bool,
    /// Whether a stale connection made a second attempt necessary. Never done in silence.
    pub retried: bool,
    /// What TLS agreed on, where it was spoken.
    pub tls: Option<Negotiated>,
    /// The peer's address, where a connection was made.
    pub remote: Option<SocketAddr>,
    /// Why the response, a redirect, was not followed although it was to be.
    pub not_followed: Option<Box<RedirectError>>,
    /// Which span it was, if it was sent as one.
    pub traceparent: Option<Box<Traceparent>>,
}

impl Exchange {
    /// One that begins: nothing has come of it yet.
    pub(super) fn begun(start_ns: u64) -> Self {
        Self {
            result: Err(Failure::NoResponse),
            timings: Timings { start_ns, ..Timings::default() },
            bytes_sent: 0,
            bytes_received: 0,
            reused: false,
            retried: false,
            tls: None,
            remote: None,
            not_followed: None,
            traceparent: None,
        }
    }

    /// One that brought this response, for tests of other rooms.
    #[cfg(test)]
    pub(crate) fn answered(response: Response) -> Self {
        Self { result: Ok(response), ..Self::begun(0) }
    }

    /// It can't be sent: all its time was spent without a connection. Returns its end.
    pub(super) fn refuse(&mut self, failure: Failure, now_ns: u64) -> u64 {
        self.result = Err(failure);
        self.timings.phases.blocked_ns = now_ns - self.timings.start_ns;
        now_ns
    }

    /// The status, or 0 without a response (as k6).
    pub fn status(&self) -> u16 {
        self.result.as_ref().map_or(0, Response::status)
    }

    /// k6's code: 0 for a status below 400, 1000 + status above, else the failure's own.
    pub fn error_code(&self) -> u16 {
        if let Some(error) = &self.not_followed {
            return error.error_code();
        }
        match &self.result {
            Ok(response) if response.status() >= ERROR_STATUS_MIN => STATUS_CODE_BASE + response.status(),
            Ok(_) => 0,
            Err(failure) => failure.error_code(),
        }
    }

    /// The text that goes with [`error_code`](Self::error_code); `None` when that is 0. It holds no
    /// measured number, so that it can serve as a tag.
    pub fn error(&self) -> Option<Cow<'static, str>> {
        if let Some(error) = &self.not_followed {
            return Some(Cow::Owned(error.to_string()));
        }
        match &self.result {
            Ok(response) if response.status() >= ERROR_STATUS_MIN => {
                Some(Cow::Owned(format!("the server answered with status {}", response.status())))
            }
            Ok(_) => None,
            Err(failure) => Some(Cow::Owned(failure.to_string())),
        }
    }
}
