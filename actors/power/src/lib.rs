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
//! `protocol`, `wire`, `decode`, `watch`, `settings` and `detect` are pure: no port, no clock, no actor.

mod config;
mod decode;
pub mod detect;
mod device;
mod error;
pub mod history;
mod overview;
mod own;
mod port;
mod protocol;
mod query;
mod reading;
pub mod settings;
mod system;
mod watch;
mod wire;

use std::collections::BTreeMap;
use std::sync::Arc;

use journal::Journal;
use kernel::{Child, ChildSpec, OnExhausted, StartError, SupervisorSpec};

pub use config::{AlarmConfig, DeviceConfig, PowerConfig, problems, usual_baud};
pub use device::{Ask, AskError, DeviceActor, Direct, Heard, Power, Refresh, Said};
use device::{Member, Parts};
pub use error::{FrameError, RequestError};
pub use overview::SystemActor;
use port::{Address, Line, NoAddress};
pub use protocol::{
    Command, CommandKind, Family, Field, Group, Library, Protocol, ProtocolProblem, Request, Risk, Role,
};
pub use query::{Device, devices, system_now};
pub use reading::{Gap, Quality, Reading, Value};
pub use wire::{Scan, quiet};

/// The name of all devices together, which none of them may have.
pub const SYSTEM: &str = "system";

/// The tables that the group's questions are answered from.
#[must_use]
pub fn projections() -> Vec<Box<dyn journal::Projection>> {
    vec![Box::new(history::PowerHistory)]
}

/// The group `power`: one child a device, by its name, and one that puts them together. What one of them does to its own
/// never reaches the others.
/// None where no device is configured. Beside it the handle through which the devices are asked.
#[must_use]
pub fn children(config: &PowerConfig, journal: &Journal) -> (Option<SupervisorSpec>, Power) {
    let (mut library, refused) = config.library();
    for problem in refused {
        tracing::warn!(%problem, "protocol left out");
    }
    let mut lines = Vec::new();
    let (mut devices, mut members) = (Vec::new(), BTreeMap::new());
    for (name, config) in config {
        let parts = parts(config, &mut library, &mut lines);
        let known = parts.as_ref().ok().map(|parts| Arc::clone(&parts.protocol));
        let (journal, own_name, own_config) = (journal.clone(), name.clone(), config.clone());
        let spec = ChildSpec::new(name.clone(), move |env| {
            let parts = parts.clone().map_err(StartError::Failed)?;
            DeviceActor::new(env, &journal, &own_name, &own_config, parts)
        });
        let member = Member {
            config: config.clone(),
            protocol: known,
            actor: spec.child_ref(),
        };
        members.insert(name.clone(), member);
        devices.push(Child::from(spec.on_exhausted(OnExhausted::Suspend)));
    }
    let (journal, all) = (journal.clone(), config.clone());
    let together = ChildSpec::new(SYSTEM, move |env| SystemActor::new(env, &journal, &all));
    let together = together.on_exhausted(OnExhausted::Suspend);
    let group = (!devices.is_empty()).then(|| SupervisorSpec::new("power").children(devices).child(together));
    (group, Power::new(members))
}

/// What a device is reached by. Those of one port share its line.
fn parts(config: &DeviceConfig, library: &mut Library, lines: &mut Vec<(Address, Arc<Line>)>) -> Result<Parts, String> {
    let protocol = library.get(&config.protocol).map_err(|problem| problem.to_string())?;
    let protocol = match config.address {
        0 => protocol,
        unit => Arc::new(Protocol::clone(&protocol).with_unit(unit)),
    };
    let address: Address = config.port.parse().map_err(|problem: NoAddress| problem.to_string())?;
    let known = lines.iter().find(|(known, _)| *known == address);
    let line = match known {
        Some((_, line)) => Arc::clone(line),
        None => {
            let line = Arc::new(Line::new(address.clone(), config.speed(&protocol)));
            lines.push((address, Arc::clone(&line)));
            line
        }
    };
    line.join();
    Ok(Parts { protocol, line })
}
