//! A protocol: which commands a family of devices knows, and what their answers mean.
//!
//! `file` reads the TOML, `compile` checks it and makes what decoding runs on, [`Library`] holds them all.

mod agreement;
mod compile;
mod field;
mod file;
mod library;
mod request;
mod setting;
mod unit;

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::power::DeviceClass;
use regex_lite::Regex;
use serde::Deserialize;

pub(crate) use self::agreement::Agreement;
pub(crate) use self::compile::bytes as bytes_of_hex;
pub(crate) use self::field::{BitStyle, BytesKind, DateForm, FieldKind, Repeat, RequestPart, Scale, TextKind};
pub use self::field::{Field, Role};
pub use self::library::{Library, ProtocolProblem};
pub use self::request::Request;
pub(crate) use self::setting::{Choice, Number, Part, PartKind, Reads, Setting};
pub use self::setting::{Group, Risk};

/// How frames are cut and checked; everything else about a protocol is data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// PI30 and its many relatives: `(fields CRC CR`.
    VoltronicQ,
    /// PI16: asked without a check value, answered with one.
    VoltronicPi16,
    /// PI17, PI18: `^Dnnn` and a length.
    VoltronicCaret,
    /// JK batteries by Bluetooth: records of 300 bytes.
    JkBle,
    /// JK batteries, "NW" frames: values behind tags.
    JkNwTtl,
    /// JK PB batteries: a Modbus write that is answered by a record.
    JkPbModbus,
    /// JK active balancers: `EB 90`.
    #[serde(rename = "jk-balancer-485")]
    JkBalancer485,
    /// JBD, Xiaoxiang: `DD` to `77`.
    #[serde(rename = "dd-77-serial")]
    Dd77Serial,
    /// Daly: 13 bytes that begin with `A5`.
    DalyA5,
    /// Victron: text that comes by itself, and hexadecimal questions between.
    VictronVedirect,
    /// Modbus: registers, by serial line or TCP.
    Modbus,
}

/// How Modbus messages are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Framing {
    /// With a check value, by serial line; also where a server hands a line on over TCP as it is.
    #[default]
    Rtu,
    /// With a head, by TCP.
    Tcp,
}

/// Which registers a command reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Registers {
    pub(crate) function: u8,
    pub(crate) first: u16,
    pub(crate) count: u16,
}

/// What a command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommandKind {
    /// Asked again and again: how the device is now.
    Status,
    /// Asked now and then.
    Query,
    /// Changes the device.
    Setting,
    /// Not asked: the device sends it by itself.
    Listen,
}

/// How the fields lie in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Layout {
    /// Text between separators.
    #[default]
    Separated,
    /// Bytes at fixed places.
    Fixed,
    /// Several frames, each with its number.
    Frames,
    /// Lines of a label and a value.
    KeyValue,
    /// Values behind one-byte tags.
    Tagged,
    /// Only an acknowledgement.
    AckFrame,
}

/// Which check value a request carries where a protocol has two forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CheckForm {
    /// CRC-16, two bytes.
    Crc,
    /// Sum plus one, one byte.
    Chk,
}

/// Whether caret requests carry a CRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RequestCrc {
    /// No.
    None,
    /// No, but their length is told as if they did.
    Counted,
    /// Yes.
    Sent,
}

/// One command of a protocol.
#[derive(Clone, Debug)]
pub struct Command {
    pub(crate) code: Box<str>,
    pub(crate) label: Box<str>,
    pub(crate) kind: CommandKind,
    pub(crate) layout: Layout,
    /// Matches the whole command, its argument in group 1; none where the command takes none.
    pub(crate) pattern: Option<Regex>,
    /// Its argument is the number of a unit of a parallel system.
    pub(crate) per_unit: bool,
    pub(crate) opcode: Box<[u8]>,
    pub(crate) record_type: Option<u8>,
    pub(crate) request_crc: Option<bool>,
    pub(crate) check: Option<CheckForm>,
    pub(crate) decimal_sum: bool,
    /// What a binary setting without an argument writes.
    pub(crate) value: Option<u16>,
    /// Into how many parts the wire divides the unit of a binary setting's argument.
    pub(crate) write_mul: i32,
    /// Modbus: which registers.
    pub(crate) registers: Option<Registers>,
    /// Name of the acknowledgement's reading: the command in lower case.
    pub(crate) ack_name: Box<str>,
    /// Fewest fields of a good answer of characters.
    pub(crate) at_least: usize,
    /// Any number of fields may follow those described.
    pub(crate) open: bool,
    /// Frames of a whole answer of numbered frames, where that is known.
    pub(crate) frames: Option<u8>,
    pub(crate) agreements: Box<[Agreement]>,
    pub(crate) fields: Box<[Field]>,
    /// Of a setting: what it takes, and where it shows.
    pub(crate) setting: Option<Setting>,
    /// Where the record in the answer says itself what it is: what each kind holds.
    pub(crate) records: Arc<[Record]>,
}

/// What a record holds that tells its kind itself.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) kind: u8,
    pub(crate) fields: Box<[Field]>,
    pub(crate) agreements: Box<[Agreement]>,
}

impl Command {
    /// The command, or what it begins with if it takes an argument.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What it is, in a few words.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What it is for.
    #[must_use]
    pub fn kind(&self) -> CommandKind {
        self.kind
    }

    /// The pattern that a whole command with its argument has to match.
    #[must_use]
    pub fn pattern(&self) -> Option<&str> {
        self.pattern.as_ref().map(Regex::as_str)
    }

    /// What its answer holds, in order.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The field of the answer, whatever record that holds, to which a reading of this name belongs.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        let of_records = self.records.iter().flat_map(|record| &record.fields);
        let mut fields = self.fields.iter().chain(of_records);
        fields.find(|field| field.is_named(name) || field.has_flag(name))
    }

    /// How many fields a good answer of characters has. Newer devices say more than is described, but not half as much again.
    pub(crate) fn fields_expected(&self) -> RangeInclusive<usize> {
        let from_answer = |field: &&Field| !matches!(field.kind, FieldKind::FromRequest(_));
        let described = self.fields.iter().filter(from_answer).count();
        let most = if self.open {
            usize::MAX
        } else {
            described.saturating_add(described / 2).saturating_add(1)
        };
        self.at_least..=most
    }

    /// Whether its answer is an acknowledgement and nothing else.
    pub(crate) fn is_acknowledged(&self) -> bool {
        matches!(&*self.fields, [field] if matches!(field.kind, FieldKind::Ack))
    }
}

/// A protocol, checked and ready.
#[derive(Clone, Debug)]
pub struct Protocol {
    pub(crate) name: Box<str>,
    pub(crate) id: Box<str>,
    pub(crate) family: Family,
    pub(crate) class: DeviceClass,
    pub(crate) default_command: Box<str>,
    pub(crate) status_commands: Vec<String>,
    pub(crate) watch_commands: Vec<String>,
    pub(crate) setting_read_commands: Vec<String>,
    pub(crate) identify: Vec<Vec<String>>,
    /// Where the device says for which voltage of the battery it is made, and by what that is divided to be volts.
    pub(crate) rated_battery: Option<Reads>,
    /// Address of the unit where the wire has one.
    pub(crate) module_address: u8,
    /// How Modbus messages are framed.
    pub(crate) framing: Framing,
    /// Speed of the serial line, in baud, where it is another than the family's.
    pub(crate) baud: Option<u32>,
    /// Which of several devices on a line is spoken to.
    pub(crate) unit: u8,
    /// Whether requests carry a CRC where the family leaves it open.
    pub(crate) request_crc: RequestCrc,
    pub(crate) commands: Vec<Command>,
    /// Commands by their code.
    pub(crate) by_code: HashMap<Box<str>, usize>,
}

impl Protocol {
    /// The name that people write: `pi30`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name as the vendor writes it: `PI30`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How its frames are cut and checked.
    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    /// What its devices are for.
    #[must_use]
    pub fn class(&self) -> DeviceClass {
        self.class
    }

    /// What to ask when nothing else is said.
    #[must_use]
    pub fn default_command(&self) -> &str {
        &self.default_command
    }

    /// What to ask again and again.
    #[must_use]
    pub fn status_commands(&self) -> &[String] {
        &self.status_commands
    }

    /// What the station asks besides, to know the mode and the warnings.
    #[must_use]
    pub fn watch_commands(&self) -> &[String] {
        &self.watch_commands
    }

    /// What to ask for the settings.
    #[must_use]
    pub fn setting_read_commands(&self) -> &[String] {
        &self.setting_read_commands
    }

    /// What to ask to learn which device it is: command, and the field that tells if there are several.
    #[must_use]
    pub fn identify(&self) -> &[Vec<String>] {
        &self.identify
    }

    /// All commands.
    #[must_use]
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// The command that a text calls for: itself, or the first whose pattern matches all of it.
    fn command(&self, code: &str) -> Option<&Command> {
        let exact = self.by_code.get(code).and_then(|index| self.commands.get(*index));
        exact.filter(|command| command.pattern.is_none()).or_else(|| {
            self.commands
                .iter()
                .find(|command| command.pattern.as_ref().is_some_and(|pattern| pattern.is_match(code)))
        })
    }

    /// The commands that begin like `code` and take an argument, for a word about what would be right.
    fn alike(&self, code: &str) -> Option<&Command> {
        let begins = |command: &&Command| command.pattern.is_some() && code.starts_with(&*command.code);
        self.commands
            .iter()
            .filter(begins)
            .max_by_key(|command| command.code.len())
    }
}
