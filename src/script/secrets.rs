//! The secrets of a script: where each comes from, and what it is.
//!
//! Read once, by the control thread while it declares; workers, which run the top level again, find them
//! here. Whatever is read is hidden by the [`Mask`] from then on.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::command;
use super::error::{Fault, HostError};
use super::folder;
use super::stage::Outside;
use crate::diagnostic::{Mask, suggest};
use crate::units::format_size;

/// The start of an environment variable that holds a secret.
pub const SECRET_VARIABLE: &str = "RUNNER_SECRET_";

/// The most secrets of a script: all that is printed is searched for each.
const SECRETS_MAX: usize = 100;

/// The longest name: it is part of a variable's.
const NAME_CHARACTERS_MAX: usize = 100;

/// Shorter ones stand in half of all lines by chance, and hiding them would hide everything.
const CHARACTERS_MIN: usize = 4;

/// The largest secret: ten times a private key with its certificates.
pub(super) const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// An environment variable, by name.
    Environment(String),
    /// A file.
    File(PathBuf),
    /// What a program prints: its name and its arguments.
    Command(Vec<String>),
}

impl SecretSource {
    /// As the command line writes it: `env:VARIABLE`, `file:PATH`, `command:PROGRAM ARGUMENTS`, with blanks
    /// between the words of a command and quotes around those that hold some. No shell reads it.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':').filter(|(_, rest)| !rest.trim().is_empty())?;
        match kind {
            "env" => Some(Self::Environment(rest.to_owned())),
            "file" => Some(Self::File(PathBuf::from(rest))),
            "command" => command::words(rest).map(Self::Command),
            _ => None,
        }
    }
}

/// What the script asks for by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Its name alone.
    Name,
    /// From a place that the script names: its files lie in its folder.
    From(SecretSource),
}

/// The secrets of one script. A clone shares them.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Shared>);

#[derive(Default)]
struct Shared {
    mask: Mask,
    given: BTreeMap<String, SecretSource>,
    allows_commands: bool,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    /// By name, with what the script asked for.
    values: BTreeMap<String, (Wanted, Arc<str>)>,
    /// Those of an earlier version of the script, for whoever asks for the same.
    known: BTreeMap<String, (Wanted, Arc<str>)>,
    is_complete: bool,
}

/// Never shows what it holds.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.found().values.keys()).finish()
    }
}

impl Secrets {
    /// None so far. `given` are the command line's sources by name; `mask` learns what is to be hidden.
    pub fn new(mask: Mask, given: BTreeMap<String, SecretSource>, allows_commands: bool) -> Self {
        Self(Arc::new(Shared { mask, given, allows_commands, found: Mutex::default() }))
    }

    /// The same for another version of the script: what is known stays, and it may ask for more.
    #[must_use]
    pub fn renewed(&self) -> Self {
        let shared = &self.0;
        let known = self.found().values.clone();
        Self(Arc::new(Shared {
            mask: shared.mask.clone(),
            given: shared.given.clone(),
            allows_commands: shared.allows_commands,
            found: Mutex::new(Found { known, ..Found::default() }),
        }))
    }

    /// What hides them.
    pub fn mask(&self) -> &Mask {
        &self.0.mask
    }

    /// Once the top level was run: from here on nothing is read any more. The given names that it didn't
    /// ask for, each with the name of a secret that is near.
    pub fn complete(&self) -> Vec<(String, Option<String>)> {
        let mut found = self.found();
        found.is_complete = true;
        let near = |name: &str| {
            let near = suggest(name, found.values.keys().map(String::as_str));
            near.first().map(|near| (*near).to_owned())
        };
        let unused = self.0.given.keys().filter(|name| !found.values.contains_key(*name));
        unused.map(|name| (name.clone(), near(name))).collect()
    }

    /// The secret of that name, read if it is the first time. The command line wins over the environment,
    /// and that over what the script says.
    pub(super) fn find(&self, name: &str, wanted: Wanted, outside: &Outside) -> Result<Arc<str>, HostError> {
        check_name(name)?;
        let mut found = self.found();
        if let Some((known, value)) = found.values.get(name) {
            if *known == wanted {
                return Ok(Arc::clone(value));
            }
            return Err(HostError::declaration(format!("the secret `{name}` is read from two places"))
                .hint("keep it in one constant")
                .word(name));
        }
        if found.is_complete {
            return Err(HostError::declaration(format!(
                "the secret `{name}` was not asked for when the script was read"
            ))
            .hint("the top level must ask for the same secrets each time it runs: not by chance or by time")
            .word(name));
        }
        if found.values.len() == SECRETS_MAX {
            return Err(HostError::declaration(format!("a script can have at most {SECRETS_MAX} secrets"))
                .hint("put several into one file as JSON, and read it with `parse_json`")
                .word(name));
        }
        if let Some((_, value)) = found.known.get(name).filter(|(known, _)| *known == wanted).cloned() {
            found.values.insert(name.to_owned(), (wanted, Arc::clone(&value)));
            return Ok(value);
        }
        let value: Arc<str> = self.read(name, &wanted, outside)?.into();
        // Also what is refused: it was meant to be one.
        self.0.mask.hide(&value);
        if value.chars().count() < CHARACTERS_MIN {
            return Err(HostError::declaration(format!(
                "the secret `{name}` has fewer than {CHARACTERS_MIN} characters"
            ))
            .hint("it would be hidden wherever its letters stand by chance: choose a longer one, or read what is no secret with `env(name)`")
            .word(name));
        }
        found.values.insert(name.to_owned(), (wanted, Arc::clone(&value)));
        Ok(value)
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.0.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(clippy::match_same_arms, reason = "the order of the arms is the precedence")]
    fn read(&self, name: &str, wanted: &Wanted, outside: &Outside) -> Result<String, HostError> {
        let own_variable = variable(name);
        let source = match (self.0.given.get(name), wanted) {
            (Some(SecretSource::File(path)), _) => {
                let shown = path.display();
                let opened = File::open(path).map_err(|error| {
                    HostError::declaration(format!(
                        "failed to read the secret `{name}` from `{shown}`: {error}"
                    ))
                    .hint("the path starts where `runner` is called")
                    .word(name)
                })?;
                return text_of(name, opened);
            }
            (Some(source), _) => source,
            (None, _) if outside.env.contains_key(&own_variable) => {
                &SecretSource::Environment(own_variable.clone())
            }
            (None, Wanted::Name) => &SecretSource::Environment(name.to_owned()),
            (None, Wanted::From(source)) => source,
        };
        match source {
            SecretSource::Environment(variable) => match outside.env.get(variable) {
                Some(value) if value.len() as u64 <= SECRET_BYTES_MAX => Ok(value.clone()),
                Some(_) => Err(too_large(name)),
                None => Err(missing(name, variable, &own_variable)),
            },
            SecretSource::File(path) => {
                let (file, _) = folder::open(&outside.folder, &path.to_string_lossy())
                    .map_err(|error| HostError { fault: Fault::Plan, ..error })?;
                text_of(name, file)
            }
            SecretSource::Command(words) => {
                if !self.0.allows_commands {
                    return Err(HostError::declaration(format!(
                        "the secret `{name}` comes from the command `{}`, which may not run",
                        words.join(" ")
                    ))
                    .hint("look at what it does, then allow it with `--allow-run`")
                    .word(name));
                }
                let is_given = self.0.given.contains_key(name);
                let folder = (!is_given).then_some(outside.folder.as_path());
                let printed = command::run(words, folder)
                    .map_err(|error| error.of_secret(name, &words.join(" ")).word(name))?;
                to_text(name, printed)
            }
        }
    }
}

/// The variable that holds a secret for runner alone.
fn variable(name: &str) -> String {
    format!("{SECRET_VARIABLE}{}", name.to_ascii_uppercase())
}

fn check_name(name: &str) -> Result<(), HostError> {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = name.starts_with(|c: char| is_fine(c) && !c.is_ascii_digit()) && name.chars().all(is_fine);
    if is_name && name.len() <= NAME_CHARACTERS_MAX {
        return Ok(());
    }
    Err(HostError::declaration(format!("`{name}` is no name for a secret"))
        .hint(format!(
            "use letters, digits and `_`, beginning with a letter, at most {NAME_CHARACTERS_MAX}: users set it as `{SECRET_VARIABLE}NAME`"
        ))
        .word(name))
}

fn missing(name: &str, variable: &str, own_variable: &str) -> HostError {
    let message = if variable == name {
        format!("the secret `{name}` is not set")
    } else {
        format!("the secret `{name}` is not set: there is no variable `{variable}`")
    };
    HostError::declaration(message)
        .hint(format!(
            "set the environment variable `{own_variable}`, or say where it is: `--secret {name}=file:PATH`"
        ))
        .word(name)
}

fn too_large(name: &str) -> HostError {
    let limit = format_size(SECRET_BYTES_MAX as f64);
    HostError::declaration(format!("the secret `{name}` is larger than {limit}"))
        .hint("is it the right file?")
        .word(name)
}

fn text_of(name: &str, file: impl Read) -> Result<String, HostError> {
    let mut bytes = Vec::new();
    file.take(SECRET_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| {
        HostError::declaration(format!("failed to read the secret `{name}`: {error}")).word(name)
    })?;
    to_text(name, bytes)
}

/// Without the newline at the end, which editors and `echo` put there.
fn to_text(name: &str, bytes: Vec<u8>) -> Result<String, HostError> {
    if bytes.len() as u64 > SECRET_BYTES_MAX {
        return Err(too_large(name));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| {
        HostError::declaration(format!("the secret `{name}` is no text in UTF-8"))
            .hint("keep bytes in base64, and read them with `encoding::base64_decode`")
            .word(name)
    })?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
