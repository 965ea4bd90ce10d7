//! `runner run --profile`: a profile of this process while scripts play their load.
//!
//! One for all scripts of a command. The timer runs from the first load's beginning to the last one's end, so
//! that neither compiling nor `setup` is in it; scripts in a row add up.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::diagnostic::Diagnostic;
use crate::engine::{NewEpoch, NewFailures, Observer, Tick};
use crate::profile::{Profile, ProfileError, Sampler, Samples};
use crate::script::{LogLine, ScriptProfile};

/// A profile that is being taken.
#[derive(Debug)]
pub struct Profiling {
    native: Mutex<Native>,
    /// Where the scripts' own time is kept, if it is wanted.
    pub script: Option<ScriptProfile>,
}

#[derive(Debug)]
struct Native {
    /// None once it has been finished.
    sampler: Option<Result<Sampler, ProfileError>>,
    /// Loads that are under way.
    loads: usize,
    /// There was one.
    has_begun: bool,
}

impl Profiling {
    /// Makes the profiler, if it can be made: without one the runs are played all the same, and
    /// [`Profiling::finish`] says why. `with_scripts` adds where scripts spend their time, at a price.
    pub fn prepare(with_scripts: bool) -> Self {
        Self {
            native: Mutex::new(Native { sampler: Some(Sampler::prepare()), loads: 0, has_begun: false }),
            script: with_scripts.then(ScriptProfile::default),
        }
    }

    fn native(&self) -> MutexGuard<'_, Native> {
        self.native.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found, once, if there was a load; takes a second or two, since functions get their names here.
    pub fn finish(&self) -> Option<Profile> {
        let mut native = self.native();
        let sampler = native.sampler.take().filter(|_| native.has_begun)?;
        let samples: Result<Samples, ProfileError> = sampler.and_then(Sampler::finish);
        let sums = self.script.as_ref().map(ScriptProfile::sums);
        let (computing, waiting) = sums.map(|sums| (sums.computing, sums.waiting)).unzip();
        Some(Profile { native: Some(samples), computing, waiting })
    }
}

impl Native {
    fn begin(&mut self) {
        self.loads += 1;
        self.has_begun = true;
        if self.loads == 1 {
            self.apply(Sampler::start);
        }
    }

    fn end(&mut self) {
        self.loads = self.loads.saturating_sub(1);
        if self.loads == 0 {
            self.apply(Sampler::stop);
        }
    }

    fn apply(&mut self, change: impl FnOnce(&mut Sampler) -> Result<(), ProfileError>) {
        if let Some(Ok(sampler)) = &mut self.sampler
            && let Err(error) = change(sampler)
        {
            self.sampler = Some(Err(error));
        }
    }
}

/// An observer that also starts and stops the profiler.
pub(super) struct Profiled<'a> {
    pub(super) observer: &'a mut (dyn Observer + Send),
    pub(super) profiling: Option<&'a Profiling>,
}

impl Observer for Profiled<'_> {
    fn tick(&mut self, tick: &Tick<'_>) {
        self.observer.tick(tick);
    }

    fn log(&mut self, line: &LogLine) {
        self.observer.log(line);
    }

    fn load_begins(&mut self) {
        if let Some(profiling) = self.profiling {
            profiling.native().begin();
        }
        self.observer.load_begins();
    }

    fn load_ends(&mut self) {
        if let Some(profiling) = self.profiling {
            profiling.native().end();
        }
        self.observer.load_ends();
    }

    fn epoch(&mut self, new: &NewEpoch<'_>) {
        self.observer.epoch(new);
    }

    fn refused(&mut self, diagnostic: &Diagnostic) {
        self.observer.refused(diagnostic);
    }

    fn failing(&mut self, new: &NewFailures) {
        self.observer.failing(new);
    }
}
