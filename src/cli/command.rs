//! `stationd command`: what somebody wants done at a running station, and what others say to it.

use std::io::{self, Write};

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::client::{Client, Connection, DEFAULT_URL, word};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    at: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show commands, the newest first
    List {
        /// Which
        #[arg(long, value_enum, default_value_t = Which::Open)]
        state: Which,
    },
    /// Show one command with all its steps
    Show {
        /// Its number
        id: u64,
    },
    /// Ask for a command
    Submit(Submit),
    /// Agree to a command
    Approve(Word),
    /// Say no to a command
    Reject(Word),
    /// Withdraw a command; of one whose outcome is unknown: say that you have looked
    Cancel(Word),
    /// Run a waiting command alone, in an emergency
    Override(Word),
    /// Undo a command
    Rollback(Word),
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    Waiting,
    Open,
    All,
}

#[derive(Debug, clap::Args)]
struct Submit {
    /// What to do, as in actor.restart
    verb: String,
    /// Whom it concerns, as in repeater/parser
    target: String,
    /// With what: NAME=VALUE; a value that is JSON is taken as such
    #[arg(value_name = "NAME=VALUE")]
    arguments: Vec<String>,
    /// Why; kept in the journal
    #[arg(long, default_value = "")]
    reason: String,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
struct Word {
    /// Number of the command
    id: u64,
    /// Why; kept in the journal
    #[arg(long, default_value = "")]
    reason: String,
}

pub(super) fn command(arguments: &Arguments) -> anyhow::Result<()> {
    let station = &Client::new(&arguments.at, DEFAULT_URL)?;
    let say = |what: &str, said: &Word| {
        let path = format!("/api/v1/commands/{}/{what}", said.id);
        station
            .post(&path, &json!({ "reason": said.reason }))
            .map(|command| line(&command))
    };
    let text = match &arguments.action {
        Action::List { state } => list(station, *state)?,
        Action::Show { id } => format!("{:#}\n", station.get(&format!("/api/v1/commands/{id}"))?),
        Action::Submit(submit) => submitted(&station.post("/api/v1/commands", &submit.body()?)?),
        Action::Approve(said) => say("approve", said)?,
        Action::Reject(said) => say("reject", said)?,
        Action::Cancel(said) => say("cancel", said)?,
        Action::Override(said) => say("override", said)?,
        Action::Rollback(said) => say("rollback", said)?,
    };
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}

impl Submit {
    fn body(&self) -> anyhow::Result<Value> {
        let mut arguments = Map::new();
        for argument in &self.arguments {
            let (name, value) = argument
                .split_once('=')
                .with_context(|| format!("{argument:?} is no NAME=VALUE"))?;
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            arguments.insert(name.to_owned(), value);
        }
        Ok(json!({
            "verb": self.verb, "target": self.target, "arguments": arguments, "reason": self.reason,
            "dry_run": self.dry_run,
        }))
    }
}

fn list(station: &Client, which: Which) -> anyhow::Result<String> {
    let state = match which {
        Which::Waiting => "waiting",
        Which::Open => "open",
        Which::All => "all",
    };
    let page = station.get(&format!("/api/v1/commands?state={state}"))?;
    let commands = page.get("items").and_then(Value::as_array).into_iter().flatten();
    Ok(commands.map(line).collect())
}

fn submitted(answer: &Value) -> String {
    if answer.get("dry_run").is_none() {
        return line(answer);
    }
    let fact = |name: &str| answer.get(name).map(Value::to_string).unwrap_or_default();
    let (tier, allowed, needs) = (fact("tier"), fact("allowed"), fact("needs"));
    format!(
        "would {} (tier {tier}, allowed: {allowed}, needs {needs})\n",
        word(answer, "would")
    )
}

/// A command in one line.
pub(super) fn line(command: &Value) -> String {
    let number = command.get("id").map(Value::to_string).unwrap_or_default();
    let [state, verb, target, who, reason, error] =
        ["state", "verb", "target", "requested_by", "reason", "error"].map(|field| word(command, field));
    let note = if error.is_empty() { reason } else { error };
    format!("{number:>5}  {state:10} {verb} {target}  {who}  {note}\n")
}
