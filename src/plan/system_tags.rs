//! Which of the tags that `runner` itself gives samples go to the outputs: k6's option `system_tags`.
//!
//! It holds for what is sent on alone: the summary, the targets and the run's folder need them, so there all are kept.

use serde::{Deserialize, Serialize};

use super::{OptionSpec, Options, PlanError, Reader};
use crate::diagnostic::suggest;

/// The tags that `runner` gives samples, in the order of the reference.
pub const SYSTEM_TAGS: &[&str] = &[
    "scenario",
    "group",
    "name",
    "url",
    "method",
    "status",
    "proto",
    "subproto",
    "tls_version",
    "error",
    "error_code",
    "expected_response",
    "check",
];

/// k6's tags that no sample carries, and what there is instead.
const NONE_HERE: &[(&str, &str)] = &[
    (
        "vu",
        "samples of all users are added up each second: tag those of some by `vu::tag(\"vu\", vu::id().to_string())`",
    ),
    (
        "iter",
        "samples of all iterations are added up each second: tag those of some by `vu::tag(\"iter\", …)`",
    ),
    ("ip", "the summary's block METHOD lists the addresses; `r.remote_ip` has that of a response"),
    ("ocsp_status", "certificates are verified without OCSP"),
    ("service", "it is of gRPC, which isn't spoken yet"),
];

/// The option of a script and a configuration file, which a flag overrides.
pub const SYSTEM_TAGS_OPTION: &[OptionSpec] = &[OptionSpec {
    name: "system_tags",
    takes: "a list of tags' names",
    default: Some("all"),
    about: "which of `runner`'s own tags go to the outputs; the summary and targets have all",
}];

/// What can be wrong with the option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SystemTagsError {
    /// A tag of k6's that isn't recorded here.
    #[error("no sample has the system tag `{name}`")]
    NoneHere {
        /// The tag.
        name: String,
        /// What there is instead.
        instead: &'static str,
    },
    /// No tag of anybody's.
    #[error("there is no system tag `{name}`")]
    Unknown {
        /// The name as written.
        name: String,
        /// Names like it, best first.
        near: Vec<String>,
    },
}

impl SystemTagsError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NoneHere { instead, .. } => (*instead).to_owned(),
            Self::Unknown { near, .. } => match near.first() {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are `{}`", SYSTEM_TAGS.join("`, `")),
            },
        }
    }

    /// The word of the script that is wrong.
    pub fn word(&self) -> &str {
        match self {
            Self::NoneHere { name, .. } | Self::Unknown { name, .. } => name,
        }
    }
}

/// Which of [`SYSTEM_TAGS`] go to the outputs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SystemTags {
    /// The only ones, sorted; nothing stands for all.
    only: Option<Vec<String>>,
}

impl SystemTags {
    /// What is given in place of what `self` says.
    pub fn overridden(&self, options: &Options) -> Result<Self, PlanError> {
        self.with(&Reader::new("`options`", options, &[SYSTEM_TAGS_OPTION]))
    }

    /// The same from a reader that knows [`SYSTEM_TAGS_OPTION`] among others.
    pub(super) fn with(&self, reader: &Reader<'_>) -> Result<Self, PlanError> {
        if !reader.is_given("system_tags") {
            return Ok(self.clone());
        }
        let names = reader.names("system_tags")?;
        let names = names.iter().flat_map(|name| name.split(',')).map(str::trim);
        let mut only: Vec<String> = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
        only.sort_unstable();
        only.dedup();
        match only.iter().find(|name| !SYSTEM_TAGS.contains(&name.as_str())) {
            None => Ok(Self { only: Some(only) }),
            Some(name) => Err(refused(name).into()),
        }
    }

    /// Whether all of them go there.
    pub fn is_all(&self) -> bool {
        self.only.is_none()
    }

    /// Whether a tag is one of them that is left out. Tags of scripts never are.
    pub fn leaves_out(&self, tag: &str) -> bool {
        let Some(only) = &self.only else { return false };
        SYSTEM_TAGS.contains(&tag) && only.iter().all(|kept| kept != tag)
    }

    /// As an option would say it; nothing where all are kept.
    pub(super) fn describe(&self) -> Option<String> {
        let only = self.only.as_ref()?;
        Some(if only.is_empty() { "none".to_owned() } else { only.join(", ") })
    }
}

fn refused(name: &str) -> SystemTagsError {
    let near = || suggest(name, SYSTEM_TAGS.iter().copied()).into_iter().map(str::to_owned).collect();
    match NONE_HERE.iter().find(|(known, _)| *known == name) {
        Some((_, instead)) => SystemTagsError::NoneHere { name: name.to_owned(), instead },
        None => SystemTagsError::Unknown { name: name.to_owned(), near: near() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Value;

    fn read(text: &str) -> Result<SystemTags, PlanError> {
        let options = Options::from([("systemTags".to_owned(), Value::Text(text.to_owned()))]);
        SystemTags::default().overridden(&options)
    }

    #[test]
    fn all_go_to_the_outputs_unless_somebody_says_which() {
        let all = SystemTags::default();
        assert!(all.is_all() && SYSTEM_TAGS.iter().all(|tag| !all.leaves_out(tag)));
        let some = read("status, method,status").unwrap();
        assert!(!some.is_all());
        let kept: Vec<_> = SYSTEM_TAGS.iter().filter(|tag| !some.leaves_out(tag)).copied().collect();
        assert_eq!(kept, ["method", "status"]);
        assert!(!some.leaves_out("team"), "a script's own tags are not the system's");
        assert_eq!(some.describe().as_deref(), Some("method, status"));
        let none = read("").unwrap();
        assert!(SYSTEM_TAGS.iter().all(|tag| none.leaves_out(tag)) && !none.is_all());
    }

    #[test]
    fn a_tag_that_no_sample_has_is_told_with_what_there_is() {
        let told = |text| {
            let error = read(text).unwrap_err();
            format!("{error}: {}", error.hint().unwrap())
        };
        assert!(told("status,vu").starts_with("no sample has the system tag `vu`: samples of all users"));
        assert_eq!(told("methud"), "there is no system tag `methud`: did you mean `method`?");
        assert!(told("qqqqqqqq").starts_with("there is no system tag `qqqqqqqq`: there are `scenario`, "));
    }
}
