//! The modules that the binary brings along: what they give and declare, and what they refuse.
//!
//! What they send is tested in `tests/it/stdlib.rs`, against a server.

use super::{Play, load, refusal, shown};
use crate::script::stdlib;

/// Stages as `duration:target`, in one line.
fn stages(call: &str) -> String {
    let script = format!(
        "import \"std/phases\" as phases;
         fn flow() {{
             let all = \"\";
             for stage in phases::{call} {{ all += `${{stage.duration}}:${{stage.target}} `; }}
             all.trim(); all
         }}"
    );
    Play::new(&script).value()
}

#[test]
fn phases_give_exact_stages() {
    assert_eq!(stages("ramp(5, 50, \"1m\")"), "0s:5 1m:50");
    assert_eq!(stages("peak(100, \"10s\", \"1m\")"), "10s:100 1m:100 10s:0");
    assert_eq!(stages("spike(10, 100, \"30s\")"), "0s:10 30s:10 0s:100 30s:100 0s:10 30s:10");
    assert_eq!(stages("spike(10, 100, \"5s\", \"30s\")"), "0s:10 30s:10 0s:100 5s:100 0s:10 30s:10");
    assert_eq!(stages("soak(20, \"1h\")"), "180000ms:20 3240000ms:20 180000ms:0");
    assert_eq!(
        stages("steps(10, 50, 5, \"1m\")"),
        "0s:10 1m:10 0s:20 1m:20 0s:30 1m:30 0s:40 1m:40 0s:50 1m:50"
    );
    assert_eq!(stages("steps(10, 50, 1, \"1m\")"), "0s:50 1m:50");
    assert_eq!(stages("steps(50, 10, 3, \"1m\")"), "0s:50 1m:50 0s:30 1m:30 0s:10 1m:10");
    assert_eq!(stages("breakpoint(1000, \"1h\")"), "0s:0 1h:1000");
    assert_eq!(stages("stairs(10, 50, 3, \"1m\")"), stages("steps(10, 50, 3, \"1m\")"));
    assert_eq!(stages("stairs(10, 50, 3, \"1m\", \"5s\")"), "0s:10 1m:10 5s:30 1m:30 5s:50 1m:50");
    assert_eq!(stages("stairs(1, 2, 3, \"1m\")"), "0s:1 1m:1 0s:2 1m:2 0s:2 1m:2", "users are whole");
    assert_eq!(
        stages("stairs(1.0, 2, 3, \"1m\")"),
        "0s:1.0 1m:1.0 0s:1.5 1m:1.5 0s:2.0 1m:2.0",
        "rates are not"
    );
}

#[test]
fn a_table_makes_stages() {
    let rows =
        "[#{ time: 5, rate: 10 }, #{ time: \"7\", rate: \" 20 \" }, #{ time: \"7.25\", rate: \"5.5\" }]";
    assert_eq!(stages(&format!("curve({rows})")), "0s:10 2000000us:20 250000us:5.5");
    assert_eq!(
        stages(&format!("replay({rows})")),
        "0s:10 2000000us:10 0s:20 250000us:20 0s:5.5 250000us:5.5"
    );
    let users = "[#{ time: \"0s\", users: \"3\" }, #{ time: \"1m30s\", users: 4 }]";
    assert_eq!(stages(&format!("curve({users})")), "0s:3 90000000us:4");
}

#[test]
fn a_sine_is_low_at_its_ends_and_high_in_the_middle() {
    let wave = stages("sine(10, 110, \"100s\", 2)");
    let pieces: Vec<&str> = wave.split(' ').collect();
    assert_eq!(pieces.len(), 41);
    assert_eq!(
        [pieces[0], pieces[5], pieces[10], pieces[20]],
        ["0s:10", "2500.0ms:60", "2500.0ms:110", "2500.0ms:10"]
    );
    assert_eq!([pieces[30], pieces[40]], ["2500.0ms:110", "2500.0ms:10"]);
}

#[test]
fn stages_of_phases_make_a_plan() {
    for call in [
        "ramp(0, 5, \"1m\")",
        "peak(5, \"1s\", \"1m\")",
        "spike(1, 5, \"30s\")",
        "soak(5, \"1h\")",
        "steps(1, 5, 3, \"10s\")",
        "stairs(1, 5, 3, \"10s\")",
        "stairs(5, 1, 2, \"10s\", \"1s\")",
        "breakpoint(9, \"1m\")",
        "sine(1, 9, \"1m\", 3)",
    ] {
        let script = format!(
            "import \"std/phases\" as phases;\nscenario(\"a\", #{{ executor: \"ramping-vus\", stages: phases::{call}, flow: || sleep(1) }});"
        );
        load(&script).unwrap_or_else(|error| panic!("{call}: {}", shown(&error)));
    }
}

#[test]
fn phases_refuse_what_makes_no_sense_at_the_authors_line() {
    for (call, why) in [
        ("spike(100, 10, \"30s\")", "`top` (10) is not above `calm` (100)"),
        ("spike(10, 100, 30)", "`hold` is a duration with its unit, such as \"30s\", not 30"),
        ("spike(10, 100, \"30\")", "unit"),
        ("steps(1, 5, 0, \"1m\")", "`count` must be a whole number from 1 to 1000, not 0"),
        ("stairs(1, 5, 3, 30)", "phases::stairs: `each` is a duration with its unit"),
        ("stairs(1, 5, 3, \"30s\", \"0s\")", "`rise` must be longer than 0s"),
        ("stairs(\"1\", 5, 3, \"30s\")", "`from` is a number of users or a rate, not 1"),
        (
            "stairs(5, 1, 1001, \"30s\")",
            "phases::stairs: `count` must be a whole number from 1 to 1000, not 1001",
        ),
        ("ramp(-1, 5, \"1m\")", "can't be below 0"),
        ("ramp(1, 5.5, \"1m\")", "`to` must be a whole number of users, not 5.5"),
        ("soak(5, \"0s\")", "longer than 0s"),
        ("sine(5, 5, \"1m\", 1)", "not above"),
        ("curve([#{ time: 0, rate: 1 }])", "two rows are the least, not 1"),
        ("curve([#{ time: 0, rate: 1 }, #{ at: 1, rate: 1 }])", "row 2 has no `time`"),
        ("curve([#{ time: 0, rate: 1 }, #{ time: 1, load: 1 }])", "row 2 has no `users`"),
        (
            "curve([#{ time: 0, rate: 1 }, #{ time: 1, rate: \"x\" }])",
            "`rate` in row 2 must be a number, not \"x\"",
        ),
        ("replay([#{ time: 3, rate: 1 }, #{ time: 3, rate: 2 }])", "`time` in row 2 is 3, and not after"),
        ("replay([#{ time: 3, rate: -1 }, #{ time: 4, rate: 2 }])", "`rate` in row 1 is -1"),
        (
            "replay([#{ time: \"1x\", rate: 1 }, #{ time: 4, rate: 2 }])",
            "must be seconds since the start, or a duration such as \"1m30s\", not \"1x\"",
        ),
    ] {
        let error = refusal(&format!("import \"std/phases\" as phases;\nconst S = phases::{call};"));
        assert!(error.message.contains(why), "{call}: {}", shown(&error));
        let label = &error.labels[0];
        assert_eq!((&*label.source.as_ref().unwrap().name, label.position.line), ("test.rhai", 2), "{call}");
    }
}

fn targets(call: &str) -> Vec<String> {
    let (_, plan) = load(&format!("import \"std/targets\" as targets;\n{call};\nfn flow() {{ }}"))
        .unwrap_or_else(|error| panic!("{call}: {}", shown(&error)));
    plan.targets.iter().map(|target| format!("{} {}", target.key, target.text)).collect()
}

#[test]
fn targets_declare_what_they_say() {
    assert_eq!(
        targets("targets::latency(\"http_req_duration{name:a}\", #{ p95: \"1s\", avg: \"200ms\" })"),
        ["http_req_duration{name:a} avg < 200ms", "http_req_duration{name:a} p(95) < 1s"]
    );
    assert_eq!(targets("targets::web()").len(), 4);
    assert_eq!(targets("targets::web(#{ med: (), checks: \"99%\", cache: \"80%\" })").len(), 5);
    assert_eq!(targets("targets::errors(\"5%\"); targets::checks(\"99%\"); targets::cache(\"1%\"); targets::stop_when_down()").len(), 4);
    let few = |call: &str| {
        let (_, plan) =
            load(&format!("import \"std/targets\" as targets;\n{call};\nfn flow() {{ }}")).unwrap();
        plan.targets.iter().map(|target| target.allow_few).collect::<Vec<bool>>()
    };
    assert_eq!(few("targets::latency(\"http_req_duration\", #{ p95: \"1s\", allow_few: true })"), [true]);
    assert_eq!(
        few("targets::web(#{ allow_few: true })"),
        [true, true, true, false],
        "a rate has no percentile"
    );
    assert_eq!(few("targets::web()"), [false; 4]);
    let error =
        refusal("import \"std/targets\" as targets;\ntargets::latency(\"http_reqs\", #{ allow_few: true });");
    assert!(error.message.contains("was given no limit"), "{}", shown(&error));
    let error = refusal("import \"std/targets\" as targets;\ntargets::web(#{ p59: \"1s\" });");
    assert!(error.message.contains("no option `p59`"), "{}", shown(&error));
}

#[test]
fn fiml_has_its_symbols_and_promises() {
    let (_, plan) = load(
        "import \"std/fiml\" as fiml;\nfiml::promises();\nfn flow() { fiml::price(pick(fiml::SYMBOLS)) }",
    )
    .unwrap();
    assert_eq!(plan.targets.len(), 5);
    let play = Play::new(
        "import \"std/fiml\" as fiml;\nfn flow() { fiml::SYMBOLS.len() + fiml::spike(3).len() + fiml::endurance(2).len() }",
    );
    assert_eq!(play.value::<i64>(), 18 + 6 + 3);
}

#[test]
fn a_user_without_a_token_is_told_to_log_in() {
    let play = Play::new("import \"std/auth\" as auth;\nfn flow() { auth::bearer() }");
    assert!(play.threw().message.contains("auth::login"));
    assert_eq!(
        Play::new("import \"std/auth\" as auth;\nfn flow() { auth::basic(\"a\", \"b\").Authorization }")
            .value::<String>(),
        "Basic YTpi"
    );
}

#[test]
fn every_module_can_be_imported_and_says_what_its_functions_do() {
    for name in stdlib::names() {
        load(&format!("import \"std/{name}\" as it;\nfn flow() {{ }}"))
            .unwrap_or_else(|error| panic!("{}", shown(&error)));
        let lines: Vec<&str> = stdlib::text(name).unwrap().lines().collect();
        for (index, line) in lines.iter().enumerate() {
            if line.starts_with("fn ") {
                assert!(lines[index - 1].starts_with("///"), "std/{name}: no comment on `{line}`");
            }
        }
    }
}
