//! Posts to servers, for all outputs that speak HTTP: again where one asks for that, and in words why something didn't
//! arrive.
//!
//! | the server                           | what [`Post`] does                                        |
//! |--------------------------------------|-----------------------------------------------------------|
//! | 2xx                                  | it arrived                                                |
//! | 429, 502, 503, 504, or no connection | again, as long as [`PATIENCE`] and its `Retry-After` allow |
//! | anything else, or no answer in time  | lost                                                      |
//!
//! After a loss nothing is sent a second time until something has arrived: a server that is down costs one attempt a
//! second, and its queue stays short.

use std::error::Error;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::blocking::{Client, ClientBuilder, RequestBuilder, Response};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;

use super::SendError;

/// How long one body is worth trying again: less than the exit waits for all outputs together
/// ([`super::DRAIN_MAX`]), so that a server that is short of breath at the end still gets the last second.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long after a refusal it is tried again where the server doesn't say; doubled each time.
const BACK_OFF: Duration = Duration::from_millis(200);

/// What is read of an answer: it holds a number and a sentence.
const ANSWER_MAX_BYTES: u64 = 64 << 10;

/// What is quoted of a server's message.
const MESSAGE_MAX_CHARACTERS: usize = 200;

/// A client that trusts the system's authorities, else Mozilla's, and follows no redirect: a POST that becomes a GET
/// delivers nothing.
pub(super) fn client() -> Result<ClientBuilder, String> {
    let mut roots = rustls::RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let tls = builder.with_root_certificates(roots).with_no_client_auth();
    Ok(Client::builder()
        .user_agent(concat!("runner/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .tls_backend_preconfigured(tls))
}

/// The way to a server.
pub(super) struct Post {
    pub(super) client: Client,
    /// What the body of a refusal says, for people.
    reason: fn(&[u8]) -> String,
    /// Whether the last one arrived.
    is_well: bool,
}

/// Why an attempt failed, and whether another may help.
enum Fault {
    /// The server says, perhaps, how long to wait.
    Again(String, Option<Duration>),
    Lost(String),
}

impl Post {
    /// Opens no connection yet.
    pub(super) fn new(client: Client, reason: fn(&[u8]) -> String) -> Self {
        Self { client, reason, is_well: true }
    }

    /// Sends what `request` makes, for each attempt anew, and gives the answer's body; blocks for [`PATIENCE`] and a
    /// time-out at most.
    pub(super) fn send(&mut self, request: impl Fn(&Client) -> RequestBuilder) -> Result<Vec<u8>, SendError> {
        let (begun, mut back_off) = (Instant::now(), BACK_OFF);
        loop {
            let why = match self.attempt(request(&self.client)) {
                Ok(answer) => {
                    self.is_well = true;
                    return Ok(answer);
                }
                Err(Fault::Again(why, asked)) => {
                    let pause = asked.unwrap_or(back_off);
                    if self.is_well && begun.elapsed() + pause <= PATIENCE {
                        wait(Instant::now() + pause);
                        back_off *= 2;
                        continue;
                    }
                    why
                }
                Err(Fault::Lost(why)) => why,
            };
            self.is_well = false;
            return Err(SendError::Refused(why));
        }
    }

    fn attempt(&self, request: RequestBuilder) -> Result<Vec<u8>, Fault> {
        let response = request.send().map_err(|error| {
            let may_help = error.is_connect();
            let why = in_words(error);
            if may_help { Fault::Again(why, None) } else { Fault::Lost(why) }
        })?;
        let (status, asked) = (response.status(), retry_after(response.headers(), Timestamp::now()));
        let answer = answer(response);
        if status.is_success() {
            return answer.map_err(|error| Fault::Lost(error.to_string()));
        }
        // The status says enough where the rest doesn't come.
        let reason = (self.reason)(&answer.unwrap_or_default());
        let separator = if reason.is_empty() { "" } else { ": " };
        let why = format!("the server answered with status {}{separator}{reason}", status.as_u16());
        Err(match status.as_u16() {
            429 | 502..=504 => Fault::Again(why, asked),
            _ => Fault::Lost(why),
        })
    }
}

/// A body, up to what is read of one.
fn answer(response: Response) -> std::io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    response.take(ANSWER_MAX_BYTES).read_to_end(&mut answer)?;
    Ok(answer)
}

/// How long an answer asks to wait: seconds, or until a date.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO))
}

/// A stranger's message, short and on one line.
pub(super) fn quoted(message: &str) -> String {
    let plain = message.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MESSAGE_MAX_CHARACTERS).collect()
}

/// An error with its causes, since reqwest's own text is the least of it; without the URL, which may hold a key.
pub(super) fn in_words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = inner.source();
    }
    words
}

/// Waits, on an output's own thread.
#[expect(clippy::disallowed_methods, reason = "an output's own thread blocks no worker")]
pub(super) fn wait(until: Instant) {
    std::thread::sleep(until.saturating_duration_since(Instant::now()));
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    #[test]
    fn a_pause_is_seconds_or_a_date() {
        let now: Timestamp = "1994-11-06T08:49:30Z".parse().unwrap();
        let pause = |text: &'static str| {
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]), now)
        };
        assert_eq!(pause(" 120 "), Some(Duration::from_mins(2)));
        assert_eq!(pause("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::from_secs(7)));
        assert_eq!(pause("Sun, 06 Nov 1994 08:49:00 GMT"), Some(Duration::ZERO), "it is over");
        assert_eq!((pause("soon"), pause("-1")), (None, None));
    }

    #[test]
    fn a_strangers_message_is_short_and_on_one_line() {
        assert_eq!(quoted(" a\nb\x1b[31m "), "a b [31m");
        assert_eq!(quoted(&"x".repeat(1_000)).len(), MESSAGE_MAX_CHARACTERS);
    }
}
