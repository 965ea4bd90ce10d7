//! The users of one worker: who exists, what their iterations came to, and how they are stopped.
//!
//! Shared by the worker's tasks behind `Rc`; nothing borrowed here spans a wait.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rhai::Dynamic;
use tokio::sync::Notify;

use crate::diagnostic::Diagnostic;
use crate::fiber::{Arena, ArenaError};
use crate::http::{Alarm, Client, Options};
use crate::plan::{Plan, Slots, Stripe};
use crate::script::{Failure, Phase, Program, Stage, Vu};

use super::act::{User, nanoseconds};
use super::books::{Books, ScenarioOutcome};
use super::driver::Drive;
use super::event::{FAILURES_MAX, FailureKind, Interrupted, ScriptFailure};
use super::life::{Hold, Life};
use super::pace::Pace;
use super::part::Part;
use super::play::Play;
use super::prepared::Prepared;
use super::version::Version;

/// The users of one worker.
pub(super) struct Crew {
    pub(super) stage: Rc<Stage>,
    /// Stacks of the users that the plan asks for.
    arena: Rc<Arena>,
    /// Stacks beyond those: of users that it was steered to.
    more_arenas: RefCell<Vec<Rc<Arena>>>,
    pub(super) stripe: Stripe,
    pub(super) parts: Vec<Rc<Part>>,
    pub(super) start_ns: u64,
    /// What `setup` returned, frozen.
    pub(super) data: Dynamic,
    pub(super) hooks: RefCell<Hooks>,
    /// Another version of the script, to be taken at an instant to come.
    pub(super) prepared: RefCell<Option<Prepared>>,
    /// The version that was taken last.
    pub(super) version: RefCell<Option<Arc<Version>>>,
    /// The script that is played; none where all flows are requests.
    pub(super) program: RefCell<Option<Rc<Program>>>,
    pub(super) seed: u64,
    client_options: Options,
    /// What an iteration is filled up to that ends sooner.
    pub(super) iteration_min_ns: Cell<u64>,
    /// Users that exist now, by id.
    roster: RefCell<BTreeMap<u64, Rc<Life>>>,
    pub(super) pace: Rc<RefCell<Pace>>,
    /// Scenarios' drivers, once they have begun.
    pub(super) drives: RefCell<BTreeMap<usize, Rc<dyn Drive>>>,
    /// Scenarios that are over here, each with the last change that it knows; not reported yet.
    pub(super) overs: RefCell<Vec<(usize, u64)>>,
    /// Wakes whoever reports them.
    pub(super) over: Notify,
    /// When the last user ended so far.
    pub(super) ended_ns: Cell<u64>,
    /// Wakes the tasks that wait for the schedule: it has changed.
    pub(super) changed: Notify,
    /// The most users at once since [`Crew::take_most`].
    most: Cell<u64>,
    stopping: Cell<bool>,
    leaving: Cell<bool>,
    pub(super) stopped: Notify,
    failures: RefCell<BTreeMap<(FailureKind, String), ScriptFailure>>,
    failures_more: Cell<u64>,
    /// Those of the failures that nobody was told of.
    failures_new: RefCell<Vec<ScriptFailure>>,
    interrupted: RefCell<Vec<Interrupted>>,
    pub(super) leaked: Cell<u64>,
    /// Bugs of ours, each with how often it was met.
    bugs: RefCell<Vec<(Diagnostic, u64)>>,
    /// The reason of the first `abort(reason)`.
    aborted: RefCell<Option<String>>,
    /// Where `abort(reason)` goes at once.
    abort: Box<dyn Fn(String)>,
}

/// What a crew is made of besides the plan.
pub(super) struct Means {
    /// The script; none where all flows are requests.
    pub(super) program: Option<Rc<Program>>,
    pub(super) stage: Rc<Stage>,
    pub(super) worker: usize,
    pub(super) workers: usize,
    pub(super) start_ns: u64,
    pub(super) data: Dynamic,
    pub(super) seed: u64,
    pub(super) abort: Box<dyn Fn(String)>,
}

/// What a user runs before its iterations and behind them.
#[derive(Debug)]
pub(super) struct Hooks {
    pub(super) on_start: Option<Rc<Play>>,
    pub(super) on_stop: Option<Rc<Play>>,
}

impl Hooks {
    /// Those of a plan.
    pub(super) fn of(plan: &Plan, program: Option<&Rc<Program>>) -> Self {
        let hook = |wanted: bool, name| {
            if wanted { Play::hook(program, name).map(Rc::new) } else { None }
        };
        Self { on_start: hook(plan.hooks.on_start, "on_start"), on_stop: hook(plan.hooks.on_stop, "on_stop") }
    }
}

/// Stacks beyond one a user: of users that had to be leaked, while their successors run.
const STACKS_SPARE: u64 = 64;

/// Stacks that are reserved at least when those run out: address space only.
const STACKS_MORE: usize = 1_024;

/// Different bugs that a worker reports: the first tell the story.
const BUGS_MAX: usize = 5;

impl Crew {
    /// The crew that plays this worker's share of the plan.
    pub(super) fn new(plan: &Plan, means: Means) -> Result<Rc<Self>, ArenaError> {
        let stripe = Stripe::equal(means.workers);
        let run_cap = Slots::of_plan(plan, means.worker, &stripe).map(Rc::new);
        let mut parts = Vec::new();
        let mut users = 0;
        let pace = Rc::new(RefCell::new(Pace::default()));
        for (index, scenario) in plan.scenarios.iter().enumerate() {
            // Turned by one a scenario, so that scenarios of one user don't all meet on one worker.
            let shard = (means.worker + index) % means.workers;
            users += stripe.share(shard, scenario.demand.peak());
            let own_cap = Slots::of_scenario(scenario.rps, scenario.demand.peak(), shard, &stripe);
            let caps = own_cap.map(Rc::new).into_iter().chain(run_cap.clone()).collect();
            parts.push(Rc::new(Part::new(&means, plan, (index, shard), &pace, caps)));
        }
        let stacks = usize::try_from(users + STACKS_SPARE).unwrap_or(usize::MAX);
        Ok(Rc::new(Self {
            arena: Arena::new(stacks)?,
            more_arenas: RefCell::default(),
            hooks: RefCell::new(Hooks::of(plan, means.program.as_ref())),
            prepared: RefCell::new(None),
            version: RefCell::new(None),
            program: RefCell::new(means.program),
            client_options: client_options(plan),
            iteration_min_ns: Cell::new(nanoseconds(plan.options.min_iteration_duration)),
            stage: means.stage,
            stripe,
            parts,
            start_ns: means.start_ns,
            data: means.data,
            seed: means.seed,
            roster: RefCell::default(),
            pace,
            drives: RefCell::default(),
            overs: RefCell::default(),
            over: Notify::new(),
            ended_ns: Cell::new(means.start_ns),
            changed: Notify::new(),
            most: Cell::new(0),
            stopping: Cell::new(false),
            leaving: Cell::new(false),
            stopped: Notify::new(),
            failures: RefCell::default(),
            failures_more: Cell::new(0),
            failures_new: RefCell::default(),
            interrupted: RefCell::default(),
            leaked: Cell::new(0),
            bugs: RefCell::default(),
            aborted: RefCell::default(),
            abort: means.abort,
        }))
    }

    /// Stacks of which one is free, if there is one; where more users are wanted than planned, more are reserved.
    pub(super) fn arena(&self) -> Result<Rc<Arena>, ArenaError> {
        if !self.arena.is_full() {
            return Ok(Rc::clone(&self.arena));
        }
        let mut more = self.more_arenas.borrow_mut();
        if let Some(free) = more.iter().find(|arena| !arena.is_full()) {
            return Ok(Rc::clone(free));
        }
        let so_far: usize = more.iter().map(|arena| arena.count()).sum();
        let beyond: u64 = self.parts.iter().map(|part| part.beyond.get()).sum();
        let missing = usize::try_from(beyond).unwrap_or(usize::MAX).saturating_sub(so_far);
        if missing == 0 {
            return Ok(Rc::clone(&self.arena));
        }
        let arena = Arena::new(missing.max(STACKS_MORE))?;
        more.push(Rc::clone(&arena));
        Ok(arena)
    }

    /// What the schedule's clock shows at an instant.
    #[inline]
    pub(super) fn schedule_ns(&self, real_ns: u64) -> u64 {
        self.pace.borrow().schedule_ns(real_ns)
    }

    /// When the schedule's clock comes to an instant; `u64::MAX`, at which no alarm goes off, while nobody knows.
    pub(super) fn real_ns(&self, schedule_ns: u64) -> u64 {
        self.pace.borrow().real_ns(schedule_ns).unwrap_or(u64::MAX)
    }

    /// Whether the schedule's clock stands at an instant, so that nothing may begin.
    #[inline]
    pub(super) fn is_paused(&self, real_ns: u64) -> bool {
        self.pace.borrow().is_paused(real_ns)
    }

    /// The schedule has changed: whoever waits for it looks again.
    pub(super) fn keep_to_schedule(&self) {
        for life in self.roster.borrow().values() {
            life.keep_to(|at_ns| self.real_ns(at_ns));
        }
        self.changed.notify_waiters();
        for drive in self.drives.borrow().values() {
            drive.look_again();
        }
    }

    /// A scenario's users that exist now.
    pub(super) fn lives(&self, part: &Part) -> Vec<Rc<Life>> {
        let roster = self.roster.borrow();
        roster.values().filter(|life| Rc::ptr_eq(&life.vu.cast, &part.cast)).map(Rc::clone).collect()
    }

    /// Whether all scenarios are over here.
    pub(super) fn is_over(&self) -> bool {
        self.parts.iter().all(|part| part.is_over.get())
    }

    /// A new user, on the roster until [`Crew::dismiss`], with the alarm that cuts it and how long it is wanted.
    pub(super) fn hire(&self, part: &Part, user: User, deadline: (Rc<dyn Alarm>, Hold)) -> Rc<Life> {
        let clock = self.stage.clock();
        let id = part.ids.id(user.number);
        let network = self.stage.network();
        // Users are counted from 1.
        let local_address = network.network().local_address(id.saturating_sub(1));
        let options = Options { local_address, ..self.client_options.clone() };
        let client = Client::new(Rc::clone(clock), Rc::clone(network), options);
        // A user that comes back draws anew: asking the same again would flatter caches.
        let seed = self.seed.wrapping_add(user.life);
        let vu = Vu::new(id, Rc::clone(&part.cast), Phase::Flow, seed, clock.alarm(), Some(client));
        let life = Rc::new(Life::new(Rc::new(vu), deadline.0, deadline.1));
        life.keep_to(|at_ns| self.real_ns(at_ns));
        self.roster.borrow_mut().insert(id, Rc::clone(&life));
        self.most.set(self.most.get().max(self.size()));
        life
    }

    /// Takes a user off the roster.
    pub(super) fn dismiss(&self, vu: &Vu) {
        self.roster.borrow_mut().remove(&vu.id);
    }

    /// When an iteration is over for its user, filled up to the least that it is to last.
    pub(super) fn filled_ns(&self, start_ns: u64, end_ns: u64) -> u64 {
        end_ns.max(start_ns.saturating_add(self.iteration_min_ns.get()))
    }

    /// Users that exist now.
    pub(super) fn size(&self) -> u64 {
        self.roster.borrow().len() as u64
    }

    /// The most users that existed at once since the last call.
    pub(super) fn take_most(&self) -> u64 {
        self.most.replace(self.size())
    }

    /// Cuts all iterations; no further ones begin. An `on_stop` that runs may end.
    pub(super) fn stop(&self) {
        self.stopping.set(true);
        let now_ns = self.stage.clock().now_ns();
        for life in self.roster.borrow().values() {
            life.stop(now_ns);
        }
        self.stopped.notify_waiters();
    }

    /// Leaves behind whatever doesn't end at once; nothing of the script begins any more.
    pub(super) fn leave(&self) {
        self.leaving.set(true);
        self.stop();
        for life in self.roster.borrow().values() {
            life.vu.stop();
        }
    }

    /// True from [`Crew::stop`] on.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.get()
    }

    /// True from [`Crew::leave`] on.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.get()
    }

    /// All iterations so far.
    pub(super) fn books(&self) -> Books {
        self.parts.iter().fold(Books::default(), |mut sum, part| {
            sum.add(part.books.get());
            sum
        })
    }

    /// Keeps a failure of the script. `None`: the engine stopped the user, which is no failure.
    pub(super) fn note(&self, part: &Part, failure: Failure) -> Option<FailureKind> {
        let (kind, diagnostic) = match failure {
            Failure::Stopped(_) => return None,
            Failure::Aborted(reason) => {
                self.aborted.borrow_mut().get_or_insert_with(|| reason.clone());
                (self.abort)(reason);
                return None;
            }
            Failure::Threw(diagnostic) => (FailureKind::Threw, diagnostic),
            Failure::Asserted(diagnostic) => (FailureKind::Asserted, diagnostic),
            Failure::Failed(diagnostic) => (FailureKind::Failed, diagnostic),
        };
        let place = diagnostic.labels.first().map_or_else(String::new, |label| label.position.to_string());
        let key = (kind, format!("{place} {}", diagnostic.message));
        let mut failures = self.failures.borrow_mut();
        if let Some(known) = failures.get_mut(&key) {
            known.count += 1;
        } else if failures.len() < FAILURES_MAX {
            let scenario = part.scenario.name.clone();
            let new = ScriptFailure { kind, scenario, diagnostic, count: 1 };
            self.failures_new.borrow_mut().push(new.clone());
            failures.insert(key, new);
        } else {
            self.failures_more.set(self.failures_more.get() + 1);
        }
        Some(kind)
    }

    /// Books an iteration that was cut, so long after its start.
    pub(super) fn interrupt(&self, part: &Part, place: Option<String>, age_ns: u64) {
        part.book(|books| books.interrupted += 1);
        let age = Duration::from_nanos(age_ns);
        let scenario = part.scenario.name.clone();
        let new = Interrupted { scenario, place, count: 1, oldest: age, sum: age };
        Interrupted::note(&mut self.interrupted.borrow_mut(), new);
    }

    /// The iterations that were cut.
    pub(super) fn interrupted(&self) -> Vec<Interrupted> {
        self.interrupted.borrow().clone()
    }

    /// Reports a bug of ours.
    pub(super) fn report_bug(&self, diagnostic: Diagnostic) {
        let mut bugs = self.bugs.borrow_mut();
        if let Some((_, count)) = bugs.iter_mut().find(|(known, _)| *known == diagnostic) {
            *count += 1;
        } else if bugs.len() < BUGS_MAX {
            bugs.push((diagnostic, 1));
        }
    }

    /// The bugs that were reported.
    pub(super) fn bugs(&self) -> Vec<(Diagnostic, u64)> {
        self.bugs.borrow().clone()
    }

    /// The reason of the first `abort(reason)`.
    pub(super) fn aborted(&self) -> Option<String> {
        self.aborted.borrow().clone()
    }

    /// What the scenarios came to on this worker.
    pub(super) fn scenarios(&self) -> Vec<ScenarioOutcome> {
        let outcome = |part: &Rc<Part>| ScenarioOutcome {
            name: part.scenario.name.clone(),
            books: part.books.get(),
            threw: part.threw.get(),
        };
        self.parts.iter().map(outcome).collect()
    }

    /// Failures that were met first since the last call.
    pub(super) fn new_failures(&self) -> Vec<ScriptFailure> {
        self.failures_new.take()
    }

    /// The failures, and how many more there were.
    pub(super) fn failures(&self) -> (Vec<ScriptFailure>, u64) {
        (self.failures.borrow().values().cloned().collect(), self.failures_more.get())
    }
}

/// What holds for all requests of the run.
pub(super) fn client_options(plan: &Plan) -> Options {
    Options { user_agent: plan.options.user_agent.as_deref().map(Rc::from), ..Options::default() }
}
