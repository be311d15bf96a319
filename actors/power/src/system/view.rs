//! From the devices to the system: what adds up, what is the same thing told twice, what is too old.
//!
//! - The sun and the load of all devices add up. Inverters in parallel tell of each other: a unit counts once, by its serial
//!   number, and stands for what its device says of itself.
//! - A battery's own management knows its current. Where a bank has one, inverters and chargers are not asked; where it has
//!   none, the currents that they tell add up.
//! - A sum with a part missing is no sum.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;
use model::power::{
    AlarmOfDevice, BatteryBank, DeviceClass, DeviceState, PowerReading, PowerSystem, PowerValue, ReadingRole,
    SystemUnit,
};

use super::Member;
use crate::query::Device;

/// Below this there is no grid, in volts.
const NO_GRID_V: f64 = 10.0;
/// Cells below this voltage are not there: devices send zeros for the slots that are not used.
const CELL_THERE_V: f64 = 0.5;

/// What a device says that can be relied on now.
struct Fresh<'a> {
    name: &'a str,
    class: DeviceClass,
    bank: &'a str,
    capacity_ah: f64,
    readings: Vec<(ReadingRole, Option<u8>, &'a PowerReading)>,
}

/// The banks with what is in them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Charge {
    /// Ampere hours that the banks hold.
    pub(super) full_ah: f64,
    /// Ampere hours that are left.
    pub(super) left_ah: f64,
    /// Amperes into them.
    pub(super) into_a: f64,
}

/// Puts the devices together; `charge` where all banks tell what they hold and what goes in.
pub(super) fn look(
    now: Timestamp,
    members: &BTreeMap<String, Member>,
    devices: &[Device],
) -> (PowerSystem, Option<Charge>) {
    let fresh: Vec<Fresh<'_>> = devices
        .iter()
        .filter_map(|device| fresh(now, members.get(&device.name)?, device))
        .collect();
    let is_fresh = |name: &String| fresh.iter().any(|device| device.name == name);
    let stale = members.keys().filter(|name| !is_fresh(name)).cloned().collect();
    let units = units(&fresh);
    let (banks, charge) = banks(members, devices, &fresh);
    let system = PowerSystem {
        at: now.unix_ms(),
        solar_w: solar(&fresh),
        load_w: load(&fresh, &units),
        grid_w: grid(&fresh),
        battery_w: total(banks.iter().map(|bank| Some(bank.battery_v? * bank.battery_a?))),
        charge_percent: charge_percent(&banks, charge.as_ref()),
        battery_v: match banks.as_slice() {
            [bank] => bank.battery_v,
            _ => None,
        },
        banks,
        units,
        alarms: alarms(devices),
        stale,
        ..PowerSystem::default()
    };
    (system, charge)
}

/// `None`: the device is away, or all that is known of it is too old.
fn fresh<'a>(now: Timestamp, member: &'a Member, device: &'a Device) -> Option<Fresh<'a>> {
    if !matches!(device.status.state, DeviceState::Online | DeviceState::Degraded) {
        return None;
    }
    let readings: Vec<_> = device
        .readings
        .values()
        .filter(|reading| now.since(reading.at) <= member.fresh_for)
        .filter_map(|reading| Some((reading.role?, reading.unit_number, reading)))
        .collect();
    (!readings.is_empty()).then_some(Fresh {
        name: &device.name,
        class: device.status.class,
        bank: &member.bank,
        capacity_ah: member.capacity_ah,
        readings,
    })
}

impl Fresh<'_> {
    fn all(&self, role: ReadingRole, unit: Option<u8>) -> impl Iterator<Item = &PowerReading> {
        let wanted = self
            .readings
            .iter()
            .filter(move |(is, of, _)| *is == role && *of == unit);
        wanted.map(|(_, _, reading)| *reading)
    }

    fn numbers(&self, role: ReadingRole) -> impl Iterator<Item = f64> {
        self.all(role, None).filter_map(number)
    }

    fn first(&self, role: ReadingRole) -> Option<f64> {
        self.numbers(role).next()
    }

    fn sum(&self, role: ReadingRole) -> Option<f64> {
        self.numbers(role).reduce(|a, b| a + b)
    }

    /// The units of a parallel system that it tells of. A number that no unit has is answered with zeros.
    fn units(&self) -> impl Iterator<Item = (u8, Option<String>)> {
        let numbers: BTreeSet<u8> = self.readings.iter().filter_map(|(_, unit, _)| *unit).collect();
        let units = numbers.into_iter().map(|number| {
            let serial = self.all(ReadingRole::Serial, Some(number)).find_map(text);
            (number, serial)
        });
        units.filter(|(_, serial)| {
            !serial
                .as_ref()
                .is_some_and(|serial| serial.chars().all(|digit| digit == '0'))
        })
    }

    /// Whether it knows the battery itself, not only what it does to it: its own management, or a monitor, which tells the
    /// charge and has no panels.
    fn is_battery(&self) -> bool {
        let is_monitor =
            || self.first(ReadingRole::StateOfCharge).is_some() && self.first(ReadingRole::SolarPower).is_none();
        match self.class {
            DeviceClass::Battery => true,
            DeviceClass::Inverter => false,
            DeviceClass::Charger | DeviceClass::Meter => is_monitor(),
        }
    }

    fn volts(&self) -> Option<f64> {
        self.first(ReadingRole::BatteryVoltage)
    }

    /// Into the battery.
    fn amperes(&self) -> Option<f64> {
        let [net, into, out] = [
            ReadingRole::BatteryCurrent,
            ReadingRole::BatteryChargeCurrent,
            ReadingRole::BatteryDischargeCurrent,
        ]
        .map(|role| self.first(role));
        let by_power = || Some(self.first(ReadingRole::BatteryPower)? / self.volts().filter(|volts| *volts > 0.0)?);
        let told = net.or(match (into, out) {
            (Some(into), Some(out)) => Some(into - out),
            (None, Some(out)) => Some(-out),
            // Whoever tells only of charging says nothing by a zero, unless it can do nothing else.
            (Some(into), None) if into > 0.0 || self.class == DeviceClass::Charger => Some(into),
            (Some(_) | None, None) => None,
        });
        told.or_else(by_power)
    }

    fn full_ah(&self) -> Option<f64> {
        let told = self.first(ReadingRole::FullCapacity).filter(|full| *full > 0.0);
        told.or((self.capacity_ah > 0.0).then_some(self.capacity_ah))
    }

    fn left_ah(&self) -> Option<f64> {
        let by_percent = || Some(self.full_ah()? * self.first(ReadingRole::StateOfCharge)? / 100.0);
        self.first(ReadingRole::RemainingCapacity).or_else(by_percent)
    }
}

fn number(reading: &PowerReading) -> Option<f64> {
    reading.measured.value.as_ref().and_then(PowerValue::number)
}

fn text(reading: &PowerReading) -> Option<String> {
    match reading.measured.value.as_ref()? {
        PowerValue::Text(text) => Some(text.clone()),
        PowerValue::Int(number) => Some(number.to_string()),
        PowerValue::Number(_) => None,
    }
}

/// The sum, if nothing is missing and there is anything.
fn total(parts: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let parts: Option<Vec<f64>> = parts.into_iter().collect();
    parts?.into_iter().reduce(|a, b| a + b)
}

fn solar(fresh: &[Fresh<'_>]) -> Option<f64> {
    let parts = fresh.iter().filter_map(|device| device.sum(ReadingRole::SolarPower));
    parts.reduce(|a, b| a + b)
}

fn load(fresh: &[Fresh<'_>], units: &[SystemUnit]) -> Option<f64> {
    // A device that tells of units is one of them itself.
    let alone = fresh.iter().filter(|device| device.units().next().is_none());
    let alone = alone.filter_map(|device| {
        let by_current = || Some(device.sum(ReadingRole::LoadCurrent)? * device.volts()?);
        device.sum(ReadingRole::LoadPower).or_else(by_current)
    });
    let of_units = units.iter().map(|unit| unit.load_w);
    total(alone.map(Some).chain(of_units))
}

fn grid(fresh: &[Fresh<'_>]) -> Option<f64> {
    let of = |device: &Fresh<'_>| {
        let drawn = device.sum(ReadingRole::GridPower);
        let fed = device.sum(ReadingRole::GridFeedPower);
        let is_there = device.first(ReadingRole::GridVoltage).map(|volts| volts >= NO_GRID_V);
        match (drawn, fed, is_there) {
            (Some(drawn), fed, _) => Some(drawn - fed.unwrap_or(0.0)),
            (None, Some(fed), _) if fed > 0.0 => Some(-fed),
            (None, _, Some(false)) => Some(0.0),
            (None, _, Some(true) | None) => None,
        }
    };
    total(
        fresh
            .iter()
            .filter(|device| device.class == DeviceClass::Inverter)
            .map(of),
    )
}

/// The inverters of parallel systems: each once, though every one of them may tell of it.
fn units(fresh: &[Fresh<'_>]) -> Vec<SystemUnit> {
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut units = Vec::new();
    for device in fresh {
        for (number, serial) in device.units() {
            let of = |role: ReadingRole| device.all(role, Some(number));
            if serial.clone().is_some_and(|serial| !known.insert(serial)) {
                continue;
            }
            let load = of(ReadingRole::LoadPower).filter_map(self::number);
            units.push(SystemUnit {
                device: device.name.to_owned(),
                unit: number,
                serial,
                mode: of(ReadingRole::Mode).find_map(text),
                load_w: load.reduce(|a, b| a + b),
            });
        }
    }
    units
}

/// The banks, and what they hold where all of them tell.
fn banks(
    members: &BTreeMap<String, Member>,
    devices: &[Device],
    fresh: &[Fresh<'_>],
) -> (Vec<BatteryBank>, Option<Charge>) {
    let names: BTreeSet<&str> = fresh.iter().map(|device| device.bank).collect();
    let mut charge = Some(Charge::default());
    let mut banks = Vec::new();
    for name in names {
        let here: Vec<&Fresh<'_>> = fresh.iter().filter(|device| device.bank == name).collect();
        let has_battery = here.iter().any(|device| device.is_battery());
        // Beside batteries that speak, a monitor tells of the same current once more.
        let has_own = here.iter().any(|device| device.class == DeviceClass::Battery);
        let tells = |device: &&Fresh<'_>| {
            let is_asked = !has_own || device.class == DeviceClass::Battery;
            is_asked && device.is_battery() == has_battery && device.volts().is_some()
        };
        let tellers: Vec<&Fresh<'_>> = here.into_iter().filter(tells).collect();
        if tellers.is_empty() {
            continue;
        }
        let is_whole = !has_battery || !has_silent_battery(members, devices, fresh, name);
        let bank = bank(name, &tellers, is_whole);
        charge = charge.and_then(|sum| sum.with(&tellers, has_battery, bank.battery_a?));
        banks.push(bank);
    }
    (banks, charge.filter(|charge| charge.full_ah > 0.0))
}

/// Whether a battery of this bank cannot be counted: the currents of the others are then not all of it.
fn has_silent_battery(members: &BTreeMap<String, Member>, devices: &[Device], fresh: &[Fresh<'_>], bank: &str) -> bool {
    members.iter().any(|(name, member)| {
        let is_battery = |device: &Device| device.name == *name && device.status.class == DeviceClass::Battery;
        let is_fresh = fresh.iter().any(|device| device.name == *name);
        member.bank == bank && !is_fresh && devices.iter().any(is_battery)
    })
}

fn bank(name: &str, tellers: &[&Fresh<'_>], is_whole: bool) -> BatteryBank {
    let mean = |of: &dyn Fn(&Fresh<'_>) -> Option<f64>| {
        let values: Vec<f64> = tellers.iter().filter_map(|device| of(device)).collect();
        let count = u32::try_from(values.len()).ok().filter(|count| *count > 0)?;
        Some(values.iter().sum::<f64>() / f64::from(count))
    };
    let cells = tellers
        .iter()
        .flat_map(|device| device.numbers(ReadingRole::CellVoltage));
    let cells: Vec<f64> = cells.filter(|volts| *volts > CELL_THERE_V).collect();
    let by_capacity = || {
        let full = total(tellers.iter().map(|device| device.full_ah()))?;
        Some(total(tellers.iter().map(|device| device.left_ah()))? / full * 100.0)
    };
    let are_batteries = tellers.iter().all(|device| device.is_battery());
    BatteryBank {
        name: name.to_owned(),
        devices: tellers.iter().map(|device| device.name.to_owned()).collect(),
        charge_percent: by_capacity()
            .filter(|_| are_batteries)
            .or_else(|| mean(&|device| device.first(ReadingRole::StateOfCharge)))
            .map(|percent| percent.clamp(0.0, 100.0)),
        battery_v: mean(&|device| device.volts()),
        battery_a: total(tellers.iter().map(|device| device.amperes())).filter(|_| is_whole),
        cell_min_v: cells.iter().copied().reduce(f64::min),
        cell_max_v: cells.iter().copied().reduce(f64::max),
    }
}

impl Charge {
    /// With another bank. Batteries add up; inverters and chargers without them all speak of the same one.
    fn with(self, tellers: &[&Fresh<'_>], are_batteries: bool, into_a: f64) -> Option<Charge> {
        let [full, left] = if are_batteries {
            let sum = |of: &dyn Fn(&Fresh<'_>) -> Option<f64>| total(tellers.iter().map(|device| of(device)));
            [sum(&|device| device.full_ah())?, sum(&|device| device.left_ah())?]
        } else {
            let known = |device: &&&Fresh<'_>| device.full_ah().is_some() && device.left_ah().is_some();
            let teller = tellers.iter().find(known)?;
            [teller.full_ah()?, teller.left_ah()?]
        };
        Some(Charge {
            full_ah: self.full_ah + full,
            left_ah: self.left_ah + left,
            into_a: self.into_a + into_a,
        })
    }
}

/// By capacity where all banks tell it, otherwise that of the one bank there is.
fn charge_percent(banks: &[BatteryBank], charge: Option<&Charge>) -> Option<f64> {
    match (banks, charge) {
        ([bank], _) => bank.charge_percent,
        (_, Some(charge)) => Some((charge.left_ah / charge.full_ah * 100.0).clamp(0.0, 100.0)),
        (_, None) => None,
    }
}

fn alarms(devices: &[Device]) -> Vec<AlarmOfDevice> {
    let of = |device: &Device| {
        let name = device.name.clone();
        let owned = move |alarm| AlarmOfDevice {
            device: name.clone(),
            alarm,
        };
        device.status.alarms.clone().into_iter().map(owned)
    };
    devices.iter().flat_map(of).collect()
}
