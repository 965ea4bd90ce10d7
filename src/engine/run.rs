//! A run from the control thread: workers up, `setup`, the load, `teardown`, the outcome.
//!
//! | phase    | event                                     | next     |
//! |----------|-------------------------------------------|----------|
//! | loading  | every worker declared the same plan       | setup    |
//! | loading  | one did not                               | over     |
//! | setup    | it returned                               | load     |
//! | setup    | it failed, timed out, was stopped         | over     |
//! | load     | every worker is done                      | teardown |
//! | teardown | it returned, failed, timed out, a stop    | over     |
//!
//! During the load a stop, `abort(reason)` or a target with `abort_on_fail` makes the workers cut their
//! users, and the load ends as it would otherwise. tokio's clock serves time-outs of hooks alone.

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
use super::message::{Command, Ended, Report};
use super::timer::Epoch;
use super::worker::Worker;
use super::{EngineError, Job};

/// Commands that wait for a worker: it takes them at once, or hangs.
const COMMANDS_MAX: usize = 16;
/// Reports that wait for the control thread; lines of the log beyond are lost and counted.
const REPORTS_MAX: usize = 4_096;
/// A worker's own stack. Scripts run on fibers; only the top level and the runtime use this.
const WORKER_STACK_BYTES: usize = 4 << 20;
/// From the command to start to the start: workers on busy cores need a moment to hear it.
const START_DELAY_NS: u64 = 1_000_000;
/// How long workers may take to end once they were told to: the users' own allowances, and then some.
const STOP_MAX: Duration = Duration::from_secs(10);

/// Plays the job to its end.
pub fn run(job: Job, control: &Control, observer: &mut dyn Observer) -> Result<Outcome, EngineError> {
    let runtime = Builder::new_current_thread().enable_time().build().map_err(EngineError::Start)?;
    runtime.block_on(async {
        let mut crew = Workers::start(Arc::new(job), control)?;
        let outcome = crew.play(observer).await;
        crew.end(&outcome);
        outcome
    })
}

/// The workers as the control thread sees them.
struct Workers {
    job: Arc<Job>,
    epoch: Epoch,
    seed: u64,
    commands: Vec<Sender<Command>>,
    reports: Receiver<(usize, Report)>,
    threads: Vec<JoinHandle<Result<(), EngineError>>>,
    urgency: watch::Receiver<Urgency>,
    errors: Vec<Diagnostic>,
}

/// How the load is told to end.
enum Cause {
    Stop,
    Abort(String),
    Target(String),
}

impl Workers {
    fn start(job: Arc<Job>, control: &Control) -> Result<Self, EngineError> {
        let epoch = Epoch::now();
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
        let urgency = control.subscribe();
        Ok(Self { job, epoch, seed, commands, reports, threads, urgency, errors: Vec::new() })
    }

    async fn play(&mut self, observer: &mut dyn Observer) -> Result<Outcome, EngineError> {
        let job = Arc::clone(&self.job);
        let mut sums = Aggregator::new(&job.plan, job.workers);
        if !self.load().await? {
            return Ok(sums.finish(Duration::ZERO, self.outcome(End::NoLoad)));
        }
        let data = match self.set_up(observer).await? {
            Ok(data) => data,
            Err(end) => return Ok(sums.finish(Duration::ZERO, self.outcome(end))),
        };
        let start_ns = self.epoch.now_ns() + START_DELAY_NS;
        self.tell_all(|| Command::Start { start_ns, data: data.clone() }).await;
        let end = self.watch(&mut sums, observer).await?;
        if sums.leaked > 0 {
            self.errors.push(leaked(sums.leaked));
        }
        let elapsed = Duration::from_nanos(sums.end_ns.saturating_sub(start_ns));
        if job.plan.hooks.teardown && *self.urgency.borrow() < Urgency::Now {
            self.tear_down(data, &mut sums, observer).await?;
        }
        Ok(sums.finish(elapsed, self.outcome(end)))
    }

    /// Waits until every worker has loaded the script; false when one could not.
    async fn load(&mut self) -> Result<bool, EngineError> {
        let mut loaded = 0;
        while loaded < self.commands.len() {
            match self.next().await? {
                (_, Report::Loaded(Ok(()))) => loaded += 1,
                (_, Report::Loaded(Err(diagnostic))) => {
                    self.errors.push(*diagnostic);
                    return Ok(false);
                }
                _ => {}
            }
        }
        Ok(true)
    }

    async fn set_up(
        &mut self,
        observer: &mut dyn Observer,
    ) -> Result<Result<serde_json::Value, End>, EngineError> {
        if !self.job.plan.hooks.setup {
            return Ok(Ok(serde_json::Value::Null));
        }
        self.tell(0, Command::SetUp).await;
        let limit = self.job.plan.options.setup_timeout;
        let report = self.hook(limit, observer, |report| match report {
            Report::SetUp(result) => Ok(result),
            other => Err(other),
        });
        Ok(match report.await? {
            Some(Ok(data)) => Ok(data),
            Some(Err(Ended::Failed(diagnostic))) => {
                self.errors.push(*diagnostic);
                Err(End::NoLoad)
            }
            Some(Err(Ended::Aborted(reason))) => Err(End::Aborted(reason)),
            Some(Err(Ended::Stopped)) => Err(End::Interrupted),
            None => {
                self.errors.push(timed_out("setup", limit, Code::SetupTimeout));
                Err(End::NoLoad)
            }
        })
    }

    async fn tear_down(
        &mut self,
        data: serde_json::Value,
        sums: &mut Aggregator<'_>,
        observer: &mut dyn Observer,
    ) -> Result<(), EngineError> {
        self.tell(0, Command::TearDown { data }).await;
        let limit = self.job.plan.options.teardown_timeout;
        // A stop that ended the load doesn't end the teardown: only a second one does.
        let report = self.hook(limit, observer, |report| match report {
            Report::TornDown(result, delta) => Ok((result, delta)),
            other => Err(other),
        });
        match report.await? {
            Some((result, delta)) => {
                sums.append(delta);
                match result {
                    Ok(()) | Err(Ended::Stopped) => {}
                    Err(Ended::Failed(diagnostic)) => self.errors.push(*diagnostic),
                    Err(Ended::Aborted(reason)) => {
                        let text = format!("`abort` in `teardown`: {reason}");
                        self.errors.push(Diagnostic::new(Code::Aborted, text));
                    }
                }
            }
            None => self.errors.push(timed_out("teardown", limit, Code::TeardownTimeout)),
        }
        Ok(())
    }

    /// Waits for the report that a hook ends with; nothing when it took too long. A stop that comes
    /// meanwhile reaches the hook.
    async fn hook<T>(
        &mut self,
        limit: Duration,
        observer: &mut dyn Observer,
        mut wanted: impl FnMut(Report) -> Result<T, Report>,
    ) -> Result<Option<T>, EngineError> {
        let timeout = tokio::time::sleep(limit);
        tokio::pin!(timeout);
        let mut late = false;
        self.urgency.mark_unchanged();
        loop {
            tokio::select! {
                biased;
                report = self.reports.recv() => match wanted(report.ok_or(EngineError::Lost { worker: 0 })?.1) {
                    Ok(found) => return Ok((!late).then_some(found)),
                    Err(Report::Log(line)) => observer.log(&line),
                    Err(Report::Broken(diagnostic)) => self.errors.push(diagnostic),
                    Err(_) => {}
                },
                Ok(()) = self.urgency.changed() => {
                    let _ = self.commands[0].try_send(Command::Stop);
                }
                () = &mut timeout => {
                    if late {
                        return Ok(None);
                    }
                    late = true;
                    let _ = self.commands[0].try_send(Command::Stop);
                    timeout.as_mut().reset(tokio::time::Instant::now() + STOP_MAX);
                }
            }
        }
    }

    /// The load: collects what the workers report until they are done.
    async fn watch(
        &mut self,
        sums: &mut Aggregator<'_>,
        observer: &mut dyn Observer,
    ) -> Result<End, EngineError> {
        let mut end = End::Finished;
        let give_up = tokio::time::sleep(Duration::MAX / 4);
        tokio::pin!(give_up);
        let mut stopping = false;
        if *self.urgency.borrow() > Urgency::None {
            // Stopped between setup and load.
            self.urgency.mark_changed();
        }
        while sums.is_playing() {
            let cause = tokio::select! {
                biased;
                report = self.reports.recv() => {
                    let (worker, report) = report.ok_or(EngineError::Lost { worker: 0 })?;
                    self.take(worker, report, sums, observer)
                }
                Ok(()) = self.urgency.changed() => Some(Cause::Stop),
                () = &mut give_up => {
                    let text = "the workers did not end when they were told to";
                    self.errors.push(Diagnostic::new(Code::Bug, text));
                    return Ok(end);
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
            } else if matches!(cause, Cause::Stop) && *self.urgency.borrow() == Urgency::Now {
                give_up.as_mut().reset(tokio::time::Instant::now());
            }
        }
        Ok(end)
    }

    fn take(
        &mut self,
        worker: usize,
        report: Report,
        sums: &mut Aggregator<'_>,
        observer: &mut dyn Observer,
    ) -> Option<Cause> {
        match report {
            Report::Tick { number, delta, books, vus } => {
                sums.tick(worker, number, delta, (books, vus), observer).map(Cause::Target)
            }
            Report::Done(done) => sums.done(worker, *done, observer).map(Cause::Target),
            Report::Log(line) => {
                observer.log(&line);
                None
            }
            Report::Aborted(reason) => Some(Cause::Abort(reason)),
            Report::Broken(diagnostic) => {
                self.errors.push(diagnostic);
                None
            }
            Report::Loaded(_) | Report::SetUp(_) | Report::TornDown(..) => None,
        }
    }

    async fn next(&mut self) -> Result<(usize, Report), EngineError> {
        self.reports.recv().await.ok_or(EngineError::Lost { worker: 0 })
    }

    async fn tell(&self, worker: usize, command: Command) {
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
            total: crate::metrics::Snapshot::default(),
            elapsed: Duration::ZERO,
            end,
            judgements: Vec::new(),
            scenarios: Vec::new(),
            failures: Vec::new(),
            failures_more: 0,
            errors: std::mem::take(&mut self.errors),
            requests_cut: 0,
            log_lost: 0,
            seed: self.seed,
        }
    }

    /// Lets the threads end; one that hangs is left behind, since the process is about to end.
    fn end(&mut self, outcome: &Result<Outcome, EngineError>) {
        self.commands.clear();
        let is_well =
            outcome.as_ref().is_ok_and(|outcome| outcome.errors.iter().all(|error| error.code != Code::Bug));
        for thread in self.threads.drain(..).filter(|_| is_well) {
            // A panic of a worker's own has been reported as missing by then.
            let _ = thread.join();
        }
    }
}

fn timed_out(hook: &str, limit: Duration, code: Code) -> Diagnostic {
    let limit = crate::units::format_duration(limit);
    Diagnostic::new(code, format!("`{hook}` took longer than {limit}"))
        .hint(format!("allow more with `options(#{{ {hook}_timeout: \"…\" }})`"))
}

fn leaked(count: u64) -> Diagnostic {
    let users = if count == 1 { "a virtual user".to_owned() } else { format!("{count} virtual users") };
    Diagnostic::new(Code::Bug, format!("{users} did not end when told to, and had to be left behind"))
        .hint("this is a bug of runner: please report it with the script")
}
