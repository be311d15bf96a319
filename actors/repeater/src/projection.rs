//! The tables that the repeater's questions are answered from, filled from its events inside the journal's
//! transaction.
//!
//! A call is one row, at its end, under the position of that event. Documents are kept as they were written, beside
//! the columns that are searched.

use journal::{Projection, ProjectionError};
use model::Event;
use model::repeater::{LinkStatus, Mode, Qso, RepeaterEvent};
use rusqlite::{Transaction, params};

use crate::recorder::REPEATER;

/// Forward only; an entry is never edited.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE repeater_calls (
        seq         INTEGER PRIMARY KEY,
        started_ms  INTEGER NOT NULL,
        mode        TEXT NOT NULL,
        source      TEXT NOT NULL,
        callsign    TEXT,
        destination TEXT,
        call        TEXT NOT NULL
    ) STRICT;
    CREATE INDEX repeater_calls_by_start ON repeater_calls (started_ms);
    CREATE INDEX repeater_calls_by_mode ON repeater_calls (mode, seq);
    CREATE INDEX repeater_calls_by_callsign ON repeater_calls (callsign, seq) WHERE callsign IS NOT NULL;
    CREATE INDEX repeater_calls_by_destination ON repeater_calls (destination, seq) WHERE destination IS NOT NULL;

    CREATE TABLE repeater_last_heard (
        station TEXT PRIMARY KEY,
        seq     INTEGER NOT NULL,
        at_ms   INTEGER NOT NULL,
        calls   INTEGER NOT NULL,
        call    TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX repeater_last_heard_by_seq ON repeater_last_heard (seq);

    CREATE TABLE repeater_links (
        link   TEXT PRIMARY KEY,
        seq    INTEGER NOT NULL,
        status TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
"];

/// Calls, who was heard last, links.
#[derive(Clone, Copy, Debug, Default)]
pub struct RepeaterProjection;

impl Projection for RepeaterProjection {
    fn name(&self) -> &'static str {
        REPEATER
    }

    fn migrations(&self) -> &'static [&'static str] {
        MIGRATIONS
    }

    fn apply(&mut self, tx: &Transaction<'_>, event: &Event) -> Result<(), ProjectionError> {
        if event.source.as_str() != REPEATER {
            return Ok(());
        }
        let data = event.data.get();
        if let Some(fact) = RepeaterEvent::decode(&event.event_type, data)? {
            match fact {
                RepeaterEvent::QsoStarted(qso) => heard(tx, event, &qso, false)?,
                RepeaterEvent::QsoEnded(qso) => {
                    ended(tx, event, &qso)?;
                    heard(tx, event, &qso, true)?;
                }
                RepeaterEvent::LinkChanged(link) => linked(tx, event, LinkStatus { link, since: event.at })?,
                RepeaterEvent::QsoUpdated(_)
                | RepeaterEvent::ModeChanged(_)
                | RepeaterEvent::AccessDenied(_)
                | RepeaterEvent::HostChanged(_)
                | RepeaterEvent::HostConfigured(_)
                | RepeaterEvent::ModemChanged(_)
                | RepeaterEvent::Fault(_)
                | RepeaterEvent::Signalling(_)
                | RepeaterEvent::Position(_)
                | RepeaterEvent::Page(_)
                | RepeaterEvent::PagesSent(_)
                | RepeaterEvent::Packet(_)
                | RepeaterEvent::RemoteCommand(_)
                | RepeaterEvent::CallsHidden(_) => {}
            }
        }
        Ok(())
    }
}

fn ended(tx: &Transaction<'_>, event: &Event, qso: &Qso) -> Result<(), ProjectionError> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO repeater_calls (seq, started_ms, mode, source, callsign, destination, call)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    insert.execute(params![
        seq(event),
        qso.started_at.unix_ms(),
        qso.mode.as_str(),
        qso.source.as_str(),
        qso.callsign,
        qso.destination,
        event.data.get(),
    ])?;
    Ok(())
}

/// A call that is running is heard already; it counts when it is over.
fn heard(tx: &Transaction<'_>, event: &Event, qso: &Qso, is_over: bool) -> Result<(), ProjectionError> {
    let Some(station) = qso.callsign.as_deref().map(|callsign| station(qso.mode, callsign)) else {
        return Ok(());
    };
    let mut upsert = tx.prepare_cached(
        "INSERT INTO repeater_last_heard (station, seq, at_ms, calls, call) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (station) DO UPDATE SET
             seq = excluded.seq, at_ms = excluded.at_ms, calls = calls + excluded.calls, call = excluded.call",
    )?;
    let at_ms = qso.ended_at.unwrap_or(qso.started_at).unix_ms();
    upsert.execute(params![
        station,
        seq(event),
        at_ms,
        i64::from(is_over),
        event.data.get()
    ])?;
    Ok(())
}

/// D-Star callsigns may have a module's letter in their last place; it is the same station.
fn station(mode: Mode, callsign: &str) -> &str {
    match mode {
        Mode::Dstar => callsign.split_once(' ').map_or(callsign, |(station, _)| station),
        Mode::Dmr | Mode::Ysf | Mode::P25 | Mode::Nxdn | Mode::M17 | Mode::Pocsag | Mode::Fm | Mode::Ax25 => callsign,
    }
}

fn linked(tx: &Transaction<'_>, event: &Event, status: LinkStatus) -> Result<(), ProjectionError> {
    let mut upsert = tx.prepare_cached(
        "INSERT INTO repeater_links (link, seq, status) VALUES (?1, ?2, ?3)
         ON CONFLICT (link) DO UPDATE SET seq = excluded.seq, status = excluded.status",
    )?;
    upsert.execute(params![status.link.link, seq(event), serde_json::to_string(&status)?])?;
    Ok(())
}

fn seq(event: &Event) -> i64 {
    i64::try_from(event.seq.0).unwrap_or(i64::MAX)
}
