//! stationd: one supervised service for an unattended radio station.
//!
//! This file only chooses what to do; each subcommand has its file under `cli/`. The tree of actors is in `station.rs`.

mod cli;
mod config;
mod descriptors;
mod diary;
mod health;
mod operator;
mod recorder;
mod station;
mod systemd;
mod web;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
