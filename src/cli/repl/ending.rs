//! SIGTERM and SIGHUP at a prompt: the line editor has the terminal in raw mode, and whoever comes after would find it so.

use std::io;

use rustix::process::Signal;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use super::super::signals::is_ignored;
use crate::diagnostic::{Code, exit_code};

/// From now on these signals give the terminal back as it is now, and end the process.
pub(super) fn watch() -> io::Result<()> {
    let before = tcgetattr(io::stdin())?;
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let listen = |kind| {
        let _entered = runtime.enter();
        signal(kind)
    };
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup =
        if is_ignored(Signal::HUP.as_raw()) { None } else { Some(listen(SignalKind::hangup())?) };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            let hung_up = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = terminate.recv() => {}
                _ = hung_up => {}
            }
        });
        // A terminal that is gone wants nothing back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
        #[expect(
            clippy::disallowed_methods,
            reason = "no run is journalled here, and the editor can't be woken"
        )]
        std::process::exit(exit_code(Code::Interrupted).into());
    })?;
    Ok(())
}
