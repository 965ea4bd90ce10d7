//! The log: the script's own lines, and what `runner` notes and warns of while it plays. It goes to standard error unless
//! somebody wants it elsewhere, in another form, or in a file.
//!
//! An error is on standard error in any case; where the log goes elsewhere, it is there too.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::json;

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::script::Level;
use crate::session::Config;

/// What `--log-output` takes.
const PLACES: &str = "write `stderr`, `stdout`, `none`, `file=PATH` or `file=PATH,level=warn`";

/// Where the log goes, and what its lines look like.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Log")]
pub(super) struct LogArguments {
    /// Where the log goes: stderr, stdout, none or file=PATH; `,level=warn` leaves lower levels out
    #[arg(long, env = "RUNNER_LOG_OUTPUT", value_name = "WHERE")]
    log_output: Option<String>,
    /// How its lines look: text, raw (the text alone) or json (an object a line)
    #[arg(long, env = "RUNNER_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<String>,
    /// Append the script's own lines to this file instead
    #[arg(long, env = "RUNNER_CONSOLE_OUTPUT", value_name = "FILE")]
    console_output: Option<PathBuf>,
}

/// Where lines go. A clone goes to the same place.
#[derive(Debug, Clone, Default)]
pub(super) struct Log(Arc<Route>);

#[derive(Debug, Default)]
struct Route {
    place: Place,
    format: Format,
    least: Option<Level>,
    /// Of the script's lines, where they go elsewhere.
    console: Option<LogFile>,
}

#[derive(Debug, Default)]
enum Place {
    #[default]
    Stderr,
    Stdout,
    Nowhere,
    File(LogFile),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Format {
    #[default]
    Text,
    Raw,
    Json,
}

/// A file that lines are appended to, and the first error that it met. Only control threads write to it.
#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    file: Mutex<(File, Option<std::io::Error>)>,
}

/// One entry of the log. The text has gone through the mask.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) level: Level,
    /// As it stands before the text: `note:`, `info [main #1]`.
    pub(super) prefix: &'a str,
    pub(super) text: &'a str,
    /// Whose line it is; nothing for one of `runner` itself.
    pub(super) speaker: Option<Speaker<'a>>,
}

/// The user of a script who said something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Speaker<'a> {
    /// Where several are played; else empty.
    pub(super) script: &'a str,
    /// Empty outside of scenarios.
    pub(super) scenario: &'a str,
    pub(super) vu: u64,
}

/// What is left to do with a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Print it on standard error.
    Stderr(String),
    /// Print it on standard output.
    Stdout(String),
    /// It is written, or not wanted.
    Nothing,
}

impl LogArguments {
    /// Opens what the log goes to; the command line comes before the configuration.
    pub(super) fn open(&self, config: &Config) -> Result<Log, Diagnostic> {
        let text =
            |flag: &Option<String>, name| flag.clone().or_else(|| config.text(name).map(str::to_owned));
        let mut route = Route::default();
        if let Some(text) = text(&self.log_output, "log_output") {
            (route.place, route.least) = place(&text)?;
        }
        route.format = match text(&self.log_format, "log_format").as_deref() {
            None | Some("text") => Format::Text,
            Some("raw") => Format::Raw,
            Some("json") => Format::Json,
            Some(other) => {
                let message = format!("`--log-format {other}` is no format of the log");
                return Err(Diagnostic::new(Code::Usage, message).hint("write `text`, `raw` or `json`"));
            }
        };
        let console =
            self.console_output.clone().or_else(|| config.text("console_output").map(PathBuf::from));
        route.console = console.as_deref().map(|path| LogFile::open("--console-output", path)).transpose()?;
        Ok(Log(Arc::new(route)))
    }
}

/// Reads `file=PATH,level=warn`.
fn place(text: &str) -> Result<(Place, Option<Level>), Diagnostic> {
    let refuse = |message: String, hint: &str| Err(Diagnostic::new(Code::Usage, message).hint(hint));
    let (place, least) = match text.rsplit_once(",level=") {
        None => (text, None),
        Some((place, word)) => {
            let levels = [Level::Debug, Level::Info, Level::Warn, Level::Error];
            // k6 calls it so.
            let word = if word == "warning" { "warn" } else { word };
            let Some(level) = levels.into_iter().find(|level| level.name() == word) else {
                let message = format!("`--log-output`: `{word}` is no level of the log");
                return refuse(message, "write `debug`, `info`, `warn` or `error`");
            };
            (place, Some(level))
        }
    };
    let place = match place {
        "stderr" => Place::Stderr,
        "stdout" => Place::Stdout,
        "none" => Place::Nowhere,
        place => match place.strip_prefix("file=").filter(|path| !path.is_empty()) {
            Some(path) => Place::File(LogFile::open("--log-output", Path::new(path))?),
            None => return refuse(format!("`--log-output {text}` is no place for the log"), PLACES),
        },
    };
    Ok((place, least))
}

impl LogFile {
    fn open(flag: &str, path: &Path) -> Result<Self, Diagnostic> {
        let opened = OpenOptions::new().append(true).create(true).open(path);
        let file = opened.map_err(|error| {
            Diagnostic::new(Code::Results, format!("`{flag}`: failed to open {}: {error}", path.display()))
                .hint("name a file that can be written, in a folder that is there")
        })?;
        Ok(Self { path: path.to_owned(), file: Mutex::new((file, None)) })
    }

    fn append(&self, line: &str) {
        let (file, failed) = &mut *self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(line.as_bytes()) {
            failed.get_or_insert(error);
        }
    }

    fn failure(&self) -> Option<Diagnostic> {
        let (_, failed) = &*self.file.lock().unwrap_or_else(PoisonError::into_inner);
        failed.as_ref().map(|error| {
            let message = format!("failed to write the log to {}: {error}", self.path.display());
            Diagnostic::new(Code::Results, message).hint("lines are missing there from then on")
        })
    }
}

impl Log {
    /// Writes an entry to its file, or says where it is to be printed.
    pub(super) fn take(&self, entry: &Entry<'_>) -> Rest {
        let Route { place, least, console, .. } = &*self.0;
        if let (Some(console), Some(_)) = (console, entry.speaker) {
            console.append(&self.line(entry));
            return Rest::Nothing;
        }
        if least.is_some_and(|least| entry.level < least) {
            return Rest::Nothing;
        }
        match place {
            Place::Stderr => Rest::Stderr(self.line(entry)),
            Place::Stdout => Rest::Stdout(self.line(entry)),
            Place::Nowhere => Rest::Nothing,
            Place::File(file) => {
                file.append(&self.line(entry));
                Rest::Nothing
            }
        }
    }

    /// The same of an error or a warning that stands on standard error anyhow.
    pub(super) fn copy(&self, severity: Severity, text: &str) -> Rest {
        if matches!(self.0.place, Place::Stderr) {
            return Rest::Nothing;
        }
        let level = match severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warn,
        };
        self.take(&Entry { level, prefix: "", text, speaker: None })
    }

    /// What could not be written, if anything.
    pub(super) fn failure(&self) -> Option<Diagnostic> {
        let file = match &self.0.place {
            Place::File(file) => Some(file),
            Place::Stderr | Place::Stdout | Place::Nowhere => None,
        };
        file.into_iter().chain(&self.0.console).find_map(LogFile::failure)
    }

    fn line(&self, entry: &Entry<'_>) -> String {
        let Entry { level, prefix, text, speaker } = *entry;
        match self.0.format {
            Format::Text if prefix.is_empty() => format!("{text}\n"),
            Format::Text => format!("{prefix} {text}\n"),
            Format::Raw => format!("{text}\n"),
            Format::Json => {
                let mut line = json!({
                    "time": Timestamp::now().to_string(),
                    "level": level.name(),
                    "msg": text,
                    "source": if speaker.is_some() { "script" } else { "runner" },
                });
                if let Some(Speaker { script, scenario, vu }) = speaker {
                    if !script.is_empty() {
                        line["script"] = script.into();
                    }
                    if !scenario.is_empty() {
                        line["scenario"] = scenario.into();
                        line["vu"] = vu.into();
                    }
                }
                format!("{line}\n")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEAKER: Speaker<'static> = Speaker { script: "", scenario: "main", vu: 3 };

    fn log(output: Option<&str>, format: Option<&str>, console: Option<&Path>) -> Result<Log, Diagnostic> {
        let arguments = LogArguments {
            log_output: output.map(str::to_owned),
            log_format: format.map(str::to_owned),
            console_output: console.map(Path::to_owned),
        };
        arguments.open(&Config::default())
    }

    fn entry<'a>(level: Level, text: &'a str, speaker: Option<Speaker<'a>>) -> Entry<'a> {
        Entry { level, prefix: "info [main #3]", text, speaker }
    }

    #[test]
    fn without_flags_it_is_standard_errors() {
        let told = log(None, None, None).unwrap().take(&entry(Level::Debug, "hello", Some(SPEAKER)));
        assert_eq!(told, Rest::Stderr("info [main #3] hello\n".to_owned()));
    }

    #[test]
    fn lines_have_three_forms() {
        let raw = log(Some("stdout"), Some("raw"), None).unwrap();
        assert_eq!(raw.take(&entry(Level::Info, "hello", None)), Rest::Stdout("hello\n".to_owned()));
        let Rest::Stderr(line) =
            log(None, Some("json"), None).unwrap().take(&entry(Level::Warn, "a \"b\"\nc", Some(SPEAKER)))
        else {
            panic!("it goes to standard error")
        };
        let mut line: serde_json::Value = serde_json::from_str(line.strip_suffix('\n').unwrap()).unwrap();
        assert!(line["time"].take().as_str().unwrap().parse::<Timestamp>().is_ok());
        assert_eq!(
            line,
            json!({ "time": null, "level": "warn", "msg": "a \"b\"\nc", "source": "script", "scenario": "main", "vu": 3 })
        );
    }

    #[test]
    fn a_file_gets_what_is_of_its_level_and_the_console_the_scripts_own_lines() {
        let folder = tempfile::tempdir().unwrap();
        let (all, own) = (folder.path().join("all.log"), folder.path().join("own.log"));
        std::fs::write(&own, "before\n").unwrap();
        let log =
            log(Some(&format!("file={},level=warning", all.display())), Some("raw"), Some(&own)).unwrap();
        for (text, level, speaker) in
            [("low", Level::Info, None), ("high", Level::Warn, None), ("said", Level::Debug, Some(SPEAKER))]
        {
            assert_eq!(log.take(&entry(level, text, speaker)), Rest::Nothing);
        }
        assert_eq!(log.copy(Severity::Error, "broken"), Rest::Nothing);
        assert_eq!(std::fs::read_to_string(&all).unwrap(), "high\nbroken\n");
        assert_eq!(std::fs::read_to_string(&own).unwrap(), "before\nsaid\n", "appended");
        assert!(log.failure().is_none());
    }

    #[test]
    fn a_disk_that_is_full_is_told_once_the_run_is_over() {
        let log = log(Some("file=/dev/full"), None, None).unwrap();
        assert_eq!(log.take(&entry(Level::Info, "lost", None)), Rest::Nothing);
        let failure = log.failure().unwrap();
        assert!(
            failure.code == Code::Results && failure.message.contains("/dev/full: No space"),
            "{failure:?}"
        );
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for (output, format, said) in [
            ("loki=http://127.0.0.1", "text", "is no place for the log"),
            ("file=", "text", "is no place for the log"),
            ("stderr,level=loud", "text", "`loud` is no level"),
            ("stderr", "yaml", "is no format of the log"),
            ("file=/gone/x.log", "text", "failed to open /gone/x.log"),
        ] {
            let error = log(Some(output), Some(format), None).expect_err(output);
            assert!(error.message.contains(said) && error.hint.is_some(), "{error:?}");
        }
    }
}
