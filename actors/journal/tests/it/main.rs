//! The journal's promises, kept through the public interface and a real supervisor.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper of a test may fail the test")]

mod crash;
mod disk;
mod keeping;
mod promises;
mod subscribers;
mod support;
