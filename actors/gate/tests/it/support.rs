//! A house with one lamp behind a gate.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use journal::{EventQuery, Journal, JournalConfig, Synchronous};
use kernel::{ChildPath, Supervision, SupervisorSpec};
use model::{Command, CommandId, CommandState, Identity, Role, Tier, Undo};
use serde_json::{Map, Value, json};
use stationd_gate::query::{self, Which};
use stationd_gate::token::Token;
use stationd_gate::workflow::{End, Order};
use stationd_gate::{Effect, Effects, Gate, GateConfig, Plan, PlanError, RuleConfig, Seal, Verb};
use tempfile::TempDir;
use tokio::sync::Semaphore;

/// How long anything may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// The secret of the house.
pub(crate) fn seal() -> Seal {
    Seal::new(&[9; 32])
}

/// What there is outside of any gate; it outlives them all.
#[derive(Clone, Default)]
pub(crate) struct Lamp {
    pub(crate) is_on: Arc<AtomicBool>,
    pub(crate) switched: Arc<AtomicUsize>,
    /// Switching waits while this is set, until it gets a permit.
    stuck: Option<Arc<Semaphore>>,
}

impl Lamp {
    /// One that takes its time.
    pub(crate) fn stuck() -> (Lamp, Arc<Semaphore>) {
        let key = Arc::new(Semaphore::new(0));
        let lamp = Lamp {
            stuck: Some(Arc::clone(&key)),
            ..Lamp::default()
        };
        (lamp, key)
    }
}

const VERBS: [Verb; 2] = [
    Verb {
        name: "lamp.set",
        role: Role::Operator,
        repairs: false,
    },
    Verb {
        name: "lamp.fix",
        role: Role::Operator,
        repairs: true,
    },
];

impl Effect for Lamp {
    fn verbs(&self) -> &'static [Verb] {
        &VERBS
    }

    fn plan<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<Plan, PlanError>> {
        let before = self.is_on.load(Ordering::SeqCst);
        let undo = |arguments| Undo {
            verb: order.verb.clone(),
            arguments,
        };
        async move {
            if order.target != "lamp" {
                return Err(PlanError::NoTarget(order.target.clone()));
            }
            Ok(Plan {
                would: "switch the lamp".to_owned(),
                undo: Some(undo(arguments(&json!({ "on": before })))),
            })
        }
        .boxed()
    }

    fn execute(&self, command: &Command, _: &Token) -> BoxFuture<'static, End> {
        let (lamp, on) = (self.clone(), command.arguments.get("on") == Some(&Value::Bool(true)));
        async move {
            if let Some(stuck) = &lamp.stuck {
                stuck.acquire().await.unwrap().forget();
            }
            lamp.is_on.store(on, Ordering::SeqCst);
            lamp.switched.fetch_add(1, Ordering::SeqCst);
            End::Done(json!({ "on": on }))
        }
        .boxed()
    }
}

pub(crate) fn arguments(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Where a house keeps its journal.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Place {
        Place(TempDir::new().unwrap())
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("journal.db")
    }
}

/// A running house.
pub(crate) struct House {
    pub(crate) gate: Gate,
    pub(crate) journal: Journal,
    pub(crate) supervision: Supervision,
}

impl House {
    /// Switching the lamp is of this tier.
    pub(crate) async fn open(place: &Place, lamp: &Lamp, tier: Tier) -> House {
        let config = JournalConfig {
            path: place.file(),
            synchronous: Synchronous::Normal,
            ..JournalConfig::default()
        };
        let rule = |verb: &str, tier| RuleConfig {
            verb: verb.to_owned(),
            target: None,
            arguments: None,
            tier,
            role: None,
            people: None,
        };
        let gate_config = GateConfig {
            rules: vec![rule("lamp.set", tier), rule("lamp.fix", Tier::Free)],
            ..GateConfig::default()
        };
        let (journal, writer) = Journal::open(&config, stationd_gate::projections(&seal())).unwrap();
        let effects = Effects::default().with(lamp.clone()).unwrap();
        let (gate, child) = Gate::new(&gate_config, &journal, &seal(), effects).unwrap();
        let root = SupervisorSpec::new("root").child(writer).child(child);
        let supervision = kernel::launch(root).unwrap();
        supervision.booted().await.unwrap();
        House {
            gate,
            journal,
            supervision,
        }
    }

    pub(crate) async fn close(self) {
        self.supervision.shutdown(LIMIT).await;
    }

    /// Asks for the lamp, and waits for the end if it runs at once.
    pub(crate) async fn switch(&self, who: &Identity, on: bool) -> Command {
        self.gate
            .ended(self.gate.submit(set(on), who).await.unwrap(), LIMIT)
            .await
    }

    /// What the journal has.
    pub(crate) fn command(&self, id: CommandId) -> Command {
        let found = self.journal.read(|connection| query::command(connection, id)).unwrap();
        found.unwrap()
    }

    pub(crate) fn open_commands(&self) -> Vec<Command> {
        let read = |connection: &_| query::commands(connection, Which::Open, None, 100);
        self.journal.read(read).unwrap()
    }

    /// Waits until the journal has the command in this state.
    pub(crate) async fn until(&self, id: CommandId, state: CommandState) -> Command {
        let deadline = Instant::now() + LIMIT;
        loop {
            let read = |connection: &_| query::command(connection, id);
            let found = self.journal.read(read).unwrap();
            if let Some(command) = found.as_ref().filter(|command| command.state == state) {
                return command.clone();
            }
            assert!(Instant::now() < deadline, "{state:?} wanted, there is {found:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The types of the gate's events, oldest first.
    pub(crate) fn steps(&self) -> Vec<String> {
        let events = self.journal.events(&EventQuery::default()).unwrap();
        let ours = events.iter().filter(|event| event.source.as_str() == "gate");
        ours.map(|event| event.event_type.to_string()).collect()
    }

    pub(crate) fn path(name: &str) -> ChildPath {
        name.parse().unwrap()
    }
}

pub(crate) fn set(on: bool) -> Order {
    Order {
        target: "lamp".to_owned(),
        verb: "lamp.set".to_owned(),
        arguments: arguments(&json!({ "on": on })),
        reason: "it is dark".to_owned(),
        ..Order::default()
    }
}

pub(crate) fn fix() -> Order {
    Order {
        verb: "lamp.fix".to_owned(),
        ..set(true)
    }
}

pub(crate) fn ann() -> Identity {
    Identity::new("ann", Role::Operator)
}

pub(crate) fn bob() -> Identity {
    Identity::new("bob", Role::Operator)
}

pub(crate) fn root() -> Identity {
    Identity::new("root", Role::Admin)
}
