//! The `[repeater]` section of the configuration.

mod gateway;
mod mqtt;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use gateway::GatewayConfig;
pub use mqtt::{MqttConfig, MqttVersion, Secret};

/// Where the repeater's host is heard: its log, brokers, or both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RepeaterConfig {
    /// Whether there is a repeater.
    pub enabled: bool,
    /// The directory that MMDVMHost logs to, its `FilePath`; it may appear later. Empty: there is no log to follow.
    pub log_directory: PathBuf,
    /// What the names of the log files begin with, MMDVMHost's `FileRoot`.
    pub file_root: String,
    /// Whether there is a file a day (MMDVMHost's `FileRotate`), or one for ever.
    pub rotate: bool,
    /// Whether to begin with the oldest file that is there; otherwise the first start begins with the newest.
    pub history: bool,
    /// Gateways that write logs of their own, by a name of one's own.
    pub gateways: BTreeMap<String, GatewayConfig>,
    /// Hosts that speak MQTT, by a name of one's own.
    pub mqtt: BTreeMap<String, MqttConfig>,
}

impl Default for RepeaterConfig {
    fn default() -> RepeaterConfig {
        RepeaterConfig {
            enabled: true,
            log_directory: PathBuf::from("/var/log/mmdvm"),
            file_root: "MMDVM".to_owned(),
            rotate: true,
            history: true,
            gateways: BTreeMap::new(),
            mqtt: BTreeMap::new(),
        }
    }
}

impl RepeaterConfig {
    /// Whether there is a log to follow.
    #[must_use]
    pub fn follows_log(&self) -> bool {
        !self.log_directory.as_os_str().is_empty()
    }

    /// Everything that is wrong with it: the key, and the reason.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        if self.enabled && !self.follows_log() && self.mqtt.is_empty() {
            let reason = "must name a directory, as long as no host is heard by [repeater.mqtt.NAME]";
            problems.push(("log_directory".to_owned(), reason.to_owned()));
        }
        problems.extend(file_root_problem(&self.file_root).map(|reason| ("file_root".to_owned(), reason)));
        problems.extend(self.gateway_problems());
        for (name, host) in &self.mqtt {
            problems.extend(mqtt::name_problem(name).map(|reason| (format!("mqtt.{name}"), reason)));
            let named = |(key, reason)| (format!("mqtt.{name}.{key}"), reason);
            problems.extend(host.problems().into_iter().map(named));
            if let Some(other) = self.namesake(name, host) {
                let reason = format!("is that of {other} too: the broker would let only one of them listen");
                problems.push((format!("mqtt.{name}.client_id"), reason));
            }
        }
        problems
    }

    /// The host before this one that has the same name at the same broker.
    fn namesake(&self, name: &str, host: &MqttConfig) -> Option<&String> {
        let before = self.mqtt.iter().take_while(|(other, _)| *other != name);
        let same = |other: &MqttConfig| {
            !host.client_id.is_empty()
                && (&other.client_id, &other.host, other.port) == (&host.client_id, &host.host, host.port)
        };
        before.into_iter().find(|(_, other)| same(other)).map(|(name, _)| name)
    }
}

/// Whether names of files can begin with this.
fn file_root_problem(root: &str) -> Option<String> {
    let bad = root.is_empty() || root.contains(['/', '\0']);
    bad.then(|| format!("must be the beginning of a file name, not {root:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_configuration_is_sound() {
        assert_eq!(RepeaterConfig::default().problems(), []);
    }

    #[test]
    fn configuration_tells_all_its_problems_at_once() {
        let config = RepeaterConfig {
            log_directory: PathBuf::new(),
            file_root: "a/b".to_owned(),
            ..RepeaterConfig::default()
        };
        let keys: Vec<String> = config.problems().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["log_directory", "file_root"]);
    }

    #[test]
    fn hosts_that_would_drive_each_other_from_the_broker_are_refused() {
        let host = MqttConfig {
            client_id: "station".to_owned(),
            ..MqttConfig::default()
        };
        let config = RepeaterConfig {
            mqtt: ["a", "b"].map(|name| (name.to_owned(), host.clone())).into(),
            ..RepeaterConfig::default()
        };
        let keys: Vec<String> = config.problems().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["mqtt.b.client_id"]);
    }

    #[test]
    fn station_whose_host_speaks_mqtt_needs_no_log() {
        let config = RepeaterConfig {
            log_directory: PathBuf::new(),
            mqtt: BTreeMap::from([("gb7xx".to_owned(), MqttConfig::default())]),
            ..RepeaterConfig::default()
        };
        assert_eq!(config.problems(), []);
    }
}
