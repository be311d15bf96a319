//! From a file to a protocol: inheritance, patterns, and everything that the types cannot say.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use regex_lite::Regex;

use super::field::{self, EVERYTHING};
use super::file::{CommandFile, FieldFile, Labels, ProtocolFile};
use super::setting::{setting, setting_fault};
use super::{
    BitStyle, BytesKind, Command, CommandKind, DateForm, Family, Field, FieldKind, Layout, Protocol, Record,
    RequestCrc, RequestPart, Scale, TextKind,
};

/// Longest field of a binary answer, in bytes.
const MAX_FIELD_LEN: usize = 1024;
/// The device that a protocol speaks to unless another is named.
const FIRST_UNIT: u8 = 1;

/// What is wrong with a file: where in it, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The command and field, as in `QPIGS.battery_voltage`; empty for the file itself.
    pub(super) key: String,
    /// Why.
    pub(super) reason: String,
}

fn fault(key: &str, reason: impl Into<String>) -> Fault {
    Fault {
        key: key.to_owned(),
        reason: reason.into(),
    }
}

/// Makes the protocol; `base` is the one that the file extends.
pub(super) fn compile(name: &str, file: &ProtocolFile, base: Option<&Protocol>) -> Result<Protocol, Fault> {
    let family = file
        .family
        .or_else(|| base.map(|base| base.family))
        .ok_or_else(|| fault("family", "is missing; without `extends` a file has to name one"))?;
    let class = file
        .class
        .or_else(|| base.map(|base| base.class))
        .ok_or_else(|| fault("class", "is missing; without `extends` a file has to name one"))?;
    let commands = commands(file, base, family)?;
    let by_code: HashMap<Box<str>, usize> = commands
        .iter()
        .enumerate()
        .map(|(index, command)| (command.code.clone(), index))
        .collect();
    let inherited = |own: &Option<Vec<String>>, of: fn(&Protocol) -> &Vec<String>| {
        own.clone()
            .or_else(|| base.map(|base| of(base).clone()))
            .unwrap_or_default()
    };
    let protocol = Protocol {
        name: name.into(),
        id: file.id.as_str().into(),
        family,
        class,
        default_command: default_command(file, base)?,
        status_commands: inherited(&file.status_commands, |base| &base.status_commands),
        watch_commands: inherited(&file.watch_commands, |base| &base.watch_commands),
        setting_read_commands: inherited(&file.setting_read_commands, |base| &base.setting_read_commands),
        identify: file
            .identify
            .clone()
            .or_else(|| base.map(|base| base.identify.clone()))
            .unwrap_or_default(),
        rated_battery: file
            .rated_battery
            .clone()
            .or_else(|| base.and_then(|base| base.rated_battery.clone())),
        module_address: address(file, base)?,
        unit: FIRST_UNIT,
        request_crc: file
            .request_crc
            .or_else(|| base.map(|base| base.request_crc))
            .unwrap_or(RequestCrc::Sent),
        commands,
        by_code,
    };
    check_names(&protocol)?;
    setting_fault(file, &protocol).map_or(Ok(protocol), |(key, reason)| Err(fault(&key, reason)))
}

fn default_command(file: &ProtocolFile, base: Option<&Protocol>) -> Result<Box<str>, Fault> {
    let inherited = base.map(|base| base.default_command.clone());
    let own = file.default_command.as_deref().map(Box::from);
    own.or(inherited).ok_or_else(|| fault("default_command", "is missing"))
}

fn address(file: &ProtocolFile, base: Option<&Protocol>) -> Result<u8, Fault> {
    match &file.module_address_hex {
        None => Ok(base.map_or(0, |base| base.module_address)),
        Some(text) => u8::from_str_radix(text, 16)
            .map_err(|_| fault("module_address_hex", format!("{text:?} is no byte in hexadecimal"))),
    }
}

/// The base's commands in their order, replaced and removed as the file says, then the new ones.
fn commands(file: &ProtocolFile, base: Option<&Protocol>, family: Family) -> Result<Vec<Command>, Fault> {
    let mut commands = base.map(|base| base.commands.clone()).unwrap_or_default();
    for code in &file.remove {
        let before = commands.len();
        commands.retain(|command| *command.code != **code);
        if commands.len() == before {
            return Err(fault(
                "remove",
                format!("{code:?} is no command of the extended protocol"),
            ));
        }
    }
    let mut own: Vec<&str> = Vec::new();
    for command in &file.command {
        if own.contains(&command.code.as_str()) {
            return Err(fault(&command.code, "stands twice in the file"));
        }
        own.push(&command.code);
        let made = self::command(command, family)?;
        match commands.iter_mut().find(|known| known.code == made.code) {
            Some(known) => *known = made,
            None => commands.push(made),
        }
    }
    if family == Family::JkPbModbus {
        share_records(&mut commands);
    }
    Ok(commands)
}

/// Whatever was asked, any of the records may be the answer.
fn share_records(commands: &mut [Command]) {
    let record = |command: &Command| {
        Some(Record {
            kind: command.record_type?,
            fields: command.fields.clone(),
            agreements: command.agreements.clone(),
        })
    };
    let records: Arc<[Record]> = commands.iter().filter_map(record).collect();
    for command in commands {
        command.records = Arc::clone(&records);
    }
}

fn command(file: &CommandFile, family: Family) -> Result<Command, Fault> {
    let at = |reason: String| fault(&file.code, reason);
    if file.code.is_empty() || !file.code.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(at("a code has one or more printable characters and no space".to_owned()));
    }
    let pattern = match &file.pattern {
        None => None,
        Some(pattern) => Some(whole(pattern).map_err(at)?),
    };
    if file.per_unit && pattern.is_none() {
        return Err(at("per_unit needs a pattern that holds the unit's number".to_owned()));
    }
    let opcode = match &file.opcode_hex {
        None => Vec::new(),
        Some(text) => bytes(text).ok_or_else(|| at(format!("opcode_hex {text:?} is not hexadecimal")))?,
    };
    if opcode.is_empty() && needs_opcode(family) && file.kind != CommandKind::Listen {
        return Err(at("opcode_hex is missing".to_owned()));
    }
    let mut fields = Vec::new();
    for field in &file.fields {
        fields.push(self::field(field).map_err(|reason| {
            let key = format!(
                "{}.{}",
                file.code,
                if field.key.is_empty() { &field.kind } else { &field.key }
            );
            fault(&key, reason)
        })?);
    }
    if fields.is_empty() {
        return Err(at("has no fields".to_owned()));
    }
    check_agreements(file, &fields).map_err(at)?;
    let layout = layout(file.layout, &fields);
    if let Some(stray) = fields.iter().find(|field| !fits(layout, &field.kind)) {
        let reason = "a field of characters in an answer of bytes, or the other way round";
        return Err(fault(&format!("{}.{}", file.code, stray.key), reason));
    }
    Ok(Command {
        code: file.code.as_str().into(),
        label: file.label.as_str().into(),
        kind: file.kind,
        layout,
        per_unit: file.per_unit,
        pattern,
        opcode: opcode.into(),
        record_type: file.record_type,
        request_crc: file.request_crc,
        check: file.crc,
        decimal_sum: file.decimal_sum,
        value: file.value,
        at_least: file.at_least.unwrap_or_else(|| usual_least(&fields)),
        open: file.open,
        frames: file.frames,
        agreements: file.agree.clone().into(),
        ack_name: ack_name(layout, &file.code).into(),
        fields: fields.into(),
        setting: setting(file).map_err(|reason| fault(&file.code, reason))?,
        records: Arc::default(),
    })
}

/// Older devices leave fields out at the end, but no more than a third.
fn usual_least(fields: &[Field]) -> usize {
    let from_answer = |field: &&Field| !matches!(field.kind, FieldKind::FromRequest(_));
    let described = fields.iter().filter(from_answer).count();
    described.saturating_sub(described / 3)
}

/// What has to agree has to be in the answer.
fn check_agreements(file: &CommandFile, fields: &[Field]) -> Result<(), String> {
    for agreement in &file.agree {
        let (of, is) = agreement.names();
        if !fields.iter().any(|field| *field.key == *is) {
            return Err(format!("agree: {is:?} is no field of the answer"));
        }
        if !fields.iter().any(|field| agreement.is_part(&field.key)) {
            return Err(format!("agree: no field of the answer is {of:?} and a number"));
        }
        if !agreement.is_sound() {
            return Err("agree: within has to be 0 or more".to_owned());
        }
    }
    Ok(())
}

/// Binary answers of one acknowledgement need no other layout than that.
fn layout(given: Layout, fields: &[Field]) -> Layout {
    let only_ack = matches!(fields, [field] if matches!(field.kind, FieldKind::Ack));
    if only_ack && given == Layout::Fixed {
        Layout::AckFrame
    } else {
        given
    }
}

/// Whether such a field can be in such an answer.
fn fits(layout: Layout, kind: &FieldKind) -> bool {
    match kind {
        FieldKind::Skip | FieldKind::EnumKey(_) => true,
        FieldKind::Ack => matches!(layout, Layout::Separated | Layout::AckFrame),
        FieldKind::FromRequest(_) => layout == Layout::Separated,
        FieldKind::Text(_) => matches!(layout, Layout::Separated | Layout::KeyValue),
        FieldKind::Bytes(_) => matches!(layout, Layout::Fixed | Layout::Frames | Layout::Tagged),
    }
}

/// Text protocols name an acknowledgement after the command, binary ones do not.
fn ack_name(layout: Layout, code: &str) -> String {
    match layout {
        Layout::Separated => code.to_lowercase(),
        Layout::Fixed | Layout::Frames | Layout::KeyValue | Layout::Tagged | Layout::AckFrame => {
            "command_execution".to_owned()
        }
    }
}

fn needs_opcode(family: Family) -> bool {
    match family {
        Family::VoltronicQ | Family::VoltronicPi16 | Family::VoltronicCaret => false,
        Family::JkBle
        | Family::JkNwTtl
        | Family::JkPbModbus
        | Family::JkBalancer485
        | Family::Dd77Serial
        | Family::DalyA5
        | Family::VictronVedirect => true,
    }
}

/// The pattern, made to match the whole text or nothing.
fn whole(pattern: &str) -> Result<Regex, String> {
    let bare = pattern.strip_prefix('^').unwrap_or(pattern);
    let bare = bare.strip_suffix('$').unwrap_or(bare);
    Regex::new(&format!("^(?:{bare})$")).map_err(|error| format!("pattern {pattern:?}: {error}"))
}

/// Bytes from hexadecimal digits.
pub(super) fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn field(file: &FieldFile) -> Result<Field, String> {
    if file.div == 0 {
        return Err("div is 0".to_owned());
    }
    if file.len > MAX_FIELD_LEN {
        return Err(format!("len is at most {MAX_FIELD_LEN}"));
    }
    let kind = kind(file)?;
    let nameless = matches!(
        kind,
        FieldKind::Skip | FieldKind::Text(TextKind::PackedDigits(_)) | FieldKind::Ack
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
        len: file.len,
        label: file.label.as_str().into(),
        tag: file.tag,
        every: file.every.unwrap_or(0),
        first: file.first.unwrap_or(0),
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
    let (least, most) = file.role.map_or(EVERYTHING, |role| field::range(role, &file.unit));
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
            TextKind::PackedDigits(digits.iter().map(field).collect::<Result<_, _>>()?)
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

fn bit_chars(file: &FieldFile) -> Result<TextKind, String> {
    let bits = file.bits.as_ref().ok_or("bits is missing")?;
    let style = match file.emit.as_deref() {
        None | Some("flags") => BitStyle::Flags,
        Some("chars") => BitStyle::Chars,
        Some(other) => return Err(format!("emit is flags or chars, not {other:?}")),
    };
    Ok(TextKind::BitChars {
        bits: bits.iter().map(|bit| bit.as_str().into()).collect(),
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

/// A name of one field: `{n}` stands for a number, and so for several.
fn is_name(key: &str) -> bool {
    !key.is_empty() && !key.contains("{n}")
}

/// Names that a protocol speaks of have to exist, and a name stands for one thing.
fn check_names(protocol: &Protocol) -> Result<(), Fault> {
    for command in &protocol.commands {
        let mut seen: Vec<&str> = Vec::new();
        for field in command.fields.iter().filter(|field| is_name(&field.key)) {
            if seen.contains(&&*field.key) {
                return Err(fault(
                    &format!("{}.{}", command.code, field.key),
                    "stands twice in the answer",
                ));
            }
            seen.push(&field.key);
        }
    }
    let identify = protocol.identify.iter().filter_map(|question| question.first());
    let named = protocol.status_commands.iter().chain(identify).map(String::as_str);
    for code in std::iter::once(&*protocol.default_command).chain(named) {
        if !protocol.by_code.contains_key(code) {
            return Err(fault(code, "is named, but is no command of this protocol"));
        }
    }
    Ok(())
}
