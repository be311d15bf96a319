//! The journal: the station's one truth, an append-only sequence of events in one SQLite file.
//!
//! ```text
//! producers ── append ──▶ JournalActor ──▶ events + projection rows + checkpoint ── COMMIT ──▶ live ring ──▶ subscribers
//!              (waits)    one thread,      one transaction for all appends                        │ overrun, or came late
//!                         one writer       that wait (group commit)                               ▼
//! queries  ◀── read pool ◀─────────────────────── SQLite, write-ahead log ──────────────── replay by `seq`
//! ```
//!
//! Promises:
//! - `seq` is dense and monotonic, from 1. The file itself refuses a gap, a change and a deletion; retention removes old
//!   events at the low end only, below a floor that only rises, and no position is ever used twice.
//! - An append is one transaction: the events, the rows of every [`Projection`], the producer's checkpoint. What was
//!   acknowledged is there, once, after a kill -9 at any instant (and a power cut, with `synchronous = full`).
//! - A subscriber gets each event exactly once and in order, over the seam between file and live ring; a slow one is
//!   told [`Delivery::Lagged`] and then gets what it missed from the file.
//! - A damaged file is set aside, never deleted; a full disk is a state that ends by itself; a projection that refuses an
//!   old event is passed over. The journal notes each in an event of its own: `journal_set_aside`, `journal_trimmed`,
//!   `projection_refused`.
//! - Every queue is bounded: producers wait, subscribers lag, signals are replaced.

mod actor;
mod append;
mod config;
mod error;
mod journal;
mod ledger;
mod notes;
mod opened;
mod projection;
mod query;
mod recent;
mod shared;
mod signals;
mod status;
mod store;
mod subscription;

pub use actor::JournalActor;
pub use append::{
    APPEND_BYTES_MAX, APPEND_EVENTS_MAX, Append, Appended, Checkpoint, CheckpointUpdate, EVENT_DATA_MAX, NAME_MAX,
};
pub use config::{JournalConfig, Synchronous};
pub use error::{AppendError, JournalError};
pub use journal::Journal;
pub use ledger::{Fenced, Ledger};
pub use opened::{IntegrityCheck, Opened, SetAside};
pub use projection::{Projection, ProjectionError};
pub use query::{EventFilter, EventQuery, Order};
pub use signals::{SIGNALS_MAX, SignalBoard, SignalWatch};
pub use status::JournalStatus;
pub use store::{BackupReport, backup};
pub use subscription::{Delivery, Subscription};
