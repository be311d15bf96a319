//! What a setting takes and where its effect shows, as data.
//!
//! A command's `pattern` says what may stand on the wire, also in recordings of others; its `argument` says what this station
//! sends. The former is wide, the latter is not.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::file::{CommandFile, ProtocolFile};
use super::{CommandKind, FieldKind, Protocol, TextKind};

/// Most digits of a number on the wire.
const MAX_WIDTH: usize = 8;
/// Most places by which the wire's point is moved.
const MAX_SHIFT: u8 = 4;

/// What can go wrong with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// A battery may suffer, or the load go dark: charge voltages and currents, protections, switches, factory defaults.
    #[default]
    High,
    /// An inconvenience: priorities, displays, the clock.
    Low,
}

/// Which part of the device a setting is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = PowerSettingGroup)]
pub enum Group {
    /// Its voltages, its type, its protection.
    Battery,
    /// How, from what and how fast the battery is charged.
    Charging,
    /// What the load gets.
    Output,
    /// What is taken from the grid and given to it.
    Grid,
    /// Displays, buzzers, the clock.
    #[default]
    Other,
}

/// Where a setting shows: a command, and the field of its answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Reads {
    pub(crate) command: Box<str>,
    pub(crate) field: Box<str>,
}

impl TryFrom<String> for Reads {
    type Error = String;

    fn try_from(text: String) -> Result<Reads, String> {
        let (command, field) = text
            .split_once('.')
            .ok_or_else(|| format!("{text:?} is not of the form COMMAND.field"))?;
        Ok(Reads {
            command: command.into(),
            field: field.into(),
        })
    }
}

/// One value of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) value: Box<str>,
    /// None: the words of the field that it reads.
    pub(crate) label: Option<Box<str>>,
}

/// A number of fixed width.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Number {
    /// Characters on the wire, the point included.
    pub(crate) width: usize,
    /// Of them behind the point.
    pub(crate) decimals: usize,
    /// By how many places the wire's point is moved: 1 where the wire counts tenths.
    pub(crate) shift: u8,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) step: f64,
    pub(crate) unit: Box<str>,
    /// Whether the limits are those of a battery of 12 V, to be multiplied.
    pub(crate) per_12v: bool,
    /// What is allowed besides, as 0 for "off".
    pub(crate) also: Box<[f64]>,
}

impl Number {
    /// Decimals in the unit of people.
    pub(crate) fn places(&self) -> usize {
        self.decimals.saturating_add(usize::from(self.shift))
    }
}

/// What a part of an argument is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum PartKind {
    /// The digit of a unit that works in parallel with others; the one that we are connected to is 0.
    Unit,
    Number(Number),
    Choice(Box<[Choice]>),
    /// A letter that stands for a flag of the field that it reads.
    Flag,
    /// Whatever the command's pattern lets through.
    Text,
    /// Digits: `YYYYMMDDhhmmss`, or with two digits for the year.
    Date {
        year_digits: usize,
    },
}

/// A part of an argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// What stands before it on the wire.
    pub(crate) before: Box<str>,
    pub(crate) kind: PartKind,
    pub(crate) reads: Option<Reads>,
}

impl Part {
    /// Whatever the pattern lets through.
    pub(super) fn text() -> Part {
        Part {
            before: "".into(),
            kind: PartKind::Text,
            reads: None,
        }
    }
}

/// What a setting needs besides its command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    pub(crate) group: Group,
    pub(crate) risk: Risk,
    /// Where a command without argument shows.
    pub(crate) reads: Option<Reads>,
    /// What the field says then: of a command without argument, or of a flag.
    pub(crate) shows: Option<Box<str>>,
    /// The command that takes it back.
    pub(crate) opposite: Option<Box<str>>,
    pub(crate) parts: Box<[Part]>,
}

/// What a part of an argument is, in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PartName {
    Unit,
    Number,
    Choice,
    Flag,
    Text,
    Date,
}

/// A part of an argument, in a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartFile {
    kind: PartName,
    #[serde(default)]
    before: String,
    reads: Option<Reads>,
    /// The width and decimals of a number, as in `00.0`, or of a date, as in `YYMMDDhhmmss`.
    #[serde(default)]
    form: String,
    #[serde(default)]
    shift: u8,
    #[serde(default)]
    min: f64,
    #[serde(default)]
    max: f64,
    #[serde(default = "one")]
    step: f64,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    per_12v: bool,
    #[serde(default)]
    also: Vec<f64>,
    #[serde(default)]
    values: Vec<String>,
    labels: Option<Vec<String>>,
}

fn one() -> f64 {
    1.0
}

/// What a setting takes; where the file does not say it, whatever the pattern lets through.
pub(super) fn setting(file: &CommandFile) -> Result<Option<Setting>, String> {
    if file.kind != CommandKind::Setting {
        let stray = file.argument.is_some() || file.reads.is_some() || file.shows.is_some() || file.opposite.is_some();
        return if stray {
            Err("argument, reads, shows and opposite are for settings".to_owned())
        } else {
            Ok(None)
        };
    }
    let parts: Box<[Part]> = match (&file.argument, &file.pattern) {
        (Some(parts), Some(_)) => parts.iter().map(part).collect::<Result<_, _>>()?,
        (Some(_), None) => return Err("argument: there is no pattern that has one".to_owned()),
        (None, Some(_)) => [Part::text()].into(),
        (None, None) => [].into(),
    };
    if file.shows.is_none() && (file.reads.is_some() || parts.iter().any(|part| part.kind == PartKind::Flag)) {
        return Err("shows is missing: what the field says then".to_owned());
    }
    Ok(Some(Setting {
        group: file.group,
        risk: file.risk,
        reads: file.reads.clone(),
        shows: file.shows.as_deref().map(Box::from),
        opposite: file.opposite.as_deref().map(Box::from),
        parts,
    }))
}

fn part(file: &PartFile) -> Result<Part, String> {
    Ok(Part {
        before: file.before.as_str().into(),
        kind: kind(file)?,
        reads: file.reads.clone(),
    })
}

fn kind(file: &PartFile) -> Result<PartKind, String> {
    Ok(match file.kind {
        PartName::Unit => PartKind::Unit,
        PartName::Number => PartKind::Number(number(file)?),
        PartName::Choice => PartKind::Choice(choices(file)?),
        PartName::Flag if file.reads.is_none() => return Err("argument: a flag needs reads".to_owned()),
        PartName::Flag => PartKind::Flag,
        PartName::Text => PartKind::Text,
        PartName::Date => PartKind::Date {
            year_digits: match file.form.as_str() {
                "YYMMDDhhmmss" => 2,
                "YYYYMMDDhhmmss" => 4,
                other => {
                    return Err(format!(
                        "argument: form is YYMMDDhhmmss or YYYYMMDDhhmmss, not {other:?}"
                    ));
                }
            },
        },
    })
}

fn number(file: &PartFile) -> Result<Number, String> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte == b'0');
    let (whole, behind) = file.form.split_once('.').unwrap_or((&file.form, "0"));
    if !digits(whole) || !digits(behind) || file.form.len() > MAX_WIDTH {
        return Err(format!(
            "argument: form is zeros with a point or without, not {:?}",
            file.form
        ));
    }
    if file.shift > MAX_SHIFT {
        return Err(format!("argument: shift is at most {MAX_SHIFT}"));
    }
    let mut all = [file.min, file.max, file.step]
        .into_iter()
        .chain(file.also.iter().copied());
    if !all.all(f64::is_finite) || file.min >= file.max || file.step <= 0.0 {
        return Err("argument: min has to be below max, and step above 0".to_owned());
    }
    Ok(Number {
        width: file.form.len(),
        decimals: if file.form.contains('.') { behind.len() } else { 0 },
        shift: file.shift,
        min: file.min,
        max: file.max,
        step: file.step,
        unit: file.unit.as_str().into(),
        per_12v: file.per_12v,
        also: file.also.as_slice().into(),
    })
}

fn choices(file: &PartFile) -> Result<Box<[Choice]>, String> {
    let labels = file.labels.as_deref().unwrap_or_default();
    let has_labels = !labels.is_empty();
    if file.values.is_empty() || (has_labels && labels.len() != file.values.len()) {
        return Err("argument: values has one entry or more, and labels as many or none".to_owned());
    }
    if !has_labels && file.reads.is_none() {
        return Err(
            "argument: labels is missing; without it the words are those of the field that reads names".to_owned(),
        );
    }
    let labels = labels.iter().map(|label| Some(label.as_str().into()));
    let labels = labels.chain(std::iter::repeat(None));
    Ok(file
        .values
        .iter()
        .zip(labels)
        .map(|(value, label)| Choice {
            value: value.as_str().into(),
            label,
        })
        .collect())
}

impl Protocol {
    fn setting(&self, code: &str) -> Option<&Setting> {
        self.commands.get(*self.by_code.get(code)?)?.setting.as_ref()
    }

    /// The field that a setting shows in, if this protocol has it: one that extends another may not.
    pub(crate) fn shown_in(&self, reads: &Reads) -> Option<&super::Field> {
        let command = self.commands.get(*self.by_code.get(&reads.command)?)?;
        command.fields.iter().find(|field| field.key == reads.field)
    }

    /// What is wrong with where the setting of a command shows and with what takes it back.
    pub(super) fn setting_problem(&self, setting: &Setting) -> Option<String> {
        let parts = setting
            .parts
            .iter()
            .filter_map(|part| part.reads.as_ref().map(|reads| (Some(part), reads)));
        let own = setting.reads.iter().map(|reads| (None, reads));
        for (part, reads) in own.chain(parts) {
            let Some(field) = self.shown_in(reads) else {
                return Some(format!("reads: there is no {}.{}", reads.command, reads.field));
            };
            let is_flags = matches!(field.kind, FieldKind::Text(TextKind::EnableGroups(_)));
            if is_flags != part.is_some_and(|part| part.kind == PartKind::Flag) {
                return Some(format!("reads: flags are in {}, or are not", reads.field));
            }
        }
        if setting
            .parts
            .iter()
            .any(|part| matches!(&part.kind, PartKind::Number(number) if number.per_12v))
            && self.rated_battery.is_none()
        {
            return Some("per_12v needs the file to say rated_battery".to_owned());
        }
        let opposite = setting.opposite.as_ref()?;
        match self.setting(opposite) {
            Some(other) if other.risk == setting.risk => None,
            Some(_) => Some(format!("opposite: {opposite} has another risk")),
            None => Some(format!("opposite: {opposite:?} is no setting")),
        }
    }
}

/// What is wrong with the settings of a file: what they speak of has to exist. Of those that it inherits, what it has not is
/// left out.
pub(super) fn setting_fault(file: &ProtocolFile, protocol: &Protocol) -> Option<(String, String)> {
    if let Some(reads) = file
        .rated_battery
        .as_ref()
        .filter(|reads| protocol.shown_in(reads).is_none())
    {
        let reason = format!("there is no {}.{}", reads.command, reads.field);
        return Some(("rated_battery".to_owned(), reason));
    }
    file.command.iter().find_map(|own| {
        let setting = protocol.setting(&own.code)?;
        Some((own.code.clone(), protocol.setting_problem(setting)?))
    })
}
