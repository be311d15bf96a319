//! `access`: the only writer of people, keys and sessions.
//!
//! Owns: its checkpoint in the journal, which holds the book whole; the facts beside it, in the same transaction, hold no
//! secret. Everybody else reads the [`Board`]. A change is on the board after COMMIT, and not before.
//! Fails when: never by itself. A journal that does not answer is told to whoever asked; what was stored then is read anew.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture, Running, WrapFuture,
};
use journal::{Append, AppendError, CheckpointUpdate, Journal};
use kernel::ChildSpec;
use model::{NewEvent, Source, Timestamp};
use tokio::sync::{Mutex, Semaphore};

use super::book::{Book, Change};
use super::{AccessError, Board, newest_use};

/// The producer's name in the journal, and the source of its events.
pub(crate) const ACCESS: &str = "access";

/// How long one append may take.
const APPEND_LIMIT: Duration = Duration::from_secs(4);

/// How often what was used when is written down, and what has expired dropped.
const TIDY_UP_EVERY: Duration = Duration::from_secs(60);

/// Changes that may wait for the one before.
const WAITING: usize = 64;

/// Asks for a change; answers when it is stored and in force.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), AccessError>")]
pub(crate) struct Make {
    pub(crate) change: Change,
    /// Who asked.
    pub(crate) by: String,
}

/// The child `access`.
pub(crate) fn child(journal: &Journal, board: &Arc<Board>) -> ChildSpec<AccessActor> {
    let (journal, board) = (journal.clone(), Arc::clone(board));
    ChildSpec::new(ACCESS, move |_| {
        let keeper = Keeper {
            journal: journal.clone(),
            board: Arc::clone(&board),
            pen: None,
        };
        Ok(AccessActor {
            keeper: Arc::new(Mutex::new(keeper)),
            places: Arc::new(Semaphore::new(WAITING)),
            ending: false,
        })
    })
}

/// Writes the book.
pub(crate) struct AccessActor {
    keeper: Arc<Mutex<Keeper>>,
    places: Arc<Semaphore>,
    ending: bool,
}

impl Actor for AccessActor {
    type Context = Context<AccessActor>;

    fn started(&mut self, ctx: &mut Context<AccessActor>) {
        ctx.run_interval(TIDY_UP_EVERY, |access, ctx| {
            let tidied = tidy_up(Arc::clone(&access.keeper));
            ctx.spawn(tidied.into_actor(access));
        });
    }

    /// Asked to stop: writes down what was used when.
    fn stopping(&mut self, ctx: &mut Context<AccessActor>) -> Running {
        if self.ending {
            return Running::Stop;
        }
        self.ending = true;
        let tidied = tidy_up(Arc::clone(&self.keeper));
        ctx.spawn(tidied.into_actor(self).map(|(), _, ctx| ctx.stop()));
        Running::Continue
    }
}

kernel::answers_ping!(AccessActor);

impl Handler<Make> for AccessActor {
    type Result = ResponseFuture<Result<(), AccessError>>;

    fn handle(&mut self, Make { change, by }: Make, _: &mut Context<AccessActor>) -> Self::Result {
        let keeper = Arc::clone(&self.keeper);
        let place = Arc::clone(&self.places).try_acquire_owned();
        Box::pin(async move {
            let _place = place.map_err(|_| AccessError::Busy)?;
            keeper.lock().await.make(change, &by).await
        })
    }
}

/// Nobody waits for it: what it would have written is written the next time.
async fn tidy_up(keeper: Arc<Mutex<Keeper>>) {
    let mut keeper = keeper.lock().await;
    if !keeper.board.is_untidy(Timestamp::now()) {
        return;
    }
    let lifetime = keeper.board.lifetime();
    if let Err(error) = keeper.make(Change::TidyUp { lifetime }, ACCESS).await {
        tracing::warn!(%error, "last uses of keys and sessions not stored");
    }
}

/// The book's place in the journal.
struct Keeper {
    journal: Journal,
    board: Arc<Board>,
    /// `None`: what is stored has to be read first, because nobody knows what came of the last append.
    pen: Option<Pen>,
}

/// The right to write the next version.
struct Pen {
    version: u64,
    /// The name of this writer. Taken anew after every doubt, so that no append that is still under way is mistaken for ours.
    writer: u64,
}

impl Keeper {
    async fn make(&mut self, change: Change, by: &str) -> Result<(), AccessError> {
        let pen = match self.pen.take() {
            Some(pen) => pen,
            None => self.read().await?,
        };
        let mut book = Book::clone(&self.board.book());
        let facts = match book.apply(change, by, Timestamp::now()) {
            Ok(facts) => facts,
            Err(refusal) => {
                self.pen = Some(pen);
                return Err(refusal.into());
            }
        };
        // Before it is written down: what is used meanwhile is written the next time.
        let used = newest_use(&book);
        let source = Source::new(ACCESS);
        let events = facts.iter().map(|fact| NewEvent::new(Timestamp::now(), &source, fact));
        let append = Append {
            producer: ACCESS.to_owned(),
            events: events.collect::<Result<_, _>>()?,
            checkpoint: Some(CheckpointUpdate {
                expect: pen.version,
                writer: pen.writer,
                data: serde_json::to_string(&book)?,
            }),
        };
        let appended = self.append(append).await?;
        self.pen = Some(Pen {
            version: appended,
            ..pen
        });
        self.board.put(book);
        self.board.mark_stored(used);
        Ok(())
    }

    /// A second try of the same append is stored once.
    async fn append(&self, append: Append) -> Result<u64, AccessError> {
        let mut appended = self.journal.append(append.clone(), APPEND_LIMIT).await;
        if matches!(appended, Err(AppendError::Unavailable)) {
            appended = self.journal.append(append, APPEND_LIMIT).await;
        }
        match appended {
            Ok(appended) => Ok(appended.version),
            Err(error) => Err(AccessError::Unavailable(error.to_string())),
        }
    }

    async fn read(&self) -> Result<Pen, AccessError> {
        let journal = self.journal.clone();
        let stored = tokio::task::spawn_blocking(move || stored(&journal)).await;
        let (book, version) = stored.map_err(|error| AccessError::Unavailable(error.to_string()))??;
        book.recall_uses(&self.board.book());
        self.board.put(book);
        Ok(Pen {
            version,
            // The only randomness in the standard library; it has to differ between writers, no more.
            writer: RandomState::new().hash_one(version),
        })
    }
}

/// The book as it is in the journal, and its version. *Blocking.*
pub(super) fn stored(journal: &Journal) -> Result<(Book, u64), AccessError> {
    let checkpoint = journal
        .checkpoint(ACCESS)
        .map_err(|error| AccessError::Unavailable(error.to_string()))?;
    match checkpoint {
        None => Ok((Book::default(), 0)),
        // Whoever cannot read who may come in must let nobody in, rather than everybody.
        Some(stored) => Ok((serde_json::from_str(&stored.data)?, stored.version)),
    }
}
