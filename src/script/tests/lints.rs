//! Each lint finds what it is for, and says nothing of what is sound.

use std::fmt::Write as _;
use std::rc::Rc;

use super::{DreamClock, outside, source};
use crate::diagnostic::Diagnostic;
use crate::fiber::Current;
use crate::script::{LINTS, Program, Stage};

fn check(text: &str) -> Vec<Diagnostic> {
    let stage = Stage::new(Rc::new(Current::default()), Rc::new(DreamClock::default()), outside(&[]), |_| {});
    Program::check(&source(text), &stage).diagnostics
}

/// `line:column lint`, of each warning.
fn found(text: &str) -> Vec<String> {
    let one = |diagnostic: Diagnostic| {
        let place = diagnostic.labels.first().map_or_else(String::new, |label| label.position.to_string());
        assert!(diagnostic.hint.is_some(), "{diagnostic}");
        format!("{place} {}", diagnostic.lint.unwrap_or_else(|| panic!("{diagnostic}: {text}")))
    };
    check(text).into_iter().map(one).collect()
}

/// A flow with that body; the body's first line is line 2.
fn in_flow(body: &str) -> Vec<String> {
    found(&format!("fn flow() {{\n{body}\n}}"))
}

fn nothing(body: &str) {
    assert_eq!(in_flow(body), Vec::<String>::new(), "{body}");
}

const LOAD: &str =
    "scenario(\"a\", #{ executor: \"constant-vus\", vus: 1, duration: \"1s\", flow: \"price\" });\n";

#[test]
fn every_lint_is_documented_and_has_a_name_of_its_own() {
    let docs = include_str!("../../../docs/script.md");
    let (_, table) = docs.split_once("## Checking a script").expect("its section");
    for lint in LINTS {
        assert!(
            table.contains(&format!("| `{}` | {} |", lint.name, lint.about)),
            "{} in docs/script.md",
            lint.name
        );
    }
    let mut names: Vec<&str> = LINTS.iter().map(|lint| lint.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), LINTS.len());
}

#[test]
fn a_function_that_nothing_runs_is_found() {
    assert_eq!(found(&format!("{LOAD}fn price() {{ }}\nfn other() {{ }}")), ["3:4 unused_flow"]);
    // `flow` runs by itself only where no scenario is declared.
    assert_eq!(found(&format!("{LOAD}fn price() {{ }}\nfn flow() {{ }}")), ["3:4 unused_flow"]);
    for sound in [
        "fn price() { helper() }\nfn helper() { }",
        "fn price() { this.helper() }\nfn helper() { }",
        "fn price() { Fn(\"helper\").call() }\nfn helper() { }",
        "fn price() { let name = \"helper\"; Fn(name).call() }\nfn helper() { }\nfn another() { }",
        "fn price() { }\nfn setup() { }\nfn teardown() { }\nfn on_start() { }\nfn on_stop() { }\nfn _kept() { }",
        "fn price() { }\n// runner: allow(unused_flow)\nfn other() { }\nfn third() { } // runner: allow(unused_flow)",
    ] {
        assert_eq!(found(&format!("{LOAD}{sound}")), Vec::<String>::new(), "{sound}");
    }
    let mix = LOAD.replace("\"price\"", "weighted(#{ price: 1, other: 2 })");
    assert_eq!(found(&format!("{mix}fn price() {{ }}\nfn other() {{ }}")), Vec::<String>::new());
    let chosen = LOAD.replace("\"price\"", "env(\"FLOW\", \"price\")");
    assert_eq!(found(&format!("{chosen}fn price() {{ }}\nfn other() {{ }}")), Vec::<String>::new());
}

#[test]
fn a_metric_or_constant_without_use_is_found() {
    assert_eq!(found("const A = counter(\"a\");\nfn flow() { }"), ["1:11 unused_metric"]);
    assert_eq!(found("counter(\"a\");\nfn flow() { }"), ["1:1 unused_metric"]);
    assert_eq!(found("const A = counter(\"a\");\nfn flow() { global::A.add(1) }"), Vec::<String>::new());
    assert_eq!(found("trend(\"a\");\nfn flow() { time::measure(\"a\", || 1) }"), Vec::<String>::new());
    assert_eq!(
        found("const A = 1;\nconst B = 2; const _C = 3;\nfn flow() { global::B }"),
        ["1:7 unused_constant"]
    );
    assert_eq!(found("const A = 1;\nlet b = A;\nfn flow() { }"), Vec::<String>::new());
}

#[test]
fn a_target_that_will_see_no_sample_is_found() {
    let get = "http::get(\"/a?b=c\", #{ tags: #{} }); http::get(\"/a?b=c\"); http::get(\"/x\", #{ name: \"price\" });";
    for (target, body, is_wrong) in [
        ("http_req_duration", "", true),
        ("http_reqs", "http::get(\"/\");", false),
        ("cache_hit_rate", "", true),
        ("checks", "", true),
        ("checks", "assert::is_true(true, \"a\");", false),
        ("group_duration", "", true),
        ("group_duration", "group(\"a\", || 1);", false),
        ("iterations", "", false),
        ("iterations{scenario:default}", "", false),
        ("iterations{scenario!:other}", "", false),
        ("uptime", "", true),
        ("http_reqs{name:prise}", get, false),
        ("http_reqs{name:prise}", "http::get(\"/x\", #{ name: \"price\" });", true),
        ("http_reqs{name:/a}", "http::get(\"/a?b=c\");", false),
        ("http_reqs{name:/b}", "http::get(\"/a?b=c\");", true),
        ("http_reqs{name:b}", "let o = #{}; http::get(\"/a\", o);", false),
        ("checks{check:b}", "check(1 == 2, \"a\");", true),
        ("checks{check:b}", "check(1, #{ \"b\": |x| x == 1 });", false),
        ("checks{group:::b}", "group(\"a\", || check(1 == 2, \"x\"));", true),
        ("checks{group:::a}", "group(\"a\", || check(1 == 2, \"x\"));", false),
        ("checks{group:::b::a}", "group(\"b\", || group(\"a\", || check(1 == 2, \"x\")));", false),
    ] {
        let aggregate = match target.split('{').next() {
            Some("http_reqs" | "iterations") => "count > 0",
            Some("checks" | "uptime" | "cache_hit_rate") => "rate > 0.5",
            _ => "p(95) < 1s",
        };
        let script = format!("target(\"{target}\", \"{aggregate}\");\nfn flow() {{ {body} }}");
        let expected: &[&str] = if is_wrong { &["1:1 target_without_metric"] } else { &[] };
        assert_eq!(found(&script), expected, "{script}");
    }
    // The name that a target sees is the folded one.
    let folded = |name: &str| {
        let target = format!("target(\"http_reqs{{name:\\\"{name}\\\"}}\", \"count > 0\");");
        found(&format!("options(#{{ fold_ids: true }});\n{target}\nfn flow() {{ http::get(\"/users/7\"); }}"))
    };
    assert_eq!(folded("/users/{id}"), Vec::<String>::new());
    assert_eq!(folded("/users/7"), ["2:1 target_without_metric"]);
    let custom = "const A = counter(\"a\");\ntarget(\"a\", \"count < 5\");\n";
    assert_eq!(found(&format!("{custom}fn flow() {{ }}")), ["2:1 target_without_metric"]);
    assert_eq!(found(&format!("{custom}fn flow() {{ let a = global::A; a.add(1); }}")), Vec::<String>::new());
}

#[test]
fn a_check_that_can_not_fail_is_found() {
    for wrong in [
        "check(1, #{ \"a\": |r| true });",
        "check(1, #{ \"a\": true });",
        "check(1, #{ \"a\": |r| 1 == 1 });",
        "let r = #{ a: 1 }; check(r, #{ \"a\": |r| r.a == r.a });",
        "let r = #{ a: 1 }; check(r, #{ \"a\": |r| r.a = 1 });",
        "let r = http::get(\"/\"); check(r, #{ \"a\": |r| r.status >= 0 });",
        "let r = http::get(\"/\"); check(r.json(\"a\") == r.json(\"a\"), \"a\");",
        "check(true, \"a\");",
    ] {
        let found = in_flow(wrong);
        assert!(found.len() == 1 && found[0].ends_with("check_cannot_fail"), "{wrong}: {found:?}");
    }
    nothing("let r = http::get(\"/\"); check(r, #{ \"a\": |r| r.status == 200, \"b\": |r| r.status > 0 });");
    nothing("if random::chance(0.5) { check(true, \"a\"); } else { check(false, \"a\"); }");
    nothing("let ok = true; check(ok, \"a\"); check(1, #{ \"b\": |x| ok });");
    nothing("let r = #{ a: 1 }; check(r, #{ \"a\": |r| r.a == r.b, \"b\": |r| { let x = 1; r.a == x } });");
    nothing("check(random::int(1, 6) == random::int(1, 6), \"a\");");
}

#[test]
fn this_is_missed_where_rhai_does_not_bind_it() {
    let helper = "fn flow() { CALL }\nfn helper() { this.a = 1; }";
    assert_eq!(found(&helper.replace("CALL", "helper();")), ["1:13 unbound_this"]);
    assert_eq!(found(&helper.replace("CALL", "this.helper();")), Vec::<String>::new());
    assert_eq!(in_flow("[1].map(|x| this.a);"), ["2:13 unbound_this"]);
    nothing("[1].for_each(|| this + 1);");
    nothing("let r = 1; check(r, #{ \"a\": |r| this.a == r }); group(\"g\", || this.b = 1);");
}

#[test]
fn what_unbound_this_warns_of_does_fail() {
    for (script, fails) in [
        ("fn helper() { this.a = 1; }\nfn flow() { helper(); }", true),
        ("fn helper() { this.a = 1; }\nfn flow() { this.helper(); }", false),
        ("fn flow() { [1].map(|x| this.a); }", true),
        ("fn flow() { [1].for_each(|| this + 1); }", false),
        ("fn flow() { check(1, #{ \"a\": |x| this.a == () }); }", false),
    ] {
        assert_eq!(super::Play::new(script).call("flow").is_err(), fails, "{script}");
    }
}

#[test]
fn a_loop_without_an_end_or_a_pause_is_found() {
    for wrong in [
        "loop { let x = 1; }",
        "while true { }",
        "let n = 0; do { n += 1; } while true;",
        "loop { for x in 0..3 { break; } }",
        "let end = time::now() + 5; while time::now() < end { }",
        "let end = time::now() + 5; loop { if time::now() > end { break; } }",
    ] {
        let found = in_flow(wrong);
        assert!(found.len() == 1 && found[0].ends_with("blocking_loop"), "{wrong}: {found:?}");
    }
    nothing("let n = 0; while n < 5 { n += 1; }");
    nothing("loop { let r = http::get(\"/\"); if r.status == 200 { break; } sleep(1); }");
    nothing("loop { if random::chance(0.1) { return; } }");
    nothing("let end = time::now() + 5; while time::now() < end { sleep(0.1); }");
    nothing("let l = [1]; while !l.is_empty() { l.pop(); }");
}

#[test]
fn a_function_that_hides_another_is_found() {
    assert_eq!(found("fn flow() { sleep(1); }\nfn sleep(x) { x }"), ["2:4 shadowed_function"]);
    assert_eq!(found("fn flow() { max(1, 2); }\nfn max(a, b) { a }"), ["2:4 shadowed_function"]);
    assert_eq!(found("fn flow() { [1].len(); }\nfn len() { 5 }"), ["2:4 shadowed_function"]);
    assert_eq!(found("fn flow() { some(1, 2); }\nfn some(a, b) { a }"), Vec::<String>::new());
    assert_eq!(
        super::Play::new("fn flow() { [1].len() }\nfn len() { 5 }").value::<i64>(),
        5,
        "it does hide it"
    );
}

#[test]
fn a_misspelt_property_of_a_response_is_found() {
    for wrong in [
        "let r = http::get(\"/\"); print(r.stauts);",
        "print(http::get(\"/\").stauts);",
        "let r = http::get(\"/\"); check(r, #{ \"a\": |x| x.stauts == 200 });",
        "let r = http::get(\"/\"); let y = 1; check(r, #{ \"a\": |x| x.stauts == y });",
        "let r = http::get(\"/\"); print(r.timings.watiing);",
        "let r = http::get(\"/\"); if r.text == \"\" { }",
    ] {
        let found = in_flow(wrong);
        assert!(found.len() == 1 && found[0].ends_with("unknown_property"), "{wrong}: {found:?}");
    }
    nothing("let r = http::get(\"/\"); print(r.status); print(r.json().anything); print(r.headers.server);");
    nothing("let r = http::get(\"/\"); r = #{ stauts: 1 }; print(r.stauts);");
    nothing("let r = http::get(\"/\"); [#{ stauts: 1 }].map(|r| r.stauts);");
    nothing("let r = http::get(\"/\"); for r in [#{ stauts: 1 }] { print(r.stauts); }");
    nothing("let r = http::get(\"/\").json(); print(r.stauts);");
}

#[test]
fn a_key_that_a_fixed_map_does_not_have_is_found() {
    for wrong in [
        "let m = #{ a: 1 }; print(m.b);",
        "let m = #{ a: vu::id() }; if m.a > 1 { print(m.b.c); }",
        "let m = #{ a: 1 }; print(m.b.len());",
        "const M = #{}; print(M.b);",
    ] {
        let found = in_flow(wrong);
        assert!(found.len() == 1 && found[0].ends_with("unknown_property"), "{wrong}: {found:?}");
    }
    assert_eq!(
        found("const M = #{ colour: 1, size: 2 };\nfn flow() { print(global::M.color + global::M.size); }"),
        ["2:29 unknown_property"]
    );
    for sound in [
        "let m = #{ a: 1 }; print(m.a);",
        "let m = #{ a: 1 }; m.b = 1; print(m.b);",
        "let m = #{ a: #{} }; m.a.b = 1; print(m.b);",
        "let m = #{ a: 1 }; m[\"b\"] = 1; print(m.b);",
        "let m = #{ a: 1 }; m += #{ b: 1 }; print(m.b);",
        "let m = #{ a: 1 }; m.set(\"b\", 1); print(m.b);",
        "let m = #{ a: 1 }; m.mixin(#{ b: 1 }); print(m.b);",
        "let m = #{ a: 1 }; let add = || m.b = 1; add.call(); print(m.b);",
        "let m = #{ a: 1 }; [1].for_each(|| m.b = 1); print(m.b);",
        "let m = #{ a: 1 }; m = #{ b: 1 }; print(m.b);",
        "let m = #{ a: 1 }; let m = #{ b: 1 }; print(m.b);",
        "let m = #{ a: 1 }; for m in [#{ b: 1 }] { print(m.b); }",
        "let m = #{ a: 1 }; [#{ b: 1 }].map(|m| m.b);",
        "let m = #{ a: 1 }; try { throw #{ b: 1 }; } catch (m) { print(m.b); }",
        "let m = #{ a: 1 }; print(m.b ?? 0);",
        "let m = #{ a: 1 }; print(m?.b);",
        "let m = parse_json(\"{}\"); print(m.b);",
    ] {
        nothing(sound);
    }
    assert_eq!(found("let m = #{ a: 1 };\nm.b = 2;\nfn flow() { }"), Vec::<String>::new());
    assert_eq!(
        found("const M = #{ a: 1 };\nfn flow() { print((global::M.b ?? 1) + global::M.a); }"),
        Vec::<String>::new()
    );
}

#[test]
fn the_properties_of_a_response_are_those_registered() {
    let mut engine = super::super::engine::engine();
    let stage = Stage::new(Rc::default(), Rc::new(DreamClock::default()), outside(&[]), |_| {});
    let mut registry = super::super::registry::Registry::new(&mut engine, stage);
    for module in super::super::host::MODULES {
        (module.register)(&mut registry);
    }
    registry.install();
    let getters: std::collections::BTreeSet<String> = engine
        .collect_fn_metadata(
            None,
            |function| {
                let metadata = function.metadata;
                let is_response = metadata
                    .params_info
                    .iter()
                    .any(|info| info.contains("Reply") || info.contains("response"));
                metadata.name.strip_prefix("get$").filter(|_| is_response).map(str::to_owned)
            },
            false,
        )
        .into_iter()
        .collect();
    let listed: std::collections::BTreeSet<String> =
        super::super::host::RESPONSE_PROPERTIES.iter().map(ToString::to_string).collect();
    assert_eq!(getters, listed);
}

#[test]
fn names_without_number_and_long_sleeps_are_found() {
    assert_eq!(in_flow("let id = 5; http::get(`/items/${id}`);"), ["2:19 many_names"]);
    nothing("let id = 5; http::get(`/items/${id}`, #{ name: \"item\" }); http::get(`/items?id=${id}`);");
    let folded = "options(#{ fold_ids: true });\nfn flow() { let id = 5; http::get(`/items/${id}`); }";
    assert_eq!(found(folded), Vec::<String>::new());
    nothing("let host = \"http://a\"; http::get(`${host}/items`);");
    assert_eq!(in_flow("sleep(500);"), ["2:1 long_sleep"]);
    nothing("sleep(5); sleep(0.5); sleep(\"500s\");");
}

#[test]
fn an_allowance_that_no_lint_has_is_found() {
    assert_eq!(in_flow("// runner: allow(long_sleeep)\nlet x = 1;"), ["2:18 unknown_lint"]);
    nothing("sleep(500); // runner: allow(many_names, long_sleep)");
    assert_eq!(in_flow("// runner: allow(long_sleep)\n\nsleep(500);"), ["4:1 long_sleep"], "two lines below");
}

#[test]
fn all_unknown_names_are_told_at_once() {
    let told: Vec<String> = check(
        "const A = 1;\nfn flow() {\n  used = 5;\n  print(later); let later = 1;\n  [1].map(|a| [2].map(|b| a + b + misspelt));\n  chekc(true, \"a\");\n  global::B;\n}",
    )
    .into_iter()
    .map(|diagnostic| format!("{} {diagnostic}", diagnostic.labels[0].position))
    .collect();
    assert_eq!(
        told,
        [
            "3:3 there is no variable `used` here",
            "4:9 there is no variable `later` here",
            "5:35 there is no variable `misspelt` here",
            "6:3 there is no function `chekc`",
            "7:11 there is no variable `global::B` here",
        ]
    );
    // A top level that fails doesn't hide the rest.
    let told = check("base_url(5);\nconst LATE = 1;\nfn flow() { global::LATE; chekc(1); }");
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn a_long_script_is_checked_in_linear_time() {
    let script = |functions: usize| {
        let mut text = "base_url(\"demo\");\n".to_owned();
        for n in 0..functions {
            let _ = write!(
                text,
                "fn helper_{n}(x) {{\n  let r = http::get(\"/a\", #{{ name: \"a\" }});\n  check(r, #{{ \"up\": |r| r.status == 200, \"x\": |r| r.json(\"a\") == x }});\n  [1, 2].map(|y| y + x)\n}}\n"
            );
        }
        text += "fn flow() { ";
        for n in 0..functions {
            let _ = write!(text, "helper_{n}({n}); ");
        }
        text + "}"
    };
    let time = |functions| {
        let text = script(functions);
        let start = std::time::Instant::now();
        assert_eq!(found(&text), Vec::<String>::new());
        start.elapsed()
    };
    time(10);
    let (short, long) = (time(100), time(800));
    assert!(long < short * 40, "eight times as long took {long:?} instead of {short:?}");
}

/// What is found in a script that imports these modules.
fn found_with(modules: &[(&str, &str)], text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in modules {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let outside = crate::script::Outside { folder: folder.path().to_owned(), ..outside(&[]) };
    let stage = Stage::new(Rc::new(Current::default()), Rc::new(DreamClock::default()), outside, |_| {});
    let told = Program::check(&source(text), &stage).diagnostics;
    told.into_iter().map(|one| format!("{} {}", one.lint.unwrap_or("error"), one.message)).collect()
}

#[test]
fn a_target_is_held_against_what_imported_modules_do_as_well() {
    const REQUESTS: &str = "fn load() { http::get(\"/price\", #{ name: \"price\" }); }";
    const COUNTS: &str =
        "export const SOLD = counter(\"sold\"); counter(\"lost\");\nfn sell() { global::SOLD.add(1); }";
    let modules = [("shop.rhai", REQUESTS), ("count.rhai", COUNTS), ("empty.rhai", "fn nothing() { }")];
    let script = |module: &str, call: &str, target: &str| {
        let text = format!("import \"{module}\" as m;\ntarget({target});\nfn flow() {{ {call}; }}");
        found_with(&modules, &text)
    };
    let requests = "\"http_req_duration\", \"p(95) < 1s\"";
    assert_eq!(script("shop", "m::load()", requests), Vec::<String>::new());
    assert_eq!(
        script("shop", "m::load()", "\"http_req_duration{name:price}\", \"p(95) < 1s\""),
        Vec::<String>::new()
    );
    assert_eq!(script("count", "m::sell()", "\"sold\", \"count > 1\""), Vec::<String>::new());
    assert_eq!(script("std/auth", "print(1)", requests), Vec::<String>::new(), "it logs in by a request");
    let lint = "target_without_metric the target";
    for (module, call, target, why) in [
        ("empty", "m::nothing()", requests, "the script makes no request"),
        ("std/phases", "print(1)", requests, "the script makes no request"),
        (
            "shop",
            "m::load()",
            "\"http_req_duration{name:prise}\", \"p(95) < 1s\"",
            "nothing has the name `prise`",
        ),
        ("count", "m::sell()", "\"lost\", \"count > 1\"", "nothing adds to `lost`"),
    ] {
        let found = script(module, call, target);
        assert!(
            found.len() == 1 && found[0].starts_with(lint) && found[0].contains(why),
            "{target}: {found:?}"
        );
    }
    let declares = [("load.rhai", "fn web() { target(\"http_reqs\", \"count > 1\"); }")];
    let of_module = "import \"load\" as m;\nm::web();\nfn flow() { }";
    assert_eq!(found_with(&declares, of_module), Vec::<String>::new(), "a module's own");
}
