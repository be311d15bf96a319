//! Devices that speak the wire byte for byte, one of each engine: an inverter (PI30), two kinds of battery (Daly, JK "NW"), a solar
//! charger (VE.Direct), and those beside this file.
//!
//! Made from the vendors' papers, and on purpose from nothing that the readers of these bytes use.

use super::plant::Plant;
use super::{rs485, voltronic};

/// The part of the sun that the inverter has; the rest is the charger's.
pub(super) const INVERTER_SUN: f64 = 0.6;
/// The part of the current that goes through each of the two batteries.
pub(super) const BATTERY_PART: f64 = 0.5;
/// Ampere hours of each.
pub(super) const BATTERY_AH: u8 = 140;

/// Which device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A Voltronic inverter; it knows QPI, QPIGS, QPIRI, QFLAG, QPIWS and the usual settings, and refuses everything else.
    Pi30,
    /// A Daly battery.
    Daly,
    /// A JK battery, "NW" frames.
    JkNw,
    /// A Victron solar charger, which talks by itself once a second.
    VeDirect,
    /// A grid-tied Voltronic inverter.
    Pi16,
    /// A Voltronic inverter behind its caret.
    Pi18,
    /// A JBD battery.
    Jbd,
    /// A JK active balancer.
    JkBalancer,
    /// A JK PB battery.
    JkPb,
    /// An inverter that speaks Modbus.
    Smg2,
}

impl DeviceKind {
    /// The answer to the requests in `heard`, and how many bytes of it were one; `None`: it is not complete yet.
    #[must_use]
    pub fn answer(self, plant: &mut Plant, heard: &[u8]) -> Option<(usize, Vec<u8>)> {
        match self {
            DeviceKind::Pi30 => command(heard, 0, 2).map(|(used, command)| (used, pi30(plant, command))),
            DeviceKind::Pi16 => command(heard, 0, 0).map(|(used, command)| (used, voltronic::pi16(plant, command))),
            // Behind `^P` and the length.
            DeviceKind::Pi18 => command(heard, 5, 2).map(|(used, command)| (used, voltronic::pi18(plant, command))),
            DeviceKind::Daly => {
                (heard.len() >= 13).then(|| (heard.len(), daly(plant, heard.get(2).copied().unwrap_or(0))))
            }
            DeviceKind::JkNw => (heard.len() >= 21).then(|| (heard.len(), jk_nw(plant))),
            DeviceKind::Jbd => (heard.len() >= 7).then(|| (heard.len(), rs485::jbd(plant, heard))),
            DeviceKind::JkBalancer => (heard.len() >= 7).then(|| (heard.len(), rs485::jk_balancer(plant, heard))),
            DeviceKind::JkPb => (heard.len() >= 11).then(|| (heard.len(), rs485::jk_pb(plant, heard))),
            DeviceKind::Smg2 => (heard.len() >= 8).then(|| (heard.len(), rs485::smg2(plant, heard))),
            DeviceKind::VeDirect => None,
        }
    }

    /// What it says by itself, once a second.
    #[must_use]
    pub fn says(self, plant: &Plant) -> Option<Vec<u8>> {
        (self == DeviceKind::VeDirect).then(|| vedirect(plant))
    }
}

/// How long the first line is, and the command in it, without so many bytes before and behind.
fn command(heard: &[u8], before: usize, behind: usize) -> Option<(usize, &[u8])> {
    let end = heard.iter().position(|byte| *byte == b'\r')?;
    let command = heard.get(before..end.saturating_sub(behind));
    Some((end + 1, command.unwrap_or_default()))
}

/// From the charger into the battery.
fn charger_a(plant: &Plant) -> f64 {
    plant.solar_w() * (1.0 - INVERTER_SUN) / plant.battery_v()
}

fn pi30(plant: &mut Plant, command: &[u8]) -> Vec<u8> {
    // What the charger gives, the inverter does not see.
    let own_a = plant.battery_a() - charger_a(plant);
    let (into, out) = (own_a.max(0.0), (-own_a).max(0.0));
    let solar_w = plant.solar_w() * INVERTER_SUN;
    let body = match command {
        b"QPI" => "(PI30".to_owned(),
        b"QPIGS" => format!(
            "(000.0 00.0 230.0 50.0 {:04.0} {:04.0} {:03.0} 380 {:05.2} {into:03.0} {:03.0} 0041 {:04.0} 120.5 {:05.2} {out:05.0} 00010110 00 00 {:05.0} 010",
            plant.load_w() * 1.05,
            plant.load_w(),
            plant.load_w() / 50.0,
            plant.battery_v(),
            plant.charge_percent(),
            solar_w / 120.5,
            plant.battery_v(),
            solar_w,
        ),
        b"QPIRI" => plant.inverter.ratings(),
        b"QFLAG" => plant.inverter.flags(),
        b"QPIWS" => "(00000000000000000000000000000000".to_owned(),
        setting => {
            let done = std::str::from_utf8(setting).is_ok_and(|setting| plant.inverter.set(setting).is_some());
            if done { "(ACK" } else { "(NAK" }.to_owned()
        }
    };
    closed(body.into_bytes())
}

/// With its check value, whose bytes avoid those that mean something, and the end.
pub(super) fn closed(mut frame: Vec<u8>) -> Vec<u8> {
    let crc = xmodem(&frame).to_be_bytes();
    frame.extend(crc.map(|byte| {
        if matches!(byte, b'(' | b'\r' | b'\n' | 0) {
            byte + 1
        } else {
            byte
        }
    }));
    frame.push(b'\r');
    frame
}

/// CRC-16/XMODEM, bit by bit.
fn xmodem(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc: u16, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 { shifted } else { shifted ^ 0x1021 }
        })
    })
}

pub(super) fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// A whole number of 16 bits, as near as it comes.
pub(super) fn whole(value: f64) -> u16 {
    let value = value.round().clamp(0.0, f64::from(u16::MAX));
    // Checked: the cast of a whole number within the range of the type is exact.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let value = value as u16;
    value
}

fn daly(plant: &Plant, opcode: u8) -> Vec<u8> {
    let one = |data: [u8; 8]| {
        let mut frame = vec![0xA5, 0x01, opcode, 8];
        frame.extend(data);
        frame.push(sum(&frame));
        frame
    };
    match opcode {
        0x90 => {
            let [v, a] = [
                whole(plant.battery_v() * 10.0),
                // Daly counts what leaves the battery.
                whole(30_000.0 - plant.battery_a() * BATTERY_PART * 10.0),
            ]
            .map(u16::to_be_bytes);
            let soc = whole(plant.charge_percent() * 10.0).to_be_bytes();
            one([v[0], v[1], v[0], v[1], a[0], a[1], soc[0], soc[1]])
        }
        0x94 => one([16, 1, 0, 0, 0, 0, 42, 0]),
        0x95 => (0..6_u8)
            .flat_map(|frame| {
                let cell = |at: u8| {
                    if frame * 3 + at < 16 {
                        whole(plant.cell_v(frame * 3 + at) * 1000.0)
                    } else {
                        0
                    }
                };
                let [a, b, c] = [cell(0), cell(1), cell(2)].map(u16::to_be_bytes);
                one([frame + 1, a[0], a[1], b[0], b[1], c[0], c[1], 0])
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn jk_nw(plant: &Plant) -> Vec<u8> {
    let mut values = vec![0x79, 48];
    for cell in 0..16 {
        let [high, low] = whole(plant.cell_v(cell) * 1000.0).to_be_bytes();
        values.extend([cell + 1, high, low]);
    }
    let direction = if plant.battery_a() >= 0.0 { 0x8000 } else { 0 };
    let percent = u16::from(whole(plant.charge_percent()).to_be_bytes()[1]);
    // Tags in their order, as the devices send them; that of the charge has one byte.
    for (tag, word) in [
        (0x80, 31),
        (0x81, 24),
        (0x82, 25),
        (0x83, whole(plant.battery_v() * 100.0)),
        (0x84, whole(plant.battery_a().abs() * BATTERY_PART * 100.0) | direction),
        (0x85, percent),
        (0x87, 57),
        (0x8A, 16),
    ] {
        let [high, low] = u16::to_be_bytes(word);
        values.push(tag);
        values.extend((tag != 0x85).then_some(high));
        values.push(low);
    }
    values.extend([0xAA, 0, 0, 0, BATTERY_AH, 0xAB, 1, 0xAC, 1]);
    let mut frame = vec![0x4E, 0x57, 0, 0, 0, 0, 0, 0, 6, 0, 1];
    frame.extend(values);
    frame.extend([0, 0, 0, 0, 0x68]);
    let len = u16::try_from(frame.len() + 2).unwrap_or(u16::MAX).to_be_bytes();
    frame.splice(2..4, len);
    let sum = frame.iter().fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    frame.extend([0, 0]);
    frame.extend(sum.to_be_bytes());
    frame
}

fn vedirect(plant: &Plant) -> Vec<u8> {
    let lines = [
        ("PID", "0xA056".to_owned()),
        ("V", format!("{:.0}", plant.battery_v() * 1000.0)),
        ("I", format!("{:.0}", charger_a(plant) * 1000.0)),
        ("VPV", "120500".to_owned()),
        ("PPV", format!("{:.0}", plant.solar_w() * (1.0 - INVERTER_SUN))),
        ("CS", if plant.solar_w() > 0.0 { "3" } else { "0" }.to_owned()),
        ("ERR", "0".to_owned()),
    ];
    let text: String = lines
        .iter()
        .map(|(label, value)| format!("\r\n{label}\t{value}"))
        .collect();
    let mut block = text.into_bytes();
    block.extend(b"\r\nChecksum\t");
    block.push(sum(&block).wrapping_neg());
    block
}
