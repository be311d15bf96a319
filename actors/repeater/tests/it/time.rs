//! Time that passes between two records: how often somebody looks at the clock changes nothing that is told.

use std::time::Duration;

use proptest::prelude::*;
use stationd_repeater::grammar::{Reader, Record};
use stationd_repeater::machine::{Emitted, Machine};

use crate::properties::logs;

/// Steps a machine through a log, and meanwhile lets time pass `looks` times between two records.
fn run(log: &[u8], looks: u32) -> Vec<Emitted> {
    let mut reader = Reader::default();
    let mut records: Vec<Record<'static>> = Vec::new();
    for line in log.split(|&byte| byte == b'\n') {
        reader.read(line, |record| records.push(record.into_owned()));
    }
    let mut machine = Machine::default();
    let mut out = Vec::new();
    for record in &records {
        if let Some(heard_at) = machine.heard_at() {
            let silence = record.at.since(heard_at);
            for look in 0..looks {
                machine.advance(heard_at.plus(silence * look / looks), &mut out);
            }
        }
        machine.step(record, &mut out);
    }
    machine.finish(&mut out);
    out
}

proptest! {
    #[test]
    fn looks_at_the_clock_between_records_change_nothing_that_is_told(log in logs(), looks in 1u32..6) {
        prop_assert_eq!(run(&log, looks), run(&log, 0));
    }
}

#[test]
fn deadlines_pass_in_their_order_however_late_somebody_looks() {
    let log = b"M: 2026-11-21 06:00:00.000 NXDN, received RF header from M0ABC to TG 1\n\
        M: 2026-11-21 06:00:01.000 P25, received RF transmission from M0DEF to TG 2\n\
        M: 2026-11-21 06:00:02.000 P25, RF user has timed out\n\
        M: 2026-11-21 06:00:03.000 NXDN, RF user has timed out\n\
        M: 2026-11-21 06:10:00.000 Mode set to Idle\n";
    let silence = Duration::from_secs(597);
    let looks = u32::try_from(silence.as_secs() * 4).unwrap();
    assert_eq!(run(log, looks), run(log, 0));
}

#[test]
fn look_at_the_clock_after_a_doubt_does_not_turn_it_back() {
    let doubtful = [
        "12:00:00.000",
        "11:59:52.803",
        "11:59:55.000",
        "11:59:54.999",
        "11:59:49.998",
        "11:59:55.000",
    ];
    let later = (0..17).map(|turn| match 58 + 3 * turn {
        second @ ..60 => format!("11:59:{second}.000"),
        second => format!("12:00:{:02}.000", second - 60),
    });
    let log: String = doubtful
        .iter()
        .map(ToString::to_string)
        .chain(later)
        .map(|time| format!("M: 2026-11-21 {time} DMR Slot 2, received RF voice header from M0ABC to TG 9\n"))
        .collect();
    assert_eq!(run(log.as_bytes(), 1), run(log.as_bytes(), 0));
}
