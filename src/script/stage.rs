//! What the host functions of one worker share: who is on, the clock, the recorder, the network.
//!
//! Single-threaded, behind `Rc`. Nothing borrowed here outlives a host function's straight-line
//! code: no borrow spans a wait.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use rhai::{Dynamic, EvalAltResult, Position};
use rustc_hash::FxHashMap;

use super::data::Shelf;
use super::declaration::Declaration;
use super::engine::CALL_LEVELS_MAX;
use super::examples::Gallery;
use super::expected::Expected;
use super::log::{Level, LogLine};
use super::lookups::LEVELS;
use super::modules::ModuleFiles;
use super::profiler::{Profiler, ScriptProfile};
use super::secrets::Secrets;
use super::series_key::{SERIES_KEPT_MAX, SeriesKey};
use super::story::{Event, Story, StoryWanted};
use super::timeouts::Timeouts;
use super::tracer::Tracer;
use super::vu::{Ending, Limit, Phase, Vu};
use super::words::Words;
use crate::fiber::{Cancelled, Current, Shared};
use crate::http::{self, Clock};
use crate::metrics::{Recorder, SeriesId};
use crate::plan::{GivenParams, HttpOptions, RunDefaults};

/// Operations of the interpreter between two waits. Some two seconds of work: a flow that needs more
/// computes instead of loading a service, or never ends. A fuzzer waits for no loop.
pub const OPERATIONS_MAX: u32 = if cfg!(fuzzing) { 20_000 } else { 20_000_000 };

/// Operations after which a script that doesn't wait lets the others run: some 0.4 ms.
const OPERATIONS_SLICE: u32 = 4_096;

/// Time after which it does so earlier: an operation on a list of a million items takes milliseconds.
const SLICE_NS: u64 = 2_000_000;

/// Operations after which values are looked at for nesting: below it, fewer levels than the limit of
/// the native stack can have been added.
const OPERATIONS_NESTING: u32 = 256;

/// What a script takes from outside, the same on every worker.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// The script's folder: what it imports and reads lies in it. Empty: the working directory.
    pub folder: PathBuf,
    /// The modules that were read, for all workers.
    pub modules: Arc<ModuleFiles>,
    /// What `env(name)` gives.
    pub env: Arc<BTreeMap<String, String>>,
    /// The seed of all random numbers.
    pub seed: u64,
    /// Data files and shared counters.
    pub data: Arc<Shelf>,
    /// What users give the script's parameters.
    pub params: Arc<GivenParams>,
    /// What holds where the script says nothing.
    pub defaults: Arc<RunDefaults>,
    /// What `secret(name)` gives.
    pub secrets: Secrets,
    /// The lowest level of the log that somebody reads.
    pub log_level: Level,
    /// What answers every request in place of a network: see [`http::Shared::with_null`]. For benches.
    pub null_response: Option<Arc<[u8]>>,
    /// Where it is kept what scripts spend their time on, if somebody asks.
    pub profile: Option<ScriptProfile>,
    /// What `summary::text()` gives, once the run is over.
    pub summary_text: Option<Arc<str>>,
    /// What is told of what happens, one thing after another, if somebody tries the script.
    pub story: Option<StoryWanted>,
}

/// What the host functions of one worker share.
pub struct Stage {
    current: Rc<Current>,
    clock: Rc<dyn Clock>,
    pub(super) outside: RefCell<Rc<Outside>>,
    network: Rc<http::Shared>,
    log: Box<dyn Fn(LogLine)>,
    log_level: Level,
    pub(super) on: RefCell<Option<Rc<Vu>>>,
    /// Operations since the running script last waited.
    pub(super) operations: Cell<u32>,
    looks_for_nesting: Cell<bool>,
    /// A limit was met, and the script goes on to the next variable for the place to show.
    seeks_place: Cell<bool>,
    /// When the running script lets the others run at the latest, if it looks at the clock.
    slice_end_ns: Cell<u64>,
    /// Whether the running script let the others run since [`Stage::breathe`].
    has_waited: Cell<bool>,
    recorder: OnceCell<Shared<Recorder>>,
    words: OnceCell<Words>,
    timeouts: Cell<Timeouts>,
    throws: Cell<bool>,
    folds_ids: Cell<bool>,
    /// Statuses that don't count as failed, if the top level says so.
    pub(super) expected: RefCell<Option<Expected>>,
    series: RefCell<FxHashMap<SeriesKey, SeriesId>>,
    requests_cut: Cell<u64>,
    pub(super) examples: RefCell<Gallery>,
    /// Only while a profile is taken.
    profiler: Option<Rc<Profiler>>,
    /// Only while somebody tries the script.
    pub(super) story: Option<Box<Story>>,
    tracer: OnceCell<Tracer>,
    /// The wall clock at the clock's zero, in nanoseconds since 1970.
    wall_start_ns: Cell<u64>,
    pub(super) declaration: RefCell<Declaration>,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("outside", &self.outside()).finish_non_exhaustive()
    }
}

impl Stage {
    /// A stage with nobody on. `log` must not block.
    pub fn new(
        current: Rc<Current>,
        clock: Rc<dyn Clock>,
        outside: Outside,
        log: impl Fn(LogLine) + 'static,
    ) -> Rc<Self> {
        let profiler = outside.profile.as_ref().map(|_| Rc::default());
        let story = outside.story.map(|wanted| Box::new(Story::new(wanted)));
        Rc::new(Self {
            current,
            clock,
            network: http::Shared::with_null(outside.null_response.clone()),
            tracer: OnceCell::new(),
            log_level: outside.log_level,
            outside: RefCell::new(Rc::new(outside)),
            log: Box::new(log),
            on: RefCell::new(None),
            operations: Cell::new(0),
            looks_for_nesting: Cell::new(false),
            seeks_place: Cell::new(false),
            slice_end_ns: Cell::new(0),
            has_waited: Cell::new(false),
            recorder: OnceCell::new(),
            words: OnceCell::new(),
            timeouts: Cell::new(Timeouts {
                total_ns: http::TIMEOUT_NS,
                connect_ns: http::CONNECT_TIMEOUT_NS,
            }),
            throws: Cell::new(false),
            folds_ids: Cell::new(false),
            expected: RefCell::new(None),
            series: RefCell::default(),
            requests_cut: Cell::new(0),
            examples: RefCell::default(),
            profiler,
            story,
            wall_start_ns: Cell::new(0),
            declaration: RefCell::default(),
        })
    }

    /// The recorder of this worker, once the metrics are known. Given once.
    pub fn set_recorder(&self, mut recorder: Recorder) {
        self.words.set(Words::new(&mut recorder)).expect("a stage gets one recorder");
        let recorder = Shared::new(recorder, Rc::clone(&self.current));
        assert!(self.recorder.set(recorder).is_ok(), "a stage gets one recorder");
    }

    /// The recorder of this worker. No script acts before there is one.
    pub fn recorder(&self) -> &Shared<Recorder> {
        self.recorder.get().expect("the engine sets the recorder before anybody is on")
    }

    pub(super) fn words(&self) -> Words {
        *self.words.get().expect("set with the recorder")
    }

    /// How long requests may take, as the plan says.
    pub(super) fn set_timeouts(&self, timeouts: Timeouts) {
        self.timeouts.set(timeouts);
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        self.timeouts.get()
    }

    /// Whether requests without an answer throw, unless they say otherwise.
    pub(super) fn set_throws(&self, throws: bool) {
        self.throws.set(throws);
    }

    pub(super) fn throws(&self) -> bool {
        self.throws.get()
    }

    /// Whether ids in paths are no part of the tags `name` and `url`.
    pub(super) fn set_folds_ids(&self, folds_ids: bool) {
        self.folds_ids.set(folds_ids);
    }

    pub(super) fn folds_ids(&self) -> bool {
        self.folds_ids.get()
    }

    /// Which fiber runs.
    pub fn current(&self) -> &Rc<Current> {
        &self.current
    }

    /// The worker's clock.
    pub fn clock(&self) -> &Rc<dyn Clock> {
        &self.clock
    }

    /// What scripts take from outside.
    pub fn outside(&self) -> Rc<Outside> {
        Rc::clone(&self.outside.borrow())
    }

    /// What the HTTP clients of this worker share.
    pub fn network(&self) -> &Rc<http::Shared> {
        &self.network
    }

    /// The run's options of HTTP.
    pub fn http(&self) -> &HttpOptions {
        self.network.network().options()
    }

    /// The wall clock at the clock's zero, in nanoseconds since 1970.
    pub fn set_wall_start_ns(&self, wall_ns: u64) {
        self.wall_start_ns.set(wall_ns);
    }

    /// Nanoseconds since 1970: the wall clock at the start, and the clock since.
    pub(super) fn wall_ns(&self) -> u64 {
        self.wall_at_ns(self.clock.now_ns())
    }

    /// The same of an instant on the clock.
    pub(super) fn wall_at_ns(&self, at_ns: u64) -> u64 {
        self.wall_start_ns.get().saturating_add(at_ns)
    }

    /// Requests under way when their iteration was cut, since the last call.
    pub fn take_requests_cut(&self) -> u64 {
        self.requests_cut.take()
    }

    /// So many of a user's were.
    pub(super) fn cut_requests(&self, vu: &Vu, count: u64) {
        self.requests_cut.set(self.requests_cut.get() + count);
        self.tracer().into_iter().for_each(|tracer| tracer.cut(self, vu));
    }

    /// Runs `work` with `vu` on, on the thread's own stack: the top level.
    pub(super) fn with_on<R>(&self, vu: &Rc<Vu>, work: impl FnOnce() -> R) -> R {
        let outer = self.on.replace(Some(Rc::clone(vu)));
        self.operations.set(0);
        let result = work();
        self.on.replace(outer);
        result
    }

    /// Who is on.
    pub(super) fn vu(&self) -> Rc<Vu> {
        Rc::clone(self.on.borrow().as_ref().expect("scripts run with a virtual user on"))
    }

    /// The same for what is done at once: a draw shouldn't cost a count.
    pub(super) fn with_vu<R>(&self, work: impl FnOnce(&Vu) -> R) -> R {
        work(self.on.borrow().as_ref().expect("scripts run with a virtual user on"))
    }

    /// What is told where scripts spend their time, while a profile is taken.
    pub(super) fn profiler(&self) -> Option<&Rc<Profiler>> {
        self.profiler.as_ref()
    }

    /// What makes spans, where somebody takes them.
    #[inline]
    pub fn tracer(&self) -> Option<&Tracer> {
        self.tracer.get()
    }

    /// From now on somebody does. Given once.
    pub fn trace(&self, tracer: Tracer) {
        assert!(self.tracer.set(tracer).is_ok(), "a stage gets one tracer");
    }

    /// Waits for `future`, letting the worker's other users run.
    pub(super) fn wait<F: Future>(&self, vu: &Vu, future: F) -> Result<F::Output, Box<EvalAltResult>> {
        // What was told so far is shown first: to show it while an answer is under way would count as waiting.
        if self.story.as_ref().is_some_and(|story| story.has_news()) {
            self.current.yield_now();
        }
        match &self.profiler {
            None => self.wait_for(vu, future),
            Some(profiler) => {
                let counts = vu.phase == Phase::Flow;
                profiler.suspended(&*self.clock, counts, || self.wait_for(vu, future))
            }
        }
    }

    fn wait_for<F: Future>(&self, vu: &Vu, future: F) -> Result<F::Output, Box<EvalAltResult>> {
        let mut suspended = false;
        let mut future = std::pin::pin!(future);
        let noticed = std::future::poll_fn(|context| {
            let progress = future.as_mut().poll(context);
            suspended |= progress.is_pending();
            progress
        });
        let result = self.current.wait(noticed, || vu.is_ending());
        // What is ready at once, again and again, must not keep the others from running.
        if !suspended {
            self.current.yield_now();
        }
        self.has_waited.set(true);
        self.operations.set(0);
        result.map_err(|Cancelled| terminated().into())
    }

    /// Between two iterations: a flow that waits for nothing lets the others run here.
    pub fn breathe(&self) {
        if !self.has_waited.replace(false) {
            self.current.yield_now();
        }
        self.operations.set(0);
    }

    /// Called by the interpreter at each operation; `Some` ends the script.
    #[inline]
    pub(super) fn progress(&self) -> Option<Dynamic> {
        let operations = self.operations.get() + 1;
        self.operations.set(operations);
        if operations.is_multiple_of(OPERATIONS_NESTING) {
            return self.pause(operations);
        }
        let on = self.on.borrow();
        let vu = on.as_ref()?;
        if vu.is_ending() {
            return (!self.seeks_place.get()).then_some(Dynamic::UNIT);
        }
        if self.current.stack_is_low() {
            vu.end(Ending::Limit(Limit::Stack));
            return Some(Dynamic::UNIT);
        }
        None
    }

    #[cold]
    fn pause(&self, operations: u32) -> Option<Dynamic> {
        self.looks_for_nesting.set(true);
        let vu = self.on.borrow().clone()?;
        if self.seeks_place.replace(false) {
            return Some(Dynamic::UNIT);
        }
        if operations >= OPERATIONS_MAX && !vu.is_ending() {
            vu.end(Ending::Limit(Limit::Operations));
            // What this function returns ends the script without a place. A variable that is read has one.
            self.seeks_place.set(true);
            return None;
        } else if self.current.stack_is_low() {
            vu.end(Ending::Limit(Limit::Stack));
        } else if operations == OPERATIONS_NESTING {
            self.slice_end_ns.set(self.clock.now_ns().saturating_add(SLICE_NS));
        } else if self.current.in_fiber()
            && (operations.is_multiple_of(OPERATIONS_SLICE) || self.clock.now_ns() >= self.slice_end_ns.get())
        {
            match &self.profiler {
                None => self.current.yield_now(),
                Some(profiler) => profiler.suspended(&*self.clock, false, || self.current.yield_now()),
            }
            self.slice_end_ns.set(self.clock.now_ns().saturating_add(SLICE_NS));
            // The others counted their own meanwhile.
            self.has_waited.set(true);
            self.operations.set(operations);
        }
        vu.is_ending().then_some(Dynamic::UNIT)
    }

    /// Whether there is more to do where a variable is read; almost never.
    #[inline]
    pub(super) fn is_alert(&self, call_level: usize) -> bool {
        self.looks_for_nesting.get() || self.seeks_place.get() || call_level > CALL_LEVELS_MAX + LEVELS
    }

    /// Whether the script is to end where a variable is read, for a limit that was met: that is the only
    /// place that the interpreter knows while it ends a script.
    pub(super) fn ends_here(&self, call_level: usize) -> bool {
        if call_level > CALL_LEVELS_MAX + LEVELS && !self.vu().is_ending() {
            self.vu().end(Ending::Limit(Limit::Stack));
            return true;
        }
        self.seeks_place.get() && self.seeks_place.replace(false)
    }

    /// True once every few hundred operations: it is time to look for nesting.
    #[inline]
    pub(super) fn looks_for_nesting(&self) -> bool {
        self.looks_for_nesting.get() && self.looks_for_nesting.replace(false)
    }

    /// The series of a key, made with the key's tags when it is new.
    pub(super) fn series(&self, recorder: &mut Recorder, key: SeriesKey) -> SeriesId {
        if let Some(series) = self.series.borrow().get(&key) {
            return *series;
        }
        let series = recorder.series_of(
            key.metric,
            &[("check", key.check), ("scenario", key.scenario), ("group", key.group)],
            key.tags,
        );
        let mut kept = self.series.borrow_mut();
        if kept.len() < SERIES_KEPT_MAX {
            kept.insert(key, series);
        }
        series
    }

    /// Hands a line of the log on, if somebody reads lines of its level.
    pub(super) fn log(&self, level: Level, text: &str) {
        if level >= self.log_level {
            let vu = self.vu();
            let scenario = vu.cast.scenario.to_string();
            let line = LogLine { level, scenario, vu: vu.id, text: text.to_owned() };
            self.tell(|| Event::Log(line.clone()));
            (self.log)(line);
        }
    }
}

/// Ends the script; [`Vu::is_ending`] says why.
pub(super) fn terminated() -> EvalAltResult {
    EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE)
}
