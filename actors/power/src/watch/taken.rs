//! Readings, freed from the frame that they came in. Secrets stay behind.

use model::power::{Measured, PowerValue, ReadingQuality};

use crate::protocol::{Command, Role};
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
    /// Whether a change of it says nothing.
    pub(crate) is_clock: bool,
}

impl Taken {
    pub(crate) fn number(&self) -> Option<f64> {
        self.measured.value.as_ref().and_then(PowerValue::number)
    }
}

/// Takes over what an answer says.
pub(crate) fn take(command: &Command, readings: &[Reading<'_>]) -> Vec<Taken> {
    let one = |reading: &Reading<'_>| {
        let field = command.field(&reading.name);
        let hidden = field.is_some_and(|field| field.is_secret()) || reading.name.len() > MAX_NAME;
        (!hidden).then(|| {
            let (value, gap) = match &reading.value {
                Value::Int(value) => (Some(PowerValue::Int(*value)), None),
                Value::Number(value) => (Some(PowerValue::Number(*value)), None),
                Value::Text(value) => (Some(PowerValue::Text(value.to_string())), None),
                Value::Missing(gap) => (None, Some(gap.as_str().to_owned())),
            };
            Taken {
                name: reading.name.to_string(),
                measured: Measured {
                    value,
                    unit: reading.unit.to_owned(),
                    gap,
                },
                quality: quality(reading.quality),
                role: field.and_then(|field| field.role()),
                is_clock: field.is_some_and(|field| field.is_clock()),
            }
        })
    };
    readings.iter().filter_map(one).collect()
}

fn quality(quality: Quality) -> ReadingQuality {
    match quality {
        Quality::Good => ReadingQuality::Good,
        Quality::Unlisted => ReadingQuality::Unlisted,
        Quality::Undescribed => ReadingQuality::Undescribed,
        Quality::Missing => ReadingQuality::Missing,
    }
}
