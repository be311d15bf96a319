//! Plants of one and of several devices: what adds up and what does not.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use model::Timestamp;
use model::power::{
    DeviceClass, DeviceState, DeviceStatus, LineQuality, Measured, PowerReading, PowerValue, ReadingQuality,
    ReadingRole,
};

use super::*;
use ReadingRole as R;

const NOON_MS: i64 = 1_793_534_400_000;

fn now_at(second: i64) -> Moment {
    let began = Instant::now();
    Moment {
        at: Timestamp::from_unix_ms(NOON_MS + second * 1000),
        steady: began + Duration::from_secs(u64::try_from(second).unwrap()),
    }
}

fn reading(role: ReadingRole, unit_number: Option<u8>, value: PowerValue, at: Timestamp) -> PowerReading {
    PowerReading {
        measured: Measured {
            value: Some(value),
            unit: String::new(),
            gap: None,
        },
        at,
        quality: ReadingQuality::Good,
        role: Some(role),
        unit_number,
    }
}

fn device(name: &str, class: DeviceClass, values: &[(ReadingRole, f64)]) -> Device {
    let at = Timestamp::from_unix_ms(NOON_MS);
    let named = |(n, (role, value)): (usize, &(ReadingRole, f64))| {
        (format!("x{n}"), reading(*role, None, PowerValue::Number(*value), at))
    };
    Device {
        name: name.to_owned(),
        status: DeviceStatus {
            protocol: "pi30".to_owned(),
            class,
            port: "/dev/x".to_owned(),
            state: DeviceState::Online,
            since: at,
            attempts: 0,
            next_try: None,
            problem: None,
            alarms: Vec::new(),
            quality: LineQuality::default(),
        },
        readings: values.iter().enumerate().map(named).collect(),
        settings: BTreeMap::new(),
    }
}

/// Adds what a device tells of one unit of a parallel system.
fn with_unit(mut device: Device, number: u8, serial: &str, load_w: f64) -> Device {
    let at = Timestamp::from_unix_ms(NOON_MS);
    let text = PowerValue::Text(serial.to_owned());
    device.readings.insert(
        format!("unit_{number}_serial"),
        reading(R::Serial, Some(number), text, at),
    );
    let load = reading(R::LoadPower, Some(number), PowerValue::Number(load_w), at);
    device.readings.insert(format!("unit_{number}_load"), load);
    device
}

fn inverter(name: &str) -> Device {
    let values = [
        (R::SolarPower, 500.0),
        (R::LoadPower, 300.0),
        (R::BatteryVoltage, 52.0),
        (R::BatteryChargeCurrent, 4.0),
        (R::BatteryDischargeCurrent, 0.0),
        (R::StateOfCharge, 90.0),
        (R::GridVoltage, 0.0),
    ];
    device(name, DeviceClass::Inverter, &values)
}

fn battery(name: &str, amperes: f64, percent: f64, full_ah: f64) -> Device {
    let values = [
        (R::BatteryVoltage, 53.0),
        (R::BatteryCurrent, amperes),
        (R::StateOfCharge, percent),
        (R::FullCapacity, full_ah),
        (R::CellVoltage, 3.30),
        (R::CellVoltage, 3.34),
        (R::CellVoltage, 0.0),
    ];
    device(name, DeviceClass::Battery, &values)
}

fn charger(name: &str) -> Device {
    let values = [
        (R::SolarPower, 200.0),
        (R::BatteryVoltage, 52.5),
        (R::BatteryCurrent, 3.5),
    ];
    device(name, DeviceClass::Charger, &values)
}

fn config(devices: &[Device]) -> PowerConfig {
    devices
        .iter()
        .map(|device| (device.name.clone(), DeviceConfig::default()))
        .collect()
}

fn look(devices: &[Device]) -> PowerSystem {
    Overview::new(&config(devices), Memory::default())
        .step(now_at(1), devices)
        .0
}

#[test]
fn sun_and_load_add_up_and_the_batteries_know_their_current_best() {
    let devices = [
        inverter("inverter"),
        charger("charger"),
        battery("a", 5.0, 80.0, 100.0),
        battery("b", 2.0, 60.0, 300.0),
    ];
    let system = rounded(look(&devices));
    assert_eq!(
        (system.solar_w, system.load_w, system.grid_w),
        (Some(700.0), Some(300.0), Some(0.0))
    );
    let [bank] = system.banks.as_slice() else {
        panic!("{system:?}")
    };
    assert_eq!(bank.devices, ["a", "b"]);
    assert_eq!((bank.battery_a, bank.battery_v), (Some(7.0), Some(53.0)));
    assert_eq!((bank.cell_min_v, bank.cell_max_v), (Some(3.3), Some(3.34)));
    assert_eq!(system.battery_w, Some(371.0));
    assert_eq!(system.charge_percent, Some(65.0), "a small battery counts less");
    assert_eq!(system.toward, Some(Toward::Full));
    assert_eq!(system.remaining_s, Some(72_000), "140 Ah at 7 A");
    assert!(system.stale.is_empty() && system.units.is_empty());
}

#[test]
fn without_a_battery_that_speaks_the_currents_of_inverter_and_charger_add_up() {
    let system = rounded(look(&[inverter("inverter"), charger("charger")]));
    let [bank] = system.banks.as_slice() else {
        panic!("{system:?}")
    };
    assert_eq!((bank.battery_a, bank.charge_percent), (Some(7.5), Some(90.0)));
    assert_eq!(system.remaining_s, None, "nobody knows the capacity");
}

#[test]
fn monitor_beside_batteries_that_speak_is_not_counted_again_and_alone_is_believed() {
    let values = [
        (R::BatteryVoltage, 52.0),
        (R::BatteryCurrent, 7.2),
        (R::StateOfCharge, 70.0),
    ];
    let monitor = device("monitor", DeviceClass::Charger, &values);
    let amperes = |devices: &[Device]| look(devices).banks[0].battery_a;
    let all = [inverter("inverter"), battery("a", 7.0, 80.0, 100.0), monitor.clone()];
    assert_eq!(amperes(&all), Some(7.0));
    assert_eq!(amperes(&[inverter("inverter"), monitor]), Some(7.2));
}

#[test]
fn device_that_counts_what_leaves_the_battery_is_turned_round() {
    let values = [(R::BatteryVoltage, 50.0), (R::BatteryDischargeCurrent, 10.0)];
    let mut daly = device("daly", DeviceClass::Battery, &values);
    assert_eq!(look(std::slice::from_ref(&daly)).battery_w, Some(-500.0));
    daly.readings.insert(
        "soc".to_owned(),
        reading(
            R::StateOfCharge,
            None,
            PowerValue::Int(50),
            Timestamp::from_unix_ms(NOON_MS),
        ),
    );
    let mut config = config(std::slice::from_ref(&daly));
    config.devices.get_mut("daly").unwrap().capacity_ah = 200.0;
    let (system, _) = Overview::new(&config, Memory::default()).step(now_at(1), &[daly]);
    assert_eq!((system.remaining_s, system.toward), (Some(36_000), Some(Toward::Empty)));
}

#[test]
fn old_values_are_not_counted_and_what_lacks_a_part_is_unknown() {
    let mut silent = battery("b", 2.0, 60.0, 300.0);
    for reading in silent.readings.values_mut() {
        reading.at = Timestamp::from_unix_ms(NOON_MS - 60_000);
    }
    let mut gone = charger("charger");
    gone.status.state = DeviceState::Offline;
    let system = look(&[inverter("inverter"), battery("a", 5.0, 80.0, 100.0), silent, gone]);
    assert_eq!(system.stale, ["b", "charger"]);
    assert_eq!(
        system.battery_w, None,
        "half of the batteries is not the current of all"
    );
    assert_eq!((system.solar_w, system.charge_percent), (Some(500.0), Some(80.0)));
}

#[test]
fn device_that_never_showed_itself_is_stale() {
    let mut config = config(&[inverter("inverter")]);
    config.devices.insert("battery".to_owned(), DeviceConfig::default());
    let (system, _) = Overview::new(&config, Memory::default()).step(now_at(1), &[inverter("inverter")]);
    assert_eq!(system.stale, ["battery"]);
}

#[test]
fn units_of_a_parallel_system_count_once_whoever_tells_of_them() {
    let tells = |name: &str| {
        let device = with_unit(inverter(name), 0, "92931701100510", 400.0);
        let device = with_unit(device, 1, "92931701100511", 250.0);
        with_unit(device, 2, "00000000000000", 0.0)
    };
    let system = look(&[tells("left"), tells("right")]);
    let units: Vec<(&str, u8)> = system
        .units
        .iter()
        .map(|unit| (unit.device.as_str(), unit.unit))
        .collect();
    assert_eq!(units, [("left", 0), ("left", 1)]);
    let own_load_again = system.load_w;
    assert_eq!(
        own_load_again,
        Some(650.0),
        "neither the second teller nor a device's own word counts beside the units"
    );
}

#[test]
fn banks_are_told_apart() {
    let devices = [battery("a", 5.0, 80.0, 100.0), battery("b", -1.0, 20.0, 100.0)];
    let mut config = config(&devices);
    config.devices.get_mut("b").unwrap().bank = "radio".to_owned();
    let (system, _) = Overview::new(&config, Memory::default()).step(now_at(1), &devices);
    let names: Vec<&str> = system.banks.iter().map(|bank| bank.name.as_str()).collect();
    assert_eq!(names, ["main", "radio"]);
    assert_eq!(
        (system.battery_w, system.charge_percent),
        (Some(4.0 * 53.0), Some(50.0))
    );
    assert_eq!(system.battery_v, None);
}

#[test]
fn energy_of_today_survives_and_gaps_and_midnight_count_for_nothing() {
    let began = Instant::now();
    let mut overview = Overview::new(&config(&[inverter("inverter")]), Memory::default());
    let step = |overview: &mut Overview, second: u64| {
        let now = Moment {
            at: Timestamp::from_unix_ms(NOON_MS + i64::try_from(second).unwrap() * 1000),
            steady: began + Duration::from_secs(second),
        };
        let mut device = inverter("inverter");
        for reading in device.readings.values_mut() {
            reading.at = now.at;
        }
        overview.step(now, &[device]).0
    };
    for second in (0..=3600).step_by(60) {
        step(&mut overview, second);
    }
    let kept = serde_json::to_string(overview.memory()).unwrap();
    let mut next = Overview::new(&config(&[inverter("inverter")]), serde_json::from_str(&kept).unwrap());
    step(&mut next, 3630);
    let system = rounded(step(&mut next, 3690));
    assert_eq!(system.solar_wh_today, Some(508.0), "an hour and a minute of 500 W");
    assert_eq!(rounded(step(&mut next, 7200)).solar_wh_today, Some(508.0));
    assert_eq!(step(&mut next, 50_000).solar_wh_today, None, "another day");
}

/// Days of a plant, one look every five seconds; sun from 8 to 16 o'clock where `shines` says so.
fn days(hours: std::ops::Range<i64>, sun: &mut Sun, shines: impl Fn(i64) -> bool) -> Vec<(i64, &'static str)> {
    let mut told = Vec::new();
    for second in (hours.start * 3600..hours.end * 3600).step_by(5) {
        let hour = second / 3600;
        let is_day = (8..16).contains(&(hour % 24));
        let solar_w = if is_day && shines(hour) { 800.0 } else { 1.0 };
        let event = sun.take(Timestamp::from_unix_ms(second * 1000), solar_w);
        told.extend(event.map(|event| (hour, model::EventData::event_type(&event))));
    }
    told
}

#[test]
fn sun_that_stays_away_at_its_hours_is_an_alarm_and_night_is_none() {
    let mut sun = Sun::default();
    assert_eq!(days(0..72, &mut sun, |_| true), []);
    let gone = |hour: i64| !(82..130).contains(&hour);
    assert_eq!(days(72..100, &mut sun, gone), [(84, "alarm_raised")]);
    let kept = serde_json::to_string(&sun).unwrap();
    let mut next: Sun = serde_json::from_str(&kept).unwrap();
    assert!(next.alarm().is_some());
    assert_eq!(days(100..160, &mut next, gone), [(130, "alarm_cleared")]);
}

#[test]
fn black_cloud_is_no_lost_sun() {
    let mut sun = Sun::default();
    days(0..48, &mut sun, |_| true);
    for second in (48 * 3600..72 * 3600).step_by(5) {
        let solar_w = if second % 600 == 0 { 30.0 } else { 2.0 };
        assert_eq!(sun.take(Timestamp::from_unix_ms(second * 1000), solar_w), None);
    }
}

#[test]
fn look_that_shows_nothing_new_is_not_shown() {
    let devices = [inverter("inverter")];
    let shown = rounded(look(&devices));
    let later = PowerSystem {
        at: shown.at + 1000,
        ..shown.clone()
    };
    assert!(!is_news(&shown, &later));
    assert!(is_news(&shown, &PowerSystem { load_w: None, ..later }));
}
