//! Scripts made of bytes: calls of every function that is registered, with odd arguments, at the top level
//! and in a flow.
//!
//! The fuzzer's targets `declare` and `flow` and a short test (src/script/tests/fuzz.rs) share it. The same bytes give the
//! same script; what they run out of is zero.

use std::fmt::Write as _;

/// Statements of one script: enough for one call to feed the next.
const STATEMENTS_MAX: usize = 12;

/// Nesting of one expression.
const DEPTH_MAX: u32 = 4;

/// Values that functions stumble over.
const ODD: &[&str] = &[
    "()",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "2",
    "7",
    "64",
    "1000",
    "1_000_000",
    "9223372036854775807",
    "(-9223372036854775807 - 1)",
    "0.0",
    "-0.0",
    "0.5",
    "1e308",
    "(0.0 / 0.0)",
    "(1.0 / 0.0)",
    "\"\"",
    "\"x\"",
    "\"5s\"",
    "\"10\"",
    "\"1h30m\"",
    "\"http://127.0.0.1:1/a?b=c#d\"",
    "\"http://[::1\"",
    "\"p(95) < 200ms over 30s\"",
    "\"http_req_duration{name:a}\"",
    "\"rate > 80%\"",
    "\"demo\"",
    "\"flow\"",
    "\"constant-vus\"",
    "\"ramping-vus\"",
    "\"a,b\\n1,2\"",
    "\"{\\\"a\\\":[1,{}]}\"",
    "\"é😀\\u0000\\t\"",
    "\"(a+)+$\"",
    "\"[[\"",
    "\"$..*\"",
    "\"$.a[0:9:-1]\"",
    "\"%ff%\"",
    "\"AAAA====\"",
    "'x'",
    "'😀'",
    "[]",
    "[1, 2, 3]",
    "[\"b\", (), 1.5]",
    "[[[]]]",
    "#{}",
    "#{ a: 1 }",
    "#{ name: \"a\", tags: #{ b: \"c\" } }",
    "#{ executor: \"constant-vus\", vus: 1, duration: \"1s\", flow: \"flow\" }",
    "#{ executor: \"ramping-vus\", stages: [\"1s:5\"], flow: \"flow\" }",
    "|| 1",
    "|a| a",
    "|a, b| a",
    "Fn(\"flow\")",
    "Fn(\"nope\")",
    "blob(3)",
    "blob(8, 255)",
    "0..10",
    "0..=9223372036854775807",
    "5..1",
    "-9..9223372036854775807",
];

/// Rhai's own functions and methods: those that make, grow, cut or walk something.
const NATIVE: &[(&str, usize)] = &[
    ("pad", 3),
    ("pad", 2),
    ("fill", 2),
    ("insert", 3),
    ("splice", 4),
    ("splice", 3),
    ("extract", 3),
    ("extract", 2),
    ("chop", 2),
    ("truncate", 2),
    ("split", 2),
    ("split", 3),
    ("split_rev", 3),
    ("drain", 2),
    ("drain", 3),
    ("retain", 2),
    ("retain", 3),
    ("remove", 2),
    ("push", 2),
    ("append", 2),
    ("pop", 1),
    ("shift", 1),
    ("reverse", 1),
    ("sort", 1),
    ("sort", 2),
    ("sort_desc", 1),
    ("order", 1),
    ("dedup", 1),
    ("index_of", 2),
    ("index_of", 3),
    ("map", 2),
    ("filter", 2),
    ("for_each", 2),
    ("reduce", 2),
    ("reduce", 3),
    ("reduce_rev", 2),
    ("some", 2),
    ("all", 2),
    ("find", 2),
    ("find_map", 2),
    ("zip", 3),
    ("contains", 2),
    ("get", 2),
    ("set", 3),
    ("len", 1),
    ("crop", 2),
    ("crop", 3),
    ("sub_string", 2),
    ("sub_string", 3),
    ("replace", 3),
    ("trim", 1),
    ("to_upper", 1),
    ("to_lower", 1),
    ("chars", 1),
    ("chars", 2),
    ("bytes", 1),
    ("to_blob", 1),
    ("blob", 1),
    ("blob", 2),
    ("as_string", 1),
    ("to_array", 1),
    ("parse_int", 1),
    ("parse_int", 2),
    ("parse_float", 1),
    ("to_hex", 1),
    ("to_binary", 1),
    ("to_octal", 1),
    ("to_int", 1),
    ("to_float", 1),
    ("to_string", 1),
    ("to_debug", 1),
    ("to_json", 1),
    ("parse_json", 1),
    ("range", 2),
    ("range", 3),
    ("bits", 1),
    ("bits", 3),
    ("get_bits", 3),
    ("set_bits", 4),
    ("get_bit", 2),
    ("write_le", 4),
    ("write_be", 4),
    ("parse_le_int", 3),
    ("parse_be_float", 3),
    ("write_utf8", 4),
    ("write_ascii", 3),
    ("keys", 1),
    ("values", 1),
    ("mixin", 2),
    ("fill_with", 2),
    ("clear", 1),
    ("type_of", 1),
    ("abs", 1),
    ("sqrt", 1),
    ("round", 1),
    ("round", 2),
    ("floor", 1),
    ("exp", 1),
    ("ln", 1),
    ("log", 2),
    ("sin", 1),
    ("max", 2),
    ("min", 2),
    ("sign", 1),
    ("is_even", 1),
    ("timestamp", 0),
    ("call", 1),
    ("call", 2),
    ("curry", 2),
    ("step", 2),
    ("start", 1),
    ("end", 1),
    ("is_empty", 1),
    ("print", 1),
    ("debug", 1),
];

const OPERATORS: &[&str] = &[
    "+", "-", "*", "/", "%", "**", "<<", ">>", "&", "|", "^", "==", "!=", "<", ">=", "&&", "||", "??", "in",
];

/// Bytes, taken one by one.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take(&mut self) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(*first)
    }

    /// One of `count`, of which there may be thousands.
    fn below(&mut self, count: usize) -> usize {
        let wide = if count > 256 { self.take() * 256 } else { 0 };
        (wide + self.take()) % count.max(1)
    }

    fn of<'t, T>(&mut self, list: &'t [T]) -> &'t T {
        &list[self.below(list.len())]
    }
}

/// A script of `data`; `functions` are the host's, each with its number of arguments.
pub(crate) fn script(data: &[u8], functions: &[(&str, usize)]) -> String {
    let mut bytes = Bytes(data);
    let mut text = String::new();
    let count = 1 + bytes.below(STATEMENTS_MAX);
    for index in 0..count {
        let value = expression(&mut bytes, functions, index, 0);
        let _ = match bytes.below(6) {
            0 => writeln!(text, "const C{index} = {value}; let v{index} = C{index};"),
            1 => writeln!(
                text,
                "let v{index} = (); try {{ v{index} = {value}; }} catch (e) {{ v{index} = e; }}"
            ),
            2 if index > 0 => writeln!(text, "v{} = {value}; let v{index} = 1;", bytes.below(index)),
            3 => writeln!(text, "let v{index} = 0; for x in {value} {{ v{index} = x; break; }}"),
            _ => writeln!(text, "let v{index} = {value};"),
        };
    }
    text + "fn flow() { this.a = global::C0; }\n"
}

/// A script whose flow calls them: each statement is tried, so that all are played. No request is made, and
/// methods, which need a value of their own, are left out.
pub(crate) fn flow(data: &[u8], functions: &[(&str, usize)]) -> String {
    let quiet = |(name, _): &&(&str, usize)| !name.starts_with("http::") && !name.contains('.');
    let functions: Vec<(&str, usize)> = functions.iter().filter(quiet).copied().collect();
    let mut bytes = Bytes(data);
    let mut text = "const C0 = counter(\"c\");\nfn flow() {\n".to_owned();
    let count = 1 + bytes.below(STATEMENTS_MAX);
    for index in 0..count {
        let value = expression(&mut bytes, &functions, index, 0);
        let _ = match bytes.below(6) {
            0 => writeln!(
                text,
                "let v{index} = 0; try {{ for x in {value} {{ v{index} = x; break; }} }} catch {{ }}"
            ),
            1 => {
                writeln!(text, "let v{index} = 0; try {{ this.a = {value}; v{index} = this.a; }} catch {{ }}")
            }
            2 => writeln!(text, "let v{index} = 0; try {{ global::C0.add({value}); }} catch {{ }}"),
            _ => writeln!(
                text,
                "let v{index} = (); try {{ v{index} = {value}; }} catch (e) {{ v{index} = e; }}"
            ),
        };
    }
    text + "}\n"
}

fn expression(bytes: &mut Bytes<'_>, functions: &[(&str, usize)], index: usize, depth: u32) -> String {
    if depth == DEPTH_MAX {
        return (*bytes.of(ODD)).to_owned();
    }
    let next = |bytes: &mut Bytes<'_>| expression(bytes, functions, index, depth + 1);
    match bytes.below(10) {
        0 | 1 => (*bytes.of(ODD)).to_owned(),
        2 if index > 0 => format!("v{}", bytes.below(index)),
        3 => format!("({} {} {})", next(bytes), bytes.of(OPERATORS), next(bytes)),
        4 => format!("[{}, {}]", next(bytes), next(bytes)),
        5 => format!("#{{ {}: {} }}", bytes.of(&["a", "flow", "name", "think", "stages"]), next(bytes)),
        6 => format!("({})[{}]", next(bytes), next(bytes)),
        7 => {
            let (name, arity) = *bytes.of(NATIVE);
            let arguments: Vec<String> = (0..arity).map(|_| next(bytes)).collect();
            match arguments.split_first() {
                Some((first, rest)) if bytes.below(2) == 0 => {
                    format!("({first}).{name}({})", rest.join(", "))
                }
                _ => format!("{name}({})", arguments.join(", ")),
            }
        }
        _ => {
            let (name, arity) = *bytes.of(functions);
            let arguments: Vec<String> = (0..arity).map(|_| next(bytes)).collect();
            format!("{name}({})", arguments.join(", "))
        }
    }
}
