//! The gate: every effect on the outside world passes here.
//!
//! ```text
//! page, API, command line ─▶ policy ─▶ workflow ─▶ token ─▶ Effect (a subsystem) ─▶ outcome
//!                            which      who has     once,      actor.restart, …
//!                            tier       agreed      in time
//!                              └────────── each step: event + row + audit + checkpoint, one transaction ──────────┘
//! ```
//!
//! Promises:
//! - A step is answered after COMMIT. The token of a command is issued and used up in the transaction that marks it
//!   executing: neither a crash nor a replay runs it twice. What ran when the service died is `unknown`, told loudly until a
//!   person has looked, and never run again by itself.
//! - Whoever asks for a command of tier 3 never approves it. What no rule names is tier 3. Tier 4 never runs.
//! - Every step has its row in the audit, chained and sealed with the station's secret.
//!
//! A subsystem adds verbs by an [`Effect`]. `policy`, `workflow`, `token`, `chain` and `book` are pure: no actors, no
//! clock, no files.

pub mod chain;
pub mod policy;
pub mod query;
pub mod token;
pub mod workflow;

mod answer;
mod book;
mod config;
mod desk;
mod effect;
mod error;
mod gate;
mod ledger;
mod projection;
mod rules;
mod running;
mod seal;
#[cfg(test)]
mod testing;

use journal::Projection;

pub use answer::{GateStatus, Preview, Submitted};
pub use book::NoRoom;
pub use config::{GateConfig, RuleConfig};
pub use effect::{Claimed, Effect, Effects, Plan, PlanError, Verb};
pub use error::GateError;
pub use gate::{Gate, GateActor};
pub use projection::GateProjection;
pub use seal::{SEAL_BYTES, Seal};

/// The tables of the gate, to be opened with the journal.
#[must_use]
pub fn projections(seal: &Seal) -> Vec<Box<dyn Projection>> {
    vec![Box::new(GateProjection::new(seal))]
}
