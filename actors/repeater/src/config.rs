//! The `[repeater]` section of the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where the repeater's log is, and how it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RepeaterConfig {
    /// Whether there is a repeater.
    pub enabled: bool,
    /// The directory that MMDVMHost logs to, its `FilePath`; it may appear later.
    pub log_directory: PathBuf,
    /// What the names of the log files begin with, MMDVMHost's `FileRoot`.
    pub file_root: String,
    /// Whether there is a file a day (MMDVMHost's `FileRotate`), or one for ever.
    pub rotate: bool,
    /// Whether to begin with the oldest file that is there; otherwise the first start begins with the newest.
    pub history: bool,
}

impl Default for RepeaterConfig {
    fn default() -> RepeaterConfig {
        RepeaterConfig {
            enabled: true,
            log_directory: PathBuf::from("/var/log/mmdvm"),
            file_root: "MMDVM".to_owned(),
            rotate: true,
            history: true,
        }
    }
}

impl RepeaterConfig {
    /// Everything that is wrong with it: the key, and the reason.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        if self.log_directory.as_os_str().is_empty() {
            problems.push(("log_directory".to_owned(), "must name a directory".to_owned()));
        }
        if self.file_root.is_empty() || self.file_root.contains(['/', '\0']) {
            let reason = format!("must be the beginning of a file name, not {:?}", self.file_root);
            problems.push(("file_root".to_owned(), reason));
        }
        problems
    }
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
}
