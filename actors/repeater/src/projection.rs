//! The tables that the repeater's questions are answered from, filled from its events inside the journal's
//! transaction.
//!
//! A call is one row, at its end, under the position of that event. Documents are kept as they were written, beside
//! the columns that are searched.

use std::time::Duration;

use journal::{Projection, ProjectionError};
use model::Event;
use model::repeater::{LinkStatus, Mode, Qso, RepeaterEvent};
use rusqlite::{Transaction, params};

use crate::recorder::REPEATER;

/// Longest believable call without a printed length. Hosts end a call after minutes.
const LONGEST_UNPRINTED: Duration = Duration::from_secs(3600);

/// Forward only; an entry is never edited.
const MIGRATIONS: &[&str] = &[
    "
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
",
    "
    -- The figures of a call, for statistics. They are read out of the kept documents, because events may be gone by now.
    ALTER TABLE repeater_calls ADD COLUMN talk_s REAL NOT NULL DEFAULT 0.0;
    ALTER TABLE repeater_calls ADD COLUMN ber_percent REAL;
    ALTER TABLE repeater_calls ADD COLUMN loss_percent REAL;
    ALTER TABLE repeater_calls ADD COLUMN rssi_dbm INTEGER;
    UPDATE repeater_calls SET
        talk_s = coalesce(
            call ->> '$.duration_s',
            min(max(unixepoch(call ->> '$.ended_at', 'subsec') - started_ms / 1000.0, 0.0), 3600.0),
            0.0),
        ber_percent = call ->> '$.ber_percent',
        loss_percent = call ->> '$.loss_percent',
        rssi_dbm = call ->> '$.rssi_dbm.avg';
    -- Everything that statistics ask for, so that they never touch the documents.
    DROP INDEX repeater_calls_by_start;
    CREATE INDEX repeater_calls_by_start ON repeater_calls
        (started_ms, mode, source, callsign, destination, talk_s, ber_percent, loss_percent, rssi_dbm);
",
];

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
        if !event.source.matches(REPEATER) {
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
                | RepeaterEvent::CallsHidden(_)
                | RepeaterEvent::LineSetAside(_)
                | RepeaterEvent::RecordsSetAside(_) => {}
            }
        }
        Ok(())
    }
}

fn ended(tx: &Transaction<'_>, event: &Event, qso: &Qso) -> Result<(), ProjectionError> {
    let mut insert = tx.prepare_cached(
        "INSERT INTO repeater_calls (seq, started_ms, mode, source, callsign, destination, call,
             talk_s, ber_percent, loss_percent, rssi_dbm)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    insert.execute(params![
        seq(event),
        qso.started_at.unix_ms(),
        qso.mode.as_str(),
        qso.source.as_str(),
        qso.callsign,
        qso.destination,
        event.data.get(),
        talk(qso).as_secs_f64(),
        qso.ber_percent,
        qso.loss_percent,
        qso.rssi_dbm.map(|rssi| rssi.avg),
    ])?;
    Ok(())
}

/// How long a call was: as the host printed it, or else from header to end, which a clock that was set meanwhile must not make
/// a month.
fn talk(qso: &Qso) -> Duration {
    let printed = qso
        .duration_s
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let measured = || {
        qso.ended_at
            .map(|ended_at| ended_at.since(qso.started_at).min(LONGEST_UNPRINTED))
    };
    printed.or_else(measured).unwrap_or_default()
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

/// The station's own host has its links under their names, another host behind its own.
fn linked(tx: &Transaction<'_>, event: &Event, status: LinkStatus) -> Result<(), ProjectionError> {
    let link = match event.source.as_str() {
        REPEATER => status.link.link.clone(),
        other => format!("{other}/{}", status.link.link),
    };
    let mut upsert = tx.prepare_cached(
        "INSERT INTO repeater_links (link, seq, status) VALUES (?1, ?2, ?3)
         ON CONFLICT (link) DO UPDATE SET seq = excluded.seq, status = excluded.status",
    )?;
    upsert.execute(params![link, seq(event), serde_json::to_string(&status)?])?;
    Ok(())
}

fn seq(event: &Event) -> i64 {
    i64::try_from(event.seq.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Seq, Timestamp};
    use rusqlite::Connection;
    use serde_json::value::RawValue;

    use super::*;

    fn ended(started_at: &str, ended_at: &str, duration_s: &str) -> Event {
        let call = format!(
            r#"{{"mode":"dmr","slot":1,"source":"rf","kind":"voice","callsign":"G4KLX","callsign_suffix":null,"destination":"9",
            "destination_kind":"group","via":null,"started_at":{started_at},"ended_at":{ended_at},"duration_s":{duration_s},
            "ber_percent":0.5,"loss_percent":3,"rssi_dbm":{{"min":-90,"max":-70,"avg":-80}},"end_reason":"end",
            "late_entry":false,"talker_alias":null}}"#
        );
        Event {
            seq: Seq(1),
            at: Timestamp::from_unix_ms(0),
            source: model::Source::new(REPEATER),
            event_type: "qso_ended".into(),
            data: Arc::from(RawValue::from_string(call).unwrap()),
        }
    }

    fn figures(connection: &Connection) -> (f64, f64, f64, i64) {
        let select = "SELECT talk_s, ber_percent, loss_percent, rssi_dbm FROM repeater_calls";
        let figures = connection.query_row(select, [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        });
        figures.unwrap()
    }

    #[test]
    fn figures_of_an_old_call_are_those_that_it_would_have_today() {
        let midnight = "\"2026-11-21T00:00:00.000Z\"";
        for (started_at, ended_at, duration_s, talk_s) in [
            (midnight, "\"2026-11-21T00:00:09.000Z\"", "1.2", 1.2),
            (midnight, "\"2026-11-21T00:00:02.500Z\"", "null", 2.5),
            ("\"1970-01-01T00:00:00.000Z\"", midnight, "null", 3600.0),
            (midnight, "\"1970-01-01T00:00:00.000Z\"", "null", 0.0),
            (midnight, "null", "null", 0.0),
        ] {
            let event = ended(started_at, ended_at, duration_s);
            let call: Qso = event.decode().unwrap();
            let (first, later) = MIGRATIONS.split_first().unwrap();
            let old = Connection::open_in_memory().unwrap();
            old.execute_batch(first).unwrap();
            let insert =
                "INSERT INTO repeater_calls (seq, started_ms, mode, source, call) VALUES (1, ?1, 'dmr', 'rf', ?2)";
            old.execute(insert, params![call.started_at.unix_ms(), event.data.get()])
                .unwrap();
            let mut new = Connection::open_in_memory().unwrap();
            new.execute_batch(first).unwrap();
            for migration in later {
                old.execute_batch(migration).unwrap();
                new.execute_batch(migration).unwrap();
            }
            let tx = new.transaction().unwrap();
            RepeaterProjection.apply(&tx, &event).unwrap();
            tx.commit().unwrap();

            let (old, new) = (figures(&old), figures(&new));
            assert!(
                (old.0 - talk_s).abs() < 0.001 && (new.0 - talk_s).abs() < 0.001,
                "{old:?}, {new:?}"
            );
            assert_eq!((old.1, old.2, old.3), (new.1, new.2, new.3));
            assert_eq!((new.1, new.2, new.3), (0.5, 3.0, -80));
        }
    }
}
