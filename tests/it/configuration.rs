//! The configuration of a station that runs: what is applied, to whom, what is refused, what comes back by itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Stage, Station, agent, stationd};
use crate::traffic::Dice;

/// Decides the moments of the kills.
const SEED: u64 = 7;
/// How often it is killed.
const KILLS: usize = 12;
/// The kill comes so long after the request, in microseconds.
const MOMENTS_US: u64 = 25_000;

fn text(stage: &Stage) -> String {
    fs::read_to_string(stage.config()).unwrap()
}

/// A stage whose configurations prove themselves within a second, with a log that is well.
fn stage() -> Stage {
    let stage = Stage::new();
    stage.configure("[station]\ntrial_s = 1\n");
    stage.log().call("M0ABC");
    stage
}

/// Asks for another configuration and confirms it: the command at its end.
fn apply(station: &Station, toml: &str) -> Value {
    let asked = json!({ "toml": toml, "reason": "test" });
    let (status, waiting) = station.post("/api/v1/config/apply", &asked);
    assert_eq!((status, &waiting["tier"]), (202, &json!(2)), "{waiting:#}");
    confirm(station, &waiting)
}

fn confirm(station: &Station, waiting: &Value) -> Value {
    let path = format!("/api/v1/commands/{}/approve", waiting["id"]);
    let (status, ended) = station.post(&path, &json!({}));
    assert_eq!(status, 200, "{ended:#}");
    ended
}

/// The incarnation of each actor that runs.
fn incarnations(tree: &Value) -> Vec<(String, u64)> {
    let children = tree["children"].as_array().into_iter().flatten();
    let own = tree["incarnation"].as_u64();
    let path = tree["path"].as_str().unwrap_or_default().to_owned();
    own.map(|own| (path, own))
        .into_iter()
        .chain(children.flat_map(incarnations))
        .collect()
}

fn settled(station: &Station) {
    station.wait_for("/api/v1/config", |config| config["on_trial"].is_null());
}

#[test]
fn applied_configuration_restarts_only_those_whose_section_changed() {
    let stage = stage();
    let station = Station::run(&stage);
    station.wait_for("/api/v1/health", |health| health["health"] == "well");
    let before = incarnations(&station.get("/api/v1/actors").1);
    let old = text(&stage);
    let new = format!("{old}[gate]\napproval_minutes = 5\n").replace("[repeater]\n", "[repeater]\nhistory = false\n");
    let done = apply(&station, &new);
    assert_eq!(done["state"], "done", "{done:#}");
    assert_eq!(done["outcome"]["restarts"], json!(["repeater"]));
    assert_eq!(
        done["outcome"]["applied"],
        json!(["gate.approval_minutes", "repeater.history"])
    );
    assert_eq!(text(&stage), new);

    let after = station.wait_for("/api/v1/actors", |tree| {
        incarnations(tree)
            .iter()
            .any(|(path, n)| path.starts_with("repeater/") && *n > 1)
    });
    for (path, incarnation) in incarnations(&after)
        .iter()
        .filter(|(path, _)| !path.starts_with("repeater"))
    {
        assert!(before.contains(&(path.clone(), *incarnation)), "{path} was restarted");
    }
    settled(&station);
    let event = &station.events("config")[0];
    assert_eq!(
        (&event["type"], &event["data"]["who"], &event["data"]["version"]),
        (&json!("config_applied"), &json!("local"), &json!(2))
    );
    let change = json!({ "key": "repeater.history", "old": true, "new": false });
    assert!(
        event["data"]["changes"].as_array().unwrap().contains(&change),
        "{event:#}"
    );
    let config = station.get("/api/v1/config").1;
    assert_eq!(
        (&config["version"], &config["sections"]["gate"]["approval_minutes"]),
        (&json!(2), &json!(5))
    );
    assert_eq!(
        (
            &config["origin"]["gate.approval_minutes"],
            &config["origin"]["web.port"],
            &config["origin"]["web.bind"]
        ),
        (&json!("file"), &json!("environment"), &json!("default"))
    );
}

#[test]
fn applied_configuration_is_undone_by_the_command_that_it_names() {
    let stage = stage();
    let station = Station::run(&stage);
    let old = text(&stage);
    let done = apply(&station, &format!("{old}[gate]\napproval_minutes = 5\n"));
    settled(&station);
    let (status, waiting) = station.post(
        &format!("/api/v1/commands/{}/rollback", done["id"]),
        &json!({ "reason": "no" }),
    );
    assert_eq!(
        (status, &waiting["verb"]),
        (202, &json!("config.rollback")),
        "{waiting:#}"
    );
    assert_eq!(confirm(&station, &waiting)["state"], "done");
    assert_eq!(text(&stage), old);
    let told: Vec<_> = station
        .events("config")
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(told, ["config_applied", "config_proved", "config_rolled_back"]);
    let versions = station.get("/api/v1/config/versions").1;
    let shown: Vec<_> = versions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| (v["version"].clone(), v["current"].clone()))
        .collect();
    assert_eq!(shown, [(json!(2), json!(false)), (json!(1), json!(true))]);
}

#[test]
fn server_takes_its_limits_and_the_answer_comes_first() {
    let stage = stage();
    let station = Station::run(&stage);
    let done = apply(
        &station,
        &text(&stage).replace("trial_s = 1", "trial_s = 1\nname = \"Hill\""),
    );
    assert_eq!(
        (&done["state"], &done["outcome"]["restarts"]),
        (&json!("done"), &json!(["web"])),
        "{done:#}"
    );
    station.wait_for("/api/v1/actors", |tree| {
        incarnations(tree).contains(&("web".to_owned(), 2))
    });
    let snapshot = station.socket(&json!({ "subscribe": ["gate"] })).next();
    assert_eq!(snapshot["snapshot"]["station"], "Hill");
}

#[test]
fn keys_of_the_process_are_told_and_wait_for_its_next_start() {
    let stage = stage();
    let station = Station::run(&stage);
    let done = apply(
        &station,
        &text(&stage).replace("[repeater]", "keep_days = 3\n[repeater]"),
    );
    assert_eq!(
        (&done["outcome"]["after_restart"], &done["outcome"]["applied"]),
        (&json!(["journal.keep_days"]), &json!([])),
        "{done:#}"
    );
    assert_eq!(station.get("/api/v1/config").1["sections"]["journal"]["keep_days"], 0);
    assert_eq!(station.get("/api/v1/config").1["pending"], json!(["journal.keep_days"]));
}

#[test]
fn bad_file_is_refused_with_all_its_problems_and_changes_nothing() {
    let stage = stage();
    let station = Station::run(&stage);
    let old = text(&stage);
    let bad = "[station]\nnam = \"x\"\n[web]\nport = 99999\n[clients]\nmax_sessions = 0\n";
    let (status, checked) = station.post("/api/v1/config/validate", &json!({ "toml": bad }));
    assert_eq!((status, &checked["ok"]), (200, &json!(false)), "{checked:#}");
    let lines: Vec<u64> = checked["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [2, 4, 6], "{checked:#}");
    assert!(
        checked["problems"][0]["reason"]
            .as_str()
            .unwrap()
            .contains("did you mean station.name?")
    );

    let (status, problem) = station.post("/api/v1/config/apply", &json!({ "toml": bad, "reason": "test" }));
    assert_eq!(status, 400, "{problem:#}");
    for key in ["station.nam", "web.port", "clients.max_sessions"] {
        assert!(problem["detail"].as_str().unwrap().contains(key), "{problem:#}");
    }
    assert_eq!(text(&stage), old);
    assert_eq!(
        station.post("/api/v1/config/rollback", &json!({ "version": 99 })).0,
        404
    );

    fs::write(stage.config(), bad).unwrap();
    assert_eq!(station.post("/api/v1/config/reload", &json!({})).0, 400);
    station.signal("-HUP");
    station.wait_for("/api/v1/events?since=0&source=config", |page| {
        page["items"].as_array().unwrap().len() >= 3
    });
    let events = station.events("config");
    assert!(
        events.iter().all(|event| event["type"] == "config_refused"),
        "{events:#?}"
    );
    assert_eq!(
        (
            &events[2]["data"]["who"],
            events[2]["data"]["problems"].as_array().unwrap().len()
        ),
        (&json!("signal"), 3)
    );
    let config = station.get("/api/v1/config").1;
    assert_eq!(
        (&config["version"], config["problems"].as_array().unwrap().len()),
        (&json!(1), 3),
        "{config:#}"
    );
    assert_eq!(station.get("/api/v1/commands").1["items"], json!([]));
}

#[test]
fn configuration_under_which_the_station_is_worse_goes_back_by_itself() {
    let stage = stage();
    let station = Station::run(&stage);
    station.wait_for("/api/v1/health", |health| health["health"] == "well");
    let old = text(&stage);
    let logs = format!("{:?}", stage.logs());
    let done = apply(&station, &old.replace(&logs, &format!("{:?}", stage.path("nowhere"))));
    assert_eq!(
        (&done["state"], &done["outcome"]["trial_s"]),
        (&json!("done"), &json!(1)),
        "{done:#}"
    );
    station.wait_for("/api/v1/config", |config| config["version"] == 1);
    let told = station.wait_for("/api/v1/events?since=0&source=config", |page| {
        page["items"].as_array().unwrap().len() == 2
    });
    let back = &told["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|event| event["type"] == "config_rolled_back")
        .unwrap()["data"];
    assert_eq!(
        (&back["automatic"], &back["from"], &back["who"]),
        (&json!(true), &json!(2), &json!("station"))
    );
    assert!(back["why"].as_str().unwrap().contains("log"), "{back:#}");
    assert_eq!(text(&stage), old);
    station.wait_for("/api/v1/health", |health| health["health"] == "well");
}

#[test]
fn signal_reloads_the_file() {
    let stage = stage();
    let station = Station::run(&stage);
    fs::write(
        stage.config(),
        text(&stage).replace("trial_s = 1", "trial_s = 1\nname = \"Hill\""),
    )
    .unwrap();
    assert_eq!(station.get("/api/v1/config").1["pending"], json!(["station.name"]));
    station.signal("-HUP");
    let config = station.wait_for("/api/v1/config", |config| {
        config["sections"]["station"]["name"] == "Hill"
    });
    assert_eq!(config["version"], 2);
    let event = &station.events("config")[0];
    assert_eq!(
        (&event["data"]["who"], &event["data"]["why"]),
        (&json!("signal"), &json!("SIGHUP"))
    );
    let command = station.wait_for("/api/v1/commands", |page| page["items"][0]["state"] == "done");
    assert_eq!(
        (&command["items"][0]["verb"], &command["items"][0]["requested_by"]),
        (&json!("config.reload"), &json!("signal"))
    );
}

#[test]
fn edit_of_the_file_is_not_overwritten() {
    let stage = stage();
    let station = Station::run(&stage);
    let old = text(&stage);
    let asked = json!({ "toml": format!("{old}[log]\nlevel = \"debug\"\n") });
    let (_, waiting) = station.post("/api/v1/config/apply", &asked);
    stage.configure("# somebody was here\n");
    let failed = confirm(&station, &waiting);
    assert_eq!(failed["state"], "failed", "{failed:#}");
    assert!(text(&stage).ends_with("# somebody was here\n"));
}

#[test]
fn secrets_are_in_no_answer_and_no_event() {
    let stage = stage();
    stage.configure("[repeater.mqtt.hot]\nport = 9\nusername = \"me\"\npassword = \"sesame\"\n");
    let station = Station::run(&stage);
    station.wait_for("/api/v1/config", |config| config["version"] == 1);
    let new = text(&stage).replace("sesame", "mellon");
    let checked = station.post("/api/v1/config/validate", &json!({ "toml": new })).1;
    assert_eq!(checked["difference"]["changes"][0]["new"], "•••", "{checked:#}");
    assert_eq!(
        apply(&station, &new)["outcome"]["restarts"],
        json!(["repeater/mqtt/hot"])
    );
    settled(&station);
    let broken = new.replace("\"mellon\"", "[\"mellon\"");
    let refused = station.post("/api/v1/config/apply", &json!({ "toml": broken })).1;
    let said = [
        checked,
        refused,
        station.get("/api/v1/config").1,
        station.get("/api/v1/config/versions").1,
        station.get("/api/v1/commands").1,
        station.get("/api/v1/events?since=0&limit=1000").1,
        station.get("/api/v1/audit").1,
        Value::from(station.said()),
    ];
    for text in said.map(|said| said.to_string()) {
        assert!(!text.contains("sesame") && !text.contains("mellon"), "{text}");
    }
}

#[test]
fn station_without_a_file_says_why_nothing_can_be_applied() {
    let station = Station::demo();
    let (status, problem) = station.post("/api/v1/config/apply", &json!({ "toml": "" }));
    assert_eq!(status, 409, "{problem:#}");
    assert!(problem["detail"].as_str().unwrap().contains("demo"));
    assert_eq!(station.get("/api/v1/config").1["file"], Value::Null);
}

#[test]
fn key_is_revoked_by_a_command() {
    let stage = stage();
    let station = Station::run(&stage);
    let add = |name: &str| {
        station
            .post("/api/v1/keys", &json!({ "name": name, "role": "admin" }))
            .1
    };
    let admin = add("one")["key"].as_str().unwrap().to_owned();
    let ask = |path: &str, body: &Value| {
        let request = agent().post(station.url(path)).header("X-API-Key", &admin);
        let mut answer = request.send_json(body).unwrap();
        (
            answer.status().as_u16(),
            answer.body_mut().read_json::<Value>().unwrap(),
        )
    };
    let (_, other) = ask("/api/v1/keys", &json!({ "name": "two", "role": "viewer" }));
    let revoke =
        |id: &Value| json!({ "target": "access", "verb": "key.revoke", "arguments": { "id": id }, "reason": "lost" });
    let (status, done) = ask("/api/v1/commands", &revoke(&other["id"]));
    assert_eq!(
        (status, &done["state"], &done["outcome"]["revoked"]),
        (200, &json!("done"), &other["id"]),
        "{done:#}"
    );
    assert_eq!(ask("/api/v1/commands", &revoke(&other["id"])).0, 404);
    let request = agent()
        .get(station.url("/api/v1/events"))
        .header("X-API-Key", other["key"].as_str().unwrap());
    assert_eq!(request.call().unwrap().status(), 401);
}

#[test]
fn file_is_whole_after_a_kill_at_any_moment_of_a_change() {
    let stage = stage();
    fs::set_permissions(stage.config(), fs::Permissions::from_mode(0o640)).unwrap();
    let one = text(&stage);
    let two = format!("{one}[log]\nlevel = \"debug\"\n");
    let mut dice = Dice::new(SEED);
    for _ in 0..KILLS {
        let mut station = Station::run(&stage);
        settled(&station);
        let wanted = if text(&stage) == one { &two } else { &one };
        let (_, waiting) = station.post("/api/v1/config/apply", &json!({ "toml": wanted }));
        let url = station.url(&format!("/api/v1/commands/{}/approve", waiting["id"]));
        let asking = thread::spawn(move || agent().post(url).send_json(json!({})).is_ok());
        thread::park_timeout(Duration::from_micros(dice.below(MOMENTS_US)));
        station.signal("-KILL");
        station.wait_end();
        let _answered_or_not = asking.join().unwrap();
        let found = text(&stage);
        assert!(found == one || found == two, "a part of a file: {found}");
    }
    let station = Station::run(&stage);
    settled(&station);
    let versions = station.get("/api/v1/config/versions").1;
    let versions = versions["items"].as_array().unwrap();
    assert_eq!(versions.iter().filter(|version| version["current"] == true).count(), 1);
    assert_eq!(station.get("/api/v1/config").1["pending"], json!([]));
    assert_eq!(
        fs::metadata(stage.config()).unwrap().permissions().mode() & 0o777,
        0o640
    );
}

#[test]
fn command_line_shows_checks_and_applies_the_configuration_of_a_running_station() {
    let stage = stage();
    let station = Station::run(&stage);
    let config = |arguments: &[&str]| {
        let mut command = stationd();
        command.arg("config").args(arguments).arg("--url").arg(station.url(""));
        let output = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (code, shown, _) = config(&["show"]);
    assert_eq!(code, Some(0));
    assert!(shown.contains("station.trial_s = 1  (file)\n"), "{shown}");
    assert!(shown.contains("web.tls.certificate = null  (default)\n"), "{shown}");

    let new = stage.config().with_file_name("new.toml");
    let file = new.to_str().unwrap();
    fs::write(&new, text(&stage) + "[gate]\napproval_minutes = 0\n").unwrap();
    let (code, _, problems) = config(&["validate", file]);
    assert_eq!(code, Some(1));
    assert!(problems.contains("gate.approval_minutes: must be"), "{problems}");

    fs::write(&new, text(&stage) + "[gate]\napproval_minutes = 5\n").unwrap();
    let (_, difference, _) = config(&["validate", file]);
    assert_eq!(difference, "gate.approval_minutes: 15 -> 5\n");
    let (code, asked, complaint) = config(&["apply", file, "--reason", "people answer at once"]);
    assert_eq!(code, Some(0), "{complaint}");
    assert!(asked.contains("requested") && asked.contains("config.apply"), "{asked}");
    let waiting = &station.get("/api/v1/commands?state=waiting").1["items"][0];
    assert_eq!(confirm(&station, waiting)["state"], "done");
    let (_, versions, _) = config(&["versions"]);
    assert!(
        versions.starts_with('*') && versions.contains("people answer at once"),
        "{versions}"
    );
}

#[test]
fn trial_that_a_kill_interrupts_begins_anew_and_has_an_end() {
    let stage = Stage::new();
    stage.configure("[station]\ntrial_s = 2\n");
    stage.log().call("M0ABC");
    let station = Station::run(&stage);
    let done = apply(&station, &(text(&stage) + "[gate]\napproval_minutes = 5\n"));
    let version = done["outcome"]["version"].clone();
    assert_eq!(station.get("/api/v1/config").1["on_trial"], version);
    drop(station);

    let station = Station::run(&stage);
    let config = station.get("/api/v1/config").1;
    assert_eq!(
        (&config["on_trial"], &config["version"]),
        (&version, &version),
        "{config:#}"
    );
    settled(&station);
    let told: Vec<_> = station
        .events("config")
        .iter()
        .map(|event| event["type"].clone())
        .collect();
    assert_eq!(told, ["config_applied", "config_proved"]);
    assert_eq!(
        station.get("/api/v1/config").1["sections"]["gate"]["approval_minutes"],
        5
    );
}
