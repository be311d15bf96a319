//! MMDVMHost as it was from 2023-12 to 2026-02: it logs to a file and names every mode change.
//!
//! Pure: seeds and virtual time in, log lines out.

mod call;
mod cast;
mod frames;
mod host;
mod line;
mod script;
mod sideline;
mod voice;

pub use host::{Host, HostSettings, log};
pub use line::{Level, Line};
