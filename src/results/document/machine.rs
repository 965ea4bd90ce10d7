//! What the run was played with: the machine, the build, and the script's version.

use serde::{Deserialize, Serialize};

use crate::results::{Commit, Fingerprint, Provenance, ScriptVersion};

/// The machine, and what played on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Environment {
    cores: u64,
    cpu_model: String,
    kernel: String,
    workers: u64,
    runner: String,
    build: String,
    script: Option<Version>,
}

/// The script as it ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    sha256: String,
    files: usize,
    commit: Option<Held>,
}

/// The commit that its folder was at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    id: String,
    holds_script: bool,
}

impl From<&Provenance> for Environment {
    fn from(provenance: &Provenance) -> Self {
        let Fingerprint { cores, cpu_model, kernel, workers, runner, build } = provenance.machine.clone();
        let version = |script: &ScriptVersion| Version {
            sha256: script.sha256.clone(),
            files: script.files,
            commit: script
                .commit
                .as_ref()
                .map(|commit| Held { id: commit.id.clone(), holds_script: commit.holds_script }),
        };
        let script = provenance.script.as_ref().map(version);
        Self { cores, cpu_model, kernel, workers, runner, build, script }
    }
}

impl Environment {
    pub(super) fn provenance(self) -> Provenance {
        let Self { cores, cpu_model, kernel, workers, runner, build, script } = self;
        let commit = |held: Held| Commit { id: held.id, holds_script: held.holds_script };
        Provenance {
            machine: Fingerprint { cores, cpu_model, kernel, workers, runner, build },
            script: script.map(|version| ScriptVersion {
                sha256: version.sha256,
                files: version.files,
                commit: version.commit.map(commit),
            }),
        }
    }
}
