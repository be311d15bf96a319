//! A running station, as the command line asks it: where it is, what is shown to it, and its answers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use rustls::crypto::ring;
use serde_json::Value;
use ureq::http::Method;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Where a station is when nothing else is said.
pub(super) const DEFAULT_URL: &str = "http://localhost:8080";

/// The variable with the key. On the command line, everybody on this computer could read it.
const KEY_VARIABLE: &str = "STATIOND_KEY";

/// How long an answer may take: longer than the service's own limit, so that its reason is shown rather than ours.
const ANSWER_LIMIT: Duration = Duration::from_secs(100);

/// Where the station is, and what it is shown.
#[derive(Debug, clap::Args)]
pub(super) struct Connection {
    /// Where the station is [default: http://localhost:8080]
    #[arg(long, global = true)]
    pub(super) url: Option<String>,
    /// API key to show; better in the variable STATIOND_KEY, where others on this computer cannot read it
    #[arg(long, global = true)]
    key: Option<String>,
    /// PEM file with the certificates that an https station is trusted by
    #[arg(long, global = true, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Asks a station.
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
    key: Option<String>,
}

impl Client {
    /// `url`: where it is if the user says nothing.
    pub(super) fn new(at: &Connection, url: &str) -> anyhow::Result<Client> {
        let url = at.url.as_deref().unwrap_or(url).trim_end_matches('/').to_owned();
        if url.starts_with("https:") && at.ca.is_none() {
            bail!("{url}: name the certificates that it is trusted by with --ca");
        }
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .root_certs(roots(at.ca.as_ref())?)
            .build();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(ANSWER_LIMIT))
            .tls_config(tls)
            .build();
        Ok(Client {
            agent: config.into(),
            url,
            key: at.key.clone().or_else(|| std::env::var(KEY_VARIABLE).ok()),
        })
    }

    /// Where it is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, None)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask(Method::POST, path, Some(body))
    }

    pub(super) fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask(Method::PATCH, path, Some(body))
    }

    pub(super) fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::DELETE, path, None)
    }

    /// The body of the answer, null if it has none, or the problem document as an error.
    fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let at = format!("{}{path}", self.url);
        let mut request = ureq::http::Request::builder().method(method).uri(&at);
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let answer = match body {
            None => self.agent.run(request.body(())?),
            Some(body) => {
                let request = request.header("Content-Type", "application/json");
                self.agent.run(request.body(body.to_string())?)
            }
        };
        read(answer.with_context(|| format!("no station answers at {at}"))?)
    }
}

fn roots(ca: Option<&PathBuf>) -> anyhow::Result<RootCerts> {
    let Some(path) = ca else {
        return Ok(RootCerts::new_with_certs(&[]));
    };
    let pem = std::fs::read(path).with_context(|| format!("{} (--ca)", path.display()))?;
    let certificate = |item: Result<PemItem<'static>, ureq::Error>| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    };
    let trusted: Vec<Certificate<'static>> = parse_pem(&pem).filter_map(certificate).collect();
    if trusted.is_empty() {
        bail!("{} (--ca): there is no certificate in it", path.display());
    }
    Ok(RootCerts::new_with_certs(&trusted))
}

fn read(mut answer: ureq::http::Response<ureq::Body>) -> anyhow::Result<Value> {
    let status = answer.status();
    let text = answer.body_mut().read_to_string()?;
    if text.is_empty() && status.is_success() {
        return Ok(Value::Null);
    }
    let body: Value = serde_json::from_str(&text).context("the answer is no JSON")?;
    if !status.is_success() {
        bail!("{}: {}", word(&body, "title"), word(&body, "detail"));
    }
    Ok(body)
}

/// A text of a document, empty if there is none.
pub(super) fn word<'a>(document: &'a Value, key: &str) -> &'a str {
    document.get(key).and_then(Value::as_str).unwrap_or_default()
}
