//! Which protocol a device speaks: what to ask it, and how sure its answers make us.
//!
//! ```text
//! greetings ─▶ port ─▶ frames ─▶ candidates ─▶ further questions ─▶ port ─▶ frames ─▶ judge ─▶ ranked
//! ```
//!
//! Relatives share their first question and half of the others; so every question goes out once, and each protocol reads the
//! answer in its own way. Pure: frames go in, questions and percentages come out.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::usual_baud;
use crate::protocol::{Command, CommandKind, Family, Layout, Protocol, Request};
use crate::reading::{Quality, Value};

/// What a device answered to the bytes of a question; `None`: nothing.
pub type Frames = HashMap<Box<[u8]>, Option<Vec<u8>>>;

/// Of 100, what the fields of the status count for, and what the name that the device gives itself.
const FOR_FIELDS: f64 = 70.0;
const FOR_NAME: f64 = 30.0;
/// Of the fields, what the status commands behind the first count for: many devices do without.
const FOR_OTHERS: f64 = 0.15;
/// What the name counts for where a device gives none.
const WITHOUT_NAME: f64 = 0.5;
/// A protocol that is made for one model is none for others.
const OTHER_MODEL: f64 = 0.3;

/// How well a protocol fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The protocol.
    pub protocol: String,
    /// The speed of the line, in baud.
    pub baud: u32,
    /// How sure, of 100.
    pub percent: f64,
    /// What speaks for it, in words.
    pub because: String,
}

/// Whether a family is to be met at such a port at all.
#[must_use]
pub fn is_met_at(port: &str, family: Family) -> bool {
    let is_voltronic = matches!(
        family,
        Family::VoltronicQ | Family::VoltronicPi16 | Family::VoltronicCaret
    );
    match (
        port.contains("hidraw") || port.starts_with("usb:"),
        port.starts_with("ble:"),
    ) {
        // Reports of eight bytes are one maker's.
        (true, _) => is_voltronic,
        (_, true) => matches!(family, Family::JkBle | Family::DalyA5),
        (false, false) => family != Family::JkBle,
    }
}

/// What is asked first of a device that may speak this protocol.
#[must_use]
pub fn greeting(protocol: &Protocol) -> Option<Request<'_>> {
    let named = protocol.identify().first().and_then(|question| question.first());
    let code = named.map_or(protocol.default_command(), String::as_str);
    protocol.request(code).ok().filter(asks)
}

/// What is asked further of a device that answered the greeting.
#[must_use]
pub fn further(protocol: &Protocol) -> Vec<Request<'_>> {
    let identify = protocol
        .identify()
        .iter()
        .skip(1)
        .filter_map(|question| question.first());
    let codes = protocol.status_commands().iter().chain(identify);
    codes
        .filter_map(|code| protocol.request(code).ok())
        .filter(asks)
        .collect()
}

/// A search changes nothing.
fn asks(request: &Request<'_>) -> bool {
    request.command().kind() != CommandKind::Setting
}

/// The speeds at which these protocols are spoken, the slow ones first: a fast device takes slow bytes for noise, and a slow
/// one may hang on fast ones.
#[must_use]
pub fn speeds(protocols: &[Arc<Protocol>]) -> Vec<u32> {
    let mut speeds: Vec<u32> = protocols.iter().map(|protocol| usual_baud(protocol.family())).collect();
    speeds.sort_unstable();
    speeds.dedup();
    speeds
}

/// Whether the device has said something that makes sense in this protocol.
#[must_use]
pub fn is_candidate(protocol: &Protocol, frames: &Frames) -> bool {
    greeting(protocol).is_some_and(|request| Answer::of(&request, frames).is_some())
}

/// How well the protocol fits what the device said.
#[must_use]
pub fn judge(protocol: &Protocol, frames: &Frames) -> Option<Finding> {
    let greeted = greeting(protocol)?;
    let greeted_with = Answer::of(&greeted, frames)?;
    let status = protocol
        .status_commands()
        .iter()
        .filter_map(|code| protocol.request(code).ok());
    let fits: Vec<f64> = status
        .map(|request| Answer::of(&request, frames).map_or(0.0, |answer| answer.fit))
        .collect();
    let fields = match fits.as_slice() {
        // Without a status of its own, what it greets with has to do.
        [] => greeted_with.fit,
        [main, others @ ..] => main * (1.0 - FOR_OTHERS + FOR_OTHERS * mean(others)),
    };
    let answers = std::iter::once(greeted).chain(further(protocol));
    let answers: Vec<Answer> = answers.filter_map(|request| Answer::of(&request, frames)).collect();
    let (name, because) = name(protocol, &greeted_with);
    let model = model(protocol, &answers);
    let percent = (fields * FOR_FIELDS + name * FOR_NAME) * model;
    let answered = fits.iter().filter(|fit| **fit > 0.0).count();
    Some(Finding {
        protocol: protocol.name().to_owned(),
        baud: usual_baud(protocol.family()),
        percent: percent.clamp(0.0, 100.0),
        because: format!("{because}; {answered} of {} status answers are understood", fits.len()),
    })
}

/// Of nothing, half.
fn mean(fits: &[f64]) -> f64 {
    match u32::try_from(fits.len()) {
        Ok(count) if count > 0 => fits.iter().sum::<f64>() / f64::from(count),
        _ => 0.5,
    }
}

/// The best first; of two alike the one that comes first by its name.
pub fn rank(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        b.percent
            .total_cmp(&a.percent)
            .then_with(|| a.protocol.cmp(&b.protocol))
    });
}

/// An answer that a protocol understands.
struct Answer {
    /// Of its fields, what part makes sense: 0 to 1.
    fit: f64,
    /// Its texts, by name.
    words: Vec<(String, String)>,
}

impl Answer {
    fn of(request: &Request<'_>, frames: &Frames) -> Option<Answer> {
        let frame = frames.get(request.bytes())?.as_ref()?;
        let readings = request.decode(frame).ok()?;
        let good = readings
            .iter()
            .filter(|reading| reading.quality == Quality::Good)
            .count();
        let all = readings.len().max(described(request.command()));
        let ratio = |part: usize, whole: usize| {
            f64::from(u32::try_from(part).unwrap_or(0)) / f64::from(u32::try_from(whole.max(1)).unwrap_or(u32::MAX))
        };
        let words = readings.iter().filter_map(|reading| {
            let word = match &reading.value {
                Value::Text(word) => word.to_string(),
                Value::Int(number) => number.to_string(),
                Value::Number(_) | Value::Missing(_) => return None,
            };
            Some((reading.name.to_string(), word))
        });
        Some(Answer {
            fit: ratio(good, all),
            words: words.collect(),
        })
    }
}

/// How many readings a whole answer has. Where values carry their names, a device sends those that it has.
fn described(command: &Command) -> usize {
    match command.layout {
        Layout::KeyValue | Layout::Tagged => 0,
        Layout::Separated | Layout::Fixed | Layout::Frames | Layout::AckFrame => {
            let is_one = |key: &str| !key.is_empty() && !key.contains("{n}");
            command.fields().iter().filter(|field| is_one(field.key())).count()
        }
    }
}

/// Whether the device calls itself as the protocol is called, and that in words.
fn name(protocol: &Protocol, greeted: &Answer) -> (f64, String) {
    let said = greeted.words.first().filter(|_| !protocol.identify().is_empty());
    let Some((_, said)) = said else {
        return (WITHOUT_NAME, "it answers".to_owned());
    };
    let is_same = number_in(said).is_some_and(|number| Some(number) == number_in(protocol.id()));
    let because = format!("it calls itself {said:?}");
    (if is_same { 1.0 } else { 0.0 }, because)
}

/// The first number in a text: `PI30MAX` has 30.
fn number_in(text: &str) -> Option<u32> {
    let digits = text
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit);
    digits.collect::<String>().parse().ok()
}

/// Protocols like `pi30m044` are for the model 044 alone.
fn model(protocol: &Protocol, answers: &[Answer]) -> f64 {
    let Some((_, wanted)) = protocol.name().rsplit_once('m').filter(|(_, code)| is_model(code)) else {
        return 1.0;
    };
    let said = answers.iter().flat_map(|answer| &answer.words);
    let is_it = said
        .into_iter()
        .any(|(name, word)| name.contains("model") && word == wanted);
    if is_it { 1.0 } else { OTHER_MODEL }
}

fn is_model(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Library;

    /// Recorded or made frames; `(` and CRC are put around texts.
    fn voltronic(protocol: &Protocol, answers: &[(&str, &str)]) -> Frames {
        let frame = |text: &str| {
            let crc = crc::Crc::<u16>::new(&crc::CRC_16_XMODEM);
            let mut frame = format!("({text}").into_bytes();
            let sum = crc.checksum(&frame).to_be_bytes();
            frame.extend(sum.map(|byte| {
                if matches!(byte, b'(' | b'\r' | b'\n' | 0) {
                    byte + 1
                } else {
                    byte
                }
            }));
            frame.push(b'\r');
            frame
        };
        let one = |(code, text): &(&str, &str)| (protocol.request(code).unwrap().bytes().into(), Some(frame(text)));
        answers.iter().map(one).collect()
    }

    fn ranked(frames: &Frames) -> Vec<Finding> {
        let mut library = Library::new();
        let names: Vec<String> = library.names().into_iter().map(str::to_owned).collect();
        let protocols = names.iter().map(|name| library.get(name).unwrap());
        let mut findings: Vec<Finding> = protocols.filter_map(|protocol| judge(&protocol, frames)).collect();
        rank(&mut findings);
        findings
    }

    const STATUS: &str =
        "000.0 00.0 230.0 50.0 0440 0420 008 380 52.10 010 076 0041 0007 120.5 52.10 00000 00010110 00 00 00850 010";

    #[test]
    fn plain_inverter_is_taken_for_its_own_kind_before_all_relatives() {
        let protocol = Library::new().get("pi30").unwrap();
        let frames = voltronic(
            &protocol,
            &[("QPI", "PI30"), ("QPIGS", STATUS), ("Q1", "NAK"), ("QMN", "NAK")],
        );
        let found = ranked(&frames);
        assert_eq!(found[0].protocol, "pi30", "{found:#?}");
        assert!(
            found[0].percent > 60.0 && found[0].because.contains("PI30"),
            "{found:#?}"
        );
        assert!(!found.iter().any(|finding| finding.protocol == "daly"));
    }

    #[test]
    fn model_code_decides_between_protocols_that_differ_in_little() {
        let protocol = Library::new().get("pi30m045").unwrap();
        let second = "00.0 000.0 00000 ";
        let status = format!("{STATUS} 0 00 0000");
        let answers = [
            ("QPI", "PI30"),
            ("QGMN", "045"),
            ("QPIGS", status.as_str()),
            ("QPIGS2", second.trim()),
        ];
        let found = ranked(&voltronic(&protocol, &answers));
        let place = |name: &str| found.iter().position(|finding| finding.protocol == name);
        assert!(place("pi30m045") < place("pi30m044"), "{found:#?}");
        assert!(place("pi30m045") < place("pi30"), "{found:#?}");
    }

    #[test]
    fn families_are_looked_for_where_they_can_be() {
        for (port, family, wanted) in [
            ("/dev/hidraw0", Family::VoltronicQ, true),
            ("/dev/hidraw0", Family::DalyA5, false),
            ("ble://AA:BB:CC:DD:EE:FF", Family::JkBle, true),
            ("ble://AA:BB:CC:DD:EE:FF", Family::VoltronicQ, false),
            ("/dev/ttyUSB0", Family::JkBle, false),
            ("tcp://10.0.0.1:23", Family::VictronVedirect, true),
        ] {
            assert_eq!(is_met_at(port, family), wanted, "{port} {family:?}");
        }
    }

    #[test]
    fn nothing_is_found_where_nothing_or_garbage_comes_back() {
        let protocol = Library::new().get("pi30").unwrap();
        assert_eq!(ranked(&Frames::new()), []);
        let bytes: Box<[u8]> = protocol.request("QPI").unwrap().bytes().into();
        for garbage in [b"".to_vec(), b"\r".to_vec(), b"(PI30xx\r".to_vec(), vec![0xFF; 400]] {
            assert_eq!(ranked(&Frames::from([(bytes.clone(), Some(garbage))])), []);
        }
    }
}
