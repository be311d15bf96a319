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

use std::sync::Arc;

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

/// The section as it is now: whoever starts takes what it says then.
#[derive(Clone)]
pub struct Section(Arc<dyn Fn() -> RepeaterConfig + Send + Sync>);

impl Section {
    /// A section that may change. Which hosts speak MQTT is asked at the launch, the rest at every start.
    pub fn new(read: impl Fn() -> RepeaterConfig + Send + Sync + 'static) -> Section {
        Section(Arc::new(read))
    }

    fn read(&self) -> RepeaterConfig {
        self.0()
    }
}

impl From<&RepeaterConfig> for Section {
    /// One that stays.
    fn from(config: &RepeaterConfig) -> Section {
        let config = config.clone();
        Section::new(move || config.clone())
    }
}

/// The group `repeater`: state-machine, parser, log-tail, and the groups `mqtt` and `gateways` if there are any.
#[must_use]
pub fn children(section: impl Into<Section>, journal: &Journal) -> SupervisorSpec {
    group(section, journal).0
}

/// The group, and a handle to the actor that knows what the repeater does.
#[must_use]
pub fn group(section: impl Into<Section>, journal: &Journal) -> (SupervisorSpec, ChildRef<StateMachineActor>) {
    let section = section.into();
    let host = |config: &RepeaterConfig| {
        let off = || StartError::Disabled("repeater.log_directory is empty".to_owned());
        config.follows_log().then(|| Log::of_host(config)).ok_or_else(off)
    };
    let (chain, state_machine) = chain("repeater", &section, journal, host);
    let group = chain
        .children(mqtt_group(&section, journal).map(Child::from))
        .children(gateway_group(&section, journal).map(Child::from));
    (group, state_machine)
}

/// Those who follow a log, consumers first.
fn chain(
    name: &str,
    section: &Section,
    journal: &Journal,
    log: impl Fn(&RepeaterConfig) -> Result<Log, StartError> + Clone + Send + Sync + 'static,
) -> (SupervisorSpec, ChildRef<StateMachineActor>) {
    let section = section.clone();
    let followed = move || log(&enabled(&section)?);
    let (keeper, log) = (journal.clone(), followed.clone());
    let state_machine = ChildSpec::new("state-machine", move |env| {
        StateMachineActor::new(env, &keeper, &log()?)
    });
    let state_machine_ref = state_machine.child_ref();

    let (signals, log, consumer) = (journal.signals().clone(), followed.clone(), state_machine.child_ref());
    let parser = ChildSpec::new("parser", move |_| {
        Ok(ParserActor::new(log()?, signals.clone(), consumer.clone()))
    });

    let signals = journal.signals().clone();
    let (consumer, keeper) = (parser.child_ref(), state_machine.child_ref());
    let log_tail = ChildSpec::new("log-tail", move |_| {
        Ok(LogTailActor::new(
            &followed()?,
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
fn gateway_group(section: &Section, journal: &Journal) -> Option<SupervisorSpec> {
    let child = |name: String| {
        let known = name.clone();
        let log = move |config: &RepeaterConfig| {
            let gone = || StartError::Disabled("it is not in the configuration any more".to_owned());
            let gateway = config.gateways.get(&known).ok_or_else(gone)?;
            Ok(Log::of_gateway(config, &known, gateway))
        };
        let (chain, _) = chain(&name, section, journal, log);
        Child::from(chain.on_exhausted(OnExhausted::Suspend))
    };
    let gateways: Vec<Child> = section.read().gateways.into_keys().map(child).collect();
    (!gateways.is_empty()).then(|| SupervisorSpec::new("gateways").children(gateways))
}

/// The section, as long as there is a repeater.
fn enabled(section: &Section) -> Result<RepeaterConfig, StartError> {
    let off = || StartError::Disabled("repeater.enabled is false".to_owned());
    let config = section.read();
    config.enabled.then_some(config).ok_or_else(off)
}

/// The hosts that speak MQTT, one child each. What one of them does to its own never reaches the others, nor the log.
fn mqtt_group(section: &Section, journal: &Journal) -> Option<SupervisorSpec> {
    let child = |name: String| {
        let (journal, section) = (journal.clone(), section.clone());
        let feed = ChildSpec::new(name.clone(), move |env| {
            let config = enabled(&section)?;
            let gone = || StartError::Disabled(format!("repeater.mqtt.{name} is not configured any more"));
            let host = config.mqtt.get(&name).ok_or_else(gone)?;
            MqttFeedActor::new(env, &journal, &name, &source(&config, &name), host)
        });
        Child::from(feed.on_exhausted(OnExhausted::Suspend))
    };
    let hosts: Vec<Child> = section.read().mqtt.into_keys().map(child).collect();
    (!hosts.is_empty()).then(|| SupervisorSpec::new("mqtt").children(hosts))
}

/// Where a host that speaks MQTT speaks from.
fn source(config: &RepeaterConfig, name: &str) -> Source {
    let own = config.mqtt.keys().next().filter(|_| !config.follows_log());
    if own.is_some_and(|own| own == name) {
        Source::new(recorder::REPEATER)
    } else {
        Source::new(&format!("{}.{name}", recorder::REPEATER))
    }
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
