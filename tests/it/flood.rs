//! Floods: connections, garbage, endless requests, frames and lines. Whoever behaves notices nothing, memory stays, and
//! everything that was refused is counted.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::crowd::frame;
use crate::harness::{LIMIT, Stage, Station, repeater};

/// What a flood may cost for good, in KiB: the allocator keeps some of what was in use at the peak.
const COST_KB: u64 = 48 * 1024;

/// Another address than that of the good clients, so that it has its own share (`clients.max_per_address`).
const FOREIGN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

fn connect_from(local: IpAddr, address: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::new(local, 0).into()).expect("an address");
    let address: SocketAddr = address.parse().expect("an address");
    socket.connect(&address.into()).expect("connected");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(LIMIT)).expect("a limit");
    stream.set_write_timeout(Some(LIMIT)).expect("a limit");
    stream
}

fn connect(address: &str) -> TcpStream {
    connect_from(IpAddr::V4(Ipv4Addr::LOCALHOST), address)
}

/// A session that has subscribed to nothing yet.
fn socket(address: &str) -> TcpStream {
    let mut stream = connect(address);
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        address
    );
    stream.write_all(request.as_bytes()).expect("asked");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 101");
    stream
}

/// Writes `piece` until the service has had enough of it. Panics if it never has.
fn pour(mut stream: TcpStream, piece: &[u8]) {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        match stream.write(piece) {
            Ok(_) => {}
            Err(error) if is_cut_off(error.kind()) => return,
            Err(error) => panic!("neither taken nor cut off: {error}"),
        }
    }
    panic!("there is no end to what is taken");
}

/// Reads until the service closes. Panics if it does not.
fn drain(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if is_cut_off(error.kind()) => return,
            Err(error) => panic!("still open: {error}"),
        }
    }
}

/// Whether the other side is done with a connection on which nothing was said.
fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a socket");
    let read = stream.read(&mut [0]);
    !matches!(read, Err(error) if error.kind() == ErrorKind::WouldBlock)
}

fn is_cut_off(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

/// How often it refused somebody for this reason; waits until it is at least `wanted`.
fn wait_refused(station: &Station, reason: &str, wanted: u64) {
    station.wait_for("/api/v1/signals?source=web", |page| {
        let refused = &page["items"][0]["data"]["refused"][reason];
        refused.as_u64().is_some_and(|count| count >= wanted)
    });
}

/// A good client, and what the service weighs before the flood.
struct Witness {
    station: Station,
    stage: Stage,
    session: crate::harness::Socket,
    before_kb: u64,
    calls: usize,
}

impl Witness {
    fn new() -> Witness {
        let stage = Stage::new();
        let station = Station::run(&stage);
        let mut session = station.socket(&repeater());
        assert!(session.next()["snapshot"].is_object());
        let before_kb = station.resident_kb();
        Witness {
            station,
            stage,
            session,
            before_kb,
            calls: 0,
        }
    }

    /// A call reaches the client, a request is answered, and the service has not grown.
    fn is_well(&mut self) {
        self.calls += 1;
        let callsign = format!("M{:04}K", self.calls);
        self.stage.log().call(&callsign);
        assert_eq!(self.session.event("qso_ended")["data"]["callsign"], callsign);
        assert_eq!(self.station.get("/api/status").0, 200);
        let grown_kb = self.station.resident_kb().saturating_sub(self.before_kb);
        assert!(grown_kb < COST_KB, "grown by {grown_kb} KiB");
    }
}

#[test]
fn address_that_opens_hundreds_of_connections_gets_its_share_and_nobody_else_notices() {
    let mut witness = Witness::new();
    let opened: Vec<_> = (0..400)
        .map(|_| connect_from(FOREIGN, &witness.station.address))
        .collect();
    wait_refused(&witness.station, "address", 400 - 64);
    let closed = opened.iter().filter(|stream| is_closed(stream)).count();
    assert_eq!(closed, 400 - 64);
    witness.is_well();
    drop(opened);
    // It has its share back as soon as it lets go.
    wait_refused(&witness.station, "no_request", 64);
    let mut again = connect_from(FOREIGN, &witness.station.address);
    write!(
        again,
        "GET /api/status HTTP/1.0\r\nHost: {}\r\n\r\n",
        witness.station.address
    )
    .expect("asked");
    let mut answer = String::new();
    again.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains(" 200 OK"), "{answer}");
    witness.is_well();
}

#[test]
fn requests_of_garbage_or_without_end_are_cut_off_and_counted() {
    let mut witness = Witness::new();
    let station = &witness.station;
    let address = station.address.as_str();
    let half = |text: &str| {
        let mut stream = connect(address);
        stream.write_all(text.as_bytes()).expect("sent");
        stream
    };
    let half_open: Vec<_> = (0..200)
        .map(|n| half(["", "G", "GET / HTTP/1.1\r\nHost: loc"][n % 3]))
        .collect();
    thread::scope(|flood| {
        for _ in 0..4 {
            flood.spawn(|| {
                pour(
                    half("GET / HTTP/1.1\r\n"),
                    b"X-Endless: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
                )
            });
            flood.spawn(|| pour(half("GET /"), &[b'a'; 4096]));
            flood.spawn(|| drain(half("\0\u{1}\u{2} not a request at all\r\n\r\n")));
        }
    });
    for stream in half_open {
        drain(stream);
    }
    wait_refused(station, "no_request", 200);
    witness.is_well();
}

#[test]
fn sessions_that_send_garbage_or_talk_without_end_are_ended_and_counted() {
    let mut witness = Witness::new();
    let station = &witness.station;
    let address = station.address.as_str();
    let huge = [&[0x81, 0xFF], &(1_u64 << 40).to_be_bytes()[..], &[0; 4]].concat();
    let forged = vec![0xFF; 64];
    let subscribe = frame(0x1, br#"{"subscribe":["*"],"since":0}"#);
    let ping = frame(0x9, &[7; 125]);
    let pong = frame(0xA, b"0");
    let fragment = [&[0x01, 0x80], &[0; 4][..]].concat();
    thread::scope(|flood| {
        for piece in [huge, forged, subscribe, ping, pong, fragment] {
            flood.spawn(move || pour(socket(address), &piece.repeat(16)));
        }
    });
    wait_refused(station, "frame", 2);
    wait_refused(station, "chatter", 3);
    witness.is_well();
    witness
        .station
        .wait_for("/api/health", |health| health["active_websocket_connections"] == 1);
}

#[test]
fn log_of_garbage_and_endless_lines_is_counted_and_calls_in_it_are_found() {
    let mut witness = Witness::new();
    witness.is_well();
    let log = witness.stage.logs();
    let file = std::fs::read_dir(log)
        .expect("a directory")
        .next()
        .expect("a log")
        .expect("a file");
    let mut file = OpenOptions::new().append(true).open(file.path()).expect("a log");
    let long = [vec![b'x'; 100_000], b"\n".to_vec()].concat();
    let garbage = b"M: 2026-99-99 no such day \xff\xfe\n\0\0\0\nrepeater on fire\n".repeat(1000);
    for _ in 0..50 {
        file.write_all(&long).expect("written");
        file.write_all(&garbage).expect("written");
    }
    witness.is_well();
    let page = witness
        .station
        .wait_for("/api/v1/signals?source=repeater.parser", |page| {
            page["items"][0]["data"]["lines"]
                .as_u64()
                .is_some_and(|lines| lines > 150_000)
        });
    let told: &Value = &page["items"][0]["data"];
    assert_eq!(told["too_long"], 50, "{told}");
    witness.is_well();
}
