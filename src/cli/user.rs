//! `stationd user`: people who can sign in.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::bail;
use clap::Subcommand;
use model::Role;

use super::accounts::{self, Ask, Which};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add somebody; the password is asked for, or read from standard input
    Add {
        /// Their name
        name: String,
        /// viewer, operator or admin; the first account has to be an admin's
        #[arg(long)]
        role: Role,
    },
    /// Show everybody
    List,
    /// Give somebody a new password, which ends their sessions
    Passwd {
        /// Their name
        name: String,
    },
    /// Remove somebody and end their sessions
    Remove {
        /// Their name
        name: String,
    },
}

pub(super) fn user(arguments: Arguments) -> anyhow::Result<()> {
    let (ask, said) = match arguments.action {
        Action::List => {
            let list = accounts::ask(&arguments.which, Ask::ListUsers)?;
            return say(&accounts::table(
                &list.document,
                &["name", "role", "created_at", "last_used_at"],
            ));
        }
        Action::Add { name, role } => {
            let said = format!("{name} can sign in as {role}");
            (
                Ask::AddUser {
                    name,
                    role,
                    password: password()?,
                },
                said,
            )
        }
        Action::Passwd { name } => {
            let said = format!("{name} has a new password");
            (
                Ask::SetPassword {
                    name,
                    password: password()?,
                },
                said,
            )
        }
        Action::Remove { name } => {
            let said = format!("{name} is removed");
            (Ask::RemoveUser { name }, said)
        }
    };
    let answered = accounts::ask(&arguments.which, ask)?;
    say(&format!("{said} ({})\n", answered.by))
}

/// From a terminal twice and without echo, otherwise the first line of standard input.
fn password() -> anyhow::Result<String> {
    if io::stdin().is_terminal() {
        let password = rpassword::prompt_password("Password: ")?;
        if rpassword::prompt_password("Again: ")? != password {
            bail!("these are two different passwords");
        }
        return Ok(password);
    }
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}
