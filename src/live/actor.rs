//! [`ConfigActor`]: the only one who changes the configuration.
//!
//! Owns: the keeper, who makes the changes. Talks to: the gate, `access` and the log, which take their sections at once, and the
//! supervisor, which restarts those who take theirs at a start.
//! Fails when: never by itself. Started anew, it goes on with what is in force, a trial included.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture};
use journal::Journal;
use kernel::{ChildPath, ChildSpec, ExitReason, OperatorError, Supervision};
use tokio::sync::{Mutex, SetOnce};

use super::change::{Changed, What};
use super::keeper::Keeper;
use super::{CONFIG, LiveError, State};
use crate::station::Shared;

/// Pause before the journal or the file is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Keeps a text; answers with its number.
#[derive(Debug, Message)]
#[rtype(result = "Result<u64, LiveError>")]
pub(super) struct Stage {
    pub(super) text: String,
    pub(super) who: String,
}

/// Makes a change; answers when it is stored and in force.
#[derive(Debug, Message)]
#[rtype(result = "Result<Changed, LiveError>")]
pub(super) struct Make {
    pub(super) what: What,
    pub(super) who: String,
    pub(super) why: String,
}

/// Tells that nothing was changed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Refuse {
    pub(super) who: String,
    pub(super) why: String,
    pub(super) reason: LiveError,
}

/// The child `config`.
pub(super) fn child(state: &Arc<State>, journal: &Journal, station: &Arc<SetOnce<Shared>>) -> ChildSpec<ConfigActor> {
    let (state, journal, station) = (Arc::clone(state), journal.clone(), Arc::clone(station));
    ChildSpec::new(CONFIG, move |_| {
        Ok(ConfigActor {
            keeper: Arc::new(Mutex::new(Keeper::new(&state, &journal, &station))),
            state: Arc::clone(&state),
            station: Arc::clone(&station),
        })
    })
}

/// Changes the configuration.
pub(crate) struct ConfigActor {
    keeper: Arc<Mutex<Keeper>>,
    state: Arc<State>,
    station: Arc<SetOnce<Shared>>,
}

impl Actor for ConfigActor {
    type Context = Context<ConfigActor>;

    fn started(&mut self, ctx: &mut Context<ConfigActor>) {
        let (keeper, state) = (Arc::clone(&self.keeper), Arc::clone(&self.state));
        let station = Arc::clone(&self.station);
        ctx.spawn(async move { attend(&keeper, &state, station.wait().await).await }.into_actor(self));
    }
}

kernel::answers_ping!(ConfigActor);

impl Handler<Stage> for ConfigActor {
    type Result = ResponseFuture<Result<u64, LiveError>>;

    fn handle(&mut self, Stage { text, who }: Stage, _: &mut Context<ConfigActor>) -> Self::Result {
        let keeper = Arc::clone(&self.keeper);
        Box::pin(async move { keeper.lock().await.stage(text, &who).await })
    }
}

impl Handler<Make> for ConfigActor {
    type Result = ResponseFuture<Result<Changed, LiveError>>;

    fn handle(&mut self, make: Make, _: &mut Context<ConfigActor>) -> Self::Result {
        let keeper = Arc::clone(&self.keeper);
        Box::pin(async move { keeper.lock().await.make(make).await })
    }
}

impl Handler<Refuse> for ConfigActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, refuse: Refuse, _: &mut Context<ConfigActor>) -> Self::Result {
        let keeper = Arc::clone(&self.keeper);
        Box::pin(async move { keeper.lock().await.refuse(refuse).await })
    }
}

/// Restarts who has to take something, and judges what is on trial, on and on.
async fn attend(keeper: &Mutex<Keeper>, state: &State, station: &Shared) {
    let supervision = station.supervision.wait().await;
    while let Err(error) = keeper.lock().await.ready().await {
        tracing::warn!(%error, "versions of the configuration not read");
        tokio::time::sleep(RETRY_AFTER).await;
    }
    loop {
        while let Some(path) = state.next_restart() {
            restart(supervision, &path).await;
        }
        let Some(trial) = state.running().book.trial.clone() else {
            state.news.notified().await;
            continue;
        };
        let limit = Duration::from_secs(trial.seconds.into());
        if tokio::time::timeout(limit, state.news.notified()).await.is_ok() {
            continue;
        }
        let health = station.health.look(supervision, &station.journal, &station.gate);
        let concluded = keeper.lock().await.conclude(&trial, &health).await;
        if let Err(error) = concluded {
            tracing::error!(%error, version = trial.version, "the trial of a configuration is not concluded");
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}

/// What is held stays held: it takes its section when somebody starts it.
async fn restart(supervision: &Supervision, path: &str) {
    let Ok(path) = path.parse::<ChildPath>() else {
        return;
    };
    if supervision.tree().find(&path).is_none_or(|node| node.state == "held") {
        return;
    }
    tracing::info!(child = %path, "restarted for its section of the configuration");
    match supervision.restart(&path).await {
        Ok(_) | Err(OperatorError::Failed(ExitReason::Disabled(_))) => {}
        Err(error) => tracing::error!(child = %path, %error, "not restarted with another configuration"),
    }
}
