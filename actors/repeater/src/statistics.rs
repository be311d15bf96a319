//! Sums over the calls: how busy the repeater was, with whom, and how well it heard them. Each takes a read connection of the
//! journal and blocks.
//!
//! SQLite adds up, over one index that holds all that is asked for: memory does not grow with the number of calls, and the
//! caller bounds the window. A call belongs to the window, and to the hour, in which it began.

use model::Timestamp;
use model::repeater::{CallSource, Mode};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, named_params, params_from_iter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::query::unsigned;

/// Milliseconds in an hour.
pub const HOUR_MS: i64 = 3_600_000;

/// What calls are put together by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The hour in which they began, in UTC.
    #[default]
    Hour,
    /// Their mode.
    Mode,
    /// Who called.
    Callsign,
    /// The talkgroup, room, station or route that was called.
    Destination,
}

impl By {
    /// Key of a call, where its time must be cut because another key begins there, and the order of the groups.
    const fn sql(self) -> (&'static str, &'static str, &'static str) {
        const BUSIEST: &str = "sum(talk_s) DESC, sum(calls) DESC, key";
        match self {
            By::Hour => (
                "started_ms - started_ms % 3600000",
                "started_ms - started_ms % 3600000 + 3600000",
                "key",
            ),
            By::Mode => ("mode", ":to", BUSIEST),
            By::Callsign => ("callsign", ":to", BUSIEST),
            By::Destination => ("destination", ":to", BUSIEST),
        }
    }
}

/// Calls that began at or after `from` and before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first instant in it.
    pub from: Timestamp,
    /// The first instant behind it.
    pub to: Timestamp,
}

impl Window {
    /// Its length in milliseconds; 0 if it ends before it begins.
    #[must_use]
    pub fn length_ms(self) -> i64 {
        self.to.unix_ms().saturating_sub(self.from.unix_ms()).max(0)
    }
}

/// A number of calls, added up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Sum {
    /// How many.
    pub calls: u64,
    /// Their lengths together, in seconds.
    pub talk_s: f64,
    /// Time during which at least one of them ran, in seconds.
    pub busy_s: f64,
    /// The same as a share of the window, or of the hour as far as it is in the window: 0 to 1.
    pub busy_share: f64,
}

/// The calls of one hour, mode, callsign or destination, added up.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Group {
    /// Start of the hour (RFC 3339), mode, callsign or destination; null where the host named none.
    pub key: Option<String>,
    /// Their sum.
    #[serde(flatten)]
    pub sum: Sum,
}

/// The calls of a window, added up.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Statistics {
    /// The first instant of the window.
    pub from: Timestamp,
    /// The first instant behind it.
    pub to: Timestamp,
    /// What the groups are made by.
    pub by: By,
    /// All calls of the window. Where two ran at a time, the time is busy once.
    pub total: Sum,
    /// Hours in their order, those without calls left out; otherwise the group that talked most comes first.
    pub groups: Vec<Group>,
}

/// Adds up the calls of a window; at most `limit` groups.
///
/// # Errors
/// When the tables cannot be read.
pub fn statistics(connection: &Connection, window: Window, by: By, limit: u32) -> rusqlite::Result<Statistics> {
    let total = groups(connection, window, ("0", ":to", "key"), 1, |_, _| {
        Ok((None, window.length_ms()))
    })?;
    let groups = groups(connection, window, by.sql(), limit, |row, window| {
        key_of(row, window, by)
    })?;
    Ok(Statistics {
        from: window.from,
        to: window.to,
        by,
        total: total.into_iter().next().map(|group| group.sum).unwrap_or_default(),
        groups,
    })
}

/// A group's name, and the time in milliseconds of which it may be busy.
fn key_of(row: &Row<'_>, window: Window, by: By) -> rusqlite::Result<(Option<String>, i64)> {
    if by != By::Hour {
        return Ok((row.get(0)?, window.length_ms()));
    }
    let hour: i64 = row.get(0)?;
    let begin = hour.max(window.from.unix_ms());
    let end = hour.saturating_add(HOUR_MS).min(window.to.unix_ms());
    Ok((
        Some(Timestamp::from_unix_ms(hour).to_string()),
        end.saturating_sub(begin),
    ))
}

/// A call that runs on behind the edge of its group is cut there, and its rest is busy time of the next. In a group, only what
/// no earlier call covers is busy.
fn groups(
    connection: &Connection,
    window: Window,
    (key, edge, order): (&str, &str, &str),
    limit: u32,
    name: impl Fn(&Row<'_>, Window) -> rusqlite::Result<(Option<String>, i64)>,
) -> rusqlite::Result<Vec<Group>> {
    let sql = format!(
        "WITH RECURSIVE pieces (key, started_ms, ended_ms, edge_ms, calls, talk_s) AS (
             SELECT {key}, started_ms, min(started_ms + CAST(round(talk_s * 1000) AS INTEGER), :to), {edge}, 1, talk_s
             FROM repeater_calls WHERE started_ms >= :from AND started_ms < :to
             UNION ALL
             SELECT edge_ms, edge_ms, ended_ms, edge_ms + 3600000, 0, 0.0 FROM pieces WHERE ended_ms > edge_ms
         ), spans AS (
             SELECT key, calls, talk_s, max(0, min(ended_ms, edge_ms) - max(started_ms,
                 coalesce(max(min(ended_ms, edge_ms)) OVER earlier, started_ms))) AS busy_ms
             FROM pieces
             WINDOW earlier AS (PARTITION BY key ORDER BY started_ms ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
         )
         SELECT key, sum(calls), sum(talk_s), sum(busy_ms) FROM spans GROUP BY key ORDER BY {order} LIMIT :limit"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let bounds = named_params! { ":from": window.from.unix_ms(), ":to": window.to.unix_ms(), ":limit": limit };
    let groups = select.query_map(bounds, |row| {
        let (key, length_ms) = name(row, window)?;
        let busy_ms: i64 = row.get(3)?;
        let busy_s = seconds(busy_ms);
        let sum = Sum {
            calls: unsigned(row, 1)?,
            talk_s: thousandths(row.get(2)?),
            busy_s,
            busy_share: if length_ms > 0 {
                busy_s / seconds(length_ms)
            } else {
                0.0
            },
        };
        Ok(Group { key, sum })
    })?;
    groups.collect()
}

/// Which calls the signal quality is asked of; what is `None` is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QualityFilter {
    /// In this mode.
    pub mode: Option<Mode>,
    /// Of this callsign.
    pub callsign: Option<String>,
    /// From a radio, or from the network.
    pub source: Option<CallSource>,
}

/// Signal quality over one step of time. Means are weighted by talk time; null where no call told.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Quality {
    /// Where the step begins.
    pub at: Timestamp,
    /// Calls that began in it.
    pub calls: u64,
    /// Mean bit error rate, in percent.
    pub ber_percent: Option<f64>,
    /// Highest bit error rate of a call, in percent.
    pub ber_max_percent: Option<f64>,
    /// Mean packet loss of network calls, in percent.
    pub loss_percent: Option<f64>,
    /// Mean signal strength of radio calls, in dBm.
    pub rssi_dbm: Option<f64>,
    /// Lowest mean signal strength of a call, in dBm.
    pub rssi_min_dbm: Option<i64>,
}

/// The signal quality over a window, step by step; steps without calls are left out.
///
/// # Errors
/// When the tables cannot be read.
pub fn quality(
    connection: &Connection,
    window: Window,
    step_ms: i64,
    filter: &QualityFilter,
) -> rusqlite::Result<Vec<Quality>> {
    let (from, step) = (window.from.unix_ms(), step_ms.max(1));
    let mut values: Vec<Value> = [from, step, from, window.to.unix_ms()].map(Value::Integer).into();
    let mut conditions = String::new();
    let text = |text: &str| Value::Text(text.to_owned());
    for (condition, value) in [
        (" AND mode = ?", filter.mode.map(|mode| text(mode.as_str()))),
        (" AND callsign = ?", filter.callsign.as_deref().map(text)),
        (" AND source = ?", filter.source.map(|source| text(source.as_str()))),
    ] {
        if let Some(value) = value {
            conditions.push_str(condition);
            values.push(value);
        }
    }
    let mean = |figure: &str| format!("sum({figure} * weight) / sum(iif({figure} IS NULL, NULL, weight))");
    let (ber, loss, rssi) = (mean("ber_percent"), mean("loss_percent"), mean("rssi_dbm"));
    // A call without a length has told its figures all the same.
    let sql = format!(
        "SELECT step, count(*), {ber}, max(ber_percent), {loss}, {rssi}, min(rssi_dbm)
         FROM (SELECT (started_ms - ?) / ? AS step, ber_percent, loss_percent, rssi_dbm, max(talk_s, 0.001) AS weight
               FROM repeater_calls INDEXED BY repeater_calls_by_start
               WHERE started_ms >= ? AND started_ms < ?{conditions})
         GROUP BY step ORDER BY step"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let series = select.query_map(params_from_iter(values), |row| {
        let number: i64 = row.get(0)?;
        let mean = |column| row.get::<_, Option<f64>>(column).map(|mean| mean.map(thousandths));
        Ok(Quality {
            at: Timestamp::from_unix_ms(from.saturating_add(number.saturating_mul(step))),
            calls: unsigned(row, 1)?,
            ber_percent: mean(2)?,
            ber_max_percent: mean(3)?,
            loss_percent: mean(4)?,
            rssi_dbm: mean(5)?,
            rssi_min_dbm: row.get(6)?,
        })
    })?;
    series.collect()
}

/// Beyond that there is only the noise of adding.
fn thousandths(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

/// Exact below 2^53 ms, which is 285 thousand years.
#[allow(clippy::cast_precision_loss, reason = "a span of time")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "sums of whole seconds are exact")]
mod tests {
    use std::collections::BTreeMap;

    use journal::Projection;
    use proptest::prelude::*;
    use rusqlite::params;

    use super::*;
    use crate::RepeaterProjection;

    /// Start and length in milliseconds, and a caller.
    type Call = (i64, i64, u8);

    /// The tables with these calls, written before the figures had columns and migrated then.
    fn tables(calls: &[Call]) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        let (first, later) = RepeaterProjection.migrations().split_first().unwrap();
        connection.execute_batch(first).unwrap();
        for (seq, (started_ms, length_ms, caller)) in (1_i64..).zip(calls) {
            let call = format!(r#"{{"duration_s":{},"ber_percent":null}}"#, seconds(*length_ms));
            let row = params![seq, started_ms, format!("M{caller}"), call];
            connection
                .execute(
                    "INSERT INTO repeater_calls (seq, started_ms, mode, source, callsign, call)
                     VALUES (?1, ?2, 'dmr', 'rf', ?3, ?4)",
                    row,
                )
                .unwrap();
        }
        for migration in later {
            connection.execute_batch(migration).unwrap();
        }
        connection
    }

    fn window(from: i64, to: i64) -> Window {
        let at = Timestamp::from_unix_ms;
        Window {
            from: at(from),
            to: at(to),
        }
    }

    /// Seconds in which any of these calls runs, one by one.
    fn busy(calls: &[Call], seconds: std::ops::Range<i64>) -> i64 {
        let runs = |second: &i64| {
            let ms = second * 1000;
            calls
                .iter()
                .any(|(start, length, _)| (*start..start + length).contains(&ms))
        };
        i64::try_from(seconds.filter(runs).count()).unwrap()
    }

    #[test]
    fn sums_never_touch_the_documents() {
        let connection = tables(&[]);
        let plan =
            "EXPLAIN QUERY PLAN SELECT mode, callsign, destination, source, talk_s, ber_percent, loss_percent, rssi_dbm
                    FROM repeater_calls WHERE started_ms >= 1 AND started_ms < 2";
        let plan: String = connection.query_row(plan, [], |row| row.get("detail")).unwrap();
        assert!(plan.contains("COVERING INDEX repeater_calls_by_start"), "{plan}");
    }

    proptest! {
        #[test]
        fn busy_time_is_that_of_the_second_by_second_count(
            calls in prop::collection::vec((0_i64..9000, 0_i64..5000, 0_u8..3), 0..12),
        ) {
            let calls: Vec<Call> = calls.into_iter().map(|(start, length, who)| (start * 1000, length * 1000, who)).collect();
            let connection = tables(&calls);
            let (from, to) = (1800, 9000);
            let inside: Vec<Call> = calls.iter().copied().filter(|call| (from * 1000..to * 1000).contains(&call.0)).collect();
            let window = window(from * 1000, to * 1000);

            let by_hour = statistics(&connection, window, By::Hour, 10).unwrap();
            prop_assert_eq!(by_hour.total.busy_s, seconds(busy(&inside, from..to) * 1000));
            prop_assert_eq!(by_hour.total.calls, u64::try_from(inside.len()).unwrap());
            let found: BTreeMap<_, _> = by_hour.groups.into_iter().map(|group| (group.key, group.sum)).collect();
            for hour in 0..3 {
                let key = Timestamp::from_unix_ms(hour * HOUR_MS).to_string();
                let sum = found.get(&Some(key)).cloned().unwrap_or_default();
                prop_assert_eq!(sum.busy_s, seconds(busy(&inside, hour * 3600..(hour * 3600 + 3600).min(to)) * 1000));
                prop_assert!((0.0..=1.0).contains(&sum.busy_share));
            }

            for group in statistics(&connection, window, By::Callsign, 10).unwrap().groups {
                let of_caller = |call: &Call| Some(format!("M{}", call.2)) == group.key;
                let own: Vec<Call> = inside.iter().copied().filter(of_caller).collect();
                prop_assert_eq!(group.sum.busy_s, seconds(busy(&own, from..to) * 1000));
                prop_assert_eq!(group.sum.talk_s, seconds(own.iter().map(|call| call.1).sum()));
            }
        }
    }
}
