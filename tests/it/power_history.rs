//! What devices read over time, all of them together, and the old interface that asks for both.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sim::power::{DeviceKind, Faults};

use crate::harness::{Stage, Station, agent};
use crate::plug::{Plug, configure};

/// Whatever the second is in which a test begins: its minute is over by then, and was told.
const A_MINUTE: Duration = Duration::from_secs(75);

/// The minutes that the inverter has told, the oldest first.
fn minutes(station: &Station) -> Vec<Value> {
    let events = station.events("power.inverter");
    let told = events.into_iter().filter(|event| event["type"] == "minute_readings");
    told.map(|event| event["data"].clone()).collect()
}

fn first_minute(station: &Station) -> Value {
    let deadline = Instant::now() + A_MINUTE;
    loop {
        if let Some(minute) = minutes(station).into_iter().next() {
            return minute;
        }
        assert!(Instant::now() < deadline, "no minute is told: {}", station.said());
        thread::park_timeout(Duration::from_millis(50));
    }
}

/// The history and the energy of the device, as a page would ask for them.
fn past(station: &Station) -> (Value, Value) {
    let (status, history) = station.get("/api/v1/power/inverter/history?names=ac_output_active_power&step=1m");
    assert_eq!(status, 200, "{history:#}");
    let (status, energy) = station.get("/api/v1/power/inverter/energy");
    assert_eq!(status, 200, "{energy:#}");
    (history, energy)
}

#[test]
fn minute_counts_no_poll_twice_though_the_station_is_killed_in_it() {
    let stage = Stage::new();
    configure(&stage, "inverter", "pi30", 0.2);
    let plug = Plug::in_at(&stage.path("inverter"), DeviceKind::Pi30, Faults::default());
    let station = Station::run(&stage);
    plug.wait_heard(b"QPIGS", 10);
    drop(station);

    let station = Station::run(&stage);
    let heard = plug.knobs.heard(b"QPIGS");
    plug.wait_heard(b"QPIGS", heard + 10);
    let minute = first_minute(&station);
    let load = &minute["readings"]["ac_output_active_power"];
    let count = load["count"].as_u64().unwrap();
    let told: u64 = minutes(&station)
        .iter()
        .filter_map(|minute| minute["readings"]["ac_output_active_power"]["count"].as_u64())
        .sum();
    let heard = u64::from(plug.knobs.heard(b"QPIGS"));
    assert!(count > 0 && told <= heard, "{told} of {heard}");

    let (history, energy) = past(&station);
    let points = history["series"][0]["points"].as_array().unwrap();
    assert_eq!(
        (&history["step_s"], points.len()),
        (&json!(60), minutes(&station).len())
    );
    let told = [&load["min"], &load["mean"], &load["max"]].map(|figure| figure.as_f64().unwrap());
    for (is, told) in points[0].as_array().unwrap()[1..].iter().zip(told) {
        assert!((is.as_f64().unwrap() - told).abs() < 0.001, "{is} {told}");
    }
    let at_most_wh = load["max"].as_f64().unwrap() / 60.0;
    let load_wh = energy["items"][0]["load_wh"].as_f64().unwrap();
    assert!(
        load_wh > 0.0 && load_wh <= at_most_wh * 2.0,
        "{load_wh} of {at_most_wh}"
    );
    drop(station);

    let station = Station::run(&stage);
    let (again, _) = past(&station);
    assert_eq!(again["series"][0]["points"][0], history["series"][0]["points"][0]);
}

#[test]
fn history_of_nobody_and_windows_that_cannot_be_are_refused() {
    let stage = Stage::new();
    configure(&stage, "inverter", "pi30", 1.0);
    let station = Station::run(&stage);
    for (query, status) in [
        ("nobody/history", 404),
        ("nobody/energy", 404),
        ("inverter/history", 200),
        ("inverter/history?from=2&to=1", 400),
        ("inverter/history?step=1h", 400),
        ("inverter/history?step=1m&from=0", 400),
        ("inverter/history?from=yesterday", 400),
        ("inverter/energy?from=2026-11-31", 400),
        ("inverter/energy?from=2026-11-02&to=2026-11-01", 400),
        ("inverter/energy?from=1970-01-01", 400),
        ("inverter/energy?from=2026-11-01&to=2026-11-21", 200),
    ] {
        let (is, body) = station.get(&format!("/api/v1/power/{query}"));
        assert_eq!(is, status, "{query}: {body:#}");
    }
}

#[test]
fn demo_is_one_system_in_which_nothing_counts_twice() {
    let station = Station::demo();
    let system = station.wait_for("/api/v1/power/system", |system| {
        let known = |name: &str| !system[name].is_null();
        system["stale"] == json!([]) && known("solar_w") && known("battery_w") && known("remaining_s")
    });
    let [solar_w, load_w, battery_w] = ["solar_w", "load_w", "battery_w"].map(|name| system[name].as_f64().unwrap());
    // Devices are asked one after the other while the plant's time runs, so that the sum is only nearly right.
    assert!((solar_w - load_w - battery_w).abs() < 0.2 * solar_w, "{system:#}");
    let banks = system["banks"].as_array().unwrap();
    assert_eq!(banks.len(), 1, "{system:#}");
    assert_eq!(banks[0]["devices"], json!(["battery-a", "battery-b"]));
    assert!(banks[0]["cell_min_v"].as_f64() > Some(2.5), "{system:#}");
    let (_, signals) = station.get("/api/v1/signals?source=power");
    let is_shown = |signal: &Value| signal["signal"] == "system" && signal["data"]["solar_w"].is_number();
    assert!(signals["items"].as_array().unwrap().iter().any(is_shown), "{signals:#}");
    assert_eq!(system["toward"], "full", "{system:#}");
    assert!(system["remaining_s"].as_u64() > Some(600), "{system:#}");
}

#[test]
fn old_paths_answer_in_the_shapes_of_mpp_solar() {
    let station = Station::demo();
    let data = station.wait_for("/api/data", |data| {
        !data["status"]["battery_voltage"].is_null() && !data["flags"]["buzzer"].is_null()
    });
    assert_eq!(data["status"]["battery_voltage"][1], "V", "{data:#}");
    assert!(
        data["settings"]["battery_float_charge_voltage"][0].is_number(),
        "{data:#}"
    );
    assert!(data["timestamp"].is_string() && data["mode"].is_object());
    station.wait_for("/api/data?device=charger", |data| {
        data["status"]["panel_power"][1] == "W"
    });
    assert_eq!(station.get("/api/data?device=nobody").0, 404);

    for path in ["/api/historical", "/api/historical?hours=48", "/api/historical/all"] {
        let (status, past) = station.get(path);
        assert_eq!((status, past.as_object().unwrap().len()), (200, 13), "{path}: {past:#}");
        assert!(past["mpp_solar_battery_voltage"].is_array() && past["mpp_solar_is_load_on"].is_array());
    }
    assert_eq!(station.get("/api/historical?hours=0").0, 400);

    let command = |command: &str| station.post("/api/command", &json!({ "command": command }));
    let (status, said) = command("QPIRI");
    assert_eq!(
        (status, &said["battery_float_charge_voltage"][1]),
        (200, &json!("V")),
        "{said:#}"
    );
    let (status, refused) = station.post("/api/command", &json!({}));
    assert_eq!(
        (status, &refused["error"]),
        (400, &json!("No command provided")),
        "{refused:#}"
    );
    assert_eq!(command("QNOTHING").0, 400);
    assert_eq!(command("QMOD").0, 500, "the simulated inverter does not know it");
    let (status, waiting) = command("POP02");
    assert_eq!(
        (status, &waiting["verb"], &waiting["state"]),
        (202, &json!("power.set"), &json!("requested"))
    );
    assert_eq!(waiting["arguments"], json!({ "setting": "POP", "value": "02" }));

    let refreshed = station.post("/api/refresh", &json!({}));
    assert_eq!(
        (refreshed.0, &refreshed.1["status"]),
        (200, &json!("Data refreshed")),
        "{refreshed:?}"
    );
    for (path, place) in [("/lcars", "/power?theme=lcars"), ("/charts", "/power")] {
        let once = agent()
            .get(station.url(path))
            .config()
            .max_redirects(0)
            .build()
            .call()
            .unwrap();
        assert_eq!(
            (once.status().as_u16(), once.headers()["location"].to_str().unwrap()),
            (302, place)
        );
    }
}
