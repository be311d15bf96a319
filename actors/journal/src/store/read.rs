//! Queries. Each runs in the snapshot of the connection's transaction, if it has one.
//!
//! A filter is answered by the dictionary of kinds: patterns are matched here, by the same code as for live events,
//! and SQLite only sees the numbers of the kinds that fit.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use model::{Event, Seq, Source, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use serde_json::value::RawValue;

use crate::{Checkpoint, EventFilter, EventQuery, Order};

/// Up to so many kinds, a filtered query merges their index ranges; beyond, it walks the entries, because with that
/// many kinds wanted the next one is near.
const KINDS_MERGED_MAX: usize = 16;
/// Events on one page of a replay.
const PAGE_EVENTS: u32 = 256;
/// Bytes of event data after which a page ends early.
const PAGE_BYTES: usize = 1024 * 1024;
/// Positions that one page looks at, however few of them the filter wants: bounds how long a reader's snapshot keeps
/// the write-ahead log from being cut.
const PAGE_SPAN: u64 = 50_000;

/// One step of a replay.
#[derive(Debug)]
pub(crate) struct Page {
    /// What the filter wants of the positions looked at.
    pub(crate) events: Vec<Arc<Event>>,
    /// Where the next step begins.
    pub(crate) next: Seq,
    /// The lowest position that was kept when this was read: what came before it is not in any page.
    pub(crate) floor: Seq,
}

/// The newest event's position, also when retention has removed it.
pub(crate) fn head(connection: &Connection) -> rusqlite::Result<Seq> {
    connection
        .prepare_cached("SELECT ifnull((SELECT max(seq) FROM entry), (SELECT floor_seq - 1 FROM retention))")?
        .query_row([], |row| row.get(0).map(from_sql))
}

/// The lowest position that is kept: what came before it was removed by retention or is in a file set aside.
pub(crate) fn floor(connection: &Connection) -> rusqlite::Result<Seq> {
    connection
        .prepare_cached("SELECT floor_seq FROM retention")?
        .query_row([], |row| row.get(0).map(from_sql))
}

/// A producer's checkpoint.
pub(crate) fn checkpoint(connection: &Connection, producer: &str) -> rusqlite::Result<Option<Checkpoint>> {
    connection
        .prepare_cached("SELECT version, writer, data FROM checkpoint WHERE producer = ?1")?
        .query_row([producer], |row| {
            Ok(Checkpoint {
                version: row.get::<_, i64>(0)?.cast_unsigned(),
                writer: row.get::<_, i64>(1)?.cast_unsigned(),
                data: row.get(2)?,
            })
        })
        .optional()
}

/// Answers a query.
pub(crate) fn events(connection: &Connection, query: &EventQuery) -> rusqlite::Result<Vec<Event>> {
    let mut found = Vec::new();
    scan(connection, query, |event| {
        found.push(event);
        true
    })?;
    Ok(found)
}

/// Replays a step from position `next` on, up to the head.
pub(crate) fn page(connection: &Connection, next: Seq, filter: &EventFilter) -> rusqlite::Result<Page> {
    let floor = floor(connection)?;
    let next = next.max(floor);
    let end = head(connection)?.next().min(Seq(next.0.saturating_add(PAGE_SPAN)));
    let query = EventQuery {
        after: Some(Seq(next.0.saturating_sub(1))),
        before: Some(end),
        filter: filter.clone(),
        limit: PAGE_EVENTS,
        ..EventQuery::default()
    };
    let mut events: Vec<Arc<Event>> = Vec::new();
    let mut bytes = 0;
    let complete = scan(connection, &query, |event| {
        bytes += event.data.get().len();
        events.push(Arc::new(event));
        bytes < PAGE_BYTES
    })?;
    let next = match events.last() {
        Some(last) if !complete => last.seq.next(),
        _ => end.max(next),
    };
    Ok(Page { events, next, floor })
}

/// Runs a query, event by event, until `visit` has enough. Says whether everything asked for was visited.
fn scan(connection: &Connection, query: &EventQuery, mut visit: impl FnMut(Event) -> bool) -> rusqlite::Result<bool> {
    let kinds = Kinds::load(connection, &query.filter)?;
    let Some((after, before)) = span(connection, query)? else {
        return Ok(true);
    };
    let Some(sql) = kinds.select(query.order) else {
        return Ok(true);
    };
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(named_params! {
        ":after": after,
        ":before": before,
        ":from": query.from.map_or(i64::MIN, Timestamp::unix_ms),
        ":until": until(query),
        ":limit": query.limit,
    })?;
    let mut left = query.limit;
    while let Some(row) = rows.next()? {
        left = left.saturating_sub(1);
        if !visit(kinds.event(row)?) {
            return Ok(false);
        }
    }
    Ok(left > 0)
}

/// The open interval of positions that can hold the answer; `None` if none can. The index by time narrows it, so that a
/// query for an hour of last year does not walk the year.
fn span(connection: &Connection, query: &EventQuery) -> rusqlite::Result<Option<(i64, i64)>> {
    let after = query.after.map_or(0, to_sql);
    let before = query.before.map_or(i64::MAX, to_sql);
    if query.from.is_none() && query.to.is_none() {
        return Ok(Some((after, before)));
    }
    let from = query.from.map_or(i64::MIN, Timestamp::unix_ms);
    let mut narrow =
        connection.prepare_cached("SELECT min(seq), max(seq) FROM entry WHERE at_ms >= ?1 AND at_ms <= ?2")?;
    narrow.query_row(params![from, until(query)], |row| {
        let (first, last): (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
        let ends = first.zip(last);
        Ok(ends.map(|(first, last)| (after.max(first.saturating_sub(1)), before.min(last.saturating_add(1)))))
    })
}

/// The last millisecond that is meant: without an end, an event of the last one of all time is meant too.
fn until(query: &EventQuery) -> i64 {
    query.to.map_or(i64::MAX, |to| to.unix_ms().saturating_sub(1))
}

/// The kinds that a filter wants.
struct Kinds {
    by_id: HashMap<i64, (Source, Arc<str>)>,
    all: bool,
}

impl Kinds {
    fn load(connection: &Connection, filter: &EventFilter) -> rusqlite::Result<Kinds> {
        let mut query = connection.prepare_cached("SELECT id, source, type FROM kind")?;
        let mut rows = query.query([])?;
        let mut kinds = Kinds {
            by_id: HashMap::new(),
            all: true,
        };
        while let Some(row) = rows.next()? {
            let source = Source::new(row.get_ref(1)?.as_str()?);
            let event_type: Arc<str> = row.get_ref(2)?.as_str()?.into();
            if filter.matches_kind(&source, &event_type) {
                kinds.by_id.insert(row.get(0)?, (source, event_type));
            } else {
                kinds.all = false;
            }
        }
        Ok(kinds)
    }

    /// The statement that yields their events in order, or `None` if no kind is wanted.
    ///
    /// SQLite merges the branches of a compound lazily, so that the limit ends the work in each.
    fn select(&self, order: Order) -> Option<String> {
        let direction = match order {
            Order::OldestFirst => "ASC",
            Order::NewestFirst => "DESC",
        };
        let mut ids: Vec<i64> = self.by_id.keys().copied().collect();
        ids.sort_unstable();
        let branches: Vec<String> = if ids.is_empty() {
            return None;
        } else if self.all {
            vec![branch(" NOT INDEXED", "")]
        } else if ids.len() <= KINDS_MERGED_MAX {
            let by_kind = |id| branch(" INDEXED BY entry_by_kind", &format!("kind = {id} AND "));
            ids.iter().map(by_kind).collect()
        } else {
            let list: Vec<String> = ids.iter().map(ToString::to_string).collect();
            vec![branch(" NOT INDEXED", &format!("kind IN ({}) AND ", list.join(",")))]
        };
        let mut sql = branches.join(" UNION ALL ");
        write!(sql, " ORDER BY seq {direction} LIMIT :limit").ok()?;
        Some(sql)
    }

    fn event(&self, row: &Row<'_>) -> rusqlite::Result<Event> {
        let kind: i64 = row.get(2)?;
        let (source, event_type) = self.by_id.get(&kind).ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let data = RawValue::from_string(row.get(3)?)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(3, Type::Text, Box::new(error)))?;
        Ok(Event {
            seq: from_sql(row.get(0)?),
            at: Timestamp::from_unix_ms(row.get(1)?),
            source: source.clone(),
            event_type: Arc::clone(event_type),
            data: Arc::from(data),
        })
    }
}

/// The statement that a filter comes to.
#[cfg(test)]
pub(super) fn statement(
    connection: &Connection,
    filter: &EventFilter,
    order: Order,
) -> rusqlite::Result<Option<String>> {
    Ok(Kinds::load(connection, filter)?.select(order))
}

fn branch(index: &str, kind: &str) -> String {
    format!(
        "SELECT seq, at_ms, kind, data FROM entry{index} \
         WHERE {kind}seq > :after AND seq < :before AND at_ms >= :from AND at_ms <= :until"
    )
}

pub(super) fn to_sql(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

pub(super) fn from_sql(seq: i64) -> Seq {
    Seq(u64::try_from(seq).unwrap_or(0))
}
