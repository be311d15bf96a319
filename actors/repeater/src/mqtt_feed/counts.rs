//! What came from a broker, counted.

use serde::Serialize;

use crate::mqtt::FeedTally;

/// What came from a broker since the service started, and what of it was set aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    /// Messages.
    pub(super) messages: u64,
    /// Messages that the broker sent again.
    pub(super) repeated: u64,
    /// Messages that the broker had kept from before; nobody knows how old they are.
    pub(super) retained: u64,
    /// Messages on topics that tell nothing here.
    pub(super) unknown_topic: u64,
    /// What was in the others.
    #[serde(flatten)]
    pub(super) feed: FeedTally,
}
