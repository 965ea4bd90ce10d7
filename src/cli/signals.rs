//! The signals that a process hears: Ctrl-C, SIGTERM and SIGHUP (its terminal is gone), which end it in good order, and
//! SIGUSR1, which pauses runs and lets them go on. SIGXFSZ, a file that has grown as large as the system permits, becomes an
//! error of whoever writes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::CliError;
use super::terminal::Terminal;
use crate::engine::Control;

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
    /// None where whoever called it wants it not to be heard (`nohup`).
    hangup: Option<Signal>,
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
        let hangup = if is_ignored(rustix::process::Signal::HUP.as_raw()) {
            None
        } else {
            Some(listen(SignalKind::hangup())?)
        };
        let user = listen(SignalKind::user_defined1())?;
        // Once taken over it ends no process any more, heard or not.
        drop(listen(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
        Ok(Self { runtime, interrupt, terminate, hangup, user })
    }

    /// Blocks until one arrives.
    pub(super) fn wait(&mut self) -> Heard {
        let (interrupt, terminate, user) = (&mut self.interrupt, &mut self.terminate, &mut self.user);
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => Heard::Stop,
                _ = terminate.recv() => Heard::Stop,
                _ = hangup => Heard::Stop,
                _ = user.recv() => Heard::Pause,
            }
        })
    }
}

/// Whether a signal was ignored by whoever started this process, as the kernel tells in a mask of 64 bits.
pub(super) fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

/// Hands signals on to runs for as long as the process lives: the first stop stops them, a second ends them at
/// once.
pub(super) struct Halt {
    /// A word for each stop.
    told: Receiver<()>,
    /// The runs are over, and the process only waits for a signal.
    is_lingering: Arc<AtomicBool>,
}

impl Halt {
    /// Takes signals over from the system's default, for these runs.
    pub(super) fn watch(controls: Vec<Control>, terminal: &Terminal) -> Result<Self, CliError> {
        Self::hand_on(move || controls.clone(), || {}, terminal)
    }

    /// The same for runs one after another: `latest` is that of the last one. `stopped` is called at each stop.
    pub(super) fn watch_latest(
        latest: Arc<Mutex<Control>>,
        stopped: impl Fn() + Send + 'static,
        terminal: &Terminal,
    ) -> Result<Self, CliError> {
        let controls = move || vec![latest.lock().unwrap_or_else(PoisonError::into_inner).clone()];
        Self::hand_on(controls, stopped, terminal)
    }

    fn hand_on(
        controls: impl Fn() -> Vec<Control> + Send + 'static,
        stopped: impl Fn() + Send + 'static,
        terminal: &Terminal,
    ) -> Result<Self, CliError> {
        let mut signals = Signals::watch()?;
        let (tell, told) = mpsc::channel();
        let is_lingering = Arc::new(AtomicBool::new(false));
        let (lingers, terminal) = (Arc::clone(&is_lingering), terminal.clone());
        std::thread::spawn(move || {
            loop {
                let heard = signals.wait();
                let controls = controls();
                match heard {
                    Heard::Stop => {
                        let is_first = controls.iter().any(|control| !control.is_stopping());
                        controls.iter().for_each(Control::stop);
                        if is_first && !lingers.load(Ordering::SeqCst) {
                            terminal.say_line("stopping: once more ends it at once");
                        }
                        // Nobody may be left to hear it.
                        let _ = tell.send(());
                        stopped();
                    }
                    Heard::Pause => toggle(&controls, &terminal),
                }
            }
        });
        Ok(Self { told, is_lingering })
    }

    /// Nothing runs, and the process waits for something to do; or it has found something.
    pub(super) fn set_waiting(&self, is_waiting: bool) {
        self.is_lingering.store(is_waiting, Ordering::SeqCst);
    }

    /// Whether a stop was heard since the last call.
    pub(super) fn is_told(&self) -> bool {
        self.told.try_recv().is_ok()
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

/// Pauses all runs, or lets them go on. One that ends can't be paused, and says itself that it ends.
fn toggle(controls: &[Control], terminal: &Terminal) {
    if controls.iter().any(Control::is_paused) {
        if controls.iter().filter(|control| control.resume().is_ok()).count() > 0 {
            terminal.say_line("resumed");
        }
    } else if controls.iter().filter(|control| control.pause().is_ok()).count() > 0 {
        terminal.say_line("paused: once more goes on");
    }
}
