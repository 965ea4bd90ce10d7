//! Calls of registered functions with odd arguments.
#![no_main]

#[path = "../generate.rs"]
#[allow(dead_code, reason = "targets differ in what they generate")]
mod generate;
#[path = "../load.rs"]
mod load;

use std::sync::OnceLock;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static FUNCTIONS: OnceLock<Vec<(&'static str, usize)>> = OnceLock::new();
    let functions = FUNCTIONS.get_or_init(|| {
        runner::script::functions().iter().map(|function| (function.name(), function.arity())).collect()
    });
    load::load(&generate::script(data, functions));
});
