//! `stationd power`: the protocols of inverters, batteries and chargers, for people and programs at a terminal.

mod detect;
mod frames;
mod lists;
mod output;
mod query;
mod set;

use std::future::Future;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use power::Library;

use output::Form;
use query::{Line, What};

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
    /// Ask a device one command, over a port that no station has
    Query {
        #[command(flatten)]
        line: Line,
        /// The command, as in QPIGS
        code: String,
        /// How to print what it says
        #[arg(short, long, value_enum, default_value_t = Form::Screen)]
        output: Form,
    },
    /// Ask a device how it is
    GetStatus {
        #[command(flatten)]
        line: Line,
        /// How to print what it says
        #[arg(short, long, value_enum, default_value_t = Form::Screen)]
        output: Form,
    },
    /// Ask a device how it is set
    GetSettings {
        #[command(flatten)]
        line: Line,
        /// How to print what it says
        #[arg(short, long, value_enum, default_value_t = Form::Screen)]
        output: Form,
    },
    /// Change a setting, over a port that no station has; it is read before and after
    Set {
        #[command(flatten)]
        line: Line,
        /// The setting, as in PBFT
        setting: String,
        /// Its value, as in 54.0
        value: Option<String>,
        /// Do it; without, only say what would be done
        #[arg(long)]
        yes: bool,
    },
    /// Find out what the devices on the ports speak
    Detect {
        /// A port; all of this computer if absent
        #[arg(long)]
        port: Vec<String>,
    },
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
        Action::Query { line, code, output } => query::query(&mut library, line, What::Command(code), *output),
        Action::GetStatus { line, output } => query::query(&mut library, line, What::Status, *output),
        Action::GetSettings { line, output } => query::query(&mut library, line, What::Settings, *output),
        Action::Set {
            line,
            setting,
            value,
            yes,
        } => set::set(&mut library, line, setting, value.as_deref(), *yes),
        Action::Detect { port } => detect::detect(&mut library, port),
        Action::ListProtocols => lists::protocols(&mut library),
        Action::ListCommands { protocol } => lists::commands(&mut library, protocol),
    }
}

/// Ports are waited for by a runtime of one's own.
fn run<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)
}
