//! A scenario as one worker plays it: its share, its books, and the series of its iterations.
//!
//! The crew ([`super::crew`]) holds one for each scenario of the plan; drivers and users book in it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use crate::metrics::{Kind, Recorder, SeriesId, TagSet};
use crate::plan::{Demand, Ids, Plan, Scenario, Slots, Think};
use crate::script::{Agenda, Cast, Course, Stage};

use super::books::Books;
use super::crew::Means;
use super::pace::Pace;
use super::play::Play;
use super::timetable::Timetable;

/// What the users of one scenario share on a worker.
#[derive(Debug)]
pub(super) struct Part {
    /// Which scenario of the plan, from 0.
    pub(super) index: usize,
    /// The scenario, as the plan has it.
    pub(super) scenario: Scenario,
    /// Whether it starts with the load, and not after another scenario.
    pub(super) is_first: bool,
    /// Where its schedule stands.
    pub(super) timetable: Rc<Timetable>,
    /// Users of it that this worker has beyond those planned, at most.
    pub(super) beyond: Cell<u64>,
    /// Tasks of its driver that have not come to their end.
    pub(super) tasks: Cell<usize>,
    /// The last change that concerned it, from 1.
    pub(super) change: Cell<u64>,
    /// Whether all of those have, since the last change.
    pub(super) is_over: Cell<bool>,
    /// Whether a task sees to it that it lasts for its whole time.
    pub(super) is_held: Cell<bool>,
    /// Which shard of the scenario's demand this worker plays.
    pub(super) shard: usize,
    /// The numbers of its users over the whole run.
    pub(super) ids: Ids,
    /// The most users of the scenario at once that the plan asks for, all shards together.
    pub(super) peak: u64,
    pub(super) cast: Rc<Cast>,
    /// What an iteration runs from its begin to its end.
    play: RefCell<Rc<Play>>,
    /// How long a user pauses between iterations.
    pub(super) think: Cell<Think>,
    /// How long iterations may run on behind the scenario's end.
    pub(super) graceful_stop: Cell<Duration>,
    pub(super) books: Cell<Books>,
    /// Failed iterations that threw.
    pub(super) threw: Cell<u64>,
    series: IterationSeries,
}

#[derive(Debug, Clone, Copy)]
struct IterationSeries {
    iterations: SeriesId,
    /// One for each [`Reason`].
    dropped: [SeriesId; Reason::ALL.len()],
    duration: SeriesId,
    response_time: SeriesId,
    lateness: SeriesId,
}

/// Why an iteration that the demand asked for never began; the tag `reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// All users were busy, and there were as many as there may be.
    NoFreeVu,
    /// As many as may wait for a user did.
    QueueFull,
    /// The scenario was over, or the run was stopped, before it could begin.
    NotStarted,
    /// The user that was hired for it did not come through `on_start`.
    OnStartFailed,
}

impl Reason {
    const ALL: [Reason; 4] = [Reason::NoFreeVu, Reason::QueueFull, Reason::NotStarted, Reason::OnStartFailed];

    /// Those for which iterations of a demand can be dropped.
    fn of(demand: &Demand) -> &'static [Reason] {
        match demand {
            Demand::Arrivals(_) => &Self::ALL,
            Demand::Users(users) if users.bound.is_some() => &[Reason::NotStarted],
            Demand::Users(_) => &[],
        }
    }

    fn tag(self) -> &'static str {
        match self {
            Reason::NoFreeVu => "no_free_vu",
            Reason::QueueFull => "queue_full",
            Reason::NotStarted => "not_started",
            Reason::OnStartFailed => "on_start_failed",
        }
    }
}

/// When an iteration was due, began and ended.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "a unit ends a name")]
pub(super) struct Span {
    pub(super) due_ns: u64,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
}

impl Part {
    /// A scenario of the plan, as a shard of it is played here.
    pub(super) fn new(
        means: &Means,
        plan: &Plan,
        (index, shard): (usize, usize),
        pace: &Rc<RefCell<Pace>>,
        caps: Vec<Rc<Slots>>,
    ) -> Self {
        let scenario = &plan.scenarios[index];
        // The scenario's own come last: they win.
        let tags = plan.options.tags.iter().chain(&scenario.tags);
        let tags = TagSet::from_pairs(tags.map(|(key, value)| (key.as_str(), value.as_str())));
        let (symbols, series) = means.stage.recorder().with(|recorder| {
            let symbols = [recorder.intern(&scenario.name), recorder.intern_tags(&tags)];
            (symbols, iteration_series(recorder, &tags.with("scenario", &scenario.name), &scenario.demand))
        });
        let base_url = scenario.base_url.as_deref().or(plan.base_url.as_deref());
        let timetable = Timetable::new(scenario, pace);
        let ids = Ids::of(plan, index);
        let course = Course {
            executor: scenario.executor.as_str().into(),
            run_start_ns: means.start_ns,
            agenda: Rc::clone(&timetable) as Rc<dyn Agenda>,
            ids,
            seed: means.seed,
            caps,
        };
        let cast = Cast::new(&scenario.name, tags, symbols, base_url, scenario.env.clone(), Some(course));
        let client = (&*cast, plan.options.user_agent.as_deref());
        Self {
            play: RefCell::new(Rc::new(Play::flow(scenario, means.program.as_ref(), &means.stage, client))),
            think: Cell::new(scenario.think),
            graceful_stop: Cell::new(scenario.graceful_stop),
            index,
            scenario: scenario.clone(),
            is_first: plan.after(index).is_none(),
            timetable,
            beyond: Cell::new(0),
            tasks: Cell::new(0),
            change: Cell::new(0),
            is_over: Cell::new(false),
            is_held: Cell::new(false),
            peak: scenario.demand.peak(),
            shard,
            ids,
            cast,
            books: Cell::default(),
            threw: Cell::default(),
            series,
        }
    }

    /// What the next iteration runs.
    #[inline]
    pub(super) fn play(&self) -> Rc<Play> {
        Rc::clone(&self.play.borrow())
    }

    /// Another version of the script has this scenario so: it holds for whatever begins from here on.
    pub(super) fn take(&self, scenario: &Scenario, play: Play) {
        self.play.replace(Rc::new(play));
        self.think.set(scenario.think);
        self.graceful_stop.set(scenario.graceful_stop);
    }

    /// Changes the books.
    pub(super) fn book(&self, change: impl FnOnce(&mut Books)) {
        let mut books = self.books.get();
        change(&mut books);
        self.books.set(books);
    }

    /// Records an iteration that ran to an end of its own, good or bad.
    pub(super) fn record(&self, stage: &Stage, span: Span) {
        let us = |from: u64, to: u64| to.saturating_sub(from).saturating_add(500) / 1_000;
        stage.recorder().with(|recorder| {
            recorder.at(span.end_ns);
            recorder.add(self.series.iterations, 1.0);
            recorder.trend_us(self.series.duration, us(span.start_ns, span.end_ns));
            recorder.trend_us(self.series.response_time, us(span.due_ns, span.end_ns));
            recorder.trend_us(self.series.lateness, us(span.due_ns, span.start_ns));
        });
    }

    /// Books iterations that are booked as scheduled and never began.
    pub(super) fn drop_iterations(&self, stage: &Stage, count: u64, reason: Reason) {
        self.book(|books| books.dropped += count);
        let series = self.series.dropped[reason as usize];
        stage.recorder().with(|recorder| recorder.add(series, count as f64));
    }
}

fn iteration_series(recorder: &mut Recorder, tags: &TagSet, demand: &Demand) -> IterationSeries {
    let mut tagged = |name: &str, tags: &TagSet| {
        let (metric, _): (_, Kind) = recorder.metric(name).expect("a built-in metric");
        recorder.series(metric, tags)
    };
    let dropped = Reason::ALL.map(|reason| tagged("dropped_iterations", &tags.with("reason", reason.tag())));
    let mut series = |name: &str| tagged(name, tags);
    let series = IterationSeries {
        dropped,
        iterations: series("iterations"),
        duration: series("iteration_duration"),
        response_time: series("iteration_response_time"),
        lateness: series("iteration_lateness"),
    };
    // A target on one reason has its samples even when nothing was dropped for it.
    for reason in Reason::of(demand) {
        recorder.add(series.dropped[*reason as usize], 0.0);
    }
    series
}
