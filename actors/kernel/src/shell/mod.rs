//! The thin shell around the core: threads, tasks, timers and reports. It performs actions and decides nothing.

pub(crate) mod kernel;
pub(crate) mod launch;
mod panics;
mod plan;
mod realtime;
pub(crate) mod runner;
mod supervisor;
mod threads;
mod watchdog;
