//! What can be wrong with a configuration, in words for whoever wrote it.

use std::fmt;
use std::io;
use std::path::Path;

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

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("the default"),
            Origin::File(name) => f.write_str(name),
            Origin::Env(name) => write!(f, "environment variable {name}"),
        }
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

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.origin, self.reason)
        } else {
            write!(f, "{}: {} (from {})", self.key, self.reason, self.origin)
        }
    }
}
