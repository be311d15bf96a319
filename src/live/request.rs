//! How a change of the configuration is asked for: a command at the gate, whoever asks.

use gate::workflow::Order;
use gate::{Gate, GateError, PlanError, Submitted};
use model::Identity;
use serde_json::{Map, Value};

use super::{CONFIG, Live, LiveError, What};

/// The verbs at the gate.
pub(crate) const APPLY: &str = "config.apply";
pub(crate) const ROLLBACK: &str = "config.rollback";
pub(crate) const RELOAD: &str = "config.reload";

/// The argument that names a version.
pub(crate) const VERSION: &str = "version";

/// The command for a change.
pub(crate) fn order(what: What, reason: &str) -> Order {
    let (verb, version) = match what {
        What::Apply(version) => (APPLY, Some(version)),
        What::Rollback(version) => (ROLLBACK, Some(version)),
        What::Reload => (RELOAD, None),
    };
    let arguments = version.map(|version| (VERSION.to_owned(), Value::from(version)));
    Order {
        target: CONFIG.to_owned(),
        verb: verb.to_owned(),
        arguments: arguments.into_iter().collect::<Map<_, _>>(),
        reason: reason.to_owned(),
        ..Order::default()
    }
}

/// What a command asks for.
pub(crate) fn what(verb: &str, arguments: &Map<String, Value>) -> Result<What, String> {
    let version = arguments.get(VERSION).and_then(Value::as_u64);
    match (verb, version, arguments.len()) {
        (RELOAD, None, 0) => Ok(What::Reload),
        (RELOAD, ..) => Err(format!("{RELOAD} takes no arguments")),
        (APPLY, Some(version), 1) => Ok(What::Apply(version)),
        (ROLLBACK, Some(version), 1) => Ok(What::Rollback(version)),
        _ => Err(format!("{verb} takes the argument {VERSION}, a number, and no other")),
    }
}

/// Hands a change in; the journal is told of one that makes no sense.
pub(crate) async fn submit(live: &Live, gate: &Gate, order: Order, by: &Identity) -> Result<Submitted, GateError> {
    let reason = order.reason.clone();
    let what = what(&order.verb, &order.arguments);
    let submitted = gate.submit(order, by).await;
    if let (Err(GateError::Plan(PlanError::Invalid(_))), Ok(what)) = (&submitted, what)
        && let Err(refused @ LiveError::Problems(_)) = live.plan(what).await
    {
        live.refuse(&by.name, &reason, &refused).await;
    }
    submitted
}
