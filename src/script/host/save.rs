//! `response.save(path)`: a body as a file of the script's folder.

use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use rhai::{EvalAltResult, INT, ImmutableString};
use tokio::runtime::Handle;

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::response::Reply;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

const SAVE: &str = "response.save";

/// What to do about a path that leads out of the folder.
const INSIDE: &str = "a script writes into its own folder and the folders in it: write the path from there";

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "response.save(path)",
        "writes the body, decoded, to a file in the script's folder, in place of what is there; gives its size in bytes",
        move |reply: &mut Reply, path: ImmutableString| save(&stage, reply, &path),
    );
    registry.waits();
    registry.example("let size = http::get(\"/report.pdf\").save(\"report.pdf\");");
}

fn save(stage: &Stage, reply: &Reply, path: &str) -> Outcome<INT> {
    let vu = stage.acting(SAVE)?;
    if reply.is_discarded() {
        return Err(HostError::new("the body of the answer was discarded: there is nothing to save")
            .hint("give the request `response_type: \"binary\"`")
            .into());
    }
    if reply.status() == 0 {
        return Err(HostError::new(format!("there is no answer to save: {}", reply.outcome()))
            .hint("look at `status` or `error` first")
            .into());
    }
    let target = target(&stage.outside().folder, path)?;
    let body = reply.body().to_vec();
    let size = INT::try_from(body.len()).unwrap_or(INT::MAX);
    let write = move || std::fs::write(target, body);
    let written = match Handle::try_current() {
        // A disk may be slow, and other users have their turn meanwhile.
        Ok(runtime) => {
            let written = stage.wait(&vu, runtime.spawn_blocking(write))?;
            written.unwrap_or_else(|error| Err(std::io::Error::other(error)))
        }
        // Without a runtime there are no others.
        Err(_) => write(),
    };
    written.map_err(|error| HostError::new(format!("`{path}` can't be written: {error}")).word(path))?;
    Ok(size)
}

/// Where a path leads, which must be a plain file within `folder`, there or still to come.
fn target(folder: &Path, path: &str) -> Result<PathBuf, HostError> {
    let refuse = |why: &str| HostError::new(format!("`{path}` {why}")).word(path);
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for component in Path::new(path).components() {
        match component {
            Component::RootDir | Component::Prefix(_) => {
                return Err(refuse("is an absolute path").hint(INSIDE));
            }
            Component::ParentDir => return Err(refuse("leads upwards with `..`").hint(INSIDE)),
            Component::CurDir | Component::Normal(_) => {}
        }
    }
    let Some(name) = Path::new(path).file_name().filter(|_| !path.ends_with('/')) else {
        return Err(HostError::new(format!("{path:?} names no file")).hint("write it as `\"report.pdf\"`"));
    };
    let home = folder
        .canonicalize()
        .map_err(|error| refuse(&format!("can't be written: the script's folder can't be read: {error}")))?;
    let parent = Path::new(path).parent().unwrap_or(Path::new(""));
    let parent = home
        .join(parent)
        .canonicalize()
        .map_err(|_| refuse("is in a folder that is not there").hint("make the folder first"))?;
    if !parent.starts_with(&home) {
        return Err(refuse("is behind a link that leads out of the script's folder").hint(INSIDE));
    }
    let target = parent.join(name);
    match target.symlink_metadata() {
        Ok(about) if !about.is_file() => {
            Err(refuse("is there, and is no plain file").hint("choose another name"))
        }
        _ => Ok(target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_within_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        std::fs::create_dir(home.join("out")).unwrap();
        std::fs::write(home.join("there.txt"), "x").unwrap();
        std::os::unix::fs::symlink("/tmp", home.join("link")).unwrap();
        std::os::unix::fs::symlink("/tmp/elsewhere", home.join("file")).unwrap();
        for fine in ["a.bin", "./a.bin", "out/a.bin", "there.txt"] {
            assert!(target(home, fine).is_ok(), "{fine}");
        }
        for (path, said) in [
            ("/tmp/a", "is an absolute path"),
            ("../a", "leads upwards"),
            ("out/../../a", "leads upwards"),
            ("", "names no file"),
            ("out/", "names no file"),
            ("out", "is no plain file"),
            ("file", "is no plain file"),
            ("link/a", "leads out of the script's folder"),
            ("nowhere/a", "is in a folder that is not there"),
        ] {
            let error = target(home, path).unwrap_err();
            assert!(error.message.contains(said), "{path}: {error}");
            assert!(error.hint.is_some(), "{path}");
        }
    }
}
