//! `scenario::*`: where the running scenario stands. Only what every worker knows by itself: how many users
//! of all workers run just now would need state that the workers share.

use std::rc::Rc;

use rhai::{EvalAltResult, INT, ImmutableString};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::super::vu::{Course, Vu};
use crate::plan::{Bound, Demand, Users};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "scenario::name()",
            "the name of the scenario that runs",
            move || -> Outcome<ImmutableString> {
                Ok((&*acting(&stage, "scenario::name")?.cast.scenario).into())
            },
        )
        .example("log::info(scenario::name());");
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "scenario::executor()",
            "its executor: `constant-vus`",
            move || -> Outcome<ImmutableString> {
                with(&stage, "scenario::executor", |_, course| (&*course.executor).into())
            },
        )
        .example("log::info(scenario::executor());");
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "scenario::iteration()",
            "this iteration's number in the scenario, from 0; no other iteration of the run has it",
            move || -> Outcome<INT> {
                let number = acting(&stage, "scenario::iteration")?.scenario_iteration.get();
                let number = number.ok_or_else(|| {
                    HostError::new("`scenario::iteration` is called before the first iteration")
                        .hint("in `on_start` there is none yet; `vu::id()` tells users apart")
                })?;
                Ok(INT::try_from(number).unwrap_or(INT::MAX))
            },
        )
        .example("let order = `order-${scenario::iteration()}`;");
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "scenario::start_time()",
            "when it started, in milliseconds since 1970",
            move || -> Outcome<f64> {
                let now_ns = stage.wall_ns();
                let clock_ns = stage.clock().now_ns();
                with(&stage, "scenario::start_time", |_, course| {
                    milliseconds(now_ns.saturating_sub(clock_ns.saturating_sub(course.start_ns)))
                })
            },
        )
        .example("let age = time::now() - scenario::start_time();");
    let stage = Rc::clone(&registry.stage);
    registry
        .define("scenario::elapsed()", "milliseconds since it started", move || -> Outcome<f64> {
            let now_ns = stage.clock().now_ns();
            with(&stage, "scenario::elapsed", |_, course| {
                milliseconds(now_ns.saturating_sub(course.start_ns))
            })
        })
        .example("let half_a_minute_over = scenario::elapsed() > 30000.0;");
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "scenario::progress()",
            "how much of it is over, from 0 to 1: of its iterations where it has a number of them, else of its time",
            move || -> Outcome<f64> {
                let now_ns = stage.clock().now_ns();
                with(&stage, "scenario::progress", |vu, course| progress(vu, course, now_ns))
            },
        )
        .example("if scenario::progress() > 0.5 { log::debug(\"the second half\"); }");
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "scenario::users()",
            "how many virtual users its schedule wants now, on all workers together; where iterations arrive at a rate, the most there may be",
            move || -> Outcome<INT> {
                let now_ns = stage.clock().now_ns();
                with(&stage, "scenario::users", |_, course| {
                    let into_ns = now_ns.saturating_sub(course.start_ns);
                    INT::try_from(users_at(&course.demand, into_ns)).unwrap_or(INT::MAX)
                })
            },
        )
        .example("let share = 1.0 / scenario::users().to_float();");
}

/// Who is on, if it is a user of a scenario.
fn acting(stage: &Stage, function: &str) -> Outcome<Rc<Vu>> {
    let vu = stage.acting(function)?;
    if vu.cast.scenario.is_empty() {
        return Err(HostError::new(format!("`{function}` has no scenario to tell of here"))
            .hint(
                "`setup` and `teardown` belong to the whole run: call it in a flow, `on_start` or `on_stop`",
            )
            .into());
    }
    Ok(vu)
}

fn with<R>(stage: &Stage, function: &str, read: impl FnOnce(&Vu, &Course) -> R) -> Outcome<R> {
    let vu = acting(stage, function)?;
    let course = vu.cast.course.as_ref().expect("every scenario has its course");
    Ok(read(&vu, course))
}

/// The users that a schedule wants; arrivals want as many as they need, up to a number.
fn users_at(demand: &Demand, into_ns: u64) -> u64 {
    match demand {
        Demand::Users(users) => users.curve.users_at(into_ns),
        Demand::Arrivals(arrivals) if into_ns < arrivals.rate.duration_ns() => arrivals.vus_max,
        Demand::Arrivals(_) => 0,
    }
}

fn progress(vu: &Vu, course: &Course, now_ns: u64) -> f64 {
    let elapsed_ns = now_ns.saturating_sub(course.start_ns);
    let (done, all) = match &course.demand {
        Demand::Users(Users { bound: Some(Bound::Shared(total)), .. }) => {
            (vu.scenario_iteration.get().unwrap_or(0), *total)
        }
        Demand::Users(Users { bound: Some(Bound::PerUser(each)), .. }) => (vu.iteration.get(), *each),
        Demand::Users(Users { curve, bound: None, .. }) => (elapsed_ns, curve.duration_ns()),
        Demand::Arrivals(arrivals) => (elapsed_ns, arrivals.rate.duration_ns()),
    };
    if all == 0 { 1.0 } else { (done as f64 / all as f64).min(1.0) }
}

/// Nanoseconds as scripts have times.
pub(super) fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}
