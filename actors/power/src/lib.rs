//! Power: inverters, batteries and chargers.
//!
//! ```text
//! port ── bytes ─▶ wire ── frames ─▶ decode ── readings ─▶ watch ── facts + memory ─▶ journal
//!   one owner: DeviceActor, one a device                     │
//!                                                            └── newest readings, state ─▶ signal board
//! ```
//!
//! A protocol is data: `protocols/*.toml` describes the commands and fields of a family of devices, [`Library`] reads them,
//! [`Protocol::request`] makes the bytes that ask, [`Request::scan`] finds where an answer ends, and [`Request::decode`] says
//! what it means. Only the framing of a family is code ([`Family`]).
//!
//! `protocol`, `wire`, `decode` and `watch` are pure: no port, no clock, no actor.

mod config;
mod decode;
mod device;
mod error;
pub mod history;
mod overview;
mod port;
mod protocol;
mod query;
mod reading;
mod system;
mod watch;
mod wire;

use journal::Journal;
use kernel::{Child, ChildSpec, OnExhausted, SupervisorSpec};

pub use config::{AlarmConfig, DeviceConfig, PowerConfig, problems};
pub use device::DeviceActor;
pub use error::{FrameError, RequestError};
pub use overview::SystemActor;
pub use protocol::{Command, CommandKind, Family, Field, Library, Protocol, ProtocolProblem, Request, Role};
pub use query::{Device, devices};
pub use reading::{Gap, Quality, Reading, Value};
pub use system::on_board as system_now;
pub use wire::{Scan, quiet};

/// The name of all devices together, which none of them may have.
pub const SYSTEM: &str = "system";

/// The tables that the group's questions are answered from.
#[must_use]
pub fn projections() -> Vec<Box<dyn journal::Projection>> {
    vec![Box::new(history::PowerHistory)]
}

/// The group `power`: one child a device, by its name, and one that puts them together. What one of them does to its own never reaches the others.
/// None where no device is configured.
#[must_use]
pub fn children(config: &PowerConfig, journal: &Journal) -> Option<SupervisorSpec> {
    let child = |(name, device): (&String, &DeviceConfig)| {
        let (journal, name, device) = (journal.clone(), name.clone(), device.clone());
        let spec = ChildSpec::new(name.clone(), move |env| DeviceActor::new(env, &journal, &name, &device));
        Child::from(spec.on_exhausted(OnExhausted::Suspend))
    };
    let devices: Vec<Child> = config.iter().map(child).collect();
    let together = {
        let (journal, config) = (journal.clone(), config.clone());
        ChildSpec::new(SYSTEM, move |env| SystemActor::new(env, &journal, &config))
    };
    let together = together.on_exhausted(OnExhausted::Suspend);
    (!devices.is_empty()).then(|| SupervisorSpec::new("power").children(devices).child(together))
}
