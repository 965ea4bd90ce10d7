//! `pick` and `random::*`: draws from the running user's own generator, so that a seed is a run.

use std::rc::Rc;

use rand::RngExt;
use rhai::{Array, Dynamic, EvalAltResult, INT};

use super::super::error::HostError;
use super::super::frozen::FrozenList;
use super::super::registry::Registry;
use super::super::stage::Stage;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// The longest text that `random::text` makes.
const TEXT_MAX: INT = 1_000_000;

const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

pub(super) fn register(registry: &mut Registry<'_>) {
    for (signature, about) in
        [("pick(list)", "an item of a list, by chance"), ("random::pick(list)", "the same as `pick`")]
    {
        let stage = Rc::clone(&registry.stage);
        registry.define(signature, about, move |list: FrozenList| -> Outcome<Dynamic> {
            let index = draw_index(&stage, list.len())?;
            Ok(list.at(index).cloned().unwrap_or(Dynamic::UNIT))
        });
        let (stage, name) = (Rc::clone(&registry.stage), signature.split('(').next().unwrap_or(signature));
        registry.overload(name, move |mut list: Array| -> Outcome<Dynamic> {
            let index = draw_index(&stage, list.len())?;
            Ok(usize::try_from(index).map_or(Dynamic::UNIT, |index| list.swap_remove(index)))
        });
    }
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "random::int(min, max)",
        "a whole number, both ends included",
        move |min: INT, max: INT| {
            if min > max {
                return Err(order("random::int", min, max));
            }
            Ok(draw(&stage, |rng| rng.random_range(min..=max)))
        },
    );
    let stage = Rc::clone(&registry.stage);
    registry.define("random::float()", "a number from 0 up to, not including, 1", move || {
        draw(&stage, |rng| rng.random::<f64>())
    });
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "random::float(min, max)",
        "a number from min up to, not including, max",
        move |min: f64, max: f64| {
            if min.is_finite() && max.is_finite() && min < max {
                Ok(draw(&stage, |rng| rng.random_range(min..max)))
            } else {
                Err(order("random::float", min, max))
            }
        },
    );
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "random::chance(share)",
        "true with a probability from 0 to 1",
        move |share: f64| -> Outcome<bool> {
            if (0.0..=1.0).contains(&share) {
                return Ok(draw(&stage, |rng| rng.random_bool(share)));
            }
            Err(HostError::new(format!("`random::chance` takes a number from 0.0 to 1.0, not {share}"))
                .into())
        },
    );
    let stage = Rc::clone(&registry.stage);
    registry.define("random::text(length)", "letters and digits", move |length: INT| -> Outcome<String> {
        if !(0..=TEXT_MAX).contains(&length) {
            return Err(HostError::new(format!(
                "`random::text` takes a length from 0 to {TEXT_MAX}, not {length}"
            ))
            .into());
        }
        Ok(draw(&stage, |rng| {
            (0..length).map(|_| char::from(LETTERS[rng.random_range(0..LETTERS.len())])).collect()
        }))
    });
}

fn draw<R>(stage: &Stage, with: impl FnOnce(&mut rand_pcg::Pcg64Mcg) -> R) -> R {
    with(&mut stage.vu().rng.borrow_mut())
}

fn draw_index(stage: &Stage, length: usize) -> Outcome<INT> {
    if length == 0 {
        return Err(HostError::new("`pick` got an empty list")
            .hint("look at the list first: `if !list.is_empty() { … }`")
            .into());
    }
    let index = draw(stage, |rng| rng.random_range(0..length));
    Ok(INT::try_from(index).unwrap_or(0))
}

fn order<T: std::fmt::Display>(function: &str, min: T, max: T) -> Box<EvalAltResult> {
    HostError::new(format!("`{function}` takes the smaller number first, not {min} and {max}"))
        .hint(format!("write `{function}({max}, {min})`"))
        .into()
}
