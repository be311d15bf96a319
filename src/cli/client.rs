//! The subcommands that ask a running station, over its API.

use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

/// How long an answer may take: longer than the service's own limit, so that its reason is shown rather than ours.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// Where a key for the API is found; on the command line, everybody on this computer could read it.
const KEY_VARIABLE: &str = "STATIOND_API_KEY";

/// Which station.
#[derive(Debug, clap::Args)]
pub(super) struct Station {
    /// Where the station is; a key for it is taken from the environment variable STATIOND_API_KEY
    #[arg(long, global = true, default_value = "http://localhost:8080")]
    url: String,
}

impl Station {
    /// What it answers.
    pub(super) fn get(&self, path: &str) -> anyhow::Result<Value> {
        let at = self.at(path);
        let mut request = agent().get(&at);
        if let Ok(key) = std::env::var(KEY_VARIABLE) {
            request = request.header("X-API-Key", key);
        }
        read(request.call().with_context(|| format!("no station answers at {at}"))?)
    }

    /// What it answers to this.
    pub(super) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let at = self.at(path);
        let mut request = agent().post(&at);
        if let Ok(key) = std::env::var(KEY_VARIABLE) {
            request = request.header("X-API-Key", key);
        }
        read(
            request
                .send_json(body)
                .with_context(|| format!("no station answers at {at}"))?,
        )
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url.trim_end_matches('/'))
    }
}

/// A field that is a text; empty if it is none.
pub(super) fn word<'a>(document: &'a Value, field: &str) -> &'a str {
    document.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(ANSWER_LIMIT))
        .build();
    config.into()
}

/// The body, or the problem document as an error.
fn read(mut answer: ureq::http::Response<ureq::Body>) -> anyhow::Result<Value> {
    let status = answer.status();
    let body: Value = answer.body_mut().read_json().context("the answer is no JSON")?;
    if !status.is_success() {
        bail!("{}: {}", word(&body, "title"), word(&body, "detail"));
    }
    Ok(body)
}
