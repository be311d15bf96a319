//! Fuzz target: see `tests/hostile/src/websocket_message.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile::websocket_message(bytes));
