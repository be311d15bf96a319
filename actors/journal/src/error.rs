//! What can go wrong, told apart by what the caller should do next.

use std::path::Path;

use thiserror::Error;

use crate::store;

/// The journal cannot be opened or read.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file is a database of something else; it is left alone.
    #[error("{path} is a database, but not a journal of this service (application id {application_id:#x})")]
    NotAJournal {
        /// The file.
        path: String,
        /// What the file says it is.
        application_id: i32,
    },
    /// A newer release has written this file. There is no way back but that release or a backup.
    #[error("the tables of {owner:?} are of version {stored}, this release knows {known}: use the newer release")]
    NewerSchema {
        /// `journal`, or the projection's name.
        owner: String,
        /// Version in the file.
        stored: usize,
        /// Newest version that this build knows.
        known: usize,
    },
    /// The text of a migration is not what it was when this file ran it.
    #[error("migration {number} of {owner:?} is not the one that this file was made with")]
    MigrationEdited {
        /// `journal`, or the projection's name.
        owner: String,
        /// Which, from 1.
        number: usize,
    },
    /// A migration failed; its transaction was rolled back.
    #[error("migration {number} of {owner:?} failed: {source}")]
    MigrationFailed {
        /// `journal`, or the projection's name.
        owner: String,
        /// Which, from 1.
        number: usize,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// Two projections share a name.
    #[error("two projections are named {0:?}")]
    DuplicateProjection(&'static str),
    /// The file contradicts itself.
    #[error("the journal is damaged: {0}")]
    Damaged(String),
    /// A file could not be read, copied or renamed.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A backup never overwrites what is there.
    #[error("{0} exists already")]
    Exists(String),
    /// The writer before this one has not let go yet (it hangs in the disk).
    #[error("the previous writer still holds the journal")]
    WriterBusy,
    /// No read connection came free in time, or none could be opened.
    #[error("no connection to read the journal: {0}")]
    NoConnection(#[from] r2d2::Error),
    /// No room for the file that SQLite keeps beside the journal while it is open.
    #[error("the disk is full: {0}")]
    DiskFull(rusqlite::Error),
    /// SQLite refused.
    #[error("sqlite: {0}")]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for JournalError {
    fn from(source: rusqlite::Error) -> JournalError {
        let full = |error: &rusqlite::ffi::Error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
        match source.sqlite_error().is_some_and(full) {
            true => JournalError::DiskFull(source),
            false => JournalError::Sqlite(source),
        }
    }
}

impl JournalError {
    /// Whether the file itself is to blame and may be set aside; what is merely foreign, newer or out of reach is not.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            JournalError::Damaged(_) => true,
            JournalError::Sqlite(source) | JournalError::MigrationFailed { source, .. } => store::is_damage(source),
            JournalError::NotAJournal { .. }
            | JournalError::NewerSchema { .. }
            | JournalError::MigrationEdited { .. }
            | JournalError::DuplicateProjection(_)
            | JournalError::File { .. }
            | JournalError::Exists(_)
            | JournalError::WriterBusy
            | JournalError::DiskFull(_)
            | JournalError::NoConnection(_) => false,
        }
    }

    /// What the operating system said about a file.
    pub(crate) fn file(path: &Path, source: std::io::Error) -> JournalError {
        let path = path.display().to_string();
        JournalError::File { path, source }
    }
}

/// Nothing of the append is in the journal, unless the variant says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AppendError {
    /// No answer: the writer is down, restarting, or slow. Retry the *same* append after a wait: one with a
    /// checkpoint is then stored once, whether or not the first try got through; one without may be stored twice.
    #[error("the journal does not answer")]
    Unavailable,
    /// Fenced: another incarnation of the producer has moved the checkpoint. Start over from the stored one.
    #[error("another writer moved the checkpoint to version {stored}")]
    Conflict {
        /// Version now stored, 0 = none.
        stored: u64,
    },
    /// The disk is full, read-only or broken. Retry the same append later.
    #[error("storage: {0}")]
    Storage(String),
    /// A projection cannot take one of the events. Retrying does not help.
    #[error("projection {name:?} refuses a {event_type:?} event: {reason}")]
    Projection {
        /// The projection.
        name: &'static str,
        /// The event's type.
        event_type: String,
        /// What the projection said.
        reason: String,
    },
    /// The append breaks a limit of the journal. Retrying does not help.
    #[error("append refused: {0}")]
    Invalid(String),
}
