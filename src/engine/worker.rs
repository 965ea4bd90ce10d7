//! One worker: a thread with a runtime, an interpreter, connections and a recorder of its own.
//!
//! It loads the script, says whether it declared what the control thread's did, then does as it is
//! told. Nothing hot is shared with other workers; a delta snapshot a second is all that leaves it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rhai::Dynamic;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc::{Receiver, Sender};

use crate::diagnostic::Diagnostic;
use crate::fiber::Current;
use crate::http::{Alarm, Clock};
use crate::metrics::{Recorder, TagSet};
use crate::profile::enlist;
use crate::script::{LogLine, Phase, Program, Stage, Tracer, freeze, from_json};

use super::act::panic_text;
use super::crew::{Crew, Means};
use super::driver;
use super::event::NewFailures;
use super::lifecycle::Hook;
use super::message::{Change, Command, Done, Ended, Opening, Recorded, Report};
use super::prepared::{self, Prepared};
use super::pulse::Pulse;
use super::timer::{Epoch, Timer};
use super::{EngineError, Job};

/// Tasks that run between two looks at the sockets and the timer: enough for 64 users to read before they
/// write (see [`crate::http::Shared::with_outbox`]), few enough that a full queue delays a timer by half
/// a millisecond at most.
const EVENT_INTERVAL: u32 = 64;

/// Sockets that one look tells of: what is fetched for so many users until they run ([`crate::fiber`]) fits the
/// core's own cache.
const EVENTS_MAX: usize = 128;

const SECOND_NS: u64 = 1_000_000_000;

/// What a worker is given.
pub(super) struct Worker {
    pub(super) index: usize,
    pub(super) workers: usize,
    pub(super) job: Arc<Job>,
    pub(super) epoch: Epoch,
    pub(super) seed: u64,
    pub(super) commands: Receiver<Command>,
    pub(super) reports: Sender<(usize, Report)>,
}

impl Worker {
    /// The thread's body. Whatever ends it early is reported: the control thread waits for words alone.
    pub(super) fn run(self) {
        let _seat = enlist();
        let (index, reports) = (self.index, self.reports.clone());
        let ended = catch_unwind(AssertUnwindSafe(|| self.work()));
        let error = match ended {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(panic) => EngineError::Panicked { worker: index, text: panic_text(&*panic).to_owned() },
        };
        // The control thread is gone only when the process ends.
        let _ = reports.blocking_send((index, Report::Gone(error)));
    }

    fn work(self) -> Result<(), EngineError> {
        let runtime = Builder::new_current_thread()
            .enable_io()
            .event_interval(EVENT_INTERVAL)
            .max_io_events_per_tick(EVENTS_MAX)
            .build_local(LocalOptions::default())
            .map_err(EngineError::Start)?;
        runtime.block_on(self.serve())
    }

    async fn serve(mut self) -> Result<(), EngineError> {
        let timer = Timer::start(self.epoch).map_err(EngineError::Start)?;
        let (ticking, reports, index) = (Rc::clone(&timer), self.reports.clone(), self.index);
        tokio::task::spawn_local(async move {
            let Err(error) = ticking.run().await;
            let _ = reports.send((index, Report::Gone(EngineError::Timer(error)))).await;
        });
        let log_lost = Rc::new(Cell::new(0));
        let is_loading = Rc::new(Cell::new(true));
        let stage = self.stage(Rc::clone(&timer) as Rc<dyn Clock>, &log_lost, &is_loading);
        tokio::task::spawn_local(Rc::clone(stage.network()).deliver(Rc::clone(stage.clock())));
        let mut program = match self.load(&stage) {
            Ok(program) => program.map(Rc::new),
            Err(diagnostic) => {
                self.report(Report::Loaded(Err(diagnostic))).await;
                return Ok(());
            }
        };
        is_loading.set(false);
        self.report(Report::Loaded(Ok(()))).await;
        while let Some(command) = self.commands.recv().await {
            match command {
                Command::SetUp => {
                    let result =
                        self.hook("setup", Phase::Setup, program.as_ref(), &stage, Dynamic::UNIT).await;
                    // What a good `setup` recorded stays for the first second of the load.
                    let recorded = match result {
                        Ok(_) => Recorded::default(),
                        Err(_) => self.take(&stage, &timer),
                    };
                    self.report(Report::SetUp(result, recorded)).await;
                }
                Command::Start { start_ns, data, opening } => {
                    let crew =
                        Crew::new(&self.job.plan, self.means(program.as_ref(), &stage, start_ns, &data))?;
                    match opening {
                        Opening::Playing => {}
                        Opening::Paused => driver::announce(&crew, start_ns, Change::Pause),
                        Opening::Stopped => crew.stop(),
                    }
                    let done = self.play(&crew, &timer, (&log_lost, &is_loading)).await;
                    program = crew.program.take();
                    let time = program.as_ref().and_then(|program| program.time(&stage));
                    if let (Some(profile), Some(time)) = (&stage.outside().profile, time) {
                        profile.add(&time);
                    }
                    self.report(Report::Done(Box::new(done))).await;
                }
                Command::TearDown { data } => {
                    let data = freeze(from_json(&data));
                    let result = self.hook("teardown", Phase::Teardown, program.as_ref(), &stage, data).await;
                    let recorded = self.take(&stage, &timer);
                    self.report(Report::TornDown(result.map(|_| ()), recorded)).await;
                }
                // What there is no load for any more.
                Command::Prepare(_)
                | Command::Stop
                | Command::Leave
                | Command::Finish
                | Command::Change { .. } => {}
            }
        }
        Ok(())
    }

    fn stage(
        &self,
        clock: Rc<dyn Clock>,
        log_lost: &Rc<Cell<u64>>,
        is_loading: &Rc<Cell<bool>>,
    ) -> Rc<Stage> {
        let (reports, index, lost) = (self.reports.clone(), self.index, Rc::clone(log_lost));
        let is_loading = Rc::clone(is_loading);
        let log = move |line: LogLine| {
            // The top level's own lines were printed when it ran on the control thread.
            if is_loading.get() {
                return;
            }
            if reports.try_send((index, Report::Log(line))).is_err() {
                lost.set(lost.get() + 1);
            }
        };
        Stage::new(Rc::new(Current::default()), clock, self.job.outside.clone(), log)
    }

    /// The script, if there is one and it declares here what it declared on the control thread; the stage is set.
    fn load(&self, stage: &Rc<Stage>) -> Result<Option<Program>, Box<Diagnostic>> {
        let loaded = self.job.source.as_ref().map(|source| Program::load(source, stage)).transpose()?;
        if let Some((_, declared)) = &loaded {
            prepared::same(declared, &self.job.declared)?;
        }
        let wall_start_ns = self.epoch.wall_ns(0);
        stage.set_wall_start_ns(wall_start_ns);
        let plan = &self.job.plan;
        let recorder = Recorder::new(&plan.metrics)
            .without(plan.dropped_metrics())
            .keeping(plan.overflow())
            .telling(&self.job.taps.samples, wall_start_ns);
        stage.set_recorder(recorder);
        if let Some(tracing) = &self.job.taps.spans {
            stage.trace(Tracer::new(tracing));
        }
        stage.set(&plan.options)?;
        Ok(loaded.map(|(program, _)| program))
    }

    async fn hook(
        &mut self,
        name: &'static str,
        phase: Phase,
        program: Option<&Rc<Program>>,
        stage: &Rc<Stage>,
        data: Dynamic,
    ) -> Result<serde_json::Value, Ended> {
        let Some(program) = program else { return Ok(serde_json::Value::Null) };
        let hook = Hook { name, phase, program, stage, plan: &self.job.plan, seed: self.seed };
        hook.run(data, &mut self.commands).await
    }

    /// Plays this worker's share of the load to its end.
    async fn play(
        &mut self,
        crew: &Rc<Crew>,
        timer: &Rc<Timer>,
        (log_lost, is_loading): (&Rc<Cell<u64>>, &Rc<Cell<bool>>),
    ) -> Done {
        let (stage, start_ns) = (&crew.stage, crew.start_ns);
        expect_drops(stage);
        let first_tick = self.tick(start_ns, 1);
        stage.recorder().with(|recorder| recorder.begin_seconds(first_tick, start_ns + SECOND_NS));
        let alarm = timer.alarm();
        alarm.set(start_ns);
        poll_fn(|context| alarm.poll_due(context)).await;
        let pulse = Pulse::start(stage, start_ns);
        let beat = tokio::task::spawn_local(Rc::clone(&pulse).beat());
        driver::start(crew);
        let mut number = 1;
        let mut changes = Changes::new(timer.alarm());
        loop {
            let due_ns = start_ns + number * SECOND_NS;
            alarm.set(due_ns);
            tokio::select! {
                biased;
                command = self.commands.recv() => {
                    match command {
                        Some(Command::Stop) => driver::stop(crew),
                        Some(Command::Leave) => crew.leave(),
                        Some(Command::Change { number, at_ns, changes: told }) => {
                            for change in &told {
                                driver::announce(crew, at_ns, *change);
                            }
                            changes.add(number, at_ns, told);
                        }
                        Some(Command::Prepare(version)) => {
                            is_loading.set(true);
                            let loaded = Prepared::load(&version, crew);
                            is_loading.set(false);
                            let told = loaded.map(|prepared| _ = crew.prepared.replace(Some(prepared)));
                            self.report(Report::Prepared(told)).await;
                        }
                        Some(Command::Finish) | None => break,
                        Some(Command::SetUp | Command::Start { .. } | Command::TearDown { .. }) => {}
                    }
                }
                (number, at_ns, change) = changes.next() => driver::apply(crew, number, at_ns, change),
                () = crew.over.notified() => {}
                () = poll_fn(|context| alarm.poll_due(context)) => {
                    stage.record_connections();
                    stage.tracer().into_iter().for_each(Tracer::flush);
                    let mut delta = stage.recorder().with(Recorder::take_second);
                    pulse.add_gauges(&mut delta);
                    let (books, vus, scenarios) = (crew.books(), crew.size(), crew.scenarios());
                    crew.take_most();
                    self.report(Report::Tick { number, delta, books, vus, scenarios }).await;
                    let new = NewFailures { examples: stage.new_examples(), failures: crew.new_failures() };
                    if !new.is_empty() {
                        self.report(Report::Failing(new)).await;
                    }
                    number += 1;
                }
            }
            for (part, change) in crew.overs.take() {
                self.report(Report::Over { part, change }).await;
            }
            // Nobody gives the word to finish what was stopped.
            if crew.is_stopping() && crew.is_over() {
                break;
            }
        }
        // Until the word came nobody was left to play.
        let end_ns = if crew.is_over() { crew.ended_ns.get() } else { timer.now_ns() };
        let elapsed = Duration::from_nanos(end_ns.saturating_sub(start_ns));
        beat.abort();
        stage.record_connections();
        stage.tracer().into_iter().for_each(Tracer::flush);
        let mut delta = stage.recorder().with(|recorder| recorder.take(self.tick(start_ns, number)));
        pulse.add_gauges(&mut delta);
        let (used, gaps) = pulse.finish();
        let (failures, failures_more) = crew.failures();
        Done {
            delta,
            elapsed,
            vus_rest: crew.take_most(),
            scenarios: crew.scenarios(),
            failures,
            failures_more,
            requests_cut: stage.take_requests_cut(),
            log_lost: log_lost.get(),
            leaked: crew.leaked.get(),
            bugs: crew.bugs(),
            aborted: crew.aborted(),
            used,
            gaps,
            interrupted: crew.interrupted(),
            examples: stage.take_examples(),
            connections: stage.network().take_connections(),
        }
    }

    fn means(
        &self,
        program: Option<&Rc<Program>>,
        stage: &Rc<Stage>,
        start_ns: u64,
        data: &serde_json::Value,
    ) -> Means {
        let (reports, index) = (self.reports.clone(), self.index);
        Means {
            program: program.cloned(),
            stage: Rc::clone(stage),
            worker: self.index,
            workers: self.workers,
            start_ns,
            data: freeze(from_json(data)),
            seed: self.seed,
            abort: Box::new(move |reason| {
                let reports = reports.clone();
                // On a fiber nothing can be awaited, and a full channel must not lose this.
                tokio::task::spawn_local(async move { reports.send((index, Report::Aborted(reason))).await });
            }),
        }
    }

    /// What was recorded outside the load.
    fn take(&self, stage: &Stage, timer: &Timer) -> Recorded {
        let tick = self.epoch.unix_seconds(timer.now_ns());
        stage.record_connections();
        stage.tracer().into_iter().for_each(Tracer::flush);
        let delta = stage.recorder().with(|recorder| recorder.take(tick));
        let (examples, connections) = (stage.take_examples(), stage.network().take_connections());
        Recorded { delta, requests_cut: stage.take_requests_cut(), examples, connections }
    }

    /// A tick's number since the Unix epoch, so that snapshots of machines meet.
    fn tick(&self, start_ns: u64, number: u64) -> u64 {
        self.epoch.unix_seconds(start_ns) + number
    }

    async fn report(&self, report: Report) {
        // The control thread is gone only when the process ends.
        let _ = self.reports.send((self.index, report)).await;
    }
}

/// Changes that a worker was told of, and whose instant is to come.
struct Changes {
    /// In the order of their instants.
    waiting: VecDeque<(u64, u64, Change)>,
    alarm: Rc<dyn Alarm>,
}

impl Changes {
    fn new(alarm: Rc<dyn Alarm>) -> Self {
        Self { waiting: VecDeque::new(), alarm }
    }

    /// Adds those of a number, for an instant after all others.
    fn add(&mut self, number: u64, at_ns: u64, changes: Vec<Change>) {
        self.waiting.extend(changes.into_iter().map(|change| (number, at_ns, change)));
    }

    /// Waits for the next one's instant.
    async fn next(&mut self) -> (u64, u64, Change) {
        let Some((_, at_ns, _)) = self.waiting.front() else { return std::future::pending().await };
        self.alarm.set(*at_ns);
        poll_fn(|context| self.alarm.poll_due(context)).await;
        self.waiting.pop_front().expect("the one that was waited for")
    }
}

/// A target on dropped iterations has its samples even when none was dropped.
fn expect_drops(stage: &Stage) {
    stage.recorder().with(|recorder| {
        let (metric, _) = recorder.metric("dropped_iterations").expect("a built-in metric");
        let dropped = recorder.series(metric, &TagSet::default());
        recorder.add(dropped, 0.0);
    });
}
