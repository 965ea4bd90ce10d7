//! The closed driver: users that run one iteration after another.
//!
//! User *g* exists while the undivided curve is at least *g*, and belongs to the shard that the stripe
//! table names; so the shards' users together are the single machine's. A user's life:
//!
//! | state    | event                                   | next     |
//! |----------|-----------------------------------------|----------|
//! | away     | its interval begins                     | starting |
//! | starting | `on_start` returned                     | running  |
//! | starting | `on_start` failed                       | stopping |
//! | running  | interval over, bound met, or cut        | stopping |
//! | stopping | `on_stop` returned or was cut           | away     |
//!
//! Intervals are schedule time, see [`super::pace`]; a user whose run is paused waits before its next iteration.
//! A run that is steered changes the curve: from then on the new one says who exists, users beyond the plan's
//! included. What a user does is [`Act`]; a deadline stands over the whole, see [`super::life::Life`].

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use rand::RngExt;

use crate::plan::{Bound, Curve, Demand, Interval, Stripe, Think, Users, VUS_MAX};

use super::act::{Act, Lived, User, live, nanoseconds};
use super::crew::Crew;
use super::driver::{Drive, Task, Woken, wait};
use super::life::Hold;
use super::part::{Part, Reason};

/// Numbers of iterations of users beyond the plan's begin here: more than any run gives the others, and as
/// a script's integer still far from its end.
const BEYOND: u64 = 1 << 40;

/// What the users of one scenario share on a worker.
struct Band {
    part: Rc<Part>,
    /// As planned.
    users: Users,
    /// Shared iterations that users of this worker have taken.
    taken: Cell<u64>,
    /// This worker's users so far, by rank.
    seats: RefCell<Vec<Rc<Seat>>>,
    /// How often it was steered, and when it last was: since the scenario's start.
    version: Cell<u64>,
    steered_ns: Cell<u64>,
}

/// What is left of a user when it is away.
struct Seat {
    /// Which user of the scenario, from 1.
    number: u64,
    /// Iterations that it has begun, in all of its lives.
    begun: Cell<u64>,
    /// Lives that it has begun.
    lives: Cell<u64>,
    /// Whether a task waits for its intervals.
    is_manned: Cell<bool>,
}

/// Starts the tasks of all users of a scenario that this worker owns.
pub(super) fn start(crew: &Rc<Crew>, part: &Rc<Part>, users: &Users) -> Rc<dyn Drive> {
    let band = Rc::new(Band {
        part: Rc::clone(part),
        users: users.clone(),
        taken: Cell::new(0),
        seats: RefCell::default(),
        version: Cell::new(0),
        steered_ns: Cell::new(0),
    });
    if !crew.is_stopping() {
        band.man(crew);
    }
    band
}

impl Band {
    /// A task for each user that the curve ever wants, and that has none.
    fn man(self: &Rc<Self>, crew: &Rc<Crew>) {
        let mut seats = self.seats.borrow_mut();
        for (rank, index) in crew.stripe.owned(self.part.shard, self.with_curve(Curve::peak)).enumerate() {
            if rank == seats.len() {
                let number = index + 1;
                let (begun, lives, is_manned) = (Cell::new(0), Cell::new(0), Cell::new(false));
                seats.push(Rc::new(Seat { number, begun, lives, is_manned }));
            }
            if !seats[rank].is_manned.replace(true) {
                let task = Task::new(crew, &self.part);
                tokio::task::spawn_local(user(task, Rc::clone(self), Rc::clone(&seats[rank])));
            }
        }
    }

    /// Reads the users that are wanted, as steered.
    fn with_curve<R>(&self, read: impl FnOnce(&Curve) -> R) -> R {
        match &*self.part.timetable.demand() {
            Demand::Users(users) => read(&users.curve),
            Demand::Arrivals(_) => unreachable!("steering changes how much, not what"),
        }
    }

    /// How long an iteration may run on whose user the curve no longer wants.
    fn graceful_ramp_down(&self) -> Duration {
        match &*self.part.timetable.demand() {
            Demand::Users(users) => users.graceful_ramp_down,
            Demand::Arrivals(_) => Duration::ZERO,
        }
    }

    /// When a user is wanted, since the scenario's start.
    fn active(&self, number: u64) -> Vec<Interval> {
        self.with_curve(|curve| curve.active(number))
    }

    /// The scenario's start and end.
    fn span_ns(&self) -> (u64, u64) {
        let timetable = &self.part.timetable;
        timetable.start_ns().zip(timetable.end_ns()).expect("a band plays a scenario that has begun")
    }

    /// How long a user is held that is wanted until an instant.
    fn hold(&self, until_ns: u64) -> Hold {
        let (_, scenario_end_ns) = self.span_ns();
        let end_ns = scenario_end_ns.saturating_add(nanoseconds(self.part.graceful_stop.get()));
        let cut_ns = if until_ns >= scenario_end_ns {
            end_ns
        } else {
            until_ns.saturating_add(nanoseconds(self.graceful_ramp_down())).min(end_ns)
        };
        Hold { until_ns, cut_ns }
    }
}

impl Drive for Band {
    fn steer(self: Rc<Self>, crew: &Rc<Crew>, at_ns: u64) {
        let (start_ns, _) = self.span_ns();
        let into_ns = at_ns.saturating_sub(start_ns);
        self.version.set(self.version.get() + 1);
        self.steered_ns.set(into_ns);
        // One that was wanted until now may be wanted for longer, or no more.
        for life in crew.lives(&self.part).iter().filter(|life| life.hold.get().until_ns > at_ns) {
            let mut intervals = self.active(self.part.ids.number(life.vu.id)).into_iter();
            let now = intervals.find(|interval| (interval.start_ns..interval.end_ns).contains(&into_ns));
            let until_ns = now.map_or(at_ns, |interval| start_ns.saturating_add(interval.end_ns));
            life.hold.set(self.hold(until_ns));
        }
        let owned = |users| crew.stripe.share(self.part.shard, users);
        let beyond = owned(self.with_curve(Curve::peak)).saturating_sub(owned(self.part.peak));
        self.part.beyond.set(self.part.beyond.get().max(beyond));
        self.man(crew);
    }

    fn hold_anew(&self, crew: &Crew) {
        for life in crew.lives(&self.part) {
            life.hold.set(self.hold(life.hold.get().until_ns));
        }
    }

    /// Iterations of a bound that nobody began are dropped, and said to be.
    fn end(&self, crew: &Crew) {
        let part = &self.part;
        let share = match self.users.bound {
            Some(Bound::Shared(total)) => crew.stripe.iteration_share(part.shard, part.peak, total),
            Some(Bound::PerUser(each)) => crew.stripe.share(part.shard, part.peak).saturating_mul(each),
            None => return,
        };
        let missed = share.saturating_sub(part.books.get().started);
        if missed > 0 {
            part.book(|books| books.scheduled += missed);
            part.drop_iterations(&crew.stage, missed, Reason::NotStarted);
        }
    }
}

/// A user of a scenario, through all intervals in which the curve wants it.
async fn user(task: Task, band: Rc<Band>, seat: Rc<Seat>) {
    let (crew, part) = (&task.crew, &task.part);
    let (scenario_ns, _) = band.span_ns();
    let clock = crew.stage.clock();
    let alarm = clock.alarm();
    let mut version = band.version.get();
    let mut intervals = band.active(seat.number);
    // Since the scenario's start: what lies before is done. A user that is steered to begins then.
    let mut done_ns = band.steered_ns.get();
    let mut free_ns = 0;
    while !crew.is_stopping() {
        if version != band.version.get() {
            version = band.version.get();
            intervals = band.active(seat.number);
            done_ns = band.steered_ns.get();
        }
        let next = intervals.partition_point(|interval| interval.end_ns <= done_ns);
        let Some(interval) = intervals.get(next) else { break };
        // A user that is wanted again while its last iteration runs on is due when that is over.
        let start_ns = scenario_ns.saturating_add(interval.start_ns.max(done_ns)).max(free_ns);
        match wait(crew, &alarm, start_ns).await {
            Woken::Due => {}
            Woken::Changed => continue,
            Woken::Stopped => break,
        }
        let hold = band.hold(scenario_ns.saturating_add(interval.end_ns));
        done_ns = interval.end_ns;
        if crew.schedule_ns(clock.now_ns()) < hold.until_ns {
            let work = {
                let (band, seat) = (Rc::clone(&band), Rc::clone(&seat));
                // The first iteration is due once `on_start` is over: that it took its time is no lateness.
                move |act: &mut Act<'_>, took_ns: u64| {
                    run(act, &band, &seat, start_ns.saturating_add(took_ns));
                }
            };
            let life = seat.lives.replace(seat.lives.get() + 1);
            let user = User { number: seat.number, life };
            let Lived::Ended(hold) = live(crew, part, user, (&alarm, hold), work).await else { continue };
            // Whatever was steered meanwhile, this life was part of it.
            version = band.version.get();
            intervals = band.active(seat.number);
            done_ns = hold.until_ns.saturating_sub(scenario_ns);
            free_ns = crew.schedule_ns(clock.now_ns());
        }
    }
    seat.is_manned.set(false);
}

/// On the fiber: one iteration after another.
fn run(act: &mut Act<'_>, band: &Band, seat: &Seat, start_ns: u64) {
    let (crew, part) = (act.crew, act.part);
    let share = Share { stripe: &crew.stripe, shard: part.shard, peak: part.peak };
    // Schedule time, as is all but what is named otherwise.
    let mut due_ns = start_ns;
    let mut real_ns = act.now_ns();
    loop {
        let now_ns = crew.schedule_ns(real_ns);
        if now_ns >= act.life.hold.get().until_ns || crew.is_stopping() {
            break;
        }
        if crew.is_paused(real_ns) {
            let Some(running_ns) = act.running() else { break };
            real_ns = running_ns;
            continue;
        }
        let Some(iteration) = next_iteration(share, band.users.bound, seat, &band.taken) else { break };
        part.book(|books| books.scheduled += 1);
        let late_ns = now_ns.saturating_sub(due_ns);
        let Some(end_ns) = act.iterate(iteration, real_ns.saturating_sub(late_ns), real_ns) else { break };
        let filled_ns = crew.filled_ns(real_ns, end_ns);
        due_ns = crew.schedule_ns(end_ns).saturating_add(filled_ns - end_ns);
        real_ns = act.breathe(end_ns);
        let think = part.think.get();
        if think != Think::None {
            let draw = act.life.vu.rng.borrow_mut().random::<f64>();
            due_ns = due_ns.saturating_add(think.pause(now_ns, due_ns, draw));
        }
        if think != Think::None || filled_ns > end_ns {
            if due_ns > crew.schedule_ns(real_ns) && !act.wait(due_ns) {
                break;
            }
            real_ns = act.now_ns();
        }
    }
}

/// A worker's share of a scenario with so many users at its peak.
#[derive(Debug, Clone, Copy)]
struct Share<'a> {
    stripe: &'a Stripe,
    shard: usize,
    peak: u64,
}

/// The number of a user's next iteration in its scenario, from 0, if the bound leaves one. Numbers go by
/// index over the whole run, so they are each given once, on however many shards; `taken` counts the
/// shared ones of this shard.
fn next_iteration(share: Share<'_>, bound: Option<Bound>, seat: &Seat, taken: &Cell<u64>) -> Option<u64> {
    let (Share { stripe, shard, peak }, begun) = (share, seat.begun.get());
    let number = match bound {
        Some(Bound::PerUser(each)) if begun >= each => return None,
        Some(Bound::Shared(total)) => {
            let rank = taken.get();
            if rank >= stripe.iteration_share(shard, peak, total) {
                return None;
            }
            taken.set(rank + 1);
            stripe.iteration_nth(shard, peak, rank)?
        }
        _ => match seat.number.checked_sub(peak + 1) {
            None => begun.saturating_mul(peak).saturating_add(seat.number - 1),
            // The plan's users have all numbers below among them.
            Some(extra) => BEYOND + begun.saturating_mul(VUS_MAX).saturating_add(extra),
        },
    };
    seat.begun.set(begun + 1);
    Some(number)
}

#[cfg(test)]
mod tests;
