//! The command line. Exit codes: 0 done, 1 failed, 2 bad configuration or usage, 3 the station gave up.

mod accounts;
mod actors;
mod audit;
mod backup;
mod check_config;
mod client;
mod command;
mod configuration;
mod import;
mod key;
mod logging;
mod power;
mod replay;
mod run;
mod user;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config;
use crate::station::Misconfigured;

/// It was tried and did not work out.
const FAILED: u8 = 1;

/// Nothing was tried: the configuration or the command line is wrong. The same code that clap's users expect.
const BAD_CONFIGURATION: u8 = 2;

/// The supervisor tree used up its restarts; a process manager should start the service anew.
const GAVE_UP: u8 = 3;

/// One supervised service for an unattended radio station.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 bad configuration or usage, 3 the station gave up";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the station.
    Run(ConfigFile),
    /// Run a station without hardware: invented calls, everything else is real.
    Demo(ConfigFile),
    /// Read finished MMDVMHost logs and print their calls.
    Replay(replay::Arguments),
    /// Say everything that is wrong with a configuration.
    CheckConfig(ConfigFile),
    /// Look at the configuration of a running station, and change it.
    Config(configuration::Arguments),
    /// Look at the actors of a running station, restart, stop and start them.
    Actors(actors::Arguments),
    /// Add, show and remove people who can sign in, and change their passwords.
    User(user::Arguments),
    /// Make, show and revoke the keys that programs show.
    Key(key::Arguments),
    /// Ask a running station for a command, and say something to those of others.
    #[command(name = "command")]
    Gate(command::Arguments),
    /// Check that nobody has changed who did what.
    Audit(audit::Arguments),
    /// Inverters, batteries and chargers: ask them, set them, find out what they speak, read their frames.
    Power(power::Arguments),
    /// Print the configuration of mpp-solar as one of this program, and what of it could not be taken over.
    Import(import::Arguments),
    /// Copy the journal, also while the station runs. To restore: stop the station and put the copy in its place.
    Backup(backup::Arguments),
}

#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// Configuration file [default: /etc/stationd/stationd.toml if there is one]
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Reads the arguments, does what they say, answers with the exit code.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return told(&usage),
    };
    let done = match cli.command {
        Command::Run(file) => return run::run(file.config.as_deref()),
        Command::Demo(file) => return run::demo(file.config.as_deref()),
        Command::CheckConfig(file) => return check_config::check_config(file.config.as_deref()),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Config(arguments) => configuration::config(&arguments),
        Command::Actors(arguments) => actors::actors(&arguments),
        Command::User(arguments) => user::user(arguments),
        Command::Key(arguments) => key::key(arguments),
        Command::Gate(arguments) => command::command(&arguments),
        Command::Audit(arguments) => match config::load(arguments.file.config.as_deref()) {
            Ok(config) => audit::audit(&config, &arguments),
            Err(problems) => return refuse(&problems),
        },
        Command::Power(arguments) => power::power(&arguments),
        Command::Import(arguments) => import::import(&arguments),
        Command::Backup(arguments) => match config::load(arguments.file.config.as_deref()) {
            Ok(config) => backup::backup(&config, &arguments),
            Err(problems) => return refuse(&problems),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Says what went wrong. What is wrong with the configuration does not heal by trying again, and has a code of its own.
fn failed(error: &anyhow::Error) -> ExitCode {
    complain(&format_args!("stationd: {error:#}"));
    ExitCode::from(if error.is::<Misconfigured>() {
        BAD_CONFIGURATION
    } else {
        FAILED
    })
}

/// Help and version go to standard output with code 0, usage errors to standard error with code 2.
fn told(usage: &clap::Error) -> ExitCode {
    match usage.print() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(FAILED),
        _ => ExitCode::from(u8::try_from(usage.exit_code()).unwrap_or(BAD_CONFIGURATION)),
    }
}

/// Whoever read the output has seen enough (`stationd replay … | head`).
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let of = |cause: &(dyn std::error::Error + 'static)| cause.downcast_ref::<io::Error>().map(io::Error::kind);
    error.chain().any(|cause| of(cause) == Some(io::ErrorKind::BrokenPipe))
}

/// Says a line on standard error, if anybody still listens there.
fn complain(line: &dyn std::fmt::Display) {
    let _told_or_nobody_listens = writeln!(io::stderr().lock(), "{line}").is_ok();
}

/// Says all problems of a configuration.
fn refuse(problems: &[impl std::fmt::Display]) -> ExitCode {
    let count = problems.len();
    let noun = if count == 1 { "problem" } else { "problems" };
    complain(&format_args!("stationd: the configuration has {count} {noun}:"));
    for problem in problems {
        complain(&format_args!("  {problem}"));
    }
    ExitCode::from(BAD_CONFIGURATION)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
