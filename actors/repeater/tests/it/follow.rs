//! Real files, the real journal, the real supervisor: what is appended to the log is in the journal, once.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use journal::{Delivery, EventFilter, EventQuery, Journal, JournalConfig, Synchronous};
use kernel::{ChildPath, Supervision, SupervisorSpec};
use model::repeater::{HostMode, Mode, Qso};
use model::{Seq, Signal};
use stationd_repeater::query::{self, CallQuery};
use stationd_repeater::{GetState, RepeaterConfig};
use tempfile::TempDir;
use tokio::time::timeout;

/// Longest wait for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);
pub(crate) const TODAY: &str = "MMDVM-2026-11-21.log";

/// A directory for the log and the journal; stations come and go in it.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Place {
        let place = Place(TempDir::new().unwrap());
        fs::create_dir(place.logs()).unwrap();
        place
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.0.path().join("log")
    }

    pub(crate) fn config(&self) -> RepeaterConfig {
        RepeaterConfig {
            log_directory: self.logs(),
            ..RepeaterConfig::default()
        }
    }

    pub(crate) fn log(&self, name: &str) -> File {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.logs().join(name))
            .unwrap()
    }

    pub(crate) fn launch(&self) -> Station {
        self.launch_with(&self.config())
    }

    pub(crate) fn launch_with(&self, repeater: &RepeaterConfig) -> Station {
        let config = JournalConfig {
            path: self.0.path().join("journal.db"),
            synchronous: Synchronous::Normal,
            ..JournalConfig::default()
        };
        let (journal, writer) = Journal::open(&config, stationd_repeater::projections()).unwrap();
        let group = stationd_repeater::children(repeater, &journal);
        let supervision = kernel::launch(SupervisorSpec::new("root").child(writer).child(group)).unwrap();
        Station { journal, supervision }
    }
}

pub(crate) struct Station {
    pub(crate) journal: Journal,
    pub(crate) supervision: Supervision,
}

impl Station {
    /// The first `count` events of a type.
    pub(crate) async fn events(&self, event_type: &str, count: usize) -> Vec<Qso> {
        let filter = EventFilter {
            sources: Vec::new(),
            types: vec![event_type.to_owned()],
        };
        let mut subscription = self.journal.subscribe(Some(Seq::ZERO), filter);
        let mut found = Vec::new();
        while found.len() < count {
            match timeout(LIMIT, subscription.next()).await {
                Ok(Delivery::Event(event)) => found.push(event.decode::<Qso>().unwrap()),
                Ok(Delivery::Lagged { .. }) => {}
                Err(_) => panic!("{event_type}: {} of {count} came", found.len()),
            }
        }
        found
    }

    pub(crate) async fn callers(&self, count: usize) -> Vec<String> {
        let calls = self.events("qso_ended", count).await;
        calls.into_iter().map(|qso| qso.callsign.unwrap()).collect()
    }

    pub(crate) fn events_now(&self, event_type: &str) -> usize {
        let mut query = EventQuery {
            limit: 10_000,
            ..EventQuery::default()
        };
        query.filter.types.push(event_type.to_owned());
        self.journal.events(&query).unwrap().len()
    }

    /// Waits until the log tail says that it is where it should be.
    pub(crate) async fn progress(&self, wanted: impl Fn(&serde_json::Value) -> bool) {
        let mut changes = self.journal.signals().subscribe();
        let there = |signals: Vec<Signal>| {
            let mut progress = signals
                .iter()
                .filter(|signal| signal.source.as_str() == "repeater.log_tail");
            progress.any(|signal| wanted(&serde_json::from_str(signal.data.get()).unwrap()))
        };
        let mut signals = self.journal.signals().snapshot("repeater.log_tail");
        while !there(signals) {
            signals = timeout(LIMIT, changes.changed()).await.unwrap();
        }
    }

    pub(crate) async fn restart(&self, path: &str) {
        let path: ChildPath = path.parse().unwrap();
        timeout(LIMIT, self.supervision.restart(&path)).await.unwrap().unwrap();
    }

    pub(crate) async fn shutdown(self) {
        self.supervision.shutdown(LIMIT).await;
    }
}

pub(crate) fn header(callsign: &str, second: u32) -> String {
    let at = clock(second);
    format!("M: 2026-11-21 {at}.000 DMR Slot 2, received network voice header from {callsign} to TG 9\n")
}

pub(crate) fn end(callsign: &str, second: u32) -> String {
    let at = clock(second);
    format!(
        "M: 2026-11-21 {at}.500 DMR Slot 2, received network end of voice transmission from {callsign} to TG 9, 1.2 seconds, \
         0% packet loss, BER: 0.0%\n"
    )
}

fn clock(second: u32) -> String {
    format!("{:02}:{:02}:{:02}", 6 + second / 3600, second / 60 % 60, second % 60)
}

pub(crate) fn call(callsign: &str, second: u32) -> String {
    header(callsign, second) + &end(callsign, second + 1)
}

fn numbered(count: u32) -> Vec<String> {
    (0..count).map(|number| format!("M0{number:04}")).collect()
}

#[tokio::test]
async fn appended_line_becomes_a_journal_event() {
    let place = Place::new();
    let mut log = place.log(TODAY);
    let station = place.launch();
    log.write_all(header("G4KLX", 0).as_bytes()).unwrap();
    let started = station.events("qso_started", 1).await;
    assert_eq!(started[0].destination.as_deref(), Some("9"));
    let state = stationd_repeater::current_state(&station.journal);
    assert!(state.is_none_or(|state| state.active_calls.len() <= 1));
    log.write_all(end("G4KLX", 1).as_bytes()).unwrap();
    assert_eq!(station.events("qso_ended", 1).await[0].duration_s, Some(1.2));
    station.shutdown().await;
}

#[tokio::test]
async fn tables_answer_what_the_events_told() {
    let place = Place::new();
    let dstar = "M: 2026-11-21 07:00:00.000 D-Star, received network end of transmission from M0ABC  D/51   to CQCQCQ  , 1.8 seconds, 4% packet loss\n";
    let link = "M: 2026-11-21 07:00:00.000 D-Star link status set to \"Linked to REF001 C  \"\n";
    let calls = call("G4KLX", 0) + &call("M0ABC", 5) + &call("G4KLX", 9);
    let text = calls + dstar + link;
    place.log(TODAY).write_all(text.as_bytes()).unwrap();
    let station = place.launch();
    station.events("qso_ended", 4).await;
    let journal = &station.journal;
    let ask = |query: CallQuery| journal.read(|connection| query::calls(connection, &query)).unwrap();

    let all = ask(CallQuery {
        limit: 10,
        ..CallQuery::default()
    });
    assert_eq!(
        all.iter().map(|call| call.qso.mode).collect::<Vec<_>>(),
        [Mode::Dstar, Mode::Dmr, Mode::Dmr, Mode::Dmr]
    );
    let older = ask(CallQuery {
        before: Some(all[1].seq),
        limit: 10,
        ..CallQuery::default()
    });
    assert_eq!(older, all[2..]);
    let of_klx = ask(CallQuery {
        callsign: Some("G4KLX".to_owned()),
        limit: 10,
        ..CallQuery::default()
    });
    assert_eq!(of_klx.len(), 2);
    let narrow = CallQuery {
        mode: Some(Mode::Dmr),
        destination: Some("9".to_owned()),
        from: Some(all[1].qso.started_at),
        limit: 10,
        ..CallQuery::default()
    };
    assert_eq!(ask(narrow), all[1..2]);
    let found = journal.read(|connection| query::call(connection, all[0].seq)).unwrap();
    assert_eq!(found.as_ref(), Some(&all[0]));

    let heard = journal.read(|connection| query::last_heard(connection, 10)).unwrap();
    let heard: Vec<_> = heard
        .iter()
        .map(|heard| (heard.last.callsign.as_deref().unwrap(), heard.calls))
        .collect();
    assert_eq!(heard, [("M0ABC  D", 2), ("G4KLX", 2)]);
    let deadline = std::time::Instant::now() + LIMIT;
    while journal.read(query::links).unwrap().is_empty() {
        assert!(std::time::Instant::now() < deadline, "no link came");
        tokio::task::yield_now().await;
    }
    station.shutdown().await;
}

#[tokio::test]
async fn restarts_in_the_middle_lose_and_double_nothing() {
    const CALLS: u32 = 600;
    let place = Place::new();
    let mut log = place.log(TODAY);
    let station = place.launch();
    station.supervision.booted().await.unwrap();
    let callers = numbered(CALLS);
    for (number, part) in callers.chunks(60).enumerate() {
        for (place, callsign) in part.iter().enumerate() {
            let second = u32::try_from(number * 60 + place).unwrap() * 3;
            log.write_all(call(callsign, second).as_bytes()).unwrap();
        }
        let path = [
            "repeater/parser",
            "repeater/log-tail",
            "repeater/state-machine",
            "journal",
        ][number % 4];
        station.restart(path).await;
    }
    let wanted = callers.len();
    assert_eq!(station.callers(wanted).await, callers);
    assert_eq!(station.events_now("qso_ended"), wanted);
    assert_eq!(station.events_now("qso_started"), wanted);
    station.shutdown().await;
}

#[tokio::test]
async fn stopped_station_goes_on_where_it_was() {
    let place = Place::new();
    let mut log = place.log(TODAY);
    log.write_all((call("G4KLX", 0) + &header("M0ABC", 5)).as_bytes())
        .unwrap();
    let station = place.launch();
    station.events("qso_started", 2).await;
    station.shutdown().await;

    log.write_all((end("M0ABC", 6) + &call("F4ABC", 9)).as_bytes()).unwrap();
    let station = place.launch();
    assert_eq!(station.callers(3).await, ["G4KLX", "M0ABC", "F4ABC"]);
    assert_eq!(station.events_now("qso_started"), 3);
    station.shutdown().await;
}

#[tokio::test]
async fn call_over_midnight_is_followed_into_the_next_file() {
    let place = Place::new();
    let mut monday = place.log(TODAY);
    let station = place.launch();
    monday.write_all(header("G4KLX", 3).as_bytes()).unwrap();
    station.events("qso_started", 1).await;
    // The last line of the day comes while the new file is there already.
    let mut tuesday = place.log("MMDVM-2026-11-22.log");
    tuesday.write_all(call("F4ABC", 9).as_bytes()).unwrap();
    drop(monday);
    assert_eq!(station.callers(2).await, ["G4KLX", "F4ABC"]);
    station.shutdown().await;
}

#[tokio::test]
async fn partial_line_waits_for_its_end() {
    let place = Place::new();
    let mut log = place.log(TODAY);
    let station = place.launch();
    let end = end("G4KLX", 1);
    let (head, tail) = end.split_at(70);
    let header = header("G4KLX", 0);
    log.write_all(header.as_bytes()).unwrap();
    station.progress(|progress| progress["offset"] == header.len()).await;
    log.write_all(head.as_bytes()).unwrap();
    station
        .progress(|progress| progress["behind_bytes"] == head.len())
        .await;
    log.write_all(tail.as_bytes()).unwrap();
    let ended = station.events("qso_ended", 1).await;
    assert_eq!(
        (ended[0].callsign.as_deref(), ended[0].duration_s),
        (Some("G4KLX"), Some(1.2))
    );
    station.shutdown().await;
}

#[tokio::test]
async fn line_without_end_does_not_stop_the_reader() {
    let place = Place::new();
    let mut log = place.log(TODAY);
    log.write_all(call("G4KLX", 0).as_bytes()).unwrap();
    log.write_all(&vec![b'x'; 200_000]).unwrap();
    let station = place.launch();
    station.callers(1).await;
    log.write_all(b"xxx\n").unwrap();
    log.write_all(call("F4ABC", 9).as_bytes()).unwrap();
    assert_eq!(station.callers(2).await, ["G4KLX", "F4ABC"]);
    station.shutdown().await;
}

#[tokio::test]
async fn emptied_log_is_read_from_its_start() {
    let place = Place::new();
    let mut log = place.log(TODAY);
    log.write_all((call("G4KLX", 0) + &call("M0ABC", 4)).as_bytes())
        .unwrap();
    let station = place.launch();
    station.callers(2).await;
    log.set_len(0).unwrap();
    log.write_all(call("F4ABC", 9).as_bytes()).unwrap();
    assert_eq!(station.callers(3).await, ["G4KLX", "M0ABC", "F4ABC"]);
    station.shutdown().await;
}

#[tokio::test]
async fn directory_may_appear_later() {
    let place = Place::new();
    fs::remove_dir(place.logs()).unwrap();
    let station = place.launch();
    station.supervision.booted().await.unwrap();
    fs::create_dir(place.logs()).unwrap();
    place.log(TODAY).write_all(call("G4KLX", 0).as_bytes()).unwrap();
    assert_eq!(station.callers(1).await, ["G4KLX"]);
    station.shutdown().await;
}

#[tokio::test]
async fn call_without_an_end_times_out_though_the_log_says_nothing_more() {
    let place = Place::new();
    let mut log = place.log(TODAY);
    let station = place.launch();
    let idle = "M: 2026-11-21 06:00:02.000 Mode set to Idle\n";
    log.write_all((header("G4KLX", 0) + idle).as_bytes()).unwrap();
    let ended = station.events("qso_ended", 1).await;
    assert_eq!(ended[0].ended_at.unwrap().to_string(), "2026-11-21T06:00:02.000Z");
    station.shutdown().await;
}

#[tokio::test]
async fn state_is_told_by_the_actor_and_by_the_board() {
    let place = Place::new();
    let config = JournalConfig {
        path: place.0.path().join("journal.db"),
        ..JournalConfig::default()
    };
    let (journal, writer) = Journal::open(&config, stationd_repeater::projections()).unwrap();
    let (group, state_machine) = stationd_repeater::group(&place.config(), &journal);
    let supervision = kernel::launch(SupervisorSpec::new("root").child(writer).child(group)).unwrap();
    let station = Station { journal, supervision };
    place.log(TODAY).write_all(header("G4KLX", 0).as_bytes()).unwrap();
    station.events("qso_started", 1).await;
    let deadline = std::time::Instant::now() + LIMIT;
    let state = loop {
        let state = state_machine.ask(GetState, LIMIT).await.unwrap();
        if state.mode == HostMode::Busy(Mode::Dmr) {
            break state;
        }
        assert!(std::time::Instant::now() < deadline, "the state does not change");
        tokio::task::yield_now().await;
    };
    assert_eq!(state.active_calls[0].callsign.as_deref(), Some("G4KLX"));
    assert_eq!(stationd_repeater::current_state(&station.journal), Some(state));
    station.shutdown().await;
}

#[tokio::test]
async fn disabled_repeater_is_shown_and_does_nothing() {
    let place = Place::new();
    place.log(TODAY).write_all(call("G4KLX", 0).as_bytes()).unwrap();
    let config = JournalConfig {
        path: place.0.path().join("journal.db"),
        ..JournalConfig::default()
    };
    let (journal, writer) = Journal::open(&config, stationd_repeater::projections()).unwrap();
    let off = RepeaterConfig {
        enabled: false,
        ..place.config()
    };
    let group = stationd_repeater::children(&off, &journal);
    let supervision = kernel::launch(SupervisorSpec::new("root").child(writer).child(group)).unwrap();
    supervision.booted().await.unwrap();
    assert_eq!(journal.head(), Seq::ZERO);
    assert!(stationd_repeater::current_state(&journal).is_none());
    supervision.shutdown(LIMIT).await;
}

#[tokio::test]
async fn record_forged_through_text_is_not_believed_by_a_reader_that_was_started_anew() {
    let place = Place::new();
    let mut log = place.log(TODAY);
    let station = place.launch();
    let open = header("G4KLX", 0) + "M: 2026-11-21 06:00:01.000 M17, text Data: \"hi\n";
    log.write_all(open.as_bytes()).unwrap();
    station.progress(|progress| progress["offset"] == open.len()).await;
    station.restart("repeater/parser").await;

    let forged = "M: 2026-11-21 06:00:01.500 Mode set to Error\n73\"\n".to_owned() + &end("G4KLX", 2);
    log.write_all(forged.as_bytes()).unwrap();
    station.events("qso_ended", 1).await;
    let query = EventQuery {
        limit: 100,
        ..EventQuery::default()
    };
    let told = station.journal.events(&query).unwrap();
    let believed = told.iter().find(|event| event.data.get().contains("\"error\""));
    assert!(believed.is_none(), "{believed:?}");
    station.shutdown().await;
}
