//! `stationd actors`: the supervisor tree of a running station, for people at a terminal.

use std::fmt::Write as _;
use std::io::{self, Write};

use clap::Subcommand;
use serde_json::Value;

use super::client::{Client, Connection, DEFAULT_URL, word};
use crate::effects::Request;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    at: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the tree (the default)
    List,
    /// Stop an actor and start it anew, with those that its strategy takes along
    Restart(Target),
    /// Stop an actor and keep it down
    Stop(Target),
    /// Start an actor that was kept down
    Start(Target),
}

#[derive(Debug, clap::Args)]
struct Target {
    /// Path of the actor, as in repeater/parser
    path: String,
    /// Why; kept in the journal
    #[arg(long)]
    why: Option<String>,
}

pub(super) fn actors(arguments: &Arguments) -> anyhow::Result<()> {
    let client = Client::new(&arguments.at, DEFAULT_URL)?;
    let text = match &arguments.action {
        None | Some(Action::List) => tree(&client.get("/api/v1/actors")?),
        Some(Action::Restart(target)) => post(&client, Request::Restart, target)?,
        Some(Action::Stop(target)) => post(&client, Request::Stop, target)?,
        Some(Action::Start(target)) => post(&client, Request::Start, target)?,
    };
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}

fn post(client: &Client, request: Request, target: &Target) -> anyhow::Result<String> {
    let why = serde_json::json!({ "why": target.why, "who": "command line" });
    let done = client.post(&format!("/api/v1/actors/{}/{request}", target.path), &why)?;
    let outcome = word(&done, "outcome");
    Ok(match done.get("id").filter(|_| outcome.is_empty()) {
        Some(id) => format!("{}: command {id} is {}\n", target.path, word(&done, "state")),
        None => format!("{}: {outcome}\n", word(&done, "path")),
    })
}

/// The tree as lines: names on the left, drawn as a tree; what they are doing in columns.
fn tree(root: &Value) -> String {
    let mut rows = vec![("station".to_owned(), root)];
    branches(root, "", &mut rows);
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    rows.into_iter()
        .map(|(name, node)| format!("{name:width$}  {}\n", doing(node)))
        .collect()
}

fn branches<'a>(node: &'a Value, indent: &str, rows: &mut Vec<(String, &'a Value)>) {
    let mut children = node
        .get("children")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .peekable();
    while let Some(child) = children.next() {
        let (branch, below) = if children.peek().is_some() {
            ("├─ ", "│  ")
        } else {
            ("└─ ", "   ")
        };
        rows.push((format!("{indent}{branch}{}", word(child, "id")), child));
        branches(child, &format!("{indent}{below}"), rows);
    }
}

fn doing(node: &Value) -> String {
    let mut text = format!("{:12}", word(node, "state"));
    let uptime = node
        .get("uptime_ms")
        .and_then(Value::as_u64)
        .map_or_else(String::new, uptime);
    let manner = [word(node, "strategy"), word(node, "placement")].concat();
    let restarts = node.get("restarts").and_then(Value::as_u64).unwrap_or(0);
    // Writing to a string does not fail.
    let _always_ok = write!(text, "{uptime:>9}  {restarts:>3} restarts  {manner:13}").is_ok();
    let degraded = word(node, "degraded");
    if degraded.is_empty() {
        text.trim_end().to_owned()
    } else {
        format!("{text}  {degraded}")
    }
}

fn uptime(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tree_is_drawn_with_its_branches() {
        let leaf = |id: &str| json!({ "id": id, "state": "running", "uptime_ms": 61_000, "restarts": 2, "placement": "dedicated" });
        let group =
            json!({ "id": "b", "state": "running", "strategy": "rest_for_one", "children": [leaf("c"), leaf("d")] });
        let root = json!({ "id": "root", "state": "running", "children": [leaf("a"), group] });
        let tree = tree(&root);
        let names: Vec<&str> = tree.lines().filter_map(|line| line.split("  running").next()).collect();
        assert_eq!(names, ["station", "├─ a   ", "└─ b   ", "   ├─ c", "   └─ d"]);
        assert!(tree.contains("1 min    2 restarts  dedicated"), "{tree}");
    }
}
