//! A user's task on a worker.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::stage::Stage;
use super::vu::Vu;

/// A user's task: sets the user on the stage whenever it is polled.
pub struct Turn<F> {
    stage: Rc<Stage>,
    vu: Rc<Vu>,
    task: F,
}

impl<F> Turn<F> {
    /// The task `task` with `vu` on.
    pub fn new(stage: &Rc<Stage>, vu: &Rc<Vu>, task: F) -> Self {
        Self { stage: Rc::clone(stage), vu: Rc::clone(vu), task }
    }

    /// The task.
    pub fn task(&self) -> &F {
        &self.task
    }
}

impl<F: Future + Unpin> Future for Turn<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        this.vu.keep_waker(context.waker());
        let outer = this.stage.on.replace(Some(Rc::clone(&this.vu)));
        let operations = this.stage.operations.replace(0);
        let result = Pin::new(&mut this.task).poll(context);
        this.stage.operations.set(operations);
        this.stage.on.replace(outer);
        result
    }
}
