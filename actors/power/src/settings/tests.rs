//! What may be set, to what, and how it is judged afterwards.

use std::sync::Arc;

use model::power::PowerValue;
use proptest::prelude::*;

use super::*;
use crate::protocol::{Library, PartKind};

fn protocol(name: &str) -> Arc<Protocol> {
    Library::new().get(name).unwrap()
}

fn measured(value: PowerValue, unit: &str) -> Measured {
    Measured {
        value: Some(value),
        unit: unit.to_owned(),
        gap: None,
    }
}

fn number(value: f64) -> Measured {
    measured(PowerValue::Number(value), "V")
}

fn word(value: &str) -> Measured {
    measured(PowerValue::Text(value.to_owned()), "")
}

/// What a PI30 for this battery answers.
fn pi30(battery: f64) -> Answers {
    let ratings = [
        ("battery_voltage", number(battery)),
        ("battery_float_charge_voltage", number(battery / 12.0 * 13.5)),
        ("battery_bulk_charge_voltage", number(battery / 12.0 * 14.1)),
        ("max_ac_charging_current", measured(PowerValue::Int(30), "A")),
        ("output_source_priority", word("Utility first")),
        ("charger_source_priority", word("3")),
        ("ac_output_frequency", number(50.0)),
    ];
    let flags = [("buzzer", word("disabled")), ("overload_bypass", word("enabled"))];
    let answer = |readings: &[(&str, Measured)]| {
        readings
            .iter()
            .map(|(name, measured)| ((*name).to_owned(), measured.clone()))
            .collect()
    };
    Answers::from([
        ("QPIRI".to_owned(), answer(&ratings)),
        ("QFLAG".to_owned(), answer(&flags)),
    ])
}

fn code(protocol: &Protocol, setting: &str, value: Option<&str>, answers: &Answers) -> Result<String, Refusal> {
    let change = protocol.choose(setting)?.change(value, answers)?;
    Ok(change.code().to_owned())
}

#[test]
fn setting_of_every_protocol_can_be_sent_with_every_value_that_is_listed() {
    let mut library = Library::new();
    let names: Vec<String> = library.names().into_iter().map(str::to_owned).collect();
    let mut settings = 0;
    for name in names {
        let protocol = library.get(&name).unwrap();
        for item in items(&protocol, |_| None) {
            let chosen = protocol.choose(&item.code).unwrap();
            for question in chosen.questions() {
                assert!(
                    protocol.request(question).is_ok(),
                    "{name} {} asks {question}",
                    item.code
                );
            }
            let values: Vec<Option<String>> = match &item.argument {
                None => vec![None],
                Some(Argument::Choice { choices }) => choices.iter().map(|choice| Some(choice.value.clone())).collect(),
                Some(Argument::Number { min, also, .. }) if !chosen.depends_on_battery() => also
                    .iter()
                    .chain([min])
                    .map(|number| Some(number.to_string()))
                    .collect(),
                Some(Argument::Number { .. } | Argument::Text { .. }) => Vec::new(),
            };
            settings += 1;
            for value in values {
                let change = chosen.change(value.as_deref(), &Answers::new());
                assert!(
                    change.is_ok(),
                    "{name} {} {value:?}: {}",
                    item.code,
                    change.unwrap_err()
                );
            }
        }
    }
    assert!(settings > 250, "{settings}");
}

#[test]
fn limits_of_numbers_reach_the_wire_in_every_protocol() {
    let mut library = Library::new();
    let names: Vec<String> = library.names().into_iter().map(str::to_owned).collect();
    for name in names {
        let protocol = library.get(&name).unwrap();
        for command in protocol.commands() {
            let Some(chosen) = Chosen::of(&protocol, command) else {
                continue;
            };
            let reads = protocol.rated_battery.as_ref();
            let battery = reads.map(|reads| (reads.command.to_string(), vec![(reads.field.to_string(), number(48.0))]));
            let answers: Answers = battery.into_iter().collect();
            for pick in [0, 1] {
                let piece = |part: &crate::protocol::Part| match &part.kind {
                    PartKind::Number(number) => {
                        let (min, max) = chosen.limits(number, &answers).unwrap();
                        Some(value::shown(number, [min, max][pick]))
                    }
                    PartKind::Choice(_) => chosen.choices(part).first().map(|(value, _)| value.clone()),
                    PartKind::Unit => Some("1".to_owned()),
                    PartKind::Flag | PartKind::Text | PartKind::Date { .. } => None,
                };
                let pieces: Option<Vec<String>> = chosen.setting.parts.iter().map(piece).collect();
                let Some(pieces) = pieces.filter(|pieces| !pieces.is_empty()) else {
                    continue;
                };
                let change = chosen.change(Some(&pieces.join(",")), &answers);
                assert!(
                    change.is_ok(),
                    "{name} {} {pieces:?}: {}",
                    command.code(),
                    change.unwrap_err()
                );
            }
        }
    }
}

#[test]
fn voltage_that_is_absurd_for_the_battery_is_refused() {
    let protocol = protocol("pi30");
    let accepted = |battery: f64, volts: &str| code(&protocol, "PBFT", Some(volts), &pi30(battery)).is_ok();
    for (battery, good, absurd) in [
        (12.0, ["13.5", "14.6"], ["27.0", "11.9"]),
        (24.0, ["27.0", "29.2"], ["13.5", "54.0"]),
        (48.0, ["54.0", "58.4"], ["27.0", "58.5"]),
        (51.2, ["48.0", "56.8"], ["47.9", "64.0"]),
    ] {
        assert!(good.iter().all(|volts| accepted(battery, volts)), "{battery}");
        assert!(!absurd.iter().any(|volts| accepted(battery, volts)), "{battery}");
    }
    let unknown = code(&protocol, "PBFT", Some("54.0"), &Answers::new());
    assert!(matches!(unknown, Err(Refusal::NoBattery { .. })), "{unknown:?}");
}

#[test]
fn value_that_the_wire_would_take_and_the_device_would_not_is_refused() {
    let (protocol, answers) = (protocol("pi30"), pi30(48.0));
    for (setting, value) in [
        ("PE", "c"),
        ("PE", "ab"),
        ("PE", ""),
        ("POP", "03"),
        ("POP", "02anything"),
        ("PBFT", "54.05"),
        ("PBFT", "5e1"),
        ("PBFT", "inf"),
        ("PBFT", "-54.0"),
        ("PBFT", "54.0\r"),
        ("MUCHGC", "35"),
        ("MUCHGC", "100"),
        ("MUCHGC", "10,30"),
        ("MUCHGC", "1,2,3"),
        ("DAT", "20260230120000"),
        ("DAT", "20261301000000"),
        ("DAT", "99999999999999"),
        ("PBATCD", "002"),
    ] {
        let refused = code(&protocol, setting, Some(value), &answers);
        assert!(refused.is_err(), "{setting} {value:?} became {refused:?}");
    }
    assert!(protocol.request("PEc").is_ok(), "a recorded frame may hold it");
    assert!(matches!(
        code(&protocol, "POP", None, &answers),
        Err(Refusal::Takes { .. })
    ));
    assert!(matches!(
        code(&protocol, "PF", Some("1"), &answers),
        Err(Refusal::Takes { .. })
    ));
    assert!(matches!(
        code(&protocol, "QPIGS", None, &answers),
        Err(Refusal::Unknown { .. })
    ));
    let balancer = self::protocol("jk02");
    let volts = |value| code(&balancer, "setCellOVP", Some(value), &answers);
    assert_eq!(volts("3.65").as_deref(), Ok("setCellOVP3.650"));
    assert!(volts("6.501").is_err() && volts("0.5").is_err());
}

#[test]
fn values_are_written_as_the_wire_has_them() {
    let cases = [
        ("pi30", "PBFT", "54", "PBFT54.0"),
        ("pi30", "MUCHGC", "30", "MUCHGC030"),
        ("pi30", "MUCHGC", "1,2", "MUCHGC102"),
        ("pi30", "MNCHGC", "120", "MNCHGC0120"),
        ("pi30", "PBDV", "0", "PBDV00.0"),
        ("pi30", "DAT", "20260228120000", "DAT20260228120000"),
        ("pi17", "MCHGV", "56.4,54", "MCHGV0564,0540"),
        ("pi17", "GPMP0", "5000", "GPMP005000"),
        ("pi18", "MUCHGC", "2", "MUCHGC0,002"),
        ("pi18", "BUCD", "46,0", "BUCD460,000"),
        ("pi18", "PCP", "3,1", "PCP3,1"),
    ];
    for (name, setting, value, wire) in cases {
        let made = code(&protocol(name), setting, Some(value), &pi30(48.0));
        assert_eq!(made.as_deref(), Ok(wire), "{name} {setting} {value}");
    }
}

#[test]
fn change_says_what_it_was_and_undoes_it() {
    let (protocol, answers) = (protocol("pi30"), pi30(48.0));
    let told = |setting: &str, value: Option<&str>| {
        let change = protocol.choose(setting).unwrap().change(value, &answers).unwrap();
        let undo = change
            .undo()
            .map(|undo| format!("{} {}", undo.setting, undo.value.as_deref().unwrap_or("-")));
        (change.words("inverter"), undo)
    };
    let undone = |text: &str| Some(text.to_owned());
    let cases = [
        (
            "PBFT",
            Some("55.2"),
            "set the float voltage of inverter from 54.0 V to 55.2 V",
            undone("PBFT 54.0"),
        ),
        (
            "POP",
            Some("02"),
            "set the output priority of inverter from Utility first to SBU first",
            undone("POP 00"),
        ),
        (
            "F",
            Some("60"),
            "set the output frequency of inverter from 50 Hz to 60 Hz",
            undone("F 50"),
        ),
        (
            "MUCHGC",
            Some("20"),
            "set the max grid charge current of inverter from 30 A to 20 A",
            undone("MUCHGC 30"),
        ),
        (
            "MUCHGC",
            Some("2,20"),
            "set the max grid charge current of inverter to 20 A",
            None,
        ),
        (
            "PE",
            Some("a"),
            "enable a flag of inverter: buzzer, now disabled",
            undone("PD a"),
        ),
        (
            "PE",
            Some("b"),
            "enable a flag of inverter: overload bypass, now enabled",
            None,
        ),
        ("PF", None, "restore defaults of inverter", None),
    ];
    for (setting, value, words, undo) in cases {
        assert_eq!(told(setting, value), (words.to_owned(), undo), "{setting} {value:?}");
    }
}

#[test]
fn effect_is_confirmed_by_what_the_device_says_afterwards() {
    let (protocol, before) = (protocol("pi30"), pi30(48.0));
    let come_about = |setting: &str, value: &str, field: &str, says: Measured| {
        let change = protocol.choose(setting).unwrap().change(Some(value), &before).unwrap();
        let after = Answers::from([("QPIRI".to_owned(), vec![(field.to_owned(), says)])]);
        (change.has_come_about(&before), change.has_come_about(&after))
    };
    let float = "battery_float_charge_voltage";
    assert_eq!(
        come_about("PBFT", "55.2", float, number(55.2)),
        (Some(false), Some(true))
    );
    assert_eq!(
        come_about("PBFT", "55.2", float, number(55.1)),
        (Some(false), Some(false))
    );
    assert_eq!(come_about("PBFT", "55.2", "other", number(55.2)), (Some(false), None));
    let priority = "output_source_priority";
    assert_eq!(
        come_about("POP", "01", priority, word("Solar first")),
        (Some(false), Some(true))
    );
    assert_eq!(
        come_about("PCP", "03", "charger_source_priority", word("3")),
        (Some(true), Some(true))
    );
    let flag = protocol.choose("PE").unwrap().change(Some("a"), &before).unwrap();
    assert_eq!(flag.has_come_about(&before), Some(false));
    let unread = protocol.choose("PSAVE").unwrap().change(None, &before).unwrap();
    assert_eq!(unread.has_come_about(&before), None);
}

#[test]
fn tenths_of_a_volt_are_read_as_volts() {
    let protocol = protocol("pi18sv");
    let tenths = |value: i64| measured(PowerValue::Int(value), "0.1V");
    let ratings = vec![
        ("battery_rated_voltage".to_owned(), tenths(480)),
        ("battery_bulk_voltage".to_owned(), tenths(564)),
        ("battery_float_voltage".to_owned(), tenths(540)),
    ];
    let answers = Answers::from([("PIRI".to_owned(), ratings)]);
    let change = protocol
        .choose("MCHGV")
        .unwrap()
        .change(Some("57.6,55.2"), &answers)
        .unwrap();
    assert_eq!(change.code(), "MCHGV576,552");
    assert_eq!(change.undo().and_then(|undo| undo.value.as_deref()), Some("56.4,54.0"));
    assert_eq!(change.has_come_about(&answers), Some(false));
}

#[test]
fn whole_command_is_read_back_as_the_setting_and_value_that_wrote_it() {
    let mut library = Library::new();
    let names: Vec<String> = library.names().into_iter().map(str::to_owned).collect();
    let mut read = 0;
    for name in names {
        let protocol = library.get(&name).unwrap();
        for item in items(&protocol, |_| None) {
            for (value, code) in protocol.choose(&item.code).unwrap().every().unwrap_or_default() {
                assert_eq!(
                    protocol.setting_in(&code),
                    Some((item.code.clone(), value)),
                    "{name} {code}"
                );
                read += 1;
            }
        }
    }
    assert!(read > 3000, "{read}");
    let pi17 = protocol("pi17");
    let told = |code: &str| {
        pi17.setting_in(code)
            .map(|(setting, value)| format!("{setting} {}", value.unwrap_or_default()))
    };
    assert_eq!(told("MCHGV0564,0540").as_deref(), Some("MCHGV 56.4,54.0"));
    assert_eq!(told("GS"), None);
    let pi30 = protocol("pi30");
    assert_eq!(
        pi30.setting_in("MUCHGC130"),
        Some(("MUCHGC".to_owned(), Some("1,30".to_owned())))
    );
    assert_eq!(pi30.setting_in("PEab"), None);
}

#[test]
fn every_value_of_a_setting_is_listed_with_its_command() {
    let protocol = protocol("pi30");
    let every = |setting: &str| protocol.choose(setting).unwrap().every();
    let codes = |setting: &str| -> Vec<String> { every(setting).unwrap().into_iter().map(|(_, code)| code).collect() };
    assert_eq!(codes("POP"), ["POP00", "POP01", "POP02"]);
    assert_eq!(codes("PF"), ["PF"]);
    assert_eq!(codes("MUCHGC").len(), 10);
    let float = codes("PBFT");
    for wanted in ["PBFT12.0", "PBFT14.6", "PBFT29.2", "PBFT58.4"] {
        assert!(float.iter().any(|code| code == wanted), "{wanted}");
    }
    assert!(!float.iter().any(|code| code == "PBFT58.5" || code == "PBFT20.0"));
    assert_eq!(every("DAT"), None);
}

proptest! {
    #[test]
    fn any_value_is_refused_or_becomes_a_command_that_the_pattern_takes(setting in 0_usize..27, value in "[0-9a-z.,+-]{0,16}|.{0,40}") {
        let (protocol, answers) = (protocol("pi30"), pi30(48.0));
        let chosen: Vec<Chosen<'_>> = protocol.commands().iter().filter_map(|command| Chosen::of(&protocol, command)).collect();
        if let Some(chosen) = chosen.get(setting)
            && let Ok(change) = chosen.change(Some(&value), &answers)
        {
            let request = protocol.request(change.code()).unwrap();
            prop_assert_eq!(request.command().code(), chosen.command.code());
            prop_assert!(change.code().bytes().all(|byte| matches!(byte, b' '..=b'~')));
        }
    }
}
