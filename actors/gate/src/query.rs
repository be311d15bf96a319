//! Questions to the gate's tables. Each takes a read connection of the journal and blocks.

use std::path::Path;
use std::time::Duration;

use model::{Command, CommandId, Seq, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::chain::{AuditRow, Fault, Head, Verifier};
use crate::projection::ACCESS;
use crate::seal::Seal;
use crate::workflow::GATE;

/// How long a check waits for a station that begins or ends.
const BUSY_LIMIT: Duration = Duration::from_secs(5);

const AUDIT_COLUMNS: &str = "number, seq, at_ms, who, role, step, command_id, target, verb, detail, hash";

/// Which commands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// Those that wait for people.
    Waiting,
    /// Those that wait, run, or have to be looked at.
    Open,
    /// All.
    #[default]
    All,
}

/// The commands, the newest first, ahead of `before`.
///
/// # Errors
/// When the table cannot be read.
pub fn commands(
    connection: &Connection,
    which: Which,
    before: Option<CommandId>,
    limit: u32,
) -> rusqlite::Result<Vec<Command>> {
    let condition = match which {
        Which::Waiting => "waiting = 1 AND",
        Which::Open => "open = 1 AND",
        Which::All => "",
    };
    let sql = format!("SELECT document FROM command WHERE {condition} id < ?1 ORDER BY id DESC LIMIT ?2");
    let mut select = connection.prepare_cached(&sql)?;
    let before = before.map_or(i64::MAX, |id| i64::try_from(id.0).unwrap_or(i64::MAX));
    let commands = select.query_map(params![before, limit], document)?;
    commands.collect()
}

/// One command.
///
/// # Errors
/// When the table cannot be read.
pub fn command(connection: &Connection, id: CommandId) -> rusqlite::Result<Option<Command>> {
    let id = i64::try_from(id.0).unwrap_or(i64::MAX);
    connection
        .prepare_cached("SELECT document FROM command WHERE id = ?1")?
        .query_row([id], document)
        .optional()
}

/// The highest number of a command.
pub(crate) fn newest(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT ifnull(max(id), 0) FROM command")?
        .query_row([], |row| unsigned(row, 0))
}

fn document(row: &Row<'_>) -> rusqlite::Result<Command> {
    serde_json::from_str(row.get_ref(0)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error.into()))
}

/// What was found when the audit was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Verified {
    /// Whether all that was checked is as it was written.
    pub ok: bool,
    /// Rows that were checked and are in order.
    pub checked: u64,
    /// The seal of the newest row; whoever notes it elsewhere can prove later that nothing was cut off.
    pub head: String,
    /// The first thing that is not in order.
    pub fault: Option<Fault>,
    /// The same in words.
    pub reason: Option<String>,
}

impl Verified {
    fn new(checked: u64, head: Option<(Head, String)>, found: Result<(), Fault>) -> Verified {
        let fault = found.err();
        Verified {
            ok: fault.is_none(),
            checked,
            head: head.map(|(head, _)| head.hash).unwrap_or_default(),
            reason: fault.as_ref().map(ToString::to_string),
            fault,
        }
    }
}

/// A page of the audit, the newest rows first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditPage {
    /// The rows.
    pub items: Vec<AuditRow>,
    /// What a check of these rows found.
    pub verified: Verified,
}

/// The rows ahead of event `before`, the newest first, checked as far as they go.
///
/// # Errors
/// When the tables cannot be read.
pub fn audit(connection: &Connection, seal: &Seal, before: Option<Seq>, limit: u32) -> rusqlite::Result<AuditPage> {
    let sql = format!("SELECT {AUDIT_COLUMNS} FROM audit WHERE seq < ?1 ORDER BY number DESC LIMIT ?2");
    let end = before.map_or(i64::MAX, |seq| i64::try_from(seq.0).unwrap_or(i64::MAX));
    let mut select = connection.prepare_cached(&sql)?;
    let rows = select.query_map(params![end, limit.saturating_add(1)], audit_row)?;
    let mut items = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // One more than asked for: what the oldest row of the page is chained to.
    let anchor = if items.len() > limit { items.pop() } else { None };
    let mut verifier = Verifier::behind(seal, anchor.as_ref());
    let skipped = verifier.rows();
    let head = head(connection)?;
    let mut found = items.iter().rev().try_for_each(|row| verifier.take(row));
    if before.is_none() {
        found = found.and_then(|()| verifier.finish(head.as_ref().map(|(head, tag)| (head, tag.as_str()))));
    }
    let checked = verifier.rows().saturating_sub(skipped);
    Ok(AuditPage {
        items,
        verified: Verified::new(checked, head, found),
    })
}

/// Checks the whole audit: every row, the head, and that every event which the journal still has was told.
///
/// # Errors
/// When the tables cannot be read.
pub fn verify(connection: &Connection, seal: &Seal) -> rusqlite::Result<Verified> {
    let mut verifier = Verifier::new(seal);
    let mut select = connection.prepare(&format!("SELECT {AUDIT_COLUMNS} FROM audit ORDER BY number"))?;
    let mut found = Ok(());
    for row in select.query_map([], audit_row)? {
        found = verifier.take(&row?);
        if found.is_err() {
            break;
        }
    }
    let head = head(connection)?;
    found = found.and_then(|()| verifier.finish(head.as_ref().map(|(head, tag)| (head, tag.as_str()))));
    if found.is_ok()
        && let Some(seq) = untold(connection)?
    {
        found = Err(Fault::Untold { seq });
    }
    Ok(Verified::new(verifier.rows(), head, found))
}

/// Checks the audit of a journal's file, whether or not a station has it open. `noted`: a head that was noted elsewhere, and
/// has to be in there still.
///
/// # Errors
/// When there is no such file, or it has no audit.
pub fn verify_file(path: &Path, seal: &Seal, noted: Option<&str>) -> rusqlite::Result<Verified> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_LIMIT)?;
    // One snapshot for rows and head, while a station goes on writing.
    let snapshot = connection.unchecked_transaction()?;
    let mut verified = verify(&snapshot, seal)?;
    if let Some(noted) = noted
        && verified.ok
        && !has_seal(&snapshot, noted)?
    {
        let fault = Fault::Rewritten;
        verified.ok = false;
        verified.reason = Some(fault.to_string());
        verified.fault = Some(fault);
    }
    Ok(verified)
}

fn has_seal(connection: &Connection, hash: &str) -> rusqlite::Result<bool> {
    connection.query_row("SELECT EXISTS (SELECT 1 FROM audit WHERE hash = ?1)", [hash], |row| {
        row.get(0)
    })
}

/// The head of the audit and its seal; `None` while there are no rows.
///
/// # Errors
/// When the table cannot be read.
pub fn head(connection: &Connection) -> rusqlite::Result<Option<(Head, String)>> {
    connection
        .prepare_cached("SELECT rows, hash, seal FROM audit_head")?
        .query_row([], |row| {
            let head = Head {
                rows: unsigned(row, 0)?,
                hash: row.get(1)?,
            };
            Ok((head, row.get(2)?))
        })
        .optional()
}

/// The first event that the journal still has and the audit has not.
fn untold(connection: &Connection) -> rusqlite::Result<Option<Seq>> {
    connection
        .prepare_cached(
            "SELECT event.seq FROM event WHERE event.source IN (?1, ?2)
             AND NOT EXISTS (SELECT 1 FROM audit WHERE audit.seq = event.seq) ORDER BY event.seq LIMIT 1",
        )?
        .query_row([GATE, ACCESS], |row| unsigned(row, 0).map(Seq))
        .optional()
}

fn audit_row(row: &Row<'_>) -> rusqlite::Result<AuditRow> {
    let command_id: Option<i64> = row.get(6)?;
    Ok(AuditRow {
        number: unsigned(row, 0)?,
        seq: Seq(unsigned(row, 1)?),
        at: Timestamp::from_unix_ms(row.get(2)?),
        who: row.get(3)?,
        role: row.get(4)?,
        step: row.get(5)?,
        command_id: command_id.map(i64::cast_unsigned),
        target: row.get(7)?,
        verb: row.get(8)?,
        detail: row.get(9)?,
        hash: row.get(10)?,
    })
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}
