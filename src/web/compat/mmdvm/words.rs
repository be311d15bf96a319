//! The watcher's words: what the station knows, in the documents that the watcher's clients expect. Pure.

use std::collections::BTreeMap;

use kernel::{ChildPath, TreeNode};
use model::repeater::{
    CallSource, DestinationKind, EndReason, HostMode, LinkState, LinkStatus, Mode, ModemState, Qso, RepeaterEvent,
    RepeaterState,
};
use model::{Event, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::health::{Health, Troubles, Word};

/// A call in the watcher's words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WatcherQso {
    /// Names the call: the same at its start and at its end. A UUID of version 8, made of mode, slot, source and start.
    #[schema(format = "uuid")]
    id: String,
    /// When it began, by the host's clock.
    start_time: Timestamp,
    /// When it ended; null while it runs.
    end_time: Option<Timestamp>,
    /// Its length as the host counts it.
    duration_seconds: Option<f64>,
    /// `DMR`, `DSTAR`, `YSF`, `P25`, `NXDN`, `M17`, `POCSAG`, `FM`, `AX25`.
    mode: String,
    /// `ACTIVE`, `COMPLETED`, `TIMEOUT` (lost, fallen silent, out of talk time) or `ERROR` (the host restarted).
    status: &'static str,
    /// Who calls.
    source_callsign: Option<String>,
    /// Whom they call: `TG 91`, a callsign, a room.
    destination: Option<String>,
    /// DMR time slot.
    slot: Option<u8>,
    /// Number of the talkgroup.
    talk_group: Option<u32>,
    /// The caller's id, where the host did not know the callsign.
    source_id: Option<u32>,
    /// The called station's id, of a private call.
    destination_id: Option<u32>,
    /// Reflector or gateway of a network call.
    reflector: Option<String>,
    /// Bit error rate, in percent.
    ber: Option<f64>,
    /// Mean signal strength, in dBm.
    rssi: Option<i16>,
    /// Packet loss, in percent.
    loss_rate: Option<f64>,
    /// From a radio (true) or from the network (false).
    rf_source: bool,
    /// `late_entry`, `talker_alias`.
    #[schema(value_type = Object)]
    metadata: Value,
}

impl WatcherQso {
    pub(super) fn of(qso: &Qso) -> WatcherQso {
        let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<u32>().ok());
        let called = |kind| number(&qso.destination).filter(|_| qso.destination_kind == Some(kind));
        let talk_group = called(DestinationKind::Group);
        WatcherQso {
            id: call_id(qso),
            start_time: qso.started_at,
            end_time: qso.ended_at,
            duration_seconds: qso.duration_s,
            mode: capitals(qso.mode),
            status: status_word(qso.end_reason),
            source_callsign: qso.callsign.clone(),
            destination: talk_group.map_or_else(|| qso.destination.clone(), |number| Some(format!("TG {number}"))),
            slot: qso.slot,
            talk_group,
            source_id: number(&qso.callsign),
            destination_id: called(DestinationKind::Private),
            reflector: qso.via.clone(),
            ber: qso.ber_percent,
            rssi: qso.rssi_dbm.map(|rssi| rssi.avg),
            loss_rate: qso.loss_percent,
            rf_source: qso.source == CallSource::Rf,
            metadata: json!({ "late_entry": qso.late_entry, "talker_alias": qso.talker_alias }),
        }
    }
}

/// The watcher drew a random UUID at the start of a call; this one needs no memory. No two calls share mode, slot, source and start.
fn call_id(qso: &Qso) -> String {
    let started = qso.started_at.unix_ms().cast_unsigned();
    let mode = Mode::ALL.iter().position(|mode| *mode == qso.mode).unwrap_or_default();
    let mode = u64::try_from(mode).unwrap_or_default();
    let (slot, source) = (
        u64::from(qso.slot.unwrap_or_default()),
        u64::from(qso.source == CallSource::Rf),
    );
    uuid8(started, slot << 16 | source << 8 | mode)
}

/// A UUID of version 8 (RFC 9562 section 5.8): 48 bits in front, 48 bits at the end.
fn uuid8(front: u64, end: u64) -> String {
    let (high, low) = ((front >> 16) & 0xffff_ffff, front & 0xffff);
    format!("{high:08x}-{low:04x}-8000-8000-{:012x}", end & 0xffff_ffff_ffff)
}

fn capitals(mode: Mode) -> String {
    mode.as_str().to_ascii_uppercase()
}

fn status_word(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Open => "ACTIVE",
        EndReason::End | EndReason::Replaced => "COMPLETED",
        EndReason::Lost | EndReason::Watchdog | EndReason::Timeout => "TIMEOUT",
        EndReason::HostRestart => "ERROR",
    }
}

fn mode_word(mode: HostMode) -> String {
    match mode {
        HostMode::Unknown => "UNKNOWN".to_owned(),
        HostMode::Idle => "IDLE".to_owned(),
        HostMode::Lockout => "LOCKOUT".to_owned(),
        HostMode::Error => "ERROR".to_owned(),
        HostMode::Cw => "CW".to_owned(),
        HostMode::Busy(mode) => capitals(mode),
    }
}

/// The repeater at this moment, in the watcher's words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WatcherStatus {
    /// `IDLE`, a mode, `LOCKOUT`, `ERROR`, `CW`, or `UNKNOWN` while nothing has been heard.
    current_mode: String,
    /// `IDLE`, `RX`, `TX`, `ERROR` or `UNKNOWN`.
    modem_state: &'static str,
    /// The calls that are running.
    active_qsos: Vec<WatcherQso>,
    /// The modes that the host has switched on, by name.
    mode_status: BTreeMap<String, WatcherMode>,
    /// Time of the newest log line.
    last_update: Option<Timestamp>,
}

/// A mode that the host has switched on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WatcherMode {
    /// Its name.
    mode: String,
    /// Whether it is on.
    enabled: bool,
    /// Its link: `CONNECTED`, `DISCONNECTED`, `CONNECTING`, `ERROR` or `UNKNOWN`.
    network_status: &'static str,
    /// What is at the other end.
    network_name: Option<String>,
}

impl WatcherStatus {
    pub(super) fn of(state: &RepeaterState) -> WatcherStatus {
        let modes = &state.host.configuration.modes;
        WatcherStatus {
            current_mode: mode_word(state.mode),
            modem_state: modem_word(state),
            active_qsos: state.active_calls.iter().map(WatcherQso::of).collect(),
            mode_status: modes
                .iter()
                .map(|mode| (capitals(*mode), watcher_mode(*mode, &state.links)))
                .collect(),
            last_update: state.heard_at,
        }
    }
}

fn watcher_mode(mode: Mode, links: &[LinkStatus]) -> WatcherMode {
    let link = links.iter().find(|status| status.link.link == mode.as_str());
    let word = |status: &LinkStatus| match status.link.state {
        LinkState::Connecting => "CONNECTING",
        LinkState::Linked => "CONNECTED",
        LinkState::Unlinked => "DISCONNECTED",
        LinkState::Failed => "ERROR",
        LinkState::Unknown => "UNKNOWN",
    };
    WatcherMode {
        mode: capitals(mode),
        enabled: true,
        network_status: link.map_or("UNKNOWN", word),
        network_name: link.and_then(|status| status.link.target.clone()),
    }
}

fn modem_word(state: &RepeaterState) -> &'static str {
    let carries = |source| state.active_calls.iter().any(|call| call.source == source);
    let idle = match state.modem.state {
        ModemState::Lost => return "ERROR",
        ModemState::Ready => "IDLE",
        ModemState::Unknown | ModemState::Opening | ModemState::Closed => "UNKNOWN",
    };
    match (carries(CallSource::Rf), carries(CallSource::Network)) {
        (true, _) => "RX",
        (false, true) => "TX",
        (false, false) => idle,
    }
}

/// What the repeater does.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WatcherModeNow {
    /// As in the status.
    current_mode: String,
    /// Since when, by the host's clock.
    since: Option<Timestamp>,
}

impl WatcherModeNow {
    pub(super) fn of(state: &RepeaterState) -> WatcherModeNow {
        WatcherModeNow {
            current_mode: mode_word(state.mode),
            since: state.mode_since,
        }
    }
}

/// Whether all is well, in the watcher's words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WatcherHealth {
    /// Nothing is wrong.
    healthy: bool,
    /// Of this service.
    version: &'static str,
    /// How long the station has been up.
    uptime_seconds: f64,
    /// The log is being followed.
    log_monitor_active: bool,
    /// The log is being understood.
    state_machine_active: bool,
    /// Always true: it answers.
    api_server_active: bool,
    /// Live sessions of every kind.
    active_websocket_connections: usize,
    /// How often something went wrong since the station started.
    error_count: u64,
    /// The newest of it, also when it is over.
    last_error: Option<String>,
    /// When somebody was on the air last: the start of a call that runs, or the end of the newest that is over.
    last_activity: Option<Timestamp>,
    /// Time of the newest log line.
    last_log_update: Option<Timestamp>,
    /// The station's clock.
    current_time: Timestamp,
}

/// What else the watcher tells of its health.
pub(super) struct Seen {
    /// What went wrong since the start.
    pub(super) troubles: Troubles,
    /// When somebody was on the air last.
    pub(super) last_activity: Option<Timestamp>,
    /// Time of the newest log line.
    pub(super) heard_at: Option<Timestamp>,
    /// Live sessions.
    pub(super) sessions: usize,
}

impl WatcherHealth {
    pub(super) fn of(now: Timestamp, tree: &TreeNode, health: &Health, seen: Seen) -> WatcherHealth {
        let runs = |path: &str| {
            let node = path.parse::<ChildPath>().ok().and_then(|path| tree.find(&path));
            node.is_some_and(|node| node.state == "running")
        };
        let uptime = std::time::Duration::from_millis(tree.uptime_ms.unwrap_or_default());
        WatcherHealth {
            healthy: health.health == Word::Well,
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: uptime.as_secs_f64(),
            log_monitor_active: runs("repeater/log-tail"),
            state_machine_active: runs("repeater/state-machine"),
            api_server_active: true,
            active_websocket_connections: seen.sessions,
            error_count: seen.troubles.count,
            last_error: seen.troubles.newest,
            last_activity: seen.last_activity,
            last_log_update: seen.heard_at,
            current_time: now,
        }
    }
}

/// An event in the watcher's words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WatcherEvent {
    /// Names the event: a UUID of version 8 that ends in its position in the journal.
    #[schema(format = "uuid")]
    event_id: String,
    /// `qso_started`, `qso_ended`, `mode_changed` or `error`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The same under the watcher's own name.
    event_type: &'static str,
    /// When, by the host's clock.
    timestamp: Timestamp,
    /// `info`, `warning` or `error`.
    severity: &'static str,
    /// Of a call: a `WatcherQso`. Of a mode: `old_mode`, `new_mode`. Of an error: `message`, `count`.
    #[schema(value_type = Object)]
    data: Value,
}

impl WatcherEvent {
    /// `None` for what the watcher did not tell.
    pub(super) fn of(event: &Event) -> Option<WatcherEvent> {
        let fact = RepeaterEvent::decode(&event.event_type, event.data.get()).ok()??;
        let (kind, severity, data) = match fact {
            RepeaterEvent::QsoStarted(qso) => ("qso_started", "info", json!(WatcherQso::of(&qso))),
            RepeaterEvent::QsoEnded(qso) => ("qso_ended", "info", json!(WatcherQso::of(&qso))),
            RepeaterEvent::ModeChanged(change) => {
                let (old, new) = (mode_word(change.previous), mode_word(change.mode));
                ("mode_changed", "info", json!({ "old_mode": old, "new_mode": new }))
            }
            RepeaterEvent::Fault(fault) => {
                let severity = if fault.severity == "warning" {
                    "warning"
                } else {
                    "error"
                };
                (
                    "error",
                    severity,
                    json!({ "message": fault.text, "count": fault.count }),
                )
            }
            RepeaterEvent::QsoUpdated(_)
            | RepeaterEvent::AccessDenied(_)
            | RepeaterEvent::LinkChanged(_)
            | RepeaterEvent::HostChanged(_)
            | RepeaterEvent::HostConfigured(_)
            | RepeaterEvent::ModemChanged(_)
            | RepeaterEvent::Signalling(_)
            | RepeaterEvent::Position(_)
            | RepeaterEvent::Page(_)
            | RepeaterEvent::PagesSent(_)
            | RepeaterEvent::Packet(_)
            | RepeaterEvent::RemoteCommand(_)
            | RepeaterEvent::CallsHidden(_)
            | RepeaterEvent::LineSetAside(_)
            | RepeaterEvent::RecordsSetAside(_) => return None,
        };
        Some(WatcherEvent {
            event_id: uuid8(0, event.seq.0),
            kind,
            event_type: kind,
            timestamp: event.at,
            severity,
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::repeater::Rssi;

    fn call() -> Qso {
        Qso {
            mode: Mode::Dmr,
            slot: Some(2),
            source: CallSource::Rf,
            kind: model::repeater::CallKind::Voice,
            callsign: Some("G4KLX".to_owned()),
            callsign_suffix: None,
            destination: Some("235".to_owned()),
            destination_kind: Some(DestinationKind::Group),
            via: None,
            started_at: Timestamp::from_unix_ms(1_795_243_696_195),
            ended_at: None,
            duration_s: None,
            ber_percent: Some(0.5),
            loss_percent: None,
            rssi_dbm: Some(Rssi {
                min: -91,
                max: -70,
                avg: -80,
            }),
            end_reason: EndReason::Open,
            late_entry: false,
            talker_alias: None,
        }
    }

    #[test]
    fn call_has_one_id_from_start_to_end_and_shares_it_with_no_other() {
        let start = call();
        let end = Qso {
            ended_at: Some(Timestamp::from_unix_ms(1_795_243_698_000)),
            duration_s: Some(1.8),
            end_reason: EndReason::End,
            ..call()
        };
        assert_eq!(call_id(&start), "01a1fcdc-e043-8000-8000-000000020101");
        assert_eq!(call_id(&end), call_id(&start));
        for other in [
            Qso {
                slot: Some(1),
                ..call()
            },
            Qso {
                mode: Mode::Ysf,
                ..call()
            },
            Qso {
                source: CallSource::Network,
                ..call()
            },
            Qso {
                started_at: Timestamp::from_unix_ms(1_795_243_696_196),
                ..call()
            },
        ] {
            assert_ne!(call_id(&other), call_id(&start));
        }
    }

    #[test]
    fn status_says_who_holds_the_channel_and_how_the_links_are() {
        let mut state = RepeaterState {
            mode: HostMode::Busy(Mode::Dmr),
            active_calls: vec![call()],
            ..RepeaterState::default()
        };
        state.host.configuration.modes = vec![Mode::Dmr];
        let status = serde_json::to_value(WatcherStatus::of(&state)).unwrap();
        assert_eq!(status["current_mode"], "DMR");
        assert_eq!(status["modem_state"], "RX");
        assert_eq!(status["mode_status"]["DMR"]["network_status"], "UNKNOWN");
        let call = &status["active_qsos"][0];
        assert_eq!(
            (&call["destination"], &call["talk_group"]),
            (&json!("TG 235"), &json!(235))
        );
        assert_eq!((&call["status"], &call["rssi"]), (&json!("ACTIVE"), &json!(-80)));
        state.modem.state = ModemState::Lost;
        assert_eq!(modem_word(&state), "ERROR");
    }
}
