//! What to read next, given where the reader is and what is in the directory.

use serde::{Deserialize, Serialize};

use super::mark::Mark;
use super::names::Names;

/// A file, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileId {
    /// The device it is on.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
}

/// A place in a file, always at the start of a line or inside one that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file's name when it was opened.
    pub name: String,
    /// The file.
    pub file: FileId,
    /// Bytes before the place.
    pub offset: u64,
    /// The place is inside a line that was given up as too long.
    pub inside_line: bool,
    /// What stands right before it.
    #[serde(default)]
    pub mark: Mark,
    /// Where the newest file was left, while the host writes an older one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Box<Place>>,
}

impl Place {
    /// The start of a file.
    #[must_use]
    pub fn start(name: &str, file: FileId) -> Place {
        Place {
            name: name.to_owned(),
            file,
            offset: 0,
            inside_line: false,
            mark: Mark::default(),
            left: None,
        }
    }

    /// The place in the newest file: this one, or the one that was left.
    #[must_use]
    pub fn home(&self) -> &Place {
        self.left.as_deref().unwrap_or(self)
    }
}

/// How far the log was read; `None` before the first file.
pub type Position = Option<Place>;

/// A file in the log directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// The file.
    pub file: FileId,
    /// Its length. Taken after all names were listed: a file older than another in the list has its final length.
    pub len: u64,
}

/// What to read next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Read from here, in the file that now has this name; there may be nothing yet.
    Read {
        /// The file's present name.
        name: String,
        /// Where.
        place: Place,
        /// The file will not grow any more: its last line is complete even without a newline.
        is_over: bool,
    },
    /// There is no file.
    Wait,
}

/// Decides. `history`: a reader that never read anything begins with the oldest file, not with the newest. `stray`: the
/// host has gone back to an older file, and there it is to be followed.
#[must_use]
pub fn plan(names: &Names, position: &Position, found: &[Found], history: bool, stray: Option<Place>) -> Plan {
    let mut logs: Vec<&Found> = found.iter().filter(|file| names.is_log(&file.name)).collect();
    logs.sort_by(|a, b| a.name.cmp(&b.name));
    let Some(place) = position else {
        let first = if history { logs.first() } else { logs.last() };
        return first.map_or(Plan::Wait, |file| read_all(file, &logs));
    };
    let onward = |place: &Place| onward(names, place, found, &logs);
    let stray = stray.map(|place| Plan::Read {
        name: place.name.clone(),
        place,
        is_over: false,
    });
    // Where the reader is, and where the host is, if that is elsewhere.
    let (here, elsewhere) = if place.left.is_none() || is_home_gone(names, place, found, &logs) {
        let home = Place {
            left: None,
            ..place.clone()
        };
        (onward(&home), stray)
    } else {
        let back = Some(onward(place.home())).filter(|back| !is_idle(back, found));
        (astray(place, found), stray.or(back))
    };
    match elsewhere {
        Some(elsewhere) if is_idle(&here, found) => elsewhere,
        Some(_) => over(here),
        None => here,
    }
}

/// Goes on in an older file than the newest.
fn astray(place: &Place, found: &[Found]) -> Plan {
    let is_same = |file: &&Found| file.file == place.file && file.name == place.name;
    let Some(file) = found.iter().find(is_same) else {
        return Plan::Wait;
    };
    let start = Place {
        left: place.left.clone(),
        ..Place::start(&file.name, file.file)
    };
    Plan::Read {
        name: file.name.clone(),
        place: if file.len < place.offset { start } else { place.clone() },
        is_over: false,
    }
}

/// The newest file was deleted, and the one that is read is the newest now.
fn is_home_gone(names: &Names, place: &Place, found: &[Found], logs: &[&Found]) -> bool {
    present(names, place.home(), found).is_none() && logs.last().is_some_and(|newest| newest.file == place.file)
}

/// Whether there is nothing new to read.
fn is_idle(plan: &Plan, found: &[Found]) -> bool {
    let Plan::Read { place, .. } = plan else { return true };
    let file = found.iter().find(|file| file.file == place.file);
    file.is_none_or(|file| file.len == place.offset)
}

/// The host has let go of the file.
fn over(plan: Plan) -> Plan {
    match plan {
        Plan::Read { name, place, .. } => Plan::Read {
            name,
            place,
            is_over: true,
        },
        Plan::Wait => Plan::Wait,
    }
}

/// Goes on in the order of the names.
fn onward(names: &Names, place: &Place, found: &[Found], logs: &[&Found]) -> Plan {
    let present = present(names, place, found);
    let next = next(place, logs);
    match (present, next) {
        // Shorter than what was read of it: emptied, and written anew from its start.
        (Some(file), _) if file.len < place.offset => read_all(file, logs),
        (Some(file), next) if file.len > place.offset || next.is_none() => Plan::Read {
            name: file.name.clone(),
            place: place.clone(),
            is_over: is_over(file, logs),
        },
        (_, Some(next)) => read_all(next, logs),
        (_, None) => Plan::Wait,
    }
}

/// The file that was being read, as it is now. The number of a deleted file is soon given to another one, so that
/// under the log's own names the name has to fit as well.
fn present<'a>(names: &Names, place: &Place, found: &'a [Found]) -> Option<&'a Found> {
    let same = |file: &&Found| file.file == place.file && (file.name == place.name || names.may_be_renamed(&file.name));
    found.iter().find(same)
}

/// The log that follows: a later one, or another file that took over the name.
fn next<'a>(place: &Place, logs: &[&'a Found]) -> Option<&'a Found> {
    let follows = |file: &&&Found| file.name > place.name || (file.name == place.name && file.file != place.file);
    logs.iter().find(follows).copied()
}

/// Whether the host is done with a file: there is a later one, or it no longer has a name of the log.
fn is_over(file: &Found, logs: &[&Found]) -> bool {
    logs.last().is_some_and(|newest| newest.file != file.file)
}

fn read_all(file: &Found, logs: &[&Found]) -> Plan {
    Plan::Read {
        name: file.name.clone(),
        place: Place::start(&file.name, file.file),
        is_over: is_over(file, logs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONDAY: &str = "MMDVM-2026-11-23.log";
    const TUESDAY: &str = "MMDVM-2026-11-24.log";

    fn file(name: &str, inode: u64, len: u64) -> Found {
        Found {
            name: name.to_owned(),
            file: FileId { device: 1, inode },
            len,
        }
    }

    fn at(name: &str, inode: u64, offset: u64) -> Position {
        Some(Place {
            offset,
            ..Place::start(name, FileId { device: 1, inode })
        })
    }

    fn decide(position: &Position, found: &[Found]) -> Plan {
        plan(&Names::new("MMDVM", true), position, found, true, None)
    }

    fn read(name: &str, inode: u64, offset: u64, is_over: bool) -> Plan {
        let place = at(name, inode, offset).unwrap();
        Plan::Read {
            name: name.to_owned(),
            place,
            is_over,
        }
    }

    #[test]
    fn first_reader_begins_with_the_oldest_file_or_the_newest() {
        let found = [file(TUESDAY, 2, 5), file(MONDAY, 1, 9), file("MMDVM.log", 3, 9)];
        assert_eq!(decide(&None, &found), read(MONDAY, 1, 0, true));
        assert_eq!(
            plan(&Names::new("MMDVM", true), &None, &found, false, None),
            read(TUESDAY, 2, 0, false)
        );
        assert_eq!(decide(&None, &[]), Plan::Wait);
    }

    #[test]
    fn file_of_yesterday_is_read_to_its_end_before_the_next() {
        let found = [file(MONDAY, 1, 9), file(TUESDAY, 2, 5)];
        assert_eq!(decide(&at(MONDAY, 1, 5), &found), read(MONDAY, 1, 5, true));
        assert_eq!(decide(&at(MONDAY, 1, 9), &found), read(TUESDAY, 2, 0, false));
    }

    #[test]
    fn file_that_may_grow_is_waited_for() {
        let found = [file(MONDAY, 1, 9)];
        assert_eq!(decide(&at(MONDAY, 1, 9), &found), read(MONDAY, 1, 9, false));
        assert_eq!(decide(&at(MONDAY, 1, 9), &[]), Plan::Wait);
    }

    #[test]
    fn emptied_file_is_read_from_its_start() {
        assert_eq!(
            decide(&at(MONDAY, 1, 9), &[file(MONDAY, 1, 3)]),
            read(MONDAY, 1, 0, false)
        );
    }

    #[test]
    fn older_file_that_was_never_read_stays_unread() {
        let found = [file(MONDAY, 1, 9), file(TUESDAY, 2, 5)];
        assert_eq!(decide(&at(TUESDAY, 2, 5), &found), read(TUESDAY, 2, 5, false));
        assert_eq!(decide(&at(TUESDAY, 2, 5), &[file(MONDAY, 1, 9)]), Plan::Wait);
    }

    #[test]
    fn deleted_file_is_followed_by_the_next_even_if_that_got_its_number() {
        assert_eq!(
            decide(&at(MONDAY, 1, 9), &[file(TUESDAY, 1, 50)]),
            read(TUESDAY, 1, 0, false)
        );
    }

    #[test]
    fn other_file_under_the_same_name_is_read_from_its_start() {
        assert_eq!(
            decide(&at(MONDAY, 1, 9), &[file(MONDAY, 7, 50)]),
            read(MONDAY, 7, 0, false)
        );
    }

    #[test]
    fn renamed_file_is_read_to_its_end_before_the_one_that_took_its_name() {
        let fixed = Names::new("MMDVM", false);
        let found = [file("MMDVM.log", 2, 5), file("MMDVM.log.1", 1, 9)];
        let Plan::Read { name, place, is_over } = plan(&fixed, &at("MMDVM.log", 1, 4), &found, true, None) else {
            panic!("nothing to read");
        };
        assert_eq!((name.as_str(), place.offset, is_over), ("MMDVM.log.1", 4, true));
        assert_eq!(
            plan(&fixed, &at("MMDVM.log", 1, 9), &found, true, None),
            read("MMDVM.log", 2, 0, false)
        );
    }
    /// A place in Monday's file, come from Tuesday's.
    fn monday_from_tuesday(offset: u64) -> Place {
        Place {
            left: at(TUESDAY, 2, 5).map(Box::new),
            ..at(MONDAY, 1, offset).unwrap()
        }
    }

    fn decide_astray(place: &Place, found: &[Found], stray: Option<Place>) -> (String, u64, bool) {
        match plan(&Names::new("MMDVM", true), &Some(place.clone()), found, true, stray) {
            Plan::Read { name, place, .. } => (name, place.offset, place.left.is_some()),
            Plan::Wait => ("nowhere".to_owned(), 0, false),
        }
    }

    #[test]
    fn older_file_is_gone_back_to_only_when_the_newest_was_read() {
        let stray = || Some(monday_from_tuesday(9));
        let home = at(TUESDAY, 2, 5).unwrap();
        let found = |tuesday| [file(MONDAY, 1, 12), file(TUESDAY, 2, tuesday)];
        assert_eq!(decide_astray(&home, &found(7), stray()), (TUESDAY.to_owned(), 5, false));
        assert_eq!(decide_astray(&home, &found(5), stray()), (MONDAY.to_owned(), 9, true));
    }

    #[test]
    fn newest_file_is_returned_to_where_it_was_left_and_later_ones_are_found() {
        let place = monday_from_tuesday(12);
        let found = |monday, tuesday| vec![file(MONDAY, 1, monday), file(TUESDAY, 2, tuesday)];
        let there = |offset| (MONDAY.to_owned(), offset, true);
        assert_eq!(decide_astray(&place, &found(12, 5), None), there(12));
        assert_eq!(
            decide_astray(&place, &found(15, 8), None),
            there(12),
            "not before it was read"
        );
        assert_eq!(decide_astray(&place, &found(3, 5), None), there(0), "emptied");
        assert_eq!(
            decide_astray(&place, &found(12, 8), None),
            (TUESDAY.to_owned(), 5, false)
        );
        let wednesday = "MMDVM-2026-11-25.log";
        let mut later = found(12, 5);
        later.push(file(wednesday, 3, 4));
        assert_eq!(decide_astray(&place, &later, None), (wednesday.to_owned(), 0, false));
    }

    #[test]
    fn older_file_is_the_newest_once_the_newest_is_deleted() {
        let place = monday_from_tuesday(12);
        let alone = [file(MONDAY, 1, 12)];
        assert_eq!(decide_astray(&place, &alone, None), (MONDAY.to_owned(), 12, false));
        // Names in between were read long ago.
        let among = [
            file("MMDVM-2026-11-22.log", 9, 40),
            file(MONDAY, 1, 12),
            file("MMDVM-2026-11-23b.log", 8, 4),
        ];
        assert_eq!(decide_astray(&place, &among, None), (MONDAY.to_owned(), 12, false));
    }
}
