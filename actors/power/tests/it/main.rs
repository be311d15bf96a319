//! The protocols against recorded frames, and files of protocols that are no good.

#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod damage;
mod files;
mod frames;
mod jbd;
mod jk;
mod modbus;
mod scan;
