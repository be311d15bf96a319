//! Devices on RS-485: batteries of JBD, of JK (active balancer, PB series) and an inverter that speaks Modbus (SMG-II).
//!
//! Each answers the requests that are its own and is silent to everything else, as devices on a shared line are.

use super::device::{BATTERY_AH, BATTERY_PART, INVERTER_SUN, sum, whole};
use super::jk_ble::{cells, info};
use super::plant::Plant;

const CELLS: u8 = 16;
/// Slots for cells of the balancer.
const SLOTS: u8 = 24;
/// The address of each.
const ADDRESS: u8 = 1;
/// The first register of the inverter's live values.
const LIVE: u16 = 201;

/// In two's complement.
fn signed(value: f64) -> u16 {
    if value < 0.0 {
        whole(-value).wrapping_neg()
    } else {
        whole(value)
    }
}

fn words(values: impl IntoIterator<Item = u16>) -> Vec<u8> {
    values.into_iter().flat_map(u16::to_be_bytes).collect()
}

fn cell_mv(plant: &Plant, cell: u8) -> u16 {
    whole(plant.cell_v(cell) * 1000.0)
}

/// `DD A5 opcode 00 check 77`.
pub(super) fn jbd(plant: &Plant, question: &[u8]) -> Vec<u8> {
    let [0xDD, 0xA5, opcode, 0, _, _, 0x77] = question else {
        return Vec::new();
    };
    let (status, data) = match opcode {
        3 => (0, jbd_pack(plant)),
        4 => (0, words((0..CELLS).map(|cell| cell_mv(plant, cell)))),
        5 => (0, b"JBD-SP16S020".to_vec()),
        _ => (0x80, Vec::new()),
    };
    let mut counted = vec![status, u8::try_from(data.len()).unwrap_or(u8::MAX)];
    counted.extend(data);
    let total = counted
        .iter()
        .fold(0_u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
    let mut frame = vec![0xDD, *opcode];
    frame.extend(counted);
    frame.extend(total.wrapping_neg().to_be_bytes());
    frame.push(0x77);
    frame
}

fn jbd_pack(plant: &Plant) -> Vec<u8> {
    let full = f64::from(BATTERY_AH);
    let mut data = words([
        whole(plant.battery_v() * 100.0),
        signed(plant.battery_a() * BATTERY_PART * 100.0),
        whole(full * plant.charge_percent()),
        whole(full * 100.0),
        57,
        0x2A6E,
        0,
        0,
        0,
    ]);
    let percent = whole(plant.charge_percent()).to_be_bytes()[1];
    data.extend([0x20, percent, 3, CELLS, 2]);
    data.extend(words([2731 + 240, 2731 + 250]));
    data
}

/// `55 AA address FF 00 00 sum`.
pub(super) fn jk_balancer(plant: &Plant, question: &[u8]) -> Vec<u8> {
    if !matches!(question, [0x55, 0xAA, ADDRESS, 0xFF, 0, 0, _]) {
        return Vec::new();
    }
    let all: Vec<u16> = (0..CELLS).map(|cell| cell_mv(plant, cell)).collect();
    let (lowest, highest) = all
        .iter()
        .fold((u16::MAX, 0), |(low, high), cell| (low.min(*cell), high.max(*cell)));
    let total: u32 = all.iter().copied().map(u32::from).sum();
    let mean = whole(f64::from(total) / f64::from(CELLS));
    let at = |value| (0..CELLS).find(|cell| cell_mv(plant, *cell) == value).unwrap_or(0) + 1;
    let mut frame = vec![0xEB, 0x90, ADDRESS, 0xFF];
    frame.extend(words([whole(plant.battery_v() * 100.0), mean]));
    frame.extend([CELLS, at(highest), at(lowest), 0, 0]);
    frame.extend(words([highest - lowest, 0, 5, 1000]));
    frame.extend([1, CELLS]);
    frame.extend(words(
        (0..SLOTS).map(|slot| all.get(usize::from(slot)).copied().unwrap_or(0)),
    ));
    frame.extend(words([24]));
    frame.push(sum(&frame));
    frame
}

/// A Modbus write of one register, answered by a record and then by its echo.
pub(super) fn jk_pb(plant: &Plant, question: &[u8]) -> Vec<u8> {
    let [ADDRESS, 0x10, 0x16, register, 0, 1, 2, 0, 0, _, _] = question else {
        return Vec::new();
    };
    let mut answer = match register {
        0x1C => info(),
        0x20 => cells(plant),
        _ => return Vec::new(),
    };
    answer.extend(checked(vec![ADDRESS, 0x10, 0x16, *register, 0, 1]));
    answer
}

/// Reads registers (function 3); the live values are there, and nothing else.
pub(super) fn smg2(plant: &Plant, question: &[u8]) -> Vec<u8> {
    let [ADDRESS, 3, high, low, count_high, count, _, _] = question else {
        return Vec::new();
    };
    let live = live(plant);
    let first = u16::from_be_bytes([*high, *low]).checked_sub(LIVE).map(usize::from);
    let count = usize::from(u16::from_be_bytes([*count_high, *count]));
    let read = first.and_then(|first| live.get(first..first.checked_add(count)?));
    let Some(read) = read else {
        // There is no such register.
        return checked(vec![ADDRESS, 0x83, 2]);
    };
    let data = words(read.iter().copied());
    let mut answer = vec![ADDRESS, 3, u8::try_from(data.len()).unwrap_or(u8::MAX)];
    answer.extend(data);
    checked(answer)
}

fn live(plant: &Plant) -> [u16; 34] {
    let (load, solar) = (plant.load_w(), plant.solar_w() * INVERTER_SUN);
    let mut live = [0; 34];
    for (slot, value) in [
        (0, 3.0),
        (4, 2300.0),
        (6, 5000.0),
        (7, load),
        (9, 2300.0),
        (11, 5000.0),
        (12, load),
        (13, load * 1.05),
        (14, plant.battery_v() * 10.0),
        (15, plant.battery_a() * 10.0),
        (16, plant.battery_w()),
        (18, 1205.0),
        (19, solar / 12.05),
        (22, solar),
        (24, load / 50.0),
        (25, 41.0),
        (26, 43.0),
        (28, plant.charge_percent()),
    ] {
        if let Some(register) = live.get_mut(slot) {
            *register = signed(value);
        }
    }
    live
}

/// With its CRC-16/MODBUS, low byte first.
fn checked(mut frame: Vec<u8>) -> Vec<u8> {
    let crc = frame.iter().fold(0xFFFF_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
            let shifted = crc >> 1;
            if crc & 1 == 0 { shifted } else { shifted ^ 0xA001 }
        })
    });
    frame.extend(crc.to_le_bytes());
    frame
}
