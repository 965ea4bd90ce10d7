//! `runner demo`: the sample service, or the bare server that benches load.

use super::CliError;
use super::signals::{Heard, Signals};
use super::terminal::Terminal;
use crate::demo::{Demo, DemoOptions, NullServer};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    port: u16,
    /// Serve one fixed answer of 67 bytes on PORT instead, as cheaply as a server can
    #[arg(long, value_name = "PORT", conflicts_with = "port")]
    null: Option<u16>,
}

/// Serves until the process is interrupted.
pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), CliError> {
    // Before the address is announced: who reads it may end us at once.
    let mut signals = Signals::watch()?;
    if let Some(port) = arguments.null {
        let server = NullServer::start(port).map_err(|error| CliError::Listen { port, error })?;
        announce(terminal, &server.url())?;
        while signals.wait() != Heard::Stop {}
        return server.stop().map_err(CliError::Serve);
    }
    let options = DemoOptions { port: arguments.port, ..DemoOptions::default() };
    let demo = Demo::start(options).map_err(|error| CliError::Listen { port: arguments.port, error })?;
    announce(terminal, &demo.url())?;
    while signals.wait() != Heard::Stop {}
    demo.stop().map_err(CliError::Serve)
}

/// The address is what a script wants from this command, so it goes to stdout.
fn announce(terminal: &Terminal, url: &str) -> Result<(), CliError> {
    terminal.print(&format!("listening on {url}\n"))
}
