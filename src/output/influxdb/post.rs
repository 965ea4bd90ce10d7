//! Sends lines to the server, again where it asks for that, and says why they didn't arrive.
//!
//! | the server | what follows |
//! |---|---|
//! | 2xx | they arrived |
//! | 429, 502, 503, 504, or no connection | again, as long as [`PATIENCE`] and its `Retry-After` allow |
//! | anything else, or no answer in time | lost |
//!
//! After a loss there is one attempt a second, until something has arrived: the queue behind a server that is down stays
//! short. To send a point twice makes no second one, so it is safe to try again.

use std::error::Error;
use std::io::Read;
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, RequestBuilder};
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use url::Url;

use super::super::SendError;
use crate::diagnostic::Mask;

/// How long a second's lines are worth trying again: less than the exit waits for all outputs together.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long after a refusal it is tried again where the server doesn't say; doubled each time.
const BACK_OFF: Duration = Duration::from_millis(200);

/// What is read of an answer, and what is quoted of it.
const ANSWER_MAX_BYTES: u64 = 4 << 10;
const QUOTED_MAX_CHARACTERS: usize = 200;

/// Who the server shall take us for.
#[derive(Clone, Default)]
pub(super) enum Login {
    #[default]
    Nobody,
    Token(String),
    User(String, Option<String>),
}

/// The way to a server.
pub(super) struct Post {
    client: Client,
    url: Url,
    login: Login,
    /// What an answer may repeat and nobody shall see.
    mask: Mask,
    is_well: bool,
}

/// Why an attempt failed, and whether another may help.
enum Fault {
    Again(String, Option<Duration>),
    Lost(String),
}

impl Post {
    /// Opens no connection yet.
    pub(super) fn new(url: Url, login: Login, timeout: Duration) -> Result<Self, String> {
        // Fails if there is one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .user_agent(concat!("runner/", env!("CARGO_PKG_VERSION")))
            .timeout(timeout)
            .redirect(Policy::none())
            .build()
            .map_err(in_words)?;
        let mask = Mask::default();
        match &login {
            Login::Nobody => {}
            Login::Token(token) => mask.hide(token),
            Login::User(_, password) => password.iter().for_each(|password| mask.hide(password)),
        }
        Ok(Self { client, url, login, mask, is_well: true })
    }

    /// Sends lines; blocks for [`PATIENCE`] and a time-out at most.
    #[expect(clippy::disallowed_methods, reason = "an output's own thread blocks no worker")]
    pub(super) fn send(&mut self, lines: &str) -> Result<(), SendError> {
        let (begun, mut back_off) = (Instant::now(), BACK_OFF);
        loop {
            let request =
                self.client.post(self.url.clone()).header("Content-Type", "text/plain; charset=utf-8");
            let error = match attempt(self.signed(request.body(lines.to_owned()))) {
                Ok(()) => {
                    self.is_well = true;
                    return Ok(());
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
            return Err(SendError::Refused(self.mask.mask(&error).into_owned()));
        }
    }

    /// Asks version 1 to make the database, as k6 does; a server that doesn't let us says so when lines come.
    pub(super) fn create_database(&self, database: &str) {
        let mut url = self.url.clone();
        let path = url.path().strip_suffix("write").unwrap_or("/").to_owned() + "query";
        url.set_path(&path);
        let quoted = database.replace('\\', "\\\\").replace('"', "\\\"");
        url.query_pairs_mut().clear().append_pair("q", &format!("CREATE DATABASE \"{quoted}\""));
        // What it answers doesn't matter: the database may be there and this user may not make one.
        let _ = self.signed(self.client.post(url)).send();
    }

    fn signed(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.login {
            Login::Nobody => request,
            Login::Token(token) => request.header("Authorization", format!("Token {token}")),
            Login::User(user, password) => request.basic_auth(user, password.as_ref()),
        }
    }
}

fn attempt(request: RequestBuilder) -> Result<(), Fault> {
    let response = request.send().map_err(|error| {
        let may_help = error.is_connect();
        let error = in_words(error);
        if may_help { Fault::Again(error, None) } else { Fault::Lost(error) }
    })?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let asked =
        response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let mut answer = Vec::new();
    // The status says enough where the rest doesn't come.
    let _ = response.take(ANSWER_MAX_BYTES).read_to_end(&mut answer);
    let said = quoted(&String::from_utf8_lossy(&answer));
    let separator = if said.is_empty() { "" } else { ": " };
    let error = format!("the server answered with status {}{separator}{said}", status.as_u16());
    Err(match status.as_u16() {
        429 | 502..=504 => Fault::Again(error, asked.map(Duration::from_secs)),
        _ => Fault::Lost(error),
    })
}

/// A stranger's message, short and on one line.
fn quoted(message: &str) -> String {
    let plain = message.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(QUOTED_MAX_CHARACTERS).collect()
}

/// An error with its causes, without the URL, which may hold a password.
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
