//! `--profile` of `run`: where it goes, and what is said of it.

use std::path::PathBuf;

use super::CliError;
use super::results::ResultsArguments;
use super::terminal::Terminal;
use crate::engine::Epoch;
use crate::profile::{Profile, ready};
use crate::report::{self, Style};
use crate::session::Profiling;

/// The folder of profiles among the results.
const FOLDER: &str = "profile";

#[derive(Debug, clap::Args)]
pub(super) struct ProfileArguments {
    /// Say where the runner itself and the script spend their time during the load: tables, and flame graphs in
    /// DIR, by default `profile` in the folder of results
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
    folder: PathBuf,
}

impl ProfileArguments {
    /// Begins the profile, if one was asked for. A folder that can't be written is told before the load.
    pub(super) fn begin(&self, results: &ResultsArguments) -> Result<Option<Profiled>, CliError> {
        let Some(folder) = &self.profile else { return Ok(None) };
        let folder = folder.clone().unwrap_or_else(|| results.results.join(FOLDER));
        ready(&folder).map_err(CliError::Profile)?;
        Ok(Some(Profiled { profiling: Profiling::prepare(!self.profile_native), folder }))
    }
}

impl Profiled {
    /// Ends the profile, writes its files, and gives the tables to print; nothing where there was no load.
    pub(super) fn end(&self, style: &Style, terminal: &Terminal) -> Result<String, CliError> {
        let Some(mut profile) = self.profiling.finish() else { return Ok(String::new()) };
        hide_secrets(&mut profile, terminal);
        let epoch = Epoch::now();
        let files = profile.write(&self.folder, epoch.wall_ns(epoch.now_ns())).map_err(CliError::Profile)?;
        let folder = self.folder.display().to_string();
        Ok(format!("\n{}", report::profile(&profile, &folder, &files, style)))
    }
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
