//! `data::csv`, `data::json`, `data::lines`: files of the script's folder, shared by all users.

use std::rc::Rc;

use rhai::{Dynamic, EvalAltResult, ImmutableString};

use super::super::data::{COLUMN_KINDS, ColumnKind, CsvOptions};
use super::super::declaration::to_options;
use super::super::error::HostError;
use super::super::frozen::{FrozenList, FrozenMap};
use super::super::registry::Registry;
use super::super::stage::Stage;
use super::argument::to_map;
use crate::plan::{OptionSpec, PlanError, Reader, Value};

type Outcome<T> = Result<T, Box<EvalAltResult>>;

const OPTIONS: &[OptionSpec] = &[
    OptionSpec {
        name: "delimiter",
        takes: "one character",
        default: Some(","),
        about: "what stands between two fields: \";\", \"\\t\"",
    },
    OptionSpec {
        name: "header",
        takes: "true or false",
        default: Some("true"),
        about: "whether the first row names the columns; without it rows are lists",
    },
    OptionSpec {
        name: "columns",
        takes: "a list of texts",
        default: Some("those of the header"),
        about: "names for the columns, instead of the header's",
    },
    OptionSpec {
        name: "types",
        takes: "a map of \"text\", \"int\", \"float\" or \"bool\" by column",
        default: Some("text"),
        about: "columns that are no texts; an empty field of theirs is `()`",
    },
];

pub(super) fn register(registry: &mut Registry<'_>) {
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "data::csv(path)",
            "the rows of a CSV file (RFC 4180), each read by the names of the first row; read once, shared by all users",
            move |path: ImmutableString| csv(&stage, &path, None),
        )
        .declares(
            "const USERS = data::csv(\"users.csv\");\n\
             fn flow() { let user = pick(global::USERS); log::info(`${user.name} pays ${user.amount}`); }",
        );
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "data::csv(path, options)",
            "the same with `delimiter`, `header`, `columns`, `types`",
            move |path: ImmutableString, options: Dynamic| csv(&stage, &path, Some(options)),
        )
        .takes("options", "map")
        .declares("const USERS = data::csv(\"users.csv\", #{ types: #{ amount: \"float\" } });");
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "data::json(path)",
            "the list or map of a JSON file; read once, shared by all users",
            move |path: ImmutableString| -> Outcome<Dynamic> {
                let outside = declaring(&stage, "data::json", &path)?;
                Ok(FrozenMap::tree(outside.data.tree(&outside.folder, &path)?))
            },
        )
        .gives("list or map")
        .declares("const PORTFOLIOS = data::json(\"portfolios.json\");");
    let stage = Rc::clone(&registry.stage);
    registry
        .define(
            "data::lines(path)",
            "the lines of a text file that aren't blank; read once, shared by all users",
            move |path: ImmutableString| -> Outcome<FrozenList> {
                let outside = declaring(&stage, "data::lines", &path)?;
                Ok(FrozenList::lines(outside.data.lines(&outside.folder, &path)?))
            },
        )
        .declares("const SYMBOLS = data::lines(\"symbols.txt\");");
}

fn csv(stage: &Stage, path: &str, options: Option<Dynamic>) -> Outcome<FrozenList> {
    let outside = declaring(stage, "data::csv", path)?;
    let options = options.map_or_else(
        || Ok(CsvOptions { delimiter: b',', has_header: true, columns: None, types: Vec::new() }),
        read,
    )?;
    Ok(FrozenList::rows(outside.data.table(&outside.folder, path, &options)?))
}

/// What the script takes from outside, for a function that reads a file of it.
fn declaring(stage: &Stage, function: &str, path: &str) -> Outcome<Rc<super::super::Outside>> {
    stage.declaring_constant(&format!("{function}(\"{path}\")"), "ROWS")?;
    Ok(stage.outside())
}

fn read(options: Dynamic) -> Outcome<CsvOptions> {
    let options = to_options(to_map("data::csv", options)?, &mut Vec::new())?;
    let reader = Reader::new("`data::csv`", &options, &[OPTIONS]);
    let plan = |error: PlanError| HostError::plan(&error);
    reader.check_names().map_err(plan)?;
    let delimiter = reader.optional_text("delimiter").map_err(plan)?.unwrap_or_else(|| ",".to_owned());
    let &[delimiter] = delimiter.as_bytes() else {
        return Err(HostError::new(format!("`delimiter` takes one ASCII character, not \"{delimiter}\""))
            .hint("write \";\", \"|\", or \"\\t\" for a tab")
            .word("delimiter")
            .into());
    };
    if matches!(delimiter, b'"' | b'\n' | b'\r') {
        return Err(HostError::new("`delimiter` can't be a quote or the end of a line")
            .hint("write \";\", \"|\", or \"\\t\" for a tab")
            .word("delimiter")
            .into());
    }
    Ok(CsvOptions {
        delimiter,
        has_header: reader.flag("header").map_err(plan)?,
        columns: options.get("columns").map(names).transpose()?,
        types: options.get("types").map(types).transpose()?.unwrap_or_default(),
    })
}

fn names(value: &Value) -> Outcome<Vec<String>> {
    let refuse = || {
        HostError::new(format!("`columns` takes a list of texts, not {}", value.describe()))
            .hint("write `columns: [\"name\", \"amount\"]`")
            .word("columns")
    };
    let Value::List(items) = value else { return Err(refuse().into()) };
    let names: Option<Vec<String>> = items
        .iter()
        .map(|item| if let Value::Text(text) = item { Some(text.clone()) } else { None })
        .collect();
    Ok(names.filter(|names| !names.is_empty()).ok_or_else(refuse)?)
}

fn types(value: &Value) -> Outcome<Vec<(String, ColumnKind)>> {
    let known: Vec<&str> = COLUMN_KINDS.iter().map(|(name, _)| *name).collect();
    let Value::Map(map) = value else {
        return Err(HostError::new(format!("`types` takes a map, not {}", value.describe()))
            .hint("write `types: #{ amount: \"float\" }`")
            .word("types")
            .into());
    };
    let kind = |(column, value): (&String, &Value)| {
        let Value::Text(text) = value else {
            return Err(HostError::new(format!("the type of `{column}` is {}", value.describe()))
                .hint(format!("a type is \"{}\"", known.join("\", \"")))
                .word(column.as_str()));
        };
        let found = COLUMN_KINDS.iter().find(|(name, _)| name == text);
        let (_, kind) = found.ok_or_else(|| {
            HostError::new(format!("there is no type `{text}` for the column `{column}`"))
                .hint(format!("a type is \"{}\"", known.join("\", \"")))
                .word(text.as_str())
        })?;
        Ok((column.clone(), *kind))
    };
    Ok(map.iter().map(kind).collect::<Result<_, HostError>>()?)
}
