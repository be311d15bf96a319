//! MMDVMHost since 2026: no file any more, two MQTT topics instead, heard together or each alone.
//!
//! ```text
//! {Name}/log  ─ grammar ─┐
//!                        ├─ twins ─▶ machine ─▶ facts          (one Feed a host)
//! {Name}/json ─ json ────┘    └ ends are paired with the calls that are open
//! gateways' /log ─ grammar ─ links only
//! ```
//!
//! **Who leads.** The host tells a call twice, in the log first and within milliseconds in JSON. JSON leads: no log
//! level hides it, and its figures are exact. What JSON leaves out is taken from the log line of the same moment: who
//! an end belongs to, the true source of NXDN data, the uncut D-Star destination, why somebody was refused, the
//! version of a host that starts. What only the log tells (links, configuration, modem, faults, positions) comes from
//! the log. A log line whose JSON does not follow speaks for itself, and a host of which only one topic is heard is
//! followed by that one. So each fact is told once, whichever of the two arrive.
//!
//! All of it is pure: no client, no clock. Messages and the time of their arrival go in, facts come out.
//!
//! **Invariant:** no payload panics, and none costs more than the longest genuine one.

mod feed;
mod fields;
pub mod json;
mod merge;
mod replay;
mod tally;
mod topic;
mod twins;

pub use feed::{Feed, LiveQuality};
pub use replay::MqttReplay;
pub use tally::FeedTally;
pub use topic::{Stream, Topic, Voice, subscriptions};
