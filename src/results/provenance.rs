//! What a run was played with: the machine, the build, and the script as it ran.
//!
//! Plain data; `session` gathers it. Two runs with equal provenance and seed send the same load.

use sha2::{Digest as _, Sha256};

use super::Fingerprint;

/// What a run was played with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// Machine, kernel, workers, version and build.
    pub machine: Fingerprint,
    /// The script; none where all flows are requests.
    pub script: Option<ScriptVersion>,
}

/// A script as it ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptVersion {
    /// Hexadecimal SHA-256 of the text that ran. Of several files: of what `sha256sum` prints of them, the script first,
    /// then the modules in the order of their names.
    pub sha256: String,
    /// The script, and the modules that it imports; those of the binary are part of its version.
    pub files: usize,
    /// The commit of the git repository that the script lies in.
    pub commit: Option<Commit>,
}

/// A commit of a git repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its hexadecimal name.
    pub id: String,
    /// Whether it holds all files of the script as they ran.
    pub holds_script: bool,
}

impl ScriptVersion {
    /// Of the texts of these files by name, the script first.
    pub fn of(files: &[(String, &str)], commit: Option<Commit>) -> Self {
        let hash = |text: &str| hexadecimal(&Sha256::digest(text.as_bytes()));
        let sha256 = match files {
            [(_, only)] => hash(only),
            several => {
                let line = |(name, text): &(String, &str)| format!("{}  {name}\n", hash(text));
                hash(&several.iter().map(line).collect::<String>())
            }
        };
        Self { sha256, files: files.len(), commit }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_has_the_hash_that_sha256sum_prints() {
        let version = ScriptVersion::of(&[("a.rhai".to_owned(), "abc")], None);
        assert_eq!(version.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn of_several_files_names_and_texts_count() {
        let hash = |files: &[(String, &str)]| ScriptVersion::of(files, None).sha256;
        let file = |name: &str, text| (name.to_owned(), text);
        let whole = hash(&[file("a.rhai", "abc"), file("lib/b.rhai", "x")]);
        assert_ne!(whole, hash(&[file("a.rhai", "abc"), file("lib/b.rhai", "y")]));
        assert_ne!(whole, hash(&[file("a.rhai", "abc"), file("lib/c.rhai", "x")]));
        assert_ne!(whole, hash(&[file("a.rhai", "abcx")]));
    }
}
