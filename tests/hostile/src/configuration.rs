//! A configuration file, and what the environment lays over it.

use crate::config::{Checked, Config, check};

/// Takes lines that begin with `STATIOND__` as variables and the rest as the file: either there is a configuration without
/// problems that can be written and read again, or there are problems, each with a reason.
///
/// # Panics
/// When neither is so.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (variables, lines): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("STATIOND__"));
    let variables = variables.iter().filter_map(|line| line.split_once('='));
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    match check::<Config>(Some(("any.toml", &lines.join("\n"))), variables) {
        Ok(config) => {
            assert!(config.problems().is_empty(), "accepted with {:?}", config.problems());
            let written = serde_json::to_value(&config).unwrap_or_default();
            let read = serde_json::from_value::<Config>(written);
            assert!(read.as_ref().is_ok_and(|read| *read == config), "read back as {read:?}");
        }
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a problem");
            for problem in problems {
                assert!(!problem.reason.is_empty(), "no reason: {problem:?}");
            }
        }
    }
}
