//! `param`, and what holds below the script.

use std::sync::Arc;

use super::{Current, DreamClock, Outside, Play, Rc, outside, refusal, source};
use crate::diagnostic::{Code, Diagnostic};
use crate::plan::{Given, GivenParams, Options, ParamSource, Plan, RunDefaults, Value};
use crate::script::{Program, Stage};

fn with(name: &str, text: &str) -> Outside {
    let given = Given { text: text.to_owned(), source: ParamSource::CommandLine };
    let params = GivenParams { command_line: [(name.to_owned(), given)].into(), ..GivenParams::default() };
    Outside { params: Arc::new(params), ..outside(&[]) }
}

fn load_with(text: &str, outside: Outside) -> Result<Plan, Box<Diagnostic>> {
    let stage = Stage::new(Rc::new(Current::default()), Rc::new(DreamClock::default()), outside, |_| {});
    Program::load(&source(text), &stage).map(|(_, plan)| plan)
}

#[test]
fn a_parameter_has_its_default_or_what_is_given_in_its_type() {
    let script = "const N = param(\"n\", 10, \"how many\");\nfn flow() { global::N + 1 }";
    assert_eq!(Play::new(script).value::<i64>(), 11);
    assert_eq!(Play::with(script, with("n", "20")).value::<i64>(), 21);
    let script = "const N = param(\"n\", 1.5);\nfn flow() { global::N * 2.0 }";
    assert!((Play::with(script, with("n", "4")).value::<f64>() - 8.0).abs() < 1e-9);
    let script = "const N = param(\"n\", true);\nfn flow() { !global::N }";
    assert!(Play::with(script, with("n", "false")).value::<bool>());
    let script =
        "const T = param(\"t\", \"30s\", #{ about: \"pause\", max: \"5m\" });\nfn flow() { global::T }";
    assert_eq!(Play::with(script, with("t", "1m")).value::<String>(), "1m");
}

#[test]
fn the_plan_lists_parameters_with_their_source() {
    let script = "const N = param(\"n\", 10, \"how many\", #{ min: 1 });\nparam(\"m\", \"x\");\nparam(\"n\", 10);\nfn flow() {}";
    let plan = load_with(script, with("n", "20")).unwrap();
    let shown: Vec<String> = plan
        .params
        .iter()
        .map(|p| format!("{} {} {} {} {}", p.name, p.value, p.default, p.source, p.about))
        .collect();
    assert_eq!(shown, ["n 20 10 --param how many", "m x x default "]);
}

#[test]
fn what_is_wrong_with_a_parameter_is_told() {
    for (call, said) in [
        ("param(\"a b\", 1)", "`a b` is no name for a parameter"),
        ("param(\"n\", [1])", "the default of `n` must be a number, a text, true or false, not list"),
        ("param(\"n\", 0.0 / 0.0)", "the default of `n` must be"),
        ("param(\"n\", 1); param(\"n\", 2)", "declared twice, with the defaults 1 and 2"),
        ("param(\"n\", 1); param(\"N\", 1)", "differ in case alone"),
        ("param(\"n\", 1, 5)", "takes a text or a map behind the default, not integer"),
        ("param(\"n\", 1, #{ mni: 5 })", "the parameter `n` has no option `mni`"),
        ("param(\"n\", 1, #{ min: 5 })", "the default 1 is not an integer from 5 up"),
        ("param(\"n\", 1, #{ min: [] })", "`min` of `n` takes a value like the default, not a list"),
        ("param(\"n\", 1, #{ choices: [] })", "`choices` of `n` takes a list of values, not an empty one"),
        ("param(\"n\", 1, #{ choices: 1 })", "`choices` of `n` takes a list of values, not the number 1"),
    ] {
        let told = refusal(&format!("{call};\nfn flow() {{}}"));
        assert!(told.message.contains(said), "{call}: {}", told.message);
        assert_eq!(told.labels[0].position.line, 1, "{call}");
    }
    let told = load_with("param(\"n\", 1);\nfn flow() {}", with("n", "many")).unwrap_err();
    assert_eq!(told.code, Code::Plan);
    assert_eq!(told.message, "the parameter `n` takes an integer, not \"many\" (from `--param`)");
    let told = Play::new("fn flow() { param(\"users\", 1) }").threw();
    assert!(told.hint.unwrap().contains("`const USERS = param(\"users\", …);`"));
}

fn defaults(options: &[(&str, Value)], base_url: Option<&str>) -> Outside {
    let options: Options = options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let defaults = RunDefaults { base_url: base_url.map(str::to_owned), options };
    Outside { defaults: Arc::new(defaults), ..outside(&[]) }
}

#[test]
fn what_lies_below_the_script_holds_where_it_says_nothing() {
    let below = || {
        defaults(
            &[("vus", Value::Int(3)), ("duration", Value::Text("5s".into())), ("seed", Value::Int(9))],
            Some("http://127.0.0.1:1"),
        )
    };
    let plan = load_with("fn flow() {}", below()).unwrap();
    assert_eq!(plan.scenarios[0].demand.describe(), "3 VUs for 5s");
    assert_eq!((plan.base_url.as_deref(), plan.options.seed), (Some("http://127.0.0.1:1"), Some(9)));

    let plan = load_with("base_url(\"demo\"); options(#{ iterations: 6, seed: 1 });\nfn flow() {}", below())
        .unwrap();
    assert_eq!(plan.scenarios[0].demand.describe(), "6 iterations shared by 3 VUs, at most 10m");
    assert_eq!((plan.base_url.as_deref(), plan.options.seed), (Some("demo"), Some(1)));

    let own = "scenario(\"a\", #{ executor: \"constant-vus\", vus: 1, duration: \"1s\", flow: || 1 });";
    let plan = load_with(own, below()).unwrap();
    assert_eq!(plan.scenarios[0].demand.describe(), "1 VU for 1s");
    assert_eq!(plan.options.seed, Some(9));
    assert!(load_with("fn setup() {}", below()).unwrap().scenarios.is_empty(), "no flow, no load");
}
