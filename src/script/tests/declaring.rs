//! What the top level declares.

use super::{Play, load, refusal, shown};
use crate::diagnostic::Code;
use crate::plan::Flow;

const SCENARIO: &str = "executor: \"per-vu-iterations\", vus: 1, iterations: 1";

#[test]
fn loading_twice_gives_equal_plans() {
    let script = format!(
        "base_url(\"http://127.0.0.1:1\");\n\
         const M = counter(\"orders\");\n\
         scenario(\"a\", #{{ {SCENARIO}, flow: || sleep(1), think: between(\"1s\", \"2s\"), tags: #{{ x: \"y\" }} }});\n\
         scenario(\"b\", #{{ {SCENARIO}, flow: weighted(#{{ go_there: 2, flow: 1 }}) }});\n\
         target(\"orders\", \"count > 1\", #{{ abort_on_fail: true }});\n\
         fn go_there() {{}}\nfn flow() {{}}\nfn setup() {{ 1 }}\n"
    );
    let (first, second) = (load(&script).unwrap().1, load(&script).unwrap().1);
    assert_eq!(first, second);
    assert_eq!((first.scenarios.len(), first.targets.len(), first.metrics.len()), (2, 1, 1));
    assert!(first.hooks.setup && !first.hooks.teardown);
}

#[test]
fn closures_are_named_by_scenario_and_ordinal_so_an_edit_above_changes_nothing() {
    let script = format!(
        "scenario(\"a\", #{{ {SCENARIO}, flow: || 1 }});\nscenario(\"b\", #{{ {SCENARIO}, flow: || 2 }});"
    );
    let edited = format!("let f = |x| x + 1;\nlet g = [1].map(|x| f.call(x));\n{script}");
    let (program, plan) = load(&script).unwrap();
    let (edited_program, edited_plan) = load(&edited).unwrap();
    assert_eq!(plan.scenarios[0].flow, Flow::Closure { ordinal: 0 });
    for (old, new) in plan.scenarios.iter().zip(&edited_plan.scenarios) {
        assert_eq!((&old.name, &old.flow), (&new.name, &new.flow));
        assert_eq!(program.entries(&old.name, &old.flow).len(), 1);
        assert_eq!(edited_program.entries(&new.name, &new.flow).len(), 1);
    }
}

#[test]
fn a_closure_that_captures_is_no_flow() {
    let error = refusal(&format!("let n = 1;\nscenario(\"a\", #{{ {SCENARIO}, flow: || n + 1 }});"));
    assert_eq!(error.code, Code::Plan);
    assert!(error.message.contains("captures") && error.hint.unwrap().contains("const"));
}

#[test]
fn constants_are_frozen_for_flows() {
    let play = Play::new("const N = [1, 2, 3];\nconst M = #{ a: [1] };\nfn flow() { global::N[0] = 5; }");
    assert!(play.threw().message.contains("can't be changed"), "{}", shown(&play.threw()));
    let play = Play::new("const M = #{ a: [1] };\nfn flow() { global::M.a.push(2); }");
    assert!(play.threw().message.contains("can't be changed"), "{}", shown(&play.threw()));
    let play = Play::new("const M = #{ a: 1 };\nfn flow() { global::M.a = 2; }");
    assert!(play.threw().message.contains("can't be changed"), "{}", shown(&play.threw()));
    let play =
        Play::new("const N = [1, 2];\nfn flow() { let l = global::N.copy(); l[0] = 9; l[0] + global::N[0] }");
    assert_eq!(play.value::<i64>(), 10);
}

#[test]
fn env_of_the_scenario_comes_before_the_runs() {
    let play = Play::with(
        "fn flow() { `${env(\"A\")} ${env(\"B\")} ${env(\"C\", \"none\")}` }",
        super::outside(&[("A", "run"), ("B", "run")]),
    );
    let env = [("A".to_owned(), "scenario".to_owned())].into();
    let cast = super::Cast::new("test", super::TagSet::default(), [super::Symbol::NONE; 2], None, env, None);
    let said = play.call_as(&play.vu_in(1, cast), "flow").unwrap();
    assert_eq!(said.into_string().unwrap(), "scenario run none");
}

#[test]
fn of_two_forms_of_a_flow_the_shorter_is_called() {
    let play = Play::new("fn flow() { 0 }\nfn flow(a, b) { 2 }");
    assert_eq!(play.value::<i64>(), 0);
}

#[test]
fn hooks_and_flows_with_too_many_parameters_are_refused() {
    assert_eq!(refusal("fn flow() {}\nfn setup(x) {}").code, Code::Plan);
    assert_eq!(refusal("fn flow(a, b) {}").code, Code::Plan);
}
