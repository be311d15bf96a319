//! Wall-clock time as the station writes it: RFC 3339, UTC, milliseconds.
//!
//! A timestamp orders nothing: the clock of an unattended station jumps (1970 until the network answers).
//! Order comes from [`crate::Seq`], durations from monotonic clocks.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;
use time::{Date, Month, PlainDateTime, Time, UtcDateTime};

/// Milliseconds in a second.
const MS_PER_S: i64 = 1000;

/// An instant of the wall clock, in whole milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Reads the wall clock. Only actor shells call this; pure code takes time as an argument.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    #[must_use]
    pub fn now() -> Timestamp {
        let now = std::time::SystemTime::now();
        let ms = match now.duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        };
        Timestamp(ms)
    }

    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_unix_ms(ms: i64) -> Timestamp {
        Timestamp(ms)
    }

    /// From a civil UTC date and time; `None` where the calendar has no such instant.
    #[must_use]
    pub fn from_civil(date: (i32, u8, u8), (hour, minute, second): (u8, u8, u8), ms: u16) -> Option<Timestamp> {
        let month = Month::try_from(date.1).ok()?;
        let day = Date::from_calendar_date(date.0, month, date.2).ok()?;
        let clock = Time::from_hms_milli(hour, minute, second, ms).ok()?;
        let seconds = PlainDateTime::new(day, clock).assume_utc().unix_timestamp();
        Some(Timestamp(seconds * MS_PER_S + i64::from(ms)))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// The UTC calendar date `(year, month, day)`; used for the names of daily files.
    #[must_use]
    pub fn utc_date(self) -> (i32, u8, u8) {
        self.civil().map_or((1970, 1, 1), |civil| {
            let (year, month, day) = civil.date().to_calendar_date();
            (year, u8::from(month), day)
        })
    }

    /// This instant moved forwards; saturates at the end of time.
    #[must_use]
    pub fn plus(self, by: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This instant moved backwards; saturates at the beginning of time.
    #[must_use]
    pub fn minus(self, by: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not after (the clock went back).
    #[must_use]
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    fn civil(self) -> Option<UtcDateTime> {
        UtcDateTime::from_unix_timestamp(self.0.div_euclid(MS_PER_S)).ok()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(civil) = self.civil() else {
            return write!(f, "1970-01-01T00:00:00.000Z");
        };
        let (year, month, day) = civil.date().to_calendar_date();
        let (hour, minute, second) = civil.time().as_hms();
        let ms = self.0.rem_euclid(MS_PER_S);
        let month = u8::from(month);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
        )
    }
}

/// Text that is no RFC 3339 UTC instant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not an RFC 3339 time in UTC (2026-11-21T06:48:16.195Z): {text:?}")]
pub struct ParseTimestampError {
    text: String,
}

impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    /// Accepts `YYYY-MM-DDTHH:MM:SS[.fff]Z`; a blank may stand for the `T`.
    fn from_str(text: &str) -> Result<Timestamp, ParseTimestampError> {
        parse(text.as_bytes()).ok_or_else(|| ParseTimestampError {
            text: text.chars().take(64).collect(),
        })
    }
}

fn parse(text: &[u8]) -> Option<Timestamp> {
    let body = text.strip_suffix(b"Z")?;
    let (civil, fraction) = match body.split_at_checked(19)? {
        (civil, []) => (civil, &b"0"[..]),
        (civil, [b'.', fraction @ ..]) => (civil, fraction),
        (_, _) => return None,
    };
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-',
        mo1,
        mo2,
        b'-',
        d1,
        d2,
        b'T' | b' ',
        h1,
        h2,
        b':',
        mi1,
        mi2,
        b':',
        s1,
        s2,
    ] = civil
    else {
        return None;
    };
    let year = i32::from(number(&[y1, y2, y3, y4])?);
    let two = |high, low| u8::try_from(number(&[high, low])?).ok();
    let date = (year, two(mo1, mo2)?, two(d1, d2)?);
    let clock = (two(h1, h2)?, two(mi1, mi2)?, two(s1, s2)?);
    Timestamp::from_civil(date, clock, milliseconds(fraction)?)
}

fn milliseconds(fraction: &[u8]) -> Option<u16> {
    if fraction.is_empty() || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |at: usize| fraction.get(at).copied().unwrap_or(b'0');
    number(&[digit(0), digit(1), digit(2)])
}

fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0u16, |sum, byte| {
        byte.is_ascii_digit()
            .then(|| sum.checked_mul(10)?.checked_add(u16::from(byte - b'0')))?
    })
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::DateTime,
            )))
            .description(Some("RFC 3339, UTC, milliseconds"))
            .examples(["2026-11-21T06:48:16.195Z"])
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn timestamp_prints_as_rfc3339_with_milliseconds() {
        let at = Timestamp::from_civil((2026, 11, 21), (6, 48, 16), 195).unwrap();
        assert_eq!(at.to_string(), "2026-11-21T06:48:16.195Z");
        assert_eq!(at.utc_date(), (2026, 11, 21));
    }

    #[test]
    fn timestamp_refuses_dates_that_no_calendar_has() {
        for text in [
            "2026-02-30T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21",
            "",
            "2026-11-21T06:48:16.Z",
            "x",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text} was believed");
        }
    }

    #[test]
    fn time_since_a_later_instant_is_zero_not_negative() {
        let (early, late) = (Timestamp::from_unix_ms(1), Timestamp::from_unix_ms(5));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.since(early), Duration::from_millis(4));
    }

    proptest! {
        #[test]
        fn timestamp_survives_text_and_back(ms in 0i64..253_402_300_799_999) {
            let at = Timestamp::from_unix_ms(ms);
            prop_assert_eq!(at.to_string().parse::<Timestamp>(), Ok(at));
        }

        #[test]
        fn timestamp_parser_never_panics(text in ".{0,40}") {
            if let Ok(at) = text.parse::<Timestamp>() {
                prop_assert_eq!(at.to_string().parse::<Timestamp>(), Ok(at));
            }
        }
    }
}
