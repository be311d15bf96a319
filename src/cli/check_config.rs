//! `stationd check-config`: all problems at once, or the word that there are none.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use super::{FAILED, refuse};
use crate::config::{self, DEFAULT_FILE};

pub(super) fn check_config(file: Option<&Path>) -> ExitCode {
    let protocols = match config::load(file) {
        Ok(config) => config.power.library().1,
        Err(problems) => return refuse(&problems),
    };
    if !protocols.is_empty() {
        return refuse(&protocols);
    }
    let name = file.map_or_else(|| Path::new(DEFAULT_FILE).display(), Path::display);
    match writeln!(io::stdout().lock(), "{name}: the configuration is good") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(FAILED),
        _ => ExitCode::SUCCESS,
    }
}
