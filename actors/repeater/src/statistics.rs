//! Sums over the calls: how busy the repeater was, with whom, and how well it heard them. Each takes a read connection of the
//! journal and blocks.
//!
//! One pass over one index that holds all that is asked for, in the order in which the calls began, so that nothing has to be
//! sorted or remembered but the sums: a year of a million calls takes a quarter of a second. The caller bounds the window. A call
//! belongs to the window, and to the hour, in which it began.

mod quality;

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use model::Timestamp;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use quality::{Quality, QualityFilter, quality};

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
    /// What a call's group is named by; hours need no name.
    const fn column(self) -> &'static str {
        match self {
            By::Hour => "NULL",
            By::Mode => "mode",
            By::Callsign => "callsign",
            By::Destination => "destination",
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
    let mut sums = Sums::default();
    let sql = format!(
        "SELECT started_ms, CAST(round(talk_s * 1000) AS INTEGER), {}
         FROM repeater_calls INDEXED BY repeater_calls_by_start
         WHERE started_ms >= ? AND started_ms < ? ORDER BY started_ms",
        by.column()
    );
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query([window.from.unix_ms(), window.to.unix_ms()])?;
    while let Some(row) = rows.next()? {
        let (begin, talk_ms): (i64, i64) = (row.get(0)?, row.get(1)?);
        let end = begin.saturating_add(talk_ms).min(window.to.unix_ms());
        let call = Call { begin, end, talk_ms };
        match by {
            By::Hour => sums.add_to_hours(&call),
            By::Mode | By::Callsign | By::Destination => sums.add_to_name(&call, row.get_ref(2)?.as_str_or_null()?),
        }
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(Statistics {
        from: window.from,
        to: window.to,
        by,
        total: sums.total.told(window.length_ms()),
        groups: match by {
            By::Hour => sums.hours(window, limit),
            By::Mode | By::Callsign | By::Destination => sums.busiest(window, limit),
        },
    })
}

/// A call as far as it is in the window. Calls come in the order in which they began.
struct Call {
    begin: i64,
    end: i64,
    talk_ms: i64,
}

/// What a number of calls come to so far.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    calls: u64,
    talk_ms: i64,
    busy_ms: i64,
    /// The latest end so far.
    covered: Option<i64>,
}

impl Tally {
    /// Takes a call; what no earlier one covers of it is busy time, from where to where.
    fn add(&mut self, call: &Call) -> (i64, i64) {
        let begin = self.covered.map_or(call.begin, |covered| covered.max(call.begin));
        let end = call.end.max(begin);
        self.calls += 1;
        self.talk_ms = self.talk_ms.saturating_add(call.talk_ms);
        self.busy_ms = self.busy_ms.saturating_add(end.saturating_sub(begin));
        self.covered = Some(end);
        (begin, end)
    }

    fn told(&self, length_ms: i64) -> Sum {
        let busy_s = seconds(self.busy_ms);
        let share = || busy_s / seconds(length_ms);
        Sum {
            calls: self.calls,
            talk_s: seconds(self.talk_ms),
            busy_s,
            busy_share: if length_ms > 0 { share() } else { 0.0 },
        }
    }
}

/// The sums of a window.
#[derive(Debug, Default)]
struct Sums {
    total: Tally,
    /// By the start of the hour.
    hours: BTreeMap<i64, Tally>,
    named: HashMap<Box<str>, Tally>,
    nameless: Option<Tally>,
}

impl Sums {
    /// A call counts in the hour in which it began; its busy time is busy time of every hour that it reaches.
    fn add_to_hours(&mut self, call: &Call) {
        let hour = |at: i64| at.saturating_sub(at.rem_euclid(HOUR_MS));
        let (mut begin, end) = self.total.add(call);
        let first = self.hours.entry(hour(call.begin)).or_default();
        first.calls += 1;
        first.talk_ms = first.talk_ms.saturating_add(call.talk_ms);
        while begin < end {
            let edge = hour(begin).saturating_add(HOUR_MS).min(end);
            let reached = self.hours.entry(hour(begin)).or_default();
            reached.busy_ms = reached.busy_ms.saturating_add(edge.saturating_sub(begin));
            begin = edge;
        }
    }

    fn add_to_name(&mut self, call: &Call, name: Option<&str>) {
        self.total.add(call);
        let Some(name) = name else {
            self.nameless.get_or_insert_default().add(call);
            return;
        };
        match self.named.get_mut(name) {
            Some(known) => known.add(call),
            None => self.named.entry(name.into()).or_default().add(call),
        };
    }

    fn hours(self, window: Window, limit: usize) -> Vec<Group> {
        let group = |(hour, tally): (i64, Tally)| {
            let begin = hour.max(window.from.unix_ms());
            let end = hour.saturating_add(HOUR_MS).min(window.to.unix_ms());
            Group {
                key: Some(Timestamp::from_unix_ms(hour).to_string()),
                sum: tally.told(end.saturating_sub(begin)),
            }
        };
        self.hours.into_iter().take(limit).map(group).collect()
    }

    fn busiest(self, window: Window, limit: usize) -> Vec<Group> {
        let nameless = self.nameless.map(|tally| (None, tally));
        let named = self.named.into_iter().map(|(name, tally)| (Some(name), tally));
        let mut groups: Vec<(Option<Box<str>>, Tally)> = nameless.into_iter().chain(named).collect();
        groups.sort_unstable_by(|(a, x), (b, y)| {
            let most = |tally: &Tally| Reverse((tally.talk_ms, tally.calls));
            most(x).cmp(&most(y)).then_with(|| a.cmp(b))
        });
        groups.truncate(limit);
        let told = |(key, tally): (Option<Box<str>>, Tally)| Group {
            key: key.map(String::from),
            sum: tally.told(window.length_ms()),
        };
        groups.into_iter().map(told).collect()
    }
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
