//! `key.revoke`: takes a program's key away.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gate::token::Token;
use gate::workflow::{End, Order};
use gate::{Effect, Plan, PlanError, Verb};
use model::{Command, Role};
use serde_json::{Map, Value, json};

use crate::access::{ACCESS, Access, AccessError, Change};

const REVOKE: &str = "key.revoke";
/// The argument that names a key.
const ID: &str = "id";

const VERBS: [Verb; 1] = [Verb {
    name: REVOKE,
    role: Role::Admin,
    repairs: false,
}];

/// The command that revokes a key.
pub(crate) fn revocation(id: &str, origin: Option<String>) -> Order {
    Order {
        target: ACCESS.to_owned(),
        verb: REVOKE.to_owned(),
        arguments: Map::from_iter([(ID.to_owned(), Value::from(id))]),
        origin,
        ..Order::default()
    }
}

/// The keys, as far as commands reach them.
pub(super) struct Keys(Access);

impl Keys {
    pub(super) fn new(access: &Access) -> Keys {
        Keys(access.clone())
    }

    fn checked(&self, order: &Order) -> Result<Plan, PlanError> {
        if order.target != ACCESS {
            return Err(PlanError::NoTarget(format!(
                "{:?}; the target is {ACCESS:?}",
                order.target
            )));
        }
        let takes = || PlanError::Invalid(format!("{REVOKE} takes the argument {ID}, a key's, and no other"));
        let id = id(&order.arguments).ok_or_else(takes)?;
        let none = || PlanError::NoTarget(format!("key {id:?}"));
        let name = self
            .0
            .book()
            .keys
            .get(id)
            .map(|key| key.name.clone())
            .ok_or_else(none)?;
        Ok(Plan {
            would: format!("revoke the key {name}; what it opened ends"),
            undo: None,
        })
    }
}

fn id(arguments: &Map<String, Value>) -> Option<&str> {
    let id = arguments.get(ID).and_then(Value::as_str);
    id.filter(|_| arguments.len() == 1)
}

impl Effect for Keys {
    fn verbs(&self) -> &'static [Verb] {
        &VERBS
    }

    fn plan<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Plan, PlanError>> {
        let plan = self.checked(order);
        async move { plan }.boxed()
    }

    fn execute(&self, command: &Command, _: &Token) -> BoxFuture<'static, End> {
        let access = self.0.clone();
        let (id, by) = (id(&command.arguments).map(str::to_owned), command.requested_by.clone());
        async move {
            let Some(id) = id else {
                return End::Failed("no key is named".to_owned());
            };
            match access.change(Change::RevokeKey { id: id.clone() }, &by).await {
                Ok(()) => End::Done(json!({ "revoked": id })),
                // It may be stored after all.
                Err(error @ AccessError::Unavailable(_)) => End::Unknown(error.to_string()),
                Err(error) => End::Failed(error.to_string()),
            }
        }
        .boxed()
    }
}
