//! Fuzz target: see `tests/hostile/src/mqtt_json.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::mqtt_json(bytes));
