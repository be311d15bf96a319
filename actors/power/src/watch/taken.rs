//! Readings, freed from the frame that they came in. Secrets stay behind.

use model::power::{Measured, PowerValue, ReadingQuality};

use crate::protocol::{Request, Role};
use crate::reading::{Quality, Reading, Value};

/// Longest name of a reading, in bytes: devices with lines of text may send labels of their own.
const MAX_NAME: usize = 64;

/// One reading as the station keeps it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Taken {
    pub(crate) name: String,
    pub(crate) measured: Measured,
    pub(crate) quality: ReadingQuality,
    pub(crate) role: Option<Role>,
    /// The unit of a parallel system that it is of.
    pub(crate) unit_number: Option<u8>,
    /// Whether a change of it says nothing.
    pub(crate) is_clock: bool,
}

impl Taken {
    pub(crate) fn number(&self) -> Option<f64> {
        self.measured.value.as_ref().and_then(PowerValue::number)
    }
}

/// Takes over what an answer says. Units of a parallel system have the same names: theirs begin with their number.
pub(crate) fn take(request: &Request<'_>, readings: &[Reading<'_>]) -> Vec<Taken> {
    let unit_number = request.unit_number();
    let one = |reading: &Reading<'_>| {
        let field = request.command().field(&reading.name);
        let hidden = field.is_some_and(|field| field.is_secret()) || reading.name.len() > MAX_NAME;
        (!hidden).then(|| {
            let (value, gap) = match &reading.value {
                Value::Int(value) => (Some(PowerValue::Int(*value)), None),
                Value::Number(value) => (Some(PowerValue::Number(*value)), None),
                Value::Text(value) => (Some(PowerValue::Text(value.to_string())), None),
                Value::Missing(gap) => (None, Some(gap.as_str().to_owned())),
            };
            Taken {
                name: match unit_number {
                    Some(number) => format!("unit_{number}_{}", reading.name),
                    None => reading.name.to_string(),
                },
                measured: in_whole_units(value, reading.unit, gap),
                unit_number,
                quality: quality(reading.quality),
                role: field.and_then(|field| field.role()),
                is_clock: field.is_some_and(|field| field.is_clock()),
            }
        })
    };
    readings.iter().filter_map(one).collect()
}

/// Some protocols count in tenths and say so in the unit. Whoever compares values of several devices wants them in the unit.
fn in_whole_units(value: Option<PowerValue>, unit: &str, gap: Option<String>) -> Measured {
    let (unit, tenths) = match unit {
        "0.1V" => ("V", true),
        "0.1A" | "0.1 A" => ("A", true),
        "0.1Hz" | "0.1HZ" => ("Hz", true),
        "1VA" => ("VA", false),
        "Deg_C" => ("°C", false),
        "WH" => ("Wh", false),
        "Ahr" => ("Ah", false),
        unit => (unit, false),
    };
    let number = value.as_ref().and_then(PowerValue::number);
    Measured {
        value: match number {
            Some(number) if tenths => Some(PowerValue::Number(number / 10.0)),
            Some(_) | None => value,
        },
        unit: unit.to_owned(),
        gap,
    }
}

fn quality(quality: Quality) -> ReadingQuality {
    match quality {
        Quality::Good => ReadingQuality::Good,
        Quality::Unlisted => ReadingQuality::Unlisted,
        Quality::Undescribed => ReadingQuality::Undescribed,
        Quality::Missing => ReadingQuality::Missing,
    }
}
