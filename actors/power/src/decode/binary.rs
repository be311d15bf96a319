//! Answers in bytes: fields at fixed places, numbered frames, values behind tags.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{missing, reading, word};
use crate::error::FrameError;
use crate::protocol::{BytesKind, Field, FieldKind, Repeat};
use crate::reading::{Gap, Quality, Reading, Value};

/// The bit that says the direction of a current.
const DIRECTION: u16 = 0x8000;
/// Temperatures above this are below zero.
const CELSIUS_TURN: i64 = 100;

/// The tag whose value has its own length before it.
const CELLS_TAG: u8 = 0x79;
/// Bytes of one cell: its number and its millivolts.
const CELL: usize = 3;

/// Most times that a field is repeated: no battery has as many cells, and a damaged count asks for no more.
const MAX_REPEAT: usize = 64;

pub(super) fn record<'a>(fields: &'a [Field], record: &[u8], readings: &mut Vec<Reading<'a>>) {
    let (mut rest, mut at) = (fields, 0_usize);
    while let [field, behind @ ..] = rest {
        rest = behind;
        let after: usize = behind.iter().map(|field| field.len).sum();
        let room = record.len().saturating_sub(at).saturating_sub(after);
        let len = if takes_room(field) { room } else { field.len };
        for number in 1..=times(field, room, readings) {
            let end = at.saturating_add(len);
            one(field, number, record, record.get(at..end), readings);
            at = end;
        }
    }
}

/// A text of no given length is as long as there is room before the fields behind it.
fn takes_room(field: &Field) -> bool {
    field.len == 0 && matches!(field.kind, FieldKind::Bytes(BytesKind::Ascii | BytesKind::Hex))
}

/// How often the field stands in the bytes that are there for it.
fn times(field: &Field, room: usize, readings: &[Reading<'_>]) -> usize {
    let room = room.checked_div(field.len).unwrap_or_default();
    let count = match &field.repeat {
        None => return 1,
        Some(Repeat::Rest) => room,
        Some(Repeat::Field(name)) => {
            let said = readings.iter().find(|reading| reading.name == **name);
            match said.map(|said| &said.value) {
                // A count beyond what is there leaves values out, and never reads what is none.
                Some(Value::Int(count)) => usize::try_from(*count).unwrap_or_default().min(room),
                Some(Value::Number(_) | Value::Text(_) | Value::Missing(_)) | None => 0,
            }
        }
    };
    count.min(MAX_REPEAT)
}

fn one<'a>(field: &'a Field, number: usize, record: &[u8], bytes: Option<&[u8]>, readings: &mut Vec<Reading<'a>>) {
    match (&field.kind, bytes) {
        (FieldKind::Skip, _) => {}
        (FieldKind::Bytes(BytesKind::Whole), _) => readings.push(reading(field, Value::Text(hex(record).into()))),
        (FieldKind::Bytes(BytesKind::Bits(names)), Some([high, low])) => {
            bits(names, u16::from_be_bytes([*high, *low]), readings);
        }
        (_, Some(bytes)) => {
            let mut read = self::field(field, bytes, readings);
            if field.repeat.is_some() {
                read.name = numbered(&field.key, number).into();
            }
            readings.push(read);
        }
        (_, None) => readings.push(missing(Cow::Borrowed(&field.key), &field.unit, Gap::CutShort)),
    }
}

fn bits<'a>(names: &'a [Box<str>], raw: u16, readings: &mut Vec<Reading<'a>>) {
    for (name, bit) in names.iter().zip(0..u16::BITS).filter(|(name, _)| !name.is_empty()) {
        readings.push(Reading {
            name: Cow::Borrowed(name),
            value: Value::Int(i64::from(raw >> bit & 1)),
            unit: super::text::FLAG,
            quality: Quality::Good,
        });
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

/// Values behind tags. An answer with an unknown tag is none: nobody knows how long its value is, nor what follows.
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
        (BytesKind::F32Be, [a, b, c, d]) | (BytesKind::F32Swapped, [c, d, a, b]) => {
            reading(field, field.scale.fraction(f32::from_be_bytes([*a, *b, *c, *d]).into()))
        }
        (BytesKind::EnumByte(words), [index, ..]) => by_index(field, words, (*index).into()),
        (BytesKind::EnumWord(words), [high, low]) => by_index(field, words, u16::from_be_bytes([*high, *low])),
        (BytesKind::Date16Be, [high, low]) => reading(field, date(u16::from_be_bytes([*high, *low]))),
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
        (BytesKind::I32Be, [a, b, c, d]) | (BytesKind::I32Swapped, [c, d, a, b]) => {
            i64::from(i32::from_be_bytes([*a, *b, *c, *d]))
        }
        (BytesKind::U32Swapped, [c, d, a, b]) => i64::from(u32::from_be_bytes([*a, *b, *c, *d])),
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

fn by_index<'a>(field: &'a Field, words: &'a [Box<str>], index: u16) -> Reading<'a> {
    let listed = words.get(usize::from(index)).filter(|word| !word.is_empty());
    word(field, listed.map(|word| &**word), index.to_string().into())
}

/// Five bits of the day, four of the month, the rest the year since 2000.
fn date<'a>(raw: u16) -> Value<'a> {
    let (year, month, day) = (2000_u16.saturating_add(raw >> 9), raw >> 5 & 0x0F, raw & 0x1F);
    if (1..=12).contains(&month) && day > 0 {
        Value::Text(format!("{year}-{month:02}-{day:02}").into())
    } else {
        Value::Missing(Gap::OutOfRange)
    }
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
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        text.extend([digit(byte >> 4), digit(byte & 0x0F)]);
    }
    text
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
