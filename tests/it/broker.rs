//! A real broker of a test's own, and a host that speaks to it as MMDVMHost does: QoS 2, nothing retained.

use std::cell::Cell;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use model::Timestamp;
use rumqttc::{Client, Connection, Event, MqttOptions, Packet, QoS};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{LIMIT, Stage};

/// How often a free port may turn out to be taken by the time the broker wants it.
const PORT_TRIES: usize = 5;

/// How much later each fact is than the one before, by the host's clock.
const BETWEEN_FACTS: Duration = Duration::from_millis(500);

/// A broker with a port for hosts, which asks nobody who they are, and perhaps another for stations. Killed when
/// dropped.
pub(crate) struct Broker {
    directory: TempDir,
    /// Where hosts connect.
    pub(crate) port: u16,
    /// Where stations connect: the same, unless the broker was made with a port for them.
    pub(crate) station_port: u16,
    process: Child,
}

/// What a broker's port for stations asks.
pub(crate) enum Asks {
    /// There is none; stations use that of the hosts.
    Nothing,
    /// This user and this password.
    Password(&'static str, &'static str),
    /// TLS, and a client certificate.
    Certificate,
}

impl Broker {
    pub(crate) fn run() -> Broker {
        Broker::run_asking(&Asks::Nothing)
    }

    pub(crate) fn run_asking(asks: &Asks) -> Broker {
        for _ in 0..PORT_TRIES {
            if let Some(broker) = Broker::try_run(asks) {
                return broker;
            }
        }
        panic!("mosquitto does not come up; is it installed?");
    }

    fn try_run(asks: &Asks) -> Option<Broker> {
        let directory = TempDir::new().expect("a directory");
        let (port, other) = (free_port(), free_port());
        let place = directory.path().display();
        let mut config = format!(
            "per_listener_settings true\nuser root\npersistence true\npersistence_location {place}/\n\
             listener {port} 127.0.0.1\nallow_anonymous true\n"
        );
        let station_port = match asks {
            Asks::Nothing => port,
            Asks::Password(user, password) => {
                let file = directory.path().join("passwords");
                tool(
                    Command::new("mosquitto_passwd")
                        .args(["-b", "-c"])
                        .arg(&file)
                        .args([user, password]),
                );
                config += &format!(
                    "listener {other} 127.0.0.1\nallow_anonymous false\npassword_file {}\n",
                    file.display()
                );
                other
            }
            Asks::Certificate => {
                certificates(&directory);
                config += &format!(
                    "listener {other} 127.0.0.1\nallow_anonymous true\ncafile {place}/ca.pem\n\
                     certfile {place}/server.pem\nkeyfile {place}/server.key\nrequire_certificate true\n"
                );
                other
            }
        };
        fs::write(directory.path().join("mosquitto.conf"), config).expect("written");
        let mut process = mosquitto(&directory);
        is_up(&mut process, station_port).then_some(Broker {
            directory,
            port,
            station_port,
            process,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Ends it: with SIGTERM it writes down its sessions, with SIGKILL it does not.
    pub(crate) fn stop(&mut self, signal: &str) {
        tool(Command::new("kill").arg(signal).arg(self.process.id().to_string()));
        self.process.wait().expect("own child");
    }

    /// Starts it again where it was.
    pub(crate) fn start_again(&mut self) {
        let deadline = Instant::now() + LIMIT;
        loop {
            self.process = mosquitto(&self.directory);
            if is_up(&mut self.process, self.station_port) {
                return;
            }
            assert!(Instant::now() < deadline, "mosquitto does not come up again");
        }
    }

    /// The section that has a station listen here, as the host `name` with these further keys.
    pub(crate) fn section(&self, name: &str, keys: &str) -> String {
        format!("[repeater.mqtt.{name}]\nport = {}\n{keys}\n", self.station_port)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have been stopped already; waiting takes note of either end.
        let killed = self.process.kill();
        let waited = self.process.wait();
        assert!(killed.is_ok() && waited.is_ok() || thread::panicking());
    }
}

/// A stage without a log, whose station hears what these sections name.
pub(crate) fn stage(sections: &str) -> Stage {
    let stage = Stage::new();
    configure(&stage, sections);
    stage
}

/// Has the station of this stage hear something else from its next start on.
pub(crate) fn configure(stage: &Stage, sections: &str) {
    let journal = stage.path("journal.db");
    let config = format!(
        "[journal]\npath = {journal:?}\nsynchronous = \"normal\"\n[repeater]\nlog_directory = \"\"\n{sections}"
    );
    fs::write(stage.config(), config).expect("a configuration");
}

fn mosquitto(directory: &TempDir) -> Child {
    let log = fs::File::create(directory.path().join("mosquitto.log")).expect("a log");
    let mut command = Command::new("mosquitto");
    command
        .env("PATH", with_sbin())
        .arg("-c")
        .arg(directory.path().join("mosquitto.conf"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    command.spawn().expect("mosquitto starts; scripts/test installs it")
}

/// Debian puts daemons where users do not look.
fn with_sbin() -> String {
    format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default())
}

fn is_up(process: &mut Child, port: u16) -> bool {
    let deadline = Instant::now() + LIMIT;
    while process.try_wait().expect("own child").is_none() && Instant::now() < deadline {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        thread::park_timeout(Duration::from_millis(5));
    }
    false
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

fn tool(command: &mut Command) {
    let run = command.stdin(Stdio::null()).output().expect("the tool runs");
    assert!(
        run.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&run.stderr)
    );
}

/// An authority (`ca.pem`), and what it vouches for: `server` and `client`, each with `.pem` and `.key`. And `other.pem`,
/// an authority that vouches for nobody.
fn certificates(directory: &TempDir) {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        tool(command.current_dir(directory.path()).args(arguments.split(' ')));
    };
    const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for authority in ["ca", "other"] {
        openssl(&format!(
            "req -x509 {KEY} -keyout {authority}.key -out {authority}.pem -days 2 -subj /CN={authority}"
        ));
    }
    let extensions = "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n";
    fs::write(directory.path().join("extensions"), extensions).expect("written");
    for name in ["server", "client"] {
        openssl(&format!(
            "req {KEY} -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days 2 -extfile extensions"
        ));
    }
}

/// MMDVMHost, as a broker sees it. What it says is with the broker when a method returns. Its clock runs ahead: from one
/// fact to the next half a second goes by, as between the frames that tell of them.
pub(crate) struct Host {
    client: Client,
    name: String,
    clock: Cell<Timestamp>,
    arrived: Receiver<()>,
}

impl Host {
    pub(crate) fn connect(broker: &Broker, name: &str) -> Host {
        let id = format!("host-{}", name.replace('/', "-"));
        let mut options = MqttOptions::new(id, "127.0.0.1", broker.port);
        options.set_clean_session(true).set_max_packet_size(1 << 20, 1 << 20);
        let (client, connection) = Client::new(options, 16);
        let (tell, arrived) = mpsc::channel();
        thread::spawn(move || deliver(connection, &tell));
        Host {
            client,
            name: name.to_owned(),
            clock: Cell::new(Timestamp::now()),
            arrived,
        }
    }

    /// Time goes by for the host.
    fn tick(&self) {
        self.clock.set(self.clock.get().plus(BETWEEN_FACTS));
    }

    /// The time as it stands in its log.
    pub(crate) fn stamp(&self) -> String {
        self.clock.get().to_string().trim_end_matches('Z').replace('T', " ")
    }

    /// Publishes, and waits until the broker has it.
    pub(crate) fn publish(&self, topic: &str, payload: impl Into<Vec<u8>>) {
        let sent = self.client.publish(topic, QoS::ExactlyOnce, false, payload);
        sent.expect("the client runs");
        self.arrived.recv_timeout(LIMIT).expect("the broker takes it");
    }

    /// A line of its log.
    pub(crate) fn log(&self, text: &str) {
        self.publish(&format!("{}/log", self.name), format!("M: {} {text}", self.stamp()));
    }

    /// A JSON message, which gets the time.
    pub(crate) fn json(&self, key: &str, mut members: Value) {
        members["timestamp"] = json!(self.clock.get());
        self.publish(&format!("{}/json", self.name), json!({ key: members }).to_string());
    }

    /// A radio call begins.
    pub(crate) fn call_starts(&self, callsign: &str) {
        self.tick();
        self.log(&format!("DMR Slot 2, received RF voice header from {callsign} to TG 9"));
        self.json(
            "DMR",
            json!({ "action": "start", "slot": 2, "source": "rf", "source_id": 2_345_678, "source_info": callsign,
                "destination_id": 9, "destination_type": "group" }),
        );
    }

    /// It ends.
    pub(crate) fn call_ends(&self, callsign: &str) {
        self.tick();
        self.log(&format!(
            "DMR Slot 2, received RF end of voice transmission from {callsign} to TG 9, 1.2 seconds, BER: 0.5%, RSSI: -70/-60/-65 dBm"
        ));
        self.json(
            "DMR",
            json!({ "action": "end", "slot": 2, "duration": 1.2, "ber": 0.5, "rssi": { "min": -70, "max": -60, "ave": -65 } }),
        );
    }

    /// One whole call.
    pub(crate) fn call(&self, callsign: &str) {
        self.call_starts(callsign);
        self.call_ends(callsign);
    }
}

/// Keeps the connection going, and tells of each message that has arrived.
fn deliver(mut connection: Connection, tell: &mpsc::Sender<()>) {
    for event in connection.iter() {
        match event {
            Ok(Event::Incoming(Packet::PubComp(_))) => {
                if tell.send(()).is_err() {
                    return;
                }
            }
            Ok(_) => {}
            // The broker is away: not too often.
            Err(_) => thread::park_timeout(Duration::from_millis(20)),
        }
    }
}
