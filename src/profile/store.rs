//! All of a run's profile, and the files that it becomes.

use std::io;
use std::path::Path;

use super::{Folded, ProfileError, Samples, flame_graph, pprof};

/// What was profiled during the load.
#[derive(Debug, Default)]
pub struct Profile {
    /// The process's own functions, or why they are not there.
    pub native: Option<Result<Samples, ProfileError>>,
    /// Where scripts computed, by function and line, in samples; none when scripts were not looked at.
    pub computing: Option<Folded>,
    /// Where they waited, in microseconds.
    pub waiting: Option<Folded>,
}

/// Every file that a profile may have.
const FILES: [&str; 7] = [
    "native.svg",
    "native.folded",
    "native.pb.gz",
    "script-computing.svg",
    "script-computing.folded",
    "script-waiting.svg",
    "script-waiting.folded",
];

/// Makes the folder, and takes away what lies there of an earlier profile: a run that finds nothing must not
/// leave another's graph. Whoever asks before the load hears of a folder that can't be written before the work.
pub fn ready(folder: &Path) -> Result<(), ProfileError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| ProfileError::File { path, error }
    };
    std::fs::create_dir_all(folder).map_err(failed(folder))?;
    for name in FILES {
        let path = folder.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&path)(error)),
            _ => {}
        }
    }
    let probe = folder.join(FILES[1]);
    std::fs::write(&probe, "").and_then(|()| std::fs::remove_file(&probe)).map_err(failed(&probe))
}

/// A file of a profile: its name, and what is in it.
pub type ProfileFile = (&'static str, Vec<u8>);

impl Profile {
    /// The files. What has no samples has no graph. `end_unix_ns` is now, in nanoseconds since 1970.
    pub fn files(&self, end_unix_ns: u64) -> Result<Vec<ProfileFile>, ProfileError> {
        let mut files = Vec::new();
        if let Some(Ok(samples)) = &self.native {
            let folded = samples.folded();
            files.extend(drawn(FILES[0], &folded, "runner: processor time by function", "samples")?);
            files.push((FILES[1], folded.to_string().into_bytes()));
            files.push((FILES[2], pprof(samples, end_unix_ns)?));
        }
        if let Some(computing) = &self.computing {
            files.extend(drawn(FILES[3], computing, "script: where it computes", "samples")?);
            files.push((FILES[4], computing.to_string().into_bytes()));
        }
        if let Some(waiting) = &self.waiting {
            files.extend(drawn(FILES[5], waiting, "script: where it waits", "µs")?);
            files.push((FILES[6], waiting.to_string().into_bytes()));
        }
        Ok(files)
    }
}

fn drawn(
    name: &'static str,
    stacks: &Folded,
    title: &str,
    unit: &str,
) -> Result<Option<ProfileFile>, ProfileError> {
    Ok(flame_graph(stacks, title, unit)?.map(|drawn| (name, drawn)))
}

/// Writes files into a folder that the user named.
pub fn write(folder: &Path, files: &[ProfileFile]) -> Result<(), ProfileError> {
    files.iter().try_for_each(|(name, bytes)| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(|error| ProfileError::File { path, error })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_of_an_earlier_run_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        ready(&inner).unwrap();
        let full: Folded = "f (a.rhai:1) 3\n".parse().unwrap();
        let profile = |stacks: &Folded| Profile {
            native: None,
            computing: Some(stacks.clone()),
            waiting: Some(full.clone()),
        };
        let waiting = ["script-waiting.svg", "script-waiting.folded"];
        let written = |profile: &Profile| -> Vec<&str> {
            let files = profile.files(0).unwrap();
            write(&inner, &files).unwrap();
            let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
            assert_eq!(inner.read_dir().unwrap().count(), names.len());
            names
        };
        let first = written(&profile(&full));
        assert_eq!(first[..2], ["script-computing.svg", "script-computing.folded"]);
        assert_eq!(first[2..], waiting);
        ready(&inner).unwrap();
        assert_eq!(inner.read_dir().unwrap().count(), 0);
        let second = written(&profile(&Folded::default()));
        assert_eq!(second[..1], ["script-computing.folded"], "an empty one has no graph");
        assert_eq!(second[1..], waiting);
    }

    #[test]
    fn a_folder_that_cannot_be_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = ready(&file.join("below")).unwrap_err().to_string();
        assert!(error.contains("file/below"), "{error}");
    }
}
