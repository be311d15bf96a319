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
mod port;
mod protocol;
mod query;
mod reading;
pub mod settings;
mod watch;
mod wire;

use std::collections::BTreeMap;

use journal::Journal;
use kernel::{Child, ChildSpec, OnExhausted, StartError, SupervisorSpec};

pub use config::{AlarmConfig, DeviceConfig, PowerConfig, problems};
use device::Member;
pub use device::{Ask, AskError, DeviceActor, Power, Refresh, Said};
pub use error::{FrameError, RequestError};
pub use protocol::{
    Command, CommandKind, Family, Field, Group, Library, Protocol, ProtocolProblem, Request, Risk, Role,
};
pub use query::{Device, devices};
pub use reading::{Gap, Quality, Reading, Value};
pub use wire::{Scan, quiet};

/// The group `power`: one child a device, by its name. What one of them does to its own never reaches the others.
/// None where no device is configured. Beside it the handle through which the devices are asked.
#[must_use]
pub fn children(config: &PowerConfig, journal: &Journal) -> (Option<SupervisorSpec>, Power) {
    let mut library = Library::new();
    let (mut devices, mut members) = (Vec::new(), BTreeMap::new());
    for (name, config) in config {
        let protocol = library.get(&config.protocol).map_err(|problem| problem.to_string());
        let known = protocol.clone().ok();
        let (journal, own_name, own_config) = (journal.clone(), name.clone(), config.clone());
        let spec = ChildSpec::new(name.clone(), move |env| {
            let protocol = protocol.clone().map_err(StartError::Failed)?;
            DeviceActor::new(env, &journal, &own_name, &own_config, protocol)
        });
        let member = Member {
            config: config.clone(),
            protocol: known,
            actor: spec.child_ref(),
        };
        members.insert(name.clone(), member);
        devices.push(Child::from(spec.on_exhausted(OnExhausted::Suspend)));
    }
    let group = (!devices.is_empty()).then(|| SupervisorSpec::new("power").children(devices));
    (group, Power::new(members))
}
