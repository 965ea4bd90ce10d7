//! Sends what is encoded, again where the receiver asks for that, and says why it didn't arrive.
//!
//! | the receiver                           | what follows                                            |
//! |----------------------------------------|---------------------------------------------------------|
//! | 2xx                                    | it arrived, but for what the answer says was rejected   |
//! | 429, 502, 503, 504, or no connection   | again, as long as [`PATIENCE`] and `Retry-After` allow  |
//! | anything else, or no answer in time    | lost                                                    |
//!
//! After a loss nothing is sent a second time until something has arrived: a receiver that is down costs one attempt a
//! second, and its queue stays short.

use std::error::Error;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use reqwest::blocking::{Client, Response};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};

use super::super::SendError;
use super::setting::Setting;

/// How long one second's data are worth trying again: less than the exit waits for all outputs together
/// ([`super::super::DRAIN_MAX`]), so that a receiver that is short of breath at the end still gets the last second.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long after a refusal it is tried again where the receiver doesn't say; doubled each time.
const BACK_OFF: Duration = Duration::from_millis(200);

/// What is read of an answer: it holds a number and a sentence.
const ANSWER_MAX_BYTES: u64 = 64 << 10;

/// What is quoted of a receiver's message.
const MESSAGE_MAX_CHARACTERS: usize = 200;

/// One signal's way to the receiver.
pub(super) struct Post {
    client: Client,
    url: Url,
    gzip: bool,
    /// Whether the last one arrived.
    is_well: bool,
}

/// Why an attempt failed, and whether another may help.
enum Fault {
    /// The receiver says, perhaps, how long to wait.
    Again(SendError, Option<Duration>),
    Lost(SendError),
}

/// What gRPC and OTLP/HTTP put into the body of a refusal: `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct Refusal {
    #[prost(string, tag = "2")]
    message: String,
}

impl Post {
    /// Opens no connection yet.
    pub(super) fn new(setting: &Setting, url: &Url) -> Result<Self, SendError> {
        // Fails if there is one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("runner/", env!("CARGO_PKG_VERSION")))
            .default_headers(setting.headers.clone())
            .timeout(setting.timeout)
            .redirect(Policy::none())
            .build()
            .map_err(|error| SendError::Refused(in_words(error)))?;
        Ok(Self { client, url: url.clone(), gzip: setting.gzip, is_well: true })
    }

    /// Sends a message and gives the answer; blocks for [`PATIENCE`] and a time-out at most.
    #[expect(clippy::disallowed_methods, reason = "an output's own thread blocks no worker")]
    pub(super) fn send(&mut self, message: &impl Message) -> Result<Vec<u8>, SendError> {
        let body = self.encode(message)?;
        let (begun, mut back_off) = (Instant::now(), BACK_OFF);
        loop {
            let error = match self.attempt(&body) {
                Ok(answer) => {
                    self.is_well = true;
                    return Ok(answer);
                }
                Err(Fault::Again(error, asked)) => {
                    let wait = asked.unwrap_or(back_off);
                    if self.is_well && begun.elapsed() + wait <= PATIENCE {
                        std::thread::sleep(wait);
                        back_off *= 2;
                        continue;
                    }
                    error
                }
                Err(Fault::Lost(error)) => error,
            };
            self.is_well = false;
            return Err(error);
        }
    }

    fn encode(&self, message: &impl Message) -> Result<Vec<u8>, SendError> {
        let plain = message.encode_to_vec();
        if !self.gzip {
            return Ok(plain);
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&plain)?;
        Ok(encoder.finish()?)
    }

    fn attempt(&self, body: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/x-protobuf");
        if self.gzip {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        let response = request.body(body.to_vec()).send().map_err(|error| {
            let may_help = error.is_connect();
            let error = SendError::Refused(in_words(error));
            if may_help { Fault::Again(error, None) } else { Fault::Lost(error) }
        })?;
        let status = response.status();
        let asked = retry_after(&response);
        let mut answer = Vec::new();
        response
            .take(ANSWER_MAX_BYTES)
            .read_to_end(&mut answer)
            .map_err(|error| Fault::Lost(error.into()))?;
        if status.is_success() {
            return Ok(answer);
        }
        let error = SendError::Refused(refusal(status, &answer));
        Err(if matches!(status.as_u16(), 429 | 502 | 503 | 504) {
            Fault::Again(error, asked)
        } else {
            Fault::Lost(error)
        })
    }
}

/// In seconds; a date, which is allowed too and which nobody sends, counts as nothing.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn refusal(status: StatusCode, answer: &[u8]) -> String {
    let message = Refusal::decode(answer).map(|refusal| quoted(&refusal.message)).unwrap_or_default();
    let separator = if message.is_empty() { "" } else { ": " };
    format!("the receiver answered with status {}{separator}{message}", status.as_u16())
}

/// A stranger's message, short and on one line.
pub(super) fn quoted(message: &str) -> String {
    let plain = message.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MESSAGE_MAX_CHARACTERS).collect()
}

/// An error with its causes, without the URL, which may hold a key.
fn in_words(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        cause = inner.source();
    }
    words
}
