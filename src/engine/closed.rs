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
//! What a user does is [`Act`]; a deadline stands over the whole, see [`super::life::Life`].

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;

use rand::RngExt;

use crate::plan::{Bound, Interval, Stripe, Think, Users};

use super::act::{Act, User, live, nanoseconds};
use super::crew::{Crew, Part, Reason};
use super::driver::Task;

/// What the users of one scenario share on a worker.
struct Band {
    part: Rc<Part>,
    users: Users,
    /// Shared iterations that users of this worker have taken.
    taken: Cell<u64>,
    /// Users that have not come to their end.
    left: Cell<u64>,
}

/// Starts the tasks of all users of a scenario that this worker owns.
pub(super) fn start(crew: &Rc<Crew>, part: &Rc<Part>, users: &Users) {
    let left = Cell::new(crew.stripe.share(part.shard, part.peak));
    let band = Band { part: Rc::clone(part), users: users.clone(), taken: Cell::new(0), left };
    let band = Rc::new(band);
    for index in crew.stripe.owned(part.shard, part.peak) {
        tokio::task::spawn_local(user(Task::new(crew), Rc::clone(&band), index + 1));
    }
}

/// User `number` of a scenario, through all intervals in which the curve wants it.
async fn user(task: Task, band: Rc<Band>, number: u64) {
    let (crew, part) = (&task.0, &band.part);
    let scenario_ns = crew.start_ns.saturating_add(nanoseconds(part.scenario.start_time));
    let end_ns = scenario_ns.saturating_add(band.users.curve.duration_ns());
    let intervals = band.users.curve.active(number);
    let clock = crew.stage.clock();
    let alarm = clock.alarm();
    let begun = Rc::new(Cell::new(0));
    let mut free_ns = 0;
    for (life, Interval { start_ns, end_ns: until_ns }) in (0..).zip(intervals) {
        let hold = Hold {
            // A user that is wanted again while its last iteration runs on is due when that is over.
            start_ns: scenario_ns.saturating_add(start_ns).max(free_ns),
            until_ns: scenario_ns.saturating_add(until_ns),
            scenario_end_ns: end_ns,
        };
        if crew.is_stopping() {
            break;
        }
        alarm.set(hold.start_ns);
        tokio::select! {
            biased;
            () = crew.stopped.notified() => break,
            () = poll_fn(|context| alarm.poll_due(context)) => {}
        }
        if clock.now_ns() < hold.until_ns {
            let work = {
                let (band, begun) = (Rc::clone(&band), Rc::clone(&begun));
                // The first iteration is due once `on_start` is over: that it took its time is no lateness.
                move |act: &mut Act<'_>, took_ns: u64| {
                    let start_ns = hold.start_ns.saturating_add(took_ns);
                    run(act, &band, Turns { number, begun: &begun }, Hold { start_ns, ..hold });
                }
            };
            live(crew, part, User { number, life }, (&alarm, hold.deadline_ns(&band)), work).await;
            free_ns = clock.now_ns();
        }
    }
    settle_bound(crew, &band);
}

/// How often a user had its turn.
#[derive(Clone, Copy)]
struct Turns<'a> {
    /// Which user, from 1.
    number: u64,
    /// Iterations that it has begun, in all of its lives.
    begun: &'a Cell<u64>,
}

/// An interval of a user, on the worker's clock.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "a unit ends a name")]
struct Hold {
    start_ns: u64,
    /// No iteration begins from here on.
    until_ns: u64,
    scenario_end_ns: u64,
}

impl Hold {
    /// When an iteration that still runs is cut.
    fn deadline_ns(self, band: &Band) -> u64 {
        let end_ns = self.scenario_end_ns.saturating_add(nanoseconds(band.part.scenario.graceful_stop));
        if self.until_ns >= self.scenario_end_ns {
            return end_ns;
        }
        self.until_ns.saturating_add(nanoseconds(band.users.graceful_ramp_down)).min(end_ns)
    }
}

/// On the fiber: one iteration after another.
fn run(act: &mut Act<'_>, band: &Band, turns: Turns<'_>, hold: Hold) {
    let (crew, part, think) = (act.crew, act.part, act.part.scenario.think);
    let share = Share { stripe: &crew.stripe, shard: part.shard, peak: part.peak };
    let mut due_ns = hold.start_ns;
    let mut now_ns = act.now_ns();
    while now_ns < hold.until_ns && !crew.is_stopping() {
        let Some(iteration) = next_iteration(share, band.users.bound, turns, &band.taken) else { break };
        part.book(|books| books.scheduled += 1);
        let start_ns = now_ns;
        let Some(end_ns) = act.iterate(iteration, due_ns, start_ns) else { break };
        due_ns = end_ns;
        now_ns = act.breathe(end_ns);
        if think != Think::None {
            let draw = act.life.vu.rng.borrow_mut().random::<f64>();
            due_ns = due_ns.saturating_add(think.pause(start_ns, due_ns, draw));
            if due_ns > now_ns && !act.pause(due_ns.min(hold.until_ns)) {
                break;
            }
            now_ns = act.now_ns();
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
fn next_iteration(
    share: Share<'_>,
    bound: Option<Bound>,
    turns: Turns<'_>,
    taken: &Cell<u64>,
) -> Option<u64> {
    let (Share { stripe, shard, peak }, begun) = (share, turns.begun.get());
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
        _ => begun.saturating_mul(peak).saturating_add(turns.number - 1),
    };
    turns.begun.set(begun + 1);
    Some(number)
}

/// Iterations of a bound that nobody began are dropped, and said to be; the scenario's last user counts.
fn settle_bound(crew: &Crew, band: &Band) {
    let part = &band.part;
    band.left.set(band.left.get() - 1);
    let Some(bound) = band.users.bound.filter(|_| band.left.get() == 0) else { return };
    let share = match bound {
        Bound::Shared(total) => crew.stripe.iteration_share(part.shard, part.peak, total),
        Bound::PerUser(each) => crew.stripe.share(part.shard, part.peak).saturating_mul(each),
    };
    let missed = share.saturating_sub(part.books.get().started);
    if missed > 0 {
        part.book(|books| books.scheduled += missed);
        crew.drop_iterations(part, missed, Reason::NotStarted);
    }
}

#[cfg(test)]
mod tests;
