//! Who may come in: people with passwords, programs with keys, browsers with sessions.
//!
//! ```text
//! sign-in, API, command line ── Make ──▶ AccessActor ── events + checkpoint ──▶ journal
//!                                            │ after COMMIT
//! every request ◀── Board: the book as it is ┘
//! ```
//!
//! [`Access`] is the handle that everybody holds. Reading asks no actor, so that a station whose `access` restarts goes on
//! knowing its people; a revoked key or session is unknown with the answer to its revocation, on open streams too.

mod actor;
mod book;
mod forgetful;
mod last_use;
mod password;
mod rules;
mod throttle;
mod token;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use journal::Journal;
use kernel::{AskError, ChildRef, ChildSpec};
use model::{Identity, Role, Timestamp};
use parking_lot::{Mutex, RwLock};
use thiserror::Error;
use tokio::sync::watch;

pub(crate) use actor::{ACCESS, AccessActor};
pub(crate) use book::{Book, Change, Lifetime, Refusal, network};
pub(crate) use forgetful::Forgetful;
pub(crate) use password::MAX_BYTES as PASSWORD_MAX_BYTES;
pub(crate) use rules::{check_key_name, check_password, check_user_name, check_user_role};

use self::actor::Make;
use self::password::Passwords;
use self::throttle::Throttle;
use self::token::{Coin, Mint};
use crate::config::{AccessConfig, LocalRole};
use crate::secret::Secret;

/// The name of this computer's own users and programs.
pub(crate) const LOCAL: &str = "local";

/// How long a change may take, with those before it.
const CHANGE_LIMIT: Duration = Duration::from_secs(15);

/// How often an open stream looks whether it has expired.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// How often refused sign-ins are told in the journal.
const TELL_REFUSED_EVERY: Duration = Duration::from_secs(60);

/// What did not work.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum AccessError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("name or password is wrong")]
    Wrong,
    /// Guesses come too fast.
    #[error("too many attempts")]
    TooFast(Duration),
    #[error("too many sign-ins at this moment")]
    Busy,
    #[error("{0}")]
    Unavailable(String),
}

impl From<serde_json::Error> for AccessError {
    fn from(error: serde_json::Error) -> AccessError {
        AccessError::Unavailable(format!("the accounts in the journal: {error}"))
    }
}

/// What somebody has shown to be let in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Credential {
    /// Nothing: they sit at this computer.
    Local,
    /// A key, by its id.
    Key(String),
    /// A session, by its id.
    Session(String),
}

/// The book as everybody reads it.
pub(crate) struct Board {
    book: RwLock<Arc<Book>>,
    changes: watch::Sender<u64>,
    /// Uses up to here are stored.
    stored: Mutex<Option<Timestamp>>,
    rules: RwLock<Rules>,
}

/// What the configuration says.
#[derive(Clone, Copy)]
struct Rules {
    lifetime: Lifetime,
    local: LocalRole,
}

impl Rules {
    fn of(config: &AccessConfig) -> Rules {
        Rules {
            lifetime: Lifetime::of(config),
            local: config.local_role,
        }
    }
}

impl Board {
    fn new(book: Book, config: &AccessConfig) -> Board {
        Board {
            stored: Mutex::new(newest_use(&book)),
            book: RwLock::new(Arc::new(book)),
            changes: watch::Sender::new(0),
            rules: RwLock::new(Rules::of(config)),
        }
    }

    fn book(&self) -> Arc<Book> {
        Arc::clone(&self.book.read())
    }

    fn put(&self, book: Book) {
        *self.book.write() = Arc::new(book);
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn lifetime(&self) -> Lifetime {
        self.rules.read().lifetime
    }

    /// Uses up to here are stored.
    fn mark_stored(&self, newest: Option<Timestamp>) {
        *self.stored.lock() = newest;
    }

    /// Whether something was used, or has expired, since the book was stored.
    fn is_untidy(&self, now: Timestamp) -> bool {
        let (book, lifetime) = (self.book(), self.lifetime());
        let expired = book
            .sessions
            .values()
            .any(|session| session.expires_at(lifetime) <= now);
        expired || newest_use(&book) > *self.stored.lock()
    }
}

fn newest_use(book: &Book) -> Option<Timestamp> {
    let keys = book.keys.values().map(|key| key.last_used.at());
    keys.chain(book.sessions.values().map(|session| session.last_used.at()))
        .flatten()
        .max()
}

/// The handle to everything about who may come in.
#[derive(Clone)]
pub(crate) struct Access(Arc<Inner>);

struct Inner {
    board: Arc<Board>,
    writer: ChildRef<AccessActor>,
    keys: Mint,
    sessions: Mint,
    passwords: Passwords,
    throttle: Mutex<Throttle>,
    refused: Mutex<RefusedSignIns>,
}

/// Sign-ins refused that the journal does not know of yet.
#[derive(Default)]
struct RefusedSignIns {
    count: u64,
    told: Option<Instant>,
}

/// A session that has just begun.
pub(crate) struct SignedIn {
    pub(crate) credential: Credential,
    pub(crate) identity: Identity,
    pub(crate) token: String,
}

/// A key that has just been made.
pub(crate) struct NewKey {
    pub(crate) id: String,
    pub(crate) token: String,
}

impl Access {
    /// Reads the book. *Blocking.* Changes wait until the child runs.
    ///
    /// # Errors
    /// When the book cannot be read.
    pub(crate) fn open(
        journal: &Journal,
        secret: &Secret,
        config: &AccessConfig,
    ) -> Result<(Access, ChildSpec<AccessActor>), AccessError> {
        let (book, _) = actor::stored(journal)?;
        let board = Arc::new(Board::new(book, config));
        let child = actor::child(journal, &board);
        let inner = Inner {
            board,
            writer: child.child_ref(),
            keys: Mint::keys(secret),
            sessions: Mint::sessions(secret),
            passwords: Passwords::new()?,
            throttle: Mutex::default(),
            refused: Mutex::default(),
        };
        Ok((Access(Arc::new(inner)), child))
    }

    /// A book with nobody in it, which cannot be written to.
    #[cfg(test)]
    pub(crate) fn for_test() -> Access {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("station.db");
        let secret = Secret::beside(&path).expect("a secret");
        let config = journal::JournalConfig {
            path,
            ..journal::JournalConfig::default()
        };
        let (journal, _) = Journal::open(&config, Vec::new()).expect("a journal");
        let (access, _) = Access::open(&journal, &secret, &AccessConfig::default()).expect("an empty book");
        access
    }

    /// The book as it is now.
    pub(crate) fn book(&self) -> Arc<Book> {
        self.0.board.book()
    }

    pub(crate) fn lifetime(&self) -> Lifetime {
        self.0.board.lifetime()
    }

    /// From now on this section holds. Streams of those who may not listen any more end.
    pub(crate) fn configure(&self, config: &AccessConfig) {
        *self.0.board.rules.write() = Rules::of(config);
        self.0.board.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Whose key it is.
    pub(crate) fn key(&self, token: &str, now: Timestamp) -> Option<(Credential, Identity)> {
        let id = self.0.keys.id(token)?;
        let book = self.book();
        let key = book.keys.get(id)?;
        if !self.0.keys.proves(token, &key.hash) {
            return None;
        }
        let credential = Credential::Key(id.to_owned());
        let identity = self.standing_in(&book, &credential, now)?;
        Some((credential, identity))
    }

    /// Whose session it is.
    pub(crate) fn session(&self, token: &str, now: Timestamp) -> Option<(Credential, Identity)> {
        let id = self.0.sessions.id(token)?;
        let book = self.book();
        let session = book.sessions.get(id)?;
        if !self.0.sessions.proves(token, &session.hash) {
            return None;
        }
        let credential = Credential::Session(id.to_owned());
        let identity = self.standing_in(&book, &credential, now)?;
        Some((credential, identity))
    }

    /// Who somebody with this credential is now, if it is still good; notes that it was used.
    pub(crate) fn standing(&self, credential: &Credential, now: Timestamp) -> Option<Identity> {
        self.standing_in(&self.book(), credential, now)
    }

    fn standing_in(&self, book: &Book, credential: &Credential, now: Timestamp) -> Option<Identity> {
        match credential {
            Credential::Local => {
                let role = if book.has_accounts() {
                    self.0.board.rules.read().local.role()
                } else {
                    Some(Role::Admin)
                };
                role.map(|role| Identity::new(LOCAL, role))
            }
            Credential::Key(id) => {
                let key = book.keys.get(id).filter(|key| key.is_live(now))?;
                key.last_used.note(now);
                let identity = Identity::new(&format!("key:{}", key.name), key.role);
                Some(match book.owner_of(key) {
                    Some(owner) => identity.owned_by(owner),
                    None => identity,
                })
            }
            Credential::Session(id) => {
                let session = book.sessions.get(id)?;
                if session.expires_at(self.lifetime()) <= now {
                    return None;
                }
                session.last_used.note(now);
                let user = book.users.get(&session.user)?;
                Some(Identity::new(&session.user, user.role))
            }
        }
    }

    /// Resolves when somebody who was let in as `identity` is that no more.
    pub(crate) fn lapsed(&self, credential: Credential, identity: Identity) -> impl Future<Output = ()> + 'static {
        let access = self.clone();
        async move {
            let mut changes = access.0.board.changes.subscribe();
            while access.standing(&credential, Timestamp::now()).as_ref() == Some(&identity) {
                // Whether something changed or a while has passed: both are reasons to look again.
                let _changed_or_not = tokio::time::timeout(LOOK_EVERY, changes.changed()).await.is_ok();
            }
        }
    }

    /// Makes a change. `by`: who asked.
    ///
    /// # Errors
    /// When the rules refuse it, or the journal does not answer.
    pub(crate) async fn change(&self, change: Change, by: &str) -> Result<(), AccessError> {
        let make = Make {
            change,
            by: by.to_owned(),
        };
        let answer = self.0.writer.ask(make, CHANGE_LIMIT).await;
        answer.unwrap_or_else(|error: AskError| Err(AccessError::Unavailable(error.to_string())))
    }

    /// The hash of a password, to be kept.
    ///
    /// # Errors
    /// When too many wait for theirs.
    pub(crate) async fn hash(&self, password: String) -> Result<String, AccessError> {
        self.0.passwords.hash(password).await
    }

    /// Makes a key; its token is not kept anywhere.
    ///
    /// # Errors
    /// As [`Access::change`].
    pub(crate) async fn add_key(
        &self,
        name: String,
        role: Role,
        expires_at: Option<Timestamp>,
        by: &str,
    ) -> Result<NewKey, AccessError> {
        let Coin { id, token, hash } = coin(&self.0.keys)?;
        let change = Change::AddKey {
            id: id.clone(),
            name,
            role,
            hash,
            expires_at,
        };
        self.change(change, by).await?;
        Ok(NewKey { id, token })
    }

    /// Begins a session.
    ///
    /// # Errors
    /// When name or password is wrong, or it was tried too often.
    pub(crate) async fn sign_in(
        &self,
        user: String,
        password: String,
        address: Option<IpAddr>,
        agent: String,
    ) -> Result<SignedIn, AccessError> {
        let network = network(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
        let found = self.book().users.get(&user).cloned();
        let known = found.as_ref().is_some_and(|user| user.known.contains(&network));
        let begun = self.0.throttle.lock().begin(&user, network, known, Instant::now());
        begun.map_err(AccessError::TooFast)?;
        // A name that does not exist may be a password in the wrong field.
        let name = found.is_some().then(|| user.clone());
        let hash = found.map(|user| user.password.clone());
        if !self.0.passwords.verify(password, hash).await? {
            self.tell_refused(name, address).await;
            return Err(AccessError::Wrong);
        }
        self.0.throttle.lock().succeeded(&user, network, known);
        let Coin { id, token, hash } = coin(&self.0.sessions)?;
        let credential = Credential::Session(id.clone());
        let start = Change::StartSession {
            id,
            user: user.clone(),
            hash,
            address,
            agent,
        };
        self.change(start, &user).await?;
        let identity = self.standing(&credential, Timestamp::now()).ok_or(AccessError::Wrong)?;
        Ok(SignedIn {
            credential,
            identity,
            token,
        })
    }

    /// Counts refused sign-ins; the journal hears of them once a minute, however many there are.
    async fn tell_refused(&self, user: Option<String>, address: Option<IpAddr>) {
        let count = {
            let mut refused = self.0.refused.lock();
            refused.count = refused.count.saturating_add(1);
            if refused.told.is_some_and(|told| told.elapsed() < TELL_REFUSED_EVERY) {
                return;
            }
            refused.told = Some(Instant::now());
            std::mem::take(&mut refused.count)
        };
        let told = self
            .change(Change::CountRefused { count, user, address }, actor::ACCESS)
            .await;
        if let Err(error) = told {
            tracing::warn!(%error, count, "refused sign-ins not in the journal");
        }
    }

    /// What the page of this session says besides its cookie.
    pub(crate) fn csrf(&self, token: &str) -> String {
        self.0.sessions.csrf(token)
    }

    /// Whether it said it.
    pub(crate) fn is_csrf(&self, token: &str, said: &str) -> bool {
        self.0.sessions.is_csrf(token, said)
    }
}

fn coin(mint: &Mint) -> Result<Coin, AccessError> {
    mint.coin().map_err(|error| AccessError::Unavailable(error.to_string()))
}
