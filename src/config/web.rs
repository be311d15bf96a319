//! `[web]`: where the page and the API are served, and who stands in between.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Highest rate that can be configured, in requests a second.
const MAX_RATE: u32 = 1_000_000;

/// `[web]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WebConfig {
    /// Address to listen on; other than loopback only with TLS and accounts, or behind a declared proxy.
    pub(crate) bind: IpAddr,
    /// TCP port to listen on; 0 takes a free one and logs it.
    pub(crate) port: u16,
    /// Host names, other than this computer's own and addresses, under which the service is reached.
    pub(crate) allowed_hosts: Vec<String>,
    /// Whether a reverse proxy stands in front that speaks TLS. Nobody is local then: everybody signs in.
    pub(crate) behind_tls_proxy: bool,
    /// Where that proxy is: the addresses whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// Origins of other sites whose pages may use the API with a key.
    pub(crate) cors_origins: Vec<String>,
    /// Requests a second that one client may make for long; four times as many at once. 0: no limit.
    pub(crate) requests_per_second: u32,
    /// Our own TLS.
    pub(crate) tls: TlsConfig,
}

/// `[web.tls]`: PEM files, read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TlsConfig {
    /// The certificate, with those in between it and the authority behind it.
    pub(crate) certificate: Option<PathBuf>,
    /// Its private key.
    pub(crate) key: Option<PathBuf>,
}

impl TlsConfig {
    /// Both files, if TLS is wanted.
    pub(crate) fn files(&self) -> Option<(PathBuf, PathBuf)> {
        self.certificate.clone().zip(self.key.clone())
    }
}

impl Default for WebConfig {
    fn default() -> WebConfig {
        WebConfig {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8080,
            allowed_hosts: Vec::new(),
            behind_tls_proxy: false,
            trusted_proxies: vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
            cors_origins: Vec::new(),
            requests_per_second: 50,
            tls: TlsConfig::default(),
        }
    }
}

impl WebConfig {
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.bind, self.port)
    }

    /// Whether what is said to the service can be read on the way.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.behind_tls_proxy || self.tls.files().is_some()
    }

    pub(crate) fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut blame = |key: &str, reason: String| problems.push((key.to_owned(), reason));
        if !self.bind.is_loopback() && !self.is_encrypted() {
            blame(
                "bind",
                format!(
                    "{} is no loopback address, and passwords would cross the network readable: name a certificate in \
                     [web.tls], or set web.behind_tls_proxy if a reverse proxy speaks TLS in front, or use 127.0.0.1 or \
                     ::1 and an SSH tunnel",
                    self.bind
                ),
            );
        }
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            let missing = if self.tls.key.is_none() {
                "tls.key"
            } else {
                "tls.certificate"
            };
            blame(
                missing,
                "TLS needs both, web.tls.certificate and web.tls.key".to_owned(),
            );
        }
        if let Some(bad) = self.allowed_hosts.iter().find(|host| !is_host_name(host)) {
            blame(
                "allowed_hosts",
                format!("{bad:?} is no host name; write it without scheme, port and path, as in \"radio.example.org\""),
            );
        }
        if let Some(bad) = self.cors_origins.iter().find(|origin| !is_origin(origin)) {
            blame(
                "cors_origins",
                format!("{bad:?} is no origin; write scheme, host and port only, as in \"https://radio.example.org\""),
            );
        }
        if self.requests_per_second > MAX_RATE {
            blame(
                "requests_per_second",
                format!("must be 0 to {MAX_RATE}, not {}", self.requests_per_second),
            );
        }
        problems
    }
}

fn is_host_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        let (name, port) = host.rsplit_once(':').unwrap_or((host, "1"));
        is_host_name(name) && port.parse::<u16>().is_ok() && text == text.to_ascii_lowercase()
    })
}
