//! `shuffle` and `sample`: lists by chance, drawn by the running user's own generator.

use std::rc::Rc;

use rand::seq::{IndexedRandom, SliceRandom};
use rhai::{Array, Dynamic, EvalAltResult, INT};

use super::super::error::HostError;
use super::super::frozen::FrozenList;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::super::value::type_name;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "shuffle(list)",
        "the items of a list in an order by chance",
        move |list: Dynamic| -> Outcome<Array> {
            let mut items = items("shuffle", list)?;
            items.shuffle(&mut *stage.vu().rng.borrow_mut());
            Ok(items)
        },
    );
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "sample(list, count)",
        "so many different items of a list, in an order by chance",
        move |list: Dynamic, count: INT| -> Outcome<Array> { sample(&stage, items("sample", list)?, count) },
    );
}

fn sample(stage: &Stage, items: Array, count: INT) -> Outcome<Array> {
    let wanted = usize::try_from(count).ok().filter(|count| *count <= items.len()).ok_or_else(|| {
        HostError::new(format!("`sample` can't take {count} of {} items", items.len()))
            .hint("it takes each item once at most: draw with `pick` where items may repeat")
    })?;
    Ok(items.sample(&mut *stage.vu().rng.borrow_mut(), wanted).cloned().collect())
}

fn items(function: &str, list: Dynamic) -> Outcome<Array> {
    if let Some(frozen) = list.read_lock::<FrozenList>() {
        return Ok(frozen.iter().cloned().collect());
    }
    let kind = type_name(&list);
    Ok(list.into_array().map_err(|_| HostError::new(format!("`{function}` takes a list, not {kind}")))?)
}
