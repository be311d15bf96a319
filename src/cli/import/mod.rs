//! `stationd import`: the configuration of a program that stationd replaces, as a configuration of stationd on standard output.
//!
//! What could not be taken over stands there as a comment with the line that it is from. Nothing is written anywhere.

mod allowed;
mod ini;
mod mpp_solar;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use power::Library;

/// Largest file that is read, in bytes; the largest known has four thousand.
const MAX_FILE: u64 = 256 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// mpp-solar.conf, or jkbms.conf
    file: PathBuf,
}

pub(super) fn import(arguments: &Arguments) -> anyhow::Result<()> {
    let path = arguments.file.display();
    let mut text = String::new();
    let file = File::open(&arguments.file).with_context(|| format!("cannot open {path}"))?;
    let read = file.take(MAX_FILE.saturating_add(1)).read_to_string(&mut text);
    let read = read.with_context(|| format!("cannot read {path}"))?;
    if u64::try_from(read).is_ok_and(|read| read > MAX_FILE) {
        bail!("{path} has more than {MAX_FILE} bytes: no configuration is that large");
    }
    let sections = ini::parse(&text).map_err(|error| anyhow::anyhow!("{path}: {error}"))?;
    let imported = mpp_solar::import(&sections, &mut Library::new());
    if imported.devices == 0 {
        bail!("{path} has no device: a section with protocol, port and command");
    }
    Ok(io::stdout().lock().write_all(imported.text.as_bytes())?)
}
