//! A script can't crash, hang or starve the runner.

use super::{Failure, Play, flow, shown};
use crate::script::{MAP_PAIRS_MAX, OPERATIONS_MAX};

/// True if `flow()` met the limit that this text names.
fn met(play: &Play, limit: &str) {
    let diagnostic = play.threw();
    assert!(diagnostic.message.contains(limit), "{}", shown(&diagnostic));
    assert!(diagnostic.hint.is_some(), "{}", shown(&diagnostic));
    assert!(!diagnostic.labels.is_empty(), "no place: {}", shown(&diagnostic));
}

#[test]
fn operations_are_counted_across_native_callbacks() {
    // Each callback alone is far below the limit: Rhai's own counter begins anew in each.
    let each = OPERATIONS_MAX / 2_000;
    let list = "let list = []; list.pad(1000, 1);";
    let work = format!("let s = 0; for n in 0..{each} {{ s += n; }}");
    for script in [
        "loop { }".to_owned(),
        "let n = 0; while true { n += 1; }".to_owned(),
        format!("{list} for k in 0..100 {{ list.for_each(|| {{ {work} }}); }}"),
        format!("{list} for k in 0..100 {{ list.map(|x| {{ {work} x }}); }}"),
        format!("{list} for k in 0..100 {{ list.sort(|a, b| {{ {work} 0 }}); }}"),
    ] {
        met(&flow(&script), "operations without waiting");
    }
}

#[test]
fn a_wait_starts_the_count_anew() {
    let each = OPERATIONS_MAX / 10;
    let script = format!(
        "let n = 0; for k in 0..6 {{ let s = 0; for i in 0..{each} {{ s += i; }} n += 1; sleep(1); }} n"
    );
    assert_eq!(flow(&script).value::<i64>(), 6);
}

#[test]
fn deep_recursion_is_an_error_on_a_fibers_stack() {
    for script in [
        "fn f(n) { f(n + 1) + 1 }\nfn flow() { f(0) }",
        "fn f(n) { [n].map(|x| f(x + 1))[0] }\nfn flow() { f(0) }",
        "fn f(n) { check(n, #{ \"deeper\": |n| f(n + 1) }) }\nfn flow() { f(0) }",
        "fn f(g) { g.call(g) }\nfn flow() { f(|g| g.call(g)) }",
        "fn f(n) { `${`${`${f(n + 1)}`}`}` }\nfn flow() { f(0) }",
        "fn f(n) { #{ a: [#{ a: [f(n + 1)] }] } }\nfn flow() { f(0) }",
        "fn f(n) { if true { if true { if true { switch 1 { 1 => { let x = 1 + (2 + (3 + f(n + 1))); x } } } } } }\nfn flow() { f(0) }",
        "fn f(n) { try { f(n + 1) } catch { f(n + 1) } }\nfn flow() { f(0) }",
    ] {
        met(&Play::new(script), "nested too deeply");
    }
}

#[test]
fn recursion_within_a_sort_that_swallows_the_error_ends() {
    let play = Play::new("fn f(n) { [n, n].sort(|a, b| f(a + 1)); 1 }\nfn flow() { f(0) }");
    assert_eq!(play.value::<i64>(), 1);
}

#[test]
fn recursion_through_groups_ends_too() {
    let play = Play::new("fn f(n) { group(`g${n}`, || f(n + 1)) }\nfn flow() { f(0) }");
    let diagnostic = play.threw();
    assert!(diagnostic.message.contains("nested"), "{}", shown(&diagnostic));
    let play = Play::new(
        "const T = trend(\"t\", \"time\");\nfn f(n) { time::measure(\"t\", || f(n + 1)) }\nfn flow() { f(0) }",
    );
    met(&play, "nested too deeply");
}

#[test]
fn values_nested_too_deeply_end_the_script_before_the_stack_does() {
    let turns = 3_000;
    for step in [
        "a = [a];",
        "a = #{ a: a };",
        "a = [#{ a: [a] }];",
        "let f = || a; a = [a];",
        "this.x = a; a = [this.x];",
    ] {
        let diagnostic = flow(&format!("let a = []; for n in 0..{turns} {{ {step} }}")).threw();
        assert!(diagnostic.message.contains("nested deeper"), "{step}: {}", shown(&diagnostic));
    }
}

#[test]
fn a_value_can_not_contain_itself_unnoticed() {
    let script = "let a = []; let put = || { a.push(a); }; for n in 0..2000 { put.call(); }";
    let failure = flow(script).call("flow").unwrap_err();
    assert!(matches!(failure, Failure::Threw(_)), "{failure:?}");
}

#[test]
fn every_size_has_a_limit() {
    for (script, what) in [
        ("let s = \"x\"; loop { s += s; }", "too large"),
        ("let a = [1]; loop { a.append(a); }", "too large"),
        ("let s = \"a\"; s.pad(1_000_000, \"a\"); let t = s + \"\"; s.replace(\"a\", t);", "too large"),
        ("let s = \"a\"; s.pad(1_000_000, \"a\"); regex::replace(s, \"a\", s);", "would make a text of"),
        ("let s = \"a\"; s.pad(2_000_000, \"a\"); regex::find_all(s, \"a\");", "would give more than"),
        ("let b = blob(1000); loop { b.append(b); }", "too large"),
    ] {
        met(&flow(script), what);
    }
    let pairs: Vec<String> = (0..=MAP_PAIRS_MAX).map(|n| format!("\"{n}\":0")).collect();
    met(&flow(&format!("parse_json(`{{{}}}`)", pairs.join(","))), "too large");
    let many = (0..11_000).fold(String::new(), |all, n| all + &format!("let v{n} = 1;"));
    met(&flow(&many), "too many variables");
    let functions = (0..11_000).fold(String::new(), |all, n| all + &format!("fn f{n}() {{}}\n"));
    assert!(super::refusal(&functions).message.contains("too many functions"));
    let deep = format!("fn flow() {{ {}1{} }}", "(".repeat(500), ")".repeat(500));
    assert!(super::refusal(&deep).message.contains("too deeply"));
    let deep = format!("let x = {}1{};", "[".repeat(500), "]".repeat(500));
    assert!(super::refusal(&deep).message.contains("too deeply"));
}

#[test]
fn a_script_that_swallows_every_error_still_stops() {
    for script in [
        "loop { try { loop { } } catch { } }",
        "loop { try { sleep(1); } catch { } }",
        "loop { try { fail(\"x\"); } catch { } }",
        "loop { try { [1, 2, 3].for_each(|| { sleep(1); }); } catch { } }",
        "loop { let l = [3, 1, 2]; l.sort(|a, b| { sleep(0.1); a - b }); }",
        "loop { try { let l = [3, 1, 2]; l.sort(|a, b| { try { sleep(0.1); } catch { } a - b }); } catch { } }",
        "loop { try { group(\"g\", || { try { sleep(1); } catch { } }); } catch { } }",
        "loop { try { check(1, #{ \"c\": |x| { sleep(1); true } }); } catch { } }",
        "loop { try { this.x = 1; vu::id(); } catch { } }",
    ] {
        let play = flow(script);
        let vu = play.vu(1);
        let failure = play.call_until(&vu, "flow", 50).unwrap_err();
        let right = matches!(failure, Failure::Stopped(_) | Failure::Failed(_));
        assert!(right, "{script}: {failure:?}");
    }
}

#[test]
fn one_script_in_a_loop_lets_the_others_run() {
    // Without a wait of its own the fiber still gives way, or the poll below would never return.
    let play = flow("loop { }");
    let vu = play.vu(1);
    assert!(matches!(play.call_until(&vu, "flow", 2), Err(Failure::Stopped(_))));
}

#[test]
fn a_stopped_user_can_be_called_again() {
    let play = Play::new("fn flow() { loop { sleep(1); } }\nfn on_stop() { 5 }");
    let vu = play.vu(1);
    assert!(matches!(play.call_until(&vu, "flow", 5), Err(Failure::Stopped(_))));
    assert_eq!(play.call_as(&vu, "on_stop").unwrap().as_int(), Ok(5));
}

#[test]
fn what_grows_item_by_item_has_a_limit_too() {
    let half = crate::script::LIST_ITEMS_MAX / 2;
    for (script, what) in [
        (format!("let a = []; a.pad({half}, 0); let b = a; loop {{ a.push(0); a += b; }}"), "too large"),
        (format!("let a = []; a.pad({half}, 0); let b = [a, a, a];"), "too large"),
        ("let s = \"x\"; s.pad(100000000, \"y\");".to_owned(), "too large"),
        (
            "let s = \"0123456789\"; loop { let t = s; s.replace(\"0\", t); s = `${s}${s}`; }".to_owned(),
            "too large",
        ),
    ] {
        met(&flow(&script), what);
    }
}

#[test]
fn one_call_can_not_take_all_memory() {
    for replace in ["s.replace(\"x\", s)", "s.replace('x', s)", "s.replace(\"\", s)"] {
        met(&flow(&format!("let s = \"x\"; s.pad(1000000, \"x\"); {replace};")), "too large");
    }
    assert_eq!(
        flow("let s = \"a-b-a\"; s.replace(\"a\", \"cc\"); s.replace('-', \"\"); s")
            .value::<rhai::ImmutableString>(),
        "ccbcc"
    );
}

#[test]
fn a_user_remembers_so_many_names() {
    met(&flow("for n in 0..10001 { this[`n${n}`] = n; }"), "can remember at most 10000 names");
    assert!(flow("for n in 0..20000 { this.name = n; } this.name").value::<i64>() == 19_999);
}

#[test]
fn a_script_declares_so_many_metrics_counters_and_feeders() {
    for (declare, said) in [
        ("counter(`c${n}`)", "at most 1000 metrics"),
        ("shared::counter(`c${n}`)", "at most 1000 counters"),
        ("feeder([1], \"queue\")", "at most 1000 feeders"),
    ] {
        let refused = super::refusal(&format!("for n in 0..1001 {{ {declare}; }}\nfn flow() {{}}"));
        assert!(refused.message.contains(said) && refused.hint.is_some(), "{}", shown(&refused));
        assert!(!refused.labels.is_empty(), "{}", shown(&refused));
    }
}

#[test]
fn a_table_longer_than_any_list_is_walked_but_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let rows = crate::script::LIST_ITEMS_MAX + 1;
    std::fs::write(folder.path().join("long.txt"), "x\n".repeat(rows)).unwrap();
    let outside = crate::script::Outside { folder: folder.path().to_owned(), ..super::outside(&[]) };
    let play = |body: &str| {
        let script = format!("const L = data::lines(\"long.txt\");\nfn flow() {{ {body} }}");
        Play::with(&script, outside.clone())
    };
    for (body, said) in [
        ("global::L.copy()", "`copy` would make a list of 1000001 items"),
        ("global::L.map(|x| x)", "`map` would make a list of 1000001 items"),
        ("shuffle(global::L)", "`shuffle` would make a list of 1000001 items"),
    ] {
        met(&play(body), said);
    }
    let walked = play("let n = 0; for l in global::L { n += 1; } n").value::<i64>();
    assert_eq!(walked, i64::try_from(rows).unwrap());
}

#[test]
fn nothing_reaches_the_environment_the_disk_or_a_process() {
    for name in [
        "eval(\"1\")",
        "exec(\"ls\")",
        "system(\"ls\")",
        "open_file(\"x\")",
        "read_file(\"x\")",
        "getenv(\"HOME\")",
    ] {
        assert!(super::load(&format!("fn flow() {{ {name} }}")).is_err(), "{name}");
    }
    let play = Play::with("fn flow() { env(\"HOME\", \"nothing\") }", super::outside(&[("A", "b")]));
    assert_eq!(
        play.call("flow").unwrap().into_string().unwrap(),
        "nothing",
        "what `env` gives is given to it"
    );
}
