//! `--address`: the control API of a run, for all commands that play one.
//!
//! A token that was made is printed once, on standard error and on no log; from then on it is hidden as a secret is.

use super::CliError;
use super::terminal::Terminal;
use crate::diagnostic::{Code, Diagnostic};
use crate::engine::{Control, NewEpoch, NewFailures, Observer, Tick};
use crate::plan::Plan;
use crate::results::Summary;
use crate::script::LogLine;
use crate::web::{Address, Feed, Host, Server, Token, WebError};

#[derive(Debug, clap::Args)]
pub(super) struct ControlApiArguments {
    /// Serve the control API at this address while it runs: 127.0.0.1:6565, or a port alone; 0 is any free one
    /// (docs/exploring.md)
    #[arg(short, long, env = "RUNNER_ADDRESS", value_name = "HOST:PORT")]
    address: Option<String>,
    /// The token that opens the control API, else one is made and printed; others see command lines: the
    /// environment is a better place
    #[arg(long, env = "RUNNER_API_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    api_token: Option<String>,
}

/// A control API, or none.
#[derive(Debug, Default)]
pub(super) struct ControlApi(Option<Server>);

impl ControlApiArguments {
    /// Whether one is asked for.
    pub(super) fn is_asked(&self) -> bool {
        self.address.is_some()
    }

    /// Starts it, if it is asked for, and says where it is.
    pub(super) fn start(
        &self,
        control: &Control,
        plan: &Plan,
        is_quiet: bool,
        terminal: &Terminal,
    ) -> Result<ControlApi, CliError> {
        let chosen = self.api_token.as_deref().map(Token::new).transpose().map_err(refused)?;
        // The command line is kept with the run.
        if let Some(token) = &chosen {
            terminal.mask().hide(token.text());
        }
        let Some(address) = &self.address else { return Ok(ControlApi::default()) };
        let address: Address = address.parse().map_err(refused)?;
        let is_token_chosen = chosen.is_some();
        let token = chosen.map_or_else(Token::random, Ok).map_err(refused)?;
        let mask = terminal.mask().clone();
        let host = Host { address: &address, token: token.clone(), is_token_chosen, mask, control, plan };
        let server = Server::start(host).map_err(refused)?;
        let at = server.address();
        if !is_token_chosen {
            // Without it the API is of no use: it is printed however quiet the rest is.
            terminal.say(format_args!("control API: http://{at} token {}\n", token.text()));
            terminal.mask().hide(token.text());
        } else if !is_quiet {
            terminal.say(format_args!("control API: http://{at}\n"));
        }
        Ok(ControlApi(Some(server)))
    }
}

fn refused(error: WebError) -> CliError {
    let code = if error.is_usage() { Code::Usage } else { Code::Control };
    Diagnostic::new(code, error.to_string()).hint(error.hint()).into()
}

impl ControlApi {
    /// An observer that tells the API too.
    pub(super) fn beside<O: Observer>(&self, observer: O) -> Served<O> {
        Served { observer, feed: self.0.as_ref().map(Server::feed) }
    }

    /// Another load is about to be played, with a handle of its own.
    pub(super) fn plays(&self, control: &Control, plan: &Plan) {
        if let Some(server) = &self.0 {
            server.plays(control, plan);
        }
    }

    /// The run is over.
    pub(super) fn end(&self, summary: Option<&Summary>) {
        if let Some(server) = &self.0 {
            server.end(summary);
        }
    }
}

/// An observer, and the control API's.
#[derive(Debug)]
pub(super) struct Served<O> {
    pub(super) observer: O,
    feed: Option<Feed>,
}

impl<O: Observer> Observer for Served<O> {
    fn tick(&mut self, tick: &Tick<'_>) {
        self.observer.tick(tick);
        self.feed.iter_mut().for_each(|feed| feed.tick(tick));
    }

    fn log(&mut self, line: &LogLine) {
        self.observer.log(line);
        self.feed.iter_mut().for_each(|feed| feed.log(line));
    }

    fn load_begins(&mut self) {
        self.observer.load_begins();
        self.feed.iter_mut().for_each(Observer::load_begins);
    }

    fn load_ends(&mut self) {
        self.observer.load_ends();
        self.feed.iter_mut().for_each(Observer::load_ends);
    }

    fn epoch(&mut self, new: &NewEpoch<'_>) {
        self.observer.epoch(new);
        self.feed.iter_mut().for_each(|feed| feed.epoch(new));
    }

    fn refused(&mut self, diagnostic: &Diagnostic) {
        self.observer.refused(diagnostic);
        self.feed.iter_mut().for_each(|feed| feed.refused(diagnostic));
    }

    fn failing(&mut self, new: &NewFailures) {
        self.observer.failing(new);
        self.feed.iter_mut().for_each(|feed| feed.failing(new));
    }
}
