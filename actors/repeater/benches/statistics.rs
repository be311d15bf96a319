//! A year of a very busy repeater added up: a million calls, one in half a minute.

use criterion::{Criterion, criterion_group, criterion_main};
use journal::Projection;
use model::Timestamp;
use rusqlite::{Connection, params};
use stationd_repeater::RepeaterProjection;
use stationd_repeater::statistics::{By, QualityFilter, Window, quality, statistics};

const CALLS: i64 = 1_000_000;

/// 2025-11-21.
const BEGIN: i64 = 1_763_683_200_000;
const DAY_MS: i64 = 86_400_000;
const YEAR_MS: i64 = 366 * DAY_MS;

/// The tables in a file, as the journal has them, with calls of 20,000 stations to 40 talkgroups.
fn year() -> rusqlite::Result<(tempfile::TempDir, Connection)> {
    let directory = tempfile::tempdir().map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let connection = Connection::open(directory.path().join("calls.db"))?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; BEGIN")?;
    for migration in RepeaterProjection.migrations() {
        connection.execute_batch(migration)?;
    }
    let mut insert = connection.prepare(
        "INSERT INTO repeater_calls (seq, started_ms, mode, source, callsign, destination, call, talk_s, ber_percent, rssi_dbm)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, '{}', ?7, 0.5, -80)",
    )?;
    for number in 0..CALLS {
        let mode = if number % 3 == 0 { "ysf" } else { "dmr" };
        let source = if number % 2 == 0 { "rf" } else { "network" };
        let caller = format!("M{}ABC", number.wrapping_mul(7919) % 20_000);
        let talkgroup = (number % 40).to_string();
        let started_ms = BEGIN + number * (YEAR_MS / CALLS);
        let talk_s = f64::from(u8::try_from(number % 60).unwrap_or_default());
        insert.execute(params![number + 1, started_ms, mode, source, caller, talkgroup, talk_s])?;
    }
    drop(insert);
    connection.execute_batch("COMMIT")?;
    Ok((directory, connection))
}

fn a_year(c: &mut Criterion) {
    let Ok((_directory, connection)) = year() else {
        return;
    };
    let at = |ms| Timestamp::from_unix_ms(BEGIN + ms);
    let window = |length| Window {
        from: at(0),
        to: at(length),
    };
    let mut group = c.benchmark_group("a year of a million calls");
    group.sample_size(10);
    for (name, by) in [
        ("by mode", By::Mode),
        ("by callsign", By::Callsign),
        ("by destination", By::Destination),
    ] {
        group.bench_function(name, |b| b.iter(|| statistics(&connection, window(YEAR_MS), by, 100)));
    }
    group.bench_function("six weeks by hour", |b| {
        b.iter(|| statistics(&connection, window(41 * DAY_MS), By::Hour, 1000))
    });
    group.bench_function("quality by the day", |b| {
        b.iter(|| quality(&connection, window(YEAR_MS), DAY_MS, &QualityFilter::default()));
    });
    group.finish();
}

criterion_group!(benches, a_year);
criterion_main!(benches);
