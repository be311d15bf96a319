//! Power: inverters, batteries and chargers.
//!
//! A protocol is data: `protocols/*.toml` describes the commands and fields of a family of devices, [`Library`] reads them,
//! [`Protocol::request`] makes the bytes that ask, and [`Request::decode`] says what an answer means. Only the framing of a
//! family is code ([`Family`]). Everything here is pure: no port, no clock, no actor.

mod decode;
mod error;
mod protocol;
mod reading;
mod wire;

pub use error::{FrameError, RequestError};
pub use protocol::{Command, CommandKind, Family, Field, Library, Protocol, ProtocolProblem, Request};
pub use reading::{Gap, Quality, Reading, Value};
pub use wire::{Scan, quiet};
