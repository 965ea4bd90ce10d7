//! Posts bodies to a server: again while it is overloaded or out of reach, for as long as there is patience.
//!
//! What it answers is told without credentials, should it repeat them. Unlike [`crate::output::post::Post`] it also tries
//! again where nobody heard an answer, since sums may arrive twice, and says so to whoever makes the body.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::blocking::{Client, Response};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::diagnostic::Mask;
use crate::output::post::{client, in_words, quoted, retry_after, wait};
use crate::output::{OutputError, Place};

/// How long a body is tried, waiting included: less than the exit waits, so that it hears why.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);

/// Before a second try; doubled each time.
const BACKOFF: Duration = Duration::from_millis(250);

/// Where credentials come from: a command line is seen by all on this machine.
const VARIABLES: [&str; 4] = [
    "RUNNER_REMOTE_WRITE_USERNAME",
    "RUNNER_REMOTE_WRITE_PASSWORD",
    "RUNNER_REMOTE_WRITE_TOKEN",
    "RUNNER_REMOTE_WRITE_HEADERS",
];

/// Headers that say what a body is.
const RESERVED: [&str; 5] =
    ["content-encoding", "content-type", "content-length", "user-agent", "x-prometheus-remote-write-version"];

/// Why a body did not arrive.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Undelivered {
    /// In words, without secrets.
    pub(super) why: String,
    /// It may have arrived all the same: nobody heard the answer.
    pub(super) is_unknown: bool,
}

/// The way to a server.
pub(super) struct Pusher {
    client: Client,
    url: Url,
    headers: HeaderMap,
    mask: Mask,
    patience: Duration,
    /// The server asked to be left alone until then.
    not_before: Option<Instant>,
}

impl Pusher {
    /// To the URL of the place, with credentials from `variable`, which is the environment.
    pub(super) fn new(
        place: &Place,
        patience: Duration,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, OutputError> {
        let wrong = |why: String| OutputError::Place { output: place.output, at: place.shown(), why };
        let mut url = Url::parse(&place.at)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| wrong("write a URL, as in `http://localhost:9090/api/v1/write`".to_owned()))?;
        let mask = Mask::default();
        let mut headers = HeaderMap::new();
        let [user, password, token, more] = VARIABLES.map(&variable);
        let decoded =
            |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let user = user.or_else(|| Some(decoded(url.username())).filter(|user| !user.is_empty()));
        let password = password.or_else(|| url.password().map(decoded));
        // A URL with a host takes both.
        let _ = (url.set_username(""), url.set_password(None));
        let authorization = match (user, token) {
            (Some(_), Some(_)) => {
                return Err(wrong(format!("both `{}` and a user are given: one of them", VARIABLES[2])));
            }
            (Some(user), None) => {
                let password = password.unwrap_or_default();
                mask.hide(&password);
                Some((format!("Basic {}", base64(&format!("{user}:{password}"))), VARIABLES[1]))
            }
            (None, Some(token)) => {
                mask.hide(&token);
                Some((format!("Bearer {token}"), VARIABLES[2]))
            }
            (None, None) => None,
        };
        if let Some((value, variable)) = authorization {
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| wrong(format!("`{variable}` holds what no header may")))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        for header in more.iter().flat_map(|more| more.split(',')).filter(|header| !header.trim().is_empty())
        {
            let (name, mut value) = header
                .split_once(':')
                .and_then(|(name, value)| {
                    let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
                    Some((name, HeaderValue::from_str(value.trim()).ok()?))
                })
                .ok_or_else(|| {
                    wrong(format!("`{}` is no list of headers: `Name: value,Name: value`", VARIABLES[3]))
                })?;
            if RESERVED.contains(&name.as_str()) {
                return Err(wrong(format!("`{}` has `{name}`, which says what is sent", VARIABLES[3])));
            }
            mask.hide(value.to_str().unwrap_or_default());
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let client = client().map_err(wrong)?.build().map_err(|error| wrong(in_words(error)))?;
        Ok(Self { client, url, headers, mask, patience, not_before: None })
    }

    /// Posts a body until it arrives, it never will, or patience is over. `body` is asked before each try, and told
    /// whether an earlier one may have arrived.
    pub(super) fn push(
        &mut self,
        headers: &[(&'static str, &'static str)],
        mut body: impl FnMut(bool) -> Vec<u8>,
    ) -> Result<HeaderMap, Undelivered> {
        let deadline = Instant::now() + self.patience;
        let mut is_unknown = false;
        let mut backoff = BACKOFF;
        if let Some(at) = self.not_before {
            if at > deadline {
                let seconds = at.saturating_duration_since(Instant::now()).as_secs() + 1;
                let why = format!("it asked not to be called for another {seconds} s");
                return Err(Undelivered { why, is_unknown });
            }
            wait(at);
            self.not_before = None;
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut request = self.client.post(self.url.clone()).headers(self.headers.clone()).timeout(left);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let (why, pause) = match request.body(body(is_unknown)).send() {
                Ok(response) if response.status().is_success() => return Ok(response.headers().clone()),
                Ok(response) => {
                    let status = response.status();
                    let retry_after = retry_after(response.headers(), Timestamp::now());
                    let headers = response.headers().clone();
                    let why = self.answer(response);
                    if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
                        return Err(Undelivered { why: format!("{why}{}", written(&headers)), is_unknown });
                    }
                    (why, retry_after)
                }
                Err(error) => {
                    is_unknown |= !error.is_connect();
                    (in_words(error), None)
                }
            };
            let at = Instant::now() + pause.unwrap_or(backoff).max(backoff);
            if at >= deadline {
                self.not_before = pause.and_then(|pause| Instant::now().checked_add(pause));
                return Err(Undelivered { why, is_unknown });
            }
            wait(at);
            backoff *= 2;
        }
    }

    /// `503 Service Unavailable: try later`.
    fn answer(&self, response: Response) -> String {
        let status = response.status();
        // Cut in its midst, it tells as much.
        let text = response.text().unwrap_or_default();
        let line = quoted(text.lines().next().unwrap_or_default());
        let line = self.mask.mask(&line);
        if line.is_empty() { status.to_string() } else { format!("{status}: {line}") }
    }
}

/// What a receiver of 2.0 wrote of a request that it refused.
fn written(headers: &HeaderMap) -> String {
    match written_values(headers) {
        None => String::new(),
        Some(count) => format!(" (it wrote {count} of them)"),
    }
}

/// How many samples and histograms a receiver of 2.0 says that it wrote.
pub(super) fn written_values(headers: &HeaderMap) -> Option<u64> {
    let names = ["x-prometheus-remote-write-samples-written", "x-prometheus-remote-write-histograms-written"];
    let counts = names.map(|name| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok());
    counts.into_iter().flatten().reduce(u64::saturating_add)
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}
