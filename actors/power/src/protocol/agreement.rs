//! What an answer says twice: cells that add up to the pack. A sum of eight bits lets much damage through; this does not.

use serde::Deserialize;

use crate::error::FrameError;
use crate::reading::{Reading, Value};

/// What the numbered readings make together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Make {
    /// They add up to it.
    Sum,
    /// It is their mean; those that are 0 are not there.
    Mean,
    /// It is the difference between the highest and the lowest; those that are 0 are not there.
    Spread,
    /// There are so many of them above 0.
    Count,
}

/// Readings of an answer that have to agree.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Agreement {
    make: Make,
    /// What the names of the parts begin with; a number follows.
    of: String,
    /// The reading that says the same.
    is: String,
    /// How far they may be apart, in the unit of that reading.
    within: f64,
}

/// What the parts make together, in one pass.
struct Total {
    count: f64,
    sum: f64,
    lowest: f64,
    highest: f64,
}

impl Agreement {
    /// The names that have to be those of fields: what parts begin with, and the whole.
    pub(super) fn names(&self) -> (&str, &str) {
        (&self.of, &self.is)
    }

    pub(super) fn is_sound(&self) -> bool {
        self.within.is_finite() && self.within >= 0.0
    }

    /// # Errors
    /// When the answer contradicts itself. What has no value contradicts nothing.
    pub(crate) fn check(&self, readings: &[Reading<'_>]) -> Result<(), FrameError> {
        let said = readings
            .iter()
            .find(|reading| *reading.name == *self.is)
            .and_then(number);
        let (Some(said), Some(total)) = (said, self.total(readings)) else {
            return Ok(());
        };
        let made = match self.make {
            Make::Sum => total.sum,
            Make::Mean => total.sum / total.count,
            Make::Spread => total.highest - total.lowest,
            Make::Count => total.count,
        };
        if (made - said).abs() <= self.within {
            return Ok(());
        }
        let (of, is) = (&self.of, &self.is);
        Err(FrameError::Contradiction(format!(
            "{of}.. make {made:.3}, {is} says {said:.3}"
        )))
    }

    fn total(&self, readings: &[Reading<'_>]) -> Option<Total> {
        let mut total = Total {
            count: 0.0,
            sum: 0.0,
            lowest: f64::INFINITY,
            highest: f64::NEG_INFINITY,
        };
        let parts = readings.iter().filter(|reading| self.is_part(&reading.name));
        for value in parts.map(number) {
            // A part without a value leaves nothing to compare.
            let value = value?;
            if value > 0.0 {
                total.count += 1.0;
                total.sum += value;
                total.lowest = total.lowest.min(value);
                total.highest = total.highest.max(value);
            }
        }
        (total.count > 0.0).then_some(total)
    }

    pub(super) fn is_part(&self, name: &str) -> bool {
        let number = name.strip_prefix(&*self.of);
        number.is_some_and(|number| {
            number == "{n}" || !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
        })
    }
}

fn number(reading: &Reading<'_>) -> Option<f64> {
    match reading.value {
        // Below 2^53 nothing is lost, and no cell has as many volts.
        Value::Int(value) => Some(value as f64),
        Value::Number(value) => Some(value),
        Value::Text(_) | Value::Missing(_) => None,
    }
}
