//! Where a port is, as it is written in the configuration.

use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// What the addresses of each kind begin with; a path begins with a slash.
const TCP: &str = "tcp://";
const UDP: &str = "udp://";
const RFC2217: &str = "rfc2217://";
const MQTT: &str = "mqtt://";
const BLE: &str = "ble://";
const USB: &str = "usb:";
/// Port of a broker that names none.
const MQTT_PORT: u16 = 1883;
/// Longest name of a device behind a broker, and of a serial number.
const MAX_NAME: usize = 128;

/// Where a port is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// A serial line or a hidraw device, by its path; a link is followed anew at each attempt.
    Device(PathBuf),
    /// The serial line or hidraw device of a USB device, whatever number it has just now.
    Usb(UsbId),
    /// A serial server that hands bytes on as they are.
    Tcp(String),
    /// The same in datagrams.
    Udp(String),
    /// A serial server whose line is set from here.
    Rfc2217(String),
    /// A device behind a broker: its commands and results are messages.
    Mqtt { broker: (String, u16), name: String },
    /// A Bluetooth device.
    Ble([u8; 6]),
}

/// What a USB device says that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UsbId {
    pub(crate) vendor: u16,
    pub(crate) product: u16,
    /// Needed where several of a kind are plugged in.
    pub(crate) serial: Option<String>,
}

/// A text that names no port.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "must be the path of a device, as /dev/serial/by-id/…, usb:VENDOR:PRODUCT or usb:VENDOR:PRODUCT:SERIAL, \
     tcp://HOST:PORT, udp://HOST:PORT, rfc2217://HOST:PORT, mqtt://HOST/NAME or ble://AA:BB:CC:DD:EE:FF, not {0:?}"
)]
pub(crate) struct NoAddress(String);

impl FromStr for Address {
    type Err = NoAddress;

    fn from_str(text: &str) -> Result<Address, NoAddress> {
        let behind = |start: &str| text.strip_prefix(start);
        let address = if let Some(host) = behind(TCP) {
            host_and_port(host).map(|_| Address::Tcp(host.to_owned()))
        } else if let Some(host) = behind(UDP) {
            host_and_port(host).map(|_| Address::Udp(host.to_owned()))
        } else if let Some(host) = behind(RFC2217) {
            host_and_port(host).map(|_| Address::Rfc2217(host.to_owned()))
        } else if let Some(rest) = behind(MQTT) {
            mqtt(rest)
        } else if let Some(mac) = behind(BLE) {
            mac_address(mac).map(Address::Ble)
        } else if let Some(id) = behind(USB) {
            usb(id).map(Address::Usb)
        } else {
            let fits = text.starts_with('/') && !text.contains('\0');
            fits.then(|| Address::Device(PathBuf::from(text)))
        };
        address.ok_or_else(|| NoAddress(text.to_owned()))
    }
}

fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let fits = !host.is_empty() && !host.contains(['/', ' ', '\0', '@']);
    fits.then_some((host, port))
}

fn mqtt(text: &str) -> Option<Address> {
    let (broker, name) = text.split_once('/')?;
    let (host, port) = match host_and_port(broker) {
        Some(named) => named,
        None => host_and_port(&format!("{broker}:{MQTT_PORT}")).map(|_| (broker, MQTT_PORT))?,
    };
    // The name is part of topics: no level may be empty, none a wildcard.
    let is_level = |level: &str| !level.is_empty() && !level.contains(['+', '#', '\0', ' ']);
    let is_one = host.starts_with('[') || !host.contains(':');
    let fits = is_one && name.len() <= MAX_NAME && name.split('/').all(is_level);
    fits.then(|| Address::Mqtt {
        broker: (host.trim_matches(['[', ']']).to_owned(), port),
        name: name.to_owned(),
    })
}

fn mac_address(text: &str) -> Option<[u8; 6]> {
    let bytes: Option<Vec<u8>> = text
        .split(':')
        .map(|byte| hexadecimal(byte, 2)?.try_into().ok())
        .collect();
    bytes?.try_into().ok()
}

fn usb(text: &str) -> Option<UsbId> {
    let mut parts = text.splitn(3, ':');
    let (vendor, product) = (hexadecimal(parts.next()?, 4)?, hexadecimal(parts.next()?, 4)?);
    let serial = parts.next();
    let fits = serial.is_none_or(|serial| (1..=MAX_NAME).contains(&serial.len()) && !serial.contains(['/', '\0']));
    fits.then(|| UsbId {
        vendor,
        product,
        serial: serial.map(str::to_owned),
    })
}

/// So many hexadecimal digits; a sign is none.
fn hexadecimal(text: &str, digits: usize) -> Option<u16> {
    let fits = text.len() == digits && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    fits.then(|| u16::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_is_a_path_or_says_of_which_kind_it_is() {
        let mac = Address::Ble([0xC8, 0x47, 0x8C, 0xE1, 0x2F, 0x0A]);
        let broker = |host: &str, port, name: &str| Address::Mqtt {
            broker: (host.to_owned(), port),
            name: name.to_owned(),
        };
        let usb = |serial: Option<&str>| {
            Address::Usb(UsbId {
                vendor: 0x0665,
                product: 0x5161,
                serial: serial.map(str::to_owned),
            })
        };
        for (text, address) in [
            ("/dev/hidraw0", Address::Device("/dev/hidraw0".into())),
            ("tcp://10.0.0.9:2217", Address::Tcp("10.0.0.9:2217".to_owned())),
            ("tcp://[::1]:23", Address::Tcp("[::1]:23".to_owned())),
            ("udp://10.0.0.9:23", Address::Udp("10.0.0.9:23".to_owned())),
            ("rfc2217://shed:23", Address::Rfc2217("shed:23".to_owned())),
            ("mqtt://broker/shed/inverter", broker("broker", 1883, "shed/inverter")),
            ("mqtt://[::1]:1884/inverter", broker("::1", 1884, "inverter")),
            ("ble://C8:47:8C:E1:2f:0a", mac),
            ("usb:0665:5161", usb(None)),
            ("usb:0665:5161:A-1", usb(Some("A-1"))),
        ] {
            assert_eq!(text.parse::<Address>(), Ok(address), "{text}");
        }
    }

    #[test]
    fn address_of_no_kind_is_refused() {
        for bad in [
            "",
            "ttyUSB0",
            "tcp://",
            "tcp://host",
            "tcp://host:0",
            "tcp://:23",
            "tcp://host:99999",
            "tcp://a/b:1",
            "udp://host",
            "rfc2217://host",
            "serial:///dev/ttyUSB0",
            "mqtt://broker",
            "mqtt://broker/",
            "mqtt://broker/+",
            "mqtt://user@broker/inverter",
            "mqtt://::1/inverter",
            "ble://C8:47:8C:E1:2F",
            "ble://C8:47:8C:E1:2F:0A:01",
            "ble://+8:47:8C:E1:2F:0A",
            "usb:665:5161",
            "usb:0665",
            "usb:0665:5161:",
            "usb:0665:5161:../x",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }
}
