//! `runner demo`: the sample service, or the bare server that benches load.

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::CliError;
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
pub(super) fn run(arguments: &Arguments) -> Result<(), CliError> {
    // Before the address is announced: who reads it may end us at once.
    let ending = Ending::watch()?;
    if let Some(port) = arguments.null {
        let server = NullServer::start(port).map_err(|error| CliError::Listen { port, error })?;
        announce(&server.url());
        ending.wait();
        return server.stop().map_err(CliError::Serve);
    }
    let options = DemoOptions { port: arguments.port, ..DemoOptions::default() };
    let demo = Demo::start(options).map_err(|error| CliError::Listen { port: arguments.port, error })?;
    announce(&demo.url());
    ending.wait();
    demo.stop().map_err(CliError::Serve)
}

/// The address is what a script wants from this command, so it goes to stdout.
fn announce(url: &str) {
    anstream::println!("listening on {url}");
}

/// The signals that end a server.
struct Ending {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
}

impl Ending {
    fn watch() -> Result<Self, CliError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(CliError::Signal)?;
        let listen = |kind| {
            let _entered = runtime.enter();
            signal(kind).map_err(CliError::Signal)
        };
        let (interrupt, terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        Ok(Self { runtime, interrupt, terminate })
    }

    fn wait(mut self) {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.interrupt.recv() => {}
                _ = self.terminate.recv() => {}
            }
        });
    }
}
