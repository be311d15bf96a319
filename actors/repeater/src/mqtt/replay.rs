//! Captures of MQTT traffic, read from end to end: `<time> <topic> <payload>` lines in, documents out.
//!
//! `mosquitto_sub -F '%I %t %p'` writes this form. Each host of a capture is followed by itself; gateways are told
//! from hosts by their names.

use std::time::Duration;

use model::Timestamp;
use model::repeater::Document;

use super::feed::Feed;
use super::tally::FeedTally;
use super::topic::Topic;
use crate::grammar::Lines;
use crate::machine::Emitted;

/// Most programs of one capture that are followed: a dashboard's broker has some hundred, each with little to keep.
const MOST_PROGRAMS: usize = 1024;
/// What the times of a capture are exact to: most are written in whole seconds.
const CAPTURE_CLOCK: Duration = Duration::from_secs(1);

/// Reads captures as they come, in chunks of any size.
#[derive(Debug, Default)]
pub struct MqttReplay {
    lines: Lines,
    programs: Programs,
}

/// The programs that speak in a capture.
#[derive(Debug, Default)]
struct Programs {
    feeds: Vec<(String, Feed)>,
    now: Option<Timestamp>,
    emitted: Vec<Emitted>,
    no_message: u64,
    unknown_topic: u64,
}

impl MqttReplay {
    /// Takes the next chunk of a capture; the documents of its complete lines go to `sink`, in order.
    pub fn push(&mut self, chunk: &[u8], sink: &mut impl FnMut(Document)) {
        let MqttReplay { lines, programs } = self;
        lines.push(chunk, |line| programs.line(line, sink));
    }

    /// A capture ends: its last line is complete even without a newline. Calls go on in the next one.
    pub fn end_of_file(&mut self, sink: &mut impl FnMut(Document)) {
        let MqttReplay { lines, programs } = self;
        lines.finish(|line| programs.line(line, sink));
    }

    /// The last capture ends: calls that are still open are told as they stand.
    pub fn finish(&mut self, sink: &mut impl FnMut(Document)) {
        self.end_of_file(sink);
        let Programs { feeds, emitted, .. } = &mut self.programs;
        feeds.iter_mut().for_each(|(_, feed)| feed.finish(emitted));
        tell(emitted, sink);
    }

    /// How many messages were not recognised, by kind.
    pub fn unrecognised(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        let mut kinds = vec![
            ("no_message", self.programs.no_message),
            ("unknown_topic", self.programs.unknown_topic),
        ];
        let lines = kinds.len();
        kinds.extend(FeedTally::default().by_kind());
        for (_, feed) in &self.programs.feeds {
            let counted = kinds.iter_mut().skip(lines).zip(feed.tally().by_kind());
            counted.for_each(|((_, sum), (_, count))| *sum += count);
        }
        kinds.into_iter()
    }
}

impl Programs {
    fn line(&mut self, line: &[u8], sink: &mut impl FnMut(Document)) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some((received, topic, payload)) = message(line) else {
            self.no_message += 1;
            return;
        };
        self.advance(received, sink);
        let topic = Topic::parse(topic);
        match topic.and_then(|topic| Some((topic.voice()?, self.feed(topic.name)?))) {
            Some((voice, index)) => {
                if let Some((_, feed)) = self.feeds.get_mut(index) {
                    feed.hear(received, voice, payload, &mut self.emitted);
                }
                tell(&mut self.emitted, sink);
            }
            None => self.unknown_topic += 1,
        }
    }

    /// Time goes by between two messages: only so does the silence of a host show.
    fn advance(&mut self, now: Timestamp, sink: &mut impl FnMut(Document)) {
        if self.now != Some(now) {
            self.now = Some(now);
            for (_, feed) in &mut self.feeds {
                feed.advance(now.minus(CAPTURE_CLOCK), &mut self.emitted);
            }
            tell(&mut self.emitted, sink);
        }
    }

    /// Where the feed of a program is; a program that was not heard before gets one.
    fn feed(&mut self, name: &str) -> Option<usize> {
        let known = self.feeds.iter().position(|(program, _)| program == name);
        if known.is_none() && self.feeds.len() < MOST_PROGRAMS {
            self.feeds.push((name.to_owned(), Feed::default()));
            return self.feeds.len().checked_sub(1);
        }
        known
    }
}

fn tell(emitted: &mut Vec<Emitted>, sink: &mut impl FnMut(Document)) {
    let documents = emitted
        .drain(..)
        .filter_map(|Emitted { at, event }| Document::of(at, event));
    documents.for_each(sink);
}

/// `<time> <topic> <payload>`
fn message(line: &[u8]) -> Option<(Timestamp, &str, &[u8])> {
    let mut parts = line.splitn(3, |&byte| byte == b' ');
    let received = time(std::str::from_utf8(parts.next()?).ok()?)?;
    let topic = std::str::from_utf8(parts.next()?).ok()?;
    Some((received, topic, parts.next()?))
}

/// `2026-11-21T06:49:54+0000`, with or without a fraction; the zone may have a colon, or be `Z`.
fn time(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.split_once('T')?;
    let zone = clock.find(['Z', '+', '-']).and_then(|at| clock.split_at_checked(at));
    let (clock, zone) = zone?;
    let civil: Timestamp = format!("{date}T{clock}Z").parse().ok()?;
    let digits: String = zone.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = digits.split_at_checked(2).unwrap_or(("", ""));
    let number = |text: &str| {
        if text.is_empty() {
            Some(0)
        } else {
            text.parse::<u8>().ok()
        }
    };
    let offset = Duration::from_secs(u64::from(number(hours)?) * 3600 + u64::from(number(minutes)?) * 60);
    Some(if zone.starts_with('-') {
        civil.plus(offset)
    } else {
        civil.minus(offset)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capture_time_is_read_in_every_zone() {
        let utc: Timestamp = "2026-11-21T06:49:54Z".parse().unwrap();
        for text in [
            "2026-11-21T06:49:54+0000",
            "2026-11-21T06:49:54Z",
            "2026-11-21T08:19:54+01:30",
            "2026-11-21T01:49:54.000-0500",
            "2026-11-21T08:49:54+02",
        ] {
            assert_eq!(time(text), Some(utc), "{text}");
        }
        for text in [
            "",
            "T",
            "2026-11-21T06:49:54",
            "2026-02-30T06:49:54Z",
            "2026-11-21T06:49:54+xx:99999999999999999999",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
