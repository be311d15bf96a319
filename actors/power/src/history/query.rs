//! The questions to the history: series over time, and the energy of days.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;
use model::power::ReadingRole;
use rusqlite::types::Type;
use rusqlite::{Connection, params};
use serde::Serialize;
use thiserror::Error;
use utoipa::ToSchema;

use super::pack::{Point, unpack};
use super::{DAY_S, Step};

/// Most points of one series.
const MOST_POINTS: i64 = 2000;

/// A window and how fine it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The first second.
    pub from_s: i64,
    /// The first second behind it.
    pub to_s: i64,
    /// How fine.
    pub step: Step,
}

/// Why a window is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// It ends before it begins.
    #[error("from must be before to")]
    Backwards,
    /// Too much to show.
    #[error("a window has at most {MOST_POINTS} points a series; this one has {0}")]
    TooLong(i64),
}

impl Asked {
    /// The window, as fine as wanted; or, if nobody says, as fine as fits and as is still kept.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn new(from: Timestamp, to: Timestamp, step: Option<Step>, now: Timestamp) -> Result<Asked, Refused> {
        let [from_s, to_s, now_s] = [from, to, now].map(|at| at.unix_ms().div_euclid(1000));
        if from >= to {
            return Err(Refused::Backwards);
        }
        let points = |step: Step| to_s.saturating_sub(from_s) / step.seconds();
        let is_kept = |step: Step| {
            step.kept_s()
                .is_none_or(|kept_s| from_s >= now_s.saturating_sub(kept_s))
        };
        let fits = |step: &Step| points(*step) <= MOST_POINTS && is_kept(*step);
        let step = step.unwrap_or_else(|| Step::ALL.into_iter().find(fits).unwrap_or(Step::Day));
        match points(step) {
            points if points <= MOST_POINTS => Ok(Asked { from_s, to_s, step }),
            points => Err(Refused::TooLong(points)),
        }
    }
}

/// One reading over time.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = PowerSeries)]
pub struct Series {
    /// Its name; the cells of a battery are one, `cell_voltage`.
    pub name: String,
    /// The unit, empty where there is none.
    pub unit: String,
    /// What it is for the station.
    pub role: Option<ReadingRole>,
    /// When the step began (milliseconds since 1970), minimum, mean, maximum. Steps without a reading are left out.
    pub points: Vec<(i64, f64, f64, f64)>,
    /// Of a power: what went through in the window.
    pub energy_wh: Option<f64>,
}

/// The series of a device in a window, by name. No `names`: all of them but switches. *Blocking.*
///
/// # Errors
/// When the tables cannot be read.
pub fn series(connection: &Connection, device: &str, names: &[String], asked: Asked) -> rusqlite::Result<Vec<Series>> {
    let mut series = of_device(connection, device)?;
    series.retain(|_, series| match names {
        [] => series.role != Some(ReadingRole::Switch),
        names => names.contains(&series.name),
    });
    rows(connection, device, asked, |begin_s, point| {
        let Some(series) = series.get_mut(&point.series) else {
            return;
        };
        let at = begin_s.saturating_mul(1000);
        series.points.push((at, point.min, point.mean, point.max));
        if let Some(energy_wh) = point.energy_wh {
            *series.energy_wh.get_or_insert(0.0) += energy_wh;
        }
    })?;
    let mut series: Vec<Series> = series.into_values().collect();
    series.retain(|series| !names.is_empty() || !series.points.is_empty());
    series.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(series)
}

/// The energy of one day, by UTC.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct EnergyOfDay {
    /// `YYYY-MM-DD`.
    pub day: String,
    /// From the sun, if the device knows.
    pub solar_wh: Option<f64>,
    /// Into the load, if the device knows.
    pub load_wh: Option<f64>,
}

/// The energy of each day on which the device read anything. *Blocking.*
///
/// # Errors
/// When the tables cannot be read.
pub fn energy(
    connection: &Connection,
    device: &str,
    from: Timestamp,
    to: Timestamp,
) -> rusqlite::Result<Vec<EnergyOfDay>> {
    let [from_s, to_s] = [from, to].map(|at| at.unix_ms().div_euclid(1000));
    let roles = of_device(connection, device)?;
    // What the units of a parallel system tell is in what the system tells.
    let of_units: BTreeSet<u32> = roles
        .iter()
        .filter(|(_, series)| series.name.starts_with("unit_"))
        .map(|(id, _)| *id)
        .collect();
    let mut days: BTreeMap<i64, EnergyOfDay> = BTreeMap::new();
    let asked = Asked {
        from_s: from_s - from_s.rem_euclid(DAY_S),
        to_s,
        step: Step::Day,
    };
    rows(connection, device, asked, |begin_s, point| {
        let day = days.entry(begin_s).or_insert_with(|| EnergyOfDay {
            day: Timestamp::from_unix_ms(begin_s.saturating_mul(1000))
                .to_string()
                .chars()
                .take(10)
                .collect(),
            solar_wh: None,
            load_wh: None,
        });
        let role = roles.get(&point.series).filter(|_| !of_units.contains(&point.series));
        let sum = match role.and_then(|series| series.role) {
            Some(ReadingRole::SolarPower) => &mut day.solar_wh,
            Some(ReadingRole::LoadPower) => &mut day.load_wh,
            Some(_) | None => return,
        };
        if let Some(energy_wh) = point.energy_wh {
            *sum.get_or_insert(0.0) += energy_wh;
        }
    })?;
    Ok(days.into_values().collect())
}

/// The series that a device has or had, by number.
fn of_device(connection: &Connection, device: &str) -> rusqlite::Result<BTreeMap<u32, Series>> {
    let mut statement = connection.prepare_cached("SELECT id, name, unit, role FROM power_series WHERE device = ?1")?;
    let rows = statement.query_map([device], |row| {
        let role: String = row.get(3)?;
        let series = Series {
            name: row.get(1)?,
            unit: row.get(2)?,
            // A role of another release is none.
            role: serde_json::from_value(serde_json::Value::String(role)).ok(),
            points: Vec::new(),
            energy_wh: None,
        };
        Ok((row.get(0)?, series))
    })?;
    rows.collect()
}

/// Every point of a device in a window, in the order of time.
fn rows(
    connection: &Connection,
    device: &str,
    asked: Asked,
    mut take: impl FnMut(i64, &Point),
) -> rusqlite::Result<()> {
    let select = "SELECT begin_s, points FROM power_history
        WHERE device = ?1 AND step_s = ?2 AND begin_s >= ?3 AND begin_s < ?4 ORDER BY begin_s";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query(params![device, asked.step.seconds(), asked.from_s, asked.to_s])?;
    while let Some(row) = rows.next()? {
        let begin_s = row.get(0)?;
        let points = unpack(row.get_ref(1)?.as_blob()?);
        let damaged = || rusqlite::Error::FromSqlConversionFailure(1, Type::Blob, "damaged row of the history".into());
        for point in points.ok_or_else(damaged)? {
            take(begin_s, &point);
        }
    }
    Ok(())
}
