//! A device's life in virtual time: what happened goes in, facts come out.

use super::*;
use crate::protocol::Role;
use model::power::{AlarmKind, DeviceClass, Measured, PowerValue, ReadingQuality};

const SECOND: Duration = Duration::from_secs(1);
/// 2026-03-01 23:00 UTC.
const EVENING: i64 = 1_772_406_000_000;

struct Life {
    watch: Watch,
    now: Moment,
}

impl Life {
    fn new(memory: Memory) -> Life {
        let now = Moment {
            at: Timestamp::from_unix_ms(EVENING),
            steady: Instant::now(),
        };
        Life {
            watch: Watch::new(
                ("pi30", DeviceClass::Inverter),
                "/dev/x",
                AlarmConfig::default(),
                memory,
                now,
            ),
            now,
        }
    }

    fn after(&mut self, by: Duration) -> &mut Life {
        self.now = Moment {
            at: self.now.at.plus(by),
            steady: self.now.steady + by,
        };
        self
    }

    fn say(&mut self, happening: Happening<'_>) -> Vec<&'static str> {
        let events = self.watch.step(self.now, happening);
        events.iter().map(model::EventData::event_type).collect()
    }

    fn read(&mut self, name: &str, value: f64, role: Option<Role>) -> Vec<&'static str> {
        self.say(Happening::Answered {
            code: "QPIGS",
            taken: &[taken(name, value, role)],
        })
    }

    fn fail(&mut self) -> Vec<&'static str> {
        self.say(Happening::Failed {
            code: "QPIGS",
            reason: "no answer".to_owned(),
        })
    }
}

fn taken(name: &str, value: f64, role: Option<Role>) -> Taken {
    Taken {
        name: name.to_owned(),
        measured: Measured {
            value: Some(PowerValue::Number(value)),
            unit: "V".to_owned(),
            gap: None,
        },
        quality: ReadingQuality::Good,
        role,
        unit_number: None,
        is_clock: false,
    }
}

#[test]
fn device_goes_offline_after_three_questions_in_vain_and_comes_back_with_its_first_answer() {
    let mut life = Life::new(Memory::default());
    life.say(Happening::Opened);
    assert_eq!(life.watch.state(), DeviceState::Probing);
    assert_eq!(life.read("x", 1.0, None), ["reading_changed", "device_online"]);
    assert_eq!(life.fail(), [""; 0]);
    assert_eq!(life.watch.state(), DeviceState::Degraded);
    assert_eq!(life.fail(), [""; 0]);
    assert_eq!(life.fail(), ["device_offline"]);
    assert_eq!(life.watch.state(), DeviceState::Offline);
    assert_eq!(life.watch.status().problem.as_deref(), Some("QPIGS: no answer"));
    assert_eq!(life.read("x", 1.0, None), ["device_online"]);
}

#[test]
fn lost_device_counts_its_attempts_and_says_when_the_next_is() {
    let mut life = Life::new(Memory::default());
    let next_try = Timestamp::from_unix_ms(EVENING + 500);
    let lost = || Happening::Lost {
        reason: "no such device".to_owned(),
        next_try,
    };
    assert_eq!(life.say(lost()), ["device_offline"]);
    assert_eq!(life.say(lost()), [""; 0]);
    let status = life.watch.status();
    assert_eq!(
        (status.state, status.attempts, status.next_try),
        (DeviceState::Disconnected, 2, Some(next_try))
    );
}

#[test]
fn refused_command_leaves_the_device_online() {
    let mut life = Life::new(Memory::default());
    life.read("x", 1.0, None);
    assert_eq!(life.say(Happening::Refused { code: "QPIGS2" }), [""; 0]);
    assert_eq!(life.watch.state(), DeviceState::Online);
}

#[test]
fn next_incarnation_tells_nothing_twice() {
    let mut life = Life::new(Memory::default());
    assert!(
        life.read("soc", 10.0, Some(Role::StateOfCharge))
            .contains(&"alarm_raised")
    );
    let memory = serde_json::to_string(life.watch.memory()).unwrap();
    let mut next = Life::new(serde_json::from_str(&memory).unwrap());
    assert_eq!(next.read("soc", 10.0, Some(Role::StateOfCharge)), ["reading_changed"]);
}

#[test]
fn alarm_is_raised_at_its_limit_and_cleared_some_way_back_from_it() {
    let mut life = Life::new(Memory::default());
    let mut soc = |value| {
        let events = life.after(SECOND * 20).read("soc", value, Some(Role::StateOfCharge));
        events.into_iter().find(|event| event.starts_with("alarm"))
    };
    assert_eq!(soc(25.0), None);
    assert_eq!(soc(19.0), Some("alarm_raised"));
    assert_eq!(soc(18.0), None);
    assert_eq!(soc(21.0), None, "above the limit, but not by enough");
    assert_eq!(soc(23.0), Some("alarm_cleared"));
}

#[test]
fn cells_that_differ_raise_an_alarm_and_unused_slots_do_not() {
    let mut life = Life::new(Memory::default());
    let cells = [3.3, 3.31, 0.0].map(|volts| taken(&format!("cell{volts}"), volts, Some(Role::CellVoltage)));
    let events = life.watch.step(
        life.now,
        Happening::Answered {
            code: "",
            taken: &cells,
        },
    );
    assert!(!events.iter().any(|event| matches!(event, PowerEvent::AlarmRaised(_))));
    let cells = [3.3, 2.9].map(|volts| taken(&format!("cell{volts}"), volts, Some(Role::CellVoltage)));
    let events = life.watch.step(
        life.now,
        Happening::Answered {
            code: "",
            taken: &cells,
        },
    );
    let raised =
        |event: &PowerEvent| matches!(event, PowerEvent::AlarmRaised(alarm) if alarm.kind == AlarmKind::CellImbalance);
    assert!(events.iter().any(raised), "{events:?}");
}

#[test]
fn fault_bit_is_an_alarm_in_words() {
    let mut life = Life::new(Memory::default());
    let bit = |value: &str| Taken {
        measured: Measured {
            value: Some(PowerValue::Text(value.to_owned())),
            unit: String::new(),
            gap: None,
        },
        ..taken("battery_open_fault", 0.0, None)
    };
    let events = life.watch.step(
        life.now,
        Happening::Answered {
            code: "QPIWS",
            taken: &[bit("1")],
        },
    );
    let words =
        |event: &PowerEvent| matches!(event, PowerEvent::AlarmRaised(alarm) if alarm.text == "battery open fault");
    assert!(events.iter().any(words), "{events:?}");
    assert!(
        life.say(Happening::Answered {
            code: "QPIWS",
            taken: &[bit("0")]
        })
        .contains(&"alarm_cleared")
    );
}

#[test]
fn silent_device_raises_an_alarm_after_its_time_and_clears_it_when_it_speaks() {
    let mut life = Life::new(Memory::default());
    life.read("x", 1.0, None);
    for _ in 0..3 {
        life.fail();
    }
    assert_eq!(life.after(SECOND * 59).fail(), [""; 0]);
    assert_eq!(life.after(SECOND).fail(), ["alarm_raised"]);
    assert!(life.read("x", 1.0, None).contains(&"alarm_cleared"));
}

#[test]
fn reading_is_told_when_it_leaves_its_dead_band_and_every_five_minutes() {
    let mut life = Life::new(Memory::default());
    life.read("x", 100.0, None);
    assert_eq!(
        life.after(SECOND * 11).read("x", 100.9, None),
        [""; 0],
        "within one percent"
    );
    assert_eq!(life.after(SECOND * 11).read("x", 101.5, None), ["reading_changed"]);
    assert_eq!(
        life.after(SECOND).read("x", 200.0, None),
        [""; 0],
        "too soon after the last"
    );
    assert_eq!(
        life.after(SECOND * 10).read("x", 200.0, None),
        ["reading_changed"],
        "late, not lost"
    );
    assert_eq!(life.after(SECOND * 300).read("x", 200.0, None), ["reading_changed"]);
}

#[test]
fn energy_of_a_day_is_power_over_time_and_gaps_are_not_bridged() {
    let mut life = Life::new(Memory::default());
    let solar = Some(Role::SolarPower);
    for _ in 0..=60 {
        life.after(SECOND * 30).read("pv", 1000.0, solar);
    }
    life.after(SECOND * 1200).read("pv", 1000.0, solar);
    let events = life.watch.step(
        Moment {
            at: Timestamp::from_unix_ms(EVENING + 3_700_000),
            ..life.now
        },
        Happening::Answered {
            code: "QPIGS",
            taken: &[],
        },
    );
    let Some(PowerEvent::EnergyDay(day)) = events.first() else {
        panic!("{events:?}")
    };
    // 60 spaces of 30 s at 1 kW; the 20 minutes of silence count for nothing.
    assert_eq!(
        (day.day.as_str(), day.solar_wh.map(f64::round), day.load_wh),
        ("2026-03-01", Some(500.0), None)
    );
}

#[test]
fn fault_that_the_protocol_does_not_know_raises_no_alarm() {
    let mut life = Life::new(Memory::default());
    let made_up = Taken {
        measured: Measured {
            value: Some(PowerValue::Int(1)),
            unit: String::new(),
            gap: None,
        },
        quality: ReadingQuality::Undescribed,
        ..taken("x1_fault", 0.0, None)
    };
    let told = life.say(Happening::Answered {
        code: "vedtext",
        taken: &[made_up],
    });
    assert!(!told.contains(&"alarm_raised"), "{told:?}");
}

/// What the station takes of a recorded frame, and what the frame says.
fn recorded(protocol: &str, command: &str) -> (Vec<Taken>, Vec<String>) {
    let sample = include_str!("../../testdata/frames.jsonl")
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .find(|sample| sample["protocol"] == protocol && sample["command"] == command)
        .unwrap();
    let hex = sample["response_hex"].as_str().unwrap();
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
    let frame: Vec<u8> = digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
    let protocol = crate::Library::new().get(protocol).unwrap();
    let request = protocol.request(command).unwrap();
    let readings = request.decode(&frame).unwrap();
    let names = readings.iter().map(|reading| reading.name.to_string()).collect();
    (take(&request, &readings), names)
}

#[test]
fn passcode_of_a_battery_stays_in_the_decoder() {
    let (taken, names) = recorded("jk02", "getInfo");
    assert!(names.iter().any(|name| name.contains("passcode")));
    assert!(
        !taken.is_empty() && !taken.iter().any(|taken| taken.name.contains("passcode")),
        "{taken:?}"
    );
}

#[test]
fn readings_of_a_parallel_unit_begin_with_its_number() {
    let (taken, _) = recorded("pi30", "QPGS08");
    let load = taken.iter().find(|taken| taken.role == Some(Role::LoadPower)).unwrap();
    assert_eq!(
        (load.name.as_str(), load.unit_number),
        ("unit_8_ac_output_active_power", Some(8))
    );
    assert!(taken.iter().all(|taken| taken.name.starts_with("unit_8_")));
}

#[test]
fn readings_in_tenths_are_taken_in_whole_units() {
    let (taken, _) = recorded("pi18sv", "PGS9");
    let volts = taken
        .iter()
        .find(|taken| taken.role == Some(Role::BatteryVoltage))
        .unwrap();
    assert_eq!(volts.measured.unit, "V");
    assert!(
        volts.number().is_some_and(|volts| (10.0..70.0).contains(&volts)),
        "{volts:?}"
    );
}

#[test]
fn flags_are_switches_and_a_battery_tells_its_current_one_way_or_the_other() {
    let (taken, _) = recorded("pi30", "QPIGS");
    let switch = taken.iter().find(|taken| taken.name == "is_load_on").unwrap();
    assert_eq!(switch.role, Some(Role::Switch));
    for (protocol, command, role) in [
        ("daly", "SOC", Role::BatteryDischargeCurrent),
        ("jk02_32", "getCellData", Role::BatteryCurrent),
    ] {
        let (taken, _) = recorded(protocol, command);
        assert!(taken.iter().any(|taken| taken.role == Some(role)), "{protocol}");
    }
}
