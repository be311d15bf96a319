//! What opening the journal found: for the log, the health page and the tests.

use std::path::PathBuf;
use std::time::Duration;

use model::Seq;
use serde::Serialize;

/// What opening the file came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Opened {
    /// The newest event.
    pub head: Seq,
    /// The lowest position that is kept.
    pub floor: Seq,
    /// The service before this one was killed, or the machine lost power: the write-ahead log was still there.
    pub after_unclean_end: bool,
    /// How far the file was checked.
    pub check: IntegrityCheck,
    /// What the check took.
    #[serde(skip)]
    pub check_took: Duration,
    /// The damaged file that was found in the journal's place, if there was one.
    pub set_aside: Option<SetAside>,
}

/// How far the structure of the file was checked. The numbering of the newest events always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IntegrityCheck {
    /// Every page.
    Whole,
    /// As many pages as the time for it allowed.
    CutShort,
}

/// A damaged journal: renamed, never deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetAside {
    /// Where it is now; its `-wal` and `-shm` are beside it.
    pub file: PathBuf,
    /// What is wrong with it.
    pub reason: String,
    /// The highest position that could be read in it; the new journal goes on behind it. `None`: it began at 1 again.
    pub readable_to: Option<Seq>,
}
