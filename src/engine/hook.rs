//! `setup` and `teardown` as the control thread waits for them: with a limit of time, and an ear for a stop.
//!
//! What a worker does for them is [`super::lifecycle`].

use std::time::Duration;

use crate::diagnostic::{Code, Diagnostic};

use super::EngineError;
use super::aggregator::Aggregator;
use super::control::Urgency;
use super::event::{End, Observer};
use super::message::{Command, Ended, Recorded, Report};
use super::run::{STOP_MAX, Workers};

/// A hook of the whole run, as the control thread waits for it.
struct Hook {
    name: &'static str,
    limit: Duration,
    /// What it means that it took longer.
    late: Code,
    /// A stop of this urgency reaches it.
    urgency: Urgency,
}

/// How a hook of the whole run ended for the control thread.
enum Hooked<T> {
    Reported(T),
    /// It took too long, and was told to end; what it then said, if it did.
    Late(Option<T>),
    /// A second stop: nobody waits for it any more.
    Left,
}

/// A hook whose samples are added and whose time-out is told.
enum Settled<T> {
    Ended(T),
    Late,
    Left,
}

impl Workers {
    pub(super) async fn set_up(
        &mut self,
        sums: &mut Aggregator,
        observer: &mut dyn Observer,
    ) -> Result<Result<serde_json::Value, End>, EngineError> {
        if !self.job.plan.hooks.setup {
            return Ok(Ok(serde_json::Value::Null));
        }
        self.tell(0, Command::SetUp).await;
        let hook = Hook {
            name: "setup",
            limit: self.job.plan.options.setup_timeout,
            late: Code::SetupTimeout,
            urgency: Urgency::Stop,
        };
        let settled = self.settle(&hook, sums, observer, |report| match report {
            Report::SetUp(result, recorded) => Ok((result, recorded)),
            other => Err(Box::new(other)),
        });
        let result = match settled.await? {
            Settled::Ended(result) => result,
            Settled::Late => return Ok(Err(End::NoLoad)),
            Settled::Left => return Ok(Err(End::Interrupted)),
        };
        Ok(match result {
            Ok(data) => Ok(data),
            Err(Ended::Failed(diagnostic)) => {
                self.errors.push(*diagnostic);
                Err(End::NoLoad)
            }
            Err(Ended::Aborted(reason)) => Err(End::Aborted(reason)),
            Err(Ended::Stopped) => Err(End::Interrupted),
        })
    }

    /// True when a second stop ended it.
    pub(super) async fn tear_down(
        &mut self,
        data: serde_json::Value,
        sums: &mut Aggregator,
        observer: &mut dyn Observer,
    ) -> Result<bool, EngineError> {
        self.tell(0, Command::TearDown { data }).await;
        let hook = Hook {
            name: "teardown",
            limit: self.job.plan.options.teardown_timeout,
            late: Code::TeardownTimeout,
            // It cleans up, so a first stop lets it: only a second one ends it.
            urgency: Urgency::Now,
        };
        let settled = self.settle(&hook, sums, observer, |report| match report {
            Report::TornDown(result, recorded) => Ok((result, recorded)),
            other => Err(Box::new(other)),
        });
        let result = match settled.await? {
            Settled::Ended(result) => result,
            Settled::Late => return Ok(false),
            Settled::Left => return Ok(true),
        };
        match result {
            Ok(()) | Err(Ended::Stopped) => {}
            Err(Ended::Failed(diagnostic)) => self.errors.push(*diagnostic),
            Err(Ended::Aborted(reason)) => {
                let text = format!("`abort` in `teardown`: {reason}");
                self.errors.push(Diagnostic::new(Code::Aborted, text));
            }
        }
        Ok(false)
    }

    /// Waits for a hook, adds what it recorded, and tells if it took too long.
    async fn settle<T>(
        &mut self,
        hook: &Hook,
        sums: &mut Aggregator,
        observer: &mut dyn Observer,
        wanted: impl FnMut(Report) -> Result<(T, Recorded), Box<Report>>,
    ) -> Result<Settled<T>, EngineError> {
        let (settled, recorded) = match self.hook(hook, observer, wanted).await? {
            Hooked::Reported((result, recorded)) => (Settled::Ended(result), Some(recorded)),
            Hooked::Late(found) => {
                self.errors.push(timed_out(hook));
                (Settled::Late, found.map(|(_, recorded)| recorded))
            }
            Hooked::Left => (Settled::Left, None),
        };
        if let Some(recorded) = recorded {
            sums.append(recorded, observer);
        }
        Ok(settled)
    }

    /// Waits for the report that a hook ends with. A stop of its urgency that comes meanwhile reaches it;
    /// after a second one nobody waits.
    async fn hook<T>(
        &mut self,
        hook: &Hook,
        observer: &mut dyn Observer,
        mut wanted: impl FnMut(Report) -> Result<T, Box<Report>>,
    ) -> Result<Hooked<T>, EngineError> {
        let timeout = tokio::time::sleep(hook.limit);
        tokio::pin!(timeout);
        let mut late = false;
        loop {
            tokio::select! {
                biased;
                Ok(()) = self.urgency.changed() => {
                    let now = *self.urgency.borrow();
                    if now >= hook.urgency {
                        let _ = self.commands[0].try_send(Command::Stop);
                    }
                    if now == Urgency::Now {
                        return Ok(Hooked::Left);
                    }
                }
                () = &mut timeout => {
                    if late {
                        return Ok(Hooked::Late(None));
                    }
                    late = true;
                    let _ = self.commands[0].try_send(Command::Stop);
                    timeout.as_mut().reset(tokio::time::Instant::now() + STOP_MAX);
                }
                report = self.reports.recv() => match wanted(report.ok_or(EngineError::Lost)?.1) {
                    Ok(found) if late => return Ok(Hooked::Late(Some(found))),
                    Ok(found) => return Ok(Hooked::Reported(found)),
                    Err(other) => match *other {
                        Report::Log(line) => observer.log(&line),
                        Report::Gone(error) => return Err(error),
                        _ => {}
                    },
                },
            }
        }
    }
}

fn timed_out(hook: &Hook) -> Diagnostic {
    let (name, limit) = (hook.name, crate::units::format_duration(hook.limit));
    Diagnostic::new(hook.late, format!("`{name}` took longer than {limit}"))
        .hint(format!("allow more with `options(#{{ {name}_timeout: \"…\" }})`"))
}
