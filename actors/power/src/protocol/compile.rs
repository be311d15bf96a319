//! From a file to a protocol: inheritance, patterns, and everything that the types cannot say.

mod field;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use regex_lite::{Regex, RegexBuilder};

use super::file::{CommandFile, ProtocolFile};
use super::setting::{setting, setting_fault};
use super::{Command, CommandKind, Family, Field, FieldKind, Layout, Protocol, Record, Registers, Repeat, RequestCrc};
use crate::wire::modbus;

/// Longest code of a command, in bytes, without its argument.
const MAX_CODE: usize = 64;
/// Most fields of an answer; the longest that is known has 110.
const MAX_FIELDS: usize = 512;
/// Most agreements of an answer.
const MAX_AGREEMENTS: usize = 16;
/// Most commands of a protocol; the richest that is known has 67.
const MAX_COMMANDS: usize = 512;
/// Most bytes that a pattern may take when it is ready to match.
const MAX_PATTERN: usize = 32 * 1024;
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
        framing: file
            .framing
            .or_else(|| base.map(|base| base.framing))
            .unwrap_or_default(),
        baud: file.baud.or_else(|| base.and_then(|base| base.baud)),
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
        None => Ok(base.map_or(FIRST_UNIT, |base| base.module_address)),
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
    if commands.len().saturating_add(file.command.len()) > MAX_COMMANDS {
        return Err(fault("command", format!("there are more than {MAX_COMMANDS}")));
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
    let is_code = (1..=MAX_CODE).contains(&file.code.len()) && file.code.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_code {
        return Err(at(format!(
            "a code has 1 to {MAX_CODE} printable characters and no space"
        )));
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
    let fields = fields(file)?;
    check_agreements(file, &fields).map_err(at)?;
    let registers = (family == Family::Modbus).then(|| registers(file, &fields));
    let registers = registers.transpose().map_err(at)?;
    let layout = layout(usual_layout(file, family), &fields);
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
        write_mul: file.write_mul.unwrap_or_else(|| usual_write_mul(family)),
        registers,
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

fn fields(file: &CommandFile) -> Result<Vec<Field>, Fault> {
    let in_command = |key: &str, reason: String| fault(&format!("{}.{key}", file.code), reason);
    if file.fields.is_empty() {
        return Err(fault(&file.code, "has no fields"));
    }
    if file.fields.len() > MAX_FIELDS {
        return Err(fault(&file.code, format!("has more than {MAX_FIELDS} fields")));
    }
    let compiled = file.fields.iter().map(|field| {
        let key = if field.key.is_empty() { &field.kind } else { &field.key };
        self::field::compile(field).map_err(|reason| in_command(key, reason))
    });
    let fields = compiled.collect::<Result<Vec<Field>, Fault>>()?;
    check_repeats(&fields).map_err(|(key, reason)| in_command(&key, reason))?;
    Ok(fields)
}

/// JK batteries take thousandths.
fn usual_write_mul(family: Family) -> i32 {
    if family == Family::JkBle { 1000 } else { 1 }
}

/// Modbus has no other.
fn usual_layout(file: &CommandFile, family: Family) -> Layout {
    if family == Family::Modbus {
        Layout::Fixed
    } else {
        file.layout
    }
}

/// The registers that hold the fields; a setting writes one.
fn registers(file: &CommandFile, fields: &[Field]) -> Result<Registers, String> {
    let function = file.function.ok_or("function is missing")?;
    let first = file.register.ok_or("register is missing")?;
    if !modbus::FUNCTIONS.contains(&function) {
        return Err(format!("function {function} is none of {:?}", modbus::FUNCTIONS));
    }
    let writes = matches!(fields, [field] if matches!(field.kind, FieldKind::Ack));
    if writes != (function > modbus::LAST_READ) || writes != (file.kind == CommandKind::Setting) {
        return Err("3 and 4 read, 6 and 16 are for settings, whose one field is an ack".to_owned());
    }
    let len: usize = fields.iter().map(|field| field.len).sum();
    let count = u16::try_from(len / 2)
        .ok()
        .filter(|count| usize::from(*count) <= modbus::MAX_REGISTERS);
    match count {
        Some(count) if len.is_multiple_of(2) && writes == (count == 0) => Ok(Registers { function, first, count }),
        _ => Err(format!(
            "the fields take {len} bytes; registers have two, and one answer {}",
            modbus::MAX_REGISTERS
        )),
    }
}

/// How often a field stands there is said by a field before it.
fn check_repeats(fields: &[Field]) -> Result<(), (String, String)> {
    for (index, field) in fields.iter().enumerate() {
        let before = fields.iter().take(index);
        let reason = match &field.repeat {
            None => continue,
            Some(_) if !field.key.contains("{n}") || field.len == 0 => "repeat needs {n} in the key, and a len",
            Some(Repeat::Field(name)) if !before.into_iter().any(|before| before.key == *name) => {
                "repeat is rest or the key of a field before this one"
            }
            Some(Repeat::Rest | Repeat::Field(_)) => continue,
        };
        return Err((field.key.to_string(), reason.to_owned()));
    }
    Ok(())
}

/// Older devices leave fields out at the end, but no more than a third.
fn usual_least(fields: &[Field]) -> usize {
    let from_answer = |field: &&Field| !matches!(field.kind, FieldKind::FromRequest(_));
    let described = fields.iter().filter(from_answer).count();
    described.saturating_sub(described / 3)
}

/// What has to agree has to be in the answer.
fn check_agreements(file: &CommandFile, fields: &[Field]) -> Result<(), String> {
    if file.agree.len() > MAX_AGREEMENTS {
        return Err(format!("agree: more than {MAX_AGREEMENTS}"));
    }
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
        Family::VoltronicQ | Family::VoltronicPi16 | Family::VoltronicCaret | Family::Modbus => false,
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
    let built = RegexBuilder::new(&format!("^(?:{bare})$"))
        .size_limit(MAX_PATTERN)
        .build();
    built.map_err(|error| format!("pattern {pattern:?}: {error}"))
}

/// Bytes from hexadecimal digits.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let (pairs, rest) = digits.as_deref()?.as_chunks::<2>();
    rest.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// A name of one field: `{n}` stands for a number, and so for several.
fn is_name(key: &str) -> bool {
    !key.is_empty() && !key.contains("{n}")
}

/// Names that a protocol speaks of have to exist, and a name stands for one thing.
fn check_names(protocol: &Protocol) -> Result<(), Fault> {
    for command in &protocol.commands {
        let mut seen = HashSet::new();
        for field in command.fields.iter().filter(|field| is_name(&field.key)) {
            if !seen.insert(&field.key) {
                return Err(fault(
                    &format!("{}.{}", command.code, field.key),
                    "stands twice in the answer",
                ));
            }
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
