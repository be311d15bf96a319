//! The writer's actor: gathers the appends that wait, commits them as a group, answers, announces.
//!
//! Owns: the store, for one incarnation. It has a thread of its own and commits inline: an fsync may take seconds on a
//! worn card, and nothing else lives on this thread. It says so to the watchdog: a commit that waits for the disk is no
//! hang, an actor that stands still elsewhere is one. Meanwhile appends gather in the mailbox and make the next group
//! larger, so that throughput rises as the disk slows.
//!
//! Fails when: the store cannot be opened (start error), or on a bug (panic). A full, read-only or failing disk is a
//! state, not a failure: every append is answered with it, the status says it, and the next append tries again. While
//! nobody appends, the writer tries by itself; between commits, it takes the steps of retention.
//!
//! ```text
//! mailbox drained, or group full ─▶ BEGIN ─ appends, each in a savepoint ─ COMMIT ─▶ answers, live ring
//!                                                          └─ storage error ─▶ ROLLBACK ─▶ all answered Storage
//! ```

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use actix::prelude::*;
use kernel::{ChildEnv, ChildSpec, Placement, StartError};
use model::Timestamp;
use tokio::sync::oneshot;

use crate::shared::Shared;
use crate::store::{self, Lease, Projections, Store, Stored, Trim};
use crate::{Append, AppendError, Appended, JournalConfig, JournalError};

/// Appends that wait for the writer; further producers wait at the handle.
pub(crate) const MAILBOX: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// Bytes at which a group is committed without waiting for the rest of the mailbox.
const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long the file may keep the writer waiting before it counts as hung: a card that is collecting garbage stalls for
/// tens of seconds and then goes on; a successor could not write any sooner. Anywhere else the writer is judged as all
/// actors are.
const DISK_LIMIT: Duration = Duration::from_secs(120);

/// How long a new writer waits for the one before it, which was given up as hung: one that wakes is gone in milliseconds,
/// one that the disk holds is not worth waiting for.
const LEASE_LIMIT: Duration = Duration::from_secs(2);
/// How often it looks.
const LEASE_LOOK: Duration = Duration::from_millis(5);

/// How often the writer looks after the file: retention, and whether a failing storage works again.
const TEND_EVERY: Duration = Duration::from_secs(1);
/// Pause between two steps of retention, for appends. Short enough that some 70,000 events leave in a second: more than
/// a single producer brings.
const TRIM_PAUSE: Duration = Duration::from_millis(5);
/// How often at most retention is told by an event.
const TELL_EVERY: Duration = Duration::from_secs(60 * 60);
/// What a probe of a failing storage writes at least and at most, in bytes: about what it last refused.
const PROBE_BYTES: (usize, usize) = (4096, 1024 * 1024);

/// Store this append and answer after COMMIT.
#[derive(Debug, Message)]
#[rtype(result = "Result<Appended, AppendError>")]
pub(crate) struct StoreAppend(pub(crate) Append);

type Answer = oneshot::Sender<Result<Appended, AppendError>>;

/// The journal's only writer. See [`crate::Journal::open`].
pub struct JournalActor {
    env: ChildEnv,
    shared: Arc<Shared>,
    store: Store,
    group: Vec<Append>,
    answers: Vec<Answer>,
    bytes: usize,
    /// What to try while the storage fails.
    probe: Option<u32>,
    trimming: bool,
    told: Option<Instant>,
}

impl JournalActor {
    /// The child that the supervisor runs: an incarnation opens the file anew.
    pub(crate) fn child(config: JournalConfig, shared: Arc<Shared>, home: Projections) -> ChildSpec<JournalActor> {
        let make = move |env: ChildEnv| {
            let opened = env.may_take(DISK_LIMIT, || {
                JournalActor::open(&config, Arc::clone(&shared), &home, env.clone())
            });
            opened.map_err(|error| StartError::Failed(error.to_string()))
        };
        ChildSpec::new("journal", make)
            .placement(Placement::Dedicated)
            .mailbox(MAILBOX)
            .start_within(DISK_LIMIT)
    }

    fn open(
        config: &JournalConfig,
        shared: Arc<Shared>,
        home: &Projections,
        env: ChildEnv,
    ) -> Result<JournalActor, JournalError> {
        let store = Store::open(config, lease(home)?)?;
        let actor = JournalActor {
            env,
            shared,
            store,
            group: Vec::new(),
            answers: Vec::new(),
            bytes: 0,
            probe: None,
            trimming: false,
            told: None,
        };
        actor.shared.raise_floor(actor.store.floor()?);
        actor.announce_unheard()?;
        Ok(actor)
    }

    /// Announces what the incarnation before this one committed and died before it could tell.
    fn announce_unheard(&self) -> Result<(), JournalError> {
        let head = self.store.head()?;
        while self.shared.head() < head {
            let next = self.shared.head().next();
            let page = self.store.page(next)?;
            if page.events.is_empty() {
                return Err(JournalError::Damaged(format!("event {next} is missing")));
            }
            self.shared.announce(page.events);
        }
        Ok(())
    }

    fn commit(&mut self) {
        if self.group.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let group = std::mem::take(&mut self.group);
        let answers = std::mem::take(&mut self.answers);
        match self.env.may_take(DISK_LIMIT, || self.store.commit(group)) {
            Ok(outcomes) => {
                self.recover();
                for (answer, outcome) in answers.into_iter().zip(outcomes) {
                    reply(answer, outcome.map(|stored| self.announce(stored)));
                }
            }
            Err(error) => {
                let reason = error.to_string();
                self.fail(&error, bytes);
                for answer in answers {
                    reply(answer, Err(AppendError::Storage(reason.clone())));
                }
            }
        }
    }

    /// Notes that the storage works.
    fn recover(&mut self) {
        self.probe = None;
        self.shared.note_commit();
    }

    /// Notes that the storage fails. A damaged file does not heal: no probe of it means anything, the next start checks it.
    fn fail(&mut self, error: &rusqlite::Error, bytes: usize) {
        let (min, max) = PROBE_BYTES;
        let probe = u32::try_from(bytes.clamp(min, max)).ok();
        self.probe = probe.filter(|_| !store::is_damage(error));
        if self.probe.is_none() {
            self.store.suspect();
        }
        self.shared.note_failure(&error.to_string());
    }

    /// Looks after the file while nobody appends.
    fn tend(&mut self, ctx: &mut Context<Self>) {
        if let Some(bytes) = self.probe {
            match self.env.may_take(DISK_LIMIT, || self.store.probe(bytes)) {
                Ok(()) => self.recover(),
                Err(error) => self.shared.note_failure(&error.to_string()),
            }
        } else if !self.trimming {
            self.trim(ctx);
        }
    }

    fn trim(&mut self, ctx: &mut Context<Self>) {
        let (store, now) = (&mut self.store, Timestamp::now());
        let trimmed = self.env.may_take(DISK_LIMIT, || store.trim(now, Instant::now()));
        self.trimming = matches!(trimmed, Ok(Some(Trim { more: true, .. })));
        match trimmed {
            Ok(None) => {}
            Ok(Some(trim)) => {
                self.shared.raise_floor(trim.floor);
                if trim.more {
                    ctx.run_later(TRIM_PAUSE, JournalActor::trim);
                } else {
                    self.tell_trimmed();
                }
            }
            Err(error) => self.fail(&error, 0),
        }
    }

    fn tell_trimmed(&mut self) {
        if self.told.is_some_and(|told| told.elapsed() < TELL_EVERY) {
            return;
        }
        match self.env.may_take(DISK_LIMIT, || self.store.tell_trimmed()) {
            Ok(None) => {}
            Ok(Some(stored)) => {
                self.told = Some(Instant::now());
                self.announce(stored);
            }
            Err(error) => self.fail(&error, 0),
        }
    }

    fn announce(&self, stored: Stored) -> Appended {
        self.shared.announce(stored.events);
        stored.appended
    }
}

impl Actor for JournalActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(TEND_EVERY, JournalActor::tend);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        if let Err(error) = self.env.may_take(DISK_LIMIT, || self.store.settle()) {
            tracing::warn!(%error, "the write-ahead log stays");
        }
    }
}

kernel::answers_ping!(JournalActor);

impl Handler<StoreAppend> for JournalActor {
    type Result = ResponseFuture<Result<Appended, AppendError>>;

    fn handle(&mut self, StoreAppend(append): StoreAppend, ctx: &mut Context<Self>) -> Self::Result {
        let (answer, outcome) = oneshot::channel();
        if self.group.is_empty() {
            // The context polls its futures once the mailbox is drained: this commits all that waited.
            ctx.spawn(fut::ready(()).map(|(), actor: &mut Self, _| actor.commit()));
        }
        self.bytes = self.bytes.saturating_add(append.bytes());
        self.group.push(append);
        self.answers.push(answer);
        if self.bytes >= GROUP_BYTES_MAX {
            self.commit();
        }
        Box::pin(async move { outcome.await.unwrap_or(Err(AppendError::Unavailable)) })
    }
}

/// The right to write, once the incarnation before this one has let go of it.
fn lease(home: &Projections) -> Result<Lease, JournalError> {
    let deadline = Instant::now() + LEASE_LIMIT;
    loop {
        match Lease::take(home) {
            Err(JournalError::WriterBusy) if Instant::now() < deadline => thread::park_timeout(LEASE_LOOK),
            taken => return taken,
        }
    }
}

/// Answers a producer; one that has gone will retry and be recognised.
fn reply(answer: Answer, outcome: Result<Appended, AppendError>) {
    if answer.send(outcome).is_err() {
        tracing::debug!("append answered to nobody");
    }
}

#[cfg(test)]
mod tests {
    use kernel::{SupervisorSpec, launch};
    use model::{NewEvent, Seq, Source};
    use serde_json::value::to_raw_value;

    use super::*;
    use crate::{CheckpointUpdate, Delivery, EventFilter, Journal};

    const SOON: Duration = Duration::from_secs(20);

    /// Die: before the waiting group is committed, or between COMMIT and the answers.
    #[derive(Message)]
    #[rtype(result = "()")]
    enum Die {
        WithGroupWaiting,
        AfterCommit(Append),
    }

    impl Handler<Die> for JournalActor {
        type Result = ();

        fn handle(&mut self, die: Die, _: &mut Context<Self>) {
            match die {
                Die::WithGroupWaiting => panic!("with {} waiting", self.group.len()),
                Die::AfterCommit(append) => {
                    let stored = self.store.commit(vec![append]).unwrap();
                    panic!("after {} commits", stored.len());
                }
            }
        }
    }

    fn append(expect: u64) -> Append {
        let event = NewEvent {
            at: Timestamp::from_unix_ms(0),
            source: Source::new("test"),
            event_type: "noted".into(),
            data: Arc::from(to_raw_value(&expect).unwrap()),
        };
        Append {
            producer: "p".into(),
            events: vec![event],
            checkpoint: Some(CheckpointUpdate {
                expect,
                writer: 1,
                data: "{}".into(),
            }),
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn panicking_writer_is_restarted_under_valid_handles_and_announces_what_it_committed() {
        let dir = tempfile::tempdir().unwrap();
        let config = JournalConfig {
            path: dir.path().join("journal.db"),
            ..JournalConfig::default()
        };
        let (journal, child) = Journal::open(&config, vec![]).unwrap();
        let writer = child.child_ref();
        let supervision = launch(SupervisorSpec::new("root").child(child)).unwrap();
        supervision.booted().await.unwrap();
        let mut subscription = journal.subscribe(None, EventFilter::all());
        journal.append(append(0), SOON).await.unwrap();

        assert!(writer.ask(Die::AfterCommit(append(1)), SOON).await.is_err());
        writer.wait_up(2).await;
        assert_eq!(journal.head(), Seq(2));
        let retried = journal.append(append(1), SOON).await.unwrap();
        assert_eq!((retried.first, retried.last, retried.version), (Seq(2), Seq(2), 2));

        assert!(writer.ask(Die::WithGroupWaiting, SOON).await.is_err());
        writer.wait_up(3).await;
        assert_eq!(journal.append(append(2), SOON).await.unwrap().last, Seq(3));
        for seq in 1..=3 {
            let delivery = tokio::time::timeout(SOON, subscription.next()).await.unwrap();
            assert!(
                matches!(delivery, Delivery::Event(event) if event.seq == Seq(seq)),
                "{seq}"
            );
        }
    }
}
