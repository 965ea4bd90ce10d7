//! `feeder(list, mode)`: which row of shared data an iteration works with.
//!
//! Rows go by number, not by who comes first: by the iteration's number in its scenario, or by the user's.
//! So a run hands out the same rows on one worker or ten, and nothing is counted across threads.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use rhai::{Dynamic, EvalAltResult, ImmutableString};

use super::super::error::HostError;
use super::super::frozen::{FrozenList, freeze};
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::super::vu::{Vu, mix};
use super::argument::to_list;
use crate::diagnostic::suggest;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Queue,
    Circular,
    Random,
    Unique,
}

const MODES: [(&str, Mode); 4] = [
    ("queue", Mode::Queue),
    ("circular", Mode::Circular),
    ("random", Mode::Random),
    ("unique", Mode::Unique),
];

/// A feeder, as scripts hold it.
#[derive(Debug, Clone)]
struct Feeder(Rc<Feed>);

#[derive(Debug)]
struct Feed {
    list: FrozenList,
    mode: Mode,
    /// The scenario that reads it, where rows must not be given twice.
    owner: Arc<OnceLock<String>>,
    /// Whether this worker knows that it is the owner's.
    is_owned: Cell<bool>,
}

pub(super) fn register(registry: &mut Registry<'_>) {
    registry.engine.register_type_with_name::<Feeder>("feeder");
    let stage = Rc::clone(&registry.stage);
    let number = Cell::new(0);
    registry
        .define(
            "feeder(list, mode)",
            "hands out rows: \"queue\" each once, \"circular\" from the start again, \"random\", \"unique\" one a user for its whole life",
            move |list: Dynamic, mode: ImmutableString| -> Outcome<Feeder> {
                stage.declaring("feeder")?;
                number.set(number.get() + 1);
                feeder(&stage, list, &mode, number.get())
            },
        )
        .takes("list", "list")
        .declares(
            "const ACCOUNTS = feeder(data::csv(\"users.csv\"), \"circular\");\n\
             fn flow() { let account = global::ACCOUNTS.row(); log::info(account.name); }",
        );
    let stage = Rc::clone(&registry.stage);
    registry.method(
        "feeder.row()",
        "the row of this iteration; of this user, if it is \"unique\"",
        move |feeder: &mut Feeder| -> Outcome<Dynamic> {
            let vu = stage.acting("feeder.row")?;
            // Of the whole run: `options(#{ seed })` may have set it.
            let seed = vu.cast.course.as_ref().map_or(stage.outside().seed, |course| course.seed);
            feeder.0.row(&vu, seed)
        },
    );
    registry.declares(
        "const SYMBOLS = feeder([\"AAPL\", \"TSLA\"], \"circular\");\n\
         fn flow() { log::info(global::SYMBOLS.row()); }",
    );
    for name in ["next", "get", "pop"] {
        registry.mistake(name, move |_: &mut Feeder| -> Outcome<Dynamic> {
            Err(HostError::new(format!("a feeder has no `{name}`"))
                .hint("each iteration has one row, however often it asks: write `.row()`")
                .into())
        });
    }
}

fn feeder(stage: &Stage, list: Dynamic, mode: &str, number: usize) -> Outcome<Feeder> {
    let frozen = list.read_lock::<FrozenList>().map(|list| list.clone());
    let list = match frozen {
        Some(list) => list,
        None => freeze(to_list("feeder", list)?.into()).cast(),
    };
    let Some((_, mode)) = MODES.iter().find(|(name, _)| *name == mode) else {
        let known = MODES.map(|(name, _)| name);
        return Err(HostError::new(format!("`feeder` has no mode `{mode}`"))
            .hint(match suggest(mode, known).first() {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("the modes are \"{}\"", known.join("\", \"")),
            })
            .word(mode)
            .into());
    };
    if list.is_empty() {
        return Err(HostError::new("`feeder` got an empty list").hint("it needs at least one row").into());
    }
    let owner = stage.outside().data.owner(number)?;
    Ok(Feeder(Rc::new(Feed { list, mode: *mode, owner, is_owned: Cell::new(false) })))
}

impl Feed {
    fn row(&self, vu: &Vu, seed: u64) -> Outcome<Dynamic> {
        let length = self.list.len() as u64;
        let number = if self.mode == Mode::Unique {
            vu.number_in_scenario()
        } else {
            vu.scenario_iteration
                .get()
                .ok_or_else(|| HostError::new(format!("there is no iteration in {}", outside_of(vu))).hint(
                    "a row goes with an iteration: read it in a flow; \"unique\" gives one a user, in `on_start` too",
                ))?
        };
        let index = match self.mode {
            Mode::Circular => number % length,
            Mode::Random => mix(seed, number) % length,
            Mode::Queue | Mode::Unique => {
                self.own(vu)?;
                if number >= length {
                    return Err(self.exhausted(number).into());
                }
                number
            }
        };
        let row = usize::try_from(index).ok().and_then(|index| self.list.nth(index));
        Ok(row.expect("the index is below the length"))
    }

    /// Rows go by numbers of one scenario: another would be given the same ones.
    fn own(&self, vu: &Vu) -> Result<(), HostError> {
        if self.is_owned.get() {
            return Ok(());
        }
        let owner = self.owner.get_or_init(|| vu.cast.scenario.to_string());
        if **owner == *vu.cast.scenario {
            return Ok(());
        }
        Err(HostError::new(format!("the scenarios `{owner}` and `{}` read one feeder", vu.cast.scenario))
            .hint("it would give its rows twice: declare a feeder for each, or take \"circular\""))
    }

    fn exhausted(&self, number: u64) -> HostError {
        let rows =
            if self.list.len() == 1 { "one row".to_owned() } else { format!("{} rows", self.list.len()) };
        if self.mode == Mode::Unique {
            return HostError::new(format!("the feeder has {rows}, and this is user {}", number + 1)).hint(
                "\"unique\" needs a row for each user: give it more rows, or the scenario fewer users",
            );
        }
        HostError::new(format!("the feeder has {rows}, and this is iteration {}", number + 1)).hint(
            "\"queue\" gives each row once: bound the iterations (`shared-iterations`), or take \"circular\"",
        )
    }
}

fn outside_of(vu: &Vu) -> &'static str {
    match vu.phase {
        super::super::Phase::Setup => "`setup`",
        super::super::Phase::Teardown => "`teardown`",
        _ => "`on_start`",
    }
}
