//! Present values, put on the signal board.

use std::sync::Arc;

use journal::SignalBoard;
use model::{Signal, Source, Timestamp};
use serde::Serialize;

/// Shows `value` under this name. A value that cannot be written is a bug, and told in the log.
pub(crate) fn show(signals: &SignalBoard, source: &Source, name: &str, value: &impl Serialize) {
    match serde_json::value::to_raw_value(value) {
        Ok(data) => {
            let signal = Signal {
                at: Timestamp::now(),
                source: source.clone(),
                name: name.into(),
                data: Arc::from(data),
            };
            if !signals.set(signal) {
                tracing::warn!(%source, name, "the signal board is full");
            }
        }
        Err(error) => tracing::error!(%error, %source, name, "signal not written"),
    }
}
