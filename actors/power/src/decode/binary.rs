//! Answers in bytes: fields at fixed places, numbered frames, values behind tags.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{missing, reading, word};
use crate::error::FrameError;
use crate::protocol::{BytesKind, Field, FieldKind};
use crate::reading::{Gap, Reading, Value};

/// The bit that says the direction of a current.
const DIRECTION: u16 = 0x8000;
/// Temperatures above this are below zero.
const CELSIUS_TURN: i64 = 100;

/// The tag whose value has its own length before it.
const CELLS_TAG: u8 = 0x79;
/// Bytes of one cell: its number and its millivolts.
const CELL: usize = 3;

pub(super) fn record<'a>(fields: &'a [Field], record: &[u8], readings: &mut Vec<Reading<'a>>) {
    let mut at: usize = 0;
    for field in fields {
        let end = at.saturating_add(field.len);
        match record.get(at..end) {
            _ if matches!(field.kind, FieldKind::Skip) => {}
            _ if matches!(field.kind, FieldKind::Bytes(BytesKind::Whole)) => {
                readings.push(reading(field, Value::Text(hex(record).into())));
            }
            Some(bytes) => {
                let read = self::field(field, bytes, readings);
                readings.push(read);
            }
            None => readings.push(missing(Cow::Borrowed(&field.key), &field.unit, Gap::CutShort)),
        }
        at = end;
    }
}

/// Numbered frames, in their order.
pub(super) fn frames<'a>(fields: &'a [Field], frames: &[u8], len: usize, readings: &mut Vec<Reading<'a>>) {
    for (number, frame) in frames.chunks(len).enumerate() {
        let mut at: usize = 0;
        for field in fields {
            let end = at.saturating_add(field.len);
            let bytes = frame.get(at..end).unwrap_or_default();
            at = end;
            if matches!(field.kind, FieldKind::Skip) {
                continue;
            }
            let place = field.every.saturating_mul(number).saturating_add(field.first);
            let mut read = self::field(field, bytes, readings);
            read.name = numbered(&field.key, place).into();
            readings.push(read);
        }
    }
}

/// Values behind tags. An unknown tag ends the reading: nobody knows how long its value is.
pub(super) fn tagged<'a>(
    fields: &'a [Field],
    values: &[u8],
    readings: &mut Vec<Reading<'a>>,
) -> Result<(), FrameError> {
    let (mut rest, mut last) = (values, None);
    while let [tag, behind @ ..] = rest {
        // Devices send the tags in their order, each once.
        if last.replace(*tag).is_some_and(|last| last >= *tag) {
            return Err(FrameError::Unfitting);
        }
        let described = fields.iter().filter(|field| field.tag == *tag);
        let declared = described.clone().map(|field| field.len).max();
        let len = match (tag, behind.first()) {
            (&CELLS_TAG, Some(len)) => usize::from(*len).saturating_add(1),
            _ => declared.ok_or(FrameError::Unfitting)?,
        };
        let (value, next) = behind.split_at_checked(len).ok_or(FrameError::Unfitting)?;
        for field in described.filter(|field| !matches!(field.kind, FieldKind::Skip)) {
            if matches!(field.kind, FieldKind::Bytes(BytesKind::Cells)) {
                cells(field, value.get(1..).unwrap_or_default(), readings)?;
            } else {
                let read = self::field(field, value, readings);
                readings.push(read);
            }
        }
        rest = next;
    }
    Ok(())
}

fn cells<'a>(field: &'a Field, bytes: &[u8], readings: &mut Vec<Reading<'a>>) -> Result<(), FrameError> {
    let (cells, rest) = bytes.as_chunks::<CELL>();
    let in_order = (1..=u8::MAX).zip(cells).all(|(number, [found, ..])| number == *found);
    if !in_order || !rest.is_empty() {
        return Err(FrameError::Unfitting);
    }
    for [number, high, low] in cells {
        let millivolts = i64::from(u16::from_be_bytes([*high, *low]));
        let mut read = reading(field, field.scale.whole(millivolts));
        read.name = numbered(&field.key, usize::from(*number)).into();
        readings.push(read);
    }
    Ok(())
}

/// `{n}` in a name becomes the number, in two digits.
fn numbered(key: &str, number: usize) -> String {
    key.replace("{n}", &format!("{number:02}"))
}

fn field<'a>(field: &'a Field, bytes: &[u8], before: &[Reading<'a>]) -> Reading<'a> {
    let kind = match &field.kind {
        FieldKind::Bytes(kind) => kind,
        FieldKind::EnumKey(words) => return by_code(field, words, bytes),
        FieldKind::Skip | FieldKind::Ack | FieldKind::FromRequest(_) | FieldKind::Text(_) => {
            return reading(field, Value::Text(hex(bytes).into()));
        }
    };
    match (kind, bytes) {
        (BytesKind::Hex | BytesKind::Whole, _) => reading(field, Value::Text(hex(bytes).into())),
        (BytesKind::Ascii, _) => reading(field, ascii(bytes)),
        (BytesKind::Uptime, _) => reading(field, uptime(bytes)),
        (BytesKind::F32Le, [a, b, c, d]) => {
            reading(field, field.scale.fraction(f32::from_le_bytes([*a, *b, *c, *d]).into()))
        }
        (BytesKind::EnumByte(words), [index, ..]) => {
            let listed = words.get(usize::from(*index)).map(|word| &**word);
            word(field, listed, index.to_string().into())
        }
        (BytesKind::Lookup { index, before: name }, _) => lookup(field, index, name, before),
        (kind, bytes) => match whole(kind, bytes) {
            Some(raw) => reading(field, field.scale.whole(raw)),
            None => missing(Cow::Borrowed(&field.key), &field.unit, Gap::CutShort),
        },
    }
}

/// The whole numbers of the wire.
fn whole(kind: &BytesKind, bytes: &[u8]) -> Option<i64> {
    Some(match (kind, bytes) {
        (BytesKind::U8, [byte, ..]) => i64::from(*byte),
        (BytesKind::U16Be, [a, b]) => i64::from(u16::from_be_bytes([*a, *b])),
        (BytesKind::U16Le, [a, b]) => i64::from(u16::from_le_bytes([*a, *b])),
        (BytesKind::I16Be, [a, b]) => i64::from(i16::from_be_bytes([*a, *b])),
        (BytesKind::I16Le, [a, b]) => i64::from(i16::from_le_bytes([*a, *b])),
        (BytesKind::U32Be, [a, b, c, d]) => i64::from(u32::from_be_bytes([*a, *b, *c, *d])),
        (BytesKind::U32Le, [a, b, c, d]) => i64::from(u32::from_le_bytes([*a, *b, *c, *d])),
        (BytesKind::I32Le, [a, b, c, d]) => i64::from(i32::from_le_bytes([*a, *b, *c, *d])),
        (BytesKind::Direction16Be, [a, b]) => {
            let raw = u16::from_be_bytes([*a, *b]);
            let amount = i64::from(raw & !DIRECTION);
            if raw & DIRECTION == 0 { -amount } else { amount }
        }
        (BytesKind::Celsius16Be, [a, b]) => {
            let raw = i64::from(u16::from_be_bytes([*a, *b]));
            if raw > CELSIUS_TURN { CELSIUS_TURN - raw } else { raw }
        }
        _ => return None,
    })
}

fn by_code<'a>(field: &'a Field, words: &'a BTreeMap<Box<str>, Box<str>>, bytes: &[u8]) -> Reading<'a> {
    let code = hex(bytes);
    word(field, words.get(code.as_str()).map(|word| &**word), code.into())
}

/// The value of the field whose number another field holds.
fn lookup<'a>(field: &'a Field, index: &str, name: &str, before: &[Reading<'a>]) -> Reading<'a> {
    let number = before.iter().find(|reading| reading.name == index);
    let number = number.and_then(|reading| match reading.value {
        Value::Int(number) => Some(number),
        Value::Number(_) | Value::Text(_) | Value::Missing(_) => None,
    });
    let found = number.and_then(|number| {
        let name = format!("{name}{number:02}");
        before.iter().find(|reading| reading.name == name)
    });
    match found {
        Some(found) => reading(field, found.value.clone()),
        None => missing(Cow::Borrowed(&field.key), &field.unit, Gap::NoSuchField),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(
        String::with_capacity(bytes.len().saturating_mul(2)),
        |mut text, byte| {
            // Writing to a String cannot fail.
            let _written = write!(text, "{byte:02x}").is_ok();
            text
        },
    )
}

fn ascii<'a>(bytes: &[u8]) -> Value<'a> {
    let text: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
    match String::from_utf8(text) {
        Ok(text) if !text.chars().any(char::is_control) => Value::Text(text.into()),
        _ => Value::Missing(Gap::NotText),
    }
}

fn uptime<'a>(bytes: &[u8]) -> Value<'a> {
    if bytes.len() > size_of::<u32>() {
        return Value::Missing(Gap::OutOfRange);
    }
    let seconds = bytes
        .iter()
        .rev()
        .fold(0_u32, |seconds, byte| seconds << 8 | u32::from(*byte));
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    Value::Text(format!("{days}D{}H{}M{}S", hours % 24, minutes % 60, seconds % 60).into())
}
