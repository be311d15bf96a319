//! Who may do what: keys, roles, set-up, and the doors that stay closed.

use serde_json::{Value, json};

use crate::harness::{Socket, Stage, Station, agent, stationd};
use crate::people::{Answer, ask, bearer, command, key, printed, user};

fn with_key(station: &Station, key: &str, method: &str, path: &str, body: &Value) -> Answer {
    ask(station, method, path, &[("Authorization", &bearer(key))], body)
}

#[test]
fn local_user_is_admin_until_there_is_an_account_and_viewer_afterwards() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let now = station.get("/api/v1/session").1;
    assert_eq!(now["accounts"], false);
    assert_eq!(
        (&now["via"], &now["identity"]),
        (&json!("local"), &json!({ "name": "local", "role": "admin" }))
    );

    let mut ann = json!({ "name": "ann", "role": "viewer", "password": "correct horse battery" });
    let (status, problem) = station.post("/api/v1/users", &ann);
    assert_eq!(
        (status, &problem["type"]),
        (409, &json!("urn:stationd:problem:conflict")),
        "{problem:#}"
    );
    ann["role"] = json!("admin");
    assert_eq!(station.post("/api/v1/users", &ann).0, 201);

    let now = station.get("/api/v1/session").1;
    assert_eq!(
        (&now["accounts"], &now["identity"]["role"]),
        (&json!(true), &json!("viewer"))
    );
    assert_eq!(station.get("/api/v1/events").0, 200);
    let (status, problem) = station.post("/api/v1/actors/repeater/parser/restart", &Value::Null);
    assert_eq!((status, &problem["needed"]), (403, &json!("operator")), "{problem:#}");
    assert_eq!(problem["type"], "urn:stationd:problem:forbidden");
    let (status, problem) = station.get("/api/v1/users");
    assert_eq!((status, &problem["needed"]), (403, &json!("admin")));
}

#[test]
fn request_that_a_proxy_brings_is_never_local() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    for header in ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Via"] {
        let answer = ask(
            &station,
            "GET",
            "/api/v1/events",
            &[(header, "192.0.2.1")],
            &Value::Null,
        );
        assert_eq!((answer.status, answer.problem()), (401, "unauthenticated"), "{header}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let page = ask(&station, "GET", "/", &[("Via", "x")], &Value::Null);
    assert_eq!(page.status, 200, "the page itself tells nothing");
}

/// `(method, path with something in place of its parameters, role that it needs)` of each operation that is described.
fn operations() -> Vec<(String, String, Option<String>)> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json")).unwrap();
    let description: Value = serde_json::from_str(&text).unwrap();
    let mut found = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let filled: Vec<&str> = path
                .split('/')
                .map(|part| match part {
                    "{request}" => "restart",
                    part if part.starts_with('{') => "1",
                    part => part,
                })
                .collect();
            let needed = operation["x-needed-role"].as_str().map(str::to_owned);
            found.push((method.to_uppercase(), filled.join("/"), needed));
        }
    }
    found
}

#[test]
fn every_operation_refuses_who_is_nobody_and_who_has_too_little() {
    let stage = Stage::new();
    stage.configure("[access]\nlocal_role = \"none\"\n");
    let _root = key(&stage, "root", "admin");
    let roles = ["station", "viewer", "operator"].map(|role| (role, key(&stage, role, role)));
    let station = Station::run(&stage);
    let operations = operations();
    assert!(operations.len() > 30, "{operations:?}");
    for (method, path, needed) in operations {
        let answer = ask(&station, &method, &path, &[], &Value::Null);
        let Some(needed) = needed else {
            assert_eq!(path, "/api/v1/session", "nothing else is open");
            continue;
        };
        assert_eq!(
            (answer.status, answer.problem()),
            (401, "unauthenticated"),
            "{method} {path}"
        );
        for (role, key) in &roles {
            let answer = with_key(&station, key, &method, &path, &Value::Null);
            if role == &needed {
                break;
            }
            assert_eq!(
                (answer.status, answer.problem()),
                (403, "forbidden"),
                "{method} {path} as {role}"
            );
            assert_eq!(answer.body["needed"], needed.as_str(), "{method} {path} as {role}");
        }
    }
}

#[test]
fn path_in_disguise_needs_what_the_plain_one_needs() {
    let stage = Stage::new();
    let _root = key(&stage, "root", "admin");
    let station = Station::run(&stage);
    for path in [
        "/api/v1/users",
        "/%61pi/v1/users",
        "/api/v1/%75sers",
        "/api/v1/users?x=1",
    ] {
        assert_eq!(ask(&station, "GET", path, &[], &Value::Null).status, 403, "{path}");
    }
    for path in [
        "//api/v1/users",
        "/api//v1/users",
        "/./api/v1/users",
        "/API/v1/users",
        "/api/v1/users/",
    ] {
        let status = ask(&station, "GET", path, &[], &Value::Null).status;
        assert!([403, 404].contains(&status), "{path}: {status}");
    }
}

#[test]
fn key_works_in_both_headers_and_a_wrong_one_is_no_local_user() {
    let stage = Stage::new();
    let root = key(&stage, "root", "admin");
    let station = Station::run(&stage);
    for headers in [
        [("Authorization", bearer(&root).as_str())],
        [("Authorization", format!("bearer {root}").as_str())],
        [("X-API-Key", root.as_str())],
    ] {
        let now = ask(&station, "GET", "/api/v1/session", &headers, &Value::Null).body;
        assert_eq!(
            (&now["via"], &now["identity"]["name"]),
            (&json!("key"), &json!("key:root"))
        );
        assert_eq!(
            ask(&station, "GET", "/api/v1/users", &headers, &Value::Null).status,
            200
        );
    }
    let (id, secret) = root.rsplit_once('_').unwrap();
    let almost = format!("{id}_{}", secret.chars().rev().collect::<String>());
    for headers in [
        [("Authorization", bearer(&almost).as_str())],
        [("X-API-Key", almost.as_str())],
        [("X-API-Key", "")],
        [("Authorization", "Basic YTpi")],
    ] {
        let answer = ask(&station, "GET", "/api/v1/events", &headers, &Value::Null);
        assert_eq!(
            (answer.status, answer.problem()),
            (401, "unauthenticated"),
            "{headers:?}"
        );
        let now = ask(&station, "GET", "/api/v1/session", &headers, &Value::Null);
        assert_eq!((now.status, &now.body["identity"]), (200, &Value::Null), "{headers:?}");
    }
}

#[test]
fn revoked_key_is_dead_at_once_and_its_open_streams_end() {
    let stage = Stage::new();
    let root = key(&stage, "root", "admin");
    let station = Station::run(&stage);
    let made = with_key(
        &station,
        &root,
        "POST",
        "/api/v1/keys",
        &json!({ "name": "dash", "role": "viewer" }),
    );
    assert_eq!(made.status, 201, "{}", made.body);
    let dash = made.body["key"].as_str().unwrap().to_owned();
    let headers = [("Authorization", bearer(&dash))];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut socket = Socket::connect_as(&station, "/ws", &headers).ok().unwrap();
    socket.send(&json!({ "subscribe": ["*"] }).to_string());
    assert!(socket.next()["snapshot"].is_object());
    let mut old = Socket::connect_as(&station, "/api/ws", &headers).ok().unwrap();
    let stream = agent()
        .get(station.url("/stream"))
        .header("Authorization", &bearer(&dash))
        .call()
        .unwrap();

    let listed = with_key(&station, &root, "GET", "/api/v1/keys", &Value::Null).body;
    let item = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["name"] == "dash")
        .unwrap();
    assert!(item["last_used_at"].is_string() && item["key"].is_null(), "{item}");
    assert_eq!(item["created_by"], "key:root");
    let path = format!("/api/v1/keys/{}", item["id"].as_str().unwrap());
    assert_eq!(with_key(&station, &root, "DELETE", &path, &Value::Null).status, 204);
    let audited = with_key(&station, &root, "GET", "/api/v1/audit", &Value::Null)
        .body
        .to_string();
    assert!(
        audited.contains("key.revoke"),
        "a revocation passes the gate: {audited}"
    );
    assert_eq!(with_key(&station, &root, "DELETE", &path, &Value::Null).status, 404);
    assert_eq!(
        with_key(&station, &dash, "GET", "/api/v1/events", &Value::Null).status,
        401
    );
    while socket.next_or_close().is_some() {}
    while old.next_or_close().is_some() {}
    let heard = stream
        .into_body()
        .read_to_string()
        .expect("the stream ends, and in order");
    assert!(heard.contains("event: snapshot"));
    assert!(
        !heard.contains("key_revoked"),
        "a viewer does not hear who has which key"
    );
    assert_eq!(Socket::connect_as(&station, "/ws", &headers).err(), Some(401));
}

#[test]
fn expired_key_is_dead() {
    let stage = Stage::new();
    let root = key(&stage, "root", "admin");
    let station = Station::run(&stage);
    let ends = model::Timestamp::now().plus(std::time::Duration::from_millis(1500));
    let asked = json!({ "name": "guest", "role": "viewer", "expires_at": ends });
    let made = with_key(&station, &root, "POST", "/api/v1/keys", &asked);
    let guest = made.body["key"].as_str().unwrap().to_owned();
    assert_eq!(
        with_key(&station, &guest, "GET", "/api/v1/events", &Value::Null).status,
        200
    );
    let deadline = std::time::Instant::now() + crate::harness::LIMIT;
    while with_key(&station, &guest, "GET", "/api/v1/events", &Value::Null).status != 401 {
        assert!(std::time::Instant::now() < deadline, "it lives for ever");
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    let past = json!({ "name": "late", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z" });
    assert_eq!(
        with_key(&station, &root, "POST", "/api/v1/keys", &past).problem(),
        "bad-body"
    );
}

#[test]
fn account_survives_a_kill_and_its_last_use_an_ordered_end() {
    let stage = Stage::new();
    let root = key(&stage, "root", "admin");
    let station = Station::run(&stage);
    let added = with_key(
        &station,
        &root,
        "POST",
        "/api/v1/keys",
        &json!({ "name": "dash", "role": "viewer" }),
    );
    let dash = added.body["key"].as_str().unwrap().to_owned();
    drop(station);

    let mut station = Station::run(&stage);
    assert_eq!(
        with_key(&station, &dash, "GET", "/api/v1/events", &Value::Null).status,
        200
    );
    station.signal("-TERM");
    assert!(station.wait_end().success());
    let list = printed(&command(&stage, &["key", "list"], ""));
    let row = list.lines().find(|line| line.contains("dash")).unwrap();
    assert!(!row.trim_end().ends_with('-'), "its last use is forgotten: {list}");
}

#[test]
fn journal_tells_admins_who_was_let_in_and_nobody_a_secret() {
    let stage = Stage::new();
    let root = key(&stage, "root", "admin");
    user(&stage, "ann", "operator");
    let station = Station::run(&stage);
    let ann = crate::people::Browser::sign_in(&station, "ann");
    let path = "/api/v1/events?source=access&limit=1000";
    let told = with_key(&station, &root, "GET", path, &Value::Null).body;
    let types: Vec<_> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["type"].as_str().unwrap())
        .collect();
    assert_eq!(types, ["session_started", "user_added", "key_added"]);
    let text = told.to_string();
    let secrets = [
        root.rsplit('_').next().unwrap(),
        ann.cookie.rsplit('_').next().unwrap(),
        "argon2",
        "hash",
    ];
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let seq = &told["items"][0]["seq"];
    let by_operator = ann.ask(&station, "GET", path, &Value::Null).body;
    assert_eq!(by_operator["items"], json!([]));
    assert_eq!(
        ann.ask(&station, "GET", &format!("/api/v1/events/{seq}"), &Value::Null)
            .status,
        404
    );
}

#[test]
fn station_open_to_the_network_without_tls_or_accounts_is_refused() {
    let stage = Stage::new();
    let refused = |stage: &Stage| {
        let output = command(stage, &["run"], "");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    stage.configure("[web]\nbind = \"0.0.0.0\"\nport = 0\n");
    let (code, said) = refused(&stage);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("[web.tls]") && said.contains("behind_tls_proxy"),
        "{said}"
    );

    crate::tls::certificate(&stage, "localhost");
    stage.configure(&crate::tls::section(&stage));
    let (code, said) = refused(&stage);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("stationd user add"), "{said}");
    let _root = key(&stage, "root", "admin");
    drop(Station::run(&stage));
}

#[test]
fn nobody_is_local_behind_a_declared_proxy() {
    let stage = Stage::new();
    stage.configure("[web]\nbehind_tls_proxy = true\n");
    let station = Station::run(&stage);
    assert_eq!(
        station.get("/api/v1/events").0,
        401,
        "no set-up by whom the proxy brings"
    );
    assert_eq!(station.get("/api/v1/session").1["identity"], Value::Null);
}

#[test]
fn command_line_keeps_the_accounts_with_and_without_a_station() {
    let stage = Stage::new();
    let run = |arguments: &[&str], input: &str| command(&stage, arguments, input);
    let short = run(&["user", "add", "ann", "--role", "admin"], "short\n");
    assert_eq!(short.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&short.stderr).contains("at least 8 characters"));
    printed(&run(
        &["user", "add", "ann", "--role", "admin"],
        "correct horse battery\n",
    ));
    assert!(
        !run(&["user", "remove", "ann"], "").status.success(),
        "the last admin stays"
    );
    let root = printed(&run(&["key", "add", "root", "--role", "admin"], ""))
        .trim()
        .to_owned();

    let station = Station::run(&stage);
    let at = station.url("");
    let online = |arguments: &[&str], input: &str, key: &str| {
        let mut command = stationd();
        command.args(arguments).args(["--url", &at]).env("STATIOND_KEY", key);
        command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped());
        let mut process = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut process.stdin.take().unwrap(), input.as_bytes()).unwrap();
        process.wait_with_output().unwrap()
    };
    let denied = online(&["user", "list"], "", "sk_x_y");
    assert_eq!(denied.status.code(), Some(1));
    printed(&online(
        &["user", "add", "vic", "--role", "viewer"],
        "another horse\n",
        &root,
    ));
    printed(&online(&["user", "passwd", "vic"], "battery staple\n", &root));
    assert_eq!(crate::people::try_sign_in(&station, "vic", "another horse").status, 401);
    assert_eq!(
        crate::people::try_sign_in(&station, "vic", "battery staple").status,
        200
    );
    let list = printed(&online(&["user", "list"], "", &root));
    assert!(list.contains("vic") && list.contains("viewer"), "{list}");
    let id = root.split('_').nth(1).unwrap();
    printed(&online(&["key", "revoke", id], "", &root));
    assert_eq!(
        online(&["key", "list"], "", &root).status.code(),
        Some(1),
        "its own key is gone"
    );
    drop(station);
    let list = printed(&run(&["user", "list"], ""));
    assert!(list.contains("ann") && list.contains("vic"), "{list}");
}
