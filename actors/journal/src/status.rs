//! Whether the storage takes what it is given.

use model::Timestamp;
use serde::Serialize;

/// Health of the journal's storage: what the last commit came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum JournalStatus {
    /// The last commit went through.
    #[default]
    Ok,
    /// Commits fail; producers hold back and try again.
    Degraded {
        /// When it began.
        since: Timestamp,
        /// What the storage said last.
        reason: String,
    },
}

impl JournalStatus {
    /// After a failed commit: the reason is the newest, the beginning stays.
    pub(crate) fn degrade(&mut self, now: Timestamp, reason: String) {
        let since = match self {
            JournalStatus::Ok => now,
            JournalStatus::Degraded { since, .. } => *since,
        };
        *self = JournalStatus::Degraded { since, reason };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_keeps_the_beginning_of_the_trouble_and_its_newest_reason() {
        let mut status = JournalStatus::default();
        status.degrade(Timestamp::from_unix_ms(1), "disk full".into());
        status.degrade(Timestamp::from_unix_ms(2), "read-only".into());
        let json = serde_json::to_string(&status).unwrap();
        let since = "1970-01-01T00:00:00.001Z";
        assert_eq!(
            json,
            format!(r#"{{"state":"degraded","since":"{since}","reason":"read-only"}}"#)
        );
    }
}
