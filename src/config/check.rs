//! Merging and checking: text and variables in, a configuration or all its problems out.
//!
//! The keys that exist are those of the default configuration, written as JSON. Each value given is laid alone over that
//! default and read back: what fails then is that value's fault and nobody else's. An empty map of the default takes any keys;
//! if it has a template, each of its keys is a section like the template.

use config::{FileFormat, FileSourceString, Map, Source, Value as Given, ValueKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map as JsonMap, Value};

use super::ENV_PREFIX;
use super::problem::{Origin, Problem};

/// Between the words of a variable's name.
const ENV_SEPARATOR: &str = "__";

/// How alike (0 to 1) a known key must be to be suggested for an unknown one.
const ALIKE: f64 = 0.6;

/// A configuration that knows what is wrong with itself beyond the types of its values.
pub(crate) trait Checked: Default + Serialize + DeserializeOwned {
    /// `(key, reason)` of each value that is out of range or does not fit another.
    fn problems(&self) -> Vec<(String, String)>;

    /// `(key, default)` of each map whose keys are names of the writer's own, and the section behind each of them.
    fn templates() -> Vec<(&'static str, Value)> {
        Vec::new()
    }
}

/// Checks a file (name and text) and the environment that overrides it.
///
/// # Errors
/// All problems there are.
pub(crate) fn check<C: Checked>(
    file: Option<(&str, &str)>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<C, Vec<Problem>> {
    let mut checker = Checker::<C>::new();
    if let Some((name, text)) = file {
        checker.read_file(name, text);
    }
    for (name, text) in sorted(env) {
        checker.read_variable(&name, text);
    }
    checker.finish()
}

/// Variables come in no order; problems should.
fn sorted(env: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut env: Vec<_> = env.into_iter().collect();
    env.sort();
    env
}

/// One value that somebody set; where it is ambiguous (a variable is only text), the readings in order of preference.
struct Setting {
    path: Vec<String>,
    readings: Vec<Value>,
    origin: Origin,
}

struct Checker<C> {
    /// The default configuration: which keys there are.
    known: Value,
    /// The default with every good value laid over.
    merged: Value,
    set: Vec<(String, Origin)>,
    problems: Vec<Problem>,
    kind: std::marker::PhantomData<C>,
}

impl<C: Checked> Checker<C> {
    fn new() -> Checker<C> {
        let known = serde_json::to_value(C::default()).unwrap_or_default();
        Checker {
            merged: known.clone(),
            known,
            set: Vec::new(),
            problems: Vec::new(),
            kind: std::marker::PhantomData,
        }
    }

    fn read_file(&mut self, name: &str, text: &str) {
        let origin = Origin::File(name.to_owned());
        match toml(text) {
            Ok(table) => {
                let mut table: Vec<_> = table.into_iter().collect();
                table.sort_by(|(a, _), (b, _)| a.cmp(b));
                self.walk(&mut Vec::new(), table, &origin);
            }
            Err(reason) => self.blame("", reason, origin),
        }
    }

    fn read_variable(&mut self, name: &str, text: String) {
        let Some(key) = name
            .strip_prefix(ENV_PREFIX)
            .and_then(|rest| rest.strip_prefix(ENV_SEPARATOR))
        else {
            return;
        };
        let path: Vec<String> = key.split(ENV_SEPARATOR).map(str::to_lowercase).collect();
        let origin = Origin::Env(name.to_owned());
        for depth in 1..path.len() {
            self.instantiate(path.get(..depth).unwrap_or_default(), &origin);
        }
        let mut known = Some(&self.known);
        for name in &path {
            known = known.and_then(|known| known.get(name));
        }
        match known {
            None => self.unknown(&path, origin),
            Some(known) if is_section(known) => {
                self.blame(&path.join("."), "is a section, not a key".to_owned(), origin)
            }
            Some(_) => {
                let typed = toml(&format!("value = {text}"))
                    .ok()
                    .filter(|table| table.len() == 1)
                    .and_then(|mut table| table.remove("value"));
                let mut readings = vec![Value::String(text)];
                readings.extend(typed.map(json));
                self.take(Setting { path, readings, origin });
            }
        }
    }

    fn walk(&mut self, path: &mut Vec<String>, table: Vec<(String, Given)>, origin: &Origin) {
        for (name, given) in table {
            path.push(name);
            self.instantiate(path, origin);
            let known = path.iter().try_fold(&self.known, |known, name| known.get(name));
            let known = known.map(|known| is_section(known) || template::<C>(path).is_some());
            match (known, given.kind) {
                (None, _) => self.unknown(path, origin.clone()),
                (Some(true), ValueKind::Table(table)) => {
                    let mut table: Vec<_> = table.into_iter().collect();
                    table.sort_by(|(a, _), (b, _)| a.cmp(b));
                    self.walk(path, table, origin);
                }
                (Some(true), _) => {
                    let key = path.join(".");
                    self.blame(
                        &key,
                        format!("is a section: write [{key}] and its keys below"),
                        origin.clone(),
                    );
                }
                (Some(false), kind) => self.take(Setting {
                    path: path.clone(),
                    readings: vec![json(Given::new(None, kind))],
                    origin: origin.clone(),
                }),
            }
            path.pop();
        }
    }

    /// Makes the section of a name that was not met before, in a map with a template.
    fn instantiate(&mut self, path: &[String], origin: &Origin) {
        let Some((name, parent)) = path.split_last() else {
            return;
        };
        let Some(section) = template::<C>(parent) else { return };
        let mut is_new = false;
        for tree in [&mut self.known, &mut self.merged] {
            let map = parent.iter().try_fold(tree, |tree, name| tree.get_mut(name));
            if let Some(map) = map.and_then(Value::as_object_mut)
                && !map.contains_key(name)
            {
                is_new = true;
                map.insert(name.clone(), section.clone());
            }
        }
        if is_new {
            self.set.push((path.join("."), origin.clone()));
        }
    }

    /// Tries each reading alone on the default; the first that fits is taken over.
    fn take(&mut self, setting: Setting) {
        let key = setting.path.join(".");
        let mut reason = String::new();
        for reading in setting.readings {
            let mut alone = self.known.clone();
            lay(&mut alone, &setting.path, reading.clone());
            match serde_json::from_value::<C>(alone) {
                Ok(_) => {
                    lay(&mut self.merged, &setting.path, reading);
                    self.set.push((key, setting.origin));
                    return;
                }
                Err(error) => reason = error.to_string(),
            }
        }
        self.blame(&key, reason, setting.origin);
    }

    fn unknown(&mut self, path: &[String], origin: Origin) {
        let key = path.join(".");
        let reason = match nearest(&key, &self.known) {
            Some(known) => format!("unknown key; did you mean {known}?"),
            None => "unknown key".to_owned(),
        };
        self.blame(&key, reason, origin);
    }

    fn blame(&mut self, key: &str, reason: String, origin: Origin) {
        self.problems.push(Problem {
            key: key.to_owned(),
            reason,
            origin,
        });
    }

    fn finish(mut self) -> Result<C, Vec<Problem>> {
        let config = match serde_json::from_value::<C>(self.merged.take()) {
            Ok(config) => config,
            Err(error) => {
                self.blame("", error.to_string(), Origin::Default);
                C::default()
            }
        };
        for (key, reason) in config.problems() {
            let origin = self.set.iter().rev().find(|(set, _)| *set == key);
            let origin = origin.map_or(Origin::Default, |(_, origin)| origin.clone());
            if !self.problems.iter().any(|problem| problem.key == key) {
                self.blame(&key, reason, origin);
            }
        }
        if self.problems.is_empty() {
            Ok(config)
        } else {
            Err(self.problems)
        }
    }
}

fn toml(text: &str) -> Result<Map<String, Given>, String> {
    config::File::<FileSourceString, FileFormat>::from_str(text, FileFormat::Toml)
        .collect()
        .map_err(|error| error.to_string().trim_end().to_owned())
}

fn json(given: Given) -> Value {
    match given.kind {
        ValueKind::Nil => Value::Null,
        ValueKind::Boolean(value) => value.into(),
        ValueKind::I64(value) => value.into(),
        ValueKind::U64(value) => value.into(),
        ValueKind::I128(value) => value.to_string().into(),
        ValueKind::U128(value) => value.to_string().into(),
        ValueKind::Float(value) => value.into(),
        ValueKind::String(value) => value.into(),
        ValueKind::Array(values) => values.into_iter().map(json).collect(),
        ValueKind::Table(table) => table
            .into_iter()
            .map(|(key, value)| (key, json(value)))
            .collect::<JsonMap<_, _>>()
            .into(),
    }
}

/// The section that each name below `path` has; `None` where names are not the writer's own.
fn template<C: Checked>(path: &[String]) -> Option<Value> {
    let key = path.join(".");
    let mut templates = C::templates().into_iter();
    templates.find(|(map, _)| *map == key).map(|(_, section)| section)
}

/// Whether the keys below are fixed.
fn is_section(known: &Value) -> bool {
    known.as_object().is_some_and(|keys| !keys.is_empty())
}

fn lay(tree: &mut Value, path: &[String], value: Value) {
    let slot = path.iter().try_fold(tree, |tree, name| tree.get_mut(name));
    if let Some(slot) = slot {
        *slot = value;
    }
}

/// The known key that the writer most likely meant; one in the same section first.
fn nearest(key: &str, known: &Value) -> Option<String> {
    let mut keys = Vec::new();
    list(known, "", &mut keys);
    let name = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |known: &String| {
        let whole = strsim::normalized_damerau_levenshtein(key, known);
        let same_name = key.contains('.') || known.contains('.');
        if same_name && name(known) == name(key) {
            1.0
        } else {
            whole
        }
    };
    keys.into_iter()
        .map(|known| (likeness(&known), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

fn list(tree: &Value, prefix: &str, keys: &mut Vec<String>) {
    for (name, value) in tree.as_object().into_iter().flatten() {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        if is_section(value) {
            list(value, &key, keys);
        }
        keys.push(key);
    }
}
