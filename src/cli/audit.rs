//! `stationd audit`: checks who did what, on the file, whether or not the station runs.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Subcommand;
use gate::Seal;

use crate::config::Config;
use crate::secret::{self, Secret};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    pub(super) file: super::ConfigFile,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Find the first row that was altered, removed or inserted
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
struct Verify {
    /// The journal [default: journal.path of the configuration]
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// The secret that it was sealed with [default: FILE.key beside the journal]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A head that was noted elsewhere, from the log or from another check: it has to be in there still
    #[arg(long, value_name = "HASH")]
    head: Option<String>,
}

pub(super) fn audit(config: &Config, arguments: &Arguments) -> anyhow::Result<()> {
    let Action::Verify(verify) = &arguments.action;
    let journal = verify.journal.as_deref().unwrap_or(&config.journal.path);
    let key = verify.key.clone().unwrap_or_else(|| secret::path(journal));
    let secret = Secret::load(&key).with_context(|| format!("no secret in {}", key.display()))?;
    let seal = Seal::new(secret.bytes());
    let found = gate::query::verify_file(journal, &seal, verify.head.as_deref());
    let found = found.with_context(|| format!("{} cannot be checked", journal.display()))?;
    if let Some(reason) = found.reason {
        bail!(
            "{}: {reason}; the {} rows before are in order",
            journal.display(),
            found.checked
        );
    }
    let (rows, head) = (found.checked, found.head);
    let text = format!(
        "{}: {rows} rows, all as they were written\nhead {head}\n",
        journal.display()
    );
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}
