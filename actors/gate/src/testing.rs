//! What the tests of the pure rooms share.

use model::{Command, CommandId, Identity, Role, Tier, Timestamp};
use serde_json::Value;

use crate::policy::Ruling;
use crate::workflow::{Order, request};

/// A moment.
pub(crate) const AT: Timestamp = Timestamp::from_unix_ms(1_790_000_000_000);

/// A command of this tier, as it begins.
pub(crate) fn command_of(tier: Tier, people: u8, by: &Identity, arguments: Value) -> Command {
    let order = Order {
        target: "power/one".to_owned(),
        verb: "inverter.set".to_owned(),
        arguments: serde_json::from_value(arguments).unwrap(),
        reason: "test".to_owned(),
        ..Order::default()
    };
    let ruling = Ruling {
        tier,
        role: None,
        people,
    };
    request(CommandId(1), order, by, (Role::Operator, ruling), AT)
}

/// A command that runs at once.
pub(crate) fn command(by: &Identity, arguments: Value) -> Command {
    command_of(Tier::Free, 0, by, arguments)
}
