//! What an author reads when a running script fails: what, where, and what to do.

use super::{Failure, Play, flow, load, refusal, shown};
use crate::diagnostic::{Code, Diagnostic};

/// Message, the marked word, and the hint.
fn told(diagnostic: &Diagnostic) -> String {
    let label = diagnostic.labels.first().unwrap_or_else(|| panic!("no place: {}", shown(diagnostic)));
    let line = label.source.as_ref().and_then(|source| source.line(label.position.line)).unwrap_or_default();
    let marked: String =
        line.chars().skip(label.position.column as usize - 1).take(label.length as usize).collect();
    let hint = diagnostic.hint.as_deref().unwrap_or("NO HINT");
    format!("{}\n{}: {marked}\n{hint}", diagnostic.message, label.position)
}

/// Scripts whose `flow()` throws; what each tells is in the snapshot, in this order.
const WRONG: &[&str] = &[
    "fn flow() {\n    throw \"no price today\";\n}",
    "fn flow() {\n    throw #{ code: 5 };\n}",
    "fn flow() {\n    sleep(-1);\n}",
    "fn flow() {\n    sleep(\"250\");\n}",
    "fn token() { this.token }\nfn flow() {\n    token();\n}",
    "fn flow() {\n    http::post(\"/\", \"a=1\", #{ headers: #{} });\n}",
    "fn flow() {\n    http::post(\"/\", \"a=1\");\n}",
    "fn flow() {\n    http::get(\"/\", #{\n        tag: 1 });\n}",
    "fn flow() {\n    http::get(\"/price\");\n}",
    "fn flow() {\n    http::get(\"/\", #{ timeout: 5 });\n}",
    "fn flow() {\n    check(1, \"is one\");\n}",
    "fn flow() {\n    check(1, #{ \"is one\": |n| n });\n}",
    "fn flow() {\n    check(1, #{ \"is one\": |n| n.len() > 0 });\n}",
    "fn flow() {\n    random::int(\"1\", 6);\n}",
    "fn flow() {\n    [1].map(2);\n}",
    "fn flow() {\n    let m = #{};\n    m.price + 1;\n}",
    "fn flow() {\n    let l = [1];\n    l[3];\n}",
    "fn flow() {\n    let m = 5;\n    for n in m { }\n}",
    "fn flow() {\n    let n = 5;\n    n.price;\n}",
    "fn flow() {\n    let n = ();\n    n.price;\n}",
    "fn flow() {\n    let n = 0;\n    1 / n;\n}",
    "fn flow() {\n    let n = 9223372036854775807;\n    n + 1;\n}",
    "fn flow() {\n    parse_json(\"{\");\n}",
    "fn flow() {\n    parse_int(\"x\");\n}",
    "fn flow() {\n    counter(\"orders\");\n}",
    "const R = rate(\"share\");\nfn flow() {\n    global::R.add(5);\n}",
    "const C = counter(\"c\");\nfn flow() {\n    global::C.add(-1);\n}",
    "fn flow() {\n    pick([]);\n}",
    "fn flow() {\n    random::int(6, 1);\n}",
    "fn flow() {\n    env(\"X\");\n}",
    "fn flow() {\n    loop { }\n}",
    "fn helper() {\n    throw \"deep\";\n}\nfn flow() {\n    helper();\n}",
    "fn flow() {\n    [1].for_each(|| {\n        throw \"deep\";\n    });\n}",
    "fn flow() {\n    this.f = |x| x;\n}",
    "fn flow() {\n    time::parse(\"noon\");\n}",
];

#[test]
fn each_mistake_is_told_with_its_place_and_a_hint() {
    let all: Vec<String> =
        WRONG.iter().map(|script| format!("{script}\n=> {}", told(&Play::new(script).threw()))).collect();
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn fail_shows_its_own_place() {
    let play = Play::new("fn helper() {\n    fail(\"no stock\");\n}\nfn flow() {\n    helper();\n}");
    let Err(Failure::Failed(diagnostic)) = play.call("flow") else { panic!("it fails") };
    assert_eq!(told(&diagnostic).lines().take(2).collect::<Vec<_>>(), ["no stock", "2:5: fail"]);
}

#[test]
fn an_assertion_shows_its_place() {
    let Err(Failure::Asserted(diagnostic)) = flow("assert::equal(1, 2, \"one\")").call("flow") else {
        panic!("it asserts")
    };
    assert_eq!(diagnostic.message, "one: 1 is not 2");
    assert_eq!(diagnostic.code, Code::Target);
    assert_eq!(diagnostic.labels[0].position.column, 21);
}

#[test]
fn no_message_speaks_rhai() {
    for body in [
        "1.foo",
        "[].x",
        "\"a\" - 1",
        "!5",
        "-\"a\"",
        "let x = 1; x[0]",
        "let x = 1; x.y = 2",
        "5.len",
        "true + 1",
        "let f = |x| x; f.call(1, 2)",
        "Fn(\"nope\").call()",
        "let a = [1]; a[\"x\"]",
        "let m = #{}; m[1]",
        "while 1 { }",
        "let s = \"abc\"; s[9]",
        "const C = 1; C += 1",
        "switch 1 { 2 => 3 }; 1 in 5",
        "throw ()",
        "let x = 5; x()",
        "\"x\".to_int()",
        "[1, 2].sort(1)",
        "let b = blob(1); b[7]",
        "1 << 1000",
        "'a' + 1",
    ] {
        let diagnostic = match load(&format!("fn flow() {{ {body} }}")) {
            Err(diagnostic) => *diagnostic,
            Ok(_) => match flow(body).call("flow") {
                Err(Failure::Threw(diagnostic)) => diagnostic,
                _ => continue,
            },
        };
        let all = shown(&diagnostic);
        for word in [
            "i64",
            "f64",
            "Indexer",
            "Function not found",
            "expecting",
            "Output type",
            "Data type",
            "Dynamic",
            "::FnPtr",
            "&str",
        ] {
            assert!(!all.contains(word), "{body}: {all}");
        }
        assert!(
            diagnostic.message.starts_with(|c: char| c.is_lowercase() || !c.is_alphabetic()),
            "{body}: {all}"
        );
        assert!(!diagnostic.labels.is_empty(), "{body}: {all}");
    }
}

#[test]
fn misspelt_names_are_found_when_the_script_is_loaded() {
    for (script, message) in [
        (
            "fn flow() { if false_() { chekc(true, \"x\"); } }\nfn false_() { false }",
            "there is no function `chekc`",
        ),
        ("fn flow() { let f = |x| { [1].map(|y| htp::get(\"/\")) }; }", "there is no module `htp`"),
        ("fn flow() { try { sleep(1); } catch { http::gett(\"/\"); } }", "there is no function `http::gett`"),
        ("fn flow() { switch 1 { 1 => helpr(), _ => 2 } }", "there is no function `helpr`"),
        ("fn helper(a) {}\nfn flow() { helper(); }", "`helper` takes 1 argument, not 0"),
        ("fn flow() { vu::id(1); }", "`vu::id` takes no arguments, not 1"),
        ("fn flow() { http::get(); }", "`http::get` takes 1 or 2 arguments, not 0"),
        ("fn flow() { let r = #{}; r.jsn(); }", "there is no function `jsn`"),
        ("fn flow() { prise + 1 }", "there is no variable `prise` here"),
        ("fn flow() { let f = || prise; f.call() }", "there is no variable `prise` here"),
        (
            "fn flow() { let f = || { let g = || prise; g.call() }; f.call() }",
            "there is no variable `prise` here",
        ),
        ("let a = 1;\nfn flow() { `${a}` }", "there is no variable `a` here"),
        ("const A = 1;\nfn flow() { global::B }", "there is no variable `global::B` here"),
        ("fn flow() { }\nfn unused() { nothing_here(); }", "there is no function `nothing_here`"),
    ] {
        let diagnostic = refusal(script);
        assert_eq!((diagnostic.message.as_str(), diagnostic.code), (message, Code::Script), "{script}");
        assert!(diagnostic.hint.is_some() && !diagnostic.labels.is_empty(), "{}", shown(&diagnostic));
    }
}

#[test]
fn names_that_only_a_run_can_know_are_left_alone() {
    for script in [
        "fn flow() { let m = #{ act: |x| x }; m.act(1) }",
        "fn flow() { let m = #{}; m.act = |x| x; m.act(1) }",
        "fn flow() { let m = #{}; m[\"act\"] = |x| x; m.act(1) }",
        "fn flow() { let m = #{ a: #{ act: || 1 } }; m.a.act() }",
        "fn flow() { let n = 1; let f = || { let g = || n + 1; g.call() }; f.call() }",
        "fn flow() { let f = helper; f.call(1) }\nfn helper(x) { x }",
        "fn flow() { [1].map(helper) }\nfn helper(x) { x }",
        "fn flow() { this.touch() }\nfn touch() { this.x = 1; }",
        "fn flow() { for (x, i) in [1] { print(x + i); } try { throw 1; } catch (e) { print(e); } }",
        "fn flow() { let x = 1; { let x = 2; } do { x += 1; } until x > 5; x }",
        "fn flow() { let t = timestamp(); t.elapsed; PI(); type_of(1); [1].len(); len([1]); \"a\".to_upper() }",
        "fn flow() { [1, 2].pick(); global::C.add(1); }\nconst C = counter(\"c\");",
        "fn flow() { let a = [1]; a[0].max(2); a.is_shared(); is_def_fn(\"flow\", 0); is_def_var(\"a\") }",
        "fn flow() { let c = Fn(\"helper\").curry(1); c.call() }\nfn helper(x) { x }",
        "let total = 0;\n[1, 2].for_each(|| total += this);\nfn flow() { }",
    ] {
        if let Err(diagnostic) = load(script) {
            panic!("{}", shown(&diagnostic));
        }
    }
}

#[test]
fn every_script_that_comes_with_the_project_loads() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["scripts", "benches"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "rhai") {
                let text = std::fs::read_to_string(&path).unwrap();
                Play::with(
                    &text,
                    crate::script::Outside { folder: root.join(folder), ..super::outside(&[]) },
                );
            }
        }
    }
}
