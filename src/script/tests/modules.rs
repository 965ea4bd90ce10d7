//! Modules: what flows can do with them, and what an author is told who imports wrongly.

use std::path::Path;
use std::rc::Rc;

use super::{DreamClock, Failure, Play, outside, shown, source};
use crate::diagnostic::Diagnostic;
use crate::fiber::Current;
use crate::plan::Plan;
use crate::script::{Outside, Program, Stage};

/// A folder with these modules.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn within(folder: &Path) -> Outside {
    Outside { folder: folder.to_owned(), ..outside(&[]) }
}

fn play(files: &[(&str, &str)], script: &str) -> Play {
    Play::with(script, within(folder(files).path()))
}

fn load(files: &[(&str, &str)], script: &str) -> Result<Plan, Box<Diagnostic>> {
    let folder = folder(files);
    let stage = Stage::new(
        Rc::new(Current::default()),
        Rc::new(DreamClock::default()),
        within(folder.path()),
        |_| {},
    );
    Program::load(&source(script), &stage).map(|(_, plan)| plan)
}

/// Message, hint, and where: file, place and line.
fn told(diagnostic: &Diagnostic) -> String {
    let place = diagnostic.labels.first().map_or_else(
        || "NO PLACE".to_owned(),
        |label| {
            let source = label.source.as_ref().unwrap();
            // Without the folder, which is another each time.
            let name = source
                .name
                .split_once("/.tmp")
                .map_or(&*source.name, |(_, rest)| rest.split_once('/').map_or(rest, |(_, name)| name));
            let line = source.line(label.position.line).unwrap_or_default();
            format!("{name}:{}: {}", label.position, line.trim())
        },
    );
    let message = diagnostic.message.clone();
    let (before, after) = message.split_once("/tmp/").map_or((&*message, ""), |(before, rest)| {
        (before, rest.split_once('/').map_or("", |(_, rest)| rest))
    });
    format!("{before}{after}\n  {place}\n  {}", diagnostic.hint.as_deref().unwrap_or("NO HINT"))
}

fn refusal(files: &[(&str, &str)], script: &str) -> String {
    told(&load(files, script).expect_err(script))
}

const SHOP: &str = "
export const LIMIT = 5;
export const NAMES = [\"a\", \"b\"];
const FACTOR = 10;
private fn helper(n) { n * global::FACTOR }
fn order(n) { helper(n) + global::LIMIT }
fn twice(f) { f.call() + f.call() }
fn adder(n) { |x| x + n + global::FACTOR }
fn nap(n) { sleep(n); helper(1) }
fn by_name() { [1, 2].map(helper) }
fn by_pointer() { Fn(\"helper\").call(2) }
fn in_text() { `is ${helper(3)} of ${global::FACTOR}` }
fn method() { let x = 5; x.plus() }
fn plus() { this + helper(0) + 1 }
fn inner() { let helper = #{ helper: 7 }; helper.helper }
";

#[test]
fn flows_closures_and_helpers_call_a_module() {
    let script = "import \"lib/shop\" as shop;
        const FACTOR = 1000;
        fn helper(n) { n + global::FACTOR }
        fn through() { shop::order(2) }
        fn flow() {
            let out = [shop::order(1), through(), helper(1), group(\"g\", || shop::order(3))];
            // Often enough for every cache of the interpreter to be warm.
            for i in 0..5 { out += [shop::order(1) + helper(1)]; }
            out += [shop::LIMIT, shop::NAMES.len(), shop::nap(1)];
            out
        }";
    let list =
        play(&[("lib/shop.rhai", SHOP)], script).call("flow").unwrap().into_typed_array::<i64>().unwrap();
    assert_eq!(list, [15, 25, 1001, 35, 1016, 1016, 1016, 1016, 1016, 5, 2, 10]);
}

#[test]
fn closures_cross_between_script_and_module_both_ways() {
    let script = "import \"shop\" as shop;
        const FACTOR = 3;
        fn flow() {
            let n = 4;
            let f = shop::adder(1);
            [shop::twice(|| global::FACTOR + n), f.call(1), [1].map(shop::adder(2))[0]]
        }";
    let list = play(&[("shop.rhai", SHOP)], script).call("flow").unwrap().into_typed_array::<i64>().unwrap();
    assert_eq!(list, [14, 12, 13], "each sees its own constants");
}

#[test]
fn a_module_names_its_functions_in_every_way_of_the_language() {
    let script = "import \"shop\" as shop;
        fn flow() { `${shop::by_name()} ${shop::by_pointer()} ${shop::in_text()} ${shop::method()} ${shop::inner()}` }";
    assert_eq!(play(&[("shop.rhai", SHOP)], script).value::<String>(), "[10, 20] 20 is 30 of 10 6 7");
}

#[test]
fn modules_import_modules_and_each_runs_once() {
    let files = [
        (
            "a.rhai",
            "import \"lib/c\" as deep; export const A = deep::C + 1; fn a() { deep::c() + global::A }",
        ),
        ("b.rhai", "import \"lib/c\" as other; fn b() { other::c() * 2 }"),
        ("lib/c.rhai", "print(\"once\"); export const C = 1; fn c() { 100 + global::C }"),
    ];
    let play = play(
        &files,
        "import \"a\" as a; import \"b.rhai\" as b; import \"./lib/c\" as c;\nfn flow() { [a::a(), b::b(), c::c()] }",
    );
    let list = play.call("flow").unwrap().into_typed_array::<i64>().unwrap();
    assert_eq!(list, [103, 202, 101]);
    assert_eq!(*play.log.borrow(), ["once"]);
}

#[test]
fn an_alias_means_what_its_own_file_says() {
    let files = [
        ("a.rhai", "import \"one\" as x; fn a(f) { x::name() + f.call() }"),
        ("one.rhai", "fn name() { \"one\" }"),
        ("two.rhai", "fn name() { \"two\" }"),
    ];
    let play =
        play(&files, "import \"a\" as a; import \"two\" as x;\nfn flow() { a::a(|| x::name()) + x::name() }");
    assert_eq!(play.value::<String>(), "onetwotwo");
}

#[test]
fn a_module_declares() {
    let files = [(
        "load.rhai",
        "fn web(limit) { target(\"http_req_duration\", `p(95) < ${limit}`); }
         fn stages() { [#{ duration: \"1s\", target: 5 }] }
         counter(\"orders\");
         scenario(\"own\", #{ executor: \"per-vu-iterations\", flow: || 5 });",
    )];
    let script = "import \"load\" as load;
        load::web(\"200ms\");
        scenario(\"a\", #{ executor: \"ramping-vus\", stages: load::stages(), flow: || 1 });";
    let plan = load(&files, script).unwrap();
    assert_eq!((plan.targets.len(), plan.scenarios.len(), plan.metrics.len()), (1, 2, 1));
}

#[test]
fn constants_of_a_module_are_frozen() {
    let play =
        play(&[("shop.rhai", SHOP)], "import \"shop\" as shop;\nfn flow() { shop::NAMES[0] = \"c\"; }");
    let Err(Failure::Threw(diagnostic)) = play.call("flow") else { panic!("it can't be changed") };
    assert!(diagnostic.message.contains("can't be changed"), "{}", shown(&diagnostic));
}

#[test]
fn limits_hold_within_a_module() {
    for (body, why) in [
        ("fn f() { loop { } }", "operations"),
        ("fn f() { f() }", "nested too deeply"),
        ("fn f() { let a = []; a.pad(2000000, 0); }", "too large"),
    ] {
        let play = play(&[("m.rhai", body)], "import \"m\" as m;\nfn flow() { m::f() }");
        let Err(Failure::Threw(diagnostic)) = play.call("flow") else { panic!("{body}") };
        assert!(diagnostic.message.contains(why), "{}", shown(&diagnostic));
    }
    let error = refusal(&[("m.rhai", "loop { }")], "import \"m\" as m;");
    assert!(error.contains("m.rhai:1:"), "{error}");
}

#[test]
fn a_user_that_is_stopped_leaves_a_module_too() {
    let play = play(
        &[("m.rhai", "fn f() { loop { try { sleep(1); } catch { } } }")],
        "import \"m\" as m;\nfn flow() { m::f() }",
    );
    assert!(matches!(play.call_until(&play.vu(1), "flow", 3), Err(Failure::Stopped(_))));
}

#[test]
fn mistakes_within_a_module_show_its_file_and_line() {
    let files = [(
        "m.rhai",
        "fn f() {\n    throw \"deep\";\n}\nfn g() {\n    inner();\n}\nfn inner() {\n    http::get(\"/\", #{ tag: 1 });\n}\n\
             fn h(f) {\n    f.call();\n}\nfn stop() {\n    fail(\"no stock\");\n}\nfn each() {\n    [1].map(|x| x.nothing);\n}\n\
             fn types() {\n    inner_types(\"a\");\n}\nfn inner_types(x) {\n    x - 1\n}\n",
    )];
    let script = "import \"m\" as m;\nfn flow() { m::f() }\nfn on_start() { m::g() }\nfn on_stop() { m::h(|| {\n    throw \"mine\";\n}) }\n\
                  fn setup() { m::stop() }\nfn teardown() { m::each() }";
    let play = play(&files, script);
    let all: Vec<String> = ["flow", "on_start", "on_stop", "setup", "teardown"]
        .into_iter()
        .map(|name| match play.call(name) {
            Err(Failure::Threw(diagnostic) | Failure::Failed(diagnostic)) => told(&diagnostic),
            other => panic!("{name}: {other:?}"),
        })
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn each_wrong_import_is_told_with_its_place_and_a_hint() {
    let files = [
        ("shop.rhai", SHOP),
        ("lib/login.rhai", ""),
        ("broken.rhai", "fn f( {\n}"),
        ("a.rhai", "import \"b\" as b;"),
        ("b.rhai", "\nimport \"a\" as a;"),
        ("me.rhai", "import \"test\" as script;"),
        ("typo.rhai", "import \"shop\" as shop;\nfn f() {\n    shop::ordr(1);\n}"),
        ("own.rhai", "fn abc() { }\nfn f() {\n    abd();\n}"),
        ("early.rhai", "const N = 1;\nfn f() { global::N }\nconst M = f();"),
        ("throws.rhai", "fn f() { throw \"at once\" }\nf();"),
        (
            "named.rhai",
            "fn play() { }\nscenario(\"x\", #{\n    executor: \"per-vu-iterations\",\n    flow: play,\n});",
        ),
        (
            "text.rhai",
            "fn play() { }\nscenario(\"x\", #{\n    executor: \"per-vu-iterations\",\n    flow: \"play\",\n});",
        ),
        (
            "mixed.rhai",
            "fn play() { }\nscenario(\"x\", #{\n    executor: \"per-vu-iterations\",\n    flow: weighted(#{ play: 2 }),\n});",
        ),
        ("target.rhai", "fn web() {\n    target(\"http_req_duration\", \"p(95) < \");\n}"),
    ];
    let all: Vec<String> = [
        "import \"/etc/passwd\" as x;",
        "import \"../x\" as x;",
        "import \"lib/logn\" as x;",
        "import \"phases\" as x;",
        "import \"nowhere/x\" as x;",
        "import \"std/phase\" as x;",
        "import \"std/nonsense\" as x;",
        "import \"lib\" as x;",
        "import \"shop\";",
        "import \"shop\" as http;",
        "import \"shop\" as a; import \"lib/login\" as a;",
        "fn flow() {\n    import \"shop\" as shop;\n    shop::order(1);\n}",
        "if env(\"X\", \"\") == \"\" {\n    import \"shop\" as shop;\n    shop::order(1);\n}",
        "const P = \"shop\";\nimport P + \"x\" as shop;",
        "import env(\"X\", \"shop\") as shop;",
        "import \"a\" as a;",
        "import \"me\" as me;",
        "import \"broken\" as b;",
        "import \"typo\" as b;",
        "import \"own\" as b;",
        "import \"early\" as b;",
        "import \"throws\" as b;",
        "import \"named\" as n;",
        "import \"text\" as n;",
        "import \"mixed\" as n;",
        "import \"target\" as t;\nt::web();",
        "import \"shop\" as shop;\nfn flow() { shop::ordr(1) }",
        "import \"shop\" as shop;\nfn flow() { shop::order(1, 2) }",
        "import \"shop\" as shop;\nfn flow() { shop::helper(1) }",
        "import \"shop\" as shop;\nfn flow() { shop::LIMT }",
        "import \"shop\" as shop;\nfn flow() { shop::FACTOR }",
        "import \"shop\" as shop;\nfn flow() { shop::order }",
        "import \"shop\" as shop;\nfn flow() { shp::order(1) }",
        "import \"shop\" as shop;\nfn flow() { shop.order(1) }",
    ]
    .into_iter()
    .map(|script| format!("{script}\n=> {}", refusal(&files, script)))
    .collect();
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn a_script_imports_so_many_modules() {
    let limit = crate::script::MODULES_MAX;
    let names: Vec<String> = (0..=limit).map(|number| format!("m{number}.rhai")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "fn f() { 1 }")).collect();
    let imports = |count: usize| -> String {
        let import = |text: String, number| text + &format!("import \"m{number}\" as m{number};\n");
        (0..count).fold(String::new(), import) + "fn flow() {}"
    };
    assert!(load(&files, &imports(limit)).is_ok());
    let refused = load(&files, &imports(limit + 1)).unwrap_err();
    assert!(refused.message.contains("more than 100 modules"), "{}", shown(&refused));
    assert!(refused.hint.is_some() && !refused.labels.is_empty(), "{}", shown(&refused));
}
