//! Answers as people and programs read them, in the forms of mpp-solar.

use std::io::{self, Write};

use clap::ValueEnum;
use model::power::{Measured, PowerValue};
use power::{Heard, Request, Said};
use serde_json::{Map, Value, json};

/// How an answer is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(super) enum Form {
    /// A table
    Screen,
    /// One object a command: name and value
    Json,
    /// One object a command: name, and value with unit
    JsonUnits,
    /// name=value, a line each
    Simple,
    /// The frame as it came, in hexadecimal
    Raw,
}

/// Prints one answer.
pub(super) fn print(form: Form, request: &Request<'_>, heard: &Heard) -> anyhow::Result<()> {
    let text = match form {
        Form::Screen => screen(request, &heard.said),
        Form::Json => object(request, &heard.said, |measured| json!(measured.value)),
        Form::JsonUnits => object(
            request,
            &heard.said,
            |measured| json!({ "value": measured.value, "unit": measured.unit }),
        ),
        Form::Simple => lines(&heard.said),
        Form::Raw => format!("{}\n", super::frames::hex(&heard.frame)),
    };
    Ok(io::stdout().lock().write_all(text.as_bytes())?)
}

fn screen(request: &Request<'_>, said: &Said) -> String {
    let width = said.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, measured): &(String, Measured)| format!("  {name:width$}  {}\n", words(measured));
    let title = format!("{}: {}\n", request.code(), request.command().label());
    std::iter::once(title).chain(said.iter().map(line)).collect()
}

fn lines(said: &Said) -> String {
    let line = |(name, measured): &(String, Measured)| format!("{name}={}\n", plain(measured));
    said.iter().map(line).collect()
}

/// In the order of the wire; a name that comes twice keeps its last value, as it always did.
fn object(request: &Request<'_>, said: &Said, value: impl Fn(&Measured) -> Value) -> String {
    let command = [
        ("_command".to_owned(), Value::from(request.code())),
        (
            "_command_description".to_owned(),
            Value::from(request.command().label()),
        ),
    ];
    let values = said.iter().map(|(name, measured)| (name.clone(), value(measured)));
    format!(
        "{}\n",
        Value::Object(command.into_iter().chain(values).collect::<Map<_, _>>())
    )
}

/// A value with its unit, or why there is none.
pub(super) fn words(measured: &Measured) -> String {
    match &measured.gap {
        Some(gap) => format!("({gap})"),
        None => format!("{} {}", plain(measured), measured.unit).trim_end().to_owned(),
    }
}

fn plain(measured: &Measured) -> String {
    match &measured.value {
        Some(PowerValue::Int(value)) => value.to_string(),
        Some(PowerValue::Number(value)) => value.to_string(),
        // What a device sends is not for the terminal to carry out.
        Some(PowerValue::Text(value)) => value.chars().filter(|c| !c.is_control()).collect(),
        None => String::new(),
    }
}
