//! Simulators: what stands in for the hardware of a station, in the demo and in the tests.
//!
//! Each has a pure core (seed and virtual time in, bytes out) and, where it must run by itself, one actor around it.
//! Knows the kernel and the model; nothing of the subsystems that read what it writes.

pub mod bluez;
mod daily_log;
pub mod mmdvm;
mod mmdvm_host;
pub mod power;
mod power_plant;
mod rng;

pub use daily_log::DailyLog;
pub use mmdvm_host::{MmdvmHostActor, MmdvmHostSettings, mmdvm_host};
pub use power_plant::{PowerPlantActor, PowerPlantSettings, power_plant};
