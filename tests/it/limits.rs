//! What no client may do too much of, and what every answer says.

use serde_json::Value;

use crate::harness::{Stage, Station};
use crate::people::{ask, bearer, key};

#[test]
fn client_that_asks_too_much_is_told_when_to_come_back() {
    let stage = Stage::new();
    stage.configure("[web]\nrequests_per_second = 5\n");
    let (root, dash) = (key(&stage, "root", "admin"), key(&stage, "dash", "viewer"));
    let station = Station::run(&stage);
    let ask_as = |key: &str| {
        let headers = [
            ("Authorization", bearer(key)),
            ("X-Forwarded-For", "192.0.2.1".to_owned()),
        ];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        ask(&station, "GET", "/api/status", &headers, &Value::Null)
    };
    let answers: Vec<_> = (0..60).map(|_| ask_as(&root)).collect();
    let passed = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((20..50).contains(&passed), "{passed} of 60 pass");
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(refused.problem(), "too-many-requests");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(ask_as(&dash).status, 200, "another client is not touched");
    for _ in 0..100 {
        assert_eq!(
            station.get("/api/status").0,
            200,
            "programs on this computer are not counted"
        );
    }
}

#[test]
fn wrong_keys_are_counted_by_address() {
    let stage = Stage::new();
    stage.configure("[web]\nrequests_per_second = 5\n");
    let _root = key(&stage, "root", "admin");
    let station = Station::run(&stage);
    let guess = |number: usize| {
        let key = format!("sk_{number:012}_x");
        let headers = [("X-API-Key", key.as_str()), ("Via", "x")];
        ask(&station, "GET", "/api/status", &headers, &Value::Null).status
    };
    let statuses: Vec<_> = (0..60).map(guess).collect();
    assert!(statuses.contains(&401) && statuses.contains(&429), "{statuses:?}");
}

#[test]
fn request_with_too_large_a_head_is_refused() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let large = "x".repeat(20_000);
    let answer = ask(&station, "GET", "/api/v1/health", &[("X-Large", &large)], &Value::Null);
    assert_eq!((answer.status, answer.problem()), (431, "head-too-large"));
    let huge = "x".repeat(1_000_000);
    let sent = crate::harness::agent()
        .get(station.url("/api/v1/health"))
        .header("X-Large", &huge)
        .call();
    assert!(sent.map_or(true, |answer| answer.status().is_client_error()));
    assert_eq!(station.get("/api/v1/health").0, 200);
}

#[test]
fn every_answer_tells_browsers_to_be_careful() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    for (path, headers, status) in [
        ("/", [("Accept", "text/html")], 200),
        ("/docs/", [("Accept", "text/html")], 200),
        ("/docs/swagger-ui.css", [("Accept", "text/css")], 200),
        ("/api/v1/health", [("Accept", "*/*")], 200),
        ("/nowhere", [("Accept", "*/*")], 404),
        ("/api/v1/events", [("X-API-Key", "wrong")], 401),
        ("/api/v1/health", [("Host", "evil.example")], 421),
    ] {
        let answer = ask(&station, "GET", path, &headers, &Value::Null);
        assert_eq!(answer.status, status, "{path}");
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert_eq!(
            answer.headers.get_all("content-security-policy").iter().count(),
            1,
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
    }
}

#[test]
fn page_of_the_description_has_nothing_inline_that_its_policy_forbids() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let (_, _, page) = station.text("/docs/");
    assert!(page.contains("swagger-initializer.js"), "{page}");
    assert!(
        !page.contains("<style") && !page.contains("style=") && !page.contains("onload="),
        "{page}"
    );
    assert!(
        page.split("<script")
            .skip(1)
            .all(|script| script.trim_start().starts_with("src=")),
        "{page}"
    );
    let (_, _, script) = station.text("/docs/swagger-initializer.js");
    assert!(script.contains("/api/v1/openapi.json"), "{script}");
}

#[test]
fn other_site_may_ask_with_a_key_if_it_is_configured_and_never_with_a_cookie() {
    let stage = Stage::new();
    stage.configure("[web]\ncors_origins = [\"https://map.example.org\"]\n");
    let root = key(&stage, "root", "admin");
    let station = Station::run(&stage);
    let from = |origin: &str, more: &[(&str, &str)], method: &str| {
        let headers: Vec<_> = [("Origin", origin)].into_iter().chain(more.iter().copied()).collect();
        ask(&station, method, "/api/v1/events", &headers, &Value::Null)
    };
    let asked = [
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "authorization"),
    ];
    let preflight = from("https://map.example.org", &asked, "OPTIONS");
    assert_eq!(
        (preflight.status, preflight.header("access-control-allow-origin")),
        (204, "https://map.example.org")
    );
    assert_eq!(preflight.header("access-control-allow-credentials"), "");
    let bearer = bearer(&root);
    let answer = from("https://map.example.org", &[("Authorization", &bearer)], "GET");
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (200, "https://map.example.org")
    );
    assert_eq!(
        from("https://map.example.org", &[], "GET").status,
        401,
        "a page of another site is not local"
    );
    for origin in [
        "https://evil.example",
        "http://map.example.org",
        "https://map.example.org.evil.example",
        "null",
    ] {
        assert_eq!(
            from(origin, &asked, "OPTIONS").header("access-control-allow-origin"),
            "",
            "{origin}"
        );
        let answer = from(origin, &[("Authorization", &bearer)], "GET");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{origin}");
    }
}
