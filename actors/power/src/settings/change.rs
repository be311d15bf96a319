//! A setting that is about to be changed: what to send, what it was, what takes it back.

use model::power::{Measured, PowerValue};

use super::value::Ready;
use super::{Answers, Chosen, Refusal, reading};
use crate::protocol::{PartKind, Risk};

/// What takes a change back: another setting, or the same with the value of before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undo {
    /// The setting.
    pub setting: String,
    /// Its value; none where it takes none.
    pub value: Option<String>,
    /// What can go wrong with it.
    pub risk: Risk,
}

/// A command that is ready to be sent.
#[derive(Clone, Debug)]
pub struct Change<'p> {
    chosen: Chosen<'p>,
    code: String,
    parts: Vec<Ready>,
    was: Option<Measured>,
    /// What it was, in words.
    before: Option<String>,
    undo: Option<Undo>,
}

impl<'p> Chosen<'p> {
    /// The command that sets this to `value`, given what the device has answered to [`Chosen::questions`].
    ///
    /// # Errors
    /// When the value is not one that it takes.
    pub fn change(self, value: Option<&str>, answers: &Answers) -> Result<Change<'p>, Refusal> {
        let takes = |takes| Refusal::Takes {
            setting: self.command.code().to_owned(),
            takes,
        };
        let parts = match (value, self.command.pattern.is_some()) {
            (Some(value), true) => self.parts(value, answers)?,
            (None, false) => Vec::new(),
            (Some(_), false) => return Err(takes("no value")),
            (None, true) => return Err(takes("a value")),
        };
        let code: String = std::iter::once(self.command.code())
            .chain(parts.iter().map(|part| part.wire.as_str()))
            .collect();
        let is_this = self
            .protocol
            .request(&code)
            .is_ok_and(|request| request.command().code() == self.command.code());
        if !is_this {
            return Err(Refusal::Value {
                setting: self.command.code().to_owned(),
                value: value.unwrap_or_default().to_owned(),
                wanted: format!("of the form {}", self.command.pattern().unwrap_or_default()),
            });
        }
        let mut change = Change {
            chosen: self,
            code,
            parts,
            was: None,
            before: None,
            undo: None,
        };
        change.was = change.shown(answers);
        (change.before, change.undo) = change.way_back(answers);
        Ok(change)
    }
}

impl Change<'_> {
    /// What to send, once.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What the device said of it before.
    #[must_use]
    pub fn was(&self) -> Option<&Measured> {
        self.was.as_ref()
    }

    /// What takes it back, if that is known.
    #[must_use]
    pub fn undo(&self) -> Option<&Undo> {
        self.undo.as_ref()
    }

    /// Whether the answers show that it has come about; none where the device does not say.
    #[must_use]
    pub fn has_come_about(&self, answers: &Answers) -> Option<bool> {
        if let (Some(reads), Some(shows)) = (&self.chosen.setting.reads, &self.chosen.setting.shows) {
            let said = reading(answers, reads)?.value.as_ref()?;
            return Some(*said == PowerValue::Text(shows.to_string()));
        }
        let told = self.parts.iter().filter(|part| part.expected.is_some());
        let shown: Option<Vec<bool>> = told.map(|part| part.shows(&self.chosen, answers)).collect();
        shown
            .filter(|shown| !shown.is_empty())
            .map(|shown| !shown.contains(&false))
    }

    /// What the answers say of it: of several parts all, with commas between.
    #[must_use]
    pub fn shown(&self, answers: &Answers) -> Option<Measured> {
        let parts = self
            .parts
            .iter()
            .filter_map(|part| part.expected.as_ref().map(|(reads, _)| reads));
        let shown: Option<Vec<&Measured>> = self
            .chosen
            .setting
            .reads
            .iter()
            .chain(parts)
            .map(|reads| reading(answers, reads))
            .collect();
        match shown?.as_slice() {
            [] => None,
            [one] => Some((*one).clone()),
            many @ [first, ..] => Some(Measured {
                value: Some(PowerValue::Text(
                    many.iter().map(|one| plain(one)).collect::<Vec<_>>().join(","),
                )),
                unit: first.unit.clone(),
                gap: None,
            }),
        }
    }

    /// What it is now in words, and what brings that back.
    fn way_back(&self, answers: &Answers) -> (Option<String>, Option<Undo>) {
        let setting = self.chosen.setting;
        let now: Option<Vec<(String, String)>> = self.settled().map(|part| self.chosen.now(part, answers)).collect();
        let is_read = self.parts.iter().any(|part| part.expected.is_some());
        match (now, &setting.opposite) {
            (_, Some(opposite)) => {
                let differs = self.has_come_about(answers) == Some(false);
                let value = self.parts.first().map(|part| part.value.clone());
                let undo = differs.then(|| self.undone_by(opposite, value));
                (self.was.as_ref().map(words), undo)
            }
            (Some(now), None) if is_read && !now.is_empty() => {
                let (values, said): (Vec<String>, Vec<String>) = now.into_iter().unzip();
                let value = values.join(",");
                // A value that we would not send, as one that somebody set at the device's own panel, is not promised.
                let accepted = self.chosen.parts(&value, answers).is_ok();
                let undo = accepted.then(|| self.undone_by(self.chosen.command.code(), Some(value)));
                (Some(said.join(", ")), undo)
            }
            _ => (self.was.as_ref().map(words), None),
        }
    }

    /// The parts that are read back: all but the number of the unit.
    fn settled(&self) -> impl Iterator<Item = &crate::protocol::Part> {
        self.chosen
            .setting
            .parts
            .iter()
            .filter(|part| part.kind != PartKind::Unit)
    }

    fn undone_by(&self, setting: &str, value: Option<String>) -> Undo {
        Undo {
            setting: setting.to_owned(),
            value,
            risk: self.chosen.risk(),
        }
    }

    /// In words, for the device of this name.
    #[must_use]
    pub fn words(&self, device: &str) -> String {
        let new = self.parts.iter().map(|part| part.words.as_str());
        let new = new.filter(|words| !words.is_empty()).collect::<Vec<_>>().join(", ");
        let label = self.chosen.label();
        let is_switch = self.chosen.setting.opposite.is_some() || new.is_empty();
        match (is_switch, &self.before) {
            (false, Some(before)) => format!("set the {label} of {device} from {before} to {new}"),
            (false, None) => format!("set the {label} of {device} to {new}"),
            (true, before) => {
                let colon = if new.is_empty() { "" } else { ": " };
                let now = before
                    .as_ref()
                    .map(|before| format!(", now {before}"))
                    .unwrap_or_default();
                format!("{label} of {device}{colon}{new}{now}")
            }
        }
    }
}

/// A reading as people read it.
pub(super) fn words(measured: &Measured) -> String {
    format!("{} {}", plain(measured), measured.unit).trim_end().to_owned()
}

fn plain(measured: &Measured) -> String {
    match &measured.value {
        Some(PowerValue::Int(value)) => value.to_string(),
        Some(PowerValue::Number(value)) => value.to_string(),
        Some(PowerValue::Text(value)) => value.clone(),
        None => "unknown".to_owned(),
    }
}
