//! A short run of every fuzz target: its seeds as they are, then mutations of them.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;
use stationd_hostile::{
    configuration, grammar, mqtt_json, power_caret, power_daly, power_jbd, power_jk, power_modbus, power_protocol,
    power_vedirect, power_voltronic, state_machine, websocket_message,
};

/// Most bytes that a mutation begins with: a damaged whole day would take minutes.
const WINDOW: usize = 4096;

const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Every file of these places.
fn seeds(places: &[&str]) -> Vec<Vec<u8>> {
    let files = |place: &&str| {
        let place = Path::new(PROJECT).join(place);
        let entries = fs::read_dir(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
        let mut files: Vec<PathBuf> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .collect();
        files.sort();
        files
    };
    let seeds: Vec<_> = places
        .iter()
        .flat_map(files)
        .map(|file| fs::read(file).unwrap())
        .collect();
    assert!(!seeds.is_empty(), "{places:?} are empty");
    seeds
}

/// One change of an input.
#[derive(Clone, Debug)]
enum Change {
    Byte(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    /// A stretch is copied to another place.
    Repeat(Index, usize, Index),
}

impl Change {
    fn make(self, bytes: &mut Vec<u8>) {
        let stretch = |at: Index, length: usize, total: usize| {
            let from = at.index(total + 1);
            from..(from + length).min(total)
        };
        match self {
            Change::Byte(at, byte) if !bytes.is_empty() => {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            Change::Byte(..) => {}
            Change::Insert(at, new) => {
                let at = at.index(bytes.len() + 1);
                bytes.splice(at..at, new);
            }
            Change::Remove(at, length) => {
                let gone = stretch(at, length, bytes.len());
                bytes.drain(gone);
            }
            Change::Repeat(at, length, to) => {
                let copied = bytes[stretch(at, length, bytes.len())].to_vec();
                let to = to.index(bytes.len() + 1);
                bytes.splice(to..to, copied);
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let new = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..12),
        prop::sample::select(vec![
            "\n",
            "\"",
            "{",
            "}",
            "[",
            ",",
            ".",
            " ",
            "-",
            "999999999999",
            "\u{1b}[31m",
            "1e999",
            "\0"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (any::<Index>(), new).prop_map(|(at, new)| Change::Insert(at, new)),
        (any::<Index>(), 1_usize..300).prop_map(|(at, length)| Change::Remove(at, length)),
        (any::<Index>(), 1_usize..300, any::<Index>()).prop_map(|(at, length, to)| Change::Repeat(at, length, to)),
    ]
}

/// A stretch of a seed, changed a few times.
fn mutated(places: &[&str]) -> impl Strategy<Value = Vec<u8>> {
    let seeds = prop::sample::select(seeds(places));
    let changes = prop::collection::vec(change(), 0..12);
    (seeds, any::<Index>(), changes).prop_map(|(mut bytes, from, changes)| {
        let from = from.index(bytes.len().saturating_sub(WINDOW) + 1);
        bytes.drain(..from);
        bytes.truncate(WINDOW);
        changes.into_iter().for_each(|change| change.make(&mut bytes));
        bytes
    })
}

const LOGS: &[&str] = &["fuzz/seeds/grammar", "actors/repeater/testdata/lines"];
const MESSAGES: &[&str] = &["fuzz/seeds/mqtt_json", "actors/repeater/testdata/mqtt"];
const SUBSCRIPTIONS: &[&str] = &["fuzz/seeds/websocket_message"];
const CONFIGURATIONS: &[&str] = &["fuzz/seeds/configuration", "config"];
const POWER_PROTOCOLS: &[&str] = &["fuzz/seeds/power_protocol", "actors/power/protocols"];

/// An engine, and where its seeds are.
type Engine = (fn(&[u8]), &'static [&'static str]);

/// What comes over the lines of power devices.
const POWER_LINES: [Engine; 7] = [
    (power_voltronic, &["fuzz/seeds/power_voltronic"]),
    (power_caret, &["fuzz/seeds/power_caret"]),
    (power_jk, &["fuzz/seeds/power_jk"]),
    (power_jbd, &["fuzz/seeds/power_jbd"]),
    (power_daly, &["fuzz/seeds/power_daly"]),
    (power_vedirect, &["fuzz/seeds/power_vedirect"]),
    (power_modbus, &["fuzz/seeds/power_modbus"]),
];

/// A damaged seed of each engine.
fn answers() -> impl Strategy<Value = Vec<Vec<u8>>> {
    POWER_LINES
        .iter()
        .map(|(_, places)| mutated(places))
        .collect::<Vec<_>>()
}

#[test]
fn every_seed_keeps_the_promises_as_it_is() {
    seeds(LOGS).iter().for_each(|seed| grammar(seed));
    seeds(MESSAGES).iter().for_each(|seed| mqtt_json(seed));
    seeds(SUBSCRIPTIONS).iter().for_each(|seed| websocket_message(seed));
    seeds(CONFIGURATIONS).iter().for_each(|seed| configuration(seed));
    seeds(POWER_PROTOCOLS).iter().for_each(|seed| power_protocol(seed));
    for (engine, places) in POWER_LINES {
        seeds(places).iter().for_each(|seed| engine(seed));
    }
}

proptest! {
    #[test]
    fn damaged_log_keeps_the_promises(log in mutated(LOGS)) {
        grammar(&log);
    }

    #[test]
    fn damaged_message_keeps_the_promises(messages in mutated(MESSAGES)) {
        mqtt_json(&messages);
    }

    #[test]
    fn lines_in_any_order_keep_the_promises(program in prop::collection::vec(any::<u8>(), 0..600)) {
        state_machine(&program);
    }

    #[test]
    fn damaged_subscription_keeps_the_promises(message in mutated(SUBSCRIPTIONS)) {
        websocket_message(&message);
    }

    #[test]
    fn damaged_configuration_keeps_the_promises(text in mutated(CONFIGURATIONS)) {
        configuration(&text);
    }

    #[test]
    fn damaged_answer_of_every_engine_keeps_the_promises(answers in answers()) {
        for ((engine, _), answer) in POWER_LINES.iter().zip(answers) {
            engine(&answer);
        }
    }

    #[test]
    fn damaged_protocol_keeps_the_promises(text in mutated(POWER_PROTOCOLS)) {
        power_protocol(&text);
    }
}
