//! Bad requests: each gets a problem document with a 4xx.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::harness::{LIMIT, Stage, Station, agent, repeater};

#[test]
fn bad_request_gets_a_problem_document_that_names_its_kind() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    for (path, status, kind) in [
        ("/nowhere", 404, "not-found"),
        ("/api/v1/events?limit=0", 400, "bad-query"),
        ("/api/v1/events?limit=many", 400, "bad-query"),
        ("/api/v1/events?colour=red", 400, "bad-query"),
        ("/api/v1/events?from=yesterday", 400, "bad-query"),
        ("/api/v1/events?cursor=x", 400, "bad-query"),
        ("/api/v1/events/first", 400, "bad-path"),
        ("/api/v1/events/999999", 404, "not-found"),
        ("/api/v1/repeater/calls?mode=cb", 400, "bad-query"),
        ("/api/v1/repeater/calls/999999", 404, "not-found"),
        ("/api/v1/actors/nobody/restart", 405, "method-not-allowed"),
        ("/ws", 400, "bad-request"),
        ("/stream?since=x", 400, "bad-query"),
    ] {
        let (answered, problem) = station.get(path);
        assert_eq!(answered, status, "{path}: {problem:#}");
        assert_eq!(
            problem["type"],
            format!("urn:stationd:problem:{kind}"),
            "{path}: {problem:#}"
        );
        assert_eq!(problem["status"], status, "{path}");
        assert!(
            problem["title"].is_string() && problem["detail"].is_string(),
            "{path}: {problem:#}"
        );
    }
}

#[test]
fn bad_operator_request_gets_a_problem_document() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let post = |path: &str, body: &Value| {
        let (status, problem) = station.post(path, body);
        (status, problem["type"].as_str().unwrap().to_owned())
    };
    let kind = |name: &str| format!("urn:stationd:problem:{name}");
    assert_eq!(
        post("/api/v1/actors/nobody/restart", &Value::Null),
        (404, kind("not-found"))
    );
    assert_eq!(
        post("/api/v1/actors/repeater//restart", &Value::Null),
        (404, kind("not-found"))
    );
    let bad_body = post("/api/v1/actors/repeater/parser/restart", &json!({ "whi": "x" }));
    assert_eq!(bad_body, (400, kind("bad-body")));
    let large = json!({ "why": "x".repeat(100_000) });
    assert_eq!(
        post("/api/v1/actors/repeater/parser/restart", &large),
        (413, kind("too-large"))
    );
}

#[test]
fn foreign_host_and_foreign_origin_are_refused() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let answer = agent()
        .get(station.url("/api/v1/health"))
        .header("Host", "evil.example")
        .call()
        .unwrap();
    assert_eq!(answer.status(), 421);
    let answer = agent()
        .post(station.url("/api/v1/actors/repeater/parser/restart"))
        .header("Origin", "http://evil.example")
        .send_empty()
        .unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

#[test]
fn socket_answers_a_bad_message_with_a_problem_and_stays_open() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let mut socket = station.socket(&json!({ "subscribe": [] }));
    for text in ["", "{}", "{\"subscribe\":\"x\"}", "[1]"] {
        assert_eq!(socket.next()["error"]["type"], "urn:stationd:problem:bad-message");
        socket.send(text);
    }
    assert_eq!(socket.next()["error"]["type"], "urn:stationd:problem:bad-message");
    socket.send(&repeater().to_string());
    assert!(socket.next()["snapshot"].is_object());
}

#[test]
fn socket_is_closed_on_a_message_over_the_limit() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let mut socket = station.socket(&repeater());
    assert!(socket.next()["snapshot"].is_object());
    socket.send(&"x".repeat(70_000));
    while socket.next_or_close().is_some() {}
}

#[test]
fn line_noise_instead_of_http_does_not_disturb_the_others() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    let mut noise = TcpStream::connect(&station.address).unwrap();
    noise.set_read_timeout(Some(LIMIT)).unwrap();
    noise.write_all(b"\x00\xff\x16\x03\x01 not http\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    noise.read_to_end(&mut answer).unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 400"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    assert_eq!(station.get("/api/v1/health").0, 200);
}

#[test]
fn head_request_answers_like_get_without_a_body() {
    let stage = Stage::new();
    let station = Station::run(&stage);
    for (path, status) in [("/", 200), ("/api/v1/health", 200), ("/nowhere", 404), ("/stream", 405)] {
        let mut answer = agent().head(station.url(path)).call().expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{path}");
        assert_eq!(answer.body_mut().read_to_string().expect("no body"), "", "{path}");
    }
}
