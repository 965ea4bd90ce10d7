//! The server that lines go to. To send a point twice makes no second one, so it is safe to try again.

use std::time::Duration;

use reqwest::blocking::{Client, RequestBuilder};
use url::Url;

use super::super::SendError;
use super::super::post::{Post, client, in_words, quoted};
use crate::diagnostic::Mask;

/// Who the server shall take us for.
#[derive(Clone, Default)]
pub(super) enum Login {
    #[default]
    Nobody,
    Token(String),
    User(String, Option<String>),
}

/// The way to a server.
pub(super) struct Server {
    post: Post,
    url: Url,
    login: Login,
    /// What an answer may repeat and nobody shall see.
    mask: Mask,
}

impl Server {
    /// Opens no connection yet.
    pub(super) fn new(url: Url, login: Login, timeout: Duration) -> Result<Self, String> {
        let client = client()?.timeout(timeout).build().map_err(in_words)?;
        let mask = Mask::default();
        match &login {
            Login::Nobody => {}
            Login::Token(token) => mask.hide(token),
            Login::User(_, password) => password.iter().for_each(|password| mask.hide(password)),
        }
        let post = Post::new(client, |body| quoted(&String::from_utf8_lossy(body)));
        Ok(Self { post, url, login, mask })
    }

    /// Sends lines.
    pub(super) fn send(&mut self, lines: &str) -> Result<(), SendError> {
        let (url, login) = (&self.url, &self.login);
        let request = |client: &Client| {
            let request = client.post(url.clone()).header("Content-Type", "text/plain; charset=utf-8");
            login.sign(request.body(lines.to_owned()))
        };
        let sent = self.post.send(request);
        sent.map(drop).map_err(|error| SendError::Refused(self.mask.mask(&error.to_string()).into_owned()))
    }

    /// Asks version 1 to make the database, as k6 does; a server that doesn't let us says so when lines come.
    pub(super) fn create_database(&self, database: &str) {
        let mut url = self.url.clone();
        let path = url.path().strip_suffix("write").unwrap_or("/").to_owned() + "query";
        url.set_path(&path);
        let quoted = database.replace('\\', "\\\\").replace('"', "\\\"");
        url.query_pairs_mut().clear().append_pair("q", &format!("CREATE DATABASE \"{quoted}\""));
        // What it answers doesn't matter: the database may be there and this user may not make one.
        let _ = self.login.sign(self.post.client.post(url)).send();
    }
}

impl Login {
    fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Nobody => request,
            Self::Token(token) => request.header("Authorization", format!("Token {token}")),
            Self::User(user, password) => request.basic_auth(user, password.as_ref()),
        }
    }
}
