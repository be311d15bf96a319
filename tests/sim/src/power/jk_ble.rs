//! A JK battery with 32 slots for cells (JK02_32), as it answers by Bluetooth: records of 300 bytes.
//!
//! Made from the maker's layout, and on purpose from nothing that the readers of these bytes use.

use super::plant::Plant;

/// Bytes of a record; the last is the sum of the others.
const RECORD: usize = 300;
/// Bytes of a question.
const QUESTION: usize = 20;
const CELLS: u8 = 16;

/// The record that answers a question; none to anything else.
#[must_use]
pub fn jk_ble(plant: &Plant, question: &[u8]) -> Option<Vec<u8>> {
    let (sum, covered) = question.split_last()?;
    let fits = question.len() == QUESTION && covered.starts_with(&[0xAA, 0x55, 0x90, 0xEB]) && *sum == total(covered);
    match question.get(4) {
        Some(0x96) if fits => Some(cells(plant)),
        Some(0x97) if fits => Some(info()),
        _ => None,
    }
}

fn total(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// A record of this type with these bytes at these places.
fn record(kind: u8, parts: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let mut record = vec![0x55, 0xAA, 0xEB, 0x90, kind, 1];
    record.resize(RECORD - 1, 0);
    for (at, bytes) in parts {
        record
            .iter_mut()
            .skip(*at)
            .zip(bytes)
            .for_each(|(slot, byte)| *slot = *byte);
    }
    record.push(total(&record));
    record
}

/// Thousandths, as near as they come.
fn milli(value: f64) -> i32 {
    let value = (value * 1000.0).round().clamp(f64::from(i32::MIN), f64::from(i32::MAX));
    // Checked: the cast of a whole number within the range of the type is exact.
    #[expect(clippy::cast_possible_truncation)]
    let value = value as i32;
    value
}

fn low16(value: i32) -> Vec<u8> {
    value.to_le_bytes().into_iter().take(2).collect()
}

pub(super) fn cells(plant: &Plant) -> Vec<u8> {
    let cells: Vec<i32> = (0..CELLS).map(|cell| milli(plant.cell_v(cell))).collect();
    let sum: i32 = cells.iter().sum();
    let spread = cells
        .iter()
        .max()
        .zip(cells.iter().min())
        .map_or(0, |(highest, lowest)| highest - lowest);
    let voltages: Vec<u8> = cells.iter().flat_map(|cell| low16(*cell)).collect();
    let current = milli(plant.battery_a());
    let power = milli(plant.battery_w().abs());
    let charge = milli(plant.charge_percent() / 1000.0)
        .to_le_bytes()
        .into_iter()
        .take(1)
        .collect();
    record(
        2,
        &[
            (6, voltages),
            (74, low16(sum / i32::from(CELLS))),
            (76, low16(spread)),
            (144, low16(310)),
            (150, sum.to_le_bytes().to_vec()),
            (154, power.to_le_bytes().to_vec()),
            (158, current.to_le_bytes().to_vec()),
            (162, low16(240)),
            (164, low16(250)),
            (173, charge),
            (
                174,
                milli(280.0 * plant.charge_percent() / 100.0).to_le_bytes().to_vec(),
            ),
            (178, milli(280.0).to_le_bytes().to_vec()),
            (182, 57_i32.to_le_bytes().to_vec()),
        ],
    )
}

pub(super) fn info() -> Vec<u8> {
    let text = |at: usize, text: &str| (at, text.as_bytes().to_vec());
    record(
        3,
        &[
            text(6, "JK_B2A24S15P"),
            text(22, "11.XW"),
            text(30, "11.26"),
            text(46, "shed"),
            text(78, "230115"),
            text(86, "2081234567"),
        ],
    )
}
