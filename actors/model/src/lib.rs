//! The station's vocabulary: every type that crosses a crate or the API.
//!
//! Owns: names, units, and the JSON that clients see. Knows: serde, nothing of actors, clocks or files
//! (the one exception is [`Timestamp::now`], the single place where the wall clock is read).
//! A type here is a promise to clients: its field names carry their unit and do not change.

mod access;
mod command;
mod event;
pub mod power;
pub mod repeater;
mod signal;
mod subscribe;
mod timestamp;

pub use access::{Identity, Role, UnknownRole};
pub use command::{Command, CommandId, CommandState, Decision, Needs, Step, Taken, Tier, Undo, Verdict};
pub use event::{Event, EventData, NewEvent, Seq, Source};
pub use signal::Signal;
pub use subscribe::{Subscribe, SubscribeError};
pub use timestamp::{ParseTimestampError, Timestamp};
