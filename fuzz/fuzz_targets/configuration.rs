//! Fuzz target: see `tests/hostile/src/configuration.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::configuration(bytes));
