//! A run from the control thread: workers up, `setup`, the load, `teardown`, the outcome.
//!
//! | phase    | event                                     | next     |
//! |----------|-------------------------------------------|----------|
//! | loading  | every worker declared the same plan       | setup    |
//! | loading  | one did not, or a stop                    | over     |
//! | setup    | it returned                               | gate     |
//! | setup    | it failed, timed out, was stopped         | over     |
//! | gate     | every run that starts with it is there    | load     |
//! | gate     | another ended before its load             | teardown |
//! | load     | every worker is done                      | teardown |
//! | load     | a second stop                             | over     |
//! | teardown | it returned, failed, timed out            | over     |
//! | teardown | a second stop                             | over     |
//!
//! During the load a stop, `abort(reason)` or a target with `abort_on_fail` makes the workers cut their
//! users, and the load ends as it would otherwise. A second stop leaves behind whatever still runs.
//! tokio's clock serves time-outs of hooks alone. Wherever the control thread waits it looks for a stop
//! and for the time first: a script that logs without end keeps the reports ready for good.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;

use crate::diagnostic::{Code, Diagnostic};

use super::aggregator::Aggregator;
use super::control::{Control, Urgency};
use super::event::{End, Observer, Outcome};
use super::gate::{Pass, left_alone, meet};
use super::host::Host;
use super::ledger::imbalances;
use super::message::{Command, Opening, Report};
use super::steering::Steering;
use super::timer::Epoch;
use super::turnover::Turnover;
use super::vitals::{HostUse, Vitals};
use super::worker::Worker;
use super::{EngineError, Job};

/// Commands that wait for a worker: it takes them at once, or hangs.
const COMMANDS_MAX: usize = 16;
/// Reports that wait for the control thread; lines of the log beyond are lost and counted.
const REPORTS_MAX: usize = 4_096;
/// A worker's own stack. Scripts run on fibers; only the top level and the runtime use this.
const WORKER_STACK_BYTES: usize = 4 << 20;
/// How long workers may take to end once they were told to: the users' own allowances, and then some.
pub(super) const STOP_MAX: Duration = Duration::from_secs(10);
/// How long workers may take to say what they recorded once they were told to leave everything behind.
const LEAVE_MAX: Duration = Duration::from_secs(1);

/// Plays the job to its end.
pub fn run(job: Job, control: &Control, observer: &mut dyn Observer) -> Result<Outcome, EngineError> {
    run_together(job, control, observer, Pass::alone())
}

/// Plays the job to its end; its load starts together with those of the other passes.
pub fn run_together(
    job: Job,
    control: &Control,
    observer: &mut dyn Observer,
    pass: Pass,
) -> Result<Outcome, EngineError> {
    let runtime = Builder::new_current_thread().enable_time().build().map_err(EngineError::Start)?;
    runtime.block_on(async {
        let mut crew = Workers::start(Arc::new(job), control, pass.epoch())?;
        let outcome = crew.play(observer, pass).await;
        crew.end(&outcome);
        outcome
    })
}

/// The workers as the control thread sees them.
pub(super) struct Workers {
    pub(super) job: Arc<Job>,
    epoch: Epoch,
    seed: u64,
    pub(super) commands: Vec<Sender<Command>>,
    pub(super) reports: Receiver<(usize, Report)>,
    threads: Vec<JoinHandle<()>>,
    pub(super) control: Control,
    pub(super) urgency: watch::Receiver<Urgency>,
    pub(super) errors: Vec<Diagnostic>,
    /// What was seen of the process and its machine during the load.
    host: HostUse,
}

/// How the load is told to end.
enum Cause {
    Stop,
    Abort(String),
    Target(String),
}

impl Workers {
    fn start(job: Arc<Job>, control: &Control, epoch: Epoch) -> Result<Self, EngineError> {
        let seed = job.plan.options.seed.unwrap_or(job.outside.seed);
        let (report, reports) = channel(REPORTS_MAX);
        let (mut commands, mut threads) = (Vec::new(), Vec::new());
        for index in 0..job.workers {
            let (command, inbox) = channel(COMMANDS_MAX);
            let worker = Worker {
                index,
                workers: job.workers,
                job: Arc::clone(&job),
                epoch,
                seed,
                commands: inbox,
                reports: report.clone(),
            };
            let thread =
                std::thread::Builder::new().name(format!("worker {index}")).stack_size(WORKER_STACK_BYTES);
            threads.push(thread.spawn(move || worker.run()).map_err(EngineError::Start)?);
            commands.push(command);
        }
        let (control, urgency) = (control.clone(), control.subscribe());
        let (errors, host) = (Vec::new(), HostUse::default());
        Ok(Self { job, epoch, seed, commands, reports, threads, control, urgency, errors, host })
    }

    async fn play(&mut self, observer: &mut dyn Observer, mut pass: Pass) -> Result<Outcome, EngineError> {
        let job = Arc::clone(&self.job);
        let mut sums = Aggregator::new(&job.plan, job.workers);
        let ready = match self.load(observer).await? {
            Some(end) => Err(end),
            None => self.set_up(&mut sums, observer).await?,
        };
        let data = match ready {
            Ok(data) => data,
            Err(end) => {
                if end == End::Interrupted {
                    // The others hear of the stop themselves.
                    pass.leave();
                }
                return Ok(sums.finish(self.outcome(end)));
            }
        };
        let start_ns = match meet(pass, (&mut self.urgency, &mut self.reports), observer).await? {
            Ok(start_ns) => start_ns,
            Err(other) => {
                self.errors.push(left_alone(&other));
                if job.plan.hooks.teardown {
                    self.tear_down(data, &mut sums, observer).await?;
                }
                return Ok(sums.finish(self.outcome(End::NoLoad)));
            }
        };
        observer.load_begins();
        self.control.begin(&job.plan);
        let is_paused = self.control.is_paused();
        let mut steering = Steering::new(&job.plan, job.workers, start_ns, is_paused);
        let opening = match (*self.urgency.borrow(), is_paused) {
            (Urgency::Stop | Urgency::Now, _) => Opening::Stopped,
            (Urgency::None, true) => Opening::Paused,
            (Urgency::None, false) => Opening::Playing,
        };
        self.tell_all(|| Command::Start { start_ns, data: data.clone(), opening }).await;
        self.control.tell(steering.status(0, start_ns));
        sums.calendar = Some(steering.calendar());
        let mut host = Host::start(self.epoch);
        let end = self.watch(&mut steering, &mut sums, &mut host, observer).await;
        observer.load_ends();
        self.host = host.finish();
        self.control.end(steering.status(0, self.epoch.now_ns()));
        let mut end = end?;
        let were_all_heard = !sums.is_playing();
        if sums.is_playing() {
            let elapsed_ns = self.epoch.now_ns().saturating_sub(start_ns);
            sums.give_up(Duration::from_nanos(elapsed_ns), observer);
        } else if sums.plan().hooks.teardown && *self.urgency.borrow_and_update() < Urgency::Now {
            let was_left = self.tear_down(data, &mut sums, observer).await?;
            if was_left && end == End::Finished {
                end = End::Interrupted;
            }
        }
        self.errors.extend(std::mem::take(&mut sums.bugs).into_iter().map(counted));
        if sums.leaked > 0 {
            self.errors.push(leaked(sums.leaked));
        }
        let mut outcome = sums.finish(self.outcome(end));
        if were_all_heard {
            outcome.imbalances =
                imbalances(&outcome.scenarios, &outcome.recorded(), &job.plan.dropped_metrics());
        }
        Ok(outcome)
    }

    /// Waits until every worker has loaded the script; gives the end when one could not, or at a stop.
    async fn load(&mut self, observer: &mut dyn Observer) -> Result<Option<End>, EngineError> {
        let mut loaded = 0;
        while loaded < self.commands.len() {
            tokio::select! {
                biased;
                Ok(()) = self.urgency.changed() => return Ok(Some(End::Interrupted)),
                report = self.reports.recv() => match report.ok_or(EngineError::Lost)?.1 {
                    Report::Loaded(Ok(())) => loaded += 1,
                    Report::Loaded(Err(diagnostic)) => {
                        self.errors.push(*diagnostic);
                        return Ok(Some(End::NoLoad));
                    }
                    Report::Gone(error) => return Err(error),
                    Report::Log(line) => observer.log(&line),
                    _ => {}
                },
            }
        }
        // A stop from before the workers were there counts too.
        Ok((*self.urgency.borrow_and_update() > Urgency::None).then_some(End::Interrupted))
    }

    /// The load: collects what the workers report until they are done, or until nobody waits for them
    /// any more.
    async fn watch(
        &mut self,
        steering: &mut Steering,
        sums: &mut Aggregator,
        host: &mut Host,
        observer: &mut dyn Observer,
    ) -> Result<End, EngineError> {
        let mut end = End::Finished;
        let give_up = tokio::time::sleep(Duration::MAX / 4);
        tokio::pin!(give_up);
        let (mut stopping, mut leaving, mut finishing) = (false, false, false);
        let mut turnover = Turnover::default();
        if *self.urgency.borrow() > Urgency::None {
            // Stopped between setup and load.
            self.urgency.mark_changed();
        }
        while sums.is_playing() {
            if !finishing && steering.is_over() {
                finishing = true;
                self.tell_all(|| Command::Finish).await;
            }
            let cause = tokio::select! {
                biased;
                Ok(()) = self.urgency.changed() => Some(Cause::Stop),
                () = self.control.asked(), if !stopping && !finishing => {
                    let command = steering.follow(&self.control.wanted(), self.epoch.now_ns());
                    self.steer(command, steering, sums).await;
                    self.turn_over(&mut turnover).await;
                    self.reset(&mut turnover, steering, sums, observer);
                    None
                }
                () = &mut give_up => {
                    if !leaving {
                        let text = "the workers did not end when they were told to";
                        self.errors.push(Diagnostic::new(Code::Bug, text));
                    }
                    return Ok(end);
                }
                report = self.reports.recv() => {
                    match report.ok_or(EngineError::Lost)? {
                        (worker, Report::Over { part, change }) => {
                            if !stopping {
                                let command = steering.over(worker, part, change, self.epoch.now_ns());
                                self.steer(command, steering, sums).await;
                            }
                            None
                        }
                        (_, Report::Prepared(told)) => {
                            if !stopping && !finishing {
                                self.prepared(&mut turnover, told, steering, sums, observer).await;
                            }
                            None
                        }
                        (worker, mut report) => {
                            sums.pause = (steering.is_paused(), steering.paused(self.epoch.now_ns()));
                            let is_tick = matches!(report, Report::Tick { .. });
                            look(host, &mut report);
                            let cause = take(worker, report, sums, observer)?;
                            if is_tick {
                                self.control.tell(steering.status(sums.vus(), self.epoch.now_ns()));
                            }
                            cause
                        }
                    }
                }
            };
            let Some(cause) = cause else { continue };
            if !stopping {
                stopping = true;
                end = match cause {
                    Cause::Stop => End::Interrupted,
                    Cause::Abort(reason) => End::Aborted(reason),
                    Cause::Target(key) => End::TargetFailed(key),
                };
                self.tell_all(|| Command::Stop).await;
                give_up.as_mut().reset(tokio::time::Instant::now() + STOP_MAX);
            }
            if !leaving && *self.urgency.borrow() == Urgency::Now {
                leaving = true;
                self.tell_all(|| Command::Leave).await;
                give_up.as_mut().reset(tokio::time::Instant::now() + LEAVE_MAX);
            }
        }
        Ok(end)
    }

    /// Tells the workers of a change, if there is one, and whoever asks how things are.
    pub(super) async fn steer(&self, command: Option<Command>, steering: &Steering, sums: &mut Aggregator) {
        if let Some(command) = command {
            self.tell_all(|| command.clone()).await;
        }
        sums.vus_max = steering.vus_max();
        self.control.tell(steering.status(sums.vus(), self.epoch.now_ns()));
    }

    /// The run's clock.
    pub(super) fn now_ns(&self) -> u64 {
        self.epoch.now_ns()
    }

    pub(super) async fn tell(&self, worker: usize, command: Command) {
        // A worker that is gone has said why, or is missed when its report is waited for.
        let _ = self.commands[worker].send(command).await;
    }

    async fn tell_all(&self, command: impl Fn() -> Command) {
        for worker in 0..self.commands.len() {
            self.tell(worker, command()).await;
        }
    }

    fn outcome(&mut self, end: End) -> Outcome {
        Outcome {
            errors: std::mem::take(&mut self.errors),
            vitals: Vitals { host: std::mem::take(&mut self.host), ..Vitals::default() },
            ..Outcome::blank(end, self.seed)
        }
    }

    /// Lets the threads end. One that may hang is left behind, since the process is about to end, and so
    /// are all when the user doesn't want to wait.
    fn end(&mut self, outcome: &Result<Outcome, EngineError>) {
        self.commands.clear();
        let is_well =
            outcome.as_ref().is_ok_and(|outcome| outcome.errors.iter().all(|error| error.code != Code::Bug));
        let is_awaited = is_well && *self.urgency.borrow() == Urgency::None;
        for thread in self.threads.drain(..).filter(|_| is_awaited) {
            // A worker reports its panics itself.
            let _ = thread.join();
        }
    }
}

/// The first worker that hands in a second has a look at the machine join what it recorded.
fn look(host: &mut Host, report: &mut Report) {
    let delta = match report {
        Report::Tick { delta, .. } => delta,
        Report::Done(done) => &mut done.delta,
        _ => return,
    };
    if let Some(seen) = host.look(delta.tick) {
        delta.join(seen);
    }
}

/// Takes what a worker reports during the load; gives what the report ends it by.
fn take(
    worker: usize,
    report: Report,
    sums: &mut Aggregator,
    observer: &mut dyn Observer,
) -> Result<Option<Cause>, EngineError> {
    Ok(match report {
        Report::Tick { number, delta, books, vus, scenarios } => {
            sums.hear(worker, number, scenarios);
            sums.tick(worker, number, delta, (books, vus), observer).map(Cause::Target)
        }
        Report::Done(mut done) => {
            let aborted = done.aborted.take().map(Cause::Abort);
            aborted.or(sums.done(worker, *done, observer).map(Cause::Target))
        }
        Report::Log(line) => {
            observer.log(&line);
            None
        }
        Report::Failing(new) => {
            observer.failing(&new);
            None
        }
        Report::Aborted(reason) => Some(Cause::Abort(reason)),
        Report::Gone(error) => return Err(error),
        Report::Loaded(_)
        | Report::SetUp(..)
        | Report::TornDown(..)
        | Report::Over { .. }
        | Report::Prepared(_) => None,
    })
}

/// A bug, and how often it was met.
fn counted((diagnostic, count): (Diagnostic, u64)) -> Diagnostic {
    if count == 1 { diagnostic } else { diagnostic.note(format!("{count} times")) }
}

fn leaked(count: u64) -> Diagnostic {
    let users = if count == 1 { "a virtual user".to_owned() } else { format!("{count} virtual users") };
    Diagnostic::new(Code::Bug, format!("{users} did not end when told to, and had to be left behind"))
        .hint("this is a bug of runner: please report it with the script")
}

#[cfg(test)]
pub(super) mod tests;
