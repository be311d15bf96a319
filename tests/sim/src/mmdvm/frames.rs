//! Level D: what the host says of every frame on the air. Most lines of a debug log are these.

use std::time::Duration;

use model::Timestamp;
use model::repeater::CallSource;

use super::call::{Call, Voice};
use super::line::Level;
use super::script::Script;

/// Writes the frames of a transmission down.
pub(crate) fn write(script: &mut Script, call: &Call, header: Timestamp) {
    for frame in 0..call.frames {
        let at = header.plus(Duration::from_millis(u64::from(frame * call.mode.frame_ms())));
        match call.source {
            CallSource::Rf => radio_frame(script, call, at, frame),
            CallSource::Network => network_frame(script, call, at, frame),
        }
    }
}

fn radio_frame(script: &mut Script, call: &Call, at: Timestamp, frame: u32) {
    let prefix = call.prefix();
    let level = call.from.path_dbm + frame % 5;
    let rssi = format!(
        "{prefix}raw RSSI: {}, reported RSSI: -{level} dBm",
        14_000 - level * 100
    );
    script.say(at, Level::Debug, rssi);
    let errors = script.rng.between(0, 4);
    let part = |bits: u32| format!("{errors}/{bits} ({:.1}%)", f64::from(errors) * 100.0 / f64::from(bits));
    let audio = match call.mode {
        Voice::Dstar => format!("audio sequence no. {}, errs: {}", frame % 21, part(48)),
        Voice::Dmr => format!("audio sequence no. {}, errs: {}", frame % 6, part(141)),
        Voice::Ysf => format!("V/D Mode 1, seq {}, AMBE FEC {}", frame % 7, part(235)),
        Voice::P25 => format!("LDU1 audio, errs: {}", part(1233)),
        Voice::Nxdn => format!("AMBE FEC {}", part(141)),
        Voice::M17 => format!("audio: FN: {frame}, errs: {}", part(272)),
    };
    script.say(at, Level::Debug, format!("{prefix}{audio}"));
}

fn network_frame(script: &mut Script, call: &Call, at: Timestamp, frame: u32) {
    let (title, dump) = match call.mode {
        Voice::Dstar if frame % 2 == 1 => (
            "D-Star slow data element",
            "0000:  66 66 66 66 66 66                                  *ffffff*",
        ),
        Voice::M17 if frame.is_multiple_of(6) => (
            "M17, LSF text data fragment",
            "0000:  00 00 00 00 00 00 00 00 00 00 00 00 00 00          *..............*",
        ),
        Voice::Dstar | Voice::Dmr | Voice::Ysf | Voice::P25 | Voice::Nxdn | Voice::M17 => return,
    };
    script.say(at, Level::Debug, title);
    script.say(at, Level::Debug, dump);
}
