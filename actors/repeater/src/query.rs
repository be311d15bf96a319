//! Questions to the repeater's tables. Each takes a read connection of the journal and blocks.

use model::repeater::{CallSource, LinkStatus, Mode, Qso};
use model::{Seq, Timestamp};
use rusqlite::types::{Type, Value};
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

/// What tells the document of a call from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CallType {
    /// A call.
    Qso,
}

/// A call that is over: the document that `stationd replay` prints, and its position.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Call {
    /// What this document is.
    #[serde(rename = "type")]
    pub document_type: CallType,
    /// Position of its end in the journal: its name, and its place in the order of all calls.
    pub seq: Seq,
    /// The call.
    #[serde(flatten)]
    pub qso: Qso,
}

/// A station, as it was heard last.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Heard {
    /// Position in the journal of the event that told of it.
    pub seq: Seq,
    /// When: the end of its last call, or the start of one that is running.
    pub at: Timestamp,
    /// How many calls it has finished.
    pub calls: u64,
    /// Its last call.
    #[serde(flatten)]
    pub last: Qso,
}

/// Which calls; what is `None` is not asked for. The newest come first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallQuery {
    /// In this mode.
    pub mode: Option<Mode>,
    /// Of this callsign.
    pub callsign: Option<String>,
    /// To this talkgroup, room, station or route.
    pub destination: Option<String>,
    /// From a radio, or from the network.
    pub source: Option<CallSource>,
    /// Begun at or after this time.
    pub from: Option<Timestamp>,
    /// Begun before this time.
    pub to: Option<Timestamp>,
    /// Ahead of this position: where the page before ended.
    pub before: Option<Seq>,
    /// At most so many.
    pub limit: u32,
}

/// The calls that fit, the newest first.
///
/// # Errors
/// When the tables cannot be read.
pub fn calls(connection: &Connection, query: &CallQuery) -> rusqlite::Result<Vec<Call>> {
    let (conditions, mut values) = conditions(query);
    let filter = if conditions.is_empty() {
        String::new()
    } else {
        format!("WHERE {}", conditions.join(" AND "))
    };
    values.push(Value::Integer(query.limit.into()));
    let sql = format!("SELECT seq, call FROM repeater_calls {filter} ORDER BY seq DESC LIMIT ?");
    let mut select = connection.prepare_cached(&sql)?;
    let calls = select.query_map(params_from_iter(values), call_of)?;
    calls.collect()
}

/// Conditions, each with one value. What users typed is only ever a value.
fn conditions(query: &CallQuery) -> (Vec<&'static str>, Vec<Value>) {
    let text = |text: &Option<String>| text.clone().map(Value::Text);
    let ms = |at: Option<Timestamp>| at.map(|at| Value::Integer(at.unix_ms()));
    let given = [
        ("mode = ?", query.mode.map(|mode| Value::Text(mode.as_str().to_owned()))),
        ("callsign = ?", text(&query.callsign)),
        ("destination = ?", text(&query.destination)),
        (
            "source = ?",
            query.source.map(|source| Value::Text(source.as_str().to_owned())),
        ),
        ("started_ms >= ?", ms(query.from)),
        ("started_ms < ?", ms(query.to)),
        ("seq < ?", query.before.map(position)),
    ];
    given
        .into_iter()
        .filter_map(|(condition, value)| Some((condition, value?)))
        .unzip()
}

/// One call, by the position of its end.
///
/// # Errors
/// When the tables cannot be read.
pub fn call(connection: &Connection, seq: Seq) -> rusqlite::Result<Option<Call>> {
    let mut select = connection.prepare_cached("SELECT seq, call FROM repeater_calls WHERE seq = ?")?;
    select.query_row([position(seq)], call_of).optional()
}

/// Who was heard, each station once, the latest first.
///
/// # Errors
/// When the tables cannot be read.
pub fn last_heard(connection: &Connection, limit: u32) -> rusqlite::Result<Vec<Heard>> {
    let mut select = connection
        .prepare_cached("SELECT seq, at_ms, calls, call FROM repeater_last_heard ORDER BY seq DESC LIMIT ?")?;
    let heard = select.query_map([limit], |row| {
        Ok(Heard {
            seq: seq_of(row, 0)?,
            at: Timestamp::from_unix_ms(row.get(1)?),
            calls: unsigned(row, 2)?,
            last: document(row, 3)?,
        })
    })?;
    heard.collect()
}

/// The links, by name.
///
/// # Errors
/// When the tables cannot be read.
pub fn links(connection: &Connection) -> rusqlite::Result<Vec<LinkStatus>> {
    let mut select = connection.prepare_cached("SELECT status FROM repeater_links ORDER BY link")?;
    let links = select.query_map([], |row| document(row, 0))?;
    links.collect()
}

fn call_of(row: &Row<'_>) -> rusqlite::Result<Call> {
    Ok(Call {
        document_type: CallType::Qso,
        seq: seq_of(row, 0)?,
        qso: document(row, 1)?,
    })
}

fn document<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}

fn seq_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Seq> {
    unsigned(row, column).map(Seq)
}

pub(crate) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn position(seq: Seq) -> Value {
    Value::Integer(i64::try_from(seq.0).unwrap_or(i64::MAX))
}
