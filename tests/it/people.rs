//! People and programs that come to a station: with keys, with passwords, with browsers.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::harness::{Stage, Station, agent, stationd};

/// A password that nobody minds reading here.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// An answer, whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// Last part of the problem's type.
    pub(crate) fn problem(&self) -> &str {
        let kind = self.body["type"].as_str().unwrap_or_default();
        kind.strip_prefix("urn:stationd:problem:").unwrap_or_default()
    }
}

/// Asks, with headers of one's own. A body that is no JSON is null.
pub(crate) fn ask(station: &Station, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    ask_at(&agent(), &station.url(path), method, headers, body)
}

/// The same anywhere.
pub(crate) fn ask_at(agent: &ureq::Agent, url: &str, method: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = if body.is_null() {
        agent.run(request.body(()).expect("a request"))
    } else {
        let request = request.header("Content-Type", "application/json");
        agent.run(request.body(body.to_string()).expect("a request"))
    };
    let mut answer = answer.expect("an answer");
    let is_stream = answer
        .headers()
        .get("content-type")
        .is_some_and(|kind| kind == "text/event-stream");
    let text = if is_stream {
        String::new()
    } else {
        answer.body_mut().read_to_string().unwrap_or_default()
    };
    Answer {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        body: serde_json::from_str(&text).unwrap_or_default(),
    }
}

/// Runs the command line on the station of this stage.
pub(crate) fn command(stage: &Stage, arguments: &[&str], input: &str) -> Output {
    let mut command = stationd();
    command.args(arguments).arg("--config").arg(stage.config());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut process = command.spawn().expect("the binary starts");
    let mut stdin = process.stdin.take().expect("a pipe");
    // It may have refused without reading.
    let _read_or_not = stdin.write_all(input.as_bytes()).is_ok();
    drop(stdin);
    process.wait_with_output().expect("it ends")
}

/// What it prints; it must succeed.
pub(crate) fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// Makes a key while no station runs.
pub(crate) fn key(stage: &Stage, name: &str, role: &str) -> String {
    printed(&command(stage, &["key", "add", name, "--role", role], ""))
        .trim()
        .to_owned()
}

/// Makes a user while no station runs.
pub(crate) fn user(stage: &Stage, name: &str, role: &str) {
    printed(&command(stage, &["user", "add", name, "--role", role], PASSWORD));
}

/// A browser in which somebody signed in.
pub(crate) struct Browser {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Browser {
    pub(crate) fn sign_in(station: &Station, name: &str) -> Browser {
        Browser::of(&try_sign_in(station, name, PASSWORD))
    }

    pub(crate) fn of(answer: &Answer) -> Browser {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let cookie = answer
            .header("set-cookie")
            .split(';')
            .next()
            .expect("a cookie")
            .to_owned();
        Browser {
            cookie,
            csrf: answer.body["csrf"].as_str().expect("a word").to_owned(),
        }
    }

    pub(crate) fn ask(&self, station: &Station, method: &str, path: &str, body: &Value) -> Answer {
        let headers = [("Cookie", self.cookie.as_str()), ("X-CSRF-Token", self.csrf.as_str())];
        ask(station, method, path, &headers, body)
    }
}

pub(crate) fn try_sign_in(station: &Station, name: &str, password: &str) -> Answer {
    let body = json!({ "user": name, "password": password });
    ask(station, "POST", "/api/v1/session", &[], &body)
}

/// The header of a key.
pub(crate) fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}
