//! What the tests on real actors share: gates instead of sleeps, an actor that fails on cue, a record of changes.

use std::future::Future;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use actix::prelude::*;
use kernel::{Change, Changes, ChildEnv, ChildPath, ExitRecord, HangPolicy, Heard, PingPolicy, Supervision, TreeNode};

/// Longest single poll in these tests.
pub(crate) const BUSY_LIMIT: Duration = Duration::from_millis(100);
/// Nothing here takes that long; what does has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// Runs a test body on a runtime of its own, with a deadline.
pub(crate) fn run<T>(body: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::time::timeout(DEADLINE, body).await.expect("deadline") })
}

pub(crate) fn path(text: &str) -> ChildPath {
    text.parse().unwrap()
}

pub(crate) fn node(supervision: &Supervision, at: &str) -> TreeNode {
    supervision.tree().find(&path(at)).cloned().unwrap()
}

pub(crate) fn exits(supervision: &Supervision, at: &str) -> Vec<ExitRecord> {
    node(supervision, at).exits
}

/// Waits until the tree looks as wanted. Looks again at every change, and now and then for what is no change.
pub(crate) async fn until(supervision: &Supervision, wanted: impl Fn(&TreeNode) -> bool) {
    let mut changes = supervision.changes();
    while !wanted(&supervision.tree()) {
        drop(tokio::time::timeout(Duration::from_millis(10), changes.next()).await);
    }
}

/// Closed until opened; then open for ever. Threads block on it, as a hung driver would.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn wait(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Panic,
    DoublePanic,
    Error,
    Hang,
    ThreadLoss,
    /// The factory answers an error.
    FailingStart,
    /// The factory panics.
    PanickingStart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Factory,
    Started,
    Handler,
    SpawnedFuture,
    Stopped,
}

/// What goes wrong in the first incarnation of a [`Victim`], and where.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) fault: Fault,
    pub(crate) place: Place,
    /// What a hang waits for.
    pub(crate) release: Gate,
}

/// An actor that follows its script.
pub(crate) struct Victim {
    env: ChildEnv,
    script: Option<Script>,
}

impl Victim {
    pub(crate) fn make(env: ChildEnv, script: Option<Script>) -> Result<Victim, kernel::StartError> {
        let script = script.filter(|_| env.incarnation() == 1);
        match script.as_ref().map(|script| script.fault) {
            Some(Fault::FailingStart) => return Err(kernel::StartError::Failed("no port".into())),
            Some(Fault::PanickingStart) => panic!("boom"),
            _ => {}
        }
        Ok(Victim { env, script })
    }

    fn reach(&self, place: Place, ctx: &mut Context<Victim>) {
        let Some(script) = self.script.as_ref().filter(|script| script.place == place) else {
            return;
        };
        match script.fault {
            Fault::Panic | Fault::DoublePanic => panic!("boom"),
            Fault::Error => {
                self.env.fail("broken invariant");
                ctx.stop();
            }
            Fault::Hang => script.release.wait(),
            Fault::ThreadLoss => drop(Arbiter::current().stop()),
            Fault::FailingStart | Fault::PanickingStart => {}
        }
    }

    fn is_to_panic_twice(&self) -> bool {
        self.script
            .as_ref()
            .is_some_and(|script| script.fault == Fault::DoublePanic)
    }
}

impl Actor for Victim {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.reach(Place::Started, ctx);
    }

    fn stopped(&mut self, ctx: &mut Self::Context) {
        assert!(!self.is_to_panic_twice(), "boom");
        self.reach(Place::Stopped, ctx);
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        assert!(!self.is_to_panic_twice(), "and again");
    }
}

/// Makes a [`Victim`] fail in its handler or in a future that it spawns.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Trip;

impl Handler<Trip> for Victim {
    type Result = ();

    fn handle(&mut self, Trip: Trip, ctx: &mut Self::Context) {
        self.reach(Place::Handler, ctx);
        let later = async {}.into_actor(self);
        ctx.spawn(later.map(|(), victim, ctx| victim.reach(Place::SpawnedFuture, ctx)));
    }
}

kernel::answers_ping!(Victim);

pub(crate) fn quick_hang() -> HangPolicy {
    HangPolicy {
        busy: BUSY_LIMIT,
        ping: None,
    }
}

pub(crate) fn quick_ping() -> HangPolicy {
    HangPolicy {
        busy: DEADLINE,
        ping: Some(PingPolicy {
            every: Duration::from_millis(20),
            within: Duration::from_millis(300),
        }),
    }
}

/// What happened to some children, in words: `b1 exited`.
pub(crate) struct Record {
    changes: Changes,
    lines: Vec<String>,
}

impl Record {
    pub(crate) fn of(supervision: &Supervision) -> Record {
        Record {
            changes: supervision.changes(),
            lines: Vec::new(),
        }
    }

    /// Reads on until `line` has happened.
    pub(crate) async fn until(&mut self, line: &str) {
        while !self.lines.iter().any(|seen| seen == line) {
            let Heard::Change(change) = self.changes.next().await else {
                panic!("changes were missed");
            };
            let Some(id) = change.path.segments().last() else {
                continue;
            };
            let what = match change.change {
                Change::Starting => "starting",
                Change::Up { .. } => "up",
                Change::Stopping => "stopping",
                Change::Killing => "killing",
                Change::Exited { .. } => "exited",
                Change::Over { .. } => "over",
            };
            self.lines.push(format!("{id}{} {what}", change.incarnation));
        }
    }

    /// The lines about these children.
    pub(crate) fn about(&self, ids: &[&str]) -> Vec<&str> {
        let id = |line: &str| {
            line.trim_end_matches(char::is_alphabetic)
                .trim_end()
                .trim_end_matches(char::is_numeric)
                .to_owned()
        };
        self.lines
            .iter()
            .map(String::as_str)
            .filter(|line| ids.contains(&id(line).as_str()))
            .collect()
    }
}
