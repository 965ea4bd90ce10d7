//! Flows in steps do what the interpreter does: each is played both ways, and all that can be seen is compared.

use proptest::prelude::*;
use rhai::{Dynamic, Scope};

use super::super::host::sample_response;
use super::super::program::Entry;
use super::dream::cast;
use super::{Play, shown};
use crate::plan::Flow;
use crate::script::{Failure, functions};

const BODY: &str = r#"{"price": 231.5, "count": 3, "name": "AAPL", "nothing": null, "list": [1]}"#;

/// What can be seen of a call: how it ended, what it recorded, what it logged.
#[derive(Debug, PartialEq)]
struct Seen {
    ended: String,
    recorded: String,
    log: Vec<String>,
}

/// Plays `flow(r)` with a response, in steps or in one piece.
fn seen(script: &str, in_steps: bool) -> Seen {
    let mut play = Play::new(script);
    play.data = sample_response(BODY);
    let entry = play.program.entries("", &Flow::Named("flow".to_owned())).swap_remove(0);
    assert!(entry.is_in_steps(), "nothing cuts {script}");
    let entry = if in_steps { entry } else { play.program.entry("flow").unwrap() };
    let ended = match call(&play, entry) {
        Ok(_) => "ok".to_owned(),
        Err(Failure::Threw(told)) => format!("threw {}", shown(&told)),
        Err(Failure::Asserted(told)) => format!("asserted {}", shown(&told)),
        Err(Failure::Failed(told)) => format!("failed {}", shown(&told)),
        Err(Failure::Aborted(reason)) => format!("aborted {reason}"),
        Err(Failure::Stopped(_)) => "stopped".to_owned(),
    };
    let recorded = format!("{:?}", play.snapshot());
    let log = play.log.borrow().clone();
    Seen { ended, recorded, log }
}

fn call(play: &Play, entry: Entry) -> Result<Dynamic, Failure> {
    let program = std::rc::Rc::clone(&play.program);
    let (vu, data) = (play.vu_in(1, cast(None)), play.data.clone());
    let user = std::rc::Rc::clone(&vu);
    play.run(&vu, move || program.call(&user, &entry, &data, &mut Scope::new()))
}

fn same(script: &str) -> Seen {
    let stepped = seen(script, true);
    assert_eq!(stepped, seen(script, false), "{script}");
    stepped
}

#[test]
fn checks_record_the_same() {
    for check in [
        "check(r.status == 200, \"ok\");",
        "check(r.status != 200 || r.error_code > 0, \"ok\");",
        "check(!(r.status >= 400) && r.json(\"price\") > 200, \"ok\");",
        "check(r, #{ \"b\": |r| r.status == 200, \"a\": |answer| answer.json(\"count\") == 3 });",
        "check(r, #{ \"a\": |r| r.json(\"name\") == \"AAPL\", \"b\": |r| r.json(\"price\") <= 231.5 });",
        "check(r, #{ \"a\": |r| r.body.contains(\"AAPL\"), \"b\": |r| r.timings.duration < 1 });",
        "check(r, #{ \"a\": |r| r.json(\"nothing\") == (), \"b\": |r| r.json(\"list\") == 1 });",
        "check(r, #{ \"a\": |r| r.status == \"200\", \"b\": |r| r.status == 200.0 });",
        "let s = r; check(s.status == 200, \"ok\");",
        "let r = 5; check(r == 5, \"ok\");",
        "let wanted = 200; check(r, #{ \"captures\": |r| r.status == wanted });",
        "group(\"g\", || { check(r.status == 200, \"in a group\"); }); check(r.status == 200, \"outside\");",
    ] {
        let seen = same(&format!("fn flow(r) {{ sleep(0.01); {check} sleep(\"5ms\"); }}"));
        assert!(seen.recorded.contains("checks") || seen.ended != "ok", "{check}: {seen:?}");
    }
}

#[test]
fn what_goes_wrong_is_told_the_same() {
    for body in [
        "sleep(1); throw \"no\";",
        "sleep(-1);",
        "sleep(\"5 parsecs\");",
        "sleep([1]);",
        "sleep(1); check(r.nothing == 1, \"a\");",
        "sleep(1); check(r, #{ \"a\": |r| r.json(\"a[\") == 1 });",
        "sleep(1); assert::equal(r.status, 201, \"created\");",
        "sleep(1); fail(\"out of stock\"); print(\"never\");",
        "sleep(1); abort(\"enough\"); print(\"never\");",
        "sleep(1); let x = r + 1;",
        "sleep(1); helper(r);",
        "sleep(1); let x = 1; x.y = 2;",
        "http::get(5);",
        "http::get(\"/x\", 5);",
        "http::get(\"/x\", #{ jsn: 1 });",
        "http::get(\"/x\", #{ timeout: \"5 parsecs\" });",
        "let url = \"/relative\"; let a = http::get(url);",
        "http::get(\"ftp://host/\");",
    ] {
        let script = format!("fn helper(r) {{ throw \"deep\"; }}\nfn flow(r) {{\n    {body}\n}}");
        assert_ne!(same(&script).ended, "ok", "{body}");
    }
}

#[test]
fn variables_returns_and_state_are_the_same() {
    for body in [
        "let a = 1; sleep(0.1); let b = a + 1; sleep(0.1); print(`${a} ${b}`);",
        "let a = 1; sleep(0.1); { let a = 2; sleep(0.1); print(a); } print(a);",
        "let a = 1; sleep(0.1); let a = 2; sleep(0.1); print(a);",
        "const A = 1; sleep(0.1); print(A + global::B);",
        "sleep(0.1); if r.status == 200 { return; } print(\"never\");",
        "this.n = 1; sleep(0.1); this.n += 1; print(this.n); sleep(this.n * 0.001); print(vu::id());",
        "let f = |x| x + 1; sleep(0.1); print(f.call(1));",
        "for i in 0..3 { sleep(0.01); print(i); } sleep(0.1); print(\"end\");",
        "try { sleep(0.1); throw 1; } catch (e) { print(e); } sleep(0.1); print(\"on\");",
        "let list = [3, 1, 2]; sleep(0.1); list.sort(); print(list.map(|x| x * 2));",
        "sleep(0.1); print(twice(4)); sleep(0.1); print(random::int(1, 1000));",
        "sleep(0.1); switch r.status { 200 => print(\"fine\"), _ => print(\"odd\") }",
        "sleep(0.1); let x = if r.status == 200 { 1 } else { 2 }; print(x);",
        "sleep(0.1); waiting(); print(\"end\");",
    ] {
        let script = format!(
            "const B = 2;\nfn twice(x) {{ x * 2 }}\nfn waiting() {{ sleep(0.1); print(\"waited\"); }}\nfn flow(r) {{ {body} }}"
        );
        assert_eq!(same(&script).ended, "ok", "{body}");
    }
}

#[test]
fn no_function_waits_that_does_not_say_so() {
    let mut played = 0;
    for function in functions().iter().filter(|function| !function.waits && !function.declares) {
        // A wait would be refused on the stack that such statements share, with a panic.
        if function.example.contains("http::") || function.example.contains("sleep(") {
            continue;
        }
        let script = format!("fn flow(r) {{ sleep(0.001);\n{};\n}}", function.example.replace("//", "; //"));
        let _ = seen(&script, true);
        played += 1;
    }
    assert!(played > 100, "{played} examples");
    let waiting =
        ["http::get", "http::request", "sleep", "poll", "paginate", "retry", "group", "time::measure"];
    for name in waiting {
        assert!(functions().iter().any(|one| one.name() == name && one.waits), "`{name}` waits");
    }
}

/// A condition on `r`, as an author might write it.
fn condition() -> impl Strategy<Value = String> {
    let property = prop_oneof![
        Just("r.status"),
        Just("r.error_code"),
        Just("r.timings.duration"),
        Just("r.json(\"price\")"),
        Just("r.json(\"count\")"),
        Just("r.json(\"name\")"),
        Just("r.json(\"missing\")"),
        Just("r.json(\"list\")"),
    ];
    let operator = prop_oneof![Just("=="), Just("!="), Just("<"), Just("<="), Just(">"), Just(">=")];
    let constant = prop_oneof![
        Just("200"),
        Just("3"),
        Just("231.5"),
        Just("0"),
        Just("\"AAPL\""),
        Just("()"),
        Just("true"),
        Just("-1.5")
    ];
    let leaf = (property, operator, constant)
        .prop_map(|(property, operator, constant)| format!("{property} {operator} {constant}"));
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn conditions_hold_the_same(one in condition(), two in condition()) {
        same(&format!("fn flow(r) {{ sleep(1); check({one}, \"one\"); check(r, #{{ \"two\": |r| {two} }}); }}"));
    }
}
