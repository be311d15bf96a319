//! `[repeater.gateways.NAME]`: a gateway that writes a log of its own beside the host's.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{RepeaterConfig, file_root_problem, mqtt};

/// Most gateways of a station: there is one a mode, and each has a reader of its own.
const MOST_GATEWAYS: usize = 32;

/// The log of a gateway, of which links are heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatewayConfig {
    /// The directory that it logs to, its `FilePath`; empty: the host's.
    pub directory: PathBuf,
    /// What the names of its files begin with, its `FileRoot`; empty: the section's name in capitals and `Gateway`.
    pub file_root: String,
    /// Whether there is a file a day (`FileRotate`), or one for ever.
    pub rotate: bool,
}

impl Default for GatewayConfig {
    fn default() -> GatewayConfig {
        GatewayConfig {
            directory: PathBuf::new(),
            file_root: String::new(),
            rotate: true,
        }
    }
}

impl RepeaterConfig {
    /// Where a gateway logs to.
    pub(crate) fn directory_of<'a>(&'a self, gateway: &'a GatewayConfig) -> &'a Path {
        if gateway.directory.as_os_str().is_empty() {
            &self.log_directory
        } else {
            &gateway.directory
        }
    }

    /// What the files of the gateway of this name begin with.
    pub(crate) fn root_of(name: &str, gateway: &GatewayConfig) -> String {
        if gateway.file_root.is_empty() {
            format!("{}Gateway", name.to_ascii_uppercase())
        } else {
            gateway.file_root.clone()
        }
    }

    /// Everything that is wrong with the gateways: the key, and the reason.
    pub(super) fn gateway_problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        if self.gateways.len() > MOST_GATEWAYS {
            let reason = format!("{} sections, at most {MOST_GATEWAYS}", self.gateways.len());
            problems.push(("gateways".to_owned(), reason));
        }
        for (name, gateway) in &self.gateways {
            problems.extend(mqtt::name_problem(name).map(|reason| (format!("gateways.{name}"), reason)));
            if self.directory_of(gateway).as_os_str().is_empty() {
                let reason = "must name a directory, as long as log_directory names none".to_owned();
                problems.push((format!("gateways.{name}.directory"), reason));
            }
            let wrong =
                file_root_problem(&RepeaterConfig::root_of(name, gateway)).or_else(|| self.twice(name, gateway));
            problems.extend(wrong.map(|reason| (format!("gateways.{name}.file_root"), reason)));
        }
        problems
    }

    /// Why files would be read twice.
    fn twice(&self, name: &str, gateway: &GatewayConfig) -> Option<String> {
        let files = |name: &str, gateway: &GatewayConfig| {
            let directory = self.directory_of(gateway).to_owned();
            (directory, RepeaterConfig::root_of(name, gateway))
        };
        let host = (self.log_directory.clone(), self.file_root.clone());
        let own = files(name, gateway);
        if self.follows_log() && own == host {
            return Some("names the host's own log".to_owned());
        }
        let mut before = self.gateways.iter().take_while(|(other, _)| *other != name);
        let (other, _) = before.find(|(name, other)| files(name, other) == own)?;
        Some(format!("names the files of {other} too"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(log_directory: &str, gateways: &[(&str, &str)]) -> Vec<String> {
        let gateway = |(name, file_root): &(&str, &str)| {
            let gateway = GatewayConfig {
                file_root: (*file_root).to_owned(),
                ..GatewayConfig::default()
            };
            ((*name).to_owned(), gateway)
        };
        let config = RepeaterConfig {
            log_directory: log_directory.into(),
            gateways: gateways.iter().map(gateway).collect(),
            ..RepeaterConfig::default()
        };
        let problems = config.gateway_problems().into_iter();
        problems.map(|(key, _)| key).collect()
    }

    #[test]
    fn gateways_tell_all_their_problems_at_once() {
        let sound = [("ysf", ""), ("dmr", "DMRGateway")];
        assert_eq!(keys("/var/log/mmdvm", &sound), [""; 0]);
        let gateways = [
            ("A", "x"),
            ("b", "YGateway"),
            ("c", "a/b"),
            ("d", "MMDVM"),
            ("e", "x"),
            ("y", ""),
        ];
        let expected = [
            "gateways.A",
            "gateways.c.file_root",
            "gateways.d.file_root",
            "gateways.e.file_root",
            "gateways.y.file_root",
        ];
        assert_eq!(keys("/var/log/mmdvm", &gateways), expected);
        assert_eq!(keys("", &[("ysf", "YSFGateway")]), ["gateways.ysf.directory"]);
    }
}
