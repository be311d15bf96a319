//! The sections of the service itself.

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

/// `[log]`: what the service tells about itself on standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,repeater=debug`; `RUST_LOG` wins.
    pub(crate) level: String,
    /// How a line looks.
    pub(crate) format: LogFormat,
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
        }
    }
}

impl LogConfig {
    pub(crate) fn problems(&self) -> Vec<(String, String)> {
        match EnvFilter::builder().parse(&self.level) {
            Ok(_) => Vec::new(),
            Err(error) => vec![("level".to_owned(), format!("{:?}: {error}", self.level))],
        }
    }
}
