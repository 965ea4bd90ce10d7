//! Whatever lies where a run's journal should: the reader doesn't panic, stays within its memory, and gives an exact prefix.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    runner::results::trial::journal(data);
});
