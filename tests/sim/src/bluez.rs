//! The system's Bluetooth service (BlueZ) on a message bus of its own, with one battery in reach.
//!
//! ```text
//! process under test ── DBUS_SYSTEM_BUS_ADDRESS ──▶ private dbus-daemon ◀── org.bluez: adapter, device, characteristic
//! ```
//!
//! It says what BlueZ says, as far as a central asks: objects, properties, introspection, discovery, connection,
//! notifications of 20 bytes. Owns: the daemon and a thread; both end when it is dropped.

use std::collections::HashMap;
use std::ffi::CString;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dbus::arg::{PropMap, Variant};
use dbus::blocking::Connection;
use dbus::blocking::stdintf::org_freedesktop_dbus::{ObjectManagerInterfacesAdded, PropertiesPropertiesChanged};
use dbus::channel::{Channel, MatchingReceiver};
use dbus::message::{MatchRule, SignalArgs};
use dbus::{Message, Path};

use crate::power::{Plant, jk_ble};

const ADAPTER: &str = "/org/bluez/hci0";
const ADAPTER_FACE: &str = "org.bluez.Adapter1";
const DEVICE_FACE: &str = "org.bluez.Device1";
const SERVICE_FACE: &str = "org.bluez.GattService1";
const CHARACTERISTIC_FACE: &str = "org.bluez.GattCharacteristic1";
const SERVICE: &str = "service000a";
const CHARACTERISTIC: &str = "char000b";
const SERVICE_UUID: &str = "0000ffe0-0000-1000-8000-00805f9b34fb";
const CHARACTERISTIC_UUID: &str = "0000ffe1-0000-1000-8000-00805f9b34fb";
/// Bytes of a notification where no larger packets were agreed on.
const PIECE: usize = 20;
/// How often the thread looks whether it is still wanted.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What the test and the service share.
#[derive(Debug)]
struct Radio {
    address: String,
    plant: Plant,
    /// Whether the battery is in reach.
    is_here: bool,
    /// Whether it was heard of.
    is_known: bool,
    is_connected: bool,
    notifies: bool,
    /// Connections so far.
    connections: u32,
}

/// A running stand-in.
#[derive(Debug)]
pub struct Bluez {
    daemon: Child,
    bus: String,
    radio: Arc<Mutex<Radio>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bluez {
    /// Starts a bus and the service on it, with a JK battery of this address (`C8:47:8C:E1:2F:0A`) in reach.
    ///
    /// # Errors
    /// When there is no `dbus-daemon` to be had, or the bus does not take us.
    pub fn start(address: &str, plant: Plant) -> io::Result<Bluez> {
        let mut daemon = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--print-address=1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut bus = String::new();
        if let Some(output) = daemon.stdout.take() {
            BufReader::new(output).read_line(&mut bus)?;
        }
        let bus = bus.trim().to_owned();
        let connection = connect(&bus).map_err(io::Error::other)?;
        let radio = Arc::new(Mutex::new(Radio {
            address: address.to_owned(),
            plant,
            is_here: true,
            is_known: false,
            is_connected: false,
            notifies: false,
            connections: 0,
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let (radio, stop) = (Arc::clone(&radio), Arc::clone(&stop));
            move || serve(&connection, &radio, &stop)
        });
        Ok(Bluez {
            daemon,
            bus,
            radio,
            stop,
            thread: Some(thread),
        })
    }

    /// The bus, for `DBUS_SYSTEM_BUS_ADDRESS`.
    #[must_use]
    pub fn bus(&self) -> &str {
        &self.bus
    }

    /// Takes the battery out of reach or brings it back.
    pub fn set_here(&self, is_here: bool) {
        lock(&self.radio).is_here = is_here;
    }

    /// How often somebody has connected to the battery.
    #[must_use]
    pub fn connections(&self) -> u32 {
        lock(&self.radio).connections
    }
}

impl Drop for Bluez {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ended = self.thread.take().map(JoinHandle::join);
        let _killed = self.daemon.kill().is_ok() && self.daemon.wait().is_ok();
    }
}

fn lock(radio: &Mutex<Radio>) -> MutexGuard<'_, Radio> {
    radio.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(bus: &str) -> Result<Connection, dbus::Error> {
    let mut channel = Channel::open_private(bus)?;
    channel.register()?;
    let connection = Connection::from(channel);
    connection.request_name("org.bluez", false, true, true)?;
    Ok(connection)
}

fn serve(connection: &Connection, radio: &Arc<Mutex<Radio>>, stop: &AtomicBool) {
    let asked = Arc::clone(radio);
    let answer = move |message: Message, connection: &Connection| {
        for said in lock(&asked).answer(&message) {
            let _sent = connection.channel().send(said).is_ok();
        }
        true
    };
    connection.start_receive(MatchRule::new_method_call(), Box::new(answer));
    while !stop.load(Ordering::Relaxed) && connection.process(LOOK_EVERY).is_ok() {
        for said in lock(radio).leave() {
            let _sent = connection.channel().send(said).is_ok();
        }
    }
}

fn properties<const N: usize>(entries: [(&str, Box<dyn dbus::arg::RefArg>); N]) -> PropMap {
    let entry = |(name, value): (&str, Box<dyn dbus::arg::RefArg>)| (name.to_owned(), Variant(value));
    entries.into_iter().map(entry).collect()
}

fn changed<const N: usize>(path: &str, face: &str, entries: [(&str, Box<dyn dbus::arg::RefArg>); N]) -> Message {
    let signal = PropertiesPropertiesChanged {
        interface_name: face.to_owned(),
        changed_properties: properties(entries),
        invalidated_properties: Vec::new(),
    };
    signal.to_emit_message(&Path::from(path.to_owned()))
}

impl Radio {
    fn device(&self) -> String {
        format!("{ADAPTER}/dev_{}", self.address.replace(':', "_"))
    }

    fn service(&self) -> String {
        format!("{}/{SERVICE}", self.device())
    }

    fn characteristic(&self) -> String {
        format!("{}/{CHARACTERISTIC}", self.service())
    }

    /// Every object that there is now: its path, its one interface, its properties.
    fn objects(&self) -> Vec<(String, &'static str, PropMap)> {
        let adapter = properties([
            ("Address", Box::new("00:1A:7D:DA:71:13".to_owned())),
            ("AddressType", Box::new("public".to_owned())),
            ("Name", Box::new("shed".to_owned())),
            ("Alias", Box::new("shed".to_owned())),
            ("Powered", Box::new(true)),
            ("Discoverable", Box::new(false)),
            ("Pairable", Box::new(false)),
            ("Discovering", Box::new(false)),
            ("Class", Box::new(0_u32)),
            ("DiscoverableTimeout", Box::new(0_u32)),
            ("PairableTimeout", Box::new(0_u32)),
            ("UUIDs", Box::new(Vec::<String>::new())),
            ("Modalias", Box::new("usb:v1D6Bp0246d0537".to_owned())),
        ]);
        let mut objects = vec![(ADAPTER.to_owned(), ADAPTER_FACE, adapter)];
        if self.is_known {
            objects.push((self.device(), DEVICE_FACE, self.device_properties()));
        }
        if self.is_connected {
            let service = properties([("UUID", Box::new(SERVICE_UUID.to_owned())), ("Primary", Box::new(true))]);
            let flags = ["write-without-response", "notify"].map(str::to_owned).to_vec();
            let characteristic = properties([
                ("UUID", Box::new(CHARACTERISTIC_UUID.to_owned())),
                ("Flags", Box::new(flags)),
                ("Notifying", Box::new(self.notifies)),
                ("MTU", Box::new(23_u16)),
            ]);
            objects.push((self.service(), SERVICE_FACE, service));
            objects.push((self.characteristic(), CHARACTERISTIC_FACE, characteristic));
        }
        objects
    }

    fn device_properties(&self) -> PropMap {
        properties([
            ("Address", Box::new(self.address.clone())),
            ("AddressType", Box::new("public".to_owned())),
            ("Name", Box::new("JK_B2A24S15P".to_owned())),
            ("Alias", Box::new("JK_B2A24S15P".to_owned())),
            ("Paired", Box::new(false)),
            ("Connected", Box::new(self.is_connected)),
            ("ServicesResolved", Box::new(self.is_connected)),
            ("Trusted", Box::new(false)),
            ("Blocked", Box::new(false)),
            ("LegacyPairing", Box::new(false)),
            ("UUIDs", Box::new(vec![SERVICE_UUID.to_owned()])),
        ])
    }

    /// The answer to a call, and the signals around it.
    fn answer(&mut self, call: &Message) -> Vec<Message> {
        let member = call.member().map(|member| member.to_string()).unwrap_or_default();
        let path = call.path().map(|path| path.to_string()).unwrap_or_default();
        let done = || call.method_return();
        match member.as_str() {
            "GetManagedObjects" => {
                let object = |(path, face, properties): (String, &str, PropMap)| {
                    (Path::from(path), HashMap::from([(face.to_owned(), properties)]))
                };
                let objects: HashMap<_, _> = self.objects().into_iter().map(object).collect();
                vec![done().append1(objects)]
            }
            "GetAll" | "Get" => vec![self.get(call, &path)],
            "Introspect" => vec![done().append1(self.introspect(&path))],
            "StartDiscovery" => self.discover(done()),
            "Set" | "SetDiscoveryFilter" | "StopDiscovery" => vec![done()],
            "Connect" => self.connect(call),
            "Disconnect" => self.disconnect().into_iter().chain([done()]).collect(),
            "StartNotify" | "StopNotify" => {
                self.notifies = member == "StartNotify";
                vec![done()]
            }
            "WriteValue" => {
                let question: Vec<u8> = call.read1().unwrap_or_default();
                [done()].into_iter().chain(self.written(&question)).collect()
            }
            _ => vec![refusal(call, "org.freedesktop.DBus.Error.UnknownMethod")],
        }
    }

    fn get(&self, call: &Message, path: &str) -> Message {
        let (face, name): (Option<String>, Option<String>) = call.get2();
        let is_it = |object: &(String, &str, PropMap)| object.0 == path && face.as_deref() == Some(object.1);
        let Some((_, _, mut properties)) = self.objects().into_iter().find(is_it) else {
            return refusal(call, "org.freedesktop.DBus.Error.UnknownObject");
        };
        match name {
            None => call.method_return().append1(properties),
            Some(name) => match properties.remove(&name) {
                Some(value) => call.method_return().append1(value),
                None => refusal(call, "org.freedesktop.DBus.Error.UnknownProperty"),
            },
        }
    }

    /// The objects below a path, as BlueZ lists them.
    fn introspect(&self, path: &str) -> String {
        let below = |object: &(String, &str, PropMap)| {
            let name = object.0.strip_prefix(path)?.strip_prefix('/')?;
            (!name.contains('/')).then(|| format!("<node name=\"{name}\"/>"))
        };
        let nodes: String = self.objects().iter().filter_map(below).collect();
        format!("<node>{nodes}</node>")
    }

    fn discover(&mut self, done: Message) -> Vec<Message> {
        if !self.is_here || self.is_known {
            return vec![done];
        }
        self.is_known = true;
        let added = ObjectManagerInterfacesAdded {
            object: Path::from(self.device()),
            interfaces: HashMap::from([(DEVICE_FACE.to_owned(), self.device_properties())]),
        };
        vec![done, added.to_emit_message(&Path::from("/"))]
    }

    fn connect(&mut self, call: &Message) -> Vec<Message> {
        if !self.is_here {
            return vec![refusal(call, "org.bluez.Error.Failed")];
        }
        self.is_connected = true;
        self.connections = self.connections.saturating_add(1);
        vec![call.method_return(), self.connection()]
    }

    fn disconnect(&mut self) -> Vec<Message> {
        if !std::mem::take(&mut self.is_connected) {
            return Vec::new();
        }
        self.notifies = false;
        vec![self.connection()]
    }

    fn connection(&self) -> Message {
        let entries: [(&str, Box<dyn dbus::arg::RefArg>); 2] = [
            ("Connected", Box::new(self.is_connected)),
            ("ServicesResolved", Box::new(self.is_connected)),
        ];
        changed(&self.device(), DEVICE_FACE, entries)
    }

    /// What follows when the battery goes out of reach: its connection breaks, and it is forgotten.
    fn leave(&mut self) -> Vec<Message> {
        if self.is_here {
            return Vec::new();
        }
        self.is_known = false;
        self.disconnect()
    }

    fn written(&mut self, question: &[u8]) -> Vec<Message> {
        self.plant.advance(1.0);
        let answer = jk_ble(&self.plant, question).filter(|_| self.notifies);
        let path = self.characteristic();
        let notification = |piece: &[u8]| {
            let entries: [(&str, Box<dyn dbus::arg::RefArg>); 1] = [("Value", Box::new(piece.to_vec()))];
            changed(&path, CHARACTERISTIC_FACE, entries)
        };
        answer.unwrap_or_default().chunks(PIECE).map(notification).collect()
    }
}

fn refusal(call: &Message, name: &str) -> Message {
    let name = dbus::strings::ErrorName::from(name.to_owned());
    let text = format!("{:?} of {:?} is refused", call.member(), call.path());
    let text = CString::new(text).unwrap_or_default();
    call.error(&name, &text)
}
