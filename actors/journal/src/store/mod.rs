//! The file: schema, writer, queries. Everything here blocks and knows nothing of actors.
//!
//! Owns: the one write connection. Fails with what SQLite says; a failed group of appends leaves nothing behind.

mod apply;
mod backup;
mod catch_up;
mod connection;
mod integrity;
mod read;
mod retention;
mod schema;
mod set_aside;
mod start;
mod writer;

pub use backup::{BackupReport, backup};
pub(crate) use connection::{ReadPool, read_pool};
pub(crate) use integrity::is_damage;
pub(crate) use read::{Page, checkpoint, events, page};
pub(crate) use retention::Trim;
pub(crate) use start::start;
pub(crate) use writer::{Lease, Projections, Store, Stored};

#[cfg(test)]
mod tests;
