//! The versions of the configuration: pure. Kept in the journal, in the checkpoint of `config`, which no path shows: the
//! texts may hold passwords.

use std::collections::BTreeMap;

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// Versions that ran which are kept; the oldest are forgotten.
const KEPT: usize = 20;

/// Texts that wait to be applied which are kept.
const STAGED: usize = 8;

/// A text of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    text: String,
    /// When it was brought.
    pub(crate) at: Timestamp,
    /// Who brought it.
    pub(crate) who: String,
    /// Why.
    pub(crate) why: String,
    /// Whether it has ever run.
    pub(crate) ran: bool,
}

/// A version that has to prove itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trial {
    pub(crate) version: u64,
    /// What comes back if it is no good.
    pub(crate) previous: u64,
    /// What was wrong before.
    pub(crate) before: Vec<String>,
    /// How long it has.
    pub(crate) seconds: u32,
}

/// All versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Book {
    /// The newest number given.
    newest: u64,
    /// The one in force; 0 before the first.
    pub(crate) current: u64,
    versions: BTreeMap<u64, Version>,
    pub(crate) trial: Option<Trial>,
}

impl Book {
    /// The text of a version.
    pub(crate) fn text(&self, version: u64) -> Option<&str> {
        self.versions.get(&version).map(|version| version.text.as_str())
    }

    /// Those that ran, the newest first.
    pub(crate) fn history(&self) -> impl Iterator<Item = (u64, &Version)> {
        let ran = self.versions.iter().rev().filter(|(_, version)| version.ran);
        ran.map(|(number, version)| (*number, version))
    }

    /// Keeps a text for later; the same text that waits already keeps its number.
    pub(crate) fn stage(&mut self, text: &str, who: &str, at: Timestamp) -> u64 {
        let mut waiting = self.versions.iter().filter(|(_, version)| !version.ran);
        if let Some((number, _)) = waiting.find(|(_, version)| version.text == text) {
            return *number;
        }
        self.add(text, (who, ""), at, false)
    }

    /// Puts a version in force, on trial or for good. `false`: there is none of this number.
    pub(crate) fn put(&mut self, version: u64, by: (&str, &str), at: Timestamp, trial: Option<Trial>) -> bool {
        let (who, why) = by;
        let Some(found) = self.versions.get_mut(&version) else {
            return false;
        };
        if !std::mem::replace(&mut found.ran, true) {
            (found.at, found.who, found.why) = (at, who.to_owned(), why.to_owned());
        }
        self.current = version;
        self.trial = trial;
        self.forget();
        true
    }

    /// Puts a text in force, whether or not it is known. `false`: it was in force already.
    pub(crate) fn found(&mut self, text: &str, by: (&str, &str), at: Timestamp) -> bool {
        if self.text(self.current) == Some(text) {
            return false;
        }
        let known = self.versions.iter().rev().find(|(_, version)| version.text == text);
        let number = known.map(|(number, _)| *number);
        let number = number.unwrap_or_else(|| self.add(text, by, at, true));
        self.put(number, by, at, None)
    }

    fn add(&mut self, text: &str, (who, why): (&str, &str), at: Timestamp, ran: bool) -> u64 {
        self.newest = self.newest.saturating_add(1);
        let version = Version {
            text: text.to_owned(),
            at,
            who: who.to_owned(),
            why: why.to_owned(),
            ran,
        };
        self.versions.insert(self.newest, version);
        self.forget();
        self.newest
    }

    /// The one in force, the one before it and the newest stay in any case.
    fn forget(&mut self) {
        let previous = self.trial.as_ref().map(|trial| trial.previous);
        for (ran, most) in [(true, KEPT), (false, STAGED)] {
            let numbers = self.versions.iter().filter(|(_, version)| version.ran == ran);
            let numbers: Vec<u64> = numbers.map(|(number, _)| *number).collect();
            let needed = |number: &u64| *number == self.current || Some(*number) == previous;
            let surplus = numbers.len().saturating_sub(most);
            let oldest: Vec<u64> = numbers
                .into_iter()
                .filter(|number| !needed(number))
                .take(surplus)
                .collect();
            for number in oldest {
                self.versions.remove(&number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_unix_ms(0);

    #[test]
    fn staged_text_becomes_a_version_when_it_is_put_in_force() {
        let mut book = Book::default();
        assert!(book.found("one", ("file", "start"), AT));
        let staged = book.stage("two", "ann", AT);
        assert_eq!(book.stage("two", "bob", AT), staged);
        assert_eq!((book.current, book.history().count()), (1, 1));
        assert!(book.put(staged, ("ann", "better"), AT, None));
        assert_eq!((book.current, book.text(staged)), (staged, Some("two")));
        assert!(!book.put(99, ("ann", ""), AT, None));
        assert!(!book.found("two", ("file", "start"), AT));
        assert!(book.found("one", ("file", "start"), AT));
        assert_eq!((book.current, book.history().count()), (1, 2));
    }

    #[test]
    fn book_forgets_the_oldest_and_never_what_is_needed() {
        let mut book = Book::default();
        book.found("keep", ("file", ""), AT);
        for number in 0..50 {
            book.stage(&format!("staged {number}"), "ann", AT);
        }
        assert_eq!(book.versions.len(), 1 + STAGED);
        for number in 0..50 {
            book.found(&format!("found {number}"), ("file", ""), AT);
        }
        let (oldest, _) = book.history().last().unwrap();
        let newest = book.stage("newest", "ann", AT);
        let trial = Trial {
            version: newest,
            previous: oldest,
            before: Vec::new(),
            seconds: 1,
        };
        assert!(book.put(newest, ("ann", ""), AT, Some(trial)));
        assert!(book.text(oldest).is_some() && book.text(newest).is_some());
        assert_eq!(book.history().count(), KEPT);
    }
}
