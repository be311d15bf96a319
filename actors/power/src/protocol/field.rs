//! A field of an answer, as decoding needs it.

use std::collections::BTreeMap;

pub use model::power::ReadingRole as Role;

/// `(raw - bias) / div * mul`. Division, not multiplication by a fraction: it gives the decimals that people expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scale {
    pub(crate) bias: i64,
    pub(crate) div: i64,
    pub(crate) mul: i64,
}

/// What a field means.
#[derive(Clone, Debug)]
pub(crate) enum FieldKind {
    /// Nothing that anybody wants.
    Skip,
    /// `ACK`.
    Ack,
    /// Not in the answer: part of what was asked.
    FromRequest(RequestPart),
    /// A code that stands for a word; in binary answers the code is the bytes in hexadecimal.
    EnumKey(BTreeMap<Box<str>, Box<str>>),
    /// Characters.
    Text(TextKind),
    /// Bytes.
    Bytes(BytesKind),
}

/// What characters mean.
#[derive(Clone, Debug)]
pub(crate) enum TextKind {
    /// Decimal digits.
    Int,
    /// Decimal digits with a point.
    Float,
    /// A word.
    Word {
        skip_chars: usize,
        length_prefixed: bool,
        date: Option<DateForm>,
    },
    /// A decimal number that stands for a word.
    EnumIndex(Box<[Box<str>]>),
    /// One character a flag.
    BitChars { bits: Box<[Box<str>]>, style: BitStyle },
    /// `E` and letters, `D` and letters.
    EnableGroups(BTreeMap<char, Box<str>>),
    /// One digit a field.
    PackedDigits(Box<[Field]>),
}

/// What bytes mean.
#[derive(Clone, Debug)]
pub(crate) enum BytesKind {
    U8,
    U16Be,
    U16Le,
    I16Be,
    I16Le,
    U32Be,
    U32Le,
    I32Le,
    F32Le,
    I32Be,
    F32Be,
    /// Two registers, the low one first.
    U32Swapped,
    I32Swapped,
    F32Swapped,
    /// 16 bits, each with a name, from the lowest; those without one mean nothing.
    Bits(Box<[Box<str>]>),
    /// A number of 16 bits that stands for a word.
    EnumWord(Box<[Box<str>]>),
    /// Day, month and year in 16 bits.
    Date16Be,
    /// Bit 15 says the direction (set: charging), the others the amount.
    Direction16Be,
    /// Degrees; above 100 they are below zero (100 - value).
    Celsius16Be,
    /// The bytes in hexadecimal.
    Hex,
    /// All bytes of the answer in hexadecimal, beside the fields that they hold.
    Whole,
    /// Characters, with zeros between that mean nothing.
    Ascii,
    /// Seconds, shown as days, hours, minutes and seconds.
    Uptime,
    /// A byte that stands for a word.
    EnumByte(Box<[Box<str>]>),
    /// The value of another field, whose number is in this one.
    Lookup {
        index: Box<str>,
        before: Box<str>,
    },
    /// Cells behind one tag: number of the cell and its millivolts, again and again.
    Cells,
}

/// How often a field of a binary answer stands there; `{n}` in its name is the number, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// As often as there is room before the fields behind it.
    Rest,
    /// As often as the field of this name says.
    Field(Box<str>),
}

/// How flags are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BitStyle {
    /// As the number 0 or 1.
    Flags,
    /// As the character.
    Chars,
}

/// Dates that come without separators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateForm {
    /// `YYYYMMDDHHMMSS`.
    Compact,
}

/// Which part of the request's argument a field repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestPart {
    /// The argument.
    All,
    /// Characters from, to.
    Slice(usize, usize),
    /// Two digits as a month's name.
    MonthName(usize, usize),
}

/// What a value of this role can be at all, in volts, percent, degrees Celsius. A sensor that is torn off reads far beyond.
pub(crate) fn range(role: Role, unit: &str) -> (f64, f64) {
    match (role, unit) {
        (Role::CellVoltage, "V") => (0.0, 5.0),
        (Role::BatteryVoltage, "V") => (0.0, 1000.0),
        (Role::StateOfCharge, "%") => (0.0, 100.0),
        (Role::Temperature, "°C") => (-60.0, 200.0),
        _ => EVERYTHING,
    }
}

/// The range of a value that can be anything.
pub(crate) const EVERYTHING: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// One field.
#[derive(Clone, Debug)]
pub struct Field {
    pub(crate) key: Box<str>,
    pub(crate) unit: Box<str>,
    pub(crate) kind: FieldKind,
    pub(crate) scale: Scale,
    /// Bytes, in binary answers.
    pub(crate) len: usize,
    /// The label of its line, in answers of lines.
    pub(crate) label: Box<str>,
    /// Its tag, in tagged answers.
    pub(crate) tag: u8,
    /// In numbered frames: its number is `every * frame + first`.
    pub(crate) every: usize,
    pub(crate) first: usize,
    pub(crate) repeat: Option<Repeat>,
    pub(crate) role: Option<Role>,
    /// What the value can be, in its unit.
    pub(crate) range: (f64, f64),
    /// How its characters look, beyond what its kind says.
    pub(crate) form: Option<Box<str>>,
    /// Not for anybody's eyes but those of who decodes by hand: a passcode.
    pub(crate) secret: bool,
    pub(crate) device_class: Option<Box<str>>,
    pub(crate) state_class: Option<Box<str>>,
    pub(crate) icon: Option<Box<str>>,
}

impl Field {
    /// The name of its reading; `{n}` stands for a number.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its unit, empty where there is none.
    #[must_use]
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// What it is for the station.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// Whether it is kept from everybody: a passcode.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Whether it counts time: it changes with every answer, and that says nothing.
    pub(crate) fn is_clock(&self) -> bool {
        matches!(self.kind, FieldKind::Bytes(BytesKind::Uptime))
    }

    /// Whether it holds a flag of this name.
    pub(crate) fn has_flag(&self, name: &str) -> bool {
        let FieldKind::Text(TextKind::BitChars { bits, .. }) = &self.kind else {
            return false;
        };
        bits.iter().any(|bit| **bit == *name)
    }

    /// Whether a reading of this name is this field's; `{n}` stands for two digits.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        match self.key.split_once("{n}") {
            None => *self.key == *name,
            Some((before, behind)) => name
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(behind))
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())),
        }
    }

    /// What kind of quantity it is, in the words of Home Assistant.
    #[must_use]
    pub fn device_class(&self) -> Option<&str> {
        self.device_class.as_deref().or(match &*self.unit {
            "V" | "mV" => Some("voltage"),
            "A" | "mA" => Some("current"),
            "W" | "kW" => Some("power"),
            "VA" => Some("apparent_power"),
            "Wh" | "kWh" => Some("energy"),
            "Hz" => Some("frequency"),
            "°C" => Some("temperature"),
            _ => None,
        })
    }

    /// How it behaves over time, in the words of Home Assistant.
    #[must_use]
    pub fn state_class(&self) -> Option<&str> {
        let usual = self.device_class().map(|class| match class {
            "energy" => "total_increasing",
            _ => "measurement",
        });
        self.state_class.as_deref().or(usual)
    }

    /// Its icon's name in the Material Design set.
    #[must_use]
    pub fn icon(&self) -> Option<&str> {
        self.icon.as_deref()
    }
}
