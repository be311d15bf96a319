//! The gate's tables, filled inside the journal's transaction: each command as it stands, and the audit.
//!
//! A row of the audit is sealed and chained where it is written, in the transaction that stores its event, so that no
//! step is committed without its row. The tables outlive the events: retention does not touch them.

use journal::{Projection, ProjectionError};
use model::{Command, Event, Role, Seq, Step, Taken};
use rusqlite::{Transaction, params};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::chain::{AuditRow, BEGINNING, Head};
use crate::query;
use crate::seal::Seal;
use crate::workflow::GATE;

/// Whose events tell who came and went: users, keys, sessions.
pub(crate) const ACCESS: &str = "access";

/// Forward only; an entry is never edited.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE command (
        id       INTEGER PRIMARY KEY,
        seq      INTEGER NOT NULL,
        open     INTEGER NOT NULL,
        waiting  INTEGER NOT NULL,
        document TEXT NOT NULL
    ) STRICT;
    CREATE INDEX command_open ON command (id) WHERE open = 1;
    CREATE INDEX command_waiting ON command (id) WHERE waiting = 1;

    CREATE TABLE audit (
        number     INTEGER PRIMARY KEY,
        seq        INTEGER NOT NULL,
        at_ms      INTEGER NOT NULL,
        who        TEXT NOT NULL,
        role       TEXT NOT NULL,
        step       TEXT NOT NULL,
        command_id INTEGER,
        target     TEXT NOT NULL,
        verb       TEXT NOT NULL,
        detail     TEXT NOT NULL,
        hash       TEXT NOT NULL
    ) STRICT;
    CREATE INDEX audit_by_seq ON audit (seq);

    -- Kept apart from the rows: says how many there must be. Rows that are cut off at the end break no chain.
    CREATE TABLE audit_head (
        one  INTEGER PRIMARY KEY CHECK (one = 1),
        rows INTEGER NOT NULL,
        hash TEXT NOT NULL,
        seal TEXT NOT NULL
    ) STRICT;

    -- The insert rule also stops INSERT OR REPLACE, which fires no delete trigger unless the connection asks for recursive
    -- triggers. There is no other unique column that a replacement could come in by.
    CREATE TRIGGER audit_is_next BEFORE INSERT ON audit
    WHEN NEW.number <= (SELECT ifnull(max(number), 0) FROM audit)
      OR NEW.seq <= (SELECT ifnull(max(seq), 0) FROM audit)
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only: a row follows the newest one'); END;
    CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only: a row is never changed'); END;
    CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only: a row is never deleted'); END;
"];

/// Commands and audit.
#[derive(Clone, Debug)]
pub struct GateProjection {
    seal: Seal,
}

impl GateProjection {
    /// Sealed by the station.
    #[must_use]
    pub fn new(seal: &Seal) -> GateProjection {
        GateProjection { seal: seal.clone() }
    }

    /// Adds a row behind the newest one, and moves the head.
    fn audit(&self, tx: &Transaction<'_>, mut row: AuditRow) -> Result<(), ProjectionError> {
        let before = query::head(tx)?.map(|(head, _)| head);
        // The head is believed, not the rows: whoever has cut rows off cannot have the chain go on as if nothing was.
        row.number = before.as_ref().map_or(0, |head| head.rows).saturating_add(1);
        row.hash = row.seal(&self.seal, before.as_ref().map_or(BEGINNING, |head| &head.hash));
        insert(tx, &row)?;
        let head = Head {
            rows: row.number,
            hash: row.hash,
        };
        tx.prepare_cached(
            "INSERT INTO audit_head (one, rows, hash, seal) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT (one) DO UPDATE SET rows = excluded.rows, hash = excluded.hash, seal = excluded.seal",
        )?
        .execute(params![head.rows.cast_signed(), head.hash, head.seal(&self.seal)])?;
        Ok(())
    }
}

impl Projection for GateProjection {
    fn name(&self) -> &'static str {
        GATE
    }

    fn migrations(&self) -> &'static [&'static str] {
        MIGRATIONS
    }

    fn apply(&mut self, tx: &Transaction<'_>, event: &Event) -> Result<(), ProjectionError> {
        match event.source.as_str() {
            GATE => {
                let command: Command = event.decode()?;
                keep(tx, event.seq, &command)?;
                self.audit(tx, row_of_command(event, &command)?)
            }
            ACCESS => self.audit(tx, row_of_access(event)?),
            _ => Ok(()),
        }
    }
}

fn keep(tx: &Transaction<'_>, seq: Seq, command: &Command) -> Result<(), ProjectionError> {
    let waiting = command.state == model::CommandState::Requested;
    tx.prepare_cached(
        "INSERT INTO command (id, seq, open, waiting, document) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET open = excluded.open, waiting = excluded.waiting, document = excluded.document",
    )?
    .execute(params![
        command.id.0.cast_signed(),
        seq.0.cast_signed(),
        command.is_open(),
        waiting,
        serde_json::to_string(command)?
    ])?;
    Ok(())
}

fn row_of_command(event: &Event, command: &Command) -> Result<AuditRow, ProjectionError> {
    let taken = command
        .events
        .last()
        .ok_or_else(|| ProjectionError::Refused("a command without a step".to_owned()))?;
    Ok(AuditRow {
        number: 0,
        seq: event.seq,
        at: event.at,
        who: taken.by.clone(),
        role: taken.role.map_or("", Role::as_str).to_owned(),
        step: event.event_type.to_string(),
        command_id: Some(command.id.0),
        target: command.target.clone(),
        verb: command.verb.clone(),
        detail: detail(command, taken).to_string(),
        hash: String::new(),
    })
}

/// All that a step adds to the command.
fn detail(command: &Command, taken: &Taken) -> Value {
    match taken.step {
        Step::Requested => json!({
            "arguments": command.arguments, "reason": command.reason, "tier": command.tier, "needs": command.needs,
            "not_after": command.not_after, "origin": command.origin, "owner": command.requester_owner,
            "rolls_back": command.rolls_back,
        }),
        Step::Approved | Step::Rejected | Step::Overridden | Step::Acknowledged => json!(command.decisions.last()),
        Step::Executing => json!({ "token": command.token, "undo": command.undo }),
        Step::Done => json!({ "outcome": command.outcome }),
        Step::Failed | Step::Unknown | Step::Expired | Step::Cancelled | Step::Refused | Step::RolledBack => {
            json!({ "detail": taken.detail })
        }
    }
}

/// Who came and went. The payload is of another subsystem; what it says of who acted and on whom is used where it says it.
fn row_of_access(event: &Event) -> Result<AuditRow, ProjectionError> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Payload {
        by: Option<String>,
        name: Option<String>,
        user: Option<String>,
    }
    let payload: Payload = event.decode().unwrap_or_default();
    Ok(AuditRow {
        number: 0,
        seq: event.seq,
        at: event.at,
        // A session is begun by the user that it is of.
        who: payload.by.or_else(|| payload.user.clone()).unwrap_or_default(),
        role: String::new(),
        step: event.event_type.to_string(),
        command_id: None,
        target: payload.name.or(payload.user).unwrap_or_default(),
        verb: String::new(),
        detail: event.data.get().to_owned(),
        hash: String::new(),
    })
}

fn insert(tx: &Transaction<'_>, row: &AuditRow) -> Result<(), ProjectionError> {
    tx.prepare_cached(
        "INSERT INTO audit (number, seq, at_ms, who, role, step, command_id, target, verb, detail, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        row.number.cast_signed(),
        row.seq.0.cast_signed(),
        row.at.unix_ms(),
        row.who,
        row.role,
        row.step,
        row.command_id.map(u64::cast_signed),
        row.target,
        row.verb,
        row.detail,
        row.hash
    ])?;
    Ok(())
}
