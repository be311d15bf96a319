//! Browsers: signing in and out, the cookie, and those who guess.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{LIMIT, Socket, Stage, Station};
use crate::people::{Browser, PASSWORD, ask, try_sign_in, user};

fn station(stage: &Stage) -> Station {
    user(stage, "ann", "admin");
    user(stage, "vic", "viewer");
    Station::run(stage)
}

#[test]
fn cookie_is_out_of_reach_for_scripts_and_other_sites() {
    let stage = Stage::new();
    let station = station(&stage);
    let answer = try_sign_in(&station, "ann", PASSWORD);
    let cookie = answer.header("set-cookie");
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=2592000"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(
        !cookie.contains("Secure"),
        "the browser would not send it to this plain station"
    );
    assert_eq!(answer.body["identity"], json!({ "name": "ann", "role": "admin" }));
    assert!(answer.body["expires_at"].is_string() && answer.body["via"] == "session");
    let ann = Browser::of(&answer);
    let foreign = [("Cookie", ann.cookie.as_str()), ("Origin", "http://evil.example")];
    let read = ask(&station, "GET", "/api/v1/users", &foreign, &Value::Null);
    assert_eq!(read.status, 401, "another site's page has no cookie, whatever it sends");
    assert_eq!(Socket::connect_as(&station, "/ws", &foreign).err(), Some(403));
}

#[test]
fn cookie_alone_changes_nothing_without_the_word_of_its_page() {
    let stage = Stage::new();
    let station = station(&stage);
    let (ann, other) = (Browser::sign_in(&station, "ann"), Browser::sign_in(&station, "ann"));
    let path = "/api/v1/keys";
    let wanted = json!({ "name": "x", "role": "viewer" });
    for said in ["", "x", other.csrf.as_str()] {
        let headers = [("Cookie", ann.cookie.as_str()), ("X-CSRF-Token", said)];
        let answer = ask(&station, "POST", path, &headers, &wanted);
        assert_eq!((answer.status, answer.problem()), (403, "bad-csrf"), "{said}");
        let out = ask(&station, "DELETE", "/api/v1/session", &headers, &Value::Null);
        assert_eq!(out.status, 403, "not even out");
    }
    assert_eq!(ann.ask(&station, "POST", path, &wanted).status, 201);
    let again = ask(
        &station,
        "GET",
        "/api/v1/session",
        &[("Cookie", &ann.cookie)],
        &Value::Null,
    );
    assert_eq!(again.body["csrf"], ann.csrf.as_str());
}

#[test]
fn session_ends_with_signing_out_and_its_socket_with_it() {
    let stage = Stage::new();
    let station = station(&stage);
    let vic = Browser::sign_in(&station, "vic");
    let headers = [("Cookie", vic.cookie.as_str())];
    let mut socket = Socket::connect_as(&station, "/ws", &headers).ok().unwrap();
    socket.send(&json!({ "subscribe": ["*"] }).to_string());
    assert!(socket.next()["snapshot"].is_object());
    let out = vic.ask(&station, "DELETE", "/api/v1/session", &Value::Null);
    assert_eq!(out.status, 204);
    assert!(
        out.header("set-cookie").contains("Max-Age=0"),
        "{}",
        out.header("set-cookie")
    );
    while socket.next_or_close().is_some() {}
    let now = vic.ask(&station, "GET", "/api/v1/session", &Value::Null).body;
    assert_eq!(now["via"], "local", "what is left is sitting at this computer");
}

#[test]
fn new_sign_in_ends_the_session_before_it() {
    let stage = Stage::new();
    let station = station(&stage);
    let first = Browser::sign_in(&station, "vic");
    let body = json!({ "user": "vic", "password": PASSWORD });
    let second = Browser::of(&first.ask(&station, "POST", "/api/v1/session", &body));
    assert_ne!(first.cookie, second.cookie);
    assert_eq!(
        first.ask(&station, "GET", "/api/v1/session", &Value::Null).body["via"],
        "local"
    );
    assert_eq!(
        second.ask(&station, "GET", "/api/v1/session", &Value::Null).body["via"],
        "session"
    );
}

#[test]
fn sessions_are_listed_and_ended_one_by_one_and_everywhere() {
    let stage = Stage::new();
    let station = station(&stage);
    let ann = Browser::sign_in(&station, "ann");
    let here = Browser::sign_in(&station, "vic");
    let there = Browser::sign_in(&station, "vic");
    let list = |browser: &Browser| browser.ask(&station, "GET", "/api/v1/sessions", &Value::Null).body["items"].clone();
    let own = list(&here);
    assert_eq!(own.as_array().unwrap().len(), 2, "{own:#}");
    let current = own
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["current"] == true)
        .unwrap();
    assert_eq!((&current["user"], &current["role"]), (&json!("vic"), &json!("viewer")));
    assert_eq!(current["address"], "127.0.0.1");
    let everybodys = list(&ann);
    assert_eq!(everybodys.as_array().unwrap().len(), 3);
    let anns = everybodys
        .as_array()
        .unwrap()
        .iter()
        .find(|item| item["user"] == "ann")
        .unwrap();
    let path = format!("/api/v1/sessions/{}", anns["id"].as_str().unwrap());
    assert_eq!(
        here.ask(&station, "DELETE", &path, &Value::Null).status,
        404,
        "not a viewer's business"
    );

    let path = format!("/api/v1/sessions/{}", current["id"].as_str().unwrap());
    assert_eq!(ann.ask(&station, "DELETE", &path, &Value::Null).status, 204);
    assert_eq!(
        here.ask(&station, "GET", "/api/v1/session", &Value::Null).body["via"],
        "local"
    );
    assert_eq!(
        there.ask(&station, "DELETE", "/api/v1/sessions", &Value::Null).status,
        204
    );
    assert_eq!(
        there.ask(&station, "GET", "/api/v1/session", &Value::Null).body["via"],
        "local"
    );
    assert_eq!(list(&ann).as_array().unwrap().len(), 1);
}

#[test]
fn guesser_is_slowed_down_and_the_owner_is_not_locked_out() {
    let stage = Stage::new();
    let station = station(&stage);
    let _known_from_here = Browser::sign_in(&station, "ann");
    let mut slowed = None;
    for attempt in 0..40 {
        let answer = try_sign_in(&station, "ann", &format!("guess {attempt}"));
        if answer.status == 429 {
            assert_eq!(answer.problem(), "too-many-attempts");
            slowed = Some(answer.header("retry-after").parse::<u64>().unwrap());
            break;
        }
        assert_eq!((answer.status, answer.problem()), (401, "sign-in-refused"));
    }
    let wait = slowed.expect("somebody slows the guesser down");
    assert!(wait <= 3, "the owner waits {wait} s");
    let deadline = Instant::now() + LIMIT;
    loop {
        let answer = try_sign_in(&station, "ann", PASSWORD);
        if answer.status == 200 {
            break;
        }
        assert_eq!(answer.status, 429);
        assert!(Instant::now() < deadline, "the owner is locked out");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

#[test]
fn name_that_nobody_has_is_refused_like_a_wrong_password() {
    let stage = Stage::new();
    let station = station(&stage);
    let wrong = try_sign_in(&station, "ann", "wrong password");
    let nobody = try_sign_in(&station, "nobody", "wrong password");
    assert_eq!((wrong.status, nobody.status), (401, 401));
    assert_eq!(wrong.body, nobody.body);
    for bad in [
        json!({}),
        json!([]),
        json!({ "user": "ann" }),
        json!({ "user": 1, "password": 2 }),
    ] {
        let answer = ask(&station, "POST", "/api/v1/session", &[], &bad);
        assert_eq!((answer.status, answer.problem()), (400, "bad-body"), "{bad}");
    }
    let long = try_sign_in(&station, "ann", &"x".repeat(10_000));
    assert_eq!(long.status, 401);
}
