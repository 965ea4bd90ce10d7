//! The interpreter as scripts meet it: our types, and every limit set.
//!
//! Most of Rhai's limits default to unlimited, and others differ between debug and release builds,
//! so none is left to its default.

use rhai::module_resolvers::DummyModuleResolver;
use rhai::{Engine, Token};

use super::lookups::LEVELS;
use super::{bounded, error, frozen, state};

/// Nested calls. A level takes 9 to 22 KB of stack, and a fiber has 1 MiB.
pub const CALL_LEVELS_MAX: usize = 64;
/// Nesting of one expression, at the top level and in a function: the parser recurses too.
pub const EXPRESSION_DEPTH_MAX: usize = 64;
/// Bytes of one text. A test that needs more sends a file.
pub const TEXT_BYTES_MAX: usize = 64 << 20;
/// Items of one list, those of nested lists included.
pub const LIST_ITEMS_MAX: usize = 1_000_000;
/// Pairs of one map, those of nested maps included.
pub const MAP_PAIRS_MAX: usize = 100_000;
/// Variables in scope at once.
pub const VARIABLES_MAX: usize = 10_000;
/// Functions in one script.
pub const FUNCTIONS_MAX: usize = 10_000;
/// Modules that one script imports.
pub const MODULES_MAX: usize = 100;

/// An interpreter with our types and all limits, that can import nothing yet.
pub(super) fn engine() -> Engine {
    let mut engine = Engine::new();
    engine
        .set_module_resolver(DummyModuleResolver::new())
        // One more than ours, which is told with the place; the interpreter's own has none.
        .set_max_call_levels(CALL_LEVELS_MAX + LEVELS + 1)
        .set_max_expr_depths(EXPRESSION_DEPTH_MAX, EXPRESSION_DEPTH_MAX)
        .set_max_string_size(TEXT_BYTES_MAX)
        .set_max_array_size(LIST_ITEMS_MAX)
        .set_max_map_size(MAP_PAIRS_MAX)
        .set_max_variables(VARIABLES_MAX)
        .set_max_functions(FUNCTIONS_MAX)
        .set_max_modules(MODULES_MAX)
        // What is drawn or read would be looked up and sorted out of a table of 256 texts: 0.6 µs a draw.
        .set_max_strings_interned(0)
        // It would compile on a fiber, whose stack is small.
        .disable_symbol("eval");
    #[expect(deprecated, reason = "not deprecated but marked as volatile: a change would not compile")]
    engine.on_parse_token(|token, _, _| ours(token));
    bounded::register(&mut engine);
    error::register(&mut engine);
    frozen::register(&mut engine);
    state::register(&mut engine);
    engine
}

/// A token as our scripts read it. Rhai reserves `debug` and `shared`, which `log::debug` and
/// `shared::counter` need; its own `debug(value)` is found by name all the same.
pub(super) fn ours(token: Token) -> Token {
    match token {
        Token::Reserved(word) if matches!(word.as_str(), "debug" | "shared") => Token::Identifier(word),
        token => token,
    }
}

#[cfg(test)]
mod tests {
    use rhai::{CallFnOptions, Dynamic, Engine, EvalAltResult, Module, Scope};

    use super::super::{HostError, State, freeze, is_deeper_than};
    use super::engine;

    /// Calls `flow()` of a script whose top-level constants are frozen, as the runner does.
    fn flow(script: &str, this: &mut Dynamic) -> Result<Dynamic, Box<EvalAltResult>> {
        let mut engine = engine();
        let ast = engine.compile(script).unwrap();
        let mut scope = Scope::new();
        engine.run_ast_with_scope(&mut scope, &ast).unwrap();
        let mut globals = Module::new();
        for (name, _, value) in scope.iter_raw().filter(|(_, constant, _)| *constant) {
            globals.set_var(name, freeze(value.clone()));
        }
        engine.register_static_module("global", globals.into());
        let options = CallFnOptions::new().eval_ast(false).bind_this_ptr(this);
        engine.call_fn_with_options(options, &mut Scope::new(), &ast, "flow", ())
    }

    fn value<T: Clone + Send + Sync + 'static>(script: &str) -> T {
        flow(script, &mut Dynamic::from(State::default())).unwrap().cast()
    }

    fn fault(script: &str) -> HostError {
        let error = flow(script, &mut Dynamic::from(State::default())).unwrap_err();
        HostError::of(&error).unwrap_or_else(|| panic!("no host error: {error}"))
    }

    #[test]
    fn constants_are_read_frozen() {
        const SYMBOLS: &str = r#"const S = ["AAPL", "TSLA", [1, 2]];"#;
        assert_eq!(value::<i64>(&format!("{SYMBOLS} fn flow() {{ global::S.len() }}")), 3);
        assert_eq!(value::<String>(&format!("{SYMBOLS} fn flow() {{ global::S[-2] }}")), "TSLA");
        assert_eq!(value::<i64>(&format!("{SYMBOLS} fn flow() {{ global::S[2][1] }}")), 2);
        assert!(value::<bool>(&format!("{SYMBOLS} fn flow() {{ \"AAPL\" in global::S }}")));
        let sum = "const N = [1, 2, 3]; fn flow() { let sum = 0; for n in global::N { sum += n; } sum }";
        assert_eq!(value::<i64>(sum), 6);
        assert_eq!(value::<i64>("const M = #{ a: #{ b: 7 } }; fn flow() { global::M.a.b }"), 7);
        assert_eq!(value::<i64>("const N = [1, 2]; fn flow() { global::N.map(|n| n * 10)[1] }"), 20);
    }

    #[test]
    fn a_constant_cannot_be_changed_and_a_copy_can() {
        let error = fault("const N = [1]; fn flow() { let list = global::N; list[0] = 2; }");
        assert_eq!(error.message, "a constant list can't be changed");
        assert!(error.hint.unwrap().contains(".copy()"));
        assert_eq!(
            value::<i64>("const N = [1]; fn flow() { let l = global::N.copy(); l.push(2); l.len() }"),
            2
        );
        let error = fault("const N = [1]; fn flow() { global::N[1] }");
        assert_eq!(error.message, "index 1 is outside this constant list of 1 items");
    }

    #[test]
    fn state_is_a_handle_that_lasts() {
        let mut this = Dynamic::from(State::default());
        let _ = flow("fn flow() { this.token = \"secret\"; this.list = [1]; this.list.push(2); }", &mut this)
            .unwrap();
        let kept = flow("fn flow() { `${this.token} ${this.list.len()}` }", &mut this).unwrap();
        assert_eq!(kept.into_string().unwrap(), "secret 2");
        assert!(flow("fn flow() { this.nothing }", &mut this).unwrap().is_unit());
    }

    #[test]
    fn state_refuses_closures_and_deep_values() {
        assert_eq!(fault("fn flow() { this.f = |x| x; }").message, "`this.f` can't hold a closure");
        let deep = "fn flow() { let a = []; for i in 0..70 { a = [a]; } this.a = a; }";
        assert!(fault(deep).message.contains("nested deeper than 64"));
    }

    #[test]
    fn depth_counts_lists_and_maps_and_ends_at_circles() {
        let nested = Engine::new().eval::<Dynamic>("[#{ a: [1] }]").unwrap();
        assert!(!is_deeper_than(&nested, 3));
        assert!(is_deeper_than(&nested, 2));
        let shared = Dynamic::from_array(vec![]).into_shared();
        shared
            .clone()
            .write_lock::<Dynamic>()
            .unwrap()
            .write_lock::<rhai::Array>()
            .unwrap()
            .push(shared.clone());
        assert!(is_deeper_than(&shared, 64), "a circle has no depth within the limit");
    }

    #[test]
    fn limits_end_a_script_instead_of_the_process() {
        let long = "fn flow() { let s = \"x\"; loop { s += s; } }";
        for script in
            [long, "fn f(n) { f(n + 1) } fn flow() { f(0) }", "fn flow() { let a = []; a.pad(2000000, 0); }"]
        {
            let error = flow(script, &mut Dynamic::UNIT.clone()).unwrap_err();
            assert!(
                matches!(
                    error.unwrap_inner(),
                    EvalAltResult::ErrorDataTooLarge(..) | EvalAltResult::ErrorStackOverflow(..)
                ),
                "{script}: {error}"
            );
        }
    }
}
