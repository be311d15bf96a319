//! Sections of keys and values as Python's configparser reads them, each with its line.

use thiserror::Error;

/// Most sections, and most keys of one.
const MOST: usize = 256;

/// Why a file is none of this kind.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum IniError {
    #[error("line {0}: neither [section] nor key = value")]
    Neither(usize),
    #[error("line {0}: a key before the first [section]")]
    Homeless(usize),
    #[error("line {0}: more than {MOST} sections, or keys in one")]
    TooMany(usize),
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) line: usize,
    /// In lower case.
    pub(super) key: String,
    pub(super) value: String,
}

/// A section with its entries, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) line: usize,
    pub(super) name: String,
    pub(super) entries: Vec<Entry>,
}

impl Section {
    /// The value of a key that is there and not empty; the last, if it stands twice.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let found = self.entries.iter().rfind(|entry| entry.key == key)?;
        (!found.value.is_empty()).then_some(found.value.as_str())
    }
}

/// # Errors
/// The first line that is neither section, key nor comment.
pub(super) fn parse(text: &str) -> Result<Vec<Section>, IniError> {
    let mut sections: Vec<Section> = Vec::new();
    for (index, raw) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = index.saturating_add(1);
        let line = raw.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .map(|(name, _)| name)
        {
            if sections.len() == MOST {
                return Err(IniError::TooMany(number));
            }
            sections.push(Section {
                line: number,
                name: name.to_owned(),
                entries: Vec::new(),
            });
            continue;
        }
        let entries = &mut sections.last_mut().ok_or(IniError::Homeless(number))?.entries;
        // A line that is set in goes on with the value above it.
        if raw.starts_with([' ', '\t'])
            && let Some(before) = entries.last_mut()
        {
            before.value.push('\n');
            before.value.push_str(line);
            continue;
        }
        let (key, value) = line.split_once(['=', ':']).ok_or(IniError::Neither(number))?;
        if entries.len() == MOST {
            return Err(IniError::TooMany(number));
        }
        entries.push(Entry {
            line: number,
            key: key.trim().to_lowercase(),
            value: value.trim().to_owned(),
        });
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_read_as_its_own_program_read_it() {
        let text =
            "; a comment\n[SETUP]\nPause = 5\n\n# another\n[Inverter 1]\nport: /dev/hidraw0\ncommand=QPIGS#\n  QPIRI\n";
        let sections = parse(text).unwrap();
        assert_eq!(sections.len(), 2);
        assert_eq!(sections[0].get("pause"), Some("5"));
        let inverter = &sections[1];
        assert_eq!((inverter.line, inverter.name.as_str()), (6, "Inverter 1"));
        assert_eq!(inverter.get("command"), Some("QPIGS#\nQPIRI"));
        assert_eq!(
            (inverter.get("port"), inverter.get("baud")),
            (Some("/dev/hidraw0"), None)
        );
    }

    #[test]
    fn file_of_another_kind_is_refused_with_the_line() {
        assert_eq!(parse("port = 1"), Err(IniError::Homeless(1)));
        assert_eq!(parse("[a]\n\nnonsense"), Err(IniError::Neither(3)));
        assert_eq!(parse(&"[a]\n".repeat(257)), Err(IniError::TooMany(257)));
        assert_eq!(parse(""), Ok(Vec::new()));
    }
}
