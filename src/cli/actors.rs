//! `stationd actors`: the supervisor tree of a running station, for people at a terminal.

use std::fmt::Write as _;
use std::io::{self, Write};

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::Value;

use crate::operator::Verb;

/// How long an answer may take: longer than the service's own limit, so that its reason is shown rather than ours.
const ANSWER_LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// Where the station is
    #[arg(long, global = true, default_value = "http://localhost:8080")]
    url: String,
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
    let text = match &arguments.action {
        None | Some(Action::List) => tree(&get(&arguments.url)?),
        Some(Action::Restart(target)) => post(&arguments.url, Verb::Restart, target)?,
        Some(Action::Stop(target)) => post(&arguments.url, Verb::Stop, target)?,
        Some(Action::Start(target)) => post(&arguments.url, Verb::Start, target)?,
    };
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}

fn get(url: &str) -> anyhow::Result<Value> {
    let at = format!("{}/api/v1/actors", url.trim_end_matches('/'));
    let answer = agent()
        .get(&at)
        .call()
        .with_context(|| format!("no station answers at {at}"))?;
    read(answer)
}

fn post(url: &str, verb: Verb, target: &Target) -> anyhow::Result<String> {
    let at = format!("{}/api/v1/actors/{}/{verb}", url.trim_end_matches('/'), target.path);
    let why = serde_json::json!({ "why": target.why, "who": "command line" });
    let answer = agent()
        .post(&at)
        .send_json(why)
        .with_context(|| format!("no station answers at {at}"))?;
    let done = read(answer)?;
    Ok(format!("{}: {}\n", word(&done, "path"), word(&done, "outcome")))
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(ANSWER_LIMIT))
        .build();
    config.into()
}

/// The body, or the problem document as an error.
fn read(mut answer: ureq::http::Response<ureq::Body>) -> anyhow::Result<Value> {
    let status = answer.status();
    let body: Value = answer.body_mut().read_json().context("the answer is no JSON")?;
    if !status.is_success() {
        bail!("{}: {}", word(&body, "title"), word(&body, "detail"));
    }
    Ok(body)
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

fn word<'a>(node: &'a Value, key: &str) -> &'a str {
    node.get(key).and_then(Value::as_str).unwrap_or_default()
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
