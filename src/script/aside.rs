//! Another version of the script, loaded beside the one that plays.
//!
//! Its top level runs on the worker's own stage, between two turns of the users. What it sets there is put aside
//! until the version is taken; iterations under way then end on the one that they began on.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::Program;
use super::expected::Expected;
use super::stage::{Outside, Stage};
use crate::diagnostic::{Diagnostic, Source};
use crate::plan::Plan;

/// What a version's top level sets on its stage.
#[derive(Debug)]
pub struct Aside {
    outside: Rc<Outside>,
    expected: Option<Expected>,
}

impl Outside {
    /// The same for another version of the script: modules and data files are read anew, shared counters go on, and so
    /// do secrets.
    #[must_use]
    pub fn renewed(&self) -> Self {
        self.renewed_where(|_| true)
    }

    /// The same where only some data files have changed, by their paths from the script's folder.
    #[must_use]
    pub fn renewed_where(&self, has_changed: impl Fn(&Path) -> bool) -> Self {
        let (data, secrets) = (Arc::new(self.data.renewed(has_changed)), self.secrets.renewed());
        Self { modules: Arc::default(), data, secrets, ..self.clone() }
    }
}

impl Program {
    /// The version, the plan that it declares, and what [`Stage::take`] is to be given when it is taken.
    pub fn load_aside(
        source: &Arc<Source>,
        outside: &Outside,
        stage: &Rc<Stage>,
    ) -> Result<(Self, Plan, Aside), Box<Diagnostic>> {
        let playing = stage.swap(Aside { outside: Rc::new(outside.clone()), expected: None });
        let loaded = Self::load(source, stage);
        // A top level that failed leaves what it declared so far.
        stage.declaration.take();
        let aside = stage.swap(playing);
        let (program, plan) = loaded?;
        Ok((program, plan, aside))
    }
}

impl Stage {
    /// A version is played from here on.
    pub fn take(&self, aside: Aside) {
        self.swap(aside);
    }

    fn swap(&self, other: Aside) -> Aside {
        Aside {
            outside: self.outside.replace(other.outside),
            expected: self.expected.replace(other.expected),
        }
    }
}
