//! All protocols by name: those in the binary, and a user's own that add to them or take their place.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use thiserror::Error;

use super::Protocol;
use super::compile::{Fault, compile};
use super::file::{FORMAT, ProtocolFile};

/// Longest chain of `extends`.
const MAX_DEPTH: usize = 8;

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../protocols/", $name, ".toml")))),*]
    };
}

/// The protocols in the binary: name and file.
const EMBEDDED: [(&str, &str); 25] = embedded![
    "daly",
    "daly40",
    "jk02",
    "jk02_32",
    "jk04",
    "jk232",
    "jk485",
    "jkpb",
    "jkserial",
    "jkv11",
    "pi16",
    "pi17",
    "pi17infini",
    "pi17m058",
    "pi18",
    "pi18lvx",
    "pi18sv",
    "pi30",
    "pi30m044",
    "pi30m045",
    "pi30max",
    "pi30mst",
    "pi30revo",
    "pi41",
    "ved",
];

/// What is wrong with a protocol's file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}: {key}{colon}{reason}", colon = if .key.is_empty() { "" } else { ": " })]
pub struct ProtocolProblem {
    /// The file.
    pub file: String,
    /// Where in it: a command, a field of a command, a key.
    pub key: String,
    /// Why it is wrong.
    pub reason: String,
}

/// Protocols by name, read when they are first asked for.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// A user's own files by protocol name: where they are from, and what they say.
    own: BTreeMap<String, (String, String)>,
    ready: HashMap<String, Arc<Protocol>>,
}

impl Library {
    /// The protocols in the binary.
    #[must_use]
    pub fn new() -> Library {
        Library::default()
    }

    /// Adds a user's file `name.toml`. Protocols that are in use already stay as they are.
    ///
    /// # Errors
    /// When the file is no good; nothing is added then.
    pub fn add(&mut self, name: &str, file: &str, text: &str) -> Result<(), ProtocolProblem> {
        let name = name.to_lowercase();
        let mut tried = self.clone();
        tried.own.insert(name.clone(), (file.to_owned(), text.to_owned()));
        tried.ready.clear();
        tried.get(&name)?;
        *self = tried;
        Ok(())
    }

    /// The names of all protocols, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = EMBEDDED.iter().map(|(name, _)| *name).collect();
        names.extend(self.own.keys().map(String::as_str));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// A protocol by name, in any case of letters.
    ///
    /// # Errors
    /// When there is none of this name, or its file is no good.
    pub fn get(&mut self, name: &str) -> Result<Arc<Protocol>, ProtocolProblem> {
        self.read(&name.to_lowercase(), MAX_DEPTH)
    }

    fn read(&mut self, name: &str, depth: usize) -> Result<Arc<Protocol>, ProtocolProblem> {
        if let Some(ready) = self.ready.get(name) {
            return Ok(Arc::clone(ready));
        }
        let (file, text) = self.text(name)?;
        let problem = |fault: Fault| ProtocolProblem {
            file: file.clone(),
            key: fault.key,
            reason: fault.reason,
        };
        let parsed = parse(&text).map_err(problem)?;
        let base = match &parsed.extends {
            None => None,
            Some(_) if depth == 0 => return Err(problem(extends("leads in a circle, or through too many files"))),
            Some(base) => Some(self.read(&base.to_lowercase(), depth.saturating_sub(1))?),
        };
        let protocol = Arc::new(compile(name, &parsed, base.as_deref()).map_err(problem)?);
        self.ready.insert(name.to_owned(), Arc::clone(&protocol));
        Ok(protocol)
    }

    fn text(&self, name: &str) -> Result<(String, String), ProtocolProblem> {
        if let Some((file, text)) = self.own.get(name) {
            return Ok((file.clone(), text.clone()));
        }
        let embedded = EMBEDDED.iter().find(|(known, _)| *known == name);
        embedded
            .map(|(name, text)| (format!("{name}.toml"), (*text).to_owned()))
            .ok_or_else(|| ProtocolProblem {
                file: format!("{name}.toml"),
                key: String::new(),
                reason: format!("there is no protocol {name:?}"),
            })
    }
}

fn parse(text: &str) -> Result<ProtocolFile, Fault> {
    let parsed: ProtocolFile = toml::from_str(text).map_err(|error| Fault {
        key: String::new(),
        reason: error.to_string().trim().replace('\n', " "),
    })?;
    if parsed.format == FORMAT {
        return Ok(parsed);
    }
    Err(Fault {
        key: "format".to_owned(),
        reason: format!("{:?} is not read by this version, {FORMAT:?} is", parsed.format),
    })
}

fn extends(reason: &str) -> Fault {
    Fault {
        key: "extends".to_owned(),
        reason: reason.to_owned(),
    }
}
