//! Examples of what failed on one worker. Only what has failed comes here: the first of a kind is kept whole, further ones
//! are counted.

use std::time::Duration;

use rustc_hash::FxHashMap;

use super::request::client;
use super::stage::Stage;
use super::vu::Vu;
use crate::http::{EXAMPLES_MAX, Example, Examples, Exchange, Happened, Kind, Request};
use crate::metrics::Symbol;

/// What failures of one kind and name have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    name: Symbol,
    /// The name of a check; none for a request.
    check: Symbol,
    status: u16,
    error_code: u16,
}

/// The examples so far.
#[derive(Debug, Default)]
pub(super) struct Gallery {
    places: FxHashMap<Key, usize>,
    examples: Examples,
    /// How many of them were told.
    told: usize,
}

impl Gallery {
    /// Counts a failure; true where it is the first of its kind and is to be kept.
    fn count(&mut self, key: Key) -> bool {
        if let Some(place) = self.places.get(&key) {
            self.examples.list[*place].count += 1;
            return false;
        }
        let has_room = self.examples.list.len() < EXAMPLES_MAX;
        self.examples.more += u64::from(!has_room);
        has_room
    }

    fn keep(&mut self, key: Key, example: Example) {
        self.places.insert(key, self.examples.list.len());
        self.examples.list.push(example);
    }
}

impl Stage {
    /// The examples of what failed since the last call.
    pub fn take_examples(&self) -> Examples {
        self.examples.take().examples
    }

    /// Copies of those that are new since the last call: of each kind the first, as it was met.
    pub fn new_examples(&self) -> Vec<Example> {
        let mut gallery = self.examples.borrow_mut();
        let known = gallery.examples.list.len();
        let told = std::mem::replace(&mut gallery.told, known);
        gallery.examples.list[told..].to_vec()
    }
}

/// Takes note of a request that failed; `name` is its tag.
#[cold]
#[inline(never)] // an example is large, and a fiber's stack is not
pub(super) fn note_request(stage: &Stage, vu: &Vu, name: Symbol, request: &Request<'_>, exchange: &Exchange) {
    let (status, error_code) = (exchange.status(), exchange.error_code());
    let key = Key { name, check: Symbol::NONE, status, error_code };
    note(stage, vu, key, request, exchange, || Kind::Request { status, error_code });
}

/// Takes note of a check that did not hold of what came back for a request.
#[cold]
#[inline(never)] // an example is large, and a fiber's stack is not
pub(super) fn note_check(
    stage: &Stage,
    vu: &Vu,
    (check, name): (&str, &str),
    request: &Request<'_>,
    exchange: &Exchange,
) {
    let [name, symbol] = stage.recorder().with(|recorder| [name, check].map(|text| recorder.intern(text)));
    let key = Key { name, check: symbol, status: 0, error_code: 0 };
    note(stage, vu, key, request, exchange, || Kind::Check(check.to_owned()));
}

fn note(
    stage: &Stage,
    vu: &Vu,
    key: Key,
    request: &Request<'_>,
    exchange: &Exchange,
    kind: impl FnOnce() -> Kind,
) {
    if !stage.examples.borrow_mut().count(key) {
        return;
    }
    let name = stage.recorder().with(|recorder| recorder.text(key.name));
    let begun_ns = exchange.timings.start_ns;
    let since = |start_ns: u64| Duration::from_nanos(begun_ns.saturating_sub(start_ns));
    let happened = Happened {
        at: vu.cast.course.as_ref().map(|course| since(course.run_start_ns)),
        scenario: vu.cast.scenario.to_string(),
        group: vu.group.borrow().clone(),
        vu: vu.id,
        iteration: vu.scenario_iteration.get(),
    };
    let example = Example::new(client(vu), (kind(), &name), request, exchange, happened);
    stage.examples.borrow_mut().keep(key, example);
}
