//! A program that gives a secret: run without a shell, with a limit on its time and on what it prints.
//!
//! The only place from which a script starts a process, and only where the user allows it.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::error::HostError;
use super::secrets::SECRET_BYTES_MAX;
use crate::units::{format_duration, format_size};

/// How long it may take: a vault answers in a second, and a run waits for it.
const TIME_MAX: Duration = Duration::from_secs(10);

/// How soon its end is noticed.
const LOOK: Duration = Duration::from_millis(5);

/// How much of what it says of its failure is shown, from the end.
const STDERR_CHARACTERS_MAX: usize = 300;

/// Why a program gave nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandError {
    #[error("can't be started: {0}")]
    Start(std::io::Error),
    #[error("took longer than {}", format_duration(TIME_MAX))]
    Time,
    #[error("printed more than {}", format_size(SECRET_BYTES_MAX as f64))]
    Size,
    #[error("can't be read: {0}")]
    Read(std::io::Error),
    #[error("failed with {status}{}", if said.is_empty() { String::new() } else { format!(": {said}") })]
    Failed { status: ExitStatus, said: String },
}

impl CommandError {
    /// As the author of the script is told.
    pub(super) fn of_secret(&self, name: &str, command: &str) -> HostError {
        let error = HostError::declaration(format!("the command `{command}` for the secret `{name}` {self}"));
        match self {
            Self::Start(cause) if cause.kind() == std::io::ErrorKind::NotFound => error.hint(
                "the first word is a program's name or path, and no shell is asked: write each argument as a text of its own",
            ),
            Self::Time => error.hint("does it wait for an answer? It has no standard input"),
            Self::Size => error.hint("a secret is what it prints, and nothing else"),
            Self::Failed { .. } | Self::Start(_) | Self::Read(_) => error,
        }
    }
}

/// What the program prints. It runs in `folder`; without one, where we do.
pub(super) fn run(words: &[String], folder: Option<&Path>) -> Result<Vec<u8>, CommandError> {
    run_for(words, folder, TIME_MAX)
}

fn run_for(words: &[String], folder: Option<&Path>, time_max: Duration) -> Result<Vec<u8>, CommandError> {
    let end = Instant::now() + time_max;
    let (program, arguments) = words.split_first().expect("a command has a program");
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(folder) = folder.filter(|folder| !folder.as_os_str().is_empty()) {
        command.current_dir(folder);
    }
    let mut child = command.spawn().map_err(CommandError::Start)?;
    let outcome = finish(&mut child, end);
    if outcome.is_err() {
        // By its own pid; it may have ended meanwhile.
        let _ = child.kill();
        let _ = child.wait();
    }
    outcome
}

fn finish(child: &mut Child, end: Instant) -> Result<Vec<u8>, CommandError> {
    let stdout = read(child.stdout.take().expect("stdout is piped"));
    let stderr = read(child.stderr.take().expect("stderr is piped"));
    let left = || end.saturating_duration_since(Instant::now());
    let receive = |from: Receiver<std::io::Result<Vec<u8>>>| match from.recv_timeout(left()) {
        Ok(bytes) => bytes.map_err(CommandError::Read),
        Err(RecvTimeoutError::Timeout) => Err(CommandError::Time),
        Err(RecvTimeoutError::Disconnected) => Err(CommandError::Read(std::io::Error::other("a bug"))),
    };
    let printed = receive(stdout)?;
    if printed.len() as u64 > SECRET_BYTES_MAX {
        return Err(CommandError::Size);
    }
    let said = receive(stderr)?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(CommandError::Read)? {
            break status;
        }
        if left().is_zero() {
            return Err(CommandError::Time);
        }
        std::thread::park_timeout(LOOK);
    };
    if status.success() {
        return Ok(printed);
    }
    let said = String::from_utf8_lossy(&said);
    let said = said.trim();
    let skipped = said.chars().count().saturating_sub(STDERR_CHARACTERS_MAX);
    Err(CommandError::Failed { status, said: said.chars().skip(skipped).collect() })
}

/// Reads a pipe to its end, or to the limit: a program that prints without end meets a closed pipe.
fn read(pipe: impl Read + Send + 'static) -> Receiver<std::io::Result<Vec<u8>>> {
    let (told, found) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes);
        told.send(read.map(|_| bytes))
    });
    found
}

/// The words of a command line: blanks between them, quotes around what holds blanks. None where there
/// is no word, or a quote stays open.
pub(super) fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            Some(_) | None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    (quote.is_none() && words.first().is_some_and(|program| !program.is_empty())).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, time_max: Duration) -> Result<Vec<u8>, CommandError> {
        run_for(&["sh", "-c", script].map(str::to_owned), None, time_max)
    }

    #[test]
    fn what_it_prints_is_given() {
        assert_eq!(shell("printf 'a b'; echo noise >&2", TIME_MAX).unwrap(), b"a b");
        let folder = tempfile::tempdir().unwrap();
        let words = ["sh", "-c", "pwd -P"].map(str::to_owned);
        let printed = String::from_utf8(run(&words, Some(folder.path())).unwrap()).unwrap();
        assert_eq!(Path::new(printed.trim()), folder.path().canonicalize().unwrap());
    }

    #[test]
    fn a_failing_one_is_quoted() {
        let error = shell("echo 'no such token' >&2; exit 3", TIME_MAX).unwrap_err().to_string();
        assert_eq!(error, "failed with exit status: 3: no such token");
        let error = shell("exit 1", TIME_MAX).unwrap_err().to_string();
        assert_eq!(error, "failed with exit status: 1");
        let error = run(&["no-such-program-of-ours".to_owned()], None).unwrap_err();
        assert!(error.of_secret("A", "x").hint.unwrap().contains("no shell"), "{error}");
    }

    #[test]
    fn one_that_goes_on_is_ended() {
        let start = Instant::now();
        for script in ["exec sleep 60", "exec >&- 2>&-; exec sleep 60", "exec sleep 60 >&-"] {
            let error = shell(script, Duration::from_millis(100)).unwrap_err();
            assert!(matches!(error, CommandError::Time), "{script}: {error}");
        }
        assert!(start.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn one_that_prints_without_end_is_ended() {
        let error = shell("exec cat /dev/zero", TIME_MAX).unwrap_err();
        assert!(matches!(error, CommandError::Size), "{error}");
        // Its complaints alone are no reason to fail, as long as it ends.
        assert!(matches!(shell("exec cat /dev/zero >&2", TIME_MAX), Err(CommandError::Failed { .. })));
    }

    #[test]
    fn a_line_is_split_into_words() {
        let split = |line| words(line).map(|words| words.join("|"));
        assert_eq!(split("vault read -field=x a/b").as_deref(), Some("vault|read|-field=x|a/b"));
        assert_eq!(split(" a  'b c' \"d 'e'\" '' f'g h'i ").as_deref(), Some("a|b c|d 'e'||fg hi"));
        assert_eq!(split(r"a \n $HOME *").as_deref(), Some(r"a|\n|$HOME|*"));
        for wrong in ["", " ", "'a", "a \"b", "''"] {
            assert_eq!(words(wrong), None, "{wrong}");
        }
    }
}
