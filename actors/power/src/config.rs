//! `[power.NAME]`: one inverter, battery or charger.

use std::collections::{BTreeMap, btree_map};
use std::ops::{Deref, RangeInclusive};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::port::Address;
use crate::protocol::{CommandKind, Family, Library, Protocol, ProtocolProblem};

/// `[power]`: every device by its name, and where the user's own protocols are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PowerConfig {
    /// Folder of the user's own protocols; empty for none.
    #[serde(default)]
    pub protocols: PathBuf,
    /// Every device by its name.
    #[serde(flatten)]
    pub devices: BTreeMap<String, DeviceConfig>,
}

impl PowerConfig {
    /// The protocols that devices can name, and everything that is wrong with the user's own.
    #[must_use]
    pub fn library(&self) -> (Library, Vec<ProtocolProblem>) {
        if self.protocols.as_os_str().is_empty() {
            return (Library::new(), Vec::new());
        }
        Library::with_folder(&self.protocols)
    }
}

impl Deref for PowerConfig {
    type Target = BTreeMap<String, DeviceConfig>;

    fn deref(&self) -> &Self::Target {
        &self.devices
    }
}

impl<'a> IntoIterator for &'a PowerConfig {
    type Item = (&'a String, &'a DeviceConfig);
    type IntoIter = btree_map::Iter<'a, String, DeviceConfig>;

    fn into_iter(self) -> Self::IntoIter {
        self.devices.iter()
    }
}

impl FromIterator<(String, DeviceConfig)> for PowerConfig {
    fn from_iter<I: IntoIterator<Item = (String, DeviceConfig)>>(devices: I) -> PowerConfig {
        PowerConfig {
            protocols: PathBuf::new(),
            devices: devices.into_iter().collect(),
        }
    }
}

/// Longest name, in characters: it is part of paths, sources and names of variables.
const MAX_NAME: usize = 32;
/// Pauses between two polls, in seconds.
const POLL_S: RangeInclusive<f64> = 0.2..=3600.0;
/// The same for settings.
const SETTINGS_POLL_S: RangeInclusive<f64> = 1.0..=86_400.0;
/// Speeds of serial lines, in baud.
const BAUD: RangeInclusive<u32> = 300..=4_000_000;
/// Inverters of a parallel system; their numbers have one digit.
const UNITS: RangeInclusive<u8> = 0..=9;
/// Capacities of batteries, in ampere hours.
const CAPACITY_AH: RangeInclusive<f64> = 0.0..=1_000_000.0;
/// Most commands of a list.
const MAX_COMMANDS: usize = 32;

/// One device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceConfig {
    /// What it speaks, as in `stationd power list-protocols`.
    pub protocol: String,
    /// Where it is: a serial line or hidraw by its path or as `usb:VENDOR:PRODUCT[:SERIAL]`, `tcp://HOST:PORT`,
    /// `udp://HOST:PORT`, `rfc2217://HOST:PORT`, `mqtt://HOST[:PORT]/NAME` or `ble://AA:BB:CC:DD:EE:FF`.
    pub port: String,
    /// Which of several devices on the line it is, where its protocol has addresses; 0 takes the protocol's own.
    pub address: u8,
    /// Speed of a serial line; 0 takes what is usual for the protocol.
    pub baud: u32,
    /// Pause between two questions for the status, in seconds.
    pub poll_s: f64,
    /// Pause between two questions for the settings, in seconds.
    pub settings_poll_s: f64,
    /// The commands that ask for the status; none takes the protocol's own.
    pub status: Vec<String>,
    /// The commands that ask for the settings; none takes the protocol's own.
    pub settings: Vec<String>,
    /// How many inverters of a parallel system it tells of, by QPGSn and the like; 0: it is alone.
    pub units: u8,
    /// The bank of batteries that it is, or works with.
    pub bank: String,
    /// Ampere hours of its battery, if it does not tell them itself; 0: not known.
    pub capacity_ah: f64,
    /// When to raise the alarm.
    pub alarms: AlarmConfig,
}

/// Limits beyond which an alarm is raised; 0 takes a limit away.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlarmConfig {
    /// Volts of the battery.
    pub low_battery_v: f64,
    /// Percent of charge.
    pub low_charge_percent: f64,
    /// Degrees of anything inside the device.
    pub high_temperature_c: f64,
    /// Volts between the highest and the lowest cell.
    pub cell_spread_v: f64,
    /// Seconds without a word.
    pub silent_s: f64,
}

impl Default for DeviceConfig {
    fn default() -> DeviceConfig {
        DeviceConfig {
            protocol: "pi30".to_owned(),
            port: "/dev/ttyUSB0".to_owned(),
            address: 0,
            baud: 0,
            poll_s: 2.0,
            settings_poll_s: 300.0,
            status: Vec::new(),
            settings: Vec::new(),
            units: 0,
            bank: "main".to_owned(),
            capacity_ah: 0.0,
            alarms: AlarmConfig::default(),
        }
    }
}

impl Default for AlarmConfig {
    fn default() -> AlarmConfig {
        AlarmConfig {
            low_battery_v: 0.0,
            low_charge_percent: 20.0,
            high_temperature_c: 75.0,
            cell_spread_v: 0.3,
            silent_s: 60.0,
        }
    }
}

/// Everything that is wrong with the section: the key, and the reason.
#[must_use]
pub fn problems(config: &PowerConfig) -> Vec<(String, String)> {
    // A bad file is no reason to leave the other devices alone: it is a problem of the devices that name its protocol.
    let (mut library, _) = config.library();
    let mut problems = Vec::new();
    for (name, device) in config {
        problems.extend(name_problem(name).map(|reason| (name.clone(), reason)));
        let named = |(key, reason)| (format!("{name}.{key}"), reason);
        problems.extend(device.problems(&mut library).into_iter().map(named));
        let mut before = config.iter().take_while(|(other, _)| *other != name);
        let problem = before.find_map(|(other, theirs)| device.line_problem(theirs, other, &mut library));
        problems.extend(problem.map(|(key, reason)| (format!("{name}.{key}"), reason)));
    }
    problems
}

fn name_problem(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let good = (1..=MAX_NAME).contains(&name.len()) && name.chars().all(fits);
    if name == crate::SYSTEM {
        return Some(format!("{name} is the name of all devices together"));
    }
    (!good).then(|| format!("the name must have 1 to {MAX_NAME} of a-z, 0-9, - and _"))
}

impl DeviceConfig {
    fn problems(&self, library: &mut Library) -> Vec<(String, String)> {
        let protocol = library.get(&self.protocol);
        let list_problem = |list| protocol.as_ref().ok().and_then(|protocol| list_problem(protocol, list));
        let found = [
            ("protocol", protocol.as_ref().err().map(ToString::to_string)),
            (
                "port",
                self.port.parse::<Address>().err().map(|error| error.to_string()),
            ),
            (
                "baud",
                (self.baud != 0).then(|| range_problem(&BAUD, &self.baud)).flatten(),
            ),
            (
                "address",
                protocol
                    .as_ref()
                    .ok()
                    .and_then(|protocol| self.address_problem(protocol)),
            ),
            ("poll_s", range_problem(&POLL_S, &self.poll_s)),
            (
                "settings_poll_s",
                range_problem(&SETTINGS_POLL_S, &self.settings_poll_s),
            ),
            ("units", range_problem(&UNITS, &self.units)),
            ("bank", name_problem(&self.bank)),
            ("capacity_ah", range_problem(&CAPACITY_AH, &self.capacity_ah)),
            ("status", list_problem(&self.status)),
            ("settings", list_problem(&self.settings)),
        ];
        let limits = [
            ("alarms.low_battery_v", self.alarms.low_battery_v),
            ("alarms.low_charge_percent", self.alarms.low_charge_percent),
            ("alarms.high_temperature_c", self.alarms.high_temperature_c),
            ("alarms.cell_spread_v", self.alarms.cell_spread_v),
            ("alarms.silent_s", self.alarms.silent_s),
        ];
        let no_limit = |limit: f64| (!limit.is_finite() || limit < 0.0).then(|| "must be 0 or more".to_owned());
        let limits = limits.map(|(key, limit)| (key, no_limit(limit)));
        let all = found.into_iter().chain(limits);
        all.filter_map(|(key, reason)| Some((key.to_owned(), reason?)))
            .collect()
    }

    fn address_problem(&self, protocol: &Protocol) -> Option<String> {
        match (protocol.family().units(), self.address) {
            (_, 0) => None,
            (Some(units), address) => range_problem(&units, &address),
            (None, _) => Some(format!("{} has no addresses", protocol.name())),
        }
    }

    /// Why it cannot be on one port with another device.
    fn line_problem(&self, other: &DeviceConfig, name: &str, library: &mut Library) -> Option<(&'static str, String)> {
        let same = |port: &str| port.parse::<Address>().ok();
        if other.port != self.port && (same(&self.port).is_none() || same(&self.port) != same(&other.port)) {
            return None;
        }
        let (ours, theirs) = (library.get(&self.protocol).ok()?, library.get(&other.protocol).ok()?);
        let units = |device: &DeviceConfig, protocol: &Protocol| {
            protocol
                .family()
                .units()
                .map(|units| device.address.max(*units.start()))
        };
        match (units(self, &ours), units(other, &theirs)) {
            (Some(our), Some(their)) if our != their => {
                let (our, their) = (self.speed(&ours), other.speed(&theirs));
                let reason = format!("is {our}, and {name} has the same line at {their}: a line has one speed");
                (our != their).then_some(("baud", reason))
            }
            (Some(our), Some(_)) => Some((
                "address",
                format!("is {our}, and so is that of {name} on the same port"),
            )),
            (None, _) | (_, None) => Some((
                "port",
                format!("is that of {name} too: only devices with addresses share a line"),
            )),
        }
    }

    /// The speed of the line, in baud.
    pub(crate) fn speed(&self, protocol: &Protocol) -> u32 {
        match self.baud {
            0 => protocol.baud.unwrap_or_else(|| usual_baud(protocol.family())),
            baud => baud,
        }
    }
}

/// Only what asks: a setting changes the device, and passes the gate or nowhere.
fn list_problem(protocol: &Protocol, list: &[String]) -> Option<String> {
    if list.len() > MAX_COMMANDS {
        return Some(format!("{} commands, at most {MAX_COMMANDS}", list.len()));
    }
    list.iter().find_map(|code| match protocol.request(code) {
        Err(error) => Some(error.to_string()),
        Ok(request) => (request.command().kind() == CommandKind::Setting)
            .then(|| format!("{code} changes the device; only questions are asked by themselves")),
    })
}

fn range_problem<T: PartialOrd + std::fmt::Display>(range: &RangeInclusive<T>, value: &T) -> Option<String> {
    (!range.contains(value)).then(|| format!("must be {} to {}", range.start(), range.end()))
}

/// Speeds as the vendors' papers have them.
#[must_use]
pub fn usual_baud(family: Family) -> u32 {
    match family {
        Family::VoltronicQ | Family::VoltronicPi16 | Family::VoltronicCaret => 2400,
        Family::JkBle | Family::JkNwTtl | Family::JkPbModbus => 115_200,
        Family::JkBalancer485 | Family::Dd77Serial | Family::DalyA5 | Family::Modbus => 9600,
        Family::VictronVedirect => 19_200,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(devices: &[(&str, DeviceConfig)]) -> Vec<String> {
        let config = devices
            .iter()
            .map(|(name, device)| ((*name).to_owned(), device.clone()))
            .collect();
        problems(&config).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn default_device_is_sound() {
        assert_eq!(keys(&[("inverter", DeviceConfig::default())]), [""; 0]);
    }

    #[test]
    fn device_tells_all_its_problems_at_once() {
        let device = DeviceConfig {
            protocol: "pi31".to_owned(),
            port: "ttyUSB0".to_owned(),
            baud: 1,
            poll_s: f64::NAN,
            settings_poll_s: 0.0,
            alarms: AlarmConfig {
                silent_s: -1.0,
                ..AlarmConfig::default()
            },
            ..DeviceConfig::default()
        };
        let expected = [
            "A",
            "A.protocol",
            "A.port",
            "A.baud",
            "A.poll_s",
            "A.settings_poll_s",
            "A.alarms.silent_s",
        ];
        assert_eq!(keys(&[("A", device)]), expected);
    }

    #[test]
    fn two_devices_on_one_port_need_addresses_of_their_own_and_one_speed() {
        let daly = |address, baud| DeviceConfig {
            protocol: "daly40".to_owned(),
            address,
            baud,
            ..DeviceConfig::default()
        };
        let inverter = DeviceConfig::default();
        assert_eq!(keys(&[("a", inverter.clone()), ("b", inverter.clone())]), ["b.port"]);
        assert_eq!(keys(&[("a", daly(1, 0)), ("b", inverter)]), ["b.port"]);
        assert_eq!(keys(&[("a", daly(0, 0)), ("b", daly(1, 0))]), ["b.address"]);
        assert_eq!(keys(&[("a", daly(1, 0)), ("b", daly(2, 19_200))]), ["b.baud"]);
        assert_eq!(keys(&[("a", daly(1, 9600)), ("b", daly(2, 0))]), [""; 0]);
    }

    #[test]
    fn address_is_refused_where_the_protocol_has_none_or_not_this_one() {
        let inverter = DeviceConfig {
            address: 1,
            ..DeviceConfig::default()
        };
        let battery = DeviceConfig {
            protocol: "daly40".to_owned(),
            address: 200,
            ..DeviceConfig::default()
        };
        assert_eq!(keys(&[("a", inverter)]), ["a.address"]);
        assert_eq!(keys(&[("a", battery)]), ["a.address"]);
    }

    #[test]
    fn command_that_changes_the_device_is_never_polled() {
        let device = DeviceConfig {
            status: vec!["QPIGS".to_owned(), "POP02".to_owned()],
            ..DeviceConfig::default()
        };
        assert_eq!(keys(&[("inverter", device)]), ["inverter.status"]);
    }
}
