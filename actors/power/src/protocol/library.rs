//! All protocols by name: those in the binary, and a user's own that add to them or take their place.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use thiserror::Error;

use super::Protocol;
use super::compile::{Fault, compile};
use super::file::{FORMAT, ProtocolFile};

/// Longest name of a protocol, in bytes.
const MAX_NAME: usize = 32;
/// Longest reason, in characters: the parser cites lines of any length.
const MAX_REASON: usize = 300;
/// Longest chain of `extends`.
const MAX_DEPTH: usize = 8;

macro_rules! embedded {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../protocols/", $name, ".toml")))),*]
    };
}

/// The protocols in the binary: name and file.
const EMBEDDED: [(&str, &str); 28] = embedded![
    "daly",
    "daly40",
    "epever",
    "jbd",
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
    "smg2",
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

impl ProtocolProblem {
    fn of(file: &str, fault: Fault) -> ProtocolProblem {
        ProtocolProblem {
            file: file.to_owned(),
            key: fault.key,
            reason: fault.reason,
        }
    }
}

/// Protocols by name, read when they are first asked for.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// A user's own files by protocol name: where they are from, and what they say.
    own: BTreeMap<String, (String, String)>,
    /// What is wrong with a user's files that are no good, by the protocol that they would have been.
    refused: BTreeMap<String, ProtocolProblem>,
    ready: HashMap<String, Arc<Protocol>>,
}

impl Library {
    /// The protocols in the binary.
    #[must_use]
    pub fn new() -> Library {
        Library::default()
    }

    /// The protocols in the binary, and a user's own files: name, where it is from, and text. They may extend each other. A bad
    /// one is told and left out, and its protocol is refused by name: nobody is given the one in the binary in its place.
    #[must_use]
    pub fn with_files(files: Vec<(String, String, String)>) -> (Library, Vec<ProtocolProblem>) {
        let mut library = Library::new();
        for (name, file, text) in files {
            match name_fault(&name) {
                None => drop(library.own.insert(name, (file, text))),
                Some(fault) => drop(library.refused.insert(name, ProtocolProblem::of(&file, fault))),
            }
        }
        let names: Vec<String> = library.own.keys().cloned().collect();
        let refused: Vec<(String, ProtocolProblem)> = names
            .into_iter()
            .filter_map(|name| library.get(&name).err().map(|problem| (name, problem)))
            .collect();
        library
            .own
            .retain(|name, _| !refused.iter().any(|(refused, _)| refused == name));
        library.refused.extend(refused);
        library.ready.clear();
        let problems = library.refused.values().cloned().collect();
        (library, problems)
    }

    /// Adds a user's file `name.toml`. Protocols that are in use already stay as they are.
    ///
    /// # Errors
    /// When the file is no good; nothing is added then.
    pub fn add(&mut self, name: &str, file: &str, text: &str) -> Result<(), ProtocolProblem> {
        let name = name.to_lowercase();
        if let Some(fault) = name_fault(&name) {
            return Err(ProtocolProblem::of(file, fault));
        }
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
        let name = name.to_lowercase();
        match self.refused.get(&name) {
            Some(problem) => Err(problem.clone()),
            None => self.read(&name, MAX_DEPTH),
        }
    }

    fn read(&mut self, name: &str, depth: usize) -> Result<Arc<Protocol>, ProtocolProblem> {
        if let Some(ready) = self.ready.get(name) {
            return Ok(Arc::clone(ready));
        }
        let protocol = match self.own.get(name).cloned() {
            Some((file, text)) => self.make(name, &file, &text, depth)?,
            None => self.embedded(name, depth)?,
        };
        self.ready.insert(name.to_owned(), Arc::clone(&protocol));
        Ok(protocol)
    }

    /// The protocol of the binary, also where a user's own file has taken its place.
    fn embedded(&mut self, name: &str, depth: usize) -> Result<Arc<Protocol>, ProtocolProblem> {
        let file = format!("{name}.toml");
        match EMBEDDED.iter().find(|(known, _)| *known == name) {
            Some((name, text)) => self.make(name, &file, text, depth),
            None => Err(ProtocolProblem {
                file,
                key: String::new(),
                reason: format!("there is no protocol {name:?}"),
            }),
        }
    }

    fn make(&mut self, name: &str, file: &str, text: &str, depth: usize) -> Result<Arc<Protocol>, ProtocolProblem> {
        let problem = |fault: Fault| ProtocolProblem::of(file, fault);
        let parsed = parse(text).map_err(problem)?;
        let base = match parsed.extends.as_deref().map(str::to_lowercase) {
            None => None,
            Some(_) if depth == 0 => return Err(problem(extends("leads in a circle, or through too many files"))),
            // A user's file may change the protocol that it takes the place of.
            Some(base) if base == name => Some(self.embedded(&base, depth.saturating_sub(1))),
            Some(base) => Some(self.read(&base, depth.saturating_sub(1))),
        };
        let base = base.transpose().map_err(|cause| problem(extends(&cause.to_string())))?;
        compile(name, &parsed, base.as_deref()).map(Arc::new).map_err(problem)
    }
}

/// A name is written in configurations and paths.
fn name_fault(name: &str) -> Option<Fault> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let good = (1..=MAX_NAME).contains(&name.len()) && name.chars().all(fits);
    (!good).then(|| Fault {
        key: String::new(),
        reason: format!("the name of a protocol has 1 to {MAX_NAME} of a-z, 0-9, - and _"),
    })
}

fn parse(text: &str) -> Result<ProtocolFile, Fault> {
    let parsed: ProtocolFile = toml::from_str(text).map_err(|error| Fault {
        key: String::new(),
        reason: error
            .to_string()
            .trim()
            .replace('\n', " ")
            .chars()
            .take(MAX_REASON)
            .collect(),
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
