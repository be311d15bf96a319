//! The demo: a station without hardware that answers everywhere.

use serde_json::json;

use crate::harness::{Station, agent, repeater};

#[test]
fn demo_answers_on_every_endpoint_and_calls_move() {
    let station = Station::demo();
    let mut socket = station.socket(&repeater());
    let snapshot = socket.next()["snapshot"].clone();
    assert_eq!(snapshot["demo"], true);
    let ended = socket.event("qso_ended");

    let seq = ended["seq"].as_u64().unwrap();
    for path in [
        "/api/v1/repeater/state",
        "/api/v1/repeater/calls?limit=5",
        &format!("/api/v1/repeater/calls/{seq}"),
        "/api/v1/repeater/last-heard",
        "/api/v1/repeater/links",
        "/api/v1/events?source=repeater.*&limit=3",
        &format!("/api/v1/events/{seq}"),
        "/api/v1/signals?source=station",
        "/api/v1/actors",
        "/api/v1/health",
        "/api/v1/openapi.json",
    ] {
        let (status, body) = station.get(path);
        assert_eq!(status, 200, "{path}: {body:#}");
    }
    assert_eq!(station.get(&format!("/api/v1/events/{seq}")).1, ended);
}

#[test]
fn demo_shows_an_inverter_two_batteries_and_a_charger_with_energy_flowing() {
    let station = Station::demo();
    let page = station.wait_for("/api/v1/power", |page| {
        let items = page["items"].as_array().unwrap();
        items.len() == 4 && items.iter().all(|device| device["state"] == "online")
    });
    let reading = |device: usize, name: &str| page["items"][device]["readings"][name]["value"].as_f64();
    assert!(reading(0, "battery_voltage") > Some(48.0), "{page:#}");
    assert!(reading(1, "soc") > Some(30.0), "{page:#}");
    assert!(reading(2, "panel_power").is_some(), "{page:#}");
    assert!(reading(3, "ac_output_active_power") > Some(100.0), "{page:#}");
}

#[test]
fn page_and_documentation_come_from_the_binary() {
    let station = Station::demo();
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/repeater", "text/html; charset=utf-8"),
        ("/actors/repeater/parser", "text/html; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml"),
        ("/docs/", "text/html"),
        ("/docs/swagger-ui-bundle.js", "text/javascript"),
    ] {
        // A binary that was built without the page has no files of it.
        let built = concat!(env!("CARGO_MANIFEST_DIR"), "/web/dist/page/index.html");
        if path == "/favicon.svg" && !std::path::Path::new(built).exists() {
            continue;
        }
        let answer = agent().get(station.url(path)).call().unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], kind, "{path}");
    }
    let answer = agent().get(station.url("/")).call().unwrap();
    let policy = answer.headers()["content-security-policy"].to_str().unwrap();
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[test]
fn list_pages_join_without_gap_or_overlap() {
    let station = Station::demo();
    station.wait_for("/api/v1/events?limit=1", |page| {
        page["items"][0]["seq"].as_u64() >= Some(12)
    });
    let (_, all) = station.get("/api/v1/events?since=0&limit=10");
    let (_, first) = station.get("/api/v1/events?since=0&limit=4");
    let next = first["next"].as_str().unwrap();
    let (_, second) = station.get(&format!("/api/v1/events?since=0&limit=6&cursor={next}"));
    let seqs = |page: &serde_json::Value| -> Vec<u64> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["seq"].as_u64().unwrap())
            .collect()
    };
    assert_eq!([seqs(&first), seqs(&second)].concat(), seqs(&all));
    assert_eq!(json!(seqs(&all)), json!((1..=10).collect::<Vec<u64>>()));
}
