//! `setup` and `teardown`: once a run, on the first worker, each on a fiber of its own.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use rhai::{Dynamic, Scope};
use tokio::sync::mpsc::Receiver;

use crate::diagnostic::{Code, Diagnostic};
use crate::fiber::{Arena, Fiber};
use crate::http::{Client, Options};
use crate::metrics::{Symbol, TagSet};
use crate::plan::Plan;
use crate::script::{Cast, DEPTH_MAX, Failure, Phase, Program, Stage, Turn, Vu, is_deeper_than, to_json};

use super::act::panicked;
use super::crew::client_options;
use super::life::LEAK_NS;
use super::message::{Command, Ended};

/// What a hook runs with.
pub(super) struct Hook<'a> {
    pub(super) name: &'static str,
    pub(super) phase: Phase,
    pub(super) program: &'a Rc<Program>,
    pub(super) stage: &'a Rc<Stage>,
    pub(super) plan: &'a Plan,
    pub(super) seed: u64,
}

impl Hook<'_> {
    /// Calls the function and gives its result as JSON; `commands` may stop it.
    pub(super) async fn run(
        &self,
        data: Dynamic,
        commands: &mut Receiver<Command>,
    ) -> Result<serde_json::Value, Ended> {
        let Some(entry) = self.program.entry(self.name) else { return Ok(serde_json::Value::Null) };
        let vu = self.user();
        let result = Rc::new(RefCell::new(None));
        let body = {
            let (program, vu, result) = (Rc::clone(self.program), Rc::clone(&vu), Rc::clone(&result));
            move || {
                let returned = program.call(&vu, &entry, &data, &mut Scope::new());
                result.replace(Some(returned));
            }
        };
        let bug = |diagnostic: Diagnostic| Ended::Failed(Box::new(diagnostic));
        let arena = Arena::new(1).map_err(|error| bug(Diagnostic::new(Code::Other, error.to_string())))?;
        let fiber = Fiber::new(&arena, self.stage.current(), body)
            .map_err(|error| bug(Diagnostic::new(Code::Other, error.to_string())))?;
        self.guard(&vu, Turn::new(self.stage, &vu, fiber), commands).await?;
        let returned = result.take().expect("the fiber ended, so the call returned");
        match returned {
            // What nobody reads may be anything: a function's last expression is often a response.
            Ok(_) if self.phase != Phase::Setup || !self.program.takes_data(self.plan) => {
                Ok(serde_json::Value::Null)
            }
            Ok(value) => self.as_json(&value),
            Err(Failure::Stopped(_)) => Err(Ended::Stopped),
            Err(Failure::Aborted(reason)) => Err(Ended::Aborted(reason)),
            Err(Failure::Threw(diagnostic)) => Err(bug(diagnostic)),
            Err(Failure::Asserted(mut diagnostic) | Failure::Failed(mut diagnostic)) => {
                diagnostic.code = Code::Target;
                Err(bug(diagnostic))
            }
        }
    }

    /// Polls the fiber to its end, or leaks it when it won't end.
    async fn guard(
        &self,
        vu: &Rc<Vu>,
        turn: Turn<Fiber<()>>,
        commands: &mut Receiver<Command>,
    ) -> Result<(), Ended> {
        let mut turn = pin!(turn);
        let alarm = self.stage.clock().alarm();
        let mut stopping = false;
        poll_fn(|context| {
            loop {
                if let Poll::Ready(ended) = turn.as_mut().poll(context) {
                    return Poll::Ready(ended.map_err(|panic| Ended::Failed(Box::new(panicked(&*panic)))));
                }
                if stopping {
                    if alarm.poll_due(context).is_pending() {
                        return Poll::Pending;
                    }
                    let text = format!("`{}` did not end when it was told to", self.name);
                    return Poll::Ready(Err(Ended::Failed(Box::new(Diagnostic::new(Code::Bug, text)))));
                }
                if commands.poll_recv(context).is_pending() {
                    return Poll::Pending;
                }
                stopping = true;
                vu.stop();
                alarm.set(self.stage.clock().now_ns() + LEAK_NS);
            }
        })
        .await
    }

    /// The user that a hook runs as: number 0, of no scenario, in the group of the hook's name, with the run's tags.
    fn user(&self) -> Rc<Vu> {
        let clock = self.stage.clock();
        let network = self.stage.network();
        let local_address = network.network().local_address(0);
        let options = Options { local_address, ..client_options(self.plan) };
        let client = Client::new(Rc::clone(clock), Rc::clone(network), options);
        let tags = TagSet::from_pairs(self.plan.options.tags.iter().map(|(tag, value)| (&**tag, &**value)));
        let symbols = [Symbol::NONE, self.stage.recorder().with(|recorder| recorder.intern_tags(&tags))];
        let base_url = self.plan.base_url.as_deref();
        let cast = Cast::new("", tags, symbols, base_url, BTreeMap::new(), None);
        let vu = Rc::new(Vu::new(0, cast, self.phase, self.seed, clock.alarm(), Some(client)));
        let group = format!("::{}", self.name);
        vu.group_symbol.set(self.stage.recorder().with(|recorder| recorder.intern(&group)));
        vu.group.replace(group);
        vu
    }

    fn as_json(&self, value: &Dynamic) -> Result<serde_json::Value, Ended> {
        let refuse = |what: String| {
            let text = format!("`{}` returned {what}, which can't be handed to the flows", self.name);
            let hint = "it crosses threads as JSON: return maps, lists, texts, numbers";
            Err(Ended::Failed(Box::new(Diagnostic::new(Code::Setup, text).hint(hint))))
        };
        if is_deeper_than(value, DEPTH_MAX) {
            return refuse(format!("a value nested deeper than {DEPTH_MAX}"));
        }
        to_json(value).or_else(refuse)
    }
}
