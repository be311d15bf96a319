//! From a whole command, as older programs send it, back to the setting and its value.

use super::{Chosen, value};
use crate::protocol::{CommandKind, Part, PartKind, Protocol};

impl Protocol {
    /// The setting and the value that a whole command stands for: `MUCHGC030` sets `MUCHGC` to `30`. `None` where it is no
    /// setting, or not as this station writes it. Whether the value is sound is for [`Chosen::change`] to say.
    #[must_use]
    pub fn setting_in(&self, code: &str) -> Option<(String, Option<String>)> {
        let request = self.request(code).ok()?;
        let command = request.command();
        if command.kind() != CommandKind::Setting {
            return None;
        }
        let setting = command.code().to_owned();
        let chosen = self.choose(&setting).ok()?;
        let argument = code.strip_prefix(command.code())?;
        if command.pattern().is_none() {
            return argument.is_empty().then_some((setting, None));
        }
        Some((setting, Some(chosen.value_in(argument)?)))
    }
}

impl Chosen<'_> {
    fn value_in(&self, argument: &str) -> Option<String> {
        let (mut rest, mut values) = (argument, Vec::new());
        for part in &self.setting.parts {
            let behind = rest.strip_prefix(&*part.before)?;
            let (written, next) = behind.split_at_checked(self.width(part, behind)?)?;
            rest = next;
            match &part.kind {
                // Who is connected to a unit calls it 0, and need not.
                PartKind::Unit if written == value::OURS => {}
                PartKind::Number(number) => {
                    let shifted = written.parse::<f64>().ok()? / 10_f64.powi(i32::from(number.shift));
                    values.push(value::shown(number, shifted));
                }
                PartKind::Unit | PartKind::Choice(_) | PartKind::Flag | PartKind::Text | PartKind::Date { .. } => {
                    values.push(written.to_owned());
                }
            }
        }
        rest.is_empty().then(|| values.join(","))
    }

    /// How many bytes of what is left belong to a part.
    fn width(&self, part: &Part, rest: &str) -> Option<usize> {
        match &part.kind {
            PartKind::Unit | PartKind::Flag => Some(1),
            PartKind::Number(number) => Some(number.width),
            PartKind::Date { year_digits } => Some(year_digits.saturating_add(value::DATE_BEHIND_YEAR)),
            PartKind::Text => Some(rest.len()),
            PartKind::Choice(_) => {
                let choices = self.choices(part).into_iter().map(|(value, _)| value);
                choices
                    .filter(|value| rest.starts_with(value.as_str()))
                    .map(|value| value.len())
                    .max()
            }
        }
    }
}
