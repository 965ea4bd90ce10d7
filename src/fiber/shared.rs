//! State that the fibers of one worker share, lent for one closure at a time.
//!
//! A loan that spanned a suspend would meet the next fiber's loan and panic far from the mistake.
//! So loans are counted in debug builds, and suspending with one open panics at once.

use std::cell::RefCell;
use std::rc::Rc;

use super::suspend::Current;

/// A value that belongs to a worker and that its fibers use in turn.
#[derive(Debug)]
pub struct Shared<T> {
    value: RefCell<T>,
    current: Rc<Current>,
}

impl<T> Shared<T> {
    /// Shares `value` among the fibers that run under `current`.
    pub fn new(value: T, current: Rc<Current>) -> Self {
        Self { value: RefCell::new(value), current }
    }

    /// Lends the value to `use_it`, which must not wait.
    pub fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> R {
        let _loan = self.current.lend();
        use_it(&mut self.value.borrow_mut())
    }
}
