//! Fuzz target: see `tests/hostile/src/state_machine.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::state_machine(bytes));
