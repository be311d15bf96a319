//! The low end of the journal: old entries leave it, a step at a time, between two commits.
//!
//! ```text
//! age:  floor ─ expired ─▶│ first event that is young enough         size: file larger than its limit
//!                         └──────────▶ new floor ◀───────────────────────────┘
//!               never above: what a projection has yet to see, the newest entry
//! ```
//!
//! One step is one short transaction: raise the floor, delete below it, so that an append waits some milliseconds at most.
//! Pages that become free are used again; a file that was made by this version or a later one also gives them back.
//!
//! Time is not trusted. An event whose own time is absurd (before this service was written, or of tomorrow) is as old as
//! its neighbours; and nothing expires before the wall clock has agreed with the monotonic one for an hour, because a
//! clock that wakes up in 2099 would otherwise empty the journal.

use std::time::{Duration, Instant};

use model::{Seq, Timestamp};
use rusqlite::{Connection, TransactionBehavior};

use super::read;
use crate::JournalConfig;

/// Most entries that leave in one step: some five milliseconds, fifty on a slow card.
const STEP_EVENTS: u64 = 1024;
/// Entries looked at in one step, in search of one that is young enough.
const LOOK_EVENTS: u32 = 4096;
/// Entries that stay however large the file is: the size may be that of the projections.
const KEPT_EVENTS_MIN: u64 = 1000;
/// Free pages that stay in the file for new entries: 4 MiB.
const FREE_PAGES_KEPT: i64 = 1024;
/// Free pages that one step gives back to the disk: 1 MiB.
const FREE_PAGES_STEP: i64 = 256;
/// One day of `keep_days`.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// 2025-01-01T00:00:00Z, in milliseconds: no station of ours is older, but a clock without a battery may be.
const CREDIBLE_FROM_MS: i64 = 1_735_689_600_000;
/// How far an event may be ahead of the clock before its time is absurd: time zones and clocks that drift.
const CREDIBLE_AHEAD: Duration = DAY;
/// How long the wall clock has to be steady before age counts.
const STEADY_AFTER: Duration = Duration::from_secs(60 * 60);
/// What the wall clock may be off between two steps and still be steady.
const STEADY_WITHIN: Duration = Duration::from_secs(60);

/// What one step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trim {
    /// The lowest position that is kept now.
    pub(crate) floor: Seq,
    /// There may be more to do: come again soon.
    pub(crate) more: bool,
}

/// The rule, and how far the writer has looked.
pub(super) struct Retention {
    keep: Option<Duration>,
    bytes_max: Option<u64>,
    clock: SteadyClock,
    /// The first position that has not been found old or of unknown age.
    looked_to: Seq,
    /// Positions below this one are old enough to go.
    expired_to: Seq,
    held_back: bool,
}

impl Retention {
    pub(super) fn new(config: &JournalConfig) -> Retention {
        let days = config.keep_days;
        let bytes = u64::from(config.keep_mb).saturating_mul(1024 * 1024);
        Retention {
            keep: (days > 0).then(|| DAY.saturating_mul(days)),
            bytes_max: (bytes > 0).then_some(bytes),
            clock: SteadyClock::default(),
            looked_to: Seq::ZERO,
            expired_to: Seq::ZERO,
            held_back: false,
        }
    }

    /// Takes one step at a wall-clock time, which may be wrong, and a monotonic one, which is not.
    pub(super) fn step(
        &mut self,
        connection: &mut Connection,
        wall: Timestamp,
        now: Instant,
    ) -> rusqlite::Result<Trim> {
        let steady = self.clock.steady(wall, now);
        let looked_to = self.looked_to;
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let floor = read::floor(&tx)?;
        if let Some(keep) = self.keep.filter(|_| steady && self.expired_to <= floor) {
            self.look(&tx, floor, wall, keep)?;
        }
        let wished = self.expired_to.max(self.oversize(&tx, floor)?);
        let goal = wished
            .min(Seq(floor.0.saturating_add(STEP_EVENTS)))
            .min(self.limit(&tx, wished)?);
        if goal > floor {
            raise_floor(&tx, goal)?;
            tx.prepare_cached("DELETE FROM entry WHERE seq < ?1")?
                .execute([read::to_sql(goal)])?;
        }
        tx.commit()?;
        // While entries leave, new ones may want the pages.
        let gave_back = goal <= floor && give_back(connection)?;
        Ok(Trim {
            floor: goal.max(floor),
            more: goal > floor || gave_back || self.looked_to.0 >= looked_to.0.saturating_add(u64::from(LOOK_EVENTS)),
        })
    }

    /// Whether there is a rule at all.
    pub(super) fn limited(&self) -> bool {
        self.keep.is_some() || self.bytes_max.is_some()
    }

    /// Looks for expired entries, up to the first young one.
    fn look(&mut self, connection: &Connection, floor: Seq, wall: Timestamp, keep: Duration) -> rusqlite::Result<()> {
        let from = self.looked_to.max(floor);
        let mut query =
            connection.prepare_cached("SELECT seq, at_ms FROM entry WHERE seq >= ?1 ORDER BY seq LIMIT ?2")?;
        let mut rows = query.query((read::to_sql(from), LOOK_EVENTS))?;
        self.looked_to = from;
        while let Some(row) = rows.next()? {
            match age(Timestamp::from_unix_ms(row.get(1)?), wall, keep) {
                Age::Young => return Ok(()),
                Age::Old => self.expired_to = read::from_sql(row.get(0)?).next(),
                Age::Unknown => {}
            }
            self.looked_to = read::from_sql(row.get(0)?).next();
        }
        Ok(())
    }

    /// The floor that a file beyond its size asks for.
    fn oversize(&self, connection: &Connection, floor: Seq) -> rusqlite::Result<Seq> {
        let Some(bytes_max) = self.bytes_max else {
            return Ok(floor);
        };
        let pages = pragma(connection, "page_count")? - pragma(connection, "freelist_count")?;
        let used = pages.saturating_mul(pragma(connection, "page_size")?);
        if u64::try_from(used).is_ok_and(|used| used <= bytes_max) {
            return Ok(floor);
        }
        let kept = Seq(read::head(connection)?.0.saturating_sub(KEPT_EVENTS_MIN)).next();
        Ok(kept.min(Seq(floor.0.saturating_add(STEP_EVENTS))))
    }

    /// The highest floor that loses nothing: everything below it has been seen by every projection of the file.
    fn limit(&mut self, connection: &Connection, wished: Seq) -> rusqlite::Result<Seq> {
        let head = read::head(connection)?;
        let mut query = connection.prepare_cached("SELECT name, applied_seq FROM projection ORDER BY applied_seq")?;
        let mut rows = query.query([])?;
        let Some(row) = rows.next()? else {
            return Ok(head.next());
        };
        let limit = read::from_sql(row.get(1)?).min(head).next();
        if limit < wished && !self.held_back {
            self.held_back = true;
            let projection: String = row.get(0)?;
            tracing::warn!(
                projection,
                seq = limit.0,
                "retention waits for a projection that is away"
            );
        }
        Ok(limit)
    }
}

/// Raises the lowest position that is kept. The file refuses what would lose an entry that a projection has yet to see.
fn raise_floor(connection: &Connection, floor: Seq) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE retention SET floor_seq = ?1")?
        .execute([read::to_sql(floor)])?;
    Ok(())
}

/// Lets a new file count from `first`, and nobody be told that anything was removed.
pub(super) fn begin_at(connection: &Connection, first: Seq) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE retention SET floor_seq = ?1, told_seq = ?1",
        [read::to_sql(first)],
    )?;
    Ok(())
}

/// The positions that were removed and not told yet: the first, and the one behind the last.
pub(super) fn untold(connection: &Connection) -> rusqlite::Result<Option<(Seq, Seq)>> {
    let (told, floor) = connection
        .prepare_cached("SELECT told_seq, floor_seq FROM retention")?
        .query_row([], |row| Ok((read::from_sql(row.get(0)?), read::from_sql(row.get(1)?))))?;
    Ok((told < floor).then_some((told, floor)))
}

/// Gives some free pages back to the disk; a file that was made without the means for it keeps them.
fn give_back(connection: &Connection) -> rusqlite::Result<bool> {
    let free = pragma(connection, "freelist_count")?;
    if free <= FREE_PAGES_KEPT {
        return Ok(false);
    }
    // Each step of this statement frees one page.
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({FREE_PAGES_STEP})"))?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    Ok(pragma(connection, "freelist_count")? < free)
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

#[derive(Debug, PartialEq, Eq)]
enum Age {
    Young,
    Old,
    Unknown,
}

/// How old an event is, if its own time can be believed.
fn age(at: Timestamp, wall: Timestamp, keep: Duration) -> Age {
    if at.unix_ms() < CREDIBLE_FROM_MS || at > wall.plus(CREDIBLE_AHEAD) {
        Age::Unknown
    } else if at < wall.minus(keep) {
        Age::Old
    } else {
        Age::Young
    }
}

/// Tells whether the wall clock can be believed: it has run like the monotonic one for a while.
#[derive(Default)]
struct SteadyClock {
    last: Option<(Timestamp, Instant)>,
    steady_since: Option<Instant>,
}

impl SteadyClock {
    fn steady(&mut self, wall: Timestamp, now: Instant) -> bool {
        let ran_on = self.last.replace((wall, now)).is_some_and(|(last, at)| {
            let expected = last.plus(now.saturating_duration_since(at));
            wall.since(expected) <= STEADY_WITHIN && expected.since(wall) <= STEADY_WITHIN
        });
        if !ran_on {
            self.steady_since = None;
        }
        let since = *self.steady_since.get_or_insert(now);
        now.saturating_duration_since(since) >= STEADY_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_of_an_event_with_an_absurd_time_is_unknown() {
        let wall: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let cases = [
            ("2026-11-21T11:00:00Z", Age::Young),
            ("2026-11-22T11:00:00Z", Age::Young),
            ("2026-11-19T11:00:00Z", Age::Old),
            ("1970-01-01T00:00:09Z", Age::Unknown),
            ("2026-11-22T12:00:01Z", Age::Unknown),
            ("2099-01-01T00:00:00Z", Age::Unknown),
        ];
        for (at, expected) in cases {
            assert_eq!(age(at.parse().unwrap(), wall, 2 * DAY), expected, "{at}");
        }
    }

    #[test]
    fn clock_that_jumps_is_not_believed_for_an_hour() {
        let (begun, hour, minute) = (Instant::now(), STEADY_AFTER, Duration::from_secs(60));
        let wall = Timestamp::from_unix_ms(CREDIBLE_FROM_MS);
        let mut clock = SteadyClock::default();
        assert!(!clock.steady(wall, begun));
        assert!(!clock.steady(wall.plus(hour - minute), begun + hour - minute));
        assert!(clock.steady(wall.plus(hour + minute), begun + hour));
        let jumped = wall.plus(DAY * 365);
        assert!(!clock.steady(jumped, begun + hour));
        assert!(!clock.steady(jumped.plus(minute), begun + hour + minute));
        assert!(clock.steady(jumped.plus(hour), begun + hour * 2));
        assert!(!clock.steady(wall, begun + hour * 2));
    }
}
