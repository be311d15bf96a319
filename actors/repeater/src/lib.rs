//! The repeater subsystem: follows MMDVMHost, by its log or over MQTT, and tells what happens on the repeater.
//!
//! ```text
//! log files ── LogTailActor ── lines ─▶ ParserActor ── records ─▶ StateMachineActor ── facts + checkpoint ─▶ journal
//!    tail/            ▲                  grammar/                     machine/              │ COMMIT
//!                     └──────────────── answer: read on ◀───────────────────────────────────┘
//! files of gateways ── the same three, one chain a gateway ── links alone ────────────── facts + checkpoint ─▶ journal
//! brokers ──── MqttFeedActor, one a host: mqtt/, machine/ ──────────────────────── facts + snapshot ─▶ journal
//! ```
//!
//! The log tail reads on when the journal has committed what was read: back-pressure from end to end, and each line
//! counted once, whatever dies in between. The group is `rest_for_one`, consumers first: who dies takes those who feed
//! it down as well, and they begin again where the checkpoint says. The hosts that speak MQTT and the gateways' logs are
//! groups of their own behind them: one that fails restarts alone.
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
mod log;
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

use log::Log;

pub use config::{GatewayConfig, MqttConfig, MqttVersion, RepeaterConfig, Secret};
pub use log_tail::LogTailActor;
pub use mqtt_feed::MqttFeedActor;
pub use parser::ParserActor;
pub use projection::RepeaterProjection;
pub use state_machine::{GetState, StateMachineActor};

/// The group `repeater`: state-machine, parser, log-tail, and the groups `mqtt` and `gateways` if there are any.
#[must_use]
pub fn children(config: &RepeaterConfig, journal: &Journal) -> SupervisorSpec {
    group(config, journal).0
}

/// The group, and a handle to the actor that knows what the repeater does.
#[must_use]
pub fn group(config: &RepeaterConfig, journal: &Journal) -> (SupervisorSpec, ChildRef<StateMachineActor>) {
    let (enabled, followed) = (config.enabled, config.follows_log());
    let wanted = move || {
        is_enabled(enabled)?;
        let off = || StartError::Disabled("repeater.log_directory is empty".to_owned());
        followed.then_some(()).ok_or_else(off)
    };
    let (chain, state_machine) = chain("repeater", &Log::of_host(config), journal, wanted);
    let group = chain
        .children(mqtt_group(config, journal).map(Child::from))
        .children(gateway_group(config, journal).map(Child::from));
    (group, state_machine)
}

/// Those who follow a log, consumers first.
fn chain(
    name: &str,
    log: &Log,
    journal: &Journal,
    wanted: impl Fn() -> Result<(), StartError> + Copy + Send + Sync + 'static,
) -> (SupervisorSpec, ChildRef<StateMachineActor>) {
    let (keeper, followed) = (journal.clone(), log.clone());
    let state_machine = ChildSpec::new("state-machine", move |env| {
        wanted()?;
        StateMachineActor::new(env, &keeper, &followed)
    });
    let state_machine_ref = state_machine.child_ref();

    let (signals, followed, consumer) = (journal.signals().clone(), log.clone(), state_machine.child_ref());
    let parser = ChildSpec::new("parser", move |_| {
        wanted()?;
        Ok(ParserActor::new(followed.clone(), signals.clone(), consumer.clone()))
    });

    let (signals, followed) = (journal.signals().clone(), log.clone());
    let (consumer, keeper) = (parser.child_ref(), state_machine.child_ref());
    let log_tail = ChildSpec::new("log-tail", move |_| {
        wanted()?;
        Ok(LogTailActor::new(
            &followed,
            signals.clone(),
            consumer.clone(),
            keeper.clone(),
        ))
    });

    let chain = SupervisorSpec::new(name)
        .strategy(Strategy::RestForOne)
        .child(state_machine)
        .child(parser)
        .child(log_tail);
    (chain, state_machine_ref)
}

/// The gateways that write logs of their own, a chain each. One that fails again and again is suspended, and nobody else
/// notices.
fn gateway_group(config: &RepeaterConfig, journal: &Journal) -> Option<SupervisorSpec> {
    let enabled = config.enabled;
    let child = |(name, gateway): (&String, &GatewayConfig)| {
        let log = Log::of_gateway(config, name, gateway);
        let (chain, _) = chain(name, &log, journal, move || is_enabled(enabled));
        Child::from(chain.on_exhausted(OnExhausted::Suspend))
    };
    let gateways: Vec<Child> = config.gateways.iter().map(child).collect();
    (!gateways.is_empty()).then(|| SupervisorSpec::new("gateways").children(gateways))
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
