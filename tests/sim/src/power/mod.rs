//! A simulated solar plant and the devices on it: an inverter, batteries, a charger.
//!
//! `plant` is pure: a physical model in virtual time. `inverter` is what is set on it. `device`, `voltronic`, `rs485` and
//! `jk_ble` speak the wires, `line` brings that to a
//! pseudo-terminal, with the faults of real lines.

mod device;
mod inverter;
mod jk_ble;
mod line;
mod plant;
mod rs485;
mod voltronic;

pub use device::DeviceKind;
pub use jk_ble::jk_ble;
pub use line::{Faults, Knobs, Line};
pub use plant::Plant;
