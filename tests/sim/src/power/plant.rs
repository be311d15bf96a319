//! A small solar plant: sun over the day, a battery, a load. Time goes in, watts and volts come out.

use std::f64::consts::PI;

use super::inverter::Inverter;

/// Peak of the panels, in watts.
const PANELS_W: f64 = 3200.0;
/// Energy of the full battery, in watt-hours: 16 cells of 280 Ah.
const BATTERY_WH: f64 = 14_300.0;
/// Cells in a row.
const CELLS: f64 = 16.0;
/// Voltage of an empty and of a full cell at rest, lithium iron phosphate.
const CELL_EMPTY_V: f64 = 3.0;
const CELL_FULL_V: f64 = 3.4;
/// Volts that a cell gives way for each ampere.
const CELL_OHM: f64 = 0.000_4;
/// Sunrise and length of the day, in hours.
const SUNRISE_H: f64 = 6.0;
const DAY_H: f64 = 12.0;

/// The plant at one moment.
#[derive(Clone, Debug)]
pub struct Plant {
    /// Hour of the day, 0 to 24.
    hour: f64,
    /// 0 to 1.
    charge: f64,
    /// How the inverter is set.
    pub(super) inverter: Inverter,
}

impl Plant {
    /// A plant at this hour with the battery as full as this (0 to 1).
    #[must_use]
    pub fn new(hour: f64, charge: f64) -> Plant {
        Plant {
            hour: hour.rem_euclid(24.0),
            charge: charge.clamp(0.0, 1.0),
            inverter: Inverter::default(),
        }
    }

    /// Lets time go by.
    pub fn advance(&mut self, seconds: f64) {
        let hours = seconds / 3600.0;
        self.charge = (self.charge + self.battery_w() * hours / BATTERY_WH).clamp(0.05, 1.0);
        self.hour = (self.hour + hours).rem_euclid(24.0);
    }

    /// From the sun: half a sine over the day, with a slow cloud before it.
    #[must_use]
    pub fn solar_w(&self) -> f64 {
        let sun = (PI * (self.hour - SUNRISE_H) / DAY_H).sin();
        let up = (SUNRISE_H..SUNRISE_H + DAY_H).contains(&self.hour);
        let cloud = 0.85 + 0.15 * (self.hour * 40.0).sin();
        if up { PANELS_W * sun * cloud } else { 0.0 }
    }

    /// Into the load: a repeater at rest, and what comes and goes beside it.
    #[must_use]
    pub fn load_w(&self) -> f64 {
        420.0 + 180.0 * (self.hour * 25.0).sin().max(0.0)
    }

    /// Into the battery; below zero: out of it.
    #[must_use]
    pub fn battery_w(&self) -> f64 {
        let left = self.solar_w() - self.load_w();
        if self.charge >= 1.0 { left.min(0.0) } else { left }
    }

    /// Into the battery, in amperes.
    #[must_use]
    pub fn battery_a(&self) -> f64 {
        self.battery_w() / (CELLS * (CELL_EMPTY_V + CELL_FULL_V) / 2.0)
    }

    /// One cell of the sixteen; they differ a little.
    #[must_use]
    pub fn cell_v(&self, cell: u8) -> f64 {
        let rest = CELL_EMPTY_V + (CELL_FULL_V - CELL_EMPTY_V) * self.charge;
        rest + self.battery_a() * CELL_OHM + f64::from(cell % 4) * 0.002
    }

    /// The whole battery.
    #[must_use]
    pub fn battery_v(&self) -> f64 {
        (0..16).map(|cell| self.cell_v(cell)).sum()
    }

    /// Percent.
    #[must_use]
    pub fn charge_percent(&self) -> f64 {
        self.charge * 100.0
    }
}
