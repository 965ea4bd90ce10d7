//! `shuffle` and `sample`: lists by chance, drawn by the running user's own generator.

use std::rc::Rc;

use rand::seq::{IndexedRandom, SliceRandom};
use rhai::{Array, Dynamic, EvalAltResult, INT};

use super::super::error::HostError;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::argument::to_list;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "shuffle(list)",
        "the items of a list in an order by chance",
        move |list: Dynamic| -> Outcome<Array> {
            let mut items = to_list("shuffle", list)?;
            items.shuffle(&mut *stage.vu().rng.borrow_mut());
            Ok(items)
        },
    );
    registry.takes("list", "list").example("shuffle([1, 2, 3]).len() // 3");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "sample(list, count)",
        "so many different items of a list, in an order by chance",
        move |list: Dynamic, count: INT| -> Outcome<Array> {
            sample(&stage, to_list("sample", list)?, count)
        },
    );
    registry.takes("list", "list");
    registry.example("sample([\"AAPL\", \"TSLA\", \"BTC\"], 2).len() // 2");
}

fn sample(stage: &Stage, items: Array, count: INT) -> Outcome<Array> {
    let wanted = usize::try_from(count).ok().filter(|count| *count <= items.len()).ok_or_else(|| {
        HostError::new(format!("`sample` can't take {count} of {} items", items.len()))
            .hint("it takes each item once at most: draw with `pick` where items may repeat")
    })?;
    Ok(items.sample(&mut *stage.vu().rng.borrow_mut(), wanted).cloned().collect())
}
