//! Conversations: transmissions in turn on one channel, and the mode lines around them.
//!
//! ```text
//! header, mode line --- text, alias, frames --- end --- next header ... --- hang time --- Mode set to Idle
//! ```
//! The header comes before the mode line, except where a sleeping repeater is woken first (DMR) or a radio sends a
//! header of its own (P25). A network that falls silent is noticed after the host has gone idle.

use std::time::Duration;

use model::Timestamp;
use model::repeater::CallSource;

use super::call::{Call, Ending, Voice};
use super::cast::{FAR, NEAR, Station};
use super::frames;
use super::line::Level;
use super::script::Script;

/// The host holds a mode for so long after a radio call; `Mode Hang` in the configuration echo.
const RF_HANG: Duration = Duration::from_secs(2);
/// The same after a network call.
const NETWORK_HANG: Duration = Duration::from_secs(1);
/// Without packets for so long, the host gives a network call up.
const WATCHDOG: Duration = Duration::from_millis(1500);
/// `Timeout` in the configuration echo.
const TALK_TIME: Duration = Duration::from_secs(60);
/// From the first downlink activation of a radio to its voice header.
const WAKE_UP: Duration = Duration::from_millis(536);
/// From the bare header of a P25 radio to the line that names it.
const P25_HEADER: Duration = Duration::from_millis(150);
/// The printed seconds count whole frames and so exceed the time between the lines.
const FRAME_OVERHANG: Duration = Duration::from_millis(100);
/// The host holds a mode line back so long after a network header.
const NETWORK_SWITCH: Duration = Duration::from_millis(5);

/// Two people in one room.
#[derive(Clone, Copy, Debug)]
struct Talk {
    mode: Voice,
    slot: u8,
    room: (&'static str, &'static str),
    people: [(Station, CallSource); 2],
}

/// What is left of a transmission.
#[derive(Clone, Copy, Debug)]
struct Spoken {
    /// The line that closes it.
    closed: Timestamp,
    /// When the host may leave the mode.
    idle: Timestamp,
}

/// One conversation in one mode; answers when the channel is free again.
pub(crate) fn conversation(script: &mut Script, mode: Voice, start: Timestamp) -> Timestamp {
    let talk = arrange(script, mode, 2, (&NEAR, &FAR));
    let turns = script.rng.between(2, 4);
    let (header, switched) = open(script, talk, start);
    let last = exchange(script, talk, header, turns);
    script.message(switched, format!("Mode set to {}", mode.mode_name()));
    if script.rng.chance(3) {
        intrude(script, mode, header);
    }
    script.message(last.idle, "Mode set to Idle");
    last.idle.max(last.closed)
}

/// Both slots of the DMR repeater at once.
pub(crate) fn both_slots(script: &mut Script, start: Timestamp) -> Timestamp {
    let [one, two] = arrange_both(script);
    let (header, switched) = open(script, one, start);
    let turns = script.rng.between(2, 4);
    let first = exchange(script, one, header, turns);
    let later = header.plus(script.rng.pause(1200, 4000));
    let second = exchange(script, two, later, turns);
    script.message(switched, "Mode set to DMR");
    let idle = first.idle.max(second.idle);
    script.message(idle, "Mode set to Idle");
    idle.max(first.closed).max(second.closed)
}

/// Somebody on slot 1 leans on the key until the talk time is over, while slot 2 goes on.
pub(crate) fn endless_over(script: &mut Script, start: Timestamp) -> Timestamp {
    let [one, two] = arrange_both(script);
    let (header, switched) = open(script, one, start);
    let call = transmission(script, one, 0, Ending::End);
    script.message(header, call.start_text());
    script.message(switched, "Mode set to DMR");
    let timed_out = header.plus(TALK_TIME);
    let other = exchange(script, two, header.plus(Duration::from_secs(2)), 7);
    let idle = timed_out.plus(NETWORK_HANG).max(other.idle);
    match call.source {
        CallSource::Rf => script.message(timed_out, "DMR Slot 1, RF user has timed out"),
        CallSource::Network => {
            script.message(timed_out, "DMR Slot 1, network user has timed out");
            let frames = (TALK_TIME.as_secs() + 2) * 1000 / u64::from(call.mode.frame_ms());
            let whole = Call {
                frames: u32::try_from(frames).unwrap_or(u32::MAX),
                ..call
            };
            let end = whole.end_text(&mut script.rng);
            script.message(timed_out.plus(Duration::from_secs(2)), end);
        }
    }
    script.message(idle, "Mode set to Idle");
    idle.max(timed_out.plus(Duration::from_secs(2)))
}

/// Nobody talks on both slots: each half of the cast has one.
fn arrange_both(script: &mut Script) -> [Talk; 2] {
    let (near, far) = (NEAR.split_at(NEAR.len() / 2), FAR.split_at(FAR.len() / 2));
    let one = arrange(script, Voice::Dmr, 1, (near.0, far.0));
    [one, arrange(script, Voice::Dmr, 2, (near.1, far.1))]
}

fn arrange(script: &mut Script, mode: Voice, slot: u8, (near, far): (&[Station], &[Station])) -> Talk {
    let radio = (script.rng.pick(near), CallSource::Rf);
    let remote = (script.rng.pick(far), CallSource::Network);
    let people = match script.rng.between(1, 10) {
        1..=2 => [radio, (other_than(script, radio.0, near), CallSource::Rf)],
        3 => [remote, (other_than(script, remote.0, far), CallSource::Network)],
        4..=6 => [remote, radio],
        _ => [radio, remote],
    };
    let room = script.rng.pick(mode.rooms());
    Talk {
        mode,
        slot,
        room,
        people,
    }
}

fn other_than(script: &mut Script, one: Station, cast: &[Station]) -> Station {
    loop {
        let other = script.rng.pick(cast);
        if other.callsign != one.callsign {
            return other;
        }
    }
}

/// Brings the channel up: answers when the first header and the mode line are due.
fn open(script: &mut Script, talk: Talk, start: Timestamp) -> (Timestamp, Timestamp) {
    let [(caller, source), _] = talk.people;
    match (talk.mode, source) {
        (_, CallSource::Network) => (start, start.plus(NETWORK_SWITCH)),
        (Voice::Dmr, CallSource::Rf) => {
            wake_up(script, caller.callsign, start);
            (start.plus(WAKE_UP), start)
        }
        (Voice::P25, CallSource::Rf) => (start.plus(P25_HEADER), start),
        (Voice::Dstar | Voice::Ysf | Voice::Nxdn | Voice::M17, CallSource::Rf) => (start, start),
    }
}

/// A radio wakes the repeater, three bursts 61 ms apart.
pub(crate) fn wake_up(script: &mut Script, who: &str, start: Timestamp) {
    for burst in [0, 61, 123] {
        let at = start.plus(Duration::from_millis(burst));
        script.say(at, Level::Debug, "Downlink Activate CSBK");
        let dump = "0000:  B8 00 00 00 00 00 00 23 E0 82 27 50                *.......#..'P*";
        script.say(at, Level::Debug, dump);
        script.message(at, format!("Downlink Activate received from {who}"));
    }
}

/// People in turn; the mode stays up in between.
fn exchange(script: &mut Script, talk: Talk, header: Timestamp, turns: u32) -> Spoken {
    let mut talk = talk;
    let mut at = header;
    for _ in 1..turns {
        let spoken = over(script, talk, at, Ending::End);
        talk.people.reverse();
        at = spoken.closed.plus(script.rng.pause(600, 900));
    }
    over(script, talk, at, Ending::Watchdog)
}

/// One over of the first of the two; `worst` is how it may end.
fn over(script: &mut Script, talk: Talk, header: Timestamp, worst: Ending) -> Spoken {
    let [(_, source), _] = talk.people;
    let ending = match source {
        CallSource::Rf if script.rng.chance(8) => Ending::Lost,
        CallSource::Network if script.rng.chance(8) => worst,
        CallSource::Rf | CallSource::Network => Ending::End,
    };
    let length_ms = script.rng.between(2400, 9000);
    let call = transmission(script, talk, length_ms / talk.mode.frame_ms(), ending);
    speak(script, &call, header)
}

fn transmission(script: &mut Script, talk: Talk, frames: u32, ending: Ending) -> Call {
    let [(from, source), (other, _)] = talk.people;
    // Nobody calls himself: a private call goes to the other one then.
    let room = if talk.room.0 == from.callsign {
        (other.callsign, "")
    } else {
        talk.room
    };
    Call {
        mode: talk.mode,
        slot: talk.slot,
        source,
        from,
        room,
        late: source == CallSource::Rf && script.rng.chance(7),
        frames,
        ending,
    }
}

fn speak(script: &mut Script, call: &Call, header: Timestamp) -> Spoken {
    if call.mode == Voice::P25 && call.source == CallSource::Rf {
        script.message(header.minus(P25_HEADER), "P25, received RF header");
    }
    if call.mode == Voice::Dmr {
        let lookup = format!("FindWithName ={} {}", call.from.callsign, call.from.name);
        script.say(header, Level::Debug, lookup);
    }
    script.message(header, call.start_text());
    let silent = header
        .plus(Duration::from_millis(u64::from(call.length_ms())))
        .minus(FRAME_OVERHANG);
    side_texts(script, call, header, silent);
    if script.shows_frames() {
        frames::write(script, call, header);
    }
    let (closed, idle) = match (call.ending, call.source) {
        (Ending::Watchdog, _) => (silent.plus(WATCHDOG), silent.plus(NETWORK_HANG)),
        (_, CallSource::Network) => (silent, silent.plus(NETWORK_HANG)),
        (_, CallSource::Rf) => (silent, silent.plus(RF_HANG)),
    };
    let end = call.end_text(&mut script.rng);
    script.message(closed, end);
    if call.mode == Voice::P25 && call.source == CallSource::Rf {
        let (frames, errors) = (call.frames, script.rng.between(0, 40));
        let bits = frames * 1233;
        let ber = f64::from(errors) * 100.0 / f64::from(bits.max(1));
        let count =
            format!("total frames: {frames}, bits: {bits}, undecodable LC: 0, errors: {errors}, BER: {ber:.4}%");
        script.message(closed, format!("P25, {count}"));
    }
    Spoken { closed, idle }
}

/// What radios send along: names, positions, greetings.
fn side_texts(script: &mut Script, call: &Call, header: Timestamp, silent: Timestamp) {
    let Station {
        callsign, name, town, ..
    } = call.from;
    let ms = Duration::from_millis;
    match call.mode {
        Voice::Dmr => {
            if script.rng.chance(60) {
                let alias = format!("{}Talker Alias \"{callsign} {name}\"", call.prefix());
                script.message(header.plus(ms(720)), alias);
            }
            if call.source == CallSource::Rf && script.rng.chance(15) {
                let (north, west) = (script.rng.between(0, 9999), script.rng.between(0, 9999));
                let fix = format!("GPS position [51.57{north:04},-0.77{west:04}] (Position error < 20m)");
                script.repeat((header.plus(ms(900)), header.plus(ms(2000))), ms(360), &fix);
            }
        }
        Voice::Dstar if script.rng.chance(60) => {
            let via = if call.source == CallSource::Rf { "RF" } else { "network" };
            let text: String = format!("{name}, {town}").chars().take(20).collect();
            let slow = format!("D-Star, {via} slow data text = \"{text:20}\"");
            script.repeat((header.plus(ms(420)), silent), ms(420), &slow);
        }
        Voice::M17 if script.rng.chance(50) => {
            let text = format!("M17, text Data: \"73 de {name}, {town}\"");
            script.repeat((header.plus(ms(240)), header.plus(ms(2200))), ms(480), &text);
        }
        Voice::Dstar | Voice::M17 | Voice::Ysf | Voice::P25 | Voice::Nxdn => {}
    }
}

/// A radio of another mode on the busy channel: the host drops its frames, and says so for each.
fn intrude(script: &mut Script, busy: Voice, header: Timestamp) {
    // The host's own numbers of its modes.
    let number = match busy {
        Voice::Dstar => 1,
        Voice::Dmr => 2,
        Voice::Ysf => 3,
        Voice::P25 => 4,
        Voice::Nxdn => 5,
        Voice::M17 => 7,
    };
    let intruder = if busy == Voice::Dstar { "DMR" } else { "D-Star" };
    let text = format!("{intruder} modem data received when in mode {number}");
    for frame in 0..12 {
        script.say(
            header.plus(Duration::from_millis(900 + frame * 20)),
            Level::Warning,
            text.clone(),
        );
    }
}
