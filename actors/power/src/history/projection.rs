//! The tables of the history, filled from the minutes that devices tell.
//!
//! A row is a device in one minute, quarter or day, with all its series in it: rows of a few hundred bytes, which are written
//! where the ones before are. What is older than its step is kept goes in the same transaction.

use std::collections::BTreeMap;

use journal::{Projection, ProjectionError};
use model::Event;
use model::power::{MINUTE_READINGS, MinuteReadings, Rollup};
use rusqlite::{OptionalExtension, Transaction, params};

use super::Step;
use super::pack::{Point, pack, unpack};

/// Forward only; an entry is never edited.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE power_series (
        id     INTEGER PRIMARY KEY,
        device TEXT NOT NULL,
        name   TEXT NOT NULL,
        unit   TEXT NOT NULL,
        role   TEXT NOT NULL,
        UNIQUE (device, name)
    ) STRICT;

    CREATE TABLE power_history (
        device  TEXT NOT NULL,
        step_s  INTEGER NOT NULL,
        begin_s INTEGER NOT NULL,
        points  BLOB NOT NULL,
        PRIMARY KEY (device, step_s, begin_s)
    ) STRICT, WITHOUT ROWID;
"];

/// Most names of one device over all times: protocols change, and names with them.
const MOST_SERIES: i64 = 1000;
/// Most old rows that go with one minute. More than come, so that it keeps up; few, so that a clock which runs ahead for an hour
/// does not take the history with it.
const MOST_FORGOTTEN: i64 = 4;

/// The history of all devices.
#[derive(Clone, Copy, Debug, Default)]
pub struct PowerHistory;

impl Projection for PowerHistory {
    fn name(&self) -> &'static str {
        "power_history"
    }

    fn migrations(&self) -> &'static [&'static str] {
        MIGRATIONS
    }

    fn apply(&mut self, tx: &Transaction<'_>, event: &Event) -> Result<(), ProjectionError> {
        let Some(device) = event.source.as_str().strip_prefix("power.") else {
            return Ok(());
        };
        if &*event.event_type != MINUTE_READINGS {
            return Ok(());
        }
        let minute: MinuteReadings = serde_json::from_str(event.data.get())?;
        let points = points(tx, device, &minute.readings)?;
        let second = minute.minute.unix_ms().div_euclid(1000);
        for step in Step::ALL {
            add(tx, device, step, step.of(second), &points)?;
            if let Some(kept_s) = step.kept_s() {
                forget(tx, device, step, second.saturating_sub(kept_s))?;
            }
        }
        Ok(())
    }
}

/// The readings under the numbers of their series.
fn points(
    tx: &Transaction<'_>,
    device: &str,
    readings: &BTreeMap<String, Rollup>,
) -> Result<Vec<Point>, ProjectionError> {
    let mut points = Vec::with_capacity(readings.len());
    for (name, rollup) in readings {
        if let Some(series) = series(tx, device, name, rollup)? {
            points.push(Point::new(series, rollup));
        }
    }
    Ok(points)
}

/// The number of a series; `None`: the device has had too many.
fn series(tx: &Transaction<'_>, device: &str, name: &str, rollup: &Rollup) -> Result<Option<u32>, ProjectionError> {
    let role = serde_json::to_value(rollup.role)?;
    let role = role.as_str().unwrap_or_default();
    let known = tx
        .prepare_cached("SELECT id, unit, role FROM power_series WHERE device = ?1 AND name = ?2")?
        .query_row(params![device, name], |row| {
            let same = row.get_ref(1)?.as_str()? == rollup.unit && row.get_ref(2)?.as_str()? == role;
            Ok((row.get::<_, u32>(0)?, same))
        })
        .optional()?;
    match known {
        Some((id, true)) => Ok(Some(id)),
        Some((id, false)) => {
            tx.prepare_cached("UPDATE power_series SET unit = ?2, role = ?3 WHERE id = ?1")?
                .execute(params![id, rollup.unit, role])?;
            Ok(Some(id))
        }
        None => {
            let insert = "INSERT INTO power_series (device, name, unit, role) SELECT ?1, ?2, ?3, ?4
                WHERE (SELECT count(*) FROM power_series WHERE device = ?1) < ?5";
            let added = tx
                .prepare_cached(insert)?
                .execute(params![device, name, rollup.unit, role, MOST_SERIES])?;
            Ok(u32::try_from(tx.last_insert_rowid()).ok().filter(|_| added == 1))
        }
    }
}

/// Adds the points to their row.
fn add(tx: &Transaction<'_>, device: &str, step: Step, begin_s: i64, points: &[Point]) -> Result<(), ProjectionError> {
    let kept: Option<Vec<u8>> = tx
        .prepare_cached("SELECT points FROM power_history WHERE device = ?1 AND step_s = ?2 AND begin_s = ?3")?
        .query_row(params![device, step.seconds(), begin_s], |row| row.get(0))
        .optional()?;
    let mut row = match kept {
        None => Vec::new(),
        Some(bytes) => unpack(&bytes).unwrap_or_else(|| {
            tracing::warn!(device, begin_s, "damaged row of the history is begun anew");
            Vec::new()
        }),
    };
    for point in points {
        match row.iter_mut().find(|known| known.series == point.series) {
            Some(known) => known.merge(point),
            None => row.push(*point),
        }
    }
    tx.prepare_cached(
        "INSERT OR REPLACE INTO power_history (device, step_s, begin_s, points) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![device, step.seconds(), begin_s, pack(&row)])?;
    Ok(())
}

/// Lets some rows from before this second go, the oldest first.
fn forget(tx: &Transaction<'_>, device: &str, step: Step, before_s: i64) -> Result<(), ProjectionError> {
    let delete = "DELETE FROM power_history WHERE device = ?1 AND step_s = ?2 AND begin_s IN (
            SELECT begin_s FROM power_history WHERE device = ?1 AND step_s = ?2 AND begin_s < ?3 ORDER BY begin_s LIMIT ?4)";
    tx.prepare_cached(delete)?
        .execute(params![device, step.seconds(), before_s, MOST_FORGOTTEN])?;
    Ok(())
}
