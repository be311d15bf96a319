//! What is known of the files that are not being read, so that one the host goes back to is noticed.
//!
//! A host whose clock is set back over midnight, or to 1970, writes a file whose name is older than that of the newest.
//! Such a file is followed when it is seen to grow: from its start if it appeared while somebody looked, or else from
//! where it ended when it was seen first. A file that lies still is somebody's copy, and what grew while nobody looked
//! cannot be told from what was read long ago; both are left alone, for nothing may be told twice.

use std::collections::BTreeMap;

use super::names::Names;
use super::plan::{FileId, Found, Place};

/// A file as it was seen.
#[derive(Clone, Copy, Debug)]
struct Known {
    file: FileId,
    /// Its length; growing is to become longer than that.
    len: u64,
    /// Where to begin when it grows.
    from: u64,
}

/// The logs in the directory, as they were seen by this reader.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// By name; `None` before the first look.
    known: Option<BTreeMap<String, Known>>,
}

impl Seen {
    /// A file with an older name that has grown since: where to go on, and where to come back to.
    #[must_use]
    pub fn stray(&self, names: &Names, place: &Place, found: &[Found]) -> Option<Place> {
        let home = place.home();
        let grown = |file: &&Found| {
            let elsewhere = file.file != place.file && file.file != home.file;
            let before = self.known.as_ref().and_then(|known| known.get(&file.name));
            let has_grown = before.is_some_and(|before| before.file == file.file && file.len > before.len);
            names.is_log(&file.name) && file.name < home.name && elsewhere && has_grown
        };
        let file = found.iter().filter(grown).min_by_key(|file| &file.name)?;
        let before = self.known.as_ref()?.get(&file.name)?;
        Some(Place {
            offset: before.from,
            left: Some(Box::new(home.clone())),
            ..Place::start(&file.name, file.file)
        })
    }

    /// Takes notice of the files that there are while the reader is at `place`.
    pub fn note(&mut self, names: &Names, place: Option<&Place>, found: &[Found]) {
        let before = self.known.take();
        let note = |file: &Found| {
            let known = before.as_ref().and_then(|known| known.get(&file.name));
            let read = place.filter(|place| place.file == file.file);
            let (len, from) = match (read, known) {
                (Some(place), _) => (place.offset, place.offset),
                (None, Some(known)) if known.file == file.file && file.len >= known.len => (known.len, known.from),
                (None, None) if before.is_none() => (file.len, file.len),
                (None, _) => (file.len, 0),
            };
            let file_now = Known {
                file: file.file,
                len,
                from,
            };
            (file.name.clone(), file_now)
        };
        let logs = found.iter().filter(|file| names.is_log(&file.name));
        self.known = Some(logs.map(note).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR_1970: &str = "MMDVM-1970-01-01.log";
    const MONDAY: &str = "MMDVM-2026-11-23.log";
    const TUESDAY: &str = "MMDVM-2026-11-24.log";

    fn file(name: &str, inode: u64, len: u64) -> Found {
        let file = FileId { device: 1, inode };
        let name = name.to_owned();
        Found { name, file, len }
    }

    fn place(offset: u64) -> Place {
        let file = FileId { device: 1, inode: 2 };
        Place {
            offset,
            ..Place::start(TUESDAY, file)
        }
    }

    /// Where to go astray at the last of these looks, while the reader stands in Tuesday's file.
    fn stray(looks: &[&[Found]]) -> Option<(String, u64)> {
        let (names, place) = (Names::new("MMDVM", true), place(5));
        let (last, before) = looks.split_last().unwrap();
        let mut seen = Seen::default();
        for found in before {
            seen.note(&names, Some(&place), found);
        }
        let stray = seen.stray(&names, &place, last)?;
        assert_eq!(stray.left.as_deref(), Some(&place));
        Some((stray.name, stray.offset))
    }

    #[test]
    fn older_file_that_grows_is_followed_from_where_it_ended() {
        let (tuesday, monday) = (file(TUESDAY, 2, 5), file(MONDAY, 1, 9));
        let at_first = [monday.clone(), tuesday.clone()];
        assert_eq!(stray(&[&at_first]), None, "nothing was seen before");
        assert_eq!(stray(&[&at_first, &at_first]), None);
        let grown = [file(MONDAY, 1, 12), tuesday];
        assert_eq!(stray(&[&at_first, &grown]), Some((MONDAY.to_owned(), 9)));
        assert_eq!(stray(&[&at_first, &grown, &grown]), Some((MONDAY.to_owned(), 9)));
    }

    #[test]
    fn older_file_that_appears_is_followed_from_its_start_once_it_grows() {
        let tuesday = file(TUESDAY, 2, 5);
        let appeared = [file(YEAR_1970, 7, 30), tuesday.clone()];
        let grown = [file(YEAR_1970, 7, 60), tuesday.clone()];
        let at_first = [tuesday];
        assert_eq!(stray(&[&at_first, &appeared, &appeared]), None, "it lies still");
        assert_eq!(stray(&[&at_first, &appeared, &grown]), Some((YEAR_1970.to_owned(), 0)));
    }
}
