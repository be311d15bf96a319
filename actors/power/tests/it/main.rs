//! The protocols against recorded frames, files of protocols that are no good, and orders to devices.

#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod ask;
mod damage;
mod files;
mod frames;
mod jbd;
mod jk;
mod modbus;
mod scan;
