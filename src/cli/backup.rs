//! `stationd backup`: one consistent copy of the journal, while the station runs or while it does not.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::config::Config;

/// What to copy, and where to.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The copy; it must not exist yet
    #[arg(value_name = "TO")]
    to: PathBuf,
    #[command(flatten)]
    pub(super) file: super::ConfigFile,
}

/// Copies, checks every page of the copy, and says what is in it.
pub(super) fn backup(config: &Config, Arguments { to, .. }: &Arguments) -> anyhow::Result<()> {
    let from = config.journal.path.as_path();
    let report = journal::backup(from, to).with_context(|| format!("no copy of {}", from.display()))?;
    tell(to, &report).context("standard output")
}

fn tell(to: &Path, report: &journal::BackupReport) -> io::Result<()> {
    let (head, bytes) = (report.head, report.bytes);
    writeln!(
        io::stdout().lock(),
        "{}: events up to {head}, {bytes} bytes, checked",
        to.display()
    )
}
