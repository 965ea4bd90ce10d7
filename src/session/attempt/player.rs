//! Plays functions of a script one after another on this thread, and hands on what is told of them.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rhai::{Dynamic, Scope};
use tokio::sync::oneshot;

use super::choice::Scene;
use super::tally::Tally;
use super::{Act, Audience, Ended, Part, declares_otherwise};
use crate::diagnostic::{Code, Diagnostic, Source};
use crate::engine::{Control, EngineError, Epoch, Timer, Urgency};
use crate::fiber::{Arena, ArenaError, Current, Fiber};
use crate::http::Clock;
use crate::metrics::Recorder;
use crate::plan::Plan;
use crate::script::{
    DEPTH_MAX, Entry, Failure, Outside, Permit, Phase, Place, Program, Stage, Told, Turn, Vu, freeze,
    from_json, is_deeper_than, to_json,
};

use super::SessionError;

/// How long a script that was told to end may take to.
const LEAK_NS: u64 = 1_000_000_000;

/// A script, ready to be played.
pub(super) struct Player {
    pub(super) stage: Rc<Stage>,
    program: Rc<Program>,
    arena: Rc<Arena>,
    epoch: Epoch,
    pub(super) seed: u64,
    tally: Tally,
}

/// When a function is told to end.
#[derive(Debug, Clone, Copy)]
struct Limit {
    /// A stop of this urgency reaches it.
    urgency: Urgency,
    /// After so long; and what it means that it took longer.
    time: Option<(Duration, Code)>,
}

impl Player {
    /// Loads the script on this thread; it must declare what it declared before.
    pub(super) fn start(
        source: &Arc<Source>,
        outside: Outside,
        declared: &Plan,
    ) -> Result<Self, SessionError> {
        let epoch = Epoch::now();
        let timer = Timer::start(epoch).map_err(EngineError::Start)?;
        // It ends by an error of the system's alone, and then nothing is due any more.
        tokio::task::spawn_local(Rc::clone(&timer).run());
        let seed = outside.seed;
        // Lines of the log are told with all else.
        let stage = Stage::new(Rc::new(Current::default()), timer as Rc<dyn Clock>, outside, |_| {});
        tokio::task::spawn_local(Rc::clone(stage.network()).deliver(Rc::clone(stage.clock())));
        let (program, plan) = Program::load(source, &stage)?;
        if plan != *declared {
            return Err(declares_otherwise().into());
        }
        let arena = Arena::new(1).map_err(|error| no_stack(&error))?;
        Ok(Self { stage, program: Rc::new(program), arena, epoch, seed, tally: Tally::default() })
    }

    pub(super) fn program(&self) -> &Program {
        &self.program
    }

    /// Sets the stage as the plan says.
    pub(super) fn fit(&mut self, plan: &Plan) -> Result<(), SessionError> {
        let options = &plan.options;
        self.seed = options.seed.unwrap_or(self.seed);
        self.stage.set_wall_start_ns(self.epoch.wall_ns(0));
        let recorder = Recorder::new(&plan.metrics).without(plan.dropped_metrics()).keeping(plan.overflow());
        self.stage.set_recorder(recorder);
        self.stage.set(options)?;
        Ok(())
    }

    /// Plays it from `setup` to `teardown`.
    pub(super) async fn play(
        &mut self,
        plan: &Plan,
        scenes: Vec<Scene>,
        control: &Control,
        audience: &mut dyn Audience,
    ) -> Result<(), SessionError> {
        let begin_ns = self.stage.clock().now_ns();
        let steps = self.stage.outside().story.is_some_and(|wanted| wanted.steps);
        // Whoever goes step by step takes the time that it takes.
        let time = |limit, code| (!steps).then_some((limit, code));
        let mut data = Dynamic::UNIT;
        if plan.hooks.setup {
            let takes_data = self.takes_data(plan, &scenes);
            let limit =
                Limit { urgency: Urgency::Stop, time: time(plan.options.setup_timeout, Code::SetupTimeout) };
            let given = self.hook(plan, Part::Setup, (&data, takes_data), limit, control, audience).await?;
            // Nothing begins after a `setup` that failed, as in a run.
            let Some(given) = given else {
                self.tally.took_ns = self.stage.clock().now_ns().saturating_sub(begin_ns);
                return Ok(());
            };
            data = given;
        }
        for scene in scenes {
            if self.is_over(control) {
                break;
            }
            self.scene(plan, scene, &data, control, audience).await?;
        }
        let is_sound = !self.tally.codes.contains(&Code::Bug);
        if plan.hooks.teardown && is_sound && *control.subscribe().borrow() < Urgency::Now {
            let limit = Limit {
                urgency: Urgency::Now,
                time: time(plan.options.teardown_timeout, Code::TeardownTimeout),
            };
            self.hook(plan, Part::Teardown, (&data, false), limit, control, audience).await?;
        }
        self.tally.took_ns = self.stage.clock().now_ns().saturating_sub(begin_ns);
        Ok(())
    }

    /// What it came to.
    pub(super) fn end(self) -> Tally {
        self.tally
    }

    /// Whether no further flow is played.
    fn is_over(&self, control: &Control) -> bool {
        control.is_stopping() || self.tally.codes.iter().any(|code| matches!(code, Code::Aborted | Code::Bug))
    }

    /// Whether anybody takes what `setup` returns.
    fn takes_data(&self, plan: &Plan, scenes: &[Scene]) -> bool {
        let mut acts = scenes.iter().flat_map(|scene| &scene.flows);
        self.program.takes_data(plan)
            || acts.any(|(act, _)| self.program.parameters(&act.function) == Some(1))
    }

    /// `setup` or `teardown`; gives what is handed on, or nothing where it failed.
    async fn hook(
        &mut self,
        plan: &Plan,
        part: Part,
        (data, takes_data): (&Dynamic, bool),
        limit: Limit,
        control: &Control,
        audience: &mut dyn Audience,
    ) -> Result<Option<Dynamic>, SessionError> {
        let Some(entry) = self.program.entry(part.name()) else { return Ok(Some(Dynamic::UNIT)) };
        let (phase, code) = match part {
            Part::Setup => (Phase::Setup, Code::Setup),
            _ => (Phase::Teardown, Code::Teardown),
        };
        let vu = self.outsider(plan, phase, part.name());
        let act = Act { part, scenario: String::new(), function: part.name().to_owned(), weight: None };
        audience.begin(&act);
        let start_ns = self.stage.clock().now_ns();
        let mut result = self.call(&act, &vu, (&entry, data), limit, control, audience).await?;
        let mut gives = None;
        if takes_data && let Ok(value) = &result {
            match handed_on(value) {
                Ok(value) => {
                    gives = Some(self.stage.portray(&value));
                    result = Ok(value);
                }
                Err(what) => {
                    let text = format!("`setup` returned {what}, which can't be handed to the flows");
                    let hint = "it crosses threads as JSON in a run: return maps, lists, texts, numbers";
                    result = Err(Diagnostic::new(code, text).hint(hint));
                }
            }
        }
        Ok(self.settle(&act, start_ns, (result, gives), audience))
    }

    /// One user of a scenario, from `on_start` to `on_stop`.
    async fn scene(
        &mut self,
        plan: &Plan,
        scene: Scene,
        data: &Dynamic,
        control: &Control,
        audience: &mut dyn Audience,
    ) -> Result<(), SessionError> {
        let vu = match scene.scenario {
            Some(index) => self.user(plan, index),
            None => self.outsider(plan, Phase::Flow, ""),
        };
        let scenario = vu.cast.scenario.to_string();
        let limit = Limit { urgency: Urgency::Stop, time: None };
        let hook = |part: Part| Act {
            part,
            scenario: scenario.clone(),
            function: part.name().to_owned(),
            weight: None,
        };
        let mut is_started = true;
        if plan.hooks.on_start
            && let Some(entry) = self.program.entry("on_start")
        {
            let act = hook(Part::OnStart);
            is_started = self.act(&act, &vu, (&entry, data), limit, control, audience).await?;
            vu.keep_cookies();
        }
        for (number, (act, entry)) in scene.flows.into_iter().enumerate().filter(|_| is_started) {
            if self.is_over(control) {
                break;
            }
            vu.scenario_iteration.set(Some(number as u64));
            self.act(&act, &vu, (&entry, data), limit, control, audience).await?;
            vu.iteration.set(vu.iteration.get() + 1);
            if !self.stage.http().no_cookies_reset {
                vu.reset_cookies();
            }
        }
        let _ = vu.take_ending();
        if plan.hooks.on_stop
            && !self.tally.codes.contains(&Code::Bug)
            && *control.subscribe().borrow() < Urgency::Now
            && let Some(entry) = self.program.entry("on_stop")
        {
            let limit = Limit { urgency: Urgency::Now, time: None };
            self.act(&hook(Part::OnStop), &vu, (&entry, data), limit, control, audience).await?;
        }
        Ok(())
    }

    /// One call from its beginning to its end; false where it failed.
    async fn act(
        &mut self,
        act: &Act,
        vu: &Rc<Vu>,
        called: (&Entry, &Dynamic),
        limit: Limit,
        control: &Control,
        audience: &mut dyn Audience,
    ) -> Result<bool, SessionError> {
        audience.begin(act);
        let start_ns = self.stage.clock().now_ns();
        let result = self.call(act, vu, called, limit, control, audience).await?;
        Ok(self.settle(act, start_ns, (result, None), audience).is_some())
    }

    /// Tells how a call ended.
    fn settle(
        &mut self,
        act: &Act,
        start_ns: u64,
        (result, gives): (Result<Dynamic, Diagnostic>, Option<String>),
        audience: &mut dyn Audience,
    ) -> Option<Dynamic> {
        let (value, failure) = match result {
            Ok(value) => (Some(value), None),
            Err(failure) => (None, Some(failure)),
        };
        self.tally.calls += 1;
        if let Some(failure) = &failure {
            self.tally.calls_failed += 1;
            self.tally.codes.push(failure.code);
        }
        let took_ns = self.stage.clock().now_ns().saturating_sub(start_ns);
        let untold = self.stage.story().map_or(0, crate::script::Story::take_untold);
        audience.end(act, &Ended { took_ns, gives, untold, failure });
        value
    }

    /// Calls a function on a fiber of its own, and tells what happens as it happens.
    async fn call(
        &mut self,
        act: &Act,
        vu: &Rc<Vu>,
        (entry, data): (&Entry, &Dynamic),
        limit: Limit,
        control: &Control,
        audience: &mut dyn Audience,
    ) -> Result<Result<Dynamic, Diagnostic>, SessionError> {
        let stage = Rc::clone(&self.stage);
        let story = stage.story().expect("the stage was made with one");
        story.turn_page(vu);
        let returned = Rc::new(RefCell::new(None));
        let body = {
            let (program, vu, returned) = (Rc::clone(&self.program), Rc::clone(vu), Rc::clone(&returned));
            let (entry, data) = (entry.clone(), data.clone());
            move || {
                let result = program.call(&vu, &entry, &data, &mut Scope::new());
                returned.replace(Some(result));
            }
        };
        let fiber = Fiber::new(&self.arena, stage.current(), body).map_err(|error| no_stack(&error))?;
        let mut turn = pin!(Turn::new(&stage, vu, fiber));
        let mut urgency = control.subscribe();
        let mut stop = pin!(urgency.wait_for(|urgency| *urgency >= limit.urgency));
        let alarm = stage.clock().alarm();
        let start_ns = stage.clock().now_ns();
        if let Some((time, _)) = limit.time {
            alarm.set(start_ns.saturating_add(nanoseconds(time)));
        }
        let mut is_late = false;
        let mut is_stopping = false;
        let mut stopped_at = None;
        let mut asked: Option<oneshot::Receiver<Permit>> = None;
        let tally = &mut self.tally;
        let ended = poll_fn(|context| {
            loop {
                let progress = turn.as_mut().poll(context);
                let mut last = None;
                for told in story.take() {
                    tally.count(&told.event);
                    audience.tell(act, &told);
                    last = Some(told);
                }
                if let Poll::Ready(ended) = progress {
                    return Poll::Ready(Some(ended));
                }
                match answer(&mut asked, story.is_waiting(), last.as_ref(), audience, context) {
                    Some(permit) => {
                        if permit == Permit::End {
                            stopped_at = story.place();
                            control.stop();
                        }
                        story.permit(permit);
                        continue;
                    }
                    None if is_stopping => {
                        if alarm.poll_due(context).is_pending() {
                            return Poll::Pending;
                        }
                        return Poll::Ready(None);
                    }
                    None => {}
                }
                is_late = alarm.poll_due(context).is_ready();
                if !is_late && stop.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                is_stopping = true;
                stopped_at = stopped_at.take().or_else(|| story.place());
                vu.stop();
                alarm.set(stage.clock().now_ns().saturating_add(LEAK_NS));
            }
        })
        .await;
        alarm.clear();
        match ended {
            Some(Ok(())) => {}
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => {
                let text = format!("`{}` did not end when it was told to", act.function);
                return Ok(Err(
                    Diagnostic::new(Code::Bug, text).hint("this is a bug: please report it with the script")
                ));
            }
        }
        let returned = returned.take().expect("the fiber ended, so the call returned");
        if let (true, Some((time, code))) = (is_late, limit.time)
            && matches!(returned, Err(Failure::Stopped(_)))
        {
            let text = format!("`{}` took longer than {}", act.function, crate::units::format_duration(time));
            return Ok(Err(Diagnostic::new(code, text)
                .hint(format!("look at what it waits for, or set `{}_timeout`", act.function))));
        }
        Ok(returned.map_err(|failure| failed(act, failure, stopped_at)))
    }
}

/// What somebody answered who was asked, if anybody was and did.
fn answer(
    asked: &mut Option<oneshot::Receiver<Permit>>,
    is_waiting: bool,
    question: Option<&Told>,
    audience: &mut dyn Audience,
    context: &mut std::task::Context<'_>,
) -> Option<Permit> {
    if !is_waiting {
        *asked = None;
        return None;
    }
    if let Some(question) = question {
        *asked = Some(audience.ask(question));
    }
    match Pin::new(asked.as_mut()?).poll(context) {
        Poll::Ready(answer) => {
            *asked = None;
            Some(answer.unwrap_or(Permit::End))
        }
        Poll::Pending => None,
    }
}

/// Why a call did not come to its end.
fn failed(act: &Act, failure: Failure, stopped_at: Option<Place>) -> Diagnostic {
    match failure {
        Failure::Threw(diagnostic) => diagnostic,
        Failure::Asserted(mut diagnostic) | Failure::Failed(mut diagnostic) => {
            diagnostic.code = Code::Target;
            diagnostic
        }
        Failure::Aborted(reason) => {
            Diagnostic::new(Code::Aborted, format!("the script aborted the run: {reason}"))
        }
        Failure::Stopped(_) => {
            let at = stopped_at.map_or_else(String::new, |place| {
                format!(" at {}:{}:{}", place.file, place.line, place.column)
            });
            Diagnostic::new(Code::Interrupted, format!("`{}` was stopped{at}", act.function))
        }
    }
}

/// What `setup` returned, as flows get it.
fn handed_on(value: &Dynamic) -> Result<Dynamic, String> {
    if is_deeper_than(value, DEPTH_MAX) {
        return Err(format!("a value nested deeper than {DEPTH_MAX}"));
    }
    Ok(freeze(from_json(&to_json(value)?)))
}

fn no_stack(error: &ArenaError) -> Diagnostic {
    Diagnostic::new(Code::Other, format!("no stack for a virtual user: {error}"))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
