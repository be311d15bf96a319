//! `power.set`, `power.protect`, `power.refresh`: what may be done with inverters, batteries and chargers.
//!
//! A change reads the setting first, is sent once, and is read back. Two verbs, because a setting that can hurt a battery or
//! darken the load is not of the tier of one that turns a buzzer off; which is which stands in the protocol's file.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gate::token::Token;
use gate::workflow::{End, Order};
use gate::{Effect, Plan, PlanError, Verb};
use model::{Command, Role, Undo};
use power::settings::{Answers, Change, Chosen};
use power::{AskError, Power, Risk};
use serde_json::{Map, Value, json};
use tokio::time::sleep;

const SET: &str = "power.set";
const PROTECT: &str = "power.protect";
const REFRESH: &str = "power.refresh";

const VERBS: [Verb; 3] = [verb(SET), verb(PROTECT), verb(REFRESH)];

/// What targets begin with; the device's name follows.
const TARGET: &str = "power.";
/// How often a change is looked for before it is said not to have come about: devices take a moment to write it down.
const LOOKS: u32 = 3;
/// The pause between two of those.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

const fn verb(name: &'static str) -> Verb {
    Verb {
        name,
        role: Role::Operator,
        repairs: false,
    }
}

/// The verb that changes a setting with this risk.
pub(crate) const fn verb_of(risk: Risk) -> &'static str {
    match risk {
        Risk::High => PROTECT,
        Risk::Low => SET,
    }
}

/// The devices, as far as commands reach them.
pub(super) struct Devices(Power);

impl Devices {
    pub(super) fn new(power: &Power) -> Devices {
        Devices(power.clone())
    }

    async fn planned(&self, order: &Order) -> Result<Plan, PlanError> {
        let device = order.target.strip_prefix(TARGET).unwrap_or_default();
        let none = || PlanError::NoTarget(format!("device {:?}; targets are {TARGET}NAME", order.target));
        let (_, protocol) = self.0.device(device).ok_or_else(none)?;
        if order.verb == REFRESH {
            return refreshed(device, &order.arguments);
        }
        let wanted = Wanted::of(&order.arguments).map_err(PlanError::Invalid)?;
        let chosen = protocol
            .choose(&wanted.setting)
            .map_err(|refusal| PlanError::Invalid(refusal.to_string()))?;
        let right = verb_of(chosen.risk());
        if order.verb != right {
            return Err(PlanError::Invalid(format!("{} is changed by {right}", wanted.setting)));
        }
        // What cannot be right for any battery need not wait for the device to say which it has.
        let answers = ask(&self.0, device, &chosen).await.map_err(away)?;
        let change = wanted.change(chosen, &answers).map_err(PlanError::Invalid)?;
        Ok(Plan {
            would: change.words(device),
            undo: change.undo().map(|undo| Undo {
                verb: verb_of(undo.risk).to_owned(),
                arguments: arguments(&undo.setting, undo.value.as_deref()),
            }),
        })
    }
}

fn refreshed(device: &str, arguments: &Map<String, Value>) -> Result<Plan, PlanError> {
    if !arguments.is_empty() {
        return Err(PlanError::Invalid(format!("{REFRESH} takes no arguments")));
    }
    Ok(Plan {
        would: format!("ask {device} everything again"),
        undo: None,
    })
}

/// What a command wants.
struct Wanted {
    setting: String,
    value: Option<String>,
}

impl Wanted {
    fn of(arguments: &Map<String, Value>) -> Result<Wanted, String> {
        let text = |name: &str| arguments.get(name).and_then(Value::as_str).map(str::to_owned);
        let stray = arguments
            .iter()
            .any(|(name, value)| !matches!(name.as_str(), "setting" | "value") || !value.is_string());
        match text("setting") {
            Some(setting) if !stray => Ok(Wanted {
                setting,
                value: text("value"),
            }),
            _ => Err(format!(
                "{SET} and {PROTECT} take setting and value, both text, and no other argument"
            )),
        }
    }

    fn change<'p>(&self, chosen: Chosen<'p>, answers: &Answers) -> Result<Change<'p>, String> {
        chosen
            .change(self.value.as_deref(), answers)
            .map_err(|refusal| refusal.to_string())
    }
}

fn arguments(setting: &str, value: Option<&str>) -> Map<String, Value> {
    let value = value.map(|value| ("value".to_owned(), Value::from(value)));
    std::iter::once(("setting".to_owned(), Value::from(setting)))
        .chain(value)
        .collect()
}

fn away(error: AskError) -> PlanError {
    PlanError::Unavailable(format!("the setting cannot be read: {error}"))
}

/// What the device says of a setting now.
async fn ask(power: &Power, device: &str, chosen: &Chosen<'_>) -> Result<Answers, AskError> {
    let mut answers = Answers::new();
    for question in chosen.questions() {
        answers.insert(question.to_owned(), power.ask(device, question).await?);
    }
    Ok(answers)
}

impl Effect for Devices {
    fn verbs(&self) -> &'static [Verb] {
        &VERBS
    }

    fn plan<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Plan, PlanError>> {
        self.planned(order).boxed()
    }

    fn execute(&self, command: &Command, _: &Token) -> BoxFuture<'static, End> {
        let power = self.0.clone();
        let device = command.target.strip_prefix(TARGET).unwrap_or_default().to_owned();
        let (verb, wanted) = (command.verb.clone(), Wanted::of(&command.arguments));
        async move {
            match (verb.as_str(), wanted) {
                (REFRESH, _) => match power.refresh(&device).await {
                    Ok(()) => End::Done(json!({})),
                    Err(error) => End::Failed(error.to_string()),
                },
                (_, Ok(wanted)) => changed(&power, &device, &wanted).await.unwrap_or_else(End::Failed),
                (_, Err(reason)) => End::Failed(reason),
            }
        }
        .boxed()
    }
}

/// Reads, sends once, reads back. An error means that nothing has changed.
async fn changed(power: &Power, device: &str, wanted: &Wanted) -> Result<End, String> {
    let (_, protocol) = power
        .device(device)
        .ok_or_else(|| format!("there is no device {device:?}"))?;
    let chosen = protocol
        .choose(&wanted.setting)
        .map_err(|refusal| refusal.to_string())?;
    let before = ask(power, device, &chosen)
        .await
        .map_err(|error| format!("not changed: {error}"))?;
    let change = wanted.change(chosen, &before)?;
    let sent = power.ask(device, change.code()).await;
    let doubt = match sent {
        Ok(_) => None,
        Err(error @ (AskError::Silent | AskError::Damaged(_))) => Some(error),
        Err(error @ (AskError::Away(_) | AskError::Unknown(_) | AskError::Refused(_))) => return Err(error.to_string()),
    };
    let (after, confirmed) = look(power, device, &chosen, &change).await;
    let done = json!({
        "was": change.was(),
        "is": change.shown(&after),
        "confirmed": confirmed,
    });
    match (doubt, confirmed) {
        (None, _) | (Some(_), Some(true)) => Ok(End::Done(done)),
        (Some(error), Some(false)) => Err(format!("{error}; the device shows no change")),
        (Some(error), None) => Ok(End::Unknown(format!(
            "{error}; the device does not say whether it was done"
        ))),
    }
}

/// What the device says of a change, looked at until it has come about or long enough.
async fn look(power: &Power, device: &str, chosen: &Chosen<'_>, change: &Change<'_>) -> (Answers, Option<bool>) {
    let mut seen = (Answers::new(), None);
    for look in 0..LOOKS {
        if look > 0 {
            sleep(LOOK_AGAIN).await;
        }
        if let Ok(answers) = ask(power, device, chosen).await {
            let come_about = change.has_come_about(&answers);
            seen = (answers, come_about);
            if come_about != Some(false) {
                break;
            }
        }
    }
    seen
}
