//! Whatever a server may send, cut anywhere: the decoder says the same, doesn't panic, and stays within its caps.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    runner::http::trial::response(data);
});
