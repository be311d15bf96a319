//! Settings of devices, changed through the gate: what goes over the wire, what is told, what is refused.

use serde_json::{Value, json};
use sim::power::{DeviceKind, Faults};

use crate::harness::{Stage, Station};
use crate::people::{Answer, ask, key};
use crate::plug::{Plug, configure};
use crate::power::wait_for_state;

/// A station with an inverter, and two people.
struct Scene {
    station: Station,
    plug: Plug,
    ann: String,
    bob: String,
    /// Held for its drop, the last of all.
    _stage: Stage,
}

impl Scene {
    fn new() -> Scene {
        let stage = Stage::new();
        configure(&stage, "inverter", "pi30", 1.0);
        let ann = key(&stage, "ann", "admin");
        let bob = key(&stage, "bob", "operator");
        let plug = Plug::in_at(&stage.path("inverter"), DeviceKind::Pi30, Faults::default());
        let station = Station::run(&stage);
        let scene = Scene {
            station,
            plug,
            ann,
            bob,
            _stage: stage,
        };
        wait_for_state(&scene.station, "inverter", "online");
        scene.station.wait_for("/api/v1/power/inverter", |device| {
            device["settings"]["buzzer"].is_object()
        });
        scene
    }

    fn post(&self, who: &str, path: &str, body: &Value) -> Answer {
        ask(&self.station, "POST", path, &[("X-API-Key", who)], body)
    }

    fn command(&self, who: &str, verb: &str, arguments: &Value) -> Answer {
        let body = json!({ "target": "power.inverter", "verb": verb, "arguments": arguments, "reason": "test" });
        self.post(who, "/api/v1/commands", &body)
    }

    fn approve(&self, who: &str, command: &Answer) -> Answer {
        let path = format!("/api/v1/commands/{}/approve", command.body["id"]);
        self.post(who, &path, &json!({ "reason": "as agreed" }))
    }

    /// The frames about settings that the inverter heard, without their check values.
    fn frames(&self) -> Vec<String> {
        let text = |frame: Vec<u8>| String::from_utf8_lossy(&frame[..frame.len() - 3]).into_owned();
        let log = self.plug.knobs.log().into_iter().map(text);
        log.filter(|frame| !matches!(frame.as_str(), "QPIGS" | "Q1" | "QMOD" | "QPIWS" | "QFLAG"))
            .collect()
    }

    /// What it heard that changes something.
    fn writes(&self) -> Vec<String> {
        self.frames().into_iter().filter(|frame| frame != "QPIRI").collect()
    }
}

/// Its value, wherever it is named.
fn value<'a>(outcome: &'a Value, which: &str) -> &'a Value {
    &outcome["outcome"][which]["value"]
}

#[test]
fn voltage_is_read_written_once_read_back_and_undone_after_two_people_agreed() {
    let scene = Scene::new();
    let (_, settings) = scene.station.get("/api/v1/power/inverter/settings");
    let items = settings["items"].as_array().expect("settings");
    let float = items
        .iter()
        .find(|item| item["code"] == "PBFT")
        .expect("the float voltage");
    assert_eq!(float["current"]["value"], "54.0", "{float:#}");
    assert_eq!(float["current"]["unit"], "V");
    assert_eq!(
        (&float["verb"], &float["tier"], &float["undoable"], &float["group"]),
        (&json!("power.protect"), &json!(3), &json!(true), &json!("charging"))
    );
    assert_eq!(
        float["argument"],
        json!({ "kind": "number", "min": 48.0, "max": 58.4, "step": 0.1, "unit": "V", "also": [] })
    );

    let change = json!({ "setting": "PBFT", "value": "55.2" });
    let mut dry = json!({ "target": "power.inverter", "verb": "power.protect", "arguments": change });
    dry["dry_run"] = json!(true);
    let preview = scene.post(&scene.ann, "/api/v1/commands", &dry).body;
    assert_eq!(
        (&preview["would"], &preview["tier"]),
        (
            &json!("set the float voltage of inverter from 54.0 V to 55.2 V"),
            &json!(3)
        ),
        "{preview:#}"
    );
    let asked = scene.command(&scene.ann, "power.protect", &change);
    assert_eq!(
        (asked.status, &asked.body["state"]),
        (202, &json!("requested")),
        "{}",
        asked.body
    );
    assert_eq!(
        scene.approve(&scene.ann, &asked).status,
        403,
        "nobody agrees with themselves"
    );
    assert_eq!(scene.writes(), [""; 0], "nothing is written before somebody agreed");

    let done = scene.approve(&scene.bob, &asked).body;
    assert_eq!(done["state"], "done", "{done:#}");
    assert_eq!((value(&done, "was"), value(&done, "is")), (&json!(54.0), &json!(55.2)));
    assert_eq!(done["outcome"]["confirmed"], true);
    let frames = scene.frames();
    let at = frames.iter().position(|frame| frame == "PBFT55.2").expect("the write");
    assert_eq!(&frames[at - 1..=at + 1], ["QPIRI", "PBFT55.2", "QPIRI"]);

    let rollback = format!("/api/v1/commands/{}/rollback", done["id"]);
    let back = scene.post(&scene.bob, &rollback, &json!({ "reason": "too high" }));
    assert_eq!(back.status, 202, "{}", back.body);
    let undone = scene.approve(&scene.ann, &back).body;
    assert_eq!(
        (value(&undone, "is"), &undone["state"]),
        (&json!(54.0), &json!("done")),
        "{undone:#}"
    );
    assert_eq!(scene.writes(), ["PBFT55.2", "PBFT54.0"]);
}

#[test]
fn flag_and_priority_need_one_word_of_whoever_asks() {
    let scene = Scene::new();
    for (setting, value, written, undo) in [
        ("POP", "00", "POP00", json!({ "setting": "POP", "value": "02" })),
        ("PD", "a", "PDa", json!({ "setting": "PE", "value": "a" })),
    ] {
        let arguments = json!({ "setting": setting, "value": value });
        let asked = scene.command(&scene.ann, "power.set", &arguments);
        assert_eq!((asked.status, &asked.body["tier"]), (202, &json!(2)), "{}", asked.body);
        assert_eq!(asked.body["undo"]["arguments"], undo, "{}", asked.body);
        let done = scene.approve(&scene.ann, &asked).body;
        assert_eq!(
            (&done["state"], &done["outcome"]["confirmed"]),
            (&json!("done"), &json!(true)),
            "{done:#}"
        );
        assert_eq!(scene.writes().last().map(String::as_str), Some(written));
    }
    let refreshed = scene.command(&scene.ann, "power.refresh", &json!({}));
    assert_eq!(
        (refreshed.status, &refreshed.body["state"]),
        (200, &json!("done")),
        "{}",
        refreshed.body
    );
}

#[test]
fn setting_that_is_none_or_has_a_wrong_value_is_refused_before_anything_is_written() {
    let scene = Scene::new();
    for (verb, arguments, status) in [
        ("power.protect", json!({ "setting": "PBFT", "value": "64.0" }), 400),
        ("power.protect", json!({ "setting": "PBFT", "value": "27.0" }), 400),
        ("power.protect", json!({ "setting": "PBFT", "value": "55.2\rPF" }), 400),
        ("power.protect", json!({ "setting": "PBFT", "value": 55.2 }), 400),
        ("power.protect", json!({ "setting": "PBFT" }), 400),
        (
            "power.protect",
            json!({ "setting": "PBFT", "value": "55.2", "force": "yes" }),
            400,
        ),
        ("power.set", json!({ "setting": "PBFT", "value": "55.2" }), 400),
        ("power.set", json!({ "setting": "POP", "value": "09" }), 400),
        ("power.set", json!({ "setting": "QPIGS" }), 400),
        ("power.set", json!({}), 400),
        ("power.refresh", json!({ "setting": "POP" }), 400),
    ] {
        let refused = scene.command(&scene.ann, verb, &arguments);
        assert_eq!(refused.status, status, "{arguments} is answered {}", refused.body);
    }
    let nobody = json!({ "target": "power.nobody", "verb": "power.refresh" });
    assert_eq!(scene.post(&scene.ann, "/api/v1/commands", &nobody).status, 404);
    assert_eq!(scene.station.get("/api/v1/power/nobody/settings").0, 404);
    assert_eq!(scene.writes(), [""; 0]);
}

#[test]
fn setting_that_the_device_refuses_has_failed_and_is_sent_once() {
    let scene = Scene::new();
    let asked = scene.command(
        &scene.ann,
        "power.protect",
        &json!({ "setting": "MUCHGC", "value": "70" }),
    );
    let failed = scene.approve(&scene.bob, &asked).body;
    assert_eq!(failed["state"], "failed", "{failed:#}");
    assert_eq!(scene.writes(), ["MUCHGC070"]);
}

#[test]
fn setting_whose_acknowledgement_is_lost_is_settled_by_what_the_device_shows() {
    let scene = Scene::new();
    scene.plug.knobs.set(Faults {
        mute: b"PBFT",
        ..Faults::default()
    });
    let asked = scene.command(
        &scene.ann,
        "power.protect",
        &json!({ "setting": "PBFT", "value": "55.2" }),
    );
    let done = scene.approve(&scene.bob, &asked).body;
    assert_eq!(
        (&done["state"], &done["outcome"]["confirmed"]),
        (&json!("done"), &json!(true)),
        "{done:#}"
    );
    assert_eq!(scene.writes(), ["PBFT55.2"], "it is never sent twice");
}
