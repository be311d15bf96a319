//! The repeater subsystem: follows MMDVMHost, by its log or over MQTT, and tells what happens on the repeater.
//!
//! ```text
//! log files ── LogTailActor ── lines ─▶ ParserActor ── records ─▶ StateMachineActor ── facts + checkpoint ─▶ journal
//!    tail/            ▲                  grammar/                     machine/              │ COMMIT
//!                     └──────────────── answer: read on ◀───────────────────────────────────┘
//! brokers ──── MqttFeedActor, one a host: mqtt/, machine/ ──────────────────────── facts + snapshot ─▶ journal
//! ```
//!
//! The log tail reads on when the journal has committed what was read: back-pressure from end to end, and each line
//! counted once, whatever dies in between. The group is `rest_for_one`, consumers first: who dies takes those who feed
//! it down as well, and they begin again where the checkpoint says. The hosts that speak MQTT are a group of their own
//! behind them: one that fails restarts alone.
//!
//! **Sources.** The station's own host is `repeater`: the one whose log is followed, or where there is no log the first
//! by name of those that speak MQTT. Every other host is `repeater.NAME`. Calls, statistics and last heard are of all
//! hosts together; the state is a signal of each.
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
mod mqtt_feed;
mod parser;
mod poison;
mod projection;
mod recorder;
mod state_machine;

use journal::{Journal, Projection};
use kernel::{Child, ChildRef, ChildSpec, OnExhausted, StartError, Strategy, SupervisorSpec};
use model::repeater::RepeaterState;
use model::{Signal, Source};

pub use config::{MqttConfig, MqttVersion, RepeaterConfig, Secret};
pub use log_tail::LogTailActor;
pub use mqtt_feed::MqttFeedActor;
pub use parser::ParserActor;
pub use projection::RepeaterProjection;
pub use state_machine::{GetState, StateMachineActor};

/// The group `repeater`: state-machine, parser, log-tail, and the group `mqtt` if there are such hosts.
#[must_use]
pub fn children(config: &RepeaterConfig, journal: &Journal) -> SupervisorSpec {
    group(config, journal).0
}

/// The group, and a handle to the actor that knows what the repeater does.
#[must_use]
pub fn group(config: &RepeaterConfig, journal: &Journal) -> (SupervisorSpec, ChildRef<StateMachineActor>) {
    let (enabled, log) = (config.enabled, config.follows_log());
    let wanted = move || {
        is_enabled(enabled)?;
        let off = || StartError::Disabled("repeater.log_directory is empty".to_owned());
        log.then_some(()).ok_or_else(off)
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

    let (settings, signals) = (config.clone(), journal.signals().clone());
    let (consumer, keeper) = (parser.child_ref(), state_machine.child_ref());
    let log_tail = ChildSpec::new("log-tail", move |_| {
        wanted()?;
        Ok(LogTailActor::new(
            &settings,
            signals.clone(),
            consumer.clone(),
            keeper.clone(),
        ))
    });

    let group = SupervisorSpec::new("repeater")
        .strategy(Strategy::RestForOne)
        .child(state_machine)
        .child(parser)
        .child(log_tail)
        .children(mqtt_group(config, journal).map(Child::from));
    (group, state_machine_ref)
}

fn is_enabled(enabled: bool) -> Result<(), StartError> {
    let off = || StartError::Disabled("repeater.enabled is false".to_owned());
    enabled.then_some(()).ok_or_else(off)
}

/// The hosts that speak MQTT, one child each. What one of them does to its own never reaches the others, nor the log.
fn mqtt_group(config: &RepeaterConfig, journal: &Journal) -> Option<SupervisorSpec> {
    let enabled = config.enabled;
    let own = config.mqtt.keys().next().filter(|_| !config.follows_log());
    let child = |(name, host): (&String, &MqttConfig)| {
        let source = if own == Some(name) {
            Source::new(recorder::REPEATER)
        } else {
            Source::new(&format!("{}.{name}", recorder::REPEATER))
        };
        let (journal, name, host) = (journal.clone(), name.clone(), host.clone());
        let feed = ChildSpec::new(name.clone(), move |env| {
            is_enabled(enabled)?;
            MqttFeedActor::new(env, &journal, &name, &source, &host)
        });
        Child::from(feed.on_exhausted(OnExhausted::Suspend))
    };
    let hosts: Vec<Child> = config.mqtt.iter().map(child).collect();
    (!hosts.is_empty()).then(|| SupervisorSpec::new("mqtt").children(hosts))
}

/// The tables of this subsystem, to be opened with the journal.
#[must_use]
pub fn projections() -> Vec<Box<dyn Projection>> {
    vec![Box::new(RepeaterProjection)]
}

/// What the station's own host does now; `None` while nothing is known, because the group never ran.
#[must_use]
pub fn current_state(journal: &Journal) -> Option<RepeaterState> {
    let own = |(source, _): &(Source, RepeaterState)| source.as_str() == recorder::REPEATER;
    states(journal).into_iter().find(own).map(|(_, state)| state)
}

/// What each host does now, by its source.
#[must_use]
pub fn states(journal: &Journal) -> Vec<(Source, RepeaterState)> {
    let signals = journal.signals().snapshot(recorder::REPEATER);
    let states = signals.iter().filter(|signal| &*signal.name == recorder::STATE);
    let read = |signal: &Signal| Some((signal.source.clone(), serde_json::from_str(signal.data.get()).ok()?));
    states.filter_map(read).collect()
}
