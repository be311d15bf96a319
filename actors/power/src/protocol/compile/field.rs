//! From the description of a field to what decoding runs on.

use std::collections::BTreeMap;

use crate::protocol::field::{EVERYTHING, range as of_role};
use crate::protocol::file::{FieldFile, Labels};
use crate::protocol::{BitStyle, BytesKind, DateForm, Field, FieldKind, Repeat, RequestPart, Scale, TextKind};

/// Longest field of a binary answer, in bytes.
const MAX_FIELD_LEN: usize = 1024;

/// # Errors
/// What is wrong with the field.
pub(super) fn compile(file: &FieldFile) -> Result<Field, String> {
    if file.div == 0 {
        return Err("div is 0".to_owned());
    }
    if file.len > MAX_FIELD_LEN {
        return Err(format!("len is at most {MAX_FIELD_LEN}"));
    }
    let kind = kind(file)?;
    let len = if file.len == 0 { usual_len(&kind) } else { file.len };
    let nameless = matches!(
        kind,
        FieldKind::Skip
            | FieldKind::Ack
            | FieldKind::Text(TextKind::PackedDigits(_))
            | FieldKind::Bytes(BytesKind::Bits(_))
    );
    if file.key.is_empty() && !nameless {
        return Err("key is missing".to_owned());
    }
    Ok(Field {
        key: file.key.as_str().into(),
        unit: file.unit.as_str().into(),
        kind,
        scale: Scale {
            bias: file.bias,
            div: file.div,
            mul: file.mul,
        },
        len,
        label: file.label.as_str().into(),
        tag: file.tag,
        every: file.every.unwrap_or(0),
        first: file.first.unwrap_or(0),
        repeat: file.repeat.as_deref().map(|repeat| match repeat {
            "rest" => Repeat::Rest,
            name => Repeat::Field(name.into()),
        }),
        role: file.role,
        range: range(file)?,
        form: form(file)?,
        secret: file.secret,
        device_class: file.device_class.as_deref().map(Box::from),
        state_class: file.state_class.as_deref().map(Box::from),
        icon: file.icon.as_deref().map(Box::from),
    })
}

/// Two stars at most: more of them cost time and say no more.
fn form(file: &FieldFile) -> Result<Option<Box<str>>, String> {
    match file.form.as_deref() {
        Some(form) if form.matches('*').count() > 2 => Err("form has two * at most".to_owned()),
        form => Ok(form.map(Box::from)),
    }
}

/// What the file says, or what values of this role can be.
fn range(file: &FieldFile) -> Result<(f64, f64), String> {
    let (least, most) = file.role.map_or(EVERYTHING, |role| of_role(role, &file.unit));
    let (least, most) = (file.min.unwrap_or(least), file.max.unwrap_or(most));
    if least <= most {
        return Ok((least, most));
    }
    Err("min is more than max".to_owned())
}

fn kind(file: &FieldFile) -> Result<FieldKind, String> {
    Ok(match file.kind.as_str() {
        "skip" => FieldKind::Skip,
        "ack" => FieldKind::Ack,
        "from_request" => FieldKind::FromRequest(request_part(file)?),
        "enum_key" => FieldKind::EnumKey(table(file)?),
        name => match text_kind(name, file)? {
            Some(kind) => FieldKind::Text(kind),
            None => FieldKind::Bytes(bytes_kind(name, file)?.ok_or_else(|| format!("{name:?} is no type of field"))?),
        },
    })
}

fn text_kind(name: &str, file: &FieldFile) -> Result<Option<TextKind>, String> {
    Ok(Some(match name {
        "int" => TextKind::Int,
        "float" => TextKind::Float,
        "text" => TextKind::Word {
            skip_chars: file.skip_chars,
            length_prefixed: file.length_prefixed_2,
            date: date(file)?,
        },
        "enum_index" => TextKind::EnumIndex(words(file)?),
        "bit_chars" => bit_chars(file)?,
        "enable_groups" => {
            let flags = file.flags.as_ref().ok_or("flags is missing")?;
            TextKind::EnableGroups(flags.iter().map(|(flag, name)| (*flag, name.as_str().into())).collect())
        }
        "packed_digits" => {
            let digits = file.digits.as_ref().ok_or("digits is missing")?;
            TextKind::PackedDigits(digits.iter().map(compile).collect::<Result<_, _>>()?)
        }
        _ => return Ok(None),
    }))
}

fn bytes_kind(name: &str, file: &FieldFile) -> Result<Option<BytesKind>, String> {
    Ok(Some(match name {
        "u8" => BytesKind::U8,
        "u16be" => BytesKind::U16Be,
        "u16le" => BytesKind::U16Le,
        "i16be" => BytesKind::I16Be,
        "i16le" => BytesKind::I16Le,
        "u32be" => BytesKind::U32Be,
        "u32le" => BytesKind::U32Le,
        "i32le" => BytesKind::I32Le,
        "f32le" => BytesKind::F32Le,
        "i32be" => BytesKind::I32Be,
        "f32be" => BytesKind::F32Be,
        "u32_swapped" => BytesKind::U32Swapped,
        "i32_swapped" => BytesKind::I32Swapped,
        "f32_swapped" => BytesKind::F32Swapped,
        "bits16" => BytesKind::Bits(names(file)?),
        "enum16be" => BytesKind::EnumWord(words(file)?),
        "date16be" => BytesKind::Date16Be,
        "direction16be" => BytesKind::Direction16Be,
        "celsius16be" => BytesKind::Celsius16Be,
        "hex" => BytesKind::Hex,
        "whole" => BytesKind::Whole,
        "ascii" => BytesKind::Ascii,
        "uptime_le" => BytesKind::Uptime,
        "cells" => BytesKind::Cells,
        "enum_byte" => BytesKind::EnumByte(words(file)?),
        "lookup" => BytesKind::Lookup {
            index: file.lookup_index.as_deref().ok_or("lookup_index is missing")?.into(),
            before: file.lookup_before.as_deref().ok_or("lookup_before is missing")?.into(),
        },
        _ => return Ok(None),
    }))
}

fn words(file: &FieldFile) -> Result<Box<[Box<str>]>, String> {
    match &file.labels {
        Some(Labels::ByIndex(words)) if !words.is_empty() => {
            Ok(words.iter().map(|word| word.as_str().into()).collect())
        }
        Some(Labels::ByIndex(_) | Labels::ByKey(_)) => Err("labels has to be a list with one entry or more".to_owned()),
        None => Err("labels is missing".to_owned()),
    }
}

fn table(file: &FieldFile) -> Result<BTreeMap<Box<str>, Box<str>>, String> {
    match &file.labels {
        Some(Labels::ByKey(words)) if !words.is_empty() => {
            let entry = |(key, word): (&String, &String)| (key.as_str().into(), word.as_str().into());
            Ok(words.iter().map(entry).collect())
        }
        Some(Labels::ByIndex(_) | Labels::ByKey(_)) => {
            Err("labels has to be a table with one entry or more".to_owned())
        }
        None => Err("labels is missing".to_owned()),
    }
}

fn names(file: &FieldFile) -> Result<Box<[Box<str>]>, String> {
    let bits = file.bits.as_ref().ok_or("bits is missing")?;
    Ok(bits.iter().map(|bit| bit.as_str().into()).collect())
}

fn bit_chars(file: &FieldFile) -> Result<TextKind, String> {
    let style = match file.emit.as_deref() {
        None | Some("flags") => BitStyle::Flags,
        Some("chars") => BitStyle::Chars,
        Some(other) => return Err(format!("emit is flags or chars, not {other:?}")),
    };
    Ok(TextKind::BitChars {
        bits: names(file)?,
        style,
    })
}

fn date(file: &FieldFile) -> Result<Option<DateForm>, String> {
    match file.date.as_deref() {
        None => Ok(None),
        Some("compact") => Ok(Some(DateForm::Compact)),
        Some(other) => Err(format!("date is compact, not {other:?}")),
    }
}

fn request_part(file: &FieldFile) -> Result<RequestPart, String> {
    let range = file.range.ok_or("range is missing");
    match file.request_part.as_deref() {
        Some("all") => Ok(RequestPart::All),
        Some("slice") => range
            .map(|(from, to)| RequestPart::Slice(from, to))
            .map_err(str::to_owned),
        Some("month_name") => range
            .map(|(from, to)| RequestPart::MonthName(from, to))
            .map_err(str::to_owned),
        other => Err(format!("request_part is all, slice or month_name, not {other:?}")),
    }
}

/// Bytes that a value of this kind takes where the file does not say.
fn usual_len(kind: &FieldKind) -> usize {
    match kind {
        FieldKind::Bytes(kind) => match kind {
            BytesKind::U8 | BytesKind::EnumByte(_) => 1,
            BytesKind::U16Be
            | BytesKind::U16Le
            | BytesKind::I16Be
            | BytesKind::I16Le
            | BytesKind::Direction16Be
            | BytesKind::Celsius16Be
            | BytesKind::Bits(_)
            | BytesKind::EnumWord(_)
            | BytesKind::Date16Be => 2,
            BytesKind::U32Be
            | BytesKind::U32Le
            | BytesKind::I32Le
            | BytesKind::F32Le
            | BytesKind::I32Be
            | BytesKind::F32Be
            | BytesKind::U32Swapped
            | BytesKind::I32Swapped
            | BytesKind::F32Swapped => 4,
            BytesKind::Hex
            | BytesKind::Whole
            | BytesKind::Ascii
            | BytesKind::Uptime
            | BytesKind::Lookup { .. }
            | BytesKind::Cells => 0,
        },
        FieldKind::Skip | FieldKind::Ack | FieldKind::FromRequest(_) | FieldKind::EnumKey(_) | FieldKind::Text(_) => 0,
    }
}
