//! What Tab offers, and what is told of a call while it is written.

use std::collections::BTreeSet;

use super::order::ORDERS;
use super::scan::Scan;
use crate::script::{Function, Kind, Known, functions};

/// Words of the language that begin something.
const WORDS: [&str; 14] = [
    "let", "const", "fn", "if", "else", "for", "while", "loop", "switch", "return", "import", "true",
    "false", "throw",
];

/// Rhai's own methods that an explorer wants of texts, lists and maps.
const NATIVE: [(&str, &[&str]); 3] = [
    (
        "text",
        &[
            "contains",
            "ends_with",
            "index_of",
            "is_empty",
            "len",
            "parse_float",
            "parse_int",
            "replace",
            "split",
            "starts_with",
            "sub_string",
            "to_lower",
            "to_upper",
            "trim",
        ],
    ),
    (
        "list",
        &[
            "all", "contains", "filter", "find", "is_empty", "len", "map", "pop", "push", "reduce", "remove",
            "reverse", "some", "sort",
        ],
    ),
    ("map", &["contains", "is_empty", "keys", "len", "remove", "to_json", "values"]),
];

/// What can be completed.
#[derive(Debug)]
pub(super) struct Names {
    functions: Vec<Function>,
    /// What lines have declared so far.
    pub(super) known: Known,
}

/// The completions of a word, and the byte that it begins at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Completions {
    pub(super) start: usize,
    pub(super) words: Vec<String>,
}

impl Names {
    /// Those of the host.
    pub(super) fn new() -> Self {
        Self { functions: functions(), known: Known::default() }
    }

    /// What the end of a text may become.
    pub(super) fn complete(&self, text: &str) -> Completions {
        if let Some(order) = text.strip_prefix(':') {
            return self.order(text, order);
        }
        let start = word_start(text);
        if !Scan::of(&text[..start]).is_code() {
            return Completions { start, words: Vec::new() };
        }
        let word = &text[start..];
        let (start, words) = match word.rsplit_once('.') {
            Some((owner, member)) => (text.len() - member.len(), self.members(text, start, owner, member)),
            None => (start, self.names(word)),
        };
        Completions { start, words: words.into_iter().collect() }
    }

    /// Of `:order`, or of the line behind one.
    fn order(&self, text: &str, order: &str) -> Completions {
        if let Some((name, rest)) = order.split_once(' ') {
            let offset = text.len() - rest.len();
            if name == "time" {
                let inner = self.complete(rest);
                return Completions { start: inner.start + offset, ..inner };
            }
            let words = if name == "functions" {
                let all = self.functions.iter().flat_map(|one| [one.module(), Some(one.name())]);
                all.flatten().filter(|name| name.starts_with(rest)).collect::<BTreeSet<_>>()
            } else {
                BTreeSet::new()
            };
            return Completions { start: offset, words: words.into_iter().map(str::to_owned).collect() };
        }
        let orders = ORDERS.iter().map(|one| format!(":{}", one.name));
        Completions { start: 0, words: orders.filter(|name| name.starts_with(text)).collect() }
    }

    /// Functions, modules, variables and words that begin so. Of modules only the name is offered, until it is
    /// written: 200 names are no help.
    fn names(&self, word: &str) -> BTreeSet<String> {
        let mut words = BTreeSet::new();
        let functions = self.functions.iter().filter(|one| one.kind == Kind::Function);
        let called = functions.map(|one| call(one.name(), one.arity()));
        let own = self.known.functions.iter().chain(&self.known.imported).map(|form| {
            let (name, rest) = form.split_once('(').unwrap_or((form, ""));
            if rest.is_empty() { name.to_owned() } else { call(name, usize::from(rest != ")")) }
        });
        for name in called.chain(own) {
            match (name.split_once("::"), word.contains("::")) {
                (Some((module, _)), false) => words.insert(format!("{module}::")),
                _ => words.insert(name),
            };
        }
        for variable in &self.known.variables {
            words.insert(variable.name.clone());
            if variable.is_constant && word.starts_with("global::") {
                words.insert(format!("global::{}", variable.name));
            }
        }
        words.extend(WORDS.map(str::to_owned));
        // `get` may be offered in both forms, with one argument and with none.
        words.retain(|name| name.starts_with(word));
        let doubled: Vec<String> =
            words.iter().filter_map(|name| name.strip_suffix(')').map(str::to_owned)).collect();
        words.retain(|name| !(doubled.contains(name)));
        words
    }

    /// What stands behind a dot: of a value whose type is known its own, else all that any has.
    fn members(&self, text: &str, start: usize, owner: &str, member: &str) -> BTreeSet<String> {
        // `f(…).name`, `list[0].name`: the owner is no variable.
        let is_whole = !text[..start].ends_with([')', ']']);
        let variable = self.known.variables.iter().find(|one| is_whole && one.name == owner);
        let kind = match (variable, owner.rsplit_once('.')) {
            (Some(variable), _) => Some(variable.kind.trim_start_matches("constant ")),
            // `r.timings.name`
            (None, Some((_, last))) if self.functions.iter().any(|one| one.module() == Some(last)) => {
                Some(last)
            }
            _ => None,
        };
        let mut words = BTreeSet::new();
        for one in self.functions.iter().filter(|one| one.kind != Kind::Function) {
            let Some((of, name)) = one.name().split_once('.') else { continue };
            if kind.is_none_or(|kind| kind == of) {
                words.insert(if one.kind == Kind::Method {
                    call(name, one.arity())
                } else {
                    name.to_owned()
                });
            }
        }
        for (_, methods) in NATIVE.iter().filter(|(of, _)| kind == Some(*of)) {
            words.extend(methods.iter().map(|name| format!("{name}(")));
        }
        if let Some(variable) = variable {
            words.extend(variable.keys.iter().cloned());
        }
        words.retain(|name| name.starts_with(member));
        words
    }

    /// Of the call that is being written at the end of a text, the arguments that are still to come.
    pub(super) fn arguments(&self, text: &str) -> Option<String> {
        let text = text.strip_prefix(":time ").unwrap_or(text);
        let scan = Scan::of(text);
        let (bracket, at) = *scan.open.last()?;
        if bracket != '(' || !scan.is_code() {
            return None;
        }
        let before = &text[..at];
        let name = &before[word_start(before)..];
        let given = &text[at + 1..];
        // A call within the arguments is over by now, so its commas stand between brackets.
        let count = commas(given);
        let is_begun = !given.trim().is_empty();
        // In the middle of an argument it would push what is typed about.
        if is_begun && !given.trim_end().ends_with(',') {
            return None;
        }
        let parameters = self.parameters(name, count)?;
        let rest: Vec<&str> = parameters.iter().skip(count).map(String::as_str).collect();
        (!rest.is_empty()).then(|| format!("{})", rest.join(", ")))
    }

    /// The names of the parameters of a function: of its longest form where there are several.
    fn parameters(&self, name: &str, given: usize) -> Option<Vec<String>> {
        let is_it = |one: &&Function| {
            let full = one.name();
            full == name
                || (one.kind == Kind::Method
                    && full.split_once('.').map(|(_, last)| last)
                        == name.rsplit_once('.').map(|(_, last)| last)
                    && name.contains('.'))
        };
        let forms = self.functions.iter().filter(is_it).filter(|one| one.arity() > given);
        if let Some(form) = forms.max_by_key(|one| one.arity()) {
            return Some(form.parameters.iter().map(|one| one.name.to_owned()).collect());
        }
        let mut own = self.known.functions.iter().chain(&self.known.imported);
        let form = own.find_map(|form| form.strip_prefix(name)?.strip_prefix('('))?;
        let names = form.trim_end_matches(')').split(", ").filter(|name| !name.is_empty());
        Some(names.map(str::to_owned).collect())
    }
}

/// A name as it is called: up to where the arguments are written.
fn call(name: &str, arity: usize) -> String {
    if arity == 0 { format!("{name}()") } else { format!("{name}(") }
}

/// Where the last word of a text begins: a name with its path and what it is read of.
fn word_start(text: &str) -> usize {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '.');
    text.char_indices().rev().take_while(|(_, c)| is_word(*c)).last().map_or(text.len(), |(at, _)| at)
}

/// Commas that no bracket or text holds.
fn commas(text: &str) -> usize {
    let places = text.char_indices().filter(|(_, c)| *c == ',');
    places
        .filter(|(at, _)| {
            let before = Scan::of(&text[..*at]);
            before.open.is_empty() && before.is_code()
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Variable;

    fn names() -> Names {
        let variable = |name: &str, kind, keys: &[&str]| Variable {
            name: name.to_owned(),
            kind,
            is_constant: name == "LIMIT",
            value: String::new(),
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        };
        Names {
            known: Known {
                variables: vec![
                    variable("answer", "response", &[]),
                    variable("user", "map", &["name", "nick"]),
                    variable("LIMIT", "integer", &[]),
                ],
                functions: vec!["price(symbol)".to_owned(), "prices()".to_owned()],
                imported: vec!["phases::PEAK".to_owned(), "phases::spike(from, to)".to_owned()],
            },
            ..Names::new()
        }
    }

    #[track_caller]
    fn offers(text: &str, wanted: &[&str]) {
        let completions = names().complete(text);
        assert_eq!(completions.words, wanted, "{text}");
    }

    #[test]
    fn modules_are_offered_first_and_their_functions_behind_the_colons() {
        offers("htt", &["http::"]);
        offers("x = http::ge", &["http::get("]);
        offers("phases::", &["phases::PEAK", "phases::spike("]);
        assert!(names().complete("http::").words.len() > 8);
        assert_eq!(names().complete("f(http::ge").start, 2);
    }

    #[test]
    fn what_lines_declared_is_offered() {
        offers("pric", &["price(", "prices()"]);
        offers("global::", &["global::LIMIT"]);
        offers("ans", &["answer"]);
    }

    #[test]
    fn behind_a_dot_stands_what_the_type_has() {
        offers("answer.stat", &["status", "status_text"]);
        offers("answer.timings.wai", &["waiting"]);
        offers("user.n", &["name", "nick"]);
        assert!(names().complete("http::get(\"/\").js").words.contains(&"json(".to_owned()));
    }

    #[test]
    fn nothing_is_offered_within_texts_and_comments() {
        offers("http::get(\"htt", &[]);
        offers("1 // htt", &[]);
    }

    #[test]
    fn orders_are_completed_too() {
        offers(":v", &[":vars"]);
        offers(":functions http::ge", &["http::get"]);
        offers(":time pric", &["price(", "prices()"]);
        assert_eq!(names().complete(":time pric").start, 6);
    }

    #[test]
    fn a_call_tells_its_arguments() {
        let tells = |text: &str| names().arguments(text);
        assert_eq!(tells("http::get(").as_deref(), Some("url, options)"));
        assert_eq!(tells("http::get(\"/x, y\", ").as_deref(), Some("options)"));
        assert_eq!(tells("let a = price(").as_deref(), Some("symbol)"));
        assert_eq!(tells("phases::spike(f(1, 2), ").as_deref(), Some("to)"));
        for text in ["http::get", "http::get(\"/x\"", "nobody(", "prices(", "[1, ", "f(\"("] {
            assert_eq!(tells(text), None, "{text}");
        }
    }
}
