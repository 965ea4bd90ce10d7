//! `secret`: a text that nobody gets to see, from the environment, a file or a program.

use std::path::PathBuf;
use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};

use super::super::error::HostError;
use super::super::frozen::{FrozenList, FrozenMap};
use super::super::registry::Registry;
use super::super::secrets::{SecretSource, Wanted};
use super::super::stage::Stage;
use super::super::value::type_name;

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// Where a secret may come from.
const PLACES: [&str; 3] = ["env", "file", "command"];

const WRITE: &str = "write `#{ env: \"VARIABLE\" }`, `#{ file: \"token.txt\" }` or `#{ command: [\"program\", \"argument\"] }`";

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "secret(name)",
            "a text that is shown as `***` wherever it would be printed: from `--secret`, `RUNNER_SECRET_NAME`, or the variable `NAME`",
            move |name: ImmutableString| secret(&stage, &name, || Ok(Wanted::Name)),
        )
        .declares("const TOKEN = secret(\"TOKEN\");");
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "secret(name, from)",
            "the same from another variable, a file beside the script, or what a program prints (with `--allow-run`)",
            move |name: ImmutableString, from: Dynamic| {
                secret(&stage, &name, || Ok(Wanted::From(source(&name, from)?)))
            },
        )
        .takes("from", "map")
        .declares(
            "const USER = secret(\"USER_KEY\", #{ env: \"TOKEN\" });\n\
             const KEY = secret(\"KEY\", #{ file: \"token.txt\" });\n\
             const PASSWORD = secret(\"PASSWORD\", #{ command: [\"cat\", \"token.txt\"] });",
        );
}

fn secret(
    stage: &Stage,
    name: &str,
    wanted: impl FnOnce() -> Result<Wanted, HostError>,
) -> Outcome<ImmutableString> {
    stage.declaring_constant(&format!("secret(\"{name}\")"), &name.to_ascii_uppercase())?;
    let outside = stage.outside();
    Ok(outside.secrets.find(name, wanted()?, &outside)?.as_ref().into())
}

/// The one place that the options name.
fn source(name: &str, from: Dynamic) -> Result<SecretSource, HostError> {
    let map = from.read_lock::<FrozenMap>().map(|map| map.to_map());
    let kind = type_name(&from);
    let Some(map) = map.or_else(|| from.try_cast::<Map>()) else {
        return Err(HostError::declaration(format!(
            "`secret` takes a map of where `{name}` comes from, not {kind}"
        ))
        .hint(WRITE)
        .word(name));
    };
    if let Some(unknown) = map.keys().find(|key| !PLACES.contains(&key.as_str())) {
        return Err(HostError::declaration(format!("a secret can't come from `{unknown}`"))
            .hint(WRITE)
            .word(unknown.as_str()));
    }
    let mut pairs = map.into_iter();
    let (Some((place, value)), None) = (pairs.next(), pairs.next()) else {
        return Err(HostError::declaration(format!("the secret `{name}` must come from one place"))
            .hint(WRITE)
            .word(name));
    };
    let wrong = |takes: &str| {
        HostError::declaration(format!("`{place}` of the secret `{name}` takes {takes}"))
            .hint(WRITE)
            .word(place.as_str())
    };
    if place == "command" {
        return words(&value)
            .map(SecretSource::Command)
            .ok_or_else(|| wrong("a list of texts, the program first"));
    }
    let text = value.into_immutable_string().ok().filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| wrong("a text"))?.to_string();
    Ok(if place == "env" { SecretSource::Environment(text) } else { SecretSource::File(PathBuf::from(text)) })
}

fn words(value: &Dynamic) -> Option<Vec<String>> {
    let word = |item: &Dynamic| item.as_immutable_string_ref().ok().map(|text| text.to_string());
    let words: Vec<String> = if let Some(list) = value.read_lock::<FrozenList>() {
        list.iter().map(|item| word(&item)).collect::<Option<_>>()?
    } else {
        value.as_array_ref().ok()?.iter().map(word).collect::<Option<_>>()?
    };
    words.first().is_some_and(|program| !program.is_empty()).then_some(words)
}
