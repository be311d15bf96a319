//! The kernel's tests, one binary: the rules and properties of the core, the failure matrix on real actors, the handles,
//! the operators' requests, the architecture.

// The exemptions of clippy.toml reach test functions, not the helpers beside them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

extern crate stationd_kernel as kernel;

mod architecture;
mod core_properties;
mod core_rules;
mod failure_matrix;
mod handles;
mod kit;
mod logs;
mod operators;
mod watchdog;
