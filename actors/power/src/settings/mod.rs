//! Settings of a device: which there are, which command sets one to a value, what undoes it, and whether it has come about.
//!
//! ```text
//! Chosen ── questions ─▶ device ── answers ─▶ Change { code, was, undo } ── code ─▶ device
//!                                                └── has_come_about ◀── answers ◀─ questions
//! ```
//!
//! Pure: what a device answered goes in, what to say to it comes out. Every value is checked against the form, the range and
//! the list of its setting before there is a command; limits of voltage are those of the battery that the device is made for.

mod change;
mod every;
mod list;
mod value;
mod written;

use std::collections::BTreeMap;

use model::power::Measured;
use thiserror::Error;

use crate::protocol::{Command, Protocol, Reads, Risk, Setting};

pub use change::{Change, Undo};
pub use list::{Argument, Choice, Current, Item, items};

/// What a device has answered: by command, what its answer says.
pub type Answers = BTreeMap<String, Vec<(String, Measured)>>;

/// Why there is no command for a setting and a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// The protocol has no such setting.
    #[error("{protocol} has no setting {setting:?}")]
    Unknown {
        /// The protocol.
        protocol: String,
        /// As it was asked for.
        setting: String,
    },
    /// It takes a value and there is none, or the other way round.
    #[error("{setting} takes {takes}")]
    Takes {
        /// The setting.
        setting: String,
        /// What it takes, in words.
        takes: &'static str,
    },
    /// The value is not one of those that it takes.
    #[error("{setting}: {value:?} is not {wanted}")]
    Value {
        /// The setting.
        setting: String,
        /// The value.
        value: String,
        /// What would be right.
        wanted: String,
    },
    /// The limits follow from the battery, and the device does not say which it is made for.
    #[error("{setting}: the device does not say for which battery it is made, and so no voltage is safe")]
    NoBattery {
        /// The setting.
        setting: String,
    },
}

/// A setting of a protocol.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'p> {
    protocol: &'p Protocol,
    command: &'p Command,
    setting: &'p Setting,
}

impl Protocol {
    /// The setting of this code, as in `PBFT`.
    ///
    /// # Errors
    /// When there is none.
    pub fn choose(&self, code: &str) -> Result<Chosen<'_>, Refusal> {
        let command = self.by_code.get(code).and_then(|index| self.commands.get(*index));
        let chosen = command.and_then(|command| Chosen::of(self, command));
        chosen.ok_or_else(|| Refusal::Unknown {
            protocol: self.name().to_owned(),
            setting: code.chars().take(SHOWN).collect(),
        })
    }
}

/// Most characters of what somebody typed that are said back.
const SHOWN: usize = 32;

impl<'p> Chosen<'p> {
    fn of(protocol: &'p Protocol, command: &'p Command) -> Option<Chosen<'p>> {
        command.setting.as_ref().map(|setting| Chosen {
            protocol,
            command,
            setting,
        })
    }

    /// What can go wrong with it.
    #[must_use]
    pub fn risk(&self) -> Risk {
        self.setting.risk
    }

    /// What it is, in a few words.
    #[must_use]
    pub fn label(&self) -> &'p str {
        self.command.label()
    }

    /// What to ask the device before and after: the commands whose answers show the setting and limit it.
    #[must_use]
    pub fn questions(&self) -> Vec<&'p str> {
        let parts = self.setting.parts.iter();
        let shown = self
            .setting
            .reads
            .iter()
            .chain(parts.clone().filter_map(|part| part.reads.as_ref()));
        let limits = self.protocol.rated_battery.iter().filter(|_| self.depends_on_battery());
        let mut questions: Vec<&str> = Vec::new();
        for reads in shown
            .chain(limits)
            .filter(|reads| self.protocol.shown_in(reads).is_some())
        {
            if !questions.contains(&&*reads.command) {
                questions.push(&reads.command);
            }
        }
        questions
    }

    fn depends_on_battery(&self) -> bool {
        self.setting.parts.iter().any(value::depends_on_battery)
    }

    /// How many times 12 V the battery has that the device is made for.
    fn batteries(&self, answers: &Answers) -> Option<f64> {
        let rated = value::number(reading(answers, self.protocol.rated_battery.as_ref()?)?)?;
        let count = (rated / value::BATTERY_V).round();
        (count >= 1.0).then_some(count)
    }
}

/// What the answers say of a field.
fn reading<'a>(answers: &'a Answers, reads: &Reads) -> Option<&'a Measured> {
    named(answers, &reads.command, &reads.field)
}

fn named<'a>(answers: &'a Answers, command: &str, name: &str) -> Option<&'a Measured> {
    let answer = answers.get(command)?.iter();
    let mut found = answer.filter(|(known, measured)| known == name && measured.value.is_some());
    found.next().map(|(_, measured)| measured)
}

#[cfg(test)]
mod tests;
