//! What a virtual user remembers: the handle that scripts see as `this`.
//!
//! A handle, not a map: Rhai clones values at every access, and a handle's clone is one counter.
//! It lasts from `on_start` to `on_stop`, across iterations.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, ImmutableString, Map};

use super::error::HostError;
use super::value::{DEPTH_MAX, is_deeper_than};

/// Names that one user may hold, so that a script that files values under fresh names is noticed.
const NAMES_MAX: usize = 10_000;

/// The state of one virtual user.
#[derive(Debug, Clone, Default)]
pub struct State(Rc<RefCell<BTreeMap<ImmutableString, Dynamic>>>);

impl State {
    pub(super) fn get(&mut self, name: ImmutableString) -> Dynamic {
        self.0.borrow().get(&name).cloned().unwrap_or(Dynamic::UNIT)
    }

    pub(super) fn set(&mut self, name: ImmutableString, value: Dynamic) -> Result<(), Box<EvalAltResult>> {
        if is_deeper_than(&value, DEPTH_MAX) {
            return Err(HostError::new(format!(
                "the value for `this.{name}` is nested deeper than {DEPTH_MAX}"
            ))
            .into());
        }
        if holds_closure(&value) {
            return Err(HostError::new(format!("`this.{name}` can't hold a closure"))
                .hint("a closure would dangle when the script is edited; call a function by name instead")
                .into());
        }
        let mut names = self.0.borrow_mut();
        if names.len() >= NAMES_MAX && !names.contains_key(&name) {
            return Err(HostError::new(format!("a virtual user can remember at most {NAMES_MAX} names"))
                .hint(
                    "keep a list under one name, or forget what is no longer needed with `this.remove(name)`",
                )
                .into());
        }
        names.insert(name, value);
        Ok(())
    }

    /// What it holds now.
    pub(super) fn to_map(&self) -> Map {
        self.0.borrow().iter().map(|(name, value)| (name.as_str().into(), value.clone())).collect()
    }

    /// All that it holds, by name, as `of` has it.
    pub(super) fn map<R>(&self, of: impl Fn(&Dynamic) -> R) -> BTreeMap<ImmutableString, R> {
        self.0.borrow().iter().map(|(name, value)| (name.clone(), of(value))).collect()
    }

    /// What is under a name, as `of` has it.
    pub(super) fn with<R>(&self, name: &str, of: impl Fn(&Dynamic) -> R) -> Option<R> {
        self.0.borrow().get(name).map(of)
    }

    fn remove(&mut self, name: ImmutableString) -> Dynamic {
        self.0.borrow_mut().remove(&name).unwrap_or(Dynamic::UNIT)
    }

    fn contains(&mut self, name: ImmutableString) -> bool {
        self.0.borrow().contains_key(&name)
    }
}

/// Whether it is a closure, or a list or map with one somewhere.
fn holds_closure(value: &Dynamic) -> bool {
    if let Some(list) = value.read_lock::<Array>() {
        return list.iter().any(holds_closure);
    }
    if let Some(map) = value.read_lock::<Map>() {
        return map.values().any(holds_closure);
    }
    value.is::<FnPtr>()
}

/// Teaches an engine the type.
pub(super) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<State>("user state")
        .register_indexer_get(State::get)
        .register_indexer_set(State::set)
        .register_fn("remove", State::remove)
        .register_fn("contains", State::contains);
}
