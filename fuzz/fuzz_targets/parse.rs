//! Any text as a script.
#![no_main]

#[path = "../load.rs"]
mod load;

libfuzzer_sys::fuzz_target!(|text: &str| {
    load::load(text);
});
