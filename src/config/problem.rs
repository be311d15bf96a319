//! What can be wrong with a configuration, in words for whoever wrote it.

use std::fmt;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::shown::is_secret;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file of this name.
    File(String),
    /// The environment variable of this name.
    Env(String),
}

/// Who set which key, in the order of setting.
pub(crate) type Set = Vec<(String, Origin)>;

impl Origin {
    /// In one word, for programs.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Origin::Default => "default",
            Origin::File(_) => "file",
            Origin::Env(_) => "environment",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("the default"),
            Origin::File(name) => f.write_str(name),
            Origin::Env(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// A problem as it may be told to more people than the one who wrote the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProblemShown {
    /// The dotted key; empty where the file as a whole is meant.
    pub(crate) key: String,
    /// What is wrong with it, and what would be right.
    pub(crate) reason: String,
    /// Where in the file, from 1.
    pub(crate) line: Option<usize>,
    /// `default`, `file` or `environment`.
    pub(crate) origin: String,
}

impl fmt::Display for ProblemShown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.reason)
    }
}

/// One thing to put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The dotted key (`web.port`); empty where the file as a whole is meant.
    pub(crate) key: String,
    /// What is wrong with it, and what would be right.
    pub(crate) reason: String,
    /// Who set it.
    pub(crate) origin: Origin,
}

impl Problem {
    /// A file that cannot be read at all.
    pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Problem {
        Problem {
            key: String::new(),
            reason: format!("cannot be read: {error}"),
            origin: Origin::File(path.display().to_string()),
        }
    }
}

impl Problem {
    /// Without secrets. `text`: the file that was read.
    pub(crate) fn shown(&self, text: &str) -> ProblemShown {
        let is_about_file = matches!(self.origin, Origin::File(_));
        let reason = if is_secret(&self.key) {
            "cannot be taken".to_owned()
        } else if self.key.is_empty() {
            without_quotes(&self.reason)
        } else {
            self.reason.clone()
        };
        let line = if self.key.is_empty() {
            line_said(&self.reason)
        } else {
            line_of(text, &self.key)
        };
        ProblemShown {
            key: self.key.clone(),
            reason,
            line: line.filter(|_| is_about_file),
            origin: self.origin.kind().to_owned(),
        }
    }
}

/// A parser's complaint without the lines that it quotes, which may hold secrets.
fn without_quotes(reason: &str) -> String {
    let is_quote = |line: &&str| {
        line.trim_start_matches([' ', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
            .starts_with('|')
    };
    let said: Vec<&str> = reason.lines().filter(|line| !is_quote(line)).map(str::trim).collect();
    said.join(": ")
}

/// The line that a parser's complaint names.
fn line_said(reason: &str) -> Option<usize> {
    let (_, rest) = reason.split_once("line ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Where a file sets this key, as far as it is written in the plain way: a table's header, then keys of one word.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let mut table = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let full = match line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((header, _)) => {
                header.trim().clone_into(&mut table);
                table.clone()
            }
            None => match line.split_once('=') {
                Some((name, _)) if table.is_empty() => name.trim().to_owned(),
                Some((name, _)) => format!("{table}.{}", name.trim()),
                None => continue,
            },
        };
        if full == key {
            return Some(index.saturating_add(1));
        }
    }
    None
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.origin, self.reason)
        } else {
            write!(f, "{}: {} (from {})", self.key, self.reason, self.origin)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, check};
    use super::*;

    fn shown(text: &str) -> Vec<ProblemShown> {
        let problems = check::<Config>(Some(("test.toml", text)), []).unwrap_err();
        problems.iter().map(|problem| problem.shown(text)).collect()
    }

    #[test]
    fn problem_names_the_line_of_its_key() {
        let text = "# mine\n[web]\nport = 99999\n\n[station]\nnam = \"x\"\n";
        let said: Vec<String> = shown(text).iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(
            said[0].starts_with("line 6: station.nam: unknown key; did you mean station.name?"),
            "{said:?}"
        );
        assert!(said[1].starts_with("line 3: web.port: "), "{said:?}");
    }

    #[test]
    fn problem_does_not_quote_a_secret() {
        for text in [
            "[repeater.mqtt.x]\npassword = \"sesame\n",
            "[repeater.mqtt.x]\npassword = sesame\n",
            "[repeater.mqtt.x]\nusername = \"me\"\npassword = [\"sesame\"]\n",
            "[repeater.mqtt.x]\nusername = \"me\"\npassword = 5358979\n",
        ] {
            let problems = shown(text);
            let said = serde_json::to_string(&problems).unwrap();
            assert!(!said.contains("sesame") && !said.contains("5358979"), "{said}");
            assert!(problems[0].line.is_some(), "{said}");
        }
    }
}
