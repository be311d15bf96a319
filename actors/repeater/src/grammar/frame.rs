//! The frame of a line: `L: YYYY-MM-DD HH:MM:SS.mmm text`.

use model::Timestamp;
use serde::{Deserialize, Serialize};

/// Bytes before the text: level, colon, blank, 23 bytes of time, blank.
pub(super) const FRAME: usize = 27;
/// Bytes of `YYYY-MM-DD`.
const DATE: usize = 10;
/// Milliseconds in an hour, a minute, a second.
const HOUR_MS: u32 = 3_600_000;
const MINUTE_MS: u32 = 60_000;
const SECOND_MS: u32 = 1000;

/// The host's levels, least severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// `D`.
    Debug,
    /// `M`: calls are told at this level.
    Message,
    /// `I`: start-up and configuration.
    Info,
    /// `W`.
    Warning,
    /// `E`.
    Error,
    /// `F`.
    Fatal,
}

impl Level {
    const fn from_letter(letter: u8) -> Option<Level> {
        Some(match letter {
            b'D' => Level::Debug,
            b'M' => Level::Message,
            b'I' => Level::Info,
            b'W' => Level::Warning,
            b'E' => Level::Error,
            b'F' => Level::Fatal,
            _ => return None,
        })
    }
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameFault {
    /// Not of this shape at all.
    NoFrame,
    /// A letter that is no level.
    UnknownLevel,
    /// No such date or time.
    BadDate,
}

/// Reads frames; keeps the newest date, since nearly every line has the date of the line before.
#[derive(Clone, Debug, Default)]
pub(super) struct Frames {
    date: [u8; DATE],
    midnight_ms: i64,
}

impl Frames {
    /// Takes the frame off a line.
    pub(super) fn strip<'a>(&mut self, line: &'a [u8]) -> Result<(Level, Timestamp, &'a [u8]), FrameFault> {
        let (frame, text) = line.split_first_chunk::<FRAME>().ok_or(FrameFault::NoFrame)?;
        let [letter, b':', b' ', stamp @ .., b' '] = frame else {
            return Err(FrameFault::NoFrame);
        };
        let level = Level::from_letter(*letter);
        let at = self.time(stamp);
        match (level, at) {
            (Some(level), Some(at)) => Ok((level, at, text)),
            (None, Some(_)) => Err(FrameFault::UnknownLevel),
            (Some(_), None) if looks_like_time(stamp) => Err(FrameFault::BadDate),
            (_, None) => Err(FrameFault::NoFrame),
        }
    }

    /// Reads `YYYY-MM-DD HH:MM:SS.mmm`.
    pub(super) fn time(&mut self, stamp: &[u8; 23]) -> Option<Timestamp> {
        let (date, clock) = stamp.split_first_chunk::<DATE>()?;
        let of_day = clock_ms(clock)?;
        if *date != self.date {
            self.midnight_ms = midnight(date)?;
            self.date = *date;
        }
        Some(Timestamp::from_unix_ms(self.midnight_ms + i64::from(of_day)))
    }
}

/// Milliseconds since midnight of ` HH:MM:SS.mmm`.
fn clock_ms(clock: &[u8]) -> Option<u32> {
    let &[b' ', h1, h2, b':', m1, m2, b':', s1, s2, b'.', f1, f2, f3] = clock else {
        return None;
    };
    let hour = two(h1, h2).filter(|&hour| hour < 24)?;
    let minute = two(m1, m2).filter(|&minute| minute < 60)?;
    let second = two(s1, s2).filter(|&second| second < 60)?;
    let ms = two(f1, f2)? * 10 + digit(f3)?;
    Some(hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + ms)
}

/// The first instant of `YYYY-MM-DD`, in Unix milliseconds.
fn midnight(date: &[u8; DATE]) -> Option<i64> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date else {
        return None;
    };
    let year = i32::try_from(two(y1, y2)? * 100 + two(y3, y4)?).ok()?;
    let month = u8::try_from(two(m1, m2)?).ok()?;
    let day = u8::try_from(two(d1, d2)?).ok()?;
    Timestamp::from_civil((year, month, day), (0, 0, 0), 0).map(Timestamp::unix_ms)
}

fn two(high: u8, low: u8) -> Option<u32> {
    Some(digit(high)? * 10 + digit(low)?)
}

fn digit(byte: u8) -> Option<u32> {
    let value = u32::from(byte.wrapping_sub(b'0'));
    (value < 10).then_some(value)
}

fn looks_like_time(stamp: &[u8; 23]) -> bool {
    let shape = b"dddd-dd-dd dd:dd:dd.ddd";
    stamp.iter().zip(shape).all(|(byte, wanted)| match wanted {
        b'd' => byte.is_ascii_digit(),
        other => byte == other,
    })
}

/// Where a frame begins inside `text`: two records glued together by a crash between them.
pub(super) fn inner_frame(text: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(text, b": ").find_map(|colon| {
        let start = colon.checked_sub(1)?;
        let frame = text.get(start..)?.first_chunk::<FRAME>()?;
        let [letter, b':', b' ', stamp @ .., b' '] = frame else {
            return None;
        };
        (Level::from_letter(*letter).is_some() && looks_like_time(stamp)).then_some(start)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_gives_level_time_and_text() {
        let mut frames = Frames::default();
        let (level, at, text) = frames.strip(b"M: 2026-11-21 06:48:16.195 Mode set to DMR").unwrap();
        assert_eq!((level, text), (Level::Message, &b"Mode set to DMR"[..]));
        assert_eq!(at.to_string(), "2026-11-21T06:48:16.195Z");
        let (_, next, _) = frames.strip(b"D: 2026-11-22 00:00:00.000 ").unwrap();
        assert_eq!(next.to_string(), "2026-11-22T00:00:00.000Z");
    }

    #[test]
    fn frame_with_a_fault_is_named_by_it() {
        let cases: [(&[u8], FrameFault); 6] = [
            (b"", FrameFault::NoFrame),
            (b"M: 2026-11-21 06:48:16.195", FrameFault::NoFrame),
            (b"mmdvmhost: symbol lookup error in libsomething", FrameFault::NoFrame),
            (b"X: 2026-11-21 06:48:16.195 Mode set to DMR", FrameFault::UnknownLevel),
            (b"M: 2026-02-30 06:48:16.195 Mode set to DMR", FrameFault::BadDate),
            (b"M: 2026-11-21 24:48:16.195 Mode set to DMR", FrameFault::BadDate),
        ];
        for (line, fault) in cases {
            assert_eq!(Frames::default().strip(line), Err(fault), "{:?}", line.escape_ascii());
        }
    }

    #[test]
    fn bad_date_does_not_stay_as_the_newest_date() {
        let mut frames = Frames::default();
        assert!(frames.strip(b"M: 2026-02-30 06:48:16.195 x").is_err());
        assert!(frames.strip(b"M: 2026-02-30 06:48:16.195 x").is_err());
    }
}
