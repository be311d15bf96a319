//! A row of the history as bytes: a year of a device in a few megabytes.
//!
//! ```text
//! row    = version, series*
//! series = id, count·2 + has energy, min, mean - min, max - min, energy in mWh    each a number of 7 bits a byte
//! ```
//!
//! Figures are thousandths. Most readings hardly change within a minute, and then the differences take a byte each.

use model::power::{ReadingRole, Rollup};

/// The form of the bytes behind it.
const VERSION: u8 = 1;
/// Thousandths in a whole.
const THOUSAND: f64 = 1000.0;

/// The figures of one series in one row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) series: u32,
    pub(super) count: u32,
    pub(super) min: f64,
    pub(super) mean: f64,
    pub(super) max: f64,
    pub(super) energy_wh: Option<f64>,
}

impl Point {
    pub(super) fn new(series: u32, rollup: &Rollup) -> Point {
        Point {
            series,
            count: rollup.count,
            min: rollup.min,
            mean: rollup.mean,
            max: rollup.max,
            energy_wh: rollup.energy_wh,
        }
    }

    /// Takes in another point of the same series.
    pub(super) fn merge(&mut self, other: &Point) {
        let mut merged = self.rollup();
        merged.merge(&other.rollup());
        *self = Point::new(self.series, &merged);
    }

    fn rollup(&self) -> Rollup {
        Rollup {
            unit: String::new(),
            role: ReadingRole::Switch,
            count: self.count,
            min: self.min,
            mean: self.mean,
            max: self.max,
            energy_wh: self.energy_wh,
        }
    }
}

/// The bytes of a row.
pub(super) fn pack(points: &[Point]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    for point in points {
        let (min, mean, max) = (thousandths(point.min), thousandths(point.mean), thousandths(point.max));
        put(&mut bytes, u64::from(point.series));
        let has_energy = u64::from(point.energy_wh.is_some());
        put(&mut bytes, u64::from(point.count) << 1 | has_energy);
        put(&mut bytes, zigzag(min));
        put(&mut bytes, mean.saturating_sub(min).max(0).unsigned_abs());
        put(&mut bytes, max.saturating_sub(min).max(0).unsigned_abs());
        if let Some(energy_wh) = point.energy_wh {
            put(&mut bytes, zigzag(thousandths(energy_wh)));
        }
    }
    bytes
}

/// The points of a row; `None`: these bytes were not packed here.
pub(super) fn unpack(bytes: &[u8]) -> Option<Vec<Point>> {
    let (version, mut rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let mut points = Vec::new();
    while !rest.is_empty() {
        let series = u32::try_from(get(&mut rest)?).ok()?;
        let counted = get(&mut rest)?;
        let min = unzigzag(get(&mut rest)?);
        let mean = min.checked_add_unsigned(get(&mut rest)?)?;
        let max = min.checked_add_unsigned(get(&mut rest)?)?;
        let energy = (counted & 1 == 1).then(|| get(&mut rest).map(unzigzag));
        let energy_wh = match energy {
            Some(energy) => Some(whole(energy?)),
            None => None,
        };
        points.push(Point {
            series,
            count: u32::try_from(counted >> 1).ok()?,
            min: whole(min),
            mean: whole(mean),
            max: whole(max),
            energy_wh,
        });
    }
    Some(points)
}

/// The nearest thousandth; what is gathered is below 10^12, a day's energy of it fits.
fn thousandths(value: f64) -> i64 {
    let scaled = (value * THOUSAND).round();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast of floats saturates, which is what is wanted"
    )]
    let scaled = scaled as i64;
    scaled
}

#[expect(clippy::cast_precision_loss, reason = "exact below 2^53 thousandths")]
fn whole(thousandths: i64) -> f64 {
    thousandths as f64 / THOUSAND
}

/// Small numbers of either sign as small ones without.
fn zigzag(value: i64) -> u64 {
    let twice = value.unsigned_abs().wrapping_mul(2);
    if value < 0 { twice.wrapping_sub(1) } else { twice }
}

fn unzigzag(value: u64) -> i64 {
    let half = i64::try_from(value >> 1).unwrap_or(i64::MAX);
    if value & 1 == 0 { half } else { -half - 1 }
}

/// Seven bits a byte, the low ones first; the eighth bit says that more follow.
fn put(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            bytes.push(low & 0x7F);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn get(bytes: &mut &[u8]) -> Option<u64> {
    let mut value: u64 = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn point()(
            series in 0_u32..1000,
            count in 0_u32..u32::MAX,
            (min, mean, max) in (-1e9_f64..1e9, 0.0_f64..1e6, 0.0_f64..1e6),
            energy in proptest::option::of(-1e9_f64..1e9),
        ) -> Point {
            Point { series, count, min, mean: min + mean, max: min + max, energy_wh: energy }
        }
    }

    proptest! {
        #[test]
        fn points_come_back_to_the_thousandth(points in prop::collection::vec(point(), 0..20)) {
            let back = unpack(&pack(&points)).unwrap();
            prop_assert_eq!(back.len(), points.len());
            for (a, b) in points.iter().zip(&back) {
                prop_assert_eq!((a.series, a.count, a.energy_wh.is_some()), (b.series, b.count, b.energy_wh.is_some()));
                let pairs = [(a.min, b.min), (a.mean, b.mean), (a.max, b.max)];
                let energy = (a.energy_wh.unwrap_or(0.0), b.energy_wh.unwrap_or(0.0));
                for (is, was) in pairs.into_iter().chain([energy]) {
                    prop_assert!((is - was).abs() <= 0.001, "{} {}", is, was);
                }
            }
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let versioned: Vec<u8> = [VERSION].into_iter().chain(bytes.iter().copied()).collect();
            for bytes in [&bytes, &versioned] {
                if let Some(points) = unpack(bytes) {
                    pack(&points);
                }
            }
        }
    }

    #[test]
    fn reading_that_stands_still_takes_few_bytes() {
        let point = Point {
            series: 7,
            count: 30,
            min: 52.9,
            mean: 52.9,
            max: 52.9,
            energy_wh: None,
        };
        assert_eq!(pack(&[point]).len(), 1 + 7);
    }
}
