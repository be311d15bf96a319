//! The sections of the service itself.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

/// Longest station name, in characters; it has to fit the top line of a phone.
const MAX_NAME_CHARS: usize = 64;

/// `[station]`: who this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct StationConfig {
    /// Shown at the top of the page, 1 to 64 characters.
    pub(crate) name: String,
}

impl Default for StationConfig {
    fn default() -> StationConfig {
        StationConfig {
            name: "My station".to_owned(),
        }
    }
}

impl StationConfig {
    pub(crate) fn problems(&self) -> Vec<(String, String)> {
        let chars = self.name.trim().chars().count();
        if (1..=MAX_NAME_CHARS).contains(&chars) {
            return Vec::new();
        }
        vec![(
            "name".to_owned(),
            format!("must have 1 to {MAX_NAME_CHARS} characters, not {chars}"),
        )]
    }
}

/// `[web]`: where the page and the API are served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WebConfig {
    /// Address to listen on; loopback only, because nobody is asked to sign in yet.
    pub(crate) bind: IpAddr,
    /// TCP port to listen on; 0 takes a free one and logs it.
    pub(crate) port: u16,
    /// Further host names under which a reverse proxy or a tunnel shows the service.
    pub(crate) allowed_hosts: Vec<String>,
}

impl Default for WebConfig {
    fn default() -> WebConfig {
        WebConfig {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 8080,
            allowed_hosts: Vec::new(),
        }
    }
}

impl WebConfig {
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::new(self.bind, self.port)
    }

    pub(crate) fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        if !self.bind.is_loopback() {
            problems.push((
                "bind".to_owned(),
                format!(
                    "{} is no loopback address, and stationd does not ask anybody to sign in yet; \
                     use 127.0.0.1 or ::1 and reach it through an SSH tunnel or a reverse proxy that authenticates",
                    self.bind
                ),
            ));
        }
        if let Some(bad) = self.allowed_hosts.iter().find(|host| !is_host_name(host)) {
            problems.push((
                "allowed_hosts".to_owned(),
                format!("{bad:?} is no host name; write it without scheme, port and path, as in \"radio.example.org\""),
            ));
        }
        problems
    }
}

fn is_host_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
}

/// Largest log file, in MiB.
const FILE_MB_MAX: u32 = 1024;

/// Most log files.
const FILES_MAX: u32 = 100;

/// `[log]`: what the service tells about itself on standard error, and in a file if one is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,repeater=debug`; `RUST_LOG` wins.
    pub(crate) level: String,
    /// How a line looks.
    pub(crate) format: LogFormat,
    /// A file that gets the same lines; empty for none.
    pub(crate) file: PathBuf,
    /// Size at which a new file begins, in MiB, 1..=1024.
    pub(crate) file_mb: u32,
    /// How many files there are at most, the newest included, 2..=100.
    pub(crate) files: u32,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig {
            level: "info".to_owned(),
            format: LogFormat::Text,
            file: PathBuf::new(),
            file_mb: 10,
            files: 5,
        }
    }
}

impl LogConfig {
    pub(crate) fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut check = |sound: bool, key: &str, reason: String| {
            if !sound {
                problems.push((key.to_owned(), reason));
            }
        };
        if let Err(error) = EnvFilter::builder().parse(&self.level) {
            check(false, "level", format!("{:?}: {error}", self.level));
        }
        check(
            self.file.as_os_str().is_empty() || self.file.file_name().is_some(),
            "file",
            format!("must name a file, not {:?}", self.file),
        );
        check(
            (1..=FILE_MB_MAX).contains(&self.file_mb),
            "file_mb",
            format!("must be 1 to {FILE_MB_MAX}, not {}", self.file_mb),
        );
        check(
            (2..=FILES_MAX).contains(&self.files),
            "files",
            format!("must be 2 to {FILES_MAX}, not {}", self.files),
        );
        problems
    }
}
