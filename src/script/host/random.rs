//! `pick` and `random::*`: draws from the running user's own generator, so that a seed is a run.

use std::rc::Rc;

use rand::RngExt;
use rhai::{Array, Blob, Dynamic, EvalAltResult, INT, ImmutableString};

use super::super::error::HostError;
use super::super::frozen::FrozenList;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::argument::{misfit, to_finite, to_map};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// The longest text that `random::text` makes.
const TEXT_MAX: INT = 1_000_000;

const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

pub(super) fn register(registry: &mut Registry<'_>) {
    picks(registry);
    numbers(registry);
    distributions(registry);
    texts(registry);
}

fn picks(registry: &mut Registry<'_>) {
    for (signature, name, about, example) in [
        ("pick(list)", "pick", "an item of a list, by chance", "pick([\"AAPL\"]) // \"AAPL\""),
        ("random::pick(list)", "random::pick", "the same as `pick`", "random::pick([7]) // 7"),
    ] {
        let stage = Rc::clone(&registry.stage);
        registry.define(signature, about, move |list: &mut FrozenList| -> Outcome<Dynamic> {
            let index = draw_index(&stage, name, list.len())?;
            Ok(list.nth(index).unwrap_or(Dynamic::UNIT))
        });
        registry.example(example);
        let stage = Rc::clone(&registry.stage);
        registry.overload(name, move |mut list: Array| -> Outcome<Dynamic> {
            let index = draw_index(&stage, name, list.len())?;
            Ok(list.swap_remove(index))
        });
    }
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "random::weighted(weights)",
        "a key of the map, by chance and the number behind it",
        move |weights: Dynamic| weighted(&stage, weights),
    );
    registry.takes("weights", "map");
    registry.example("random::weighted(#{ buy: 80, sell: 20, never: 0 }) in [\"buy\", \"sell\"] // true");
}

fn numbers(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "random::int(min, max)",
        "a whole number, both ends included",
        move |min: INT, max: INT| -> Outcome<INT> {
            if min > max {
                return Err(order("random::int", min, max).into());
            }
            Ok(draw(&stage, |rng| rng.random_range(min..=max)))
        },
    );
    registry.example("let days = random::int(1, 30);\ndays >= 1 && days <= 30 // true");
    let stage = Rc::clone(&registry.stage);
    registry.define("random::float()", "a number from 0 up to, not including, 1", move || {
        draw(&stage, RngExt::random::<f64>)
    });
    registry.example("random::float() < 1.0 // true");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "random::float(min, max)",
        "a number from min up to, not including, max",
        move |min: Dynamic, max: Dynamic| -> Outcome<f64> {
            const NAME: &str = "random::float";
            let (min, max) = (to_finite(NAME, "min", &min)?, to_finite(NAME, "max", &max)?);
            if min >= max {
                return Err(order(NAME, min, max).into());
            }
            let span = max - min;
            if span.is_finite() {
                return Ok(draw(&stage, |rng| rng.random_range(min..max)));
            }
            Err(HostError::new(format!("`{NAME}`: {min} and {max} are too far apart")).into())
        },
    );
    registry.takes("min", "number").takes("max", "number");
    registry.example("random::float(10, 20.5) >= 10.0 // true");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "random::chance(share)",
        "true with a probability from 0 to 1",
        move |share: Dynamic| -> Outcome<bool> {
            let share = to_finite("random::chance", "share", &share)?;
            if (0.0..=1.0).contains(&share) {
                return Ok(draw(&stage, |rng| rng.random_bool(share)));
            }
            Err(HostError::new(format!("`random::chance` takes a number from 0.0 to 1.0, not {share}"))
                .into())
        },
    );
    registry.takes("share", "number");
    registry.example("if random::chance(0.1) { http::get(\"/health\"); }");
}

fn distributions(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "random::normal(mean, deviation)",
        "a number from the normal distribution",
        move |mean: Dynamic, deviation: Dynamic| -> Outcome<f64> {
            const NAME: &str = "random::normal";
            let (mean, deviation) =
                (to_finite(NAME, "mean", &mean)?, not_negative(NAME, "deviation", &deviation)?);
            Ok(mean + deviation * draw(&stage, normal))
        },
    );
    registry.takes("mean", "number").takes("deviation", "number");
    registry.example("random::normal(100, 0) // 100.0");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "random::exponential(mean)",
        "a number from the exponential distribution: the time between two events by chance",
        move |mean: Dynamic| -> Outcome<f64> {
            let mean = not_negative("random::exponential", "mean", &mean)?;
            Ok(mean * draw(&stage, |rng| -(1.0 - rng.random::<f64>()).ln()))
        },
    );
    registry.takes("mean", "number");
    registry.example("sleep(random::exponential(0.01));");
}

fn texts(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry.define("random::text(length)", "letters and digits", move |length: INT| {
        text(&stage, length, LETTERS)
    });
    registry.example("random::text(12).len() // 12");
    let stage = Rc::clone(&registry.stage);
    registry.define(
        "random::text(length, characters)",
        "a text of these characters",
        move |length: INT, characters: ImmutableString| text(&stage, length, &characters),
    );
    registry.example("random::text(3, \"a\") // \"aaa\"");
    let stage = Rc::clone(&registry.stage);
    registry.define("random::bytes(length)", "bytes by chance", move |length: INT| -> Outcome<Blob> {
        let length = length_of("random::bytes", length)?;
        Ok(draw(&stage, |rng| (0..length).map(|_| rng.random()).collect()))
    });
    registry.example("http::post(\"/dsl/execute\", #{ body: random::bytes(1024) });");
}

fn draw<R>(stage: &Stage, with: impl FnOnce(&mut rand_pcg::Pcg64Mcg) -> R) -> R {
    stage.with_vu(|vu| with(&mut vu.rng.borrow_mut()))
}

fn draw_index(stage: &Stage, name: &str, length: usize) -> Outcome<usize> {
    if length == 0 {
        return Err(HostError::new(format!("`{name}` got an empty list"))
            .hint("look at the list first: `if !list.is_empty() { … }`")
            .into());
    }
    Ok(draw(stage, |rng| rng.random_range(0..length)))
}

fn weighted(stage: &Stage, weights: Dynamic) -> Outcome<ImmutableString> {
    const NAME: &str = "random::weighted";
    let weights = to_map(NAME, weights)?;
    let mut sum = 0.0;
    let mut ends = Vec::with_capacity(weights.len());
    for (key, weight) in &weights {
        sum += not_negative(NAME, key, weight)?;
        ends.push((sum, key));
    }
    if !(sum > 0.0 && sum.is_finite()) {
        return Err(HostError::new(format!("`{NAME}` takes weights with a sum above 0, not {sum}"))
            .hint("write `random::weighted(#{ buy: 80, sell: 20 })`")
            .into());
    }
    let at = draw(stage, RngExt::random::<f64>) * sum;
    // Rounding can bring it to the very end: the last key with a weight then.
    let found = ends.iter().find(|(end, _)| at < *end);
    let last = || ends.iter().find(|(end, _)| *end >= sum).expect("some weight is above 0");
    Ok(found.unwrap_or_else(last).1.as_str().into())
}

/// By the polar form of Box and Muller's method.
fn normal(rng: &mut rand_pcg::Pcg64Mcg) -> f64 {
    loop {
        let [x, y] = [(); 2].map(|()| rng.random::<f64>() * 2.0 - 1.0);
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            return x * (-2.0 * square.ln() / square).sqrt();
        }
    }
}

fn length_of(function: &str, length: INT) -> Outcome<usize> {
    let known = usize::try_from(length).ok().filter(|_| length <= TEXT_MAX);
    Ok(known.ok_or_else(|| {
        HostError::new(format!("`{function}` takes a length from 0 to {TEXT_MAX}, not {length}"))
    })?)
}

fn text(stage: &Stage, length: INT, characters: &str) -> Outcome<String> {
    let length = length_of("random::text", length)?;
    let characters: Vec<char> = characters.chars().collect();
    if characters.is_empty() {
        return Err(HostError::new("`random::text` takes at least one character to choose from").into());
    }
    Ok(draw(stage, |rng| (0..length).map(|_| characters[rng.random_range(0..characters.len())]).collect()))
}

/// A number from 0 up.
fn not_negative(function: &str, name: &str, value: &Dynamic) -> Outcome<f64> {
    if !(value.is_int() || value.is_float()) {
        return Err(misfit(function, &format!("a number as `{name}`"), value).into());
    }
    let number = to_finite(function, name, value)?;
    if number >= 0.0 {
        return Ok(number);
    }
    Err(HostError::new(format!("`{function}` takes a number from 0 up as `{name}`, not {number}")).into())
}

fn order<T: std::fmt::Display>(function: &str, min: T, max: T) -> HostError {
    HostError::new(format!("`{function}` takes the smaller number first, not {min} and {max}"))
        .hint(format!("write `{function}({max}, {min})`"))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn the_normal_distribution_has_its_mean_and_deviation() {
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(1);
        let draws: Vec<f64> = (0..20_000).map(|_| normal(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        // Five standard errors: 0.007 of the mean, 0.01 of the variance.
        assert!(mean.abs() < 0.036 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }
}
