//! What a frame says: one value with its name and unit.

use std::borrow::Cow;

/// A value as the device sent it, scaled to its unit.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Number(f64),
    /// A word.
    Text(Cow<'a, str>),
    /// No value, and why. Never 0 in its place.
    Missing(Gap),
}

/// Why a field has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The device printed dashes or nothing: it has no such value now.
    NotAvailable,
    /// Not a number where a number belongs.
    NotANumber,
    /// The bytes are no text.
    NotText,
    /// The frame ends before or within the field.
    CutShort,
    /// The number that names another field names none.
    NoSuchField,
    /// The answer carries no acknowledgement.
    NoAcknowledgement,
    /// Outside what the field can mean.
    OutOfRange,
}

impl Gap {
    /// The reason in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Gap::NotAvailable => "not available",
            Gap::NotANumber => "not a number",
            Gap::NotText => "not text",
            Gap::CutShort => "cut short",
            Gap::NoSuchField => "names a field that is not there",
            Gap::NoAcknowledgement => "no acknowledgement",
            Gap::OutOfRange => "out of range",
        }
    }
}

/// How far a value can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    /// As the protocol describes it.
    Good,
    /// The device sent a code that the protocol has no words for: the value is the code itself.
    Unlisted,
    /// A field behind those that the protocol describes.
    Undescribed,
    /// There is no value.
    Missing,
}

/// One named value of a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading<'a> {
    /// The name under which dashboards know it.
    pub name: Cow<'a, str>,
    /// What the device says.
    pub value: Value<'a>,
    /// The unit, empty where there is none.
    pub unit: &'a str,
    /// How far to rely on it.
    pub quality: Quality,
}
