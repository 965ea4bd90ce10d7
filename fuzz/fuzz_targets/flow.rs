//! Calls of registered functions with odd arguments, within a flow that is played.
#![no_main]

#[path = "../dream.rs"]
mod dream;
#[path = "../generate.rs"]
#[allow(dead_code, reason = "targets differ in what they generate")]
mod generate;
#[path = "../play.rs"]
mod play;

use std::sync::OnceLock;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static FUNCTIONS: OnceLock<Vec<(&'static str, usize)>> = OnceLock::new();
    let functions = FUNCTIONS.get_or_init(|| {
        runner::script::functions().iter().map(|function| (function.name(), function.arity())).collect()
    });
    let _ = play::play(&generate::flow(data, functions));
});
