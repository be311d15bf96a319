//! `stationd power`: the protocols of inverters, batteries and chargers, for people and programs at a terminal.

mod frames;
mod lists;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use power::Library;

use super::complain;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A folder with protocols of your own, NAME.toml each, beside those in the program or in their place
    #[arg(long, global = true, value_name = "DIR")]
    protocols: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say what recorded answers mean: JSON lines in and out
    ///
    /// In: {"protocol":"pi30","command":"QPIGS","response_hex":"2832..."}. Out, a line for each: {"ok":true,"fields":
    /// {"battery_voltage":{"value":51.4,"unit":"V"}, ...}} or {"ok":false,"error":"..."}.
    Decode,
    /// Say which bytes ask for a command: JSON lines in and out
    ///
    /// In: {"protocol":"pi30","code":"QPIGS"}. Out, a line for each: {"ok":true,"request_hex":"5150..."} or
    /// {"ok":false,"error":"..."}.
    Encode,
    /// List the protocols
    ListProtocols,
    /// List the commands of a protocol
    ListCommands {
        /// The protocol, as in pi30
        #[arg(short, long)]
        protocol: String,
    },
}

/// The protocols in the program and those of the folder. A bad file is told, and the others are of use all the same.
fn library(folder: Option<&Path>) -> Library {
    let (library, problems) = folder.map(Library::with_folder).unwrap_or_default();
    for problem in problems {
        complain(&problem);
    }
    library
}

pub(super) fn power(arguments: &Arguments) -> anyhow::Result<()> {
    let mut library = library(arguments.protocols.as_deref());
    match &arguments.action {
        Action::Decode => frames::each_line(|line| frames::decode(&mut library, line)),
        Action::Encode => frames::each_line(|line| frames::encode(&mut library, line)),
        Action::ListProtocols => lists::protocols(&mut library),
        Action::ListCommands { protocol } => lists::commands(&mut library, protocol),
    }
}
