//! A configuration as people may see it: what is in it, where it comes from, what differs from another one. Without secrets.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Config;
use super::problem::Origin;

/// What a key is called whose value is for nobody's eyes.
const SECRETS: [&str; 3] = ["password", "secret", "token"];

/// What is seen in its place.
const HIDDEN: &str = "•••";

/// A key whose value is another one than before; null where there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeyChange {
    pub(crate) key: String,
    pub(crate) old: Value,
    pub(crate) new: Value,
}

/// Whether the value of this key is a secret.
pub(crate) fn is_secret(key: &str) -> bool {
    let name = key.rsplit('.').next().unwrap_or(key);
    SECRETS.contains(&name)
}

/// The configuration by section and key.
pub(crate) fn shown(config: &Config) -> Value {
    let mut tree = tree(config);
    hide(&mut tree);
    tree
}

/// What is different in `new`, by key.
pub(crate) fn changes(old: &Config, new: &Config) -> Vec<KeyChange> {
    let (old, new) = (leaves(old), leaves(new));
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let value = |of: &BTreeMap<String, Value>, key: &String| of.get(key).cloned().unwrap_or_default();
    let differs = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
    differs
        .map(|key| KeyChange {
            key: key.clone(),
            old: seen(key, value(&old, key)),
            new: seen(key, value(&new, key)),
        })
        .collect()
}

/// Where the value of each key comes from: `default`, `file` or `environment`.
pub(crate) fn origins(config: &Config, set: &[(String, Origin)]) -> BTreeMap<String, &'static str> {
    let of = |key: String| {
        let last = set.iter().rev().find(|(set, _)| *set == key);
        let origin = last.map_or("default", |(_, origin)| origin.kind());
        (key, origin)
    };
    leaves(config).into_keys().map(of).collect()
}

fn tree(config: &Config) -> Value {
    serde_json::to_value(config).unwrap_or_default()
}

fn hide(tree: &mut Value) {
    for (key, value) in tree.as_object_mut().into_iter().flatten() {
        *value = seen(key, value.take());
        hide(value);
    }
}

/// An empty secret is none, which may be known.
fn seen(key: &str, value: Value) -> Value {
    let is_given = !value.is_null() && value.as_str() != Some("");
    if is_secret(key) && is_given {
        Value::from(HIDDEN)
    } else {
        value
    }
}

fn leaves(config: &Config) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    if let Value::Object(sections) = tree(config) {
        gather(sections, "", &mut leaves);
    }
    leaves
}

fn gather(sections: Map<String, Value>, above: &str, leaves: &mut BTreeMap<String, Value>) {
    for (name, value) in sections {
        let key = if above.is_empty() {
            name
        } else {
            format!("{above}.{name}")
        };
        if let Value::Object(sections) = value {
            gather(sections, &key, leaves);
        } else {
            leaves.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Set, check};
    use super::*;

    const BEFORE: &str = "[repeater.mqtt.hot]\nusername = \"me\"\npassword = \"sesame\"\n";

    fn read(text: &str) -> (Config, Set) {
        let env = [("STATIOND__WEB__PORT".to_owned(), "81".to_owned())];
        check(Some(("test.toml", text)), env).unwrap()
    }

    #[test]
    fn secrets_are_neither_in_what_is_shown_nor_in_what_changed() {
        let (old, _) = read(BEFORE);
        let (new, _) = read(&BEFORE.replace("sesame", "mellon"));
        assert!(!shown(&old).to_string().contains("sesame"));
        let changes = changes(&old, &new);
        let hidden = KeyChange {
            key: "repeater.mqtt.hot.password".to_owned(),
            old: HIDDEN.into(),
            new: HIDDEN.into(),
        };
        assert_eq!(changes, [hidden]);
    }

    #[test]
    fn changes_name_each_key_with_its_values_before_and_after() {
        let (old, _) = read(BEFORE);
        let (new, _) = read("[station]\nname = \"Hill\"\n");
        let changes = changes(&old, &new);
        let find = |key: &str| changes.iter().find(|change| change.key == key).unwrap();
        assert_eq!((&find("station.name").new, changes.len()), (&Value::from("Hill"), 15));
        assert_eq!(find("repeater.mqtt.hot.port").new, Value::Null);
    }

    #[test]
    fn origins_say_who_set_each_key() {
        let (config, set) = read(BEFORE);
        let origins = origins(&config, &set);
        let of = |key: &str| origins.get(key).copied();
        assert_eq!(of("web.port"), Some("environment"));
        assert_eq!(of("repeater.mqtt.hot.username"), Some("file"));
        assert_eq!(of("station.name"), Some("default"));
    }
}
