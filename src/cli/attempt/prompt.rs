//! The question of `--step`, and the keys that answer it.

use tokio::sync::oneshot;

use super::super::terminal::Terminal;
use crate::script::Permit;

/// Asks, and gives the answer once somebody typed it. A line is read on a thread of its own, so that requests under way
/// and a stop are heard meanwhile.
pub(super) fn ask(terminal: &Terminal) -> oneshot::Receiver<Permit> {
    let (tell, told) = oneshot::channel();
    let terminal = terminal.clone();
    std::thread::spawn(move || {
        loop {
            terminal.say(format_args!("  Enter: next call, c: go on, q: end > "));
            let mut line = String::new();
            let read = std::io::stdin().read_line(&mut line);
            let permit = match read {
                // The terminal is gone, or Ctrl-D was typed.
                Ok(0) | Err(_) => Some(Permit::End),
                Ok(_) => permit_of(&line),
            };
            if let Some(permit) = permit {
                // A stop may have come first; then nobody waits.
                let _ = tell.send(permit);
                return;
            }
        }
    });
    told
}

/// What a line says; nothing where it says nothing that is known.
fn permit_of(line: &str) -> Option<Permit> {
    match line.trim() {
        "" => Some(Permit::Step),
        "c" => Some(Permit::GoOn),
        "q" => Some(Permit::End),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_not_known_is_asked_again() {
        assert_eq!(permit_of("\n"), Some(Permit::Step));
        assert_eq!(permit_of(" c\r\n"), Some(Permit::GoOn));
        assert_eq!(permit_of("q\n"), Some(Permit::End));
        assert_eq!(permit_of("quit\n"), None);
    }
}
