//! What holds for every log, however broken.

use std::collections::HashMap;

use model::Timestamp;
use model::repeater::{EndReason, Qso, RepeaterEvent};
use proptest::prelude::*;
use stationd_repeater::grammar::Reader;
use stationd_repeater::machine::{Emitted, Machine};

use crate::support::{replay, replay_chunks};

/// Texts of every mode, so chosen that their calls meet on the same channels.
const TEXTS: &[&str] = &[
    "DMR Slot 2, received RF voice header from M0ABC to TG 9",
    "DMR Slot 2, received RF late entry from F4ABC to 12",
    "DMR Slot 2, received network voice header from G4KLX to TG 9",
    "DMR Slot 2, received RF end of voice transmission from M0ABC to TG 9, 5.2 seconds, BER: 0.3%, RSSI: -72/-68/-70 dBm",
    "DMR Slot 2, received network end of voice transmission from G4KLX to TG 9, 5.2 seconds, 0% packet loss, BER: 0.0%",
    "DMR Slot 2, network watchdog has expired, 1.2 seconds, 40% packet loss, BER: 0.0%",
    "DMR Slot 2, RF user has timed out",
    "DMR Slot 2, network user has timed out",
    "DMR Slot 2, received RF data header from M0ABC to TG 9, 4 blocks",
    "DMR Slot 2, ended RF data transmission",
    "DMR Slot 2, Talker Alias \"M0ABC Joe\"",
    "DMR Slot 2, RF user 2351234 rejected",
    "D-Star, received RF header from M0ABC   /ID31 to CQCQCQ  ",
    "D-Star, received RF end of transmission, 4.4 seconds, BER: 0.2%",
    "D-Star, RF slow data text = \"RF text, 73!        \"",
    "YSF, received RF header from ?????????? to ALL       ",
    "YSF, received RF data from F4ABC      to ALL       ",
    "YSF, received network data from G4KLX      to DG-ID 1 at FCS00290  ",
    "YSF, received network end of transmission from G4KLX      to DG-ID 1, 4.2 seconds, 0% packet loss, BER: 17.9%",
    "NXDN, received RF late entry from M0ABC to TG 65000",
    "NXDN, received RF end of transmission from M0ABC to TG 1, 900.0 seconds, BER: 0.1%",
    "Mode set to Idle",
    "Mode set to DMR",
    "Mode set to System Fusion",
    "Mode set to Error",
    "MMDVMHost-20250607 is starting",
    "MMDVMHost-20250607 exited on receipt of SIGTERM",
    "No reply from the modem for some time, resetting it",
    "MMDVM ADC levels have overflowed",
    "D-Star link status set to \"Linked to REF001 C  \"",
];

/// Records with their time: mostly a little later, now and then hours away in either direction.
pub(crate) fn logs() -> impl Strategy<Value = Vec<u8>> {
    let step = prop_oneof![8 => 0i64..4000, 1 => -20_000i64..200_000, 1 => -90_000_000i64..90_000_000];
    let level = prop_oneof![4 => Just('M'), 1 => Just('E')];
    let line = (step, level, proptest::sample::select(TEXTS));
    proptest::collection::vec(line, 0..60).prop_map(|lines| {
        let mut at = 1_795_262_400_000;
        let mut log = String::new();
        for (step, level, text) in lines {
            at += step;
            let stamp = Timestamp::from_unix_ms(at).to_string();
            log += &format!("{level}: {} {text}\n", stamp.trim_end_matches('Z').replace('T', " "));
        }
        log.into_bytes()
    })
}

/// Steps a machine through a log; `between` may exchange it between two records.
fn run(log: &[u8], mut between: impl FnMut(Machine) -> Machine) -> Vec<Emitted> {
    let mut reader = Reader::default();
    let mut machine = Machine::default();
    let mut out = Vec::new();
    for line in log.split(|&byte| byte == b'\n') {
        reader.read(line, |record| machine.step(&record, &mut out));
        machine = between(machine);
    }
    machine.finish(&mut out);
    out
}

/// Follows the facts about calls like a client would.
fn check_calls(emitted: &[Emitted]) -> Result<(), TestCaseError> {
    let mut open: HashMap<String, Timestamp> = HashMap::new();
    let key = |qso: &Qso| format!("{} {:?} {:?}", qso.mode, qso.slot, qso.source);
    for Emitted { event, .. } in emitted {
        if let RepeaterEvent::QsoStarted(qso) = event {
            prop_assert_eq!(open.insert(key(qso), qso.started_at), None, "two calls on a channel");
        } else if let RepeaterEvent::QsoUpdated(qso) = event {
            prop_assert_eq!(open.get(&key(qso)), Some(&qso.started_at));
        } else if let RepeaterEvent::QsoEnded(qso) = event {
            if let Some(started_at) = open.remove(&key(qso)) {
                prop_assert_eq!(started_at, qso.started_at);
            }
            prop_assert!(qso.duration_s.is_none_or(|seconds| seconds >= 0.0));
            prop_assert_eq!(qso.ended_at.is_none(), qso.end_reason == EndReason::Open);
        }
    }
    prop_assert!(open.is_empty(), "calls that never ended: {:?}", open);
    Ok(())
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        replay(&bytes);
    }

    #[test]
    fn no_damage_to_a_log_makes_the_reader_panic(
        mut log in logs(),
        damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..40),
    ) {
        for (place, byte) in damage {
            if !log.is_empty() {
                let at = place.index(log.len());
                log[at] = byte;
            }
        }
        replay(&log);
    }

    #[test]
    fn every_call_starts_at_most_once_on_its_channel_and_ends_exactly_once(log in logs()) {
        check_calls(&run(&log, |machine| machine))?;
    }

    #[test]
    fn snapshot_in_the_middle_of_a_log_changes_nothing(log in logs()) {
        let restored = |machine: Machine| {
            let snapshot = serde_json::to_string(&machine).unwrap();
            serde_json::from_str(&snapshot).unwrap()
        };
        prop_assert_eq!(run(&log, restored), run(&log, |machine| machine));
    }

    #[test]
    fn documents_are_the_same_wherever_chunks_are_cut(log in logs(), size in 1usize..200) {
        prop_assert_eq!(replay_chunks(log.chunks(size)), replay(&log));
    }

    #[test]
    fn state_stays_small(log in logs()) {
        run(&log, |machine| {
            assert!(serde_json::to_string(&machine).unwrap().len() < 16 * 1024);
            machine
        });
    }
}
