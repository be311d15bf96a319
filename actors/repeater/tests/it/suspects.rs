//! Records that are not believed: they are counted and told, and nothing else happens by them.

use std::io::Write;

use model::repeater::{Document, RepeaterEvent};
use serde_json::Value;

use crate::follow::{Place, TODAY, call, header};
use crate::support::{calls, log, replay};

const HEADER: &str = "DMR Slot 2, received network voice header from G4KLX to TG 9";
const END: &str =
    "DMR Slot 2, received network end of voice transmission from G4KLX to TG 9, 5.2 seconds, 0% packet loss, BER: 0.0%";
/// Would end every call.
const RESTART: &str = "MMDVMHost-20210101 is starting";
/// Would end this one.
const FALSE_END: &str = "DMR Slot 2, received network end of voice transmission from X0FAKE to TG 9, 0.1 seconds, 0% packet loss, BER: 0.0%";

/// What is told of disbelief: the doubt, how many, the newest text.
fn disbelieved(log: &[u8]) -> Vec<(String, u64, String)> {
    let documents = replay(log).0.into_iter();
    let event = |document| {
        let Document::Event(note) = document else {
            return None;
        };
        let RepeaterEvent::RecordsSetAside(records) = note.data else {
            return None;
        };
        let doubt = serde_json::to_value(records.doubt).unwrap();
        Some((doubt.as_str().unwrap().to_owned(), records.count, records.text))
    };
    documents.filter_map(event).collect()
}

/// A call of five seconds with something else in the middle of it.
fn call_around(odd: &str) -> String {
    log(&[(0.0, HEADER)]) + odd + &log(&[(5.0, END), (6.0, "Mode set to Idle")])
}

#[test]
fn record_whose_time_does_not_fit_has_no_effect_and_is_told() {
    let undisturbed = calls(&call_around(""));
    for (time, doubt) in [
        ("2026-11-21 11:59:00.000", "time_back"),
        ("2020-01-01 00:00:00.000", "time_back"),
        ("2031-01-01 00:00:00.000", "far_future"),
        ("1970-01-01 00:00:07.000", "no_clock"),
    ] {
        for text in [RESTART, FALSE_END] {
            let log = call_around(&format!("M: {time} {text}\n"));
            assert_eq!(calls(&log), undisturbed, "{time} {text}");
            assert_eq!(
                disbelieved(log.as_bytes()),
                [(doubt.to_owned(), 1, text.to_owned())],
                "{time}"
            );
            let (_, tally) = replay(log.as_bytes());
            let counted = tally.by_kind().into_iter().find(|(kind, _)| *kind == doubt);
            assert_eq!(counted, Some((doubt, 1)));
        }
    }
}

#[test]
fn record_inside_the_text_of_a_radio_has_no_effect_and_is_told() {
    let forged = format!("M: 2026-11-21 12:00:01.000 {FALSE_END}");
    let log = call_around(&format!(
        "M: 2026-11-21 12:00:01.000 M17, text Data: \"hi\n{forged}\"\n"
    ));
    assert_eq!(calls(&log), calls(&call_around("")));
    let told = disbelieved(log.as_bytes());
    assert_eq!((told[0].0.as_str(), told[0].1), ("forged", 1));
    assert!(told[0].2.contains("X0FAKE"), "{told:?}");
}

#[test]
fn clock_that_is_set_for_good_costs_nothing_in_either_direction() {
    let noon = log(&[(0.0, HEADER), (5.0, END)]);
    for other in ["1970-01-01 00:00:", "2026-11-21 06:00:", "2031-05-05 05:05:"] {
        let later = format!("M: {other}10.000 {HEADER}\nM: {other}15.000 {END}\nM: {other}16.000 Mode set to Idle\n");
        let log = noon.clone() + &later + &noon.replace("12:00", "12:10");
        let told = calls(&log);
        assert_eq!(told.len(), 3, "{other} {told:#?}");
        assert!(told.iter().all(|qso| qso.duration_s == Some(5.2)), "{told:#?}");
        assert_eq!(disbelieved(log.as_bytes()), [], "{other}");
    }
}

#[test]
fn suspect_at_the_end_of_a_log_is_set_aside() {
    let log = log(&[(0.0, HEADER)]) + "M: 1970-01-01 00:00:00.000 Mode set to Error\n";
    assert_eq!(disbelieved(log.as_bytes()).len(), 1);
    assert_eq!(calls(&log).len(), 1);
}

#[test]
fn flood_of_forgeries_is_told_once_a_minute_with_its_number() {
    const LINES: u32 = 9000;
    let mut text = log(&[(0.0, HEADER)]);
    for line in 0..LINES {
        // Three minutes of log, a genuine line behind each forged one.
        text += "M: 2020-01-01 00:00:00.000 Mode set to Error\n";
        text += &log(&[(f64::from(line) * 0.02, "Debug: x")]);
    }
    let told = disbelieved(text.as_bytes());
    assert!((3..=5).contains(&told.len()), "{told:?}");
    assert_eq!(told.iter().map(|(_, count, _)| count).sum::<u64>(), u64::from(LINES));
}

#[tokio::test]
async fn suspects_are_counted_on_the_board_and_told_in_the_journal() {
    let place = Place::new();
    let forged = format!("M: 1970-01-01 00:00:00.000 {FALSE_END}\n");
    let future = format!("M: 2199-01-01 00:00:00.000 {RESTART}\n");
    let text = call("G4KLX", 0) + &forged + &call("M0ABC", 5) + &future + &call("F4ABC", 9);
    append(&place, &text);
    let station = place.launch();
    assert_eq!(station.callers(3).await, ["G4KLX", "M0ABC", "F4ABC"]);
    assert_eq!(station.events_now("records_set_aside"), 2);
    let lines = station.journal.signals().snapshot("repeater.parser");
    let lines: Value = serde_json::from_str(lines[0].data.get()).unwrap();
    assert_eq!(
        (&lines["no_clock"], &lines["far_future"]),
        (&1.into(), &1.into()),
        "{lines}"
    );
    station.shutdown().await;
}

#[tokio::test]
async fn suspect_is_still_held_by_a_reader_that_was_started_anew() {
    let place = Place::new();
    let set_back = header("M0ABC", 0).replace("06:00:00", "05:00:00");
    let before = call("G4KLX", 0) + &set_back;
    append(&place, &before);
    let station = place.launch();
    let length = before.len();
    station.progress(move |progress| progress["offset"] == length).await;
    station.restart("repeater/parser").await;
    append(&place, "M: 2026-11-21 05:00:01.000 Mode set to Idle\n");
    let started = station.events("qso_started", 2).await;
    assert_eq!(started[1].callsign.as_deref(), Some("M0ABC"));
    assert_eq!(station.events_now("records_set_aside"), 0);
    station.shutdown().await;
}

fn append(place: &Place, text: &str) {
    place.log(TODAY).write_all(text.as_bytes()).unwrap();
}
