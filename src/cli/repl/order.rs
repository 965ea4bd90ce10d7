//! What begins with a colon: what the prompt itself is told to do.

use crate::diagnostic::{Code, Diagnostic, suggest};

/// One of them, as `:help` lists it.
pub(super) struct OrderWord {
    pub(super) name: &'static str,
    /// What may follow.
    pub(super) takes: &'static str,
    pub(super) about: &'static str,
}

const fn word(name: &'static str, takes: &'static str, about: &'static str) -> OrderWord {
    OrderWord { name, takes, about }
}

/// All, in the order of `:help`.
pub(super) const ORDERS: &[OrderWord] = &[
    word("help", "", "this page"),
    word(
        "functions",
        "[NAME]",
        "the names of all that can be called; of a module (`http`) or a function (`http::get`), what it takes",
    ),
    word("vars", "", "the variables, constants and functions that there are"),
    word(
        "time",
        "[N×] LINE",
        "play the line, N times if you like (`:time 100x http::get(\"/\")`), and tell how long it took",
    ),
    word("load", "FILE", "play a file as if it were typed here"),
    word("reset", "", "forget all lines and read the script anew, with its modules and data"),
    word("quit", "", "end; so does Ctrl-D"),
];

/// An order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order<'a> {
    Help,
    Functions(Option<&'a str>),
    Vars,
    /// So many times.
    Time(u32, &'a str),
    Load(&'a str),
    Reset,
    Quit,
}

/// The most times that a line is played in a row: a load wants a script.
const TIMES_MAX: u32 = 100_000;

impl<'a> Order<'a> {
    /// What a line orders; nothing where it is code.
    pub(super) fn parse(line: &'a str) -> Result<Option<Self>, Diagnostic> {
        let line = line.trim();
        let Some(order) = line.strip_prefix(':') else {
            return Ok(match line.trim_end_matches("()") {
                // What a newcomer tries; neither means anything as code.
                "exit" | "quit" => Some(Self::Quit),
                "help" | "?" => Some(Self::Help),
                _ => None,
            });
        };
        let (name, rest) = order.split_once(char::is_whitespace).unwrap_or((order, ""));
        let rest = rest.trim();
        let needs = |what: &str| {
            Diagnostic::new(Code::Usage, format!("`:{name}` needs {what}"))
                .hint(format!("write {}", form(name)))
        };
        let order = match name {
            "help" | "h" | "?" => Self::Help,
            "functions" | "f" => Self::Functions(Some(rest).filter(|rest| !rest.is_empty())),
            "vars" | "v" => Self::Vars,
            "time" | "t" => {
                let (times, line) = times(rest)?;
                if line.is_empty() {
                    return Err(needs("a line to play"));
                }
                Self::Time(times, line)
            }
            "load" | "l" if rest.is_empty() => return Err(needs("a file")),
            "load" | "l" => Self::Load(rest),
            "reset" | "r" => Self::Reset,
            "quit" | "q" | "exit" => Self::Quit,
            _ => {
                let names = ORDERS.iter().map(|one| one.name);
                let near = suggest(name, names);
                return Err(Diagnostic::new(Code::Usage, format!("there is no `:{name}`")).hint(match near
                    .first()
                {
                    Some(near) => format!("did you mean `:{near}`?"),
                    None => "`:help` lists what there is".to_owned(),
                }));
            }
        };
        Ok(Some(order))
    }
}

/// How an order is written.
fn form(name: &str) -> String {
    let word = ORDERS.iter().find(|one| one.name.starts_with(name)).expect("an order that takes something");
    format!("`:{} {}`", word.name, word.takes)
}

/// `100x LINE`.
fn times(text: &str) -> Result<(u32, &str), Diagnostic> {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let Some(number) = first
        .strip_suffix(['x', '×'])
        .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()) && !number.is_empty())
    else {
        return Ok((1, text));
    };
    match number.parse() {
        Ok(times @ 1..=TIMES_MAX) => Ok((times, rest.trim())),
        _ => Err(Diagnostic::new(Code::Usage, format!("`{first}` is no number of times: 1 to {TIMES_MAX}"))
            .hint("a script puts more load on a service: `runner new`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read() {
        let parse = |line| Order::parse(line).unwrap();
        assert_eq!(parse("1 + 1"), None);
        assert_eq!(parse(":help"), Some(Order::Help));
        assert_eq!(parse("  :q "), Some(Order::Quit));
        assert_eq!(parse("exit()"), Some(Order::Quit));
        assert_eq!(parse(":functions http"), Some(Order::Functions(Some("http"))));
        assert_eq!(parse(":functions"), Some(Order::Functions(None)));
        assert_eq!(parse(":load a b.rhai"), Some(Order::Load("a b.rhai")));
        assert_eq!(parse(":time 5 + 3"), Some(Order::Time(1, "5 + 3")));
        assert_eq!(parse(":time 10x f()"), Some(Order::Time(10, "f()")));
        assert_eq!(parse(":time x"), Some(Order::Time(1, "x")));
    }

    #[test]
    fn a_wrong_order_says_what_to_write() {
        let hint = |line| Order::parse(line).unwrap_err().hint.unwrap();
        assert_eq!(hint(":lod a"), "did you mean `:load`?");
        assert_eq!(hint(":xyzzy"), "`:help` lists what there is");
        assert_eq!(hint(":load"), "write `:load FILE`");
        assert_eq!(hint(":t"), "write `:time [N×] LINE`");
        assert!(Order::parse(":time 0x f()").is_err());
        assert!(Order::parse(":time 4000000000x f()").is_err());
    }
}
