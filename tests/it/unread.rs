//! Clients that never read: they cost little, hold nobody up, and are gone soon.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Stage, Station, repeater};

/// How long a client that never reads may stay.
const STAY: Duration = Duration::from_secs(30);

/// What such a client may cost, in bytes.
const COST: u64 = 1_000_000;

/// Of each kind.
const CLIENTS: u64 = 10;

/// Some megabytes of events.
const CALLS: usize = 3000;

/// What the kernel still has to send from the station's port: one number a connection, in bytes.
fn unsent(station: &Station) -> Vec<u64> {
    let (_, port) = station.address.rsplit_once(':').expect("a port");
    let local = format!(":{:04X}", port.parse::<u16>().expect("a number"));
    let table = fs::read_to_string("/proc/net/tcp").expect("the kernel's table");
    let connections = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    connections
        .filter(|fields| fields[1].ends_with(&local))
        .filter_map(|fields| u64::from_str_radix(fields[4].split_once(':')?.0, 16).ok())
        .collect()
}

fn sessions(station: &Station) -> u64 {
    let (_, health) = station.get("/api/health");
    health["active_websocket_connections"].as_u64().expect("a number")
}

#[test]
fn client_that_never_reads_costs_little_and_is_gone_within_half_a_minute() {
    let stage = Stage::new();
    let mut log = stage.log();
    let station = Station::run(&stage);
    let mut good = station.socket(&repeater());
    assert!(good.next()["snapshot"].is_object());
    let before = station.resident_kb();
    let sockets: Vec<_> = (0..CLIENTS).map(|_| station.socket(&repeater())).collect();
    let streams: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut stream = TcpStream::connect(&station.address).expect("connected");
            let request = format!("GET /stream HTTP/1.1\r\nHost: {}\r\n\r\n", station.address);
            stream.write_all(request.as_bytes()).expect("asked");
            stream
        })
        .collect();
    let deadline = Instant::now() + STAY;
    while sessions(&station) < 2 * CLIENTS + 1 {
        assert!(Instant::now() < deadline, "the sessions do not open");
    }

    for call in 0..CALLS {
        log.call(&format!("M{call:04}K"));
    }
    let deadline = Instant::now() + STAY;
    for call in 0..CALLS {
        assert_eq!(good.event("qso_ended")["data"]["callsign"], format!("M{call:04}K"));
    }

    let own = station.resident_kb().saturating_sub(before) * 1024 / (2 * CLIENTS);
    let kernels = unsent(&station).into_iter().max().unwrap_or_default();
    assert!(
        own + kernels < COST,
        "{own} bytes of ours and {kernels} of the kernel's for each"
    );
    assert!(kernels > 0, "nobody was behind");
    // Who reads stays, and misses nothing.
    while sessions(&station) > 1 {
        assert!(Instant::now() < deadline, "{} sessions are left", sessions(&station));
        log.call("G4KLX");
        assert_eq!(good.event("qso_ended")["data"]["callsign"], "G4KLX");
        thread::park_timeout(Duration::from_millis(50));
    }
    assert_eq!(sessions(&station), 1);
    drop((sockets, streams));
}
