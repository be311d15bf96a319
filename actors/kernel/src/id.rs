//! Names of children: one segment ([`ChildId`]) and the way from the root ([`ChildPath`]).
//!
//! Ids come from code and configuration; `launch` refuses those that could not be written in a path.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// What separates the segments of a path.
const SEPARATOR: char = '/';

/// The name of a child among its siblings: `parser`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChildId(Arc<str>);

impl ChildId {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name can be a segment of a path: not empty, no separator, nothing unprintable.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let printable = |c: char| c != SEPARATOR && !c.is_whitespace() && !c.is_control();
        !self.0.is_empty() && self.0.chars().all(printable)
    }
}

impl From<&str> for ChildId {
    fn from(name: &str) -> ChildId {
        ChildId(name.into())
    }
}

impl From<String> for ChildId {
    fn from(name: String) -> ChildId {
        ChildId(name.into())
    }
}

impl fmt::Display for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ChildId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The way from the root to a child: `repeater/parser`. The root's own path is empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChildPath(Arc<[ChildId]>);

impl ChildPath {
    /// The path of the root supervisor.
    #[must_use]
    pub fn root() -> ChildPath {
        ChildPath(Arc::new([]))
    }

    /// The path of this node's child `id`.
    #[must_use]
    pub fn child(&self, id: &ChildId) -> ChildPath {
        ChildPath(self.0.iter().chain([id]).cloned().collect())
    }

    /// The names from the root's child down to this one.
    #[must_use]
    pub fn segments(&self) -> &[ChildId] {
        &self.0
    }

    /// Whether this is the root supervisor.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for ChildPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, segment) in self.0.iter().enumerate() {
            if at > 0 {
                write!(f, "{SEPARATOR}")?;
            }
            write!(f, "{segment}")?;
        }
        Ok(())
    }
}

/// Text that names no child.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a path of children (repeater/parser): {text:?}")]
pub struct ParsePathError {
    text: String,
}

impl FromStr for ChildPath {
    type Err = ParsePathError;

    fn from_str(text: &str) -> Result<ChildPath, ParsePathError> {
        let segments: Arc<[ChildId]> = text.split(SEPARATOR).map(ChildId::from).collect();
        if segments.iter().all(ChildId::is_valid) {
            return Ok(ChildPath(segments));
        }
        Err(ParsePathError {
            text: text.chars().take(80).collect(),
        })
    }
}

impl Serialize for ChildPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChildPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ChildPath, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_written_and_read_back_is_the_same() {
        let path = ChildPath::root().child(&"repeater".into()).child(&"parser".into());
        assert_eq!(path.to_string(), "repeater/parser");
        assert_eq!(path.to_string().parse(), Ok(path));
    }

    #[test]
    fn path_with_empty_or_blank_segment_is_refused() {
        for text in ["", "/", "a//b", "a/", " a", "a\nb"] {
            assert!(text.parse::<ChildPath>().is_err(), "{text:?}");
        }
    }
}
