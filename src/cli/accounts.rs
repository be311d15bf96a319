//! The accounts of a station, as the command line changes them: by its API while it runs, in its journal while it does not.
//! So the first admin can be made before the first start, and the last password can be lost without harm.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use kernel::SupervisorSpec;
use model::{Role, Timestamp};
use serde_json::{Value, json};

use super::client::{Client, Connection};
use crate::access::{Access, Book, Change, check_key_name, check_password, check_user_name, check_user_role};
use crate::config::{self, Config};
use crate::station::{self, Misconfigured, Opened};

/// Who asks, where no station checks it: whoever may write the journal's file.
const OFFLINE: &str = "command line";

/// How long the two actors that write the journal may take to stop.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// Which station.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    #[command(flatten)]
    at: Connection,
    /// Configuration file of the station [default: /etc/stationd/stationd.toml if there is one]
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
}

/// What is asked of the accounts.
pub(super) enum Ask {
    AddUser {
        name: String,
        role: Role,
        password: String,
    },
    SetPassword {
        name: String,
        password: String,
    },
    RemoveUser {
        name: String,
    },
    ListUsers,
    AddKey {
        name: String,
        role: Role,
        expires_at: Option<Timestamp>,
    },
    RevokeKey {
        id: String,
    },
    ListKeys,
}

/// What was asked, and of whom.
pub(super) struct Answered {
    /// What the API would answer.
    pub(super) document: Value,
    /// The station or the journal.
    pub(super) by: String,
}

/// Asks whoever answers for the accounts.
pub(super) fn ask(which: &Which, ask: Ask) -> anyhow::Result<Answered> {
    check(&ask).map_err(anyhow::Error::msg)?;
    match station(which)? {
        Place::Running(client) => Ok(Answered {
            document: online(&client, ask)?,
            by: format!("at {}", client.url()),
        }),
        Place::Files(config) => Ok(Answered {
            document: offline(&config, ask)?,
            by: format!("in {}", std::path::absolute(&config.journal.path)?.display()),
        }),
    }
}

/// Who answers for the accounts.
enum Place {
    Running(Client),
    Files(Box<Config>),
}

/// The station that was named; else the one that has this journal; else, if no file was named, the one that answers where the
/// default configuration says: a service may be told elsewhere where its journal is.
fn station(which: &Which) -> anyhow::Result<Place> {
    if which.at.url.is_some() {
        return Ok(Place::Running(Client::new(&which.at, "")?));
    }
    let config = load(which.config.as_deref())?;
    let client = Client::new(&which.at, &url(&config));
    let answers = || {
        client
            .as_ref()
            .is_ok_and(|client| client.get("/api/v1/session").is_ok())
    };
    if station::is_running(&config.journal.path) || which.config.is_none() && answers() {
        return Ok(Place::Running(client?));
    }
    Ok(Place::Files(Box::new(config)))
}

fn load(file: Option<&Path>) -> anyhow::Result<Config> {
    let told = |problems: Vec<config::Problem>| {
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Misconfigured(format!("the configuration is wrong: {}", told.join("; ")))
    };
    Ok(config::load(file).map_err(told)?)
}

fn check(ask: &Ask) -> Result<(), String> {
    match ask {
        Ask::AddUser { name, role, password } => check_user_name(name)
            .and(check_user_role(*role))
            .and(check_password(password)),
        Ask::SetPassword { password, .. } => check_password(password),
        Ask::AddKey { name, .. } => check_key_name(name),
        Ask::RemoveUser { .. } | Ask::ListUsers | Ask::RevokeKey { .. } | Ask::ListKeys => Ok(()),
    }
}

/// Where the station of this configuration answers on this computer.
fn url(config: &Config) -> String {
    let scheme = if config.web.tls.files().is_some() {
        "https"
    } else {
        "http"
    };
    let host = if config.web.bind.is_loopback() || config.web.bind.is_unspecified() {
        "localhost".to_owned()
    } else {
        config.web.address().ip().to_string()
    };
    format!("{scheme}://{host}:{}", config.web.port)
}

fn online(client: &Client, ask: Ask) -> anyhow::Result<Value> {
    const USERS: &str = "/api/v1/users";
    const KEYS: &str = "/api/v1/keys";
    match ask {
        Ask::AddUser { name, role, password } => {
            client.post(USERS, &json!({ "name": name, "role": role, "password": password }))
        }
        Ask::SetPassword { name, password } => client.patch(
            &format!("{USERS}/{}", segment(&name)?),
            &json!({ "password": password }),
        ),
        Ask::RemoveUser { name } => client.delete(&format!("{USERS}/{}", segment(&name)?)),
        Ask::ListUsers => client.get(USERS),
        Ask::AddKey { name, role, expires_at } => {
            client.post(KEYS, &json!({ "name": name, "role": role, "expires_at": expires_at }))
        }
        Ask::RevokeKey { id } => client.delete(&format!("{KEYS}/{}", segment(&id)?)),
        Ask::ListKeys => client.get(KEYS),
    }
}

/// Names and ids have nothing in them that a path would have to escape.
fn segment(text: &str) -> anyhow::Result<&str> {
    check_user_name(text).map_err(|_| anyhow::anyhow!("there is nothing of the name {text:?}"))?;
    Ok(text)
}

/// Runs the two actors that the journal needs, and nothing else.
fn offline(config: &Config, ask: Ask) -> anyhow::Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let Opened {
            journal_child,
            access,
            access_child,
            claim,
            ..
        } = station::open(config)?;
        let root = SupervisorSpec::new("root").child(journal_child).child(access_child);
        let supervision = kernel::launch(root).context("cannot launch the actors")?;
        let booted = supervision.booted().await;
        booted.map_err(|reason| anyhow::anyhow!("the journal does not come up: {reason}"))?;
        let done = answer(&access, ask).await;
        supervision.shutdown(SHUTDOWN_LIMIT).await;
        drop(claim);
        done
    })
}

async fn answer(access: &Access, ask: Ask) -> anyhow::Result<Value> {
    match ask {
        Ask::AddUser { name, role, password } => {
            let password = access.hash(password).await?;
            access.change(Change::AddUser { name, role, password }, OFFLINE).await?;
        }
        Ask::SetPassword { name, password } => {
            let password = Some(access.hash(password).await?);
            access
                .change(
                    Change::SetUser {
                        name,
                        role: None,
                        password,
                    },
                    OFFLINE,
                )
                .await?;
        }
        Ask::RemoveUser { name } => access.change(Change::RemoveUser { name }, OFFLINE).await?,
        Ask::RevokeKey { id } => access.change(Change::RevokeKey { id }, OFFLINE).await?,
        Ask::AddKey { name, role, expires_at } => {
            if expires_at.is_some_and(|end| end <= Timestamp::now()) {
                bail!("the end is in the past");
            }
            let made = access.add_key(name, role, expires_at, OFFLINE).await?;
            return Ok(json!({ "id": made.id, "key": made.token }));
        }
        Ask::ListUsers => return Ok(users(&access.book())),
        Ask::ListKeys => return Ok(keys(&access.book())),
    }
    Ok(Value::Null)
}

fn users(book: &Book) -> Value {
    let users = book.users.iter();
    let shown = users.map(|(name, user)| json!({ "name": name, "role": user.role, "created_at": user.created_at }));
    json!({ "items": shown.collect::<Vec<_>>() })
}

fn keys(book: &Book) -> Value {
    let shown = book.keys.iter().map(|(id, key)| {
        json!({
            "id": id, "name": key.name, "role": key.role, "created_at": key.created_at,
            "expires_at": key.expires_at, "last_used_at": key.last_used.at(),
        })
    });
    json!({ "items": shown.collect::<Vec<_>>() })
}

/// The items of a list as lines, one field a column.
pub(super) fn table(list: &Value, fields: &[&str]) -> String {
    let items = list
        .get("items")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let cell = |item: &Value, field: &str| item.get(field).and_then(Value::as_str).unwrap_or("-").to_owned();
    let head = fields.iter().map(|field| (*field).to_owned()).collect();
    let rows = items
        .iter()
        .map(|item| fields.iter().map(|field| cell(item, field)).collect());
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..fields.len()).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &Vec<String>| {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
