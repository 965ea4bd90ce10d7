//! The signals that end a process in good order, Ctrl-C and SIGTERM, and what they do to runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::CliError;
use super::terminal::{self, Terminal};
use crate::engine::Control;

/// Both signals, from the moment of [`Signals::watch`] on.
pub(super) struct Signals {
    runtime: Runtime,
    interrupt: Signal,
    terminate: Signal,
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
        Ok(Self { runtime, interrupt, terminate })
    }

    /// Blocks until one arrives.
    pub(super) fn wait(&mut self) {
        let (interrupt, terminate) = (&mut self.interrupt, &mut self.terminate);
        self.runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
    }
}

/// Hands signals on to runs for as long as the process lives: the first stops them, a second ends them at once.
pub(super) struct Halt {
    /// A word for each signal.
    told: Receiver<()>,
    /// The runs are over, and the process only waits for a signal.
    is_lingering: Arc<AtomicBool>,
}

impl Halt {
    /// Takes signals over from the system's default, for these runs.
    pub(super) fn watch(controls: Vec<Control>, terminal: &Terminal) -> Result<Self, CliError> {
        let mut signals = Signals::watch()?;
        let (tell, told) = mpsc::channel();
        let is_lingering = Arc::new(AtomicBool::new(false));
        let (lingers, terminal) = (Arc::clone(&is_lingering), terminal.clone());
        std::thread::spawn(move || {
            for count in 0u64.. {
                signals.wait();
                controls.iter().for_each(Control::stop);
                if count == 0 && !lingers.load(Ordering::SeqCst) {
                    let clear = if terminal::is_watched() { "\r\x1b[K" } else { "" };
                    terminal.say(format_args!("{clear}stopping: once more ends it at once\n"));
                }
                // Nobody may be left to hear it.
                let _ = tell.send(());
            }
        });
        Ok(Self { told, is_lingering })
    }

    /// Blocks until a signal comes; one that has stopped a run counts.
    pub(super) fn linger(&self, terminal: &Terminal) {
        self.is_lingering.store(true, Ordering::SeqCst);
        if self.told.try_recv().is_err() {
            let id = std::process::id();
            terminal.say(format_args!("lingering: Ctrl-C, or `kill {id}`, ends it\n"));
            // An error says that the thread is gone, and with it the way to end this.
            let _ = self.told.recv();
        }
    }
}
