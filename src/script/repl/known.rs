//! What a line can name: for whoever completes one, or asks what there is.

use rhai::Dynamic;

use super::super::frozen::FrozenMap;
use super::super::rename::unmarked;
use super::super::state::State;
use super::super::value::type_name;
use super::notation::node;
use super::{Repl, THIS};

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What an author calls its type.
    pub kind: &'static str,
    /// Whether it is a constant, which functions read as `global::NAME`.
    pub is_constant: bool,
    /// Its value on one line, cut where it is long.
    pub value: String,
    /// Of a map, its keys.
    pub keys: Vec<String>,
}

/// What lines can name beside the host's functions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// In the order of their declaration.
    pub variables: Vec<Variable>,
    /// The script's functions and those of lines, with their parameters, by name.
    pub functions: Vec<String>,
    /// Functions of imported modules, as they are called, with their parameters; and their constants.
    pub imported: Vec<String>,
}

impl Repl {
    /// What lines can name now.
    pub fn known(&self) -> Known {
        let scope = self.desk.scope.borrow();
        let variable = |(name, is_constant, value): (&str, bool, &Dynamic)| Variable {
            name: name.to_owned(),
            kind: type_name(value),
            is_constant,
            value: node(value, &|value| self.desk.told(value)).compact(),
            keys: keys(value),
        };
        // A user's state is one worth telling once it holds something.
        let is_worth = |name: &str, value: &Dynamic| name != THIS || !keys(value).is_empty();
        let mut variables: Vec<Variable> =
            scope.iter_raw().filter(|(name, _, value)| is_worth(name, value)).map(variable).collect();
        // The last one comes first.
        variables.reverse();
        let is_own = |name: &str| !name.contains('$') && unmarked(name).is_none();
        let mut functions: Vec<String> = (self.desk.functions.iter_functions())
            .filter(|function| is_own(function.name))
            .map(|function| format!("{}({})", function.name, function.params.join(", ")))
            .collect();
        functions.sort_unstable();
        functions.dedup();
        let imports = &self.context.imports;
        let mut imported: Vec<String> = imports.constants.iter().cloned().collect();
        for (path, forms) in &imports.forms {
            let alias = path.split_once("::").map_or("", |(alias, _)| alias);
            imported.extend(
                forms.iter().map(
                    |form| {
                        if form.contains("::") { form.clone() } else { format!("{alias}::{form}") }
                    },
                ),
            );
        }
        imported.sort_unstable();
        Known { variables, functions, imported }
    }
}

/// The keys of a map, constant or not, or of a user's state.
fn keys(value: &Dynamic) -> Vec<String> {
    if let Ok(map) = value.as_map_ref() {
        return map.keys().map(ToString::to_string).collect();
    }
    if let Some(map) = value.read_lock::<FrozenMap>() {
        return map.iter().map(|(name, _)| name.to_string()).collect();
    }
    value
        .read_lock::<State>()
        .map(|state| state.to_map().keys().map(ToString::to_string).collect())
        .unwrap_or_default()
}
