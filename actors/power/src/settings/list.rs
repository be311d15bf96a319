//! The settings of a device as the API lists them, each with what it takes and what it is now.

use std::collections::BTreeMap;

use model::Timestamp;
use model::power::PowerReading;
use serde::Serialize;
use utoipa::ToSchema;

use super::value::shown;
use super::{Answers, Chosen};
use crate::protocol::{Group, Number, Part, PartKind, Protocol, Reads, Risk};

/// The most that a battery has of 12 V, for the limits of one that is not known yet.
const MOST_BATTERIES: f64 = 4.0;

/// A value that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = PowerSettingChoice)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What it means.
    pub label: String,
}

/// What a setting takes.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[schema(as = PowerSettingArgument)]
pub enum Argument {
    /// One of a list.
    Choice {
        /// The list.
        choices: Vec<Choice>,
    },
    /// A number.
    Number {
        /// The lowest.
        min: f64,
        /// The highest.
        max: f64,
        /// Values are whole multiples of it.
        step: f64,
        /// The unit.
        unit: String,
        /// What is taken besides, as 0 for "off".
        also: Vec<f64>,
    },
    /// Characters; several numbers have commas between.
    Text {
        /// The regular expression that they match as a whole.
        pattern: String,
    },
}

/// What a setting is now.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = PowerSettingCurrent)]
pub struct Current {
    /// The value that sets it to what it is.
    pub value: String,
    /// What that means.
    pub label: String,
    /// Its unit, empty where there is none.
    pub unit: String,
    /// When it was read.
    pub at: Timestamp,
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = PowerSettingItem)]
pub struct Item {
    /// Its name in commands.
    pub code: String,
    /// What it is.
    pub label: String,
    /// What it is about.
    pub group: Group,
    /// What it takes; `null`: nothing.
    pub argument: Option<Argument>,
    /// What it is now; `null`: the device does not say, or has not said yet.
    pub current: Option<Current>,
    /// What can go wrong.
    #[serde(skip)]
    pub risk: Risk,
    /// Whether the gate can take a change back.
    pub undoable: bool,
}

/// Every setting of a protocol; `heard` has what the device last said, by the command that asked for it.
pub fn items<'a>(
    protocol: &'a Protocol,
    heard: impl Fn(&str) -> Option<&'a BTreeMap<String, PowerReading>>,
) -> Vec<Item> {
    let chosen: Vec<Chosen<'_>> = protocol
        .commands()
        .iter()
        .filter_map(|command| Chosen::of(protocol, command))
        .collect();
    let questions = chosen.iter().flat_map(Chosen::questions);
    let said = |command: &str| {
        let readings = heard(command)?.iter();
        Some(
            readings
                .map(|(name, reading)| (name.clone(), reading.measured.clone()))
                .collect(),
        )
    };
    let answers: Answers = questions
        .filter_map(|command| Some((command.to_owned(), said(command)?)))
        .collect();
    let at = |reads: &Reads| heard(&reads.command)?.get(&*reads.field).map(|reading| reading.at);
    chosen.iter().map(|chosen| chosen.item(&answers, &at)).collect()
}

impl Chosen<'_> {
    fn item(&self, answers: &Answers, at: &dyn Fn(&Reads) -> Option<Timestamp>) -> Item {
        let read = self.setting.parts.iter().filter(|part| part.kind != PartKind::Unit);
        let is_read = !self.setting.parts.is_empty() && read.clone().all(|part| self.is_read(part.reads.as_ref()));
        let is_switch = self.setting.opposite.is_some() && (is_read || self.is_read(self.setting.reads.as_ref()));
        let has_flags = read.clone().any(|part| part.kind == PartKind::Flag);
        Item {
            code: self.command.code().to_owned(),
            label: self.label().to_owned(),
            group: self.setting.group,
            argument: self.argument(answers),
            current: self.current(answers, at),
            risk: self.risk(),
            undoable: is_switch || (is_read && !has_flags),
        }
    }

    fn is_read(&self, reads: Option<&Reads>) -> bool {
        reads.is_some_and(|reads| self.protocol.shown_in(reads).is_some())
    }

    fn argument(&self, answers: &Answers) -> Option<Argument> {
        self.command.pattern.as_ref()?;
        let settled: Vec<&Part> = self
            .setting
            .parts
            .iter()
            .filter(|part| part.kind != PartKind::Unit)
            .collect();
        Some(match settled.as_slice() {
            [part] => self.single(part, answers),
            parts => Argument::Text {
                pattern: parts
                    .iter()
                    .map(|part| self.pattern(part))
                    .collect::<Vec<_>>()
                    .join(","),
            },
        })
    }

    fn single(&self, part: &Part, answers: &Answers) -> Argument {
        match &part.kind {
            PartKind::Number(number) => self.number(number, answers),
            PartKind::Choice(_) | PartKind::Flag => Argument::Choice {
                choices: self
                    .choices(part)
                    .into_iter()
                    .map(|(value, label)| Choice { value, label })
                    .collect(),
            },
            PartKind::Unit | PartKind::Text | PartKind::Date { .. } => Argument::Text {
                pattern: self.pattern(part),
            },
        }
    }

    /// Where the battery is not known yet, the limits of the smallest and the largest.
    fn number(&self, number: &Number, answers: &Answers) -> Argument {
        let unknown = (number.min, number.max * MOST_BATTERIES);
        let (min, max) = self.limits(number, answers).unwrap_or(unknown);
        // Multiplied limits have more decimals than anybody wrote.
        let rounded = |limit: f64| shown(number, limit).parse().unwrap_or(limit);
        Argument::Number {
            min: rounded(min),
            max: rounded(max),
            step: number.step,
            unit: number.unit.to_string(),
            also: number.also.to_vec(),
        }
    }

    fn pattern(&self, part: &Part) -> String {
        match &part.kind {
            PartKind::Unit => "[0-9]".to_owned(),
            PartKind::Number(number) if number.places() == 0 => "[0-9]+".to_owned(),
            PartKind::Number(_) => r"[0-9]+(\.[0-9]+)?".to_owned(),
            PartKind::Date { year_digits } => format!(
                "[0-9]{{{}}}",
                year_digits.saturating_add(super::value::DATE_BEHIND_YEAR)
            ),
            PartKind::Choice(_) | PartKind::Flag => {
                let values: Vec<String> = self.choices(part).into_iter().map(|(value, _)| value).collect();
                format!("({})", values.join("|"))
            }
            PartKind::Text => {
                // The command's own pattern is its name, and then the argument in a group.
                let whole = self.command.pattern().unwrap_or_default();
                let inner = whole.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$"));
                let argument = inner.and_then(|inner| inner.strip_prefix(self.command.code()));
                argument.unwrap_or(whole).to_owned()
            }
        }
    }

    fn current(&self, answers: &Answers, at: &dyn Fn(&Reads) -> Option<Timestamp>) -> Option<Current> {
        if let Some(reads) = &self.setting.reads {
            let said = super::reading(answers, reads)?;
            let label = super::change::words(said);
            return Some(Current {
                value: label.clone(),
                label,
                unit: String::new(),
                at: at(reads)?,
            });
        }
        let settled: Vec<&Part> = self
            .setting
            .parts
            .iter()
            .filter(|part| part.kind != PartKind::Unit)
            .collect();
        let now: Option<Vec<(String, String)>> = settled.iter().map(|part| self.now(part, answers)).collect();
        let (values, words): (Vec<String>, Vec<String>) = now?.into_iter().unzip();
        let unit = settled.first().map_or("", |part| match &part.kind {
            PartKind::Number(number) => &number.unit,
            PartKind::Unit | PartKind::Choice(_) | PartKind::Flag | PartKind::Text | PartKind::Date { .. } => "",
        });
        Some(Current {
            value: values.join(","),
            label: words.join(", "),
            unit: unit.to_owned(),
            at: settled.first().and_then(|part| at(part.reads.as_ref()?))?,
        })
    }
}
