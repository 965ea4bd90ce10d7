//! What happens while one user plays a script, told in order to whoever tries it: requests with their answers, checks,
//! samples, lines of the log, variables that changed; and a question before each call of the host, where somebody goes
//! step by step.
//!
//! A stage has one when its [`Outside`](super::Outside) asks for it; without, all this costs a branch where something is
//! recorded, and flows are played as ever. Told on the user's fiber, taken off it by whoever polls that
//! ([`Story::take`]): nothing is printed on a fiber.

mod event;
mod portrait;
mod scout;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use rhai::{AST, Dynamic, Engine, EvalAltResult};

pub use self::event::{Answer, Event, Message, Place, Question, RequestSeen, Told, Verdict};
use self::portrait::portrait;
use self::scout::Scout;
use super::diagnose::Context;
use super::request::client;
use super::stage::{Stage, terminated};
use super::vu::{Ending, Phase, Vu};
use crate::http::{Exchange, Request};
use crate::metrics::{Kind, Symbol};

/// What is told of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoryWanted {
    /// Whether somebody is asked before each call of the host.
    pub steps: bool,
}

/// What somebody says who was asked whether a script may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// To the next call.
    Step,
    /// Without further questions.
    GoOn,
    /// No further.
    End,
}

/// What happened, and was not taken yet.
#[derive(Debug, Default)]
pub struct Story {
    told: RefCell<VecDeque<Told>>,
    pub(super) scout: Scout,
    context: OnceCell<Rc<Context>>,
    /// Whether somebody is asked before each call.
    asks: Cell<bool>,
    /// Whether a script waits for a permit.
    is_waiting: Cell<bool>,
    permit: Cell<Option<Permit>>,
    waker: RefCell<Option<Waker>>,
}

impl Story {
    pub(super) fn new(wanted: StoryWanted) -> Self {
        Self { asks: Cell::new(wanted.steps), ..Self::default() }
    }

    /// What happened since the last call.
    pub fn take(&self) -> VecDeque<Told> {
        self.told.take()
    }

    /// Whether something happened that was not taken.
    pub(super) fn has_news(&self) -> bool {
        !self.told.borrow().is_empty()
    }

    /// Whether a script waits for [`Story::permit`]; the call that it waits with was told last.
    pub fn is_waiting(&self) -> bool {
        self.is_waiting.get()
    }

    /// Lets the script that waits go on.
    pub fn permit(&self, permit: Permit) {
        self.permit.set(Some(permit));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// How many changes of variables were not told, since there were so many at one place; cleared.
    pub fn take_untold(&self) -> u64 {
        self.scout.take_untold()
    }

    /// The last variables of what was played are no concern of what comes next.
    pub fn turn_page(&self, vu: &Vu) {
        self.scout.turn_page(vu);
    }

    /// Has an engine tell of what it evaluates. The engine's states must be made after this.
    pub(super) fn attach(stage: &Rc<Stage>, engine: &mut Engine, functions: &AST) {
        if let Some(story) = stage.story() {
            story.scout.read(functions);
            scout::attach(stage, engine);
        }
    }

    /// Takes the script down whose places are told.
    pub(super) fn know(&self, context: &Rc<Context>) {
        let _ = self.context.set(Rc::clone(context));
    }

    /// At which statement the script is that is played.
    pub fn place(&self) -> Option<Place> {
        self.scout.place(self.context.get()?)
    }

    fn tell(&self, stage: &Stage, event: Event) {
        let place = self.place();
        self.told.borrow_mut().push_back(Told { at_ns: stage.clock().now_ns(), place, event });
    }
}

impl Stage {
    /// What is told of the script, where somebody listens.
    #[inline]
    pub fn story(&self) -> Option<&Story> {
        self.story.as_deref()
    }

    /// Tells something, where somebody listens; not of the top level, which each thread runs anew.
    #[inline]
    pub(super) fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(story) = &self.story
            && self.vu().phase != Phase::Declare
        {
            story.tell(self, event());
        }
    }

    /// Tells of a request that has ended; `name` is its tag.
    #[inline]
    pub(super) fn tell_request(
        &self,
        vu: &Vu,
        name: Symbol,
        request: &Request<'_>,
        exchange: &Exchange,
        is_expected: bool,
    ) {
        if self.story.is_some() {
            let name = self.recorder().with(|recorder| recorder.text(name));
            let user_agent = client(vu).options().user_agent.as_deref();
            let seen = RequestSeen::new(&name, user_agent, request, exchange, is_expected);
            self.tell(|| Event::Request(Box::new(seen)));
        }
    }

    /// Tells of a check.
    #[inline]
    pub(super) fn tell_check(&self, name: &str, holds: bool) {
        self.tell(|| Event::Check(Verdict { name: name.to_owned(), holds }));
    }

    /// Tells of a sample of a custom metric: its value in words.
    #[inline]
    pub(super) fn tell_sample(&self, metric: &str, kind: Kind, value: impl FnOnce() -> String) {
        self.tell(|| Event::Sample { metric: metric.to_owned(), kind: kind.to_string(), value: value() });
    }

    /// A value as it is told: a bounded text without secrets.
    pub fn portray(&self, value: &Dynamic) -> String {
        portrait::short(&self.outside().secrets.mask().mask(&portrait(value)))
    }

    /// Asks whether a call of the host may be made, and waits for the answer, where somebody goes step by step.
    pub(super) fn ask(&self, function: &str, arguments: &[&mut Dynamic]) -> Result<(), Box<EvalAltResult>> {
        let Some(story) = self.story().filter(|story| story.asks.get()) else { return Ok(()) };
        let vu = self.vu();
        // The top level declares, and where nothing can wait nobody is asked.
        if matches!(vu.phase, Phase::Declare | Phase::Summary) || vu.is_ending() || !self.current().in_fiber()
        {
            return Ok(());
        }
        let arguments = arguments.iter().map(|argument| self.portray(argument)).collect();
        self.tell(|| Event::Call(Question { function: function.to_owned(), arguments }));
        story.is_waiting.set(true);
        let answer = poll_fn(|context| {
            if let Some(permit) = story.permit.take() {
                return Poll::Ready(permit);
            }
            *story.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        });
        let answer = self.wait(&vu, answer);
        story.is_waiting.set(false);
        match answer? {
            Permit::Step => Ok(()),
            Permit::GoOn => {
                story.asks.set(false);
                Ok(())
            }
            Permit::End => {
                vu.end(Ending::Stopped);
                Err(terminated().into())
            }
        }
    }
}
