//! The signals that a process hears: Ctrl-C and SIGTERM, which end it in good order, and SIGUSR1.

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::CliError;

/// What a signal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// To end.
    Stop,
    /// To pause, or to go on.
    Pause,
}

/// The signals, from the moment of [`Signals::watch`] on.
pub(super) struct Signals {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
    user: Signal,
}

impl Signals {
    /// Takes the signals over from the system's default, which ends the process at once.
    pub(super) fn watch() -> Result<Self, CliError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(CliError::Signal)?;
        let listen = |kind| {
            let _entered = runtime.enter();
            signal(kind).map_err(CliError::Signal)
        };
        let (interrupt, terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        let user = listen(SignalKind::user_defined1())?;
        Ok(Self { runtime, interrupt, terminate, user })
    }

    /// Blocks until one arrives.
    pub(super) fn wait(&mut self) -> Heard {
        let (interrupt, terminate, user) = (&mut self.interrupt, &mut self.terminate, &mut self.user);
        self.runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => Heard::Stop,
                _ = terminate.recv() => Heard::Stop,
                _ = user.recv() => Heard::Pause,
            }
        })
    }
}
