//! The interface of the log watcher that this service replaces: its paths, its names, its events.

use serde_json::{Value, json};

use crate::harness::{Stage, Station};

/// Replaces what differs from run to run, after a look at its form.
fn without_times(mut document: Value) -> Value {
    if let Some(fields) = document.as_object_mut() {
        for (name, value) in fields.iter_mut() {
            let of_time = ["start_time", "end_time", "timestamp", "since", "last_update"].contains(&name.as_str());
            match value.as_str() {
                Some(time) if of_time => {
                    assert!(time.len() == 24 && time.ends_with('Z'), "{name}: {time}");
                    *value = json!("(time)");
                }
                Some(id) if name.ends_with("id") => {
                    assert_eq!((id.len(), id.get(14..15)), (36, Some("8")), "{name}: {id}");
                    *value = json!("(id)");
                }
                _ => *value = without_times(value.take()),
            }
        }
    } else if let Some(items) = document.as_array_mut() {
        for item in items {
            *item = without_times(item.take());
        }
    }
    document
}

fn finished() -> Value {
    json!({
        "id": "(id)", "start_time": "(time)", "end_time": "(time)", "duration_seconds": 1.2, "mode": "DMR",
        "status": "COMPLETED", "source_callsign": "G4KLX", "destination": "TG 9", "slot": 2, "talk_group": 9,
        "source_id": null, "destination_id": null, "reflector": null, "ber": 0.0, "rssi": null, "loss_rate": 0.0,
        "rf_source": false, "metadata": { "late_entry": false, "talker_alias": null },
    })
}

#[test]
fn old_paths_answer_in_the_watchers_shapes() {
    let stage = Stage::new();
    let mut log = stage.log();
    let station = Station::run(&stage);
    let unknown = json!({
        "current_mode": "UNKNOWN", "modem_state": "UNKNOWN", "active_qsos": [], "mode_status": {}, "last_update": null,
    });
    assert_eq!(station.get("/api/status"), (200, unknown));
    assert_eq!(station.get("/api/qsos"), (200, json!([])));

    log.line("Mode set to DMR");
    log.call("M0ABC");
    log.call("G4KLX");
    log.line("DMR Slot 2, received network voice header from G4KLX to TG 9");
    let status = station.wait_for("/api/status", |status| status["active_qsos"][0].is_object());

    let mut running = finished();
    for (name, value) in [
        ("end_time", Value::Null),
        ("duration_seconds", Value::Null),
        ("status", json!("ACTIVE")),
    ] {
        running[name] = value;
    }
    for name in ["ber", "loss_rate"] {
        running[name] = Value::Null;
    }
    let expected = json!({
        "current_mode": "DMR", "modem_state": "TX", "active_qsos": [running], "mode_status": {}, "last_update": "(time)",
    });
    assert_eq!(without_times(status), expected);
    let (_, mode) = station.get("/api/mode");
    assert_eq!(without_times(mode), json!({ "current_mode": "DMR", "since": "(time)" }));
    let (_, newest) = station.get("/api/qsos?limit=1&unheard_of=1");
    assert_eq!(without_times(newest), json!([finished()]));
    assert_eq!(station.get("/api/qsos?limit=0").0, 400);
}

#[test]
fn old_health_says_what_runs() {
    let stage = Stage::new();
    stage.log().call("G4KLX");
    let station = Station::run(&stage);
    let health = station.wait_for("/api/health", |health| {
        health["healthy"] == true && health["last_log_update"].is_string()
    });
    for part in ["log_monitor_active", "state_machine_active", "api_server_active"] {
        assert_eq!(health[part], true, "{part} in {health:#}");
    }
    assert_eq!(
        (&health["error_count"], &health["last_error"]),
        (&json!(0), &Value::Null)
    );
    assert!(health["uptime_seconds"].as_f64() > Some(0.0), "{health:#}");
    let (_, calls) = station.get("/api/qsos?limit=1");
    assert_eq!(health["last_activity"], calls[0]["end_time"]);
}

#[test]
fn old_health_remembers_what_went_wrong() {
    let stage = Stage::new();
    let mut log = stage.log();
    log.call("G4KLX");
    let station = Station::run(&stage);
    station.wait_for("/api/health", |health| {
        health["healthy"] == true && health["last_activity"].is_string()
    });
    log.line("MMDVMHost-20250607 exited on receipt of SIGTERM");
    station.wait_for("/api/health", |health| health["healthy"] == false);
    log.line("MMDVMHost-20250607 is running");
    let health = station.wait_for("/api/health", |health| health["healthy"] == true);
    assert_eq!(
        (&health["error_count"], &health["last_error"]),
        (&json!(1), &json!("the repeater's host program has stopped"))
    );
}

#[test]
fn old_socket_tells_calls_modes_and_errors_without_being_asked() {
    let stage = Stage::new();
    let mut log = stage.log();
    log.call("M0ABC");
    let station = Station::run(&stage);
    station.wait_for("/api/qsos", |calls| calls[0].is_object());
    let mut socket = station.socket_at("/api/ws");
    socket.send("whatever old clients say");
    station.wait_for("/api/health", |health| health["active_websocket_connections"] == 1);

    log.line("Mode set to DMR");
    log.error("MMDVM ADC levels have overflowed");
    log.call("G4KLX");

    let mut event = |kind: &str, severity: &str| {
        let event = without_times(socket.next());
        let data = event["data"].clone();
        let envelope = json!({
            "event_id": "(id)", "type": kind, "event_type": kind, "timestamp": "(time)", "severity": severity, "data": data,
        });
        assert_eq!(event, envelope);
        data
    };
    assert_eq!(
        event("mode_changed", "info"),
        json!({ "old_mode": "IDLE", "new_mode": "DMR" })
    );
    let fault = event("error", "error");
    assert_eq!(fault["message"], "MMDVM ADC levels have overflowed");
    assert_eq!(event("qso_started", "info")["status"], "ACTIVE");
    assert_eq!(event("qso_ended", "info"), finished());
}
