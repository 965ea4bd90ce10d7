//! `param`: a value that a script names and its users set, `--param users=20`.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};

use super::super::declaration::to_options;
use super::super::error::HostError;
use super::super::frozen::FrozenMap;
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::super::value::type_name;
use crate::plan::{OptionSpec, ParamRules, ParamValue, Reader, Value, param_value};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

/// Options of a parameter.
pub(super) const OPTIONS: &[OptionSpec] = &[
    OptionSpec { name: "about", takes: "a text", default: Some(""), about: "what it is for" },
    OptionSpec {
        name: "min",
        takes: "a value like the default",
        default: Some("none"),
        about: "the least value that it takes",
    },
    OptionSpec {
        name: "max",
        takes: "a value like the default",
        default: Some("none"),
        about: "the greatest value that it takes",
    },
    OptionSpec {
        name: "choices",
        takes: "a list of values",
        default: Some("all"),
        about: "the only values that it takes",
    },
    OptionSpec {
        name: "any_text",
        takes: "true or false",
        default: Some("false"),
        about: "takes any text, though the default reads as a duration",
    },
];

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "param(name, default)",
            "a value that users set with `--param name=value` or `RUNNER_PARAM_NAME`; of the default's type",
            move |name: ImmutableString, default: Dynamic| {
                param(&stage, &name, &default, ParamRules::default())
            },
        )
        .declares("const USERS = param(\"users\", 10);");
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "param(name, default, about)",
            "the same with what it is for, or a map of `about`, `min`, `max`, `choices`, `any_text`",
            move |name: ImmutableString, default: Dynamic, about: Dynamic| {
                param(&stage, &name, &default, rules(&name, about)?)
            },
        )
        .declares(
            "const USERS = param(\"users\", 10, \"how many\");\n\
             const PAUSE = param(\"pause\", \"1s\", #{ about: \"between two prices\", min: \"100ms\", max: \"1m\" });\n\
             const MODE = param(\"mode\", \"cached\", #{ choices: [\"cached\", \"uncached\"] });",
        );
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "param(name, default, about, options)",
            "the same with both",
            move |name: ImmutableString, default: Dynamic, about: ImmutableString, options: Dynamic| {
                let rules = rules(&name, options)?;
                param(&stage, &name, &default, ParamRules { about: about.to_string(), ..rules })
            },
        )
        .declares("const USERS = param(\"users\", 10, \"how many\", #{ min: 1, max: 1000 });");
}

fn param(stage: &Stage, name: &str, default: &Dynamic, rules: ParamRules) -> Outcome<Dynamic> {
    stage.declaring_constant(&format!("param(\"{name}\", …)"), &name.to_uppercase())?;
    let default = value(default).ok_or_else(|| {
        HostError::new(format!(
            "the default of `{name}` must be a number, a text, true or false, not {}",
            type_name(default)
        ))
        .hint("users write values on a command line: declare several parameters for a list")
        .word(name)
    })?;
    let value = stage.declaration.borrow_mut().param(name, default, rules, &stage.outside().params)?;
    Ok(match value {
        ParamValue::Boolean(value) => value.into(),
        ParamValue::Integer(number) => number.into(),
        ParamValue::Number(number) => number.into(),
        ParamValue::Text(text) => text.into(),
    })
}

fn value(value: &Dynamic) -> Option<ParamValue> {
    if let Ok(flag) = value.as_bool() {
        return Some(ParamValue::Boolean(flag));
    }
    if let Ok(number) = value.as_int() {
        return Some(ParamValue::Integer(number));
    }
    if let Ok(number) = value.as_float() {
        return number.is_finite().then_some(ParamValue::Number(number));
    }
    value.as_immutable_string_ref().ok().map(|text| ParamValue::Text(text.to_string()))
}

/// What stands behind the default: a text, or options.
fn rules(name: &str, about: Dynamic) -> Outcome<ParamRules> {
    if let Ok(about) = about.as_immutable_string_ref() {
        return Ok(ParamRules { about: about.to_string(), ..ParamRules::default() });
    }
    let map = about.read_lock::<FrozenMap>().map(|map| map.to_map());
    let kind = type_name(&about);
    let Some(map) = map.or_else(|| about.try_cast::<Map>()) else {
        return Err(HostError::new(format!("`param` takes a text or a map behind the default, not {kind}"))
            .hint("write `param(\"users\", 10, \"how many\")`, or `#{ min: 1, max: 100 }` in its place")
            .word(name)
            .into());
    };
    let options = to_options(map, &mut Vec::new())?;
    let reader = Reader::new(format!("the parameter `{name}`"), &options, &[OPTIONS]);
    let plan = |error| HostError::plan(&error);
    reader.check_names().map_err(plan)?;
    let one = |rule: &str, given: &Value| {
        param_value(given).map_err(|got| {
            HostError::new(format!("`{rule}` of `{name}` takes a value like the default, not {got}"))
                .word(rule)
        })
    };
    let choices = match options.get("choices") {
        None => Vec::new(),
        Some(Value::List(list)) if !list.is_empty() => {
            list.iter().map(|item| one("choices", item)).collect::<Result<_, _>>()?
        }
        Some(other) => {
            let got =
                if matches!(other, Value::List(_)) { "an empty one".to_owned() } else { other.describe() };
            return Err(HostError::new(format!("`choices` of `{name}` takes a list of values, not {got}"))
                .word("choices")
                .into());
        }
    };
    Ok(ParamRules {
        about: reader.optional_text("about").map_err(plan)?.unwrap_or_default(),
        min: options.get("min").map(|given| one("min", given)).transpose()?,
        max: options.get("max").map(|given| one("max", given)).transpose()?,
        choices,
        any_text: reader.flag("any_text").map_err(plan)?,
    })
}
