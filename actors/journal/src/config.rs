//! The `[journal]` section of the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Fewest events in the live ring: below it, one ordinary group of appends would overrun every subscriber.
const LIVE_RING_MIN: usize = 64;
/// Most events in the live ring. An unread ring keeps its events in memory, some 500 bytes each.
const LIVE_RING_MAX: usize = 65_536;
/// Most read connections; each may hold its page cache.
const READ_CONNECTIONS_MAX: u32 = 32;

/// Longest `keep_days`: a hundred years.
const KEEP_DAYS_MAX: u32 = 36_500;
/// Smallest `keep_mb`: below it, the tables of the subsystems alone may fill the file.
const KEEP_MB_MIN: u32 = 16;
/// Largest `keep_mb`: 16 TiB.
const KEEP_MB_MAX: u32 = 16 * 1024 * 1024;

/// When a commit counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Synchronous {
    /// When the disk says that it has it: survives a power cut.
    #[default]
    Full,
    /// When the operating system has it: survives a killed process; a power cut may take the last moments.
    Normal,
}

impl Synchronous {
    /// The value of SQLite's `synchronous` pragma.
    pub(crate) const fn pragma(self) -> &'static str {
        match self {
            Synchronous::Full => "FULL",
            Synchronous::Normal => "NORMAL",
        }
    }
}

/// Where the journal is kept and how it is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// The database file; its directory must exist. SQLite keeps two more files beside it (`-wal`, `-shm`).
    pub path: PathBuf,
    /// What an acknowledged event survives: `full` a power cut, `normal` a killed process.
    pub synchronous: Synchronous,
    /// Events a live subscriber may lag behind before it is told so and reads on from the file, 64..=65536.
    pub live_ring: usize,
    /// Days that events are kept, 0 = for ever, at most 36500. Counted by the events' own times, as far as they can be
    /// believed; what subsystems made of the events (calls, statistics) stays.
    pub keep_days: u32,
    /// Size of the database file beyond which the oldest events leave, in MiB, 0 = no limit, else 16..=16777216. The
    /// write-ahead log beside it (some 8 MiB) and 4 MiB of free pages are not counted, the newest 1000 events stay in any
    /// case, and a file of the first release keeps its size and uses it again.
    pub keep_mb: u32,
    /// Connections for queries, opened when needed, 1..=32.
    pub read_connections: u32,
}

impl Default for JournalConfig {
    fn default() -> JournalConfig {
        JournalConfig {
            path: PathBuf::from("stationd.db"),
            synchronous: Synchronous::default(),
            live_ring: 1024,
            keep_days: 0,
            keep_mb: 0,
            read_connections: 4,
        }
    }
}

impl JournalConfig {
    /// Everything that is wrong with it: the key, and the reason.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut check = |sound: bool, key: &str, reason: String| {
            if !sound {
                problems.push((key.to_owned(), reason));
            }
        };
        check(
            self.path.file_name().is_some(),
            "path",
            format!("must name a file, not {:?}", self.path),
        );
        check(
            (LIVE_RING_MIN..=LIVE_RING_MAX).contains(&self.live_ring),
            "live_ring",
            format!("must be {LIVE_RING_MIN} to {LIVE_RING_MAX}, not {}", self.live_ring),
        );
        check(
            self.keep_days <= KEEP_DAYS_MAX,
            "keep_days",
            format!("must be 0 (for ever) to {KEEP_DAYS_MAX}, not {}", self.keep_days),
        );
        check(
            self.keep_mb == 0 || (KEEP_MB_MIN..=KEEP_MB_MAX).contains(&self.keep_mb),
            "keep_mb",
            format!(
                "must be 0 (no limit) or {KEEP_MB_MIN} to {KEEP_MB_MAX}, not {}",
                self.keep_mb
            ),
        );
        check(
            (1..=READ_CONNECTIONS_MAX).contains(&self.read_connections),
            "read_connections",
            format!("must be 1 to {READ_CONNECTIONS_MAX}, not {}", self.read_connections),
        );
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_config_has_no_problems() {
        assert_eq!(JournalConfig::default().problems(), []);
    }

    #[test]
    fn bad_config_lists_every_problem_by_key() {
        let config = JournalConfig {
            path: PathBuf::from("/"),
            live_ring: 1,
            read_connections: 0,
            keep_days: 36_501,
            keep_mb: 15,
            ..JournalConfig::default()
        };
        let keys: Vec<_> = config.problems().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["path", "live_ring", "keep_days", "keep_mb", "read_connections"]);
    }

    #[test]
    fn config_refuses_a_misspelt_key() {
        let read = serde_json::from_str::<JournalConfig>(r#"{"synchronus":"full"}"#);
        assert!(read.unwrap_err().to_string().contains("synchronus"));
    }
}
