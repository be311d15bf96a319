//! Where `tracing` goes: standard error, as text for people or JSON for machines.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// The HTTP server tells of each of its threads; what the supervisor says about it is enough.
const QUIET: &str = "actix_server=warn";

/// Starts logging. `RUST_LOG` wins over the configuration. Call once.
pub(super) fn init(config: &LogConfig) {
    let configured = || EnvFilter::new(format!("{QUIET},{}", config.level));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| configured());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    match config.format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).with_current_span(false).init(),
    }
}
