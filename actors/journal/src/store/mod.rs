//! The file: schema, writer, queries. Everything here blocks and knows nothing of actors.
//!
//! Owns: the one write connection. Fails with what SQLite says; a failed group of appends leaves nothing behind.

mod catch_up;
mod connection;
mod read;
mod schema;
mod writer;

pub(crate) use connection::{ReadPool, read_pool};
pub(crate) use read::{Page, checkpoint, events, page};
pub(crate) use writer::{Lease, Projections, Store, Stored};

#[cfg(test)]
mod tests;
