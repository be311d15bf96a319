//! The repeater subsystem: follows MMDVMHost's log and tells what happens on the repeater.
//!
//! ```text
//! log files ── LogTailActor ── lines ─▶ ParserActor ── records ─▶ StateMachineActor ── facts + checkpoint ─▶ journal
//!    tail/            ▲                  grammar/                     machine/              │ COMMIT
//!                     └──────────────── answer: read on ◀───────────────────────────────────┘
//! ```
//!
//! The log tail reads on when the journal has committed what was read: back-pressure from end to end, and each line
//! counted once, whatever dies in between. The group is `rest_for_one`, consumers first: who dies takes those who feed
//! it down as well, and they begin again where the checkpoint says.
//!
//! `grammar`, `machine`, `mqtt`, `tail` and `replay` are pure: no actors, no clock, no files.

pub mod grammar;
pub mod machine;
pub mod mqtt;
pub mod query;
pub mod replay;
pub mod statistics;
pub mod tail;

mod config;
mod follower;
mod log_tail;
mod parser;
mod poison;
mod projection;
mod recorder;
mod state_machine;

use journal::{Journal, Projection};
use kernel::{ChildRef, ChildSpec, StartError, Strategy, SupervisorSpec};
use model::repeater::RepeaterState;

pub use config::RepeaterConfig;
pub use log_tail::LogTailActor;
pub use parser::ParserActor;
pub use projection::RepeaterProjection;
pub use state_machine::{GetState, StateMachineActor};

/// The group `repeater`: state-machine, parser, log-tail.
#[must_use]
pub fn children(config: &RepeaterConfig, journal: &Journal) -> SupervisorSpec {
    group(config, journal).0
}

/// The group, and a handle to the actor that knows what the repeater does.
#[must_use]
pub fn group(config: &RepeaterConfig, journal: &Journal) -> (SupervisorSpec, ChildRef<StateMachineActor>) {
    let enabled = config.enabled;
    let wanted = move || {
        let off = || StartError::Disabled("repeater.enabled is false".to_owned());
        enabled.then_some(()).ok_or_else(off)
    };

    let keeper = journal.clone();
    let state_machine = ChildSpec::new("state-machine", move |env| {
        wanted()?;
        StateMachineActor::new(env, &keeper)
    });
    let state_machine_ref = state_machine.child_ref();

    let (signals, consumer) = (journal.signals().clone(), state_machine.child_ref());
    let parser = ChildSpec::new("parser", move |_| {
        wanted()?;
        Ok(ParserActor::new(signals.clone(), consumer.clone()))
    });

    let (config, signals) = (config.clone(), journal.signals().clone());
    let (consumer, keeper) = (parser.child_ref(), state_machine.child_ref());
    let log_tail = ChildSpec::new("log-tail", move |_| {
        wanted()?;
        Ok(LogTailActor::new(
            &config,
            signals.clone(),
            consumer.clone(),
            keeper.clone(),
        ))
    });

    let group = SupervisorSpec::new("repeater")
        .strategy(Strategy::RestForOne)
        .child(state_machine)
        .child(parser)
        .child(log_tail);
    (group, state_machine_ref)
}

/// The tables of this subsystem, to be opened with the journal.
#[must_use]
pub fn projections() -> Vec<Box<dyn Projection>> {
    vec![Box::new(RepeaterProjection)]
}

/// What the repeater does now; `None` while nothing is known, because the group never ran.
#[must_use]
pub fn current_state(journal: &Journal) -> Option<RepeaterState> {
    let signals = journal.signals().snapshot(recorder::REPEATER);
    let state = signals
        .iter()
        .find(|signal| signal.source.as_str() == recorder::REPEATER && &*signal.name == recorder::STATE)?;
    serde_json::from_str(state.data.get()).ok()
}
