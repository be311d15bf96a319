//! When something was used last: noted in passing by every request, on a record that they all share.

use std::sync::atomic::{AtomicI64, Ordering};

use model::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// When something was used last. Recorded in passing by those who use it, without asking the actor.
#[derive(Debug, Default)]
pub(crate) struct LastUse(AtomicI64);

impl LastUse {
    pub(crate) fn new(at: Timestamp) -> LastUse {
        LastUse(AtomicI64::new(at.unix_ms()))
    }

    pub(crate) fn note(&self, at: Timestamp) {
        self.0.fetch_max(at.unix_ms(), Ordering::Relaxed);
    }

    /// `None`: never.
    pub(crate) fn at(&self) -> Option<Timestamp> {
        let ms = self.0.load(Ordering::Relaxed);
        (ms > 0).then(|| Timestamp::from_unix_ms(ms))
    }
}

impl Clone for LastUse {
    fn clone(&self) -> LastUse {
        LastUse(AtomicI64::new(self.0.load(Ordering::Relaxed)))
    }
}

impl Serialize for LastUse {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.at().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for LastUse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LastUse, D::Error> {
        let at = Option::<Timestamp>::deserialize(deserializer)?;
        Ok(at.map(LastUse::new).unwrap_or_default())
    }
}
