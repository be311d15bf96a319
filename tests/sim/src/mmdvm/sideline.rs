//! All that is no conversation: data, pages, packets, strangers, links, and the modem's bad moments.

use std::time::Duration;

use model::Timestamp;

use super::cast::{FAR, NEAR, STRANGERS, Station};
use super::line::Level;
use super::script::Script;
use super::voice;

const fn ms(span: u64) -> Duration {
    Duration::from_millis(span)
}

/// A text message or a position over DMR, NXDN, P25, M17 or System Fusion.
pub(crate) fn data(script: &mut Script, start: Timestamp) -> Timestamp {
    let from = script.rng.pick(&NEAR).callsign;
    let to = script.rng.pick(&FAR).callsign;
    let blocks = script.rng.between(1, 12);
    let over = start.plus(ms(u64::from(400 + blocks * 60)));
    match script.rng.between(1, 6) {
        1 | 2 => return dmr_data(script, (from, to), blocks, start),
        3 => {
            script.message(
                start,
                format!("NXDN, received RF data header from {from} to TG 65000, {blocks} blocks"),
            );
            script.message(start, "Mode set to NXDN");
            script.message(
                over,
                format!("NXDN, ended RF data transmission from {from} to TG 65000"),
            );
        }
        4 => {
            let id = script.rng.pick(&STRANGERS);
            let data = format!("received RF data transmission for Local Link Id {id}, SAP 0, {blocks} blocks");
            script.message(start, format!("P25, {data}"));
            script.message(start, "Mode set to P25");
            script.message(over, "P25, ended RF data transmission");
        }
        5 => {
            script.message(start, format!("M17, received RF data transmission from {from} to ALL"));
            script.message(start, "Mode set to M17");
            let seconds = f64::from(400 + blocks * 60) / 1000.0;
            let tail = format!("{seconds:.1} seconds, BER: 0.1%, RSSI: -73/-70/-71 dBm");
            script.message(
                over,
                format!("M17, received RF end of transmission from {from} to ALL, {tail}"),
            );
        }
        _ => {
            script.message(start, format!("YSF, received RF header from {from:10} to DG-ID 0"));
            script.message(start, "Mode set to System Fusion");
            let seconds = f64::from(400 + blocks * 60) / 1000.0;
            // System Fusion counts no bit errors in data.
            let tail = format!("{seconds:.1} seconds, RSSI: -81/-78/-80 dBm");
            script.message(
                over,
                format!("YSF, received RF end of transmission from {from:10} to DG-ID 0, {tail}"),
            );
        }
    }
    idle(script, over.plus(ms(2000)))
}

fn dmr_data(script: &mut Script, (from, to): (&str, &str), blocks: u32, start: Timestamp) -> Timestamp {
    voice::wake_up(script, from, start);
    script.message(start, "Mode set to DMR");
    let preamble = start.plus(ms(420));
    let announced = format!("DMR Slot 1, received RF Data Preamble CSBK ({} to follow)", blocks + 1);
    script.message(preamble, format!("{announced} from {from} to {to}"));
    let header = preamble.plus(ms(360));
    script.message(
        header,
        format!("DMR Slot 1, received RF data header from {from} to {to}, {blocks} blocks"),
    );
    let over = header.plus(ms(u64::from(blocks) * 60));
    script.message(over, "DMR Slot 1, ended RF data transmission");
    idle(script, over.plus(ms(2000)))
}

/// A radio asks whether another is there.
pub(crate) fn signalling(script: &mut Script, start: Timestamp) -> Timestamp {
    let (from, to) = (script.rng.pick(&FAR).callsign, script.rng.pick(&NEAR).callsign);
    let what = script.rng.pick(&["Radio Check Req CSBK", "Call Alert CSBK"]);
    script.message(
        start,
        format!("DMR Slot 2, received network {what} from {from} to {to}"),
    );
    script.message(start.plus(ms(5)), "Mode set to DMR");
    idle(script, start.plus(ms(1000)))
}

/// A page goes out.
pub(crate) fn page(script: &mut Script, start: Timestamp) -> Timestamp {
    let (ric, degrees) = (script.rng.between(1, 2_097_151), script.rng.between(0, 24));
    let frames = script.rng.between(2, 9);
    let Station { callsign, town, .. } = script.rng.pick(&NEAR);
    let text = format!("Message to {ric:07}, func Alphanumeric: {callsign}: {town} {degrees} C, wind light");
    script.say(start, Level::Debug, text);
    script.message(start.plus(ms(5)), "Mode set to POCSAG");
    let sent = start.plus(ms(u64::from(frames) * 454));
    script.message(
        sent,
        format!("POCSAG, transmitted {frames} frame(s) of data from 1 message(s)"),
    );
    idle(script, sent.plus(ms(1500)))
}

/// Somebody uses plain FM: the host says nothing but the mode.
pub(crate) fn fm(script: &mut Script, start: Timestamp) -> Timestamp {
    script.message(start, "Mode set to FM");
    let over = start.plus(script.rng.pause(4000, 14_000));
    idle(script, over)
}

/// Packet radio: positions and telegrams.
pub(crate) fn packet(script: &mut Script, start: Timestamp) -> Timestamp {
    let Station { callsign, name, .. } = script.rng.pick(&NEAR);
    let (north, west) = (script.rng.between(0, 99), script.rng.between(0, 99));
    let position = format!("=5134.{north:02}N/00046.{west:02}W>{name} on the road");
    script.message(
        start,
        format!("AX.25, {callsign}-9>APRS,WIDE1-1*,WIDE2-1 <UI> {position}"),
    );
    start
}

/// Somebody who may not use this repeater tries.
pub(crate) fn rejected(script: &mut Script, start: Timestamp) -> Timestamp {
    let who = script.rng.pick(&FAR).callsign;
    match script.rng.between(1, 5) {
        1 | 2 => {
            let id = script.rng.pick(&STRANGERS);
            voice::wake_up(script, id, start);
            script.message(start, "Mode set to DMR");
            let tries = (start.plus(ms(536)), start.plus(ms(1500)));
            script.repeat(tries, ms(360), &format!("DMR Slot 2, RF user {id} rejected"));
        }
        3 => {
            script.message(start, format!("D-Star, invalid access attempt from {who:8}"));
            script.message(start, "Mode set to D-Star");
        }
        4 => {
            script.message(
                start,
                format!("D-Star, received RF header for wrong repeater (GB7QZ  B) from {who:8}"),
            );
            return start;
        }
        _ => {
            script.message(start, format!("YSF, invalid access attempt from {who:10} to DG-ID 1"));
            script.message(start, "Mode set to System Fusion");
        }
    }
    idle(script, start.plus(ms(3500)))
}

/// The D-Star gateway changes its reflector.
pub(crate) fn link(script: &mut Script, start: Timestamp) -> Timestamp {
    let status = [
        "Linked to REF001 C",
        "Linked to XRF757 A",
        "Linking to DCS005 B",
        "Not linked",
    ];
    let text = script.rng.pick(&status);
    script.message(start, format!("D-Star link status set to \"{text:20}\""));
    start
}

/// The firmware and the remote control have something to say.
pub(crate) fn note(script: &mut Script, start: Timestamp) -> Timestamp {
    match script.rng.between(1, 3) {
        // Chatter of the firmware: it looks like the host's state and is not.
        1 => script.message(start, "Debug: Mode set to DMR"),
        2 => script.message(start, "Valid remote command of \"mode idle\" received"),
        _ => {
            for tick in 0..4 {
                let at = start.plus(ms(tick * 250));
                script.say(at, Level::Error, "MMDVM ADC levels have overflowed");
            }
        }
    }
    start.plus(ms(1000))
}

/// The modem falls silent in the middle of a call and comes back two seconds later.
pub(crate) fn modem_reset(script: &mut Script, start: Timestamp) -> Timestamp {
    let Station { callsign, radio, .. } = script.rng.pick(&NEAR);
    script.message(
        start,
        format!("D-Star, received RF header from {callsign:8}/{radio:4} to CQCQCQ  "),
    );
    script.message(start, "Mode set to D-Star");
    let dead = start.plus(ms(4000));
    script.say(
        dead,
        Level::Error,
        "No reply from the modem for some time, resetting it",
    );
    script.message(dead, "Closing the MMDVM");
    script.message(dead.plus(ms(2000)), "Opening the MMDVM");
    let back = dead.plus(ms(4011));
    for text in [
        "MMDVM protocol version: 2, description: MMDVM 20230828 14.7456 MHz GitID #abc1234",
        "CPU: ST-Micro ARM, UDID: 000102030405060708090A0B",
        "Modes: D-Star DMR YSF P25 NXDN M17 FM POCSAG AX.25",
    ] {
        script.say(back, Level::Info, text);
    }
    idle(script, back.plus(ms(400)))
}

fn idle(script: &mut Script, at: Timestamp) -> Timestamp {
    script.message(at, "Mode set to Idle");
    at
}
