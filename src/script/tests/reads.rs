//! What flows read by name, and what one call leaves to the next.

use super::{Failure, Play, flow, outside, shown};
use crate::script::{CALL_LEVELS_MAX, Outside};

fn rows(body: &str) -> Play {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rows.csv"), "symbol,len\nAAPL,7\n").unwrap();
    let script = format!(
        "const ROWS = data::csv(\"rows.csv\");\nconst MAP = #{{ a: #{{ b: 1 }}, len: 9 }};\nfn flow() {{ {body} }}"
    );
    Play::with(&script, Outside { folder: folder.path().to_owned(), ..outside(&[]) })
}

#[test]
fn a_property_is_what_the_index_of_that_name_is() {
    for (body, expected) in [
        ("let row = global::ROWS[0]; row.symbol == row[\"symbol\"]", true),
        ("let row = global::ROWS[0]; row.len == \"7\" && row.len() == 2", true),
        ("global::MAP.a.b == 1 && global::MAP.len == 9 && global::MAP.len() == 2", true),
        ("global::MAP.nothing == () && global::MAP?.nothing == ()", true),
        ("let map = #{ b: 2 }; map.b += 1; map.b == 3 && global::MAP.a.b == 1", true),
        ("this.a = #{ b: 1 }; this.a.b += 1; this.a.b == 2 && this[\"a\"].b == 2 && this.none == ()", true),
        ("this.text = \"a\"; this.text += \"b\"; this.text.len() == 2", true),
        ("global::ROWS[0].symbol.to_lower() == \"aapl\" && global::ROWS[0].symbol.len() == 4", true),
    ] {
        assert_eq!(rows(body).value::<bool>(), expected, "{body}");
    }
}

#[test]
fn a_property_is_refused_as_the_index_of_that_name_is() {
    let told = |body: &str| rows(body).threw();
    for (property, index) in [
        ("global::ROWS[0].symbl", "global::ROWS[0][\"symbl\"]"),
        ("let row = global::ROWS[0]; row.symbol = 1;", "let row = global::ROWS[0]; row[\"symbol\"] = 1;"),
        ("let map = global::MAP; map.a = 1;", "let map = global::MAP; map[\"a\"] = 1;"),
        ("this.f = |x| x;", "this[\"f\"] = |x| x;"),
    ] {
        let (property, index) = (told(property), told(index));
        assert_eq!((&property.message, &property.hint), (&index.message, &index.hint));
    }
    let said = shown(&told("let row = global::ROWS[0];\nlet wrong = row.symbl;"));
    assert!(said.contains("--> test.rhai:4:17") && said.contains("did you mean `symbol`?"), "{said}");
}

#[test]
fn calls_one_after_another_find_each_its_own_function() {
    let play = Play::new(
        "const LIST = [1];\nfn of(x) { type_of(x) }\nfn flow() { this.n = (this.n ?? 0) + 1;\n\
         let list = if this.n % 2 == 0 { global::LIST } else { [\"a\"] };\n\
         if this.n == 3 { throw \"third\"; }\nif this.n == 5 { return exit(5); }\n\
         `${this.n}${of(pick(list))}` }",
    );
    let vu = play.vu(1);
    let mut said = Vec::new();
    for _ in 0..6 {
        said.push(match play.call_as(&vu, "flow") {
            Ok(value) => value.to_string(),
            Err(Failure::Threw(diagnostic)) => diagnostic.message,
            Err(other) => panic!("{other:?}"),
        });
    }
    assert_eq!(said, ["1string", "2i64", "third", "4i64", "5", "6i64"]);
}

#[test]
fn calls_nest_as_deeply_as_is_said() {
    let depth = |levels: usize| {
        let script =
            format!("fn f(n) {{ if n > 1 {{ f(n - 1) }} else {{ n }} }} fn flow() {{ f({levels}) }}");
        Play::new(&script).call("flow")
    };
    assert!(depth(CALL_LEVELS_MAX).is_ok());
    let Err(Failure::Threw(told)) = depth(CALL_LEVELS_MAX + 1) else { panic!("one call too many is told") };
    assert!(told.message.contains("nested too deeply"), "{}", told.message);
    assert_eq!(flow("1").value::<i64>(), 1);
}
