//! Fuzz target: see `tests/hostile/src/power_answer.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::power_voltronic(bytes));
