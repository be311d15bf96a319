//! `stationd power query`, `get-status`, `get-settings`: a device is asked over a port that no station has.

use std::sync::Arc;

use anyhow::{Context, bail};
use power::{AskError, CommandKind, Direct, Library, Protocol, usual_baud};

use super::output::{self, Form};

/// Which device, and over which port.
#[derive(Debug, clap::Args)]
pub(super) struct Line {
    /// What it speaks, as in pi30
    #[arg(short, long)]
    protocol: String,
    /// Where it is: /dev/hidraw0, /dev/serial/by-id/..., tcp://HOST:PORT
    #[arg(long)]
    port: String,
    /// Speed of a serial line; what is usual for the protocol if absent
    #[arg(long, value_parser = clap::value_parser!(u32).range(300..=4_000_000))]
    baud: Option<u32>,
}

impl Line {
    /// The protocol and the port.
    pub(super) fn open(&self, library: &mut Library) -> anyhow::Result<(Arc<Protocol>, Direct)> {
        let protocol = library.get(&self.protocol)?;
        let baud = self.baud.unwrap_or_else(|| usual_baud(protocol.family()));
        let direct = Direct::new(&self.port, baud).map_err(anyhow::Error::msg)?;
        Ok((protocol, direct))
    }

    /// What went wrong, and what may help.
    pub(super) fn explained(&self, error: AskError) -> anyhow::Error {
        let is_taken = matches!(&error, AskError::Away(reason) if reason.contains("another program"));
        let hint = if is_taken {
            "; if a station has it, ask the station: GET /api/v1/power"
        } else {
            ""
        };
        anyhow::anyhow!("{}: {error}{hint}", self.port)
    }
}

/// What to ask.
#[derive(Clone, Copy, Debug)]
pub(super) enum What<'a> {
    /// One command.
    Command(&'a str),
    /// Everything that tells how the device is.
    Status,
    /// Everything that tells how it is set.
    Settings,
}

pub(super) fn query(library: &mut Library, line: &Line, what: What<'_>, form: Form) -> anyhow::Result<()> {
    let (protocol, direct) = line.open(library)?;
    let codes = codes(&protocol, what)?;
    super::run(async {
        let mut refused = Vec::new();
        for code in &codes {
            let request = protocol.request(code)?;
            match direct.ask(&protocol, code).await {
                Ok(heard) => output::print(form, &request, &heard)?,
                // Of many commands, a device may do without one.
                Err(AskError::Refused(_)) if codes.len() > 1 => refused.push(code.as_str()),
                Err(error) => return Err(line.explained(error)).context(code.clone()),
            }
        }
        if refused.len() == codes.len() {
            bail!("the device refuses {}", refused.join(", "));
        }
        Ok(())
    })
}

fn codes(protocol: &Protocol, what: What<'_>) -> anyhow::Result<Vec<String>> {
    let codes = match what {
        What::Status => protocol.status_commands().to_vec(),
        What::Settings => protocol.setting_read_commands().to_vec(),
        What::Command(code) => {
            let request = protocol.request(code)?;
            if request.command().kind() == CommandKind::Setting {
                let (setting, value) = protocol.setting_in(code).unwrap_or_default();
                let instead = format!("power set {setting} {}", value.unwrap_or_default());
                bail!(
                    "{code} changes the device: a station does that through its gate, this program with `{}`",
                    instead.trim_end()
                );
            }
            vec![code.to_owned()]
        }
    };
    if codes.is_empty() {
        bail!("{} has no commands for that", protocol.name());
    }
    Ok(codes)
}
