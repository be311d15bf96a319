//! One part of a setting's value: from what people write to what the wire takes, and from a reading back.

use model::power::{Measured, PowerValue};

use super::{Answers, Chosen, Refusal, named, reading};
use crate::protocol::{Choice, FieldKind, Number, Part, PartKind, Reads, TextKind};

/// The voltage for which the limits of `per_12v` are written.
pub(super) const BATTERY_V: f64 = 12.0;
/// Longest value of a setting, in bytes.
const MAX_VALUE: usize = 80;
/// What the unit digit is where nobody names one: the device that we are connected to.
pub(super) const OURS: &str = "0";
/// Digits of month, day, hour, minute and second.
pub(super) const DATE_BEHIND_YEAR: usize = 10;
/// How units begin that count tenths of another.
const TENTHS: &str = "0.1";

/// One part, ready.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ready {
    /// On the wire.
    pub(super) wire: String,
    /// As people write it, to be sent again.
    pub(super) value: String,
    /// As people read it.
    pub(super) words: String,
    /// Where it shows, and what the reading says then.
    pub(super) expected: Option<(Reads, Expected)>,
}

/// What a reading says once a setting has come about.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expected {
    /// A number, this near.
    Number { value: f64, tolerance: f64 },
    /// The code of a list.
    Code(String),
    /// This word.
    Word(String),
}

pub(super) fn depends_on_battery(part: &Part) -> bool {
    matches!(&part.kind, PartKind::Number(number) if number.per_12v)
}

/// A reading as a number of its plain unit.
pub(super) fn number(measured: &Measured) -> Option<f64> {
    let value = measured.value.as_ref().and_then(PowerValue::number)?;
    let is_tenths = measured.unit.starts_with(TENTHS);
    Some(if is_tenths { value / 10.0 } else { value })
}

/// A reading as the code that stands for it: of a list the position, of a table the key, else the number or the word itself.
fn code(kind: &FieldKind, measured: &Measured) -> Option<String> {
    let word = match measured.value.as_ref()? {
        PowerValue::Text(word) => word,
        PowerValue::Int(_) | PowerValue::Number(_) => return number(measured).map(|number| number.to_string()),
    };
    let listed = match kind {
        FieldKind::Text(TextKind::EnumIndex(words)) => {
            let position = words.iter().position(|known| **known == **word);
            position.map(|position| position.to_string())
        }
        FieldKind::EnumKey(words) => {
            let entry = words.iter().find(|(_, known)| ***known == **word);
            entry.map(|(key, _)| key.to_string())
        }
        FieldKind::Skip | FieldKind::Ack | FieldKind::FromRequest(_) | FieldKind::Text(_) | FieldKind::Bytes(_) => None,
    };
    Some(listed.unwrap_or_else(|| word.clone()))
}

/// Whether two codes are one: `01` is 1.
fn same_code(one: &str, other: &str) -> bool {
    let number = |text: &str| text.parse::<u32>().ok();
    one == other || (number(one).is_some() && number(one) == number(other))
}

impl Chosen<'_> {
    /// The values of a list with their words; those of flags are the letters.
    pub(super) fn choices(&self, part: &Part) -> Vec<(String, String)> {
        let field = part.reads.as_ref().and_then(|reads| self.protocol.shown_in(reads));
        match (&part.kind, field.map(|field| &field.kind)) {
            (PartKind::Choice(choices), kind) => {
                let one = |choice: &Choice| {
                    let label = choice
                        .label
                        .as_deref()
                        .or_else(|| kind.and_then(|kind| word(kind, &choice.value)));
                    (choice.value.to_string(), label.unwrap_or(&choice.value).to_owned())
                };
                choices.iter().map(one).collect()
            }
            (PartKind::Flag, Some(FieldKind::Text(TextKind::EnableGroups(flags)))) => {
                let flags = flags.iter();
                flags
                    .map(|(letter, name)| (letter.to_string(), name.replace('_', " ")))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// The lowest and the highest value of a number for the battery at hand.
    pub(super) fn limits(&self, number: &Number, answers: &Answers) -> Option<(f64, f64)> {
        if !number.per_12v {
            return Some((number.min, number.max));
        }
        let batteries = self.batteries(answers)?;
        Some((number.min * batteries, number.max * batteries))
    }

    /// Every part of a value; none is left over.
    pub(super) fn parts(&self, value: &str, answers: &Answers) -> Result<Vec<Ready>, Refusal> {
        let parts = &self.setting.parts;
        let alone = matches!(&**parts, [part] if matches!(part.kind, PartKind::Text));
        let mut pieces: Vec<&str> = if alone { vec![value] } else { value.split(',').collect() };
        // Who names no unit means the one that we are connected to.
        let begins_with_unit = matches!(parts.first(), Some(part) if part.kind == PartKind::Unit);
        let named_unit = !(begins_with_unit && pieces.len().saturating_add(1) == parts.len());
        if !named_unit {
            pieces.insert(0, OURS);
        }
        if pieces.len() != parts.len() || value.len() > MAX_VALUE {
            return Err(self.wrong(value, &format!("{} values with a comma between", parts.len())));
        }
        let made = parts
            .iter()
            .zip(&pieces)
            .map(|(part, piece)| self.part(part, piece, answers));
        let mut made = made.collect::<Result<Vec<Ready>, Refusal>>()?;
        if begins_with_unit && named_unit {
            // What we can read is of the unit that we are connected to, not of the one that is named.
            made.iter_mut().for_each(|ready| ready.expected = None);
        }
        Ok(made)
    }

    fn part(&self, part: &Part, piece: &str, answers: &Answers) -> Result<Ready, Refusal> {
        let reads = part
            .reads
            .as_ref()
            .filter(|reads| self.protocol.shown_in(reads).is_some());
        let mut ready = match &part.kind {
            PartKind::Unit => self.digit(piece)?,
            PartKind::Number(number) => self.figure(number, reads, piece, answers)?,
            PartKind::Choice(_) => self.listed(part, reads, piece)?,
            PartKind::Flag => self.flag(part, piece)?,
            PartKind::Text => Ready::plain(piece),
            PartKind::Date { year_digits } if is_date(piece, *year_digits) => Ready::plain(piece),
            PartKind::Date { year_digits: 2 } => return Err(self.wrong(piece, "a time as YYMMDDhhmmss")),
            PartKind::Date { .. } => return Err(self.wrong(piece, "a time as YYYYMMDDhhmmss")),
        };
        ready.wire.insert_str(0, &part.before);
        Ok(ready)
    }

    fn digit(&self, piece: &str) -> Result<Ready, Refusal> {
        let fits = matches!(piece.as_bytes(), [b'0'..=b'9']);
        let ready = fits.then(|| Ready {
            words: String::new(),
            ..Ready::plain(piece)
        });
        ready.ok_or_else(|| self.wrong(piece, "the number of a unit, 0 to 9"))
    }

    fn figure(&self, number: &Number, reads: Option<&Reads>, piece: &str, answers: &Answers) -> Result<Ready, Refusal> {
        let (min, max) = self.limits(number, answers).ok_or_else(|| Refusal::NoBattery {
            setting: self.command.code().to_owned(),
        })?;
        let tolerance = 0.5 / 10_f64.powi(i32::try_from(number.places()).unwrap_or(0));
        let near = |one: f64, other: f64| (one - other).abs() < tolerance / 100.0;
        let value = decimal(piece).filter(|value| {
            let is_step = near((value / number.step).round() * number.step, *value);
            let is_within = (min - tolerance..=max + tolerance).contains(value) && is_step;
            is_within || number.also.iter().any(|also| near(*also, *value))
        });
        let value = value.ok_or_else(|| self.wrong(piece, &range(number, min, max)))?;
        let text = shown(number, value);
        let wire = format!(
            "{:0width$.decimals$}",
            value * 10_f64.powi(i32::from(number.shift)),
            width = number.width,
            decimals = number.decimals
        );
        if wire.len() != number.width {
            return Err(self.wrong(piece, &range(number, min, max)));
        }
        Ok(Ready {
            wire,
            words: format!("{text} {}", number.unit).trim_end().to_owned(),
            value: text,
            expected: reads.map(|reads| (reads.clone(), Expected::Number { value, tolerance })),
        })
    }

    fn listed(&self, part: &Part, reads: Option<&Reads>, piece: &str) -> Result<Ready, Refusal> {
        let choices = self.choices(part);
        let Some((value, label)) = choices.iter().find(|(value, _)| value == piece) else {
            return Err(self.wrong(piece, &one_of(&choices)));
        };
        Ok(Ready {
            words: label.clone(),
            expected: reads.map(|reads| (reads.clone(), Expected::Code(value.clone()))),
            ..Ready::plain(value)
        })
    }

    fn flag(&self, part: &Part, piece: &str) -> Result<Ready, Refusal> {
        let choices = self.choices(part);
        let Some((letter, label)) = choices.iter().find(|(letter, _)| letter == piece) else {
            return Err(self.wrong(piece, &one_of(&choices)));
        };
        let expected = self.flag_name(part, letter).zip(self.setting.shows.as_deref());
        Ok(Ready {
            words: label.clone(),
            expected: expected.map(|(reads, shows)| (reads, Expected::Word(shows.to_owned()))),
            ..Ready::plain(letter)
        })
    }

    /// A flag's reading has the flag's name, not the field's.
    fn flag_name(&self, part: &Part, letter: &str) -> Option<Reads> {
        let reads = part.reads.as_ref()?;
        let FieldKind::Text(TextKind::EnableGroups(flags)) = &self.protocol.shown_in(reads)?.kind else {
            return None;
        };
        let field = letter.chars().next().and_then(|letter| flags.get(&letter))?;
        Some(Reads {
            command: reads.command.clone(),
            field: field.clone(),
        })
    }

    fn wrong(&self, value: &str, wanted: &str) -> Refusal {
        Refusal::Value {
            setting: self.command.code().to_owned(),
            value: value.chars().take(MAX_VALUE).collect(),
            wanted: wanted.to_owned(),
        }
    }

    /// What the answers say of a part now: as people write it, and in words.
    pub(super) fn now(&self, part: &Part, answers: &Answers) -> Option<(String, String)> {
        let reads = part.reads.as_ref()?;
        let field = self.protocol.shown_in(reads)?;
        let measured = reading(answers, reads)?;
        match &part.kind {
            PartKind::Number(figure) => {
                let text = shown(figure, number(measured)?);
                let words = format!("{text} {}", figure.unit).trim_end().to_owned();
                Some((text, words))
            }
            PartKind::Choice(_) => {
                let code = code(&field.kind, measured)?;
                let choices = self.choices(part);
                let entry = choices.into_iter().find(|(value, _)| same_code(value, &code));
                Some(entry.unwrap_or((code.clone(), code)))
            }
            PartKind::Unit | PartKind::Flag | PartKind::Text | PartKind::Date { .. } => None,
        }
    }
}

impl Ready {
    fn plain(piece: &str) -> Ready {
        Ready {
            wire: piece.to_owned(),
            value: piece.to_owned(),
            words: piece.to_owned(),
            expected: None,
        }
    }

    /// Whether the answers show it; none where they do not say.
    pub(super) fn shows(&self, chosen: &Chosen<'_>, answers: &Answers) -> Option<bool> {
        let (reads, expected) = self.expected.as_ref()?;
        let measured = named(answers, &reads.command, &reads.field)?;
        Some(match expected {
            Expected::Number { value, tolerance } => (number(measured)? - value).abs() < *tolerance,
            Expected::Word(word) => measured.value == Some(PowerValue::Text(word.clone())),
            Expected::Code(wanted) => same_code(&code(&chosen.protocol.shown_in(reads)?.kind, measured)?, wanted),
        })
    }
}

/// The word of a list's code.
fn word<'a>(kind: &'a FieldKind, code: &str) -> Option<&'a str> {
    match kind {
        FieldKind::Text(TextKind::EnumIndex(words)) => {
            let position = code.parse::<usize>().ok();
            position.and_then(|position| words.get(position)).map(|word| &**word)
        }
        FieldKind::EnumKey(words) => words.get(code).map(|word| &**word),
        FieldKind::Skip | FieldKind::Ack | FieldKind::FromRequest(_) | FieldKind::Text(_) | FieldKind::Bytes(_) => None,
    }
}

/// A plain decimal number; `inf` and `1e5` are none.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'));
    let value = text.parse::<f64>().ok().filter(|value| plain && value.is_finite())?;
    // Nobody means "below nothing" by -0.
    Some(value + 0.0)
}

pub(super) fn shown(number: &Number, value: f64) -> String {
    format!("{value:.places$}", places = number.places())
}

fn range(number: &Number, min: f64, max: f64) -> String {
    let also = number.also.iter().map(|also| format!(" or {}", shown(number, *also)));
    let unit = &*number.unit;
    let text = format!(
        "{} to {} {unit} in steps of {}{}",
        shown(number, min),
        shown(number, max),
        number.step,
        also.collect::<String>()
    );
    text.replace("  ", " ")
}

fn one_of(choices: &[(String, String)]) -> String {
    let values: Vec<String> = choices
        .iter()
        .map(|(value, label)| format!("{value} ({label})"))
        .collect();
    format!("one of {}", values.join(", "))
}

/// Whether the digits are a moment that there is.
fn is_date(text: &str, year_digits: usize) -> bool {
    let Some((year, rest)) = text.split_at_checked(year_digits) else {
        return false;
    };
    let (pairs, odd) = rest.as_bytes().as_chunks::<2>();
    let numbers: Vec<u32> = pairs
        .iter()
        .filter_map(|pair| std::str::from_utf8(pair).ok()?.parse().ok())
        .collect();
    let (Ok(year), [month, day, hour, minute, second], []) = (year.parse::<u32>(), numbers.as_slice(), odd) else {
        return false;
    };
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let days = match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(day) && *hour < 24 && *minute < 60 && *second < 60
}
