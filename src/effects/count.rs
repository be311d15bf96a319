//! `chaos.count`: writes a line into a file, so that a test sees from outside how often a command was run.
//!
//! Only with the feature `chaos`, which no release has.

use std::fs::OpenOptions;
use std::io::Write as _;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gate::token::Token;
use gate::workflow::{End, Order};
use gate::{Effect, Plan, PlanError, Verb};
use model::{Command, Role};
use serde_json::{Value, json};

const VERBS: [Verb; 1] = [Verb {
    name: "chaos.count",
    role: Role::Operator,
    repairs: false,
}];

/// Counts itself.
pub(super) struct Count;

impl Effect for Count {
    fn verbs(&self) -> &'static [Verb] {
        &VERBS
    }

    fn plan<'a>(&'a self, _: &'a Order) -> BoxFuture<'a, Result<Plan, PlanError>> {
        async {
            Ok(Plan {
                would: "write a line".to_owned(),
                undo: None,
            })
        }
        .boxed()
    }

    fn execute(&self, command: &Command, _: &Token) -> BoxFuture<'static, End> {
        let (id, arguments) = (command.id, command.arguments.clone());
        async move {
            let argument = |name: &str| {
                arguments
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            if argument("die") == "before" {
                std::process::abort();
            }
            let file = OpenOptions::new().create(true).append(true).open(argument("file"));
            let written = file.and_then(|mut file| file.write_all(format!("{id}\n").as_bytes()));
            if argument("die") == "after" {
                std::process::abort();
            }
            match written {
                Ok(()) => End::Done(json!({})),
                Err(error) => End::Failed(error.to_string()),
            }
        }
        .boxed()
    }
}
