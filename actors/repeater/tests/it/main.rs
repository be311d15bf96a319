//! The pure core against recorded logs, the rules of the state machine by name, and properties of both; then the
//! actors around it, with real files and the real journal.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod follow;
mod forms;
mod mqtt_capture;
mod mqtt_keeping;
mod mqtt_properties;
mod mqtt_rules;
mod mqtt_support;
mod properties;
mod purity;
mod rules;
mod sample;
mod support;
mod suspects;
mod tail;
mod time;
