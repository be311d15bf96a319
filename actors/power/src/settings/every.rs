//! Every value that a setting can take, with its command: what an old list of allowed commands is compared with.

use model::power::{Measured, PowerValue};

use super::{Answers, Chosen};
use crate::protocol::{Part, PartKind};

/// Most values of one setting; there are hundreds of voltages, and no wire has more.
const MOST: usize = 4096;
/// The batteries that devices are made for, in volts.
const BATTERIES: [f64; 4] = [12.0, 24.0, 36.0, 48.0];

impl Chosen<'_> {
    /// The values and their commands, for any battery; `None` where they cannot be counted, as those of free text and of
    /// several numbers. A setting without a value has one command.
    #[must_use]
    pub fn every(&self) -> Option<Vec<(Option<String>, String)>> {
        let settled: Vec<&Part> = self
            .setting
            .parts
            .iter()
            .filter(|part| part.kind != PartKind::Unit)
            .collect();
        let values: Vec<Option<String>> = match settled.as_slice() {
            [] if self.command.pattern().is_none() => vec![None],
            [part] => self.values(part)?.into_iter().map(Some).collect(),
            _ => return None,
        };
        let batteries = if self.depends_on_battery() {
            BATTERIES.as_slice()
        } else {
            &[0.0]
        };
        let mut every: Vec<(Option<String>, String)> = Vec::new();
        for answers in batteries.iter().map(|volts| self.rated(*volts)) {
            for value in &values {
                let made = self.change(value.as_deref(), &answers).ok();
                let made = made.map(|change| (value.clone(), change.code().to_owned()));
                every.extend(made.filter(|made| !every.contains(made)));
            }
        }
        Some(every)
    }

    fn values(&self, part: &Part) -> Option<Vec<String>> {
        let number = match &part.kind {
            PartKind::Number(number) => number,
            PartKind::Choice(_) | PartKind::Flag => {
                return Some(self.choices(part).into_iter().map(|(value, _)| value).collect());
            }
            PartKind::Unit | PartKind::Text | PartKind::Date { .. } => return None,
        };
        let most = if number.per_12v { BATTERIES.len() } else { 1 };
        let highest = number.max * f64::from(u32::try_from(most).ok()?);
        let first = (number.min / number.step).round();
        let steps = (0..).map(|step| (first + f64::from(step)) * number.step);
        let steps = steps
            .take_while(|value| *value < highest + number.step / 2.0)
            .take(MOST);
        let values = number.also.iter().copied().chain(steps);
        Some(values.map(|value| super::value::shown(number, value)).collect())
    }

    /// As if the device had said for which battery it is made.
    fn rated(&self, volts: f64) -> Answers {
        let said = |reads: &crate::protocol::Reads| {
            let measured = Measured {
                value: Some(PowerValue::Number(volts)),
                unit: "V".to_owned(),
                gap: None,
            };
            (reads.command.to_string(), vec![(reads.field.to_string(), measured)])
        };
        self.protocol.rated_battery.iter().map(said).collect()
    }
}
