//! `[repeater.mqtt.NAME]`: a host that speaks MQTT, and the broker that it speaks to.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Longest name of a host, in characters: it is part of paths, sources and names of variables.
const MAX_NAME: usize = 32;
/// Longest client id that every broker takes, in bytes (MQTT 3.1.1, 3.1.3.1).
const MAX_CLIENT_ID: usize = 23;
/// Longest topic name, in bytes; the protocol ends at 65535.
const MAX_TOPIC: usize = 1024;
/// Most gateways of one host.
const MAX_GATEWAYS: usize = 32;
/// Pauses between signs of life that can be asked for, in seconds; the client library refuses less.
const KEEP_ALIVE_S: std::ops::RangeInclusive<u16> = 5..=3600;

/// A host that speaks MQTT.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MqttConfig {
    /// Name or address of the broker.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Which protocol it speaks.
    pub version: MqttVersion,
    /// What the host's topics begin with, `Name` in its `[MQTT]` section.
    pub topic: String,
    /// The names under which its gateways speak; of them links are heard.
    pub gateways: Vec<String>,
    /// The name of this client; empty takes one that is made up once and kept.
    pub client_id: String,
    /// Empty: the broker asks for none.
    pub username: String,
    /// The password itself.
    pub password: Secret,
    /// A file whose first line is the password.
    pub password_file: PathBuf,
    /// Whether to encrypt.
    pub tls: bool,
    /// The authorities that may vouch for the broker (PEM); empty takes the system's.
    pub ca_file: PathBuf,
    /// This client's certificate (PEM), if the broker asks for one.
    pub certificate_file: PathBuf,
    /// The key that belongs to it (PEM).
    pub key_file: PathBuf,
    /// Seconds between two signs of life; the broker is given up after as many again.
    pub keep_alive_s: u16,
}

/// The protocol to a broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MqttVersion {
    /// MQTT 5.
    #[default]
    #[serde(rename = "5")]
    V5,
    /// MQTT 3.1.1.
    #[serde(rename = "3.1.1")]
    V311,
}

/// A password, which nothing prints.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The password in the clear.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(password: String) -> Secret {
        Secret(password)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "***" })
    }
}

impl Default for MqttConfig {
    fn default() -> MqttConfig {
        let gateways = [
            "dmr-gateway",
            "ysf-gateway",
            "p25-gateway",
            "nxdn-gateway",
            "dstar-gateway",
        ];
        MqttConfig {
            host: "127.0.0.1".to_owned(),
            port: 1883,
            version: MqttVersion::default(),
            topic: "mmdvm".to_owned(),
            gateways: gateways.map(str::to_owned).into(),
            client_id: String::new(),
            username: String::new(),
            password: Secret::default(),
            password_file: PathBuf::new(),
            tls: false,
            ca_file: PathBuf::new(),
            certificate_file: PathBuf::new(),
            key_file: PathBuf::new(),
            keep_alive_s: 30,
        }
    }
}

impl MqttConfig {
    /// Everything that is wrong with it: the key, and the reason.
    pub(super) fn problems(&self) -> Vec<(String, String)> {
        [
            ("host", self.host_problem()),
            ("port", (self.port == 0).then(|| "must be 1 to 65535".to_owned())),
            ("topic", topic_problem(&self.topic)),
            ("gateways", self.gateways_problem()),
            ("client_id", self.client_id_problem()),
            ("username", self.username_problem()),
            ("password_file", self.password_file_problem()),
            ("ca_file", self.without_tls(&self.ca_file)),
            ("certificate_file", self.without_tls(&self.certificate_file)),
            ("key_file", self.key_file_problem()),
            ("keep_alive_s", self.keep_alive_problem()),
        ]
        .into_iter()
        .filter_map(|(key, reason)| Some((key.to_owned(), reason?)))
        .collect()
    }

    fn host_problem(&self) -> Option<String> {
        if self.host.is_empty() || self.host.contains(|c: char| c.is_whitespace() || c == '/') {
            return Some(format!(
                "must be a name or an address, without scheme and port, not {:?}",
                self.host
            ));
        }
        let v6 = self.host.parse::<Ipv6Addr>().is_ok();
        (v6 && self.tls).then(|| "must be a name: TLS to a bare IPv6 address is not possible".to_owned())
    }

    fn gateways_problem(&self) -> Option<String> {
        if self.gateways.len() > MAX_GATEWAYS {
            return Some(format!("{} names, at most {MAX_GATEWAYS}", self.gateways.len()));
        }
        if self.gateways.contains(&self.topic) {
            return Some(format!("{:?} is the host's own topic", self.topic));
        }
        self.gateways.iter().find_map(|name| topic_problem(name))
    }

    fn client_id_problem(&self) -> Option<String> {
        let fits = self.client_id.len() <= MAX_CLIENT_ID && self.client_id.chars().all(|c| c.is_ascii_graphic());
        (!fits).then(|| format!("must have at most {MAX_CLIENT_ID} letters, digits and signs, or none at all"))
    }

    fn username_problem(&self) -> Option<String> {
        let password = !self.password.reveal().is_empty() || !self.password_file.as_os_str().is_empty();
        (self.username.is_empty() && password).then(|| "must be given where there is a password".to_owned())
    }

    fn password_file_problem(&self) -> Option<String> {
        let both = !self.password.reveal().is_empty() && !self.password_file.as_os_str().is_empty();
        both.then(|| "and password are both given; one is enough".to_owned())
    }

    fn without_tls(&self, file: &Path) -> Option<String> {
        let idle = !file.as_os_str().is_empty() && !self.tls;
        idle.then(|| "has no effect without tls = true".to_owned())
    }

    fn key_file_problem(&self) -> Option<String> {
        let given = |file: &Path| !file.as_os_str().is_empty();
        if given(&self.key_file) != given(&self.certificate_file) {
            return Some("and certificate_file belong together; one of them is missing".to_owned());
        }
        self.without_tls(&self.key_file)
    }

    fn keep_alive_problem(&self) -> Option<String> {
        let (least, most) = (KEEP_ALIVE_S.start(), KEEP_ALIVE_S.end());
        (!KEEP_ALIVE_S.contains(&self.keep_alive_s)).then(|| format!("must be {least} to {most}"))
    }
}

/// Whether a host can have this name.
pub(super) fn name_problem(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let good = (1..=MAX_NAME).contains(&name.len()) && name.chars().all(fits);
    (!good).then(|| format!("the name must have 1 to {MAX_NAME} of a-z, 0-9, - and _"))
}

fn topic_problem(name: &str) -> Option<String> {
    let bad = name.is_empty() || name.len() > MAX_TOPIC || name.contains(['+', '#', '\0', '\n']);
    bad.then(|| format!("must be the beginning of topics, without + and #, not {name:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(config: &MqttConfig) -> Vec<String> {
        config.problems().into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn default_host_is_sound() {
        assert_eq!(keys(&MqttConfig::default()), [""; 0]);
    }

    #[test]
    fn host_tells_all_its_problems_at_once() {
        let config = MqttConfig {
            host: "mqtt://broker".to_owned(),
            port: 0,
            topic: "mmdvm/#".to_owned(),
            gateways: vec![String::new()],
            client_id: "twenty-four characters..".to_owned(),
            password: Secret("x".to_owned()),
            password_file: "p".into(),
            ca_file: "ca.pem".into(),
            certificate_file: "c.pem".into(),
            keep_alive_s: 1,
            ..MqttConfig::default()
        };
        let expected = [
            "host",
            "port",
            "topic",
            "gateways",
            "client_id",
            "username",
            "password_file",
            "ca_file",
            "certificate_file",
            "key_file",
            "keep_alive_s",
        ];
        assert_eq!(keys(&config), expected);
    }

    #[test]
    fn password_is_not_printed() {
        let config = MqttConfig {
            password: Secret("sesame".to_owned()),
            ..MqttConfig::default()
        };
        assert!(!format!("{config:?}").contains("sesame"));
    }

    #[test]
    fn names_that_do_not_fit_paths_and_variables_are_refused() {
        assert_eq!(name_problem("gb7xx-2_b"), None);
        for name in ["", "GB7XX", "a.b", "a/b", "a b"] {
            assert!(name_problem(name).is_some(), "{name}");
        }
    }
}
