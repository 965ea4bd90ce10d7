//! `--profile` of `run`: where it goes, and what is said of it.

use std::cell::OnceCell;
use std::path::PathBuf;

use super::CliError;
use super::keep::KeepArguments;
use super::results::ResultsArguments;
use super::terminal::Terminal;
use crate::engine::Epoch;
use crate::profile::{Profile, ProfileFile, ready, write};
use crate::report::{self, Style};
use crate::results::{PROFILE_FOLDER, PrivateFolder, RunFolder, StoreError};
use crate::session::Profiling;

#[derive(Debug, clap::Args)]
pub(super) struct ProfileArguments {
    /// Say where the runner itself and the script spend their time during the load: tables, and flame graphs in
    /// DIR, by default `profile` in the run's folder
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "given, and given with a folder")]
    profile: Option<Option<PathBuf>>,
    /// Leave the script's own time out of the profile: to take it makes the interpreter slower
    #[arg(long, requires = "profile")]
    profile_native: bool,
}

/// A profile that was asked for.
pub(super) struct Profiled {
    pub(super) profiling: Profiling,
    /// None as long as the run's folder isn't made.
    place: OnceCell<Place>,
}

/// Where it goes.
enum Place {
    /// Where the user says.
    Named(PathBuf),
    /// Into a folder of a run, which is for its owner alone and follows no links.
    OfRun(Result<PrivateFolder, StoreError>),
}

impl ProfileArguments {
    /// Begins the profile, if one was asked for. A folder that can't be written is told before the load.
    pub(super) fn begin(
        &self,
        results: &ResultsArguments,
        keep: &KeepArguments,
    ) -> Result<Option<Profiled>, CliError> {
        let Some(folder) = &self.profile else { return Ok(None) };
        let known = match folder {
            Some(folder) => Some(folder.clone()),
            None if keep.is_on() => None,
            None => Some(results.results.join(PROFILE_FOLDER)),
        };
        let place = OnceCell::new();
        if let Some(known) = known {
            ready(&known).map_err(CliError::Profile)?;
            let _ = place.set(Place::Named(known));
        }
        Ok(Some(Profiled { profiling: Profiling::prepare(!self.profile_native), place }))
    }
}

impl Profiled {
    /// Puts the profile into a run's folder, unless the user named another; of several runs the first one's.
    pub(super) fn lies_in(&self, folder: &RunFolder) {
        let _ = self.place.get_or_init(|| Place::OfRun(folder.again()));
    }

    /// Ends the profile, writes its files, and gives the tables to print; nothing where there was no load.
    pub(super) fn end(&self, style: &Style, terminal: &Terminal) -> Result<String, CliError> {
        let Some(mut profile) = self.profiling.finish() else { return Ok(String::new()) };
        // Without a run there was no load either.
        let Some(place) = self.place.get() else { return Ok(String::new()) };
        hide_secrets(&mut profile, terminal);
        let epoch = Epoch::now();
        let files = profile.files(epoch.wall_ns(epoch.now_ns())).map_err(CliError::Profile)?;
        let folder = match place {
            Place::Named(folder) => {
                ready(folder).and_then(|()| write(folder, &files)).map_err(CliError::Profile)?;
                folder.display().to_string()
            }
            Place::OfRun(run) => {
                let run = run.as_ref().map_err(StoreError::diagnostic)?;
                let folder = write_into(run, &files).map_err(|error| error.diagnostic())?;
                folder.path().display().to_string()
            }
        };
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        Ok(format!("\n{}", report::profile(&profile, &folder, &names, style)))
    }
}

fn write_into(run: &PrivateFolder, files: &[ProfileFile]) -> Result<PrivateFolder, StoreError> {
    let folder = run.enter(PROFILE_FOLDER)?;
    files.iter().try_for_each(|(name, bytes)| folder.write_whole(name, bytes))?;
    Ok(folder)
}

/// The name of a script's file may hold one.
fn hide_secrets(profile: &mut Profile, terminal: &Terminal) {
    for stacks in [&mut profile.computing, &mut profile.waiting].into_iter().flatten() {
        let hidden = terminal.mask().mask(&stacks.to_string()).parse();
        if let Ok(hidden) = hidden {
            *stacks = hidden;
        }
    }
}
