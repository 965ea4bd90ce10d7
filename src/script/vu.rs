//! A virtual user: what one running script carries from its `on_start` to its `on_stop`.
//!
//! Stopping is a level, not an edge: once [`Vu::end`] has been called, every host function and
//! every few operations of the interpreter end the script again, however often it catches that.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use std::task::Waker;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rhai::{Dynamic, ImmutableString};
use rustc_hash::FxHashMap;

use super::browser::Browser;
use super::route::Route;
use super::state::State;
use super::tracer::Trail;
use crate::diagnostic::Position;
use crate::http::{Alarm, Client};
use crate::metrics::{Recorder, Symbol, TagSet};
use crate::plan::{Demand, Ids, Slots};

/// Parsed URLs that a scenario keeps on one worker. URLs made of random numbers go past it and are
/// parsed each time.
const ROUTES_MAX: usize = 10_000;

/// Where in the life cycle a script runs; decides what host functions allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The top level: declares the plan, may not act.
    Declare,
    /// `setup()`, once a run.
    Setup,
    /// `on_start`, flows and `on_stop` of a virtual user.
    Flow,
    /// `teardown(data)`, once a run.
    Teardown,
    /// `summary(data)`, once the run is over; may not act.
    Summary,
    /// A line at a prompt: acts as a flow does, and may declare what flows can use.
    Prompt,
}

/// Why a script was told to end.
#[derive(Debug, Clone)]
pub enum Ending {
    /// The engine stopped this user; not the script's fault.
    Stopped,
    /// `fail(reason)`: this iteration, for good.
    Failed(String),
    /// `abort(reason)`: the whole run.
    Aborted(String),
    /// A limit of the sandbox.
    Limit(Limit),
}

/// A limit of the sandbox that a script met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Too many operations without waiting for anything.
    Operations,
    /// Calls nested so deeply that the stack would end.
    Stack,
    /// A value nested too deeply.
    Nesting,
}

/// Where a scenario's schedule stands. A run can be paused and steered, so this is the engine's to say.
pub trait Agenda: std::fmt::Debug {
    /// How much load is wanted, and for how long.
    fn demand(&self) -> Rc<Demand>;

    /// When the scenario started, on the worker's clock.
    fn start_ns(&self) -> u64;

    /// How much of its time is over at an instant on the worker's clock; pauses don't count.
    fn elapsed_ns(&self, now_ns: u64) -> u64;
}

/// A scenario's place in the run, as far as every worker knows it.
#[derive(Debug, Clone)]
pub struct Course {
    /// Its executor's name.
    pub executor: Rc<str>,
    /// When the load started, on the worker's clock.
    pub run_start_ns: u64,
    /// Where its schedule stands.
    pub agenda: Rc<dyn Agenda>,
    /// The numbers of its users over the whole run.
    pub ids: Ids,
    /// The run's seed, which the script itself may have set.
    pub seed: u64,
    /// Caps on its requests: its own, then that of the whole run.
    pub caps: Vec<Rc<Slots>>,
}

/// What a scenario gives to each of its users on one worker.
#[derive(Debug)]
pub struct Cast {
    /// The scenario's name.
    pub scenario: Rc<str>,
    /// Its symbol in the recorder.
    pub scenario_symbol: Symbol,
    /// Tags of the scenario.
    pub tags: TagSet,
    /// The same, interned.
    pub tags_symbol: Symbol,
    /// Prefix of relative URLs.
    pub base_url: Option<Rc<str>>,
    /// What `env(name)` gives before the run's own environment.
    pub env: BTreeMap<String, String>,
    /// The scenario's place in the run, where there is one.
    pub course: Option<Course>,
    /// URLs that its flows have called.
    routes: RefCell<FxHashMap<ImmutableString, Route>>,
}

impl Cast {
    /// The part of a scenario; `symbols` are those of its name and its tags.
    pub fn new(
        scenario: &str,
        tags: TagSet,
        symbols: [Symbol; 2],
        base_url: Option<&str>,
        env: BTreeMap<String, String>,
        course: Option<Course>,
    ) -> Rc<Self> {
        Rc::new(Self {
            scenario: scenario.into(),
            scenario_symbol: symbols[0],
            tags,
            tags_symbol: symbols[1],
            base_url: base_url.map(Rc::from),
            env,
            course,
            routes: RefCell::default(),
        })
    }

    /// The part of the script outside of scenarios: the top level, `setup` and `teardown`.
    pub fn outside(base_url: Option<&str>) -> Rc<Self> {
        Self::new("", TagSet::default(), [Symbol::NONE; 2], base_url, BTreeMap::new(), None)
    }

    /// The route of a URL that was called before.
    pub(super) fn route(&self, url: &str) -> Option<Route> {
        self.routes.borrow().get(url).cloned()
    }

    /// Keeps a route, unless there are too many.
    pub(super) fn keep_route(&self, url: ImmutableString, route: Route) {
        let mut routes = self.routes.borrow_mut();
        if routes.len() < ROUTES_MAX {
            routes.insert(url, route);
        }
    }
}

/// Tags that a user's samples carry.
#[derive(Debug, Default)]
struct UserTags {
    /// Set by `vu::tag`, until the user ends.
    own: TagSet,
    /// Of the open groups.
    groups: TagSet,
    /// All, the scenario's included.
    all: TagSet,
}

/// One virtual user. Used by one fiber at a time.
pub struct Vu {
    /// Counts from 1 over the whole run, on however many workers or machines.
    pub id: u64,
    /// The scenario's part in this user.
    pub cast: Rc<Cast>,
    /// Where in the life cycle the script is.
    pub phase: Phase,
    /// Iterations that this user has finished or begun before the present one.
    pub iteration: Cell<u64>,
    /// The present iteration's number in its scenario, from 0; none before the first.
    pub scenario_iteration: Cell<Option<u64>>,
    /// How late the present iteration started; taken by its first request.
    pub lateness_ns: Cell<u64>,
    /// `this` in callbacks: a handle on the same state as `this` in flows, to be cloned.
    pub state: Dynamic,
    /// `this` in flows and hooks; out while one runs. A clone would cost an allocation a call.
    pub(super) this: Cell<Dynamic>,
    /// Seeded from the run's seed and the id, so a run is the same on one worker or ten.
    pub rng: RefCell<Pcg64Mcg>,
    /// The path of open groups, `::outer::inner`, or empty.
    pub group: RefCell<String>,
    /// The group path's symbol; [`Symbol::default`] for none.
    pub group_symbol: Cell<Symbol>,
    /// Tags beside the scenario's: its own, and those of the open groups.
    tags: RefCell<UserTags>,
    /// The symbol of all its tags, the scenario's included.
    tags_symbol: Cell<Symbol>,
    /// This user's timer; the engine sets it between iterations, host functions within.
    pub alarm: Rc<dyn Alarm>,
    /// The HTTP client, if it may send anything.
    pub client: Option<Box<Client>>,
    /// What it remembers of services, once there is something.
    browser: OnceCell<Box<Browser>>,
    /// What is traced of it, where somebody takes spans.
    trail: OnceCell<Box<Trail>>,
    ending: RefCell<Option<Ending>>,
    /// Where the script itself asked to end.
    ending_place: Cell<Option<Position>>,
    is_ending: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Vu {
    /// A user that has not run yet. `seed` is the run's.
    pub fn new(
        id: u64,
        cast: Rc<Cast>,
        phase: Phase,
        seed: u64,
        alarm: Rc<dyn Alarm>,
        client: Option<Client>,
    ) -> Self {
        let state = Dynamic::from(State::default());
        let tags = UserTags { all: cast.tags.clone(), ..UserTags::default() };
        Self {
            id,
            tags: RefCell::new(tags),
            tags_symbol: Cell::new(cast.tags_symbol),
            cast,
            phase,
            iteration: Cell::new(0),
            scenario_iteration: Cell::new(None),
            lateness_ns: Cell::new(0),
            this: Cell::new(state.clone()),
            state,
            rng: RefCell::new(Pcg64Mcg::seed_from_u64(mix(seed, id))),
            group: RefCell::default(),
            group_symbol: Cell::default(),
            alarm,
            client: client.map(Box::new),
            browser: OnceCell::new(),
            trail: OnceCell::new(),
            ending: RefCell::new(None),
            ending_place: Cell::new(None),
            is_ending: Cell::new(false),
            waker: RefCell::new(None),
        }
    }

    /// What it remembers of services, if anything.
    #[inline]
    pub(super) fn browser(&self) -> Option<&Browser> {
        self.browser.get().map(|browser| &**browser)
    }

    /// The same, made if need be.
    pub(super) fn open_browser(&self) -> &Browser {
        self.browser.get_or_init(Box::default)
    }

    /// What is traced of it.
    pub(super) fn open_trail(&self) -> &Trail {
        self.trail.get_or_init(Box::default)
    }

    /// From now on its iterations begin with the cookies that it has now.
    pub fn keep_cookies(&self) {
        if let Some(browser) = self.browser() {
            browser.keep_cookies();
        }
    }

    /// Back to those cookies.
    #[inline]
    pub fn reset_cookies(&self) {
        if let Some(browser) = self.browser() {
            browser.reset_cookies();
        }
    }

    /// The tags of its samples, the scenario's and those of open groups included.
    pub(super) fn tags(&self) -> TagSet {
        self.tags.borrow().all.clone()
    }

    /// Their symbol: one read, for every sample without tags of its own.
    #[inline]
    pub(super) fn tags_symbol(&self) -> Symbol {
        self.tags_symbol.get()
    }

    /// The symbol of its tags and further ones, which win.
    pub(super) fn symbol_with(&self, recorder: &mut Recorder, tags: &TagSet) -> Symbol {
        if tags.is_empty() {
            return self.tags_symbol.get();
        }
        recorder.intern_tags(&self.tags.borrow().all.and(tags))
    }

    /// Sets a tag of its own; an empty value removes it.
    pub(super) fn set_tag(&self, recorder: &mut Recorder, name: &str, value: &str) {
        let mut tags = self.tags.borrow_mut();
        tags.own = tags.own.with(name, value);
        self.settle_tags(recorder, &mut tags);
    }

    /// Adds the tags of a group that opens; gives those of the groups around it, for [`Vu::close_group`].
    pub(super) fn open_group(&self, recorder: &mut Recorder, group: &TagSet) -> TagSet {
        let mut tags = self.tags.borrow_mut();
        let inner = tags.groups.and(group);
        let outer = std::mem::replace(&mut tags.groups, inner);
        self.settle_tags(recorder, &mut tags);
        outer
    }

    /// Back to the tags of the groups around the one that closes.
    pub(super) fn close_group(&self, recorder: &mut Recorder, outer: TagSet) {
        let mut tags = self.tags.borrow_mut();
        tags.groups = outer;
        self.settle_tags(recorder, &mut tags);
    }

    fn settle_tags(&self, recorder: &mut Recorder, tags: &mut UserTags) {
        tags.all = self.cast.tags.and(&tags.own).and(&tags.groups);
        self.tags_symbol.set(recorder.intern_tags(&tags.all));
    }

    /// This user's number in its scenario, from 0.
    pub(super) fn number_in_scenario(&self) -> u64 {
        let course = self.cast.course.as_ref();
        course.map_or(self.id, |course| course.ids.number(self.id)).saturating_sub(1)
    }

    /// Remembers how to wake the task that runs this user.
    pub(super) fn keep_waker(&self, waker: &Waker) {
        let mut kept = self.waker.borrow_mut();
        if kept.as_ref().is_none_or(|kept| !kept.will_wake(waker)) {
            *kept = Some(waker.clone());
        }
    }

    /// Tells the script to end, and wakes it from whatever it waits for.
    pub fn stop(&self) {
        self.end(Ending::Stopped);
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Tells the script to end; the first reason stands, but a stop by the engine overrides what
    /// only concerned the iteration.
    pub fn end(&self, ending: Ending) {
        let mut slot = self.ending.borrow_mut();
        if slot.is_none() || matches!((&*slot, &ending), (Some(Ending::Failed(_)), Ending::Stopped)) {
            *slot = Some(ending);
        }
        self.is_ending.set(true);
    }

    /// The same, asked for by the script at a place that Rhai forgets on the way out.
    pub(super) fn end_at(&self, ending: Ending, place: Option<Position>) {
        if !self.is_ending() {
            self.ending_place.set(place);
        }
        self.end(ending);
    }

    /// Where the script asked to end, if it did; cleared.
    pub(super) fn take_ending_place(&self) -> Option<Position> {
        self.ending_place.take()
    }

    /// True from [`Vu::end`] until [`Vu::take_ending`].
    #[inline]
    pub fn is_ending(&self) -> bool {
        self.is_ending.get()
    }

    /// The reason to end, cleared: the next iteration starts without.
    pub fn take_ending(&self) -> Option<Ending> {
        self.is_ending.set(false);
        self.ending.borrow_mut().take()
    }
}

/// Spreads neighbouring ids over the seed space (the finaliser of `SplitMix64`).
pub(super) fn mix(seed: u64, id: u64) -> u64 {
    let mut x = seed ^ id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
