//! Commands over the API and the command line: what runs, what waits, who may say what, and what is kept of it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::harness::{Stage, Station, stationd};

const FORBIDDEN: &str = "urn:stationd:problem:forbidden";

/// A station on whose repeater nobody acts alone.
fn careful() -> Stage {
    let stage = Stage::new();
    let mut config = OpenOptions::new().append(true).open(stage.config()).unwrap();
    let rules = r"[gate]
rules = [
  { verb = 'actor\.restart', target = 'repeater/parser', tier = 3 },
  { verb = 'actor\.restart', target = 'repeater/log-tail', tier = 2 },
  { verb = 'actor\..*', target = 'repeater/state-machine', tier = 4 },
]
";
    config.write_all(rules.as_bytes()).unwrap();
    stage
}

fn restart(target: &str) -> Value {
    json!({ "target": target, "verb": "actor.restart", "reason": "test" })
}

#[test]
fn command_runs_waits_or_is_refused_as_the_policy_says() {
    let stage = careful();
    let station = Station::run(&stage);
    let (status, done) = station.post("/api/v1/commands", &restart("recorder"));
    assert_eq!(
        (status, &done["state"], &done["tier"]),
        (200, &json!("done"), &json!(1)),
        "{done:#}"
    );
    let (status, refused) = station.post("/api/v1/commands", &restart("repeater/state-machine"));
    assert_eq!((status, &refused["state"]), (200, &json!("refused")));
    let (status, problem) = station.post("/api/v1/actors/repeater/state-machine/stop", &Value::Null);
    assert_eq!((status, &problem["type"]), (403, &json!(FORBIDDEN)));

    let (status, waiting) = station.post("/api/v1/actors/repeater/parser/restart", &json!({ "why": "test" }));
    assert_eq!(
        (status, &waiting["state"], &waiting["tier"]),
        (202, &json!("requested"), &json!(3))
    );
    let mut socket = station.socket(&json!({ "subscribe": ["gate"] }));
    assert_eq!(socket.next()["snapshot"]["approvals"], 1);
    let word = |id: &Value, word: &str, reason: &str| {
        station.post(&format!("/api/v1/commands/{id}/{word}"), &json!({ "reason": reason }))
    };
    let (status, problem) = word(&waiting["id"], "approve", "me again");
    assert_eq!((status, &problem["type"]), (403, &json!(FORBIDDEN)), "{problem:#}");
    assert_eq!(word(&waiting["id"], "override", "").0, 400);
    let (status, done) = word(&waiting["id"], "override", "the antenna burns");
    assert_eq!((status, &done["state"]), (200, &json!("done")), "{done:#}");
    assert_eq!(
        socket.event("command_overridden")["data"]["decisions"][0]["decision"],
        "override"
    );

    let (status, waiting) = station.post("/api/v1/commands", &restart("repeater/log-tail"));
    assert_eq!((status, &waiting["tier"]), (202, &json!(2)));
    let (status, done) = word(&waiting["id"], "approve", "yes, really");
    assert_eq!((status, &done["decisions"][0]["decision"]), (200, &json!("confirmed")));
    assert_eq!(word(&waiting["id"], "reject", "too late").0, 409);
    assert_eq!(word(&json!(4711), "approve", "").0, 404);

    let (_, all) = station.get("/api/v1/commands?limit=2");
    assert_eq!(all["items"][0]["id"], waiting["id"]);
    let (_, rest) = station.get(&format!("/api/v1/commands?cursor={}", all["next"].as_str().unwrap()));
    assert_eq!(rest["items"].as_array().unwrap().len(), 3);
    let (_, open) = station.get("/api/v1/commands?state=open");
    assert_eq!(open["items"], json!([]));
}

#[test]
fn dry_run_says_what_would_happen_and_leaves_no_trace() {
    let stage = careful();
    let station = Station::run(&stage);
    let mut ask = restart("repeater/parser");
    ask["dry_run"] = json!(true);
    let (status, preview) = station.post("/api/v1/commands", &ask);
    assert_eq!(status, 200, "{preview:#}");
    assert_eq!(
        preview,
        json!({
            "dry_run": true, "tier": 3, "allowed": true, "needs": { "role": "operator", "people": 1 },
            "would": "restart repeater/parser; log-tail is restarted with it",
        })
    );
    assert_eq!(station.events("gate"), Vec::<Value>::new());
}

#[test]
fn command_that_makes_no_sense_is_a_problem_and_no_command() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let cases = [
        (restart("nobody"), 404),
        (json!({ "target": "web", "verb": "web.fly" }), 400),
        (
            json!({ "target": "web", "verb": "actor.restart", "arguments": { "force": true } }),
            400,
        ),
        (json!({ "target": "web", "verb": "actor.hold" }), 409),
        (
            json!({ "target": "web", "verb": "actor.restart", "reason": "x".repeat(501) }),
            400,
        ),
        (
            json!({ "target": "web", "verb": "actor.restart", "not_after": "1999-12-31T23:59:59Z" }),
            409,
        ),
        (json!({ "target": "web", "verb": "actor.restart", "color": "red" }), 400),
        (json!([]), 400),
    ];
    for (body, expected) in cases {
        let (status, problem) = station.post("/api/v1/commands", &body);
        assert_eq!(status, expected, "{body} is answered {problem:#}");
        assert!(problem["type"].as_str().unwrap().starts_with("urn:stationd:problem:"));
    }
    assert_eq!(station.events("gate"), Vec::<Value>::new());
}

#[test]
fn held_actor_is_started_again_by_the_undo_of_the_command() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let hold = json!({ "target": "repeater/log-tail", "verb": "actor.hold", "reason": "antenna work" });
    let (_, held) = station.post("/api/v1/commands", &hold);
    assert_eq!(held["undo"]["verb"], "actor.start", "{held:#}");
    let rollback = format!("/api/v1/commands/{}/rollback", held["id"]);
    let (status, undone) = station.post(&rollback, &json!({ "reason": "done" }));
    assert_eq!(
        (status, &undone["state"], &undone["outcome"]["outcome"]),
        (200, &json!("done"), &json!("up"))
    );
    let (_, original) = station.get(&format!("/api/v1/commands/{}", held["id"]));
    assert_eq!(original["state"], "rolled_back");
    assert_eq!(station.post(&rollback, &json!({})).0, 409);
}

#[test]
fn gate_restarts_itself_and_is_started_again_after_it_was_held() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let (status, done) = station.post("/api/v1/actors/gate/restart", &json!({ "why": "test" }));
    assert_eq!((status, &done["outcome"]), (200, &json!("up")), "{done:#}");
    let (status, held) = station.post("/api/v1/actors/gate/stop", &Value::Null);
    assert_eq!((status, &held["outcome"]), (200, &json!("down")), "{held:#}");
    let (status, problem) = station.post("/api/v1/actors/repeater/parser/stop", &Value::Null);
    assert_eq!((status, &problem["status"]), (503, &json!(503)));
    let (status, up) = station.post("/api/v1/actors/gate/start", &Value::Null);
    assert_eq!((status, &up["outcome"]), (200, &json!("up")), "{up:#}");
    let open = station.wait_for("/api/v1/commands", |page| {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|command| command["state"] == "done")
    });
    assert_eq!(open["items"].as_array().unwrap().len(), 3);
}

#[test]
fn audit_is_checked_over_the_api_and_on_the_file() {
    let stage = Stage::new();
    let mut station = Station::run(&stage);
    assert_eq!(station.post("/api/v1/commands", &restart("recorder")).0, 200);
    let (status, page) = station.get("/api/v1/audit");
    assert_eq!((status, &page["verified"]["ok"]), (200, &json!(true)), "{page:#}");
    let row = &page["items"][0];
    assert_eq!(
        (&row["step"], &row["who"], &row["target"]),
        (&json!("command_done"), &json!("gate"), &json!("recorder"))
    );
    let (_, verified) = station.get("/api/v1/audit/verify");
    assert_eq!((&verified["ok"], &verified["checked"]), (&json!(true), &json!(3)));
    let head = verified["head"].as_str().unwrap();
    let journal = stage.path("journal.db");
    let key = stage.path("journal.db.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);

    let verify = |more: &[&str]| {
        let mut command = stationd();
        command.args(["audit", "verify", "--journal"]).arg(&journal).args(more);
        let output = command.output().unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    let (code, said) = verify(&["--head", head]);
    assert!(
        code == 0 && said.contains("3 rows") && said.contains(head),
        "while it runs: {said}"
    );
    station.signal("-TERM");
    station.wait_end();
    assert_eq!(verify(&[]).0, 0, "and when it does not");
    let (code, said) = verify(&["--head", &"0".repeat(64)]);
    assert!(code == 1 && said.contains("noted"), "{said}");
    fs::write(&key, [7_u8; 32]).unwrap();
    let (code, said) = verify(&[]);
    assert!(code == 1 && said.contains("row 1"), "{said}");
}

#[test]
fn command_line_asks_confirms_and_lists() {
    let stage = careful();
    let station = Station::run(&stage);
    let run = |arguments: &[&str]| {
        let mut command = stationd();
        command.arg("command").args(arguments).args(["--url", &station.url("")]);
        let output = command.output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    let said = run(&["submit", "actor.restart", "repeater/log-tail", "--reason", "stuck"]);
    assert!(
        said.contains("1  requested  actor.restart repeater/log-tail  local  stuck"),
        "{said}"
    );
    let said = run(&["submit", "actor.restart", "recorder", "--dry-run"]);
    assert!(said.contains("would restart recorder (tier 1"), "{said}");
    assert!(run(&["list", "--state", "waiting"]).contains("requested"));
    let said = run(&["approve", "1"]);
    assert!(said.contains("done"), "{said}");
    assert_eq!(run(&["list"]), "");
    assert!(run(&["reject", "1"]).contains("This cannot be done now"));
}
