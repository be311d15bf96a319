//! `stationd key`: what programs show.

use std::io::{self, Write};

use clap::Subcommand;
use model::{Role, Timestamp};

use super::accounts::{self, Ask, Which};
use super::client::word;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a key and print it, once: the station keeps no more than its hash
    Add {
        /// What it is for
        name: String,
        /// viewer, operator, admin or station
        #[arg(long)]
        role: Role,
        /// When it ends (RFC 3339, UTC), as in 2027-01-01T00:00:00Z; never if absent
        #[arg(long, value_name = "TIME")]
        expires: Option<Timestamp>,
    },
    /// Show all keys, without what makes them keys
    List,
    /// Revoke a key, at once
    Revoke {
        /// Its id, as `list` shows it: the part of the key between the underscores
        id: String,
    },
}

pub(super) fn key(arguments: Arguments) -> anyhow::Result<()> {
    let which = &arguments.which;
    let text = match arguments.action {
        Action::Add { name, role, expires } => {
            let made = accounts::ask(
                which,
                Ask::AddKey {
                    name,
                    role,
                    expires_at: expires,
                },
            )?;
            format!("{}\n", word(&made.document, "key"))
        }
        Action::List => {
            let list = accounts::ask(which, Ask::ListKeys)?;
            accounts::table(
                &list.document,
                &["id", "name", "role", "created_at", "expires_at", "last_used_at"],
            )
        }
        Action::Revoke { id } => {
            let said = format!("{id} is revoked");
            let answered = accounts::ask(which, Ask::RevokeKey { id })?;
            format!("{said} ({})\n", answered.by)
        }
    };
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}
