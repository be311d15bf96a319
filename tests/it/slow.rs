//! Slow clients among good ones: whoever reads loses nothing, fast or slow, and who is slow is told so.
//! Only what is true is asserted here; how fast it is, `scripts/bench` measures with a thousand clients.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::crowd::{Calendar, Crowd, Guests, Manner, digest};
use crate::harness::{LIMIT, Stage, Station};

/// Clients that read.
const GOOD: usize = 100;

/// Clients of each other kind.
const BAD: usize = 5;

/// Calls: some megabytes for each client, far more than a socket holds.
const CALLS: usize = 1500;

/// Events of a call: its start and end, and the mode that changes with each.
const EVENTS_A_CALL: usize = 4;

const EVENTS: usize = CALLS * EVENTS_A_CALL;

/// How long all of them may take for everything.
const PATIENCE: Duration = Duration::from_secs(90);

fn wait(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not {what}");
        thread::park_timeout(Duration::from_millis(10));
    }
}

/// A client of `/stream` that reads a line at a time and dawdles: the positions it was told, and whether it lagged.
fn dawdle(address: &str) -> (Vec<u64>, bool) {
    let mut stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    write!(
        stream,
        "GET /stream?subscribe=repeater&since=0 HTTP/1.1\r\nHost: {address}\r\n\r\n"
    )
    .expect("asked");
    let (mut told, mut lagged, mut id) = (Vec::new(), false, 0);
    for line in BufReader::with_capacity(4096, stream).lines() {
        let line = line.expect("the stream goes on");
        if let Some(position) = line.strip_prefix("id: ") {
            id = position.parse().expect("a position");
            thread::park_timeout(Duration::from_micros(200));
        }
        lagged |= line == "event: lagged";
        if line == "event: event" {
            told.push(id);
        }
        if told.len() == EVENTS {
            break;
        }
    }
    (told, lagged)
}

#[test]
fn clients_among_slow_ones_and_silent_ones_get_every_event_once_and_in_order() {
    let stage = Stage::new();
    let mut log = stage.log();
    let station = Station::run_with(&stage, "STATIOND__JOURNAL__LIVE_RING", "64");
    let gather = |count, manner| {
        let guests = Guests {
            count,
            manner,
            subscribe: "repeater",
            goal: EVENTS,
        };
        Crowd::gather(&station.address, guests, &Calendar::default())
    };
    let good = gather(GOOD, Manner::Reads);
    let slow = gather(BAD, Manner::Sips(Duration::from_millis(2)));
    let never = gather(BAD, Manner::Never);
    let address = station.address.clone();
    let streams: Vec<_> = (0..BAD)
        .map(|_| {
            let address = address.clone();
            thread::spawn(move || dawdle(&address))
        })
        .collect();
    wait("seated", || good.is_seated() && slow.is_seated() && never.is_seated());

    for call in 0..CALLS {
        log.call(&format!("M{call:04}K"));
    }
    wait("told everything", || good.is_content() && slow.is_content());
    let kept = station.events("repeater");
    let kept: Vec<_> = kept
        .iter()
        .map(|event| event["seq"].as_u64().expect("a position"))
        .collect();
    assert_eq!(kept.len(), EVENTS);
    let wanted = kept.iter().fold(0, |before, seq| digest(before, *seq));
    for seen in good.end() {
        assert_eq!((seen.events, seen.digest, seen.closed), (EVENTS, wanted, false));
    }
    let slow = slow.end();
    for seen in &slow {
        assert_eq!((seen.events, seen.digest, seen.closed), (EVENTS, wanted, false));
    }
    assert!(slow.iter().all(|seen| seen.lagged > 0), "nobody was too slow");
    for stream in streams {
        let (told, _) = stream.join().expect("the stream's client");
        assert_eq!(told, kept);
    }
    drop(never);
}
