//! Fields: from the content of a checked frame to readings.

mod binary;
mod fit;
mod text;

use std::borrow::Cow;

use crate::error::FrameError;
use crate::protocol::{Agreement, Command, Field, FieldKind, Request, Scale};
use crate::reading::{Gap, Quality, Reading, Value};
use crate::wire::Answer;

/// What an acknowledgement says where a protocol has no words of its own.
const ACKNOWLEDGED: &str = "ACK";
/// The word of the binary protocols.
const SUCCESSFUL: &str = "Successful";

/// Reads every field of an answer.
pub(crate) fn decode<'a>(
    request: &'a Request<'_>,
    answer: Answer<'a>,
    readings: &mut Vec<Reading<'a>>,
) -> Result<(), FrameError> {
    let fields = &request.command.fields;
    match answer {
        Answer::Acknowledged => readings.push(acknowledged(request)),
        Answer::Unacknowledged => {
            readings.push(missing(
                Cow::Borrowed(&*request.command.ack_name),
                "",
                Gap::NoAcknowledgement,
            ));
        }
        Answer::Text { payload, separators } => {
            fit::text(request.command, payload, separators)?;
            text::separated(request, payload, separators, readings);
        }
        Answer::Record(record) => {
            let (fields, agreements) = request.command.described(&record)?;
            binary::record(fields, &record, readings);
            fit::bytes(agreements, readings)?;
        }
        Answer::Frames { frames, len } => binary::frames(fields, frames, len, readings),
        Answer::Lines(lines) => text::lines(fields, lines, readings),
        Answer::Tagged(values) => {
            binary::tagged(fields, values, readings)?;
            fit::bytes(&request.command.agreements, readings)?;
        }
    }
    // A good frame in which nothing is as it should be answers another question.
    let numbers = |wanted: fn(&Reading<'_>) -> bool| readings.iter().any(wanted);
    let fits = numbers(|reading| reading.quality == Quality::Good) || !numbers(is_misfit);
    if fits && !readings.is_empty() {
        return Ok(());
    }
    Err(FrameError::Unfitting)
}

/// Where a record says its kind.
const RECORD_KIND: usize = 4;

impl Command {
    /// What the record holds.
    fn described(&self, record: &[u8]) -> Result<(&[Field], &[Agreement]), FrameError> {
        if self.records.is_empty() {
            return Ok((&self.fields, &self.agreements));
        }
        let kind = record.get(RECORD_KIND);
        let found = self.records.iter().find(|record| Some(&record.kind) == kind);
        let found = found.ok_or(FrameError::Unfitting)?;
        Ok((&found.fields, &found.agreements))
    }
}

fn is_misfit(reading: &Reading<'_>) -> bool {
    matches!(
        reading.value,
        Value::Missing(Gap::NotANumber | Gap::CutShort | Gap::NotText)
    )
}

fn acknowledged<'a>(request: &'a Request<'_>) -> Reading<'a> {
    use crate::protocol::Layout;
    let word = match request.command.layout {
        Layout::Separated => ACKNOWLEDGED,
        Layout::Fixed | Layout::Frames | Layout::KeyValue | Layout::Tagged | Layout::AckFrame => SUCCESSFUL,
    };
    Reading {
        name: Cow::Borrowed(&*request.command.ack_name),
        value: Value::Text(Cow::Borrowed(word)),
        unit: "",
        quality: Quality::Good,
    }
}

fn reading<'a>(field: &'a Field, value: Value<'a>) -> Reading<'a> {
    let value = within(field, value);
    let quality = match value {
        Value::Missing(_) => Quality::Missing,
        Value::Int(_) | Value::Number(_) | Value::Text(_) => Quality::Good,
    };
    Reading {
        name: Cow::Borrowed(&field.key),
        value,
        unit: &field.unit,
        quality,
    }
}

/// The value, or none where it can not be.
fn within<'a>(field: &Field, value: Value<'a>) -> Value<'a> {
    let (least, most) = field.range;
    let number = match value {
        Value::Int(number) => float(number),
        Value::Number(number) => number,
        Value::Text(_) | Value::Missing(_) => return value,
    };
    if (least..=most).contains(&number) {
        value
    } else {
        Value::Missing(Gap::OutOfRange)
    }
}

fn missing<'a>(name: Cow<'a, str>, unit: &'a str, gap: Gap) -> Reading<'a> {
    Reading {
        name,
        value: Value::Missing(gap),
        unit,
        quality: Quality::Missing,
    }
}

/// The word for a code, or the code itself where there is none.
fn word<'a>(field: &'a Field, word: Option<&'a str>, code: Cow<'a, str>) -> Reading<'a> {
    let quality = if word.is_some() {
        Quality::Good
    } else {
        Quality::Unlisted
    };
    Reading {
        name: Cow::Borrowed(&field.key),
        value: Value::Text(word.map_or(code, Cow::Borrowed)),
        unit: &field.unit,
        quality,
    }
}

impl Scale {
    /// A whole number in its unit.
    fn whole<'a>(self, raw: i64) -> Value<'a> {
        let unbiased = raw.saturating_sub(self.bias);
        if self.div == 1 {
            return Value::Int(unbiased.saturating_mul(self.mul));
        }
        Value::Number(float(unbiased) / float(self.div) * float(self.mul))
    }

    /// A number with a fraction in its unit.
    fn fraction<'a>(self, raw: f64) -> Value<'a> {
        let value = (raw - float(self.bias)) / float(self.div) * float(self.mul);
        if value.is_finite() {
            Value::Number(value)
        } else {
            Value::Missing(Gap::OutOfRange)
        }
    }
}

/// Raw values have 32 bits at most or come from few digits: nothing is lost below 2^53.
fn float(whole: i64) -> f64 {
    whole as f64
}

/// Whether a field takes something from the answer.
fn is_in_answer(field: &Field) -> bool {
    !matches!(field.kind, FieldKind::FromRequest(_))
}
