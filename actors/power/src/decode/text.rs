//! Answers in characters: fields between separators, and lines of a label and a value.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{is_in_answer, missing, reading, word};
use crate::protocol::{BitStyle, DateForm, Field, FieldKind, Request, RequestPart, TextKind};
use crate::reading::{Gap, Quality, Reading, Value};

/// The unit of a flag.
pub(super) const FLAG: &str = "bool";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `YYYYMMDDHHMMSS`.
const COMPACT_DATE: usize = 14;

pub(super) fn separated<'a>(
    request: &'a Request<'_>,
    payload: &'a [u8],
    separators: &'static [u8],
    readings: &mut Vec<Reading<'a>>,
) {
    let mut described = request.command.fields.iter().filter(|field| is_in_answer(field));
    for (position, part) in payload.split(|byte| separators.contains(byte)).enumerate() {
        match described.next() {
            Some(described) => field(described, part, readings),
            None => undescribed(position, part, readings),
        }
    }
    for field in request.command.fields.iter().filter(|field| !is_in_answer(field)) {
        if let FieldKind::FromRequest(part) = field.kind {
            readings.push(from_request(field, part, &request.argument));
        }
    }
}

pub(super) fn lines<'a>(
    fields: &'a [Field],
    lines: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    readings: &mut Vec<Reading<'a>>,
) {
    for (label, value) in lines {
        let described = fields.iter().find(|field| *field.label == *label);
        let read = match described {
            Some(described) if matches!(described.kind, FieldKind::Skip) => continue,
            Some(described) => line(described, &value),
            None => Reading {
                name: label,
                value: Value::Text(value),
                unit: "",
                quality: Quality::Undescribed,
            },
        };
        // Devices with two blocks repeat some labels; the later value is the newer one.
        match readings.iter_mut().find(|known| known.name == read.name) {
            Some(known) => *known = read,
            None => readings.push(read),
        }
    }
}

/// A line's value is not lent by the frame but owned: hexadecimal frames may have been cut out of its middle.
fn line<'a>(field: &'a Field, value: &str) -> Reading<'a> {
    match &field.kind {
        FieldKind::Text(TextKind::Int) => number(field, true, value.as_bytes()),
        FieldKind::Text(TextKind::Float) => number(field, false, value.as_bytes()),
        FieldKind::EnumKey(words) => word(field, words.get(value).map(|word| &**word), value.to_owned().into()),
        FieldKind::Skip | FieldKind::Ack | FieldKind::FromRequest(_) | FieldKind::Text(_) | FieldKind::Bytes(_) => {
            reading(field, Value::Text(value.to_owned().into()))
        }
    }
}

fn undescribed<'a>(position: usize, part: &'a [u8], readings: &mut Vec<Reading<'a>>) {
    let Ok(text) = std::str::from_utf8(part) else { return };
    if text.chars().any(char::is_control) {
        return;
    }
    readings.push(Reading {
        name: format!("unknown_value_in_response_{position}").into(),
        value: Value::Text(text.into()),
        unit: "",
        quality: Quality::Undescribed,
    });
}

fn field<'a>(field: &'a Field, part: &'a [u8], readings: &mut Vec<Reading<'a>>) {
    let text = std::str::from_utf8(part).ok();
    let text = text.filter(|text| !text.chars().any(char::is_control));
    match (&field.kind, text) {
        (FieldKind::Skip, _) => {}
        (_, None) => readings.push(missing(Cow::Borrowed(&field.key), &field.unit, Gap::NotText)),
        (FieldKind::Text(kind), Some(text)) => characters(field, kind, text, readings),
        (FieldKind::EnumKey(words), Some(text)) => {
            readings.push(word(field, words.get(text).map(|word| &**word), text.into()));
        }
        (FieldKind::Ack | FieldKind::FromRequest(_) | FieldKind::Bytes(_), Some(text)) => {
            readings.push(reading(field, Value::Text(text.into())));
        }
    }
}

fn characters<'a>(field: &'a Field, kind: &'a TextKind, text: &'a str, readings: &mut Vec<Reading<'a>>) {
    match kind {
        TextKind::Int => readings.push(number(field, true, text.as_bytes())),
        TextKind::Float => readings.push(number(field, false, text.as_bytes())),
        TextKind::EnumIndex(words) => readings.push(index(field, words, text)),
        TextKind::BitChars { bits, style } => flags(bits, *style, text, readings),
        TextKind::EnableGroups(names) => groups(names, text, readings),
        TextKind::PackedDigits(digits) => {
            for (digit, place) in digits.iter().zip(text.as_bytes().chunks(1)) {
                self::field(digit, place, readings);
            }
        }
        TextKind::Word {
            skip_chars,
            length_prefixed,
            date,
        } => {
            let text = words_of(text, *skip_chars, *length_prefixed);
            readings.push(reading(field, Value::Text(dated(text, *date))));
        }
    }
}

/// A decimal number. Dashes and nothing at all are no value, and never 0.
fn number<'a>(field: &'a Field, is_whole: bool, part: &[u8]) -> Reading<'a> {
    if part.iter().all(|byte| matches!(byte, b'-' | b'.' | b' ')) {
        return missing(Cow::Borrowed(&field.key), &field.unit, Gap::NotAvailable);
    }
    let text = std::str::from_utf8(part).map(str::trim_ascii).unwrap_or_default();
    // Rust reads "inf" and "1e5" as numbers; no device writes them.
    let digits = text
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'+' | b'-'));
    let whole = text.parse::<i64>().ok().filter(|_| is_whole);
    let value = match (whole, text.parse::<f64>()) {
        (Some(whole), _) => field.scale.whole(whole),
        (None, Ok(value)) if digits => field.scale.fraction(value),
        (None, _) => Value::Missing(Gap::NotANumber),
    };
    reading(field, value)
}

fn index<'a>(field: &'a Field, words: &'a [Box<str>], text: &'a str) -> Reading<'a> {
    if text.bytes().all(|byte| byte == b'-') {
        return missing(Cow::Borrowed(&field.key), &field.unit, Gap::NotAvailable);
    }
    let listed = text.parse::<usize>().ok().and_then(|index| words.get(index));
    word(field, listed.map(|word| &**word), text.into())
}

fn flags<'a>(bits: &'a [Box<str>], style: BitStyle, text: &'a str, readings: &mut Vec<Reading<'a>>) {
    for (name, (at, bit)) in bits
        .iter()
        .zip(text.char_indices())
        .filter(|(name, _)| !name.is_empty())
    {
        let value = match (style, bit) {
            (BitStyle::Flags, '0') => Value::Int(0),
            (BitStyle::Flags, '1') => Value::Int(1),
            (BitStyle::Flags, '-') => Value::Missing(Gap::NotAvailable),
            (BitStyle::Flags, _) => Value::Missing(Gap::OutOfRange),
            (BitStyle::Chars, _) => {
                let one = text.get(at..at.saturating_add(bit.len_utf8()));
                Value::Text(one.unwrap_or_default().into())
            }
        };
        let quality = match value {
            Value::Missing(_) => Quality::Missing,
            Value::Int(_) | Value::Number(_) | Value::Text(_) => Quality::Good,
        };
        let unit = match style {
            BitStyle::Flags => FLAG,
            BitStyle::Chars => "",
        };
        readings.push(Reading {
            name: Cow::Borrowed(name),
            value,
            unit,
            quality,
        });
    }
}

/// `EakxyDbjuvz`: the letters behind `E` are on, those behind `D` off.
fn groups<'a>(names: &'a BTreeMap<char, Box<str>>, text: &str, readings: &mut Vec<Reading<'a>>) {
    let mut state = "";
    for letter in text.chars() {
        match (letter, names.get(&letter)) {
            ('E', _) => state = "enabled",
            ('D', _) => state = "disabled",
            (_, Some(name)) if !state.is_empty() => readings.push(Reading {
                name: Cow::Borrowed(name),
                value: Value::Text(state.into()),
                unit: "",
                quality: Quality::Good,
            }),
            _ => {}
        }
    }
}

fn words_of(text: &str, skip_chars: usize, length_prefixed: bool) -> &str {
    let text = text.get(skip_chars..).unwrap_or_default();
    if !length_prefixed {
        return text;
    }
    let length = text.get(..2).and_then(|digits| digits.parse::<usize>().ok());
    let behind = text.get(2..).unwrap_or_default();
    length.and_then(|length| behind.get(..length)).unwrap_or(behind)
}

fn dated(text: &str, date: Option<DateForm>) -> Cow<'_, str> {
    let compact = date == Some(DateForm::Compact) && text.len() == COMPACT_DATE;
    if !compact || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.into();
    }
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let (day, time) = (
        [part(0, 4), part(4, 6), part(6, 8)],
        [part(8, 10), part(10, 12), part(12, 14)],
    );
    format!("{} {}", day.join("-"), time.join(":")).into()
}

fn from_request<'a>(field: &'a Field, part: RequestPart, argument: &'a str) -> Reading<'a> {
    let cut = |from: usize, to: usize| argument.get(from..to.min(argument.len())).unwrap_or_default();
    let text = match part {
        RequestPart::All => argument,
        RequestPart::Slice(from, to) => cut(from, to),
        RequestPart::MonthName(from, to) => {
            let month = cut(from, to)
                .parse::<usize>()
                .ok()
                .and_then(|month| month.checked_sub(1));
            let name = month.and_then(|month| MONTHS.get(month)).copied();
            return word(field, name, cut(from, to).into());
        }
    };
    reading(field, Value::Text(text.into()))
}
