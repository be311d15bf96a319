//! The configuration: one TOML file, overridden by `STATIOND__SECTION__KEY`, checked as a whole before any port opens.
//!
//! Owns: the sections that belong to no subsystem (`station`, `web`, `clients`, `access`, `log`) and the rule that all problems are
//! told at once.
//! Fails with: a list of [`Problem`]s, each with the key, the reason and where the value came from; the process exits with code 2.

mod access;
mod check;
mod clients;
mod problem;
mod sections;
mod shown;
mod web;

use std::fs;
use std::path::{Path, PathBuf};

use gate::GateConfig;
use journal::JournalConfig;
use power::{DeviceConfig, PowerConfig};
use repeater::{GatewayConfig, MqttConfig, RepeaterConfig};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use access::{AccessConfig, LocalRole};
pub(crate) use check::{Checked, check};
pub(crate) use clients::ClientsConfig;
pub(crate) use problem::{Origin, Problem, ProblemShown, Set};
pub(crate) use sections::{LogConfig, LogFormat, StationConfig};
pub(crate) use shown::{KeyChange, changes, origins, shown};
pub(crate) use web::WebConfig;

/// Where `run` looks for its file when none is named.
pub(crate) const DEFAULT_FILE: &str = "/etc/stationd/stationd.toml";

/// What every key's environment variable begins with: `STATIOND__WEB__PORT` is `web.port`.
pub(crate) const ENV_PREFIX: &str = "STATIOND";

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) station: StationConfig,
    pub(crate) journal: JournalConfig,
    pub(crate) gate: GateConfig,
    pub(crate) repeater: RepeaterConfig,
    pub(crate) power: PowerConfig,
    pub(crate) web: WebConfig,
    pub(crate) clients: ClientsConfig,
    pub(crate) access: AccessConfig,
    pub(crate) log: LogConfig,
}

impl Checked for Config {
    fn problems(&self) -> Vec<(String, String)> {
        let sections = [
            ("station", self.station.problems()),
            ("journal", self.journal.problems()),
            ("gate", self.gate.problems()),
            ("repeater", self.repeater.problems()),
            ("power", power::problems(&self.power)),
            ("web", self.web.problems()),
            ("clients", self.clients.problems()),
            ("access", self.access.problems()),
            ("log", self.log.problems()),
        ];
        let named = |(section, problems): (&str, Vec<(String, String)>)| {
            let section = section.to_owned();
            problems
                .into_iter()
                .map(move |(key, reason)| (format!("{section}.{key}"), reason))
        };
        sections.into_iter().flat_map(named).collect()
    }

    fn templates() -> Vec<(&'static str, Value)> {
        let host = serde_json::to_value(MqttConfig::default());
        let gateway = serde_json::to_value(GatewayConfig::default());
        let device = serde_json::to_value(DeviceConfig::default());
        vec![
            ("repeater.mqtt", host.unwrap_or_default()),
            ("repeater.gateways", gateway.unwrap_or_default()),
            ("power", device.unwrap_or_default()),
        ]
    }
}

/// What a file and this process's environment come to.
#[derive(Clone, Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Config,
    /// Who set which key.
    pub(crate) set: Set,
    /// Where the file is, and what it says; `None` where there is none.
    pub(crate) file: Option<(PathBuf, String)>,
}

/// Reads the file (the default one may be absent) and this process's environment.
///
/// # Errors
/// Every problem of both, in the order of the file, then of the environment.
pub(crate) fn load(file: Option<&Path>) -> Result<Config, Vec<Problem>> {
    load_file(file).map(|loaded| loaded.config)
}

/// The same, with what is needed to change the file later.
///
/// # Errors
/// As [`load`].
pub(crate) fn load_file(file: Option<&Path>) -> Result<Loaded, Vec<Problem>> {
    let path = file.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_owned);
    let unreadable = |error: std::io::Error| vec![Problem::unreadable(&path, &error)];
    match fs::read_to_string(&path) {
        Ok(text) => {
            let (config, set) = check_text(&path, &text)?;
            // A link is not replaced by what it names: the file behind it is.
            let path = fs::canonicalize(&path).map_err(unreadable)?;
            let file = Some((path, text));
            Ok(Loaded { config, set, file })
        }
        Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            let (config, set) = check_text(&path, "")?;
            Ok(Loaded {
                config,
                set,
                file: None,
            })
        }
        Err(error) => Err(unreadable(error)),
    }
}

/// Checks what a file says or shall say, with this process's environment.
///
/// # Errors
/// Every problem of both.
pub(crate) fn check_text(path: &Path, text: &str) -> Result<(Config, Set), Vec<Problem>> {
    check(Some((&path.display().to_string(), text)), process_environment())
}

/// The variables of this process that are text and ours.
pub(crate) fn process_environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, _)| name.starts_with(ENV_PREFIX))
}

#[cfg(test)]
mod tests;
