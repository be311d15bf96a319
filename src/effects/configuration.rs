//! `config.apply`, `config.rollback`, `config.reload`: another configuration for the station that runs.
//!
//! The command names a version and never a text: commands are for more eyes than passwords. A reload takes what the machine's
//! own admin wrote into the file; the other two take what was sent from elsewhere, which may say who is admin.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gate::token::Token;
use gate::workflow::{End, Order};
use gate::{Effect, Plan, PlanError, Verb};
use model::{Command, Role, Undo};
use serde_json::{Map, Value};

use crate::live::request::{APPLY, RELOAD, ROLLBACK, VERSION, what};
use crate::live::{CONFIG, Live, LiveError};

const VERBS: [Verb; 3] = [
    verb(APPLY, Role::Admin),
    verb(ROLLBACK, Role::Admin),
    verb(RELOAD, Role::Operator),
];

const fn verb(name: &'static str, role: Role) -> Verb {
    Verb {
        name,
        role,
        repairs: false,
    }
}

/// The configuration, as far as commands reach it.
pub(super) struct Configuration(Live);

impl Configuration {
    pub(super) fn new(live: &Live) -> Configuration {
        Configuration(live.clone())
    }

    async fn planned(&self, order: &Order) -> Result<Plan, PlanError> {
        if order.target != CONFIG {
            return Err(PlanError::NoTarget(format!(
                "{:?}; the target is {CONFIG:?}",
                order.target
            )));
        }
        let what = what(&order.verb, &order.arguments).map_err(PlanError::Invalid)?;
        let difference = self.0.plan(what).await.map_err(refused)?;
        let current = self.0.running().book.current;
        let undo = Undo {
            verb: ROLLBACK.to_owned(),
            arguments: Map::from_iter([(VERSION.to_owned(), Value::from(current))]),
        };
        Ok(Plan {
            would: difference.words(),
            undo: (current > 0 && !difference.changes.is_empty()).then_some(undo),
        })
    }
}

fn refused(error: LiveError) -> PlanError {
    match error {
        LiveError::Problems(_) | LiveError::TooLarge(_) => PlanError::Invalid(error.to_string()),
        LiveError::NoFile(_) | LiveError::OnTrial(_) | LiveError::Edited(_) | LiveError::NotWritten(_) => {
            PlanError::Conflict(error.to_string())
        }
        LiveError::NoVersion(version) => PlanError::NoTarget(format!("version {version} of the configuration")),
        LiveError::Unavailable(_) => PlanError::Unavailable(error.to_string()),
    }
}

impl Effect for Configuration {
    fn verbs(&self) -> &'static [Verb] {
        &VERBS
    }

    fn plan<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Plan, PlanError>> {
        self.planned(order).boxed()
    }

    fn execute(&self, command: &Command, _: &Token) -> BoxFuture<'static, End> {
        let live = self.0.clone();
        let what = what(&command.verb, &command.arguments);
        let (who, why) = (command.requested_by.clone(), command.reason.clone());
        async move {
            let what = match what {
                Ok(what) => what,
                Err(error) => return End::Failed(error),
            };
            match live.make(what, &who, &why).await {
                Ok(changed) => End::Done(serde_json::to_value(changed).unwrap_or_default()),
                Err(Some(error)) => End::Failed(error.to_string()),
                Err(None) => End::Unknown("the configuration's keeper did not answer".to_owned()),
            }
        }
        .boxed()
    }
}
