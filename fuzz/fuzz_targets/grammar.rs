//! Fuzz target: see `tests/hostile/src/grammar.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::grammar(bytes));
