//! `stationd config`: the configuration of a running station, and how it becomes another one.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Client, Connection, DEFAULT_URL, word};
use super::command;

/// Largest file that is read, in bytes; the station refuses smaller ones already.
const MAX_FILE: u64 = 1024 * 1024;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    at: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what is in force, where each value comes from, and what is wrong with the file
    Show,
    /// Show the versions that were in force, the newest first
    Versions,
    /// Say what a file would change, and what is wrong with it; nothing is done
    Validate(File),
    /// Put a file in force; it is taken back by itself if the station is not well with it
    Apply(Apply),
    /// Go back to a version of before
    Rollback(Rollback),
    /// Read the station's own file again
    Reload(Reason),
}

#[derive(Debug, clap::Args)]
struct File {
    /// The whole configuration file; - reads standard input
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
struct Apply {
    #[command(flatten)]
    file: File,
    #[command(flatten)]
    why: Reason,
}

#[derive(Debug, clap::Args)]
struct Rollback {
    /// Number of the version
    version: u64,
    #[command(flatten)]
    why: Reason,
}

#[derive(Debug, clap::Args)]
struct Reason {
    /// Why; kept in the journal
    #[arg(long, default_value = "")]
    reason: String,
}

pub(super) fn config(arguments: &Arguments) -> anyhow::Result<()> {
    let station = &Client::new(&arguments.at, DEFAULT_URL)?;
    let text = match &arguments.action {
        Action::Show => shown(&station.get("/api/v1/config")?),
        Action::Versions => versions(&station.get("/api/v1/config/versions")?),
        Action::Validate(from) => {
            let asked = json!({ "toml": from.read()? });
            checked(&station.post("/api/v1/config/validate", &asked)?)?
        }
        Action::Apply(Apply { file, why }) => {
            let asked = json!({ "toml": file.read()?, "reason": why.reason });
            command::line(&station.post("/api/v1/config/apply", &asked)?)
        }
        Action::Rollback(Rollback { version, why }) => {
            let asked = json!({ "version": version, "reason": why.reason });
            command::line(&station.post("/api/v1/config/rollback", &asked)?)
        }
        Action::Reload(why) => {
            let asked = json!({ "reason": why.reason });
            command::line(&station.post("/api/v1/config/reload", &asked)?)
        }
    };
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}

impl File {
    fn read(&self) -> anyhow::Result<String> {
        let name = || self.file.display().to_string();
        let mut text = String::new();
        let from: Box<dyn Read> = if self.file == Path::new("-") {
            Box::new(io::stdin())
        } else {
            Box::new(std::fs::File::open(&self.file).with_context(name)?)
        };
        from.take(MAX_FILE + 1).read_to_string(&mut text).with_context(name)?;
        if u64::try_from(text.len()).is_ok_and(|len| len > MAX_FILE) {
            bail!("{}: is larger than 1 MiB", name());
        }
        Ok(text)
    }
}

/// `section.key = value  (file)`, then what is wrong with the file and what of it is not in force.
fn shown(config: &Value) -> String {
    let mut text = String::new();
    for (key, value) in leaves("", config.get("sections").unwrap_or(&Value::Null)) {
        let from = config.get("origin").map_or("", |origins| word(origins, &key));
        say(&mut text, format_args!("{key} = {value}  ({from})"));
    }
    for problem in items(config, "problems") {
        say(&mut text, format_args!("problem: {}", told(problem)));
    }
    for key in items(config, "pending").filter_map(Value::as_str) {
        say(
            &mut text,
            format_args!("the file has another {key}: stationd config reload"),
        );
    }
    text
}

/// Every key with its value, sections within sections joined by dots.
fn leaves<'a>(within: &str, of: &'a Value) -> Vec<(String, &'a Value)> {
    let Some(map) = of.as_object() else {
        return vec![(within.to_owned(), of)];
    };
    let name = |key: &str| match within {
        "" => key.to_owned(),
        within => format!("{within}.{key}"),
    };
    map.iter().flat_map(|(key, value)| leaves(&name(key), value)).collect()
}

fn versions(page: &Value) -> String {
    let mut text = String::new();
    for known in items(page, "items") {
        let number = known.get("version").map(Value::to_string).unwrap_or_default();
        let current = known.get("current").and_then(Value::as_bool) == Some(true);
        let mark = if current { '*' } else { ' ' };
        let [at, who, why] = ["at", "who", "why"].map(|field| word(known, field));
        say(&mut text, format_args!("{mark}{number:>5}  {at}  {who}  {why}"));
    }
    text
}

/// # Errors
/// When the file could not be applied, with everything that is wrong with it.
fn checked(answer: &Value) -> anyhow::Result<String> {
    let problems: Vec<String> = items(answer, "problems").map(told).collect();
    if !problems.is_empty() {
        bail!("it cannot be applied:\n  {}", problems.join("\n  "));
    }
    let Some(difference) = answer.get("difference") else {
        bail!("the station says neither what is wrong nor what would be different");
    };
    let mut text = String::new();
    for change in items(difference, "changes") {
        let [old, new] = ["old", "new"].map(|side| change.get(side).unwrap_or(&Value::Null));
        say(&mut text, format_args!("{}: {old} -> {new}", word(change, "key")));
    }
    let restarts: Vec<&str> = items(difference, "restarts").filter_map(Value::as_str).collect();
    let waiting: Vec<&str> = items(difference, "after_restart").filter_map(Value::as_str).collect();
    if !restarts.is_empty() {
        say(&mut text, format_args!("restarts {}", restarts.join(", ")));
    }
    if !waiting.is_empty() {
        let keys = waiting.join(", ");
        say(
            &mut text,
            format_args!("in force after the next start of the service: {keys}"),
        );
    }
    if text.is_empty() {
        say(&mut text, format_args!("nothing would be different"));
    }
    Ok(text)
}

fn told(problem: &Value) -> String {
    let line = problem.get("line").and_then(Value::as_u64);
    let line = line.map_or_else(String::new, |line| format!("line {line}: "));
    format!("{line}{}: {}", word(problem, "key"), word(problem, "reason"))
}

fn items<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    of.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// Writing to a string does not fail.
fn say(text: &mut String, line: std::fmt::Arguments<'_>) {
    let _always_ok = writeln!(text, "{line}").is_ok();
}
