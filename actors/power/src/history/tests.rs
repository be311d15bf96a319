//! The history over virtual years, in a file of its own.

use journal::Projection;
use model::power::{MINUTE_READINGS, MinuteReadings, ReadingRole, Rollup};
use model::{Event, Seq, Source, Timestamp};
use rusqlite::Connection;
use serde_json::value::RawValue;

use super::*;

/// 2026-11-01T00:00:00Z.
const START_S: i64 = 1_793_491_200;

struct Book {
    connection: Connection,
    seq: u64,
}

impl Book {
    fn new() -> Book {
        let connection = Connection::open_in_memory().unwrap();
        for migration in PowerHistory.migrations() {
            connection.execute_batch(migration).unwrap();
        }
        Book { connection, seq: 0 }
    }

    fn apply(&mut self, device: &str, minute_s: i64, readings: &[(&str, Rollup)]) {
        let minute = MinuteReadings {
            minute: Timestamp::from_unix_ms(minute_s * 1000),
            readings: readings
                .iter()
                .map(|(name, rollup)| ((*name).to_owned(), rollup.clone()))
                .collect(),
        };
        self.seq += 1;
        let event = Event {
            seq: Seq(self.seq),
            at: minute.minute,
            source: Source::new(&format!("power.{device}")),
            event_type: MINUTE_READINGS.into(),
            data: RawValue::from_string(serde_json::to_string(&minute).unwrap())
                .unwrap()
                .into(),
        };
        let tx = self.connection.transaction().unwrap();
        PowerHistory.apply(&tx, &event).unwrap();
        tx.commit().unwrap();
    }

    fn series(&self, names: &[&str], from_s: i64, to_s: i64, step: Step) -> Vec<Series> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        series(&self.connection, "inverter", &names, Asked { from_s, to_s, step }).unwrap()
    }

    fn rows(&self, step: Step) -> i64 {
        let count = "SELECT count(*) FROM power_history WHERE step_s = ?1";
        self.connection
            .query_row(count, [step.seconds()], |row| row.get(0))
            .unwrap()
    }
}

fn watts(role: ReadingRole, mean: f64) -> Rollup {
    Rollup {
        unit: "W".to_owned(),
        role,
        count: 30,
        min: mean - 10.0,
        mean,
        max: mean + 10.0,
        energy_wh: Some(mean / 60.0),
    }
}

#[test]
fn minutes_add_up_to_quarters_and_days() {
    let mut book = Book::new();
    for minute in 0..2880_i64 {
        let mean = if minute % 2 == 0 { 100.0 } else { 300.0 };
        book.apply(
            "inverter",
            START_S + minute * 60,
            &[("pv", watts(ReadingRole::SolarPower, mean))],
        );
    }
    let day = book.series(&["pv"], START_S, START_S + 2 * DAY_S, Step::Day);
    let [pv] = day.as_slice() else { panic!("{day:?}") };
    assert_eq!(pv.points.len(), 2);
    let (at, min, mean, max) = pv.points[1];
    assert_eq!((at, min, max), ((START_S + DAY_S) * 1000, 90.0, 310.0));
    assert!((mean - 200.0).abs() < 0.1, "{mean}");
    assert!((pv.energy_wh.unwrap() - 9600.0).abs() < 2.0, "{pv:?}");
    for (step, points) in [(Step::Minute, 60), (Step::Quarter, 4)] {
        let hour = book.series(&[], START_S + 3600, START_S + 7200, step);
        assert_eq!(hour[0].points.len(), points, "{step:?}");
        assert!((hour[0].energy_wh.unwrap() - 200.0).abs() < 0.1, "{step:?}");
    }
}

#[test]
fn minute_that_the_clock_brings_twice_has_both_halves() {
    let mut book = Book::new();
    for mean in [100.0, 300.0] {
        book.apply("inverter", START_S, &[("pv", watts(ReadingRole::SolarPower, mean))]);
    }
    let found = book.series(&["pv"], START_S, START_S + 60, Step::Minute);
    assert_eq!(found[0].points, [(START_S * 1000, 90.0, 200.0, 310.0)]);
    assert!((found[0].energy_wh.unwrap() - 400.0 / 60.0).abs() < 0.01);
}

#[test]
fn minutes_go_after_a_month_and_days_stay() {
    let mut book = Book::new();
    let reading = [("pv", watts(ReadingRole::SolarPower, 100.0))];
    for hour in 0..24 * 40_i64 {
        book.apply("inverter", START_S + hour * 3600, &reading);
    }
    assert_eq!((book.rows(Step::Minute), book.rows(Step::Day)), (24 * 30 + 1, 40));
    for day in 40..800_i64 {
        for _ in 0..2 {
            book.apply("inverter", START_S + day * DAY_S, &reading);
        }
    }
    assert_eq!((book.rows(Step::Minute), book.rows(Step::Day)), (31, 800));
    let oldest = "SELECT min(begin_s) FROM power_history WHERE step_s = 900";
    let oldest: i64 = book.connection.query_row(oldest, [], |row| row.get(0)).unwrap();
    assert!(oldest >= START_S + 20 * DAY_S, "quarters go after two years");
}

#[test]
fn clock_that_runs_ahead_for_a_minute_takes_little_of_the_history() {
    let mut book = Book::new();
    let reading = [("pv", watts(ReadingRole::SolarPower, 100.0))];
    for minute in 0..600_i64 {
        book.apply("inverter", START_S + minute * 60, &reading);
    }
    book.apply("inverter", START_S + 5 * 366 * DAY_S, &reading);
    assert_eq!(book.rows(Step::Minute), 597);
}

#[test]
fn energy_of_a_day_is_that_of_the_device_without_its_units() {
    let mut book = Book::new();
    let readings = [
        ("ac_output_active_power", watts(ReadingRole::LoadPower, 600.0)),
        ("pv1_charging_power", watts(ReadingRole::SolarPower, 60.0)),
        ("pv2_charging_power", watts(ReadingRole::SolarPower, 120.0)),
        ("unit_0_ac_output_active_power", watts(ReadingRole::LoadPower, 600.0)),
    ];
    book.apply("inverter", START_S, &readings);
    book.apply("other", START_S, &readings);
    let at = |s: i64| Timestamp::from_unix_ms((START_S + s) * 1000);
    let days = energy(&book.connection, "inverter", at(3600), at(DAY_S)).unwrap();
    let expected = EnergyOfDay {
        day: "2026-11-01".to_owned(),
        solar_wh: Some(3.0),
        load_wh: Some(10.0),
    };
    assert_eq!(days, [expected]);
}

#[test]
fn year_of_a_device_is_small() {
    let mut book = Book::new();
    let names: Vec<String> = (0..22).map(|n| format!("reading_{n}")).collect();
    for minute in 0..1440_i64 {
        let wave = f64::from(i32::try_from(minute).unwrap()).sin();
        let reading = |n: usize| Rollup {
            unit: "V".to_owned(),
            role: ReadingRole::OutputVoltage,
            count: 30,
            min: 230.0 + wave,
            mean: 230.4 + wave,
            max: 231.0 + wave,
            energy_wh: (n < 2).then_some(5.4 + wave),
        };
        let readings: Vec<(&str, Rollup)> = names
            .iter()
            .enumerate()
            .map(|(n, name)| (name.as_str(), reading(n)))
            .collect();
        book.apply("inverter", START_S + minute * 60, &readings);
    }
    let bytes = |step: Step| -> i64 {
        let sum = "SELECT sum(length(points)) / count(*) FROM power_history WHERE step_s = ?1";
        book.connection
            .query_row(sum, [step.seconds()], |row| row.get(0))
            .unwrap()
    };
    let pages = "SELECT sum(pgsize) FROM dbstat WHERE name = 'power_history'";
    let file: i64 = book.connection.query_row(pages, [], |row| row.get(0)).unwrap_or(0);
    assert!(bytes(Step::Minute) < 210 && bytes(Step::Day) < 260);
    // Thirty days of minutes and two years of quarters are 28 MB.
    assert!(file < 400 * 1024, "{file} bytes a day");
}

#[test]
fn window_is_as_fine_as_it_fits_and_is_kept() {
    let now = Timestamp::from_unix_ms((START_S + 1000 * DAY_S) * 1000);
    let ago = |s: i64| Timestamp::from_unix_ms(now.unix_ms() - s * 1000);
    let step = |from: i64, to: i64| Asked::new(ago(from), ago(to), None, now).map(|asked| asked.step);
    assert_eq!(step(3600, 0), Ok(Step::Minute));
    assert_eq!(step(120_000, 0), Ok(Step::Minute));
    assert_eq!(step(3 * DAY_S, 0), Ok(Step::Quarter));
    assert_eq!(
        step(60 * DAY_S, 59 * DAY_S),
        Ok(Step::Quarter),
        "minutes are gone by then"
    );
    assert_eq!(step(365 * DAY_S, 0), Ok(Step::Day));
    assert_eq!(step(900 * DAY_S, 899 * DAY_S), Ok(Step::Day));
    assert_eq!(step(0, 3600), Err(Refused::Backwards));
    assert_eq!(step(3000 * DAY_S, 0), Err(Refused::TooLong(3000)));
    let fine = Asked::new(ago(3 * DAY_S), now, Some(Step::Minute), now);
    assert_eq!(fine, Err(Refused::TooLong(4320)));
}
