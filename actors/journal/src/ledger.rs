//! A producer's account with the journal: its events and its checkpoint, stored together, however often it takes.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use model::NewEvent;
use thiserror::Error;

use crate::{Append, AppendError, CheckpointUpdate, Journal, JournalError};

/// How long one append may take before it is tried again.
const APPEND_LIMIT: Duration = Duration::from_secs(5);
/// Pause before an append is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// After how many tries the same complaint is logged again: once a minute.
const COMPLAIN_EVERY: u32 = 120;

/// Another incarnation of the producer has moved the checkpoint: this one is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("fenced")]
pub struct Fenced;

/// One producer's place in the journal.
#[derive(Debug)]
pub struct Ledger {
    journal: Journal,
    producer: String,
    /// Version of the checkpoint that is stored.
    version: u64,
    /// This incarnation's name as a writer.
    writer: u64,
}

impl Ledger {
    /// Takes over from whoever wrote last, with what that one kept. *Blocking.*
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn open(journal: &Journal, producer: impl Into<String>) -> Result<(Ledger, Option<String>), JournalError> {
        let producer = producer.into();
        let checkpoint = journal.checkpoint(&producer)?;
        let version = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.version);
        let ledger = Ledger {
            journal: journal.clone(),
            producer,
            version,
            // The only randomness in the standard library; it has to differ between incarnations, no more.
            writer: RandomState::new().hash_one(version),
        };
        Ok((ledger, checkpoint.map(|checkpoint| checkpoint.data)))
    }

    /// Stores events and checkpoint. Waits as long as the journal is away.
    ///
    /// # Errors
    /// [`Fenced`] if another incarnation has moved the checkpoint.
    pub async fn store(&mut self, events: Vec<NewEvent>, checkpoint: String) -> Result<(), Fenced> {
        let mut append = Append {
            producer: self.producer.clone(),
            events,
            checkpoint: Some(CheckpointUpdate {
                expect: self.version,
                writer: self.writer,
                data: checkpoint,
            }),
        };
        let mut tries: u32 = 0;
        loop {
            match self.journal.append(append.clone(), APPEND_LIMIT).await {
                Ok(appended) => {
                    self.version = appended.version;
                    return Ok(());
                }
                Err(AppendError::Conflict { stored }) => {
                    let expected = self.version;
                    tracing::error!(stored, expected, "checkpoint was moved by another writer");
                    return Err(Fenced);
                }
                Err(error @ (AppendError::Unavailable | AppendError::Storage(_))) => {
                    if tries.is_multiple_of(COMPLAIN_EVERY) {
                        tracing::warn!(%error, tries, "append waits");
                    }
                    tries = tries.wrapping_add(1);
                    tokio::time::sleep(RETRY_AFTER).await;
                }
                // A bug, and the same tomorrow: these events are lost, those behind them need not be.
                Err(error @ (AppendError::Projection { .. } | AppendError::Invalid(_))) => {
                    if append.events.is_empty() {
                        tracing::error!(%error, "checkpoint refused");
                        return Err(Fenced);
                    }
                    tracing::error!(%error, count = append.events.len(), "events set aside");
                    append.events.clear();
                }
            }
        }
    }
}
