//! Tables that a subsystem reads from, filled from events inside the transaction that stores them.

use model::Event;
use rusqlite::Transaction;
use thiserror::Error;

/// Turns events into rows.
///
/// The journal calls [`Projection::apply`] for every event, in order of `seq`, inside the append's transaction: rows
/// and events are committed together or not at all. A projection that is new to a file, or was away for a while, is
/// first given the events that it missed; those that it refuses are passed over, and a `projection_refused` event of the
/// journal names them. Retention removes no event that a projection of the file has yet to see.
///
/// **Invariant:** all state of a projection is in its tables. An append may be rolled back after `apply`, and the
/// writer may be restarted between two events; nothing tells the projection.
pub trait Projection: Send {
    /// Its name in the file, for ever: the owner of its migrations and of its position.
    fn name(&self) -> &'static str;

    /// The SQL that makes its tables, oldest first. Forward only: an entry is never edited once it has run anywhere.
    ///
    /// A migration that makes tables anew has them filled again from the first event by ending with
    /// `UPDATE projection SET applied_seq = 0 WHERE name = '<its name>';`. Where retention is on, "first" is the oldest
    /// event that is kept: rows made from older ones are gone for good, so that such a table is altered, not made anew.
    fn migrations(&self) -> &'static [&'static str];

    /// Takes one event. Events of other subsystems come by as well; ignore them.
    ///
    /// # Errors
    /// When the event cannot be taken: the whole append is then refused, so keep it for bugs. An event that merely
    /// says nothing new is not an error.
    fn apply(&mut self, tx: &Transaction<'_>, event: &Event) -> Result<(), ProjectionError>;
}

/// Why a projection cannot take an event.
#[derive(Debug, Error)]
pub enum ProjectionError {
    /// SQLite refused. A full or broken disk is told apart: it is the storage's fault, not the event's.
    #[error("sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The payload is not what its type promises.
    #[error("payload: {0}")]
    Payload(#[from] serde_json::Error),
    /// Anything else.
    #[error("{0}")]
    Refused(String),
}
