//! The configuration as it is in force, and how it becomes another one while the station runs.
//!
//! ```text
//! text ─▶ check everything ─▶ file, replaced as a whole ─▶ journal: event + versions ─▶ in force ─▶ restart who reads it
//!                                                                                        │
//!                          the version before comes back by itself ◀── worse than before ┴─▶ stays
//! ```
//!
//! [`Live`] is what everybody reads: children take their section when they start. [`ConfigActor`] is the only one who changes
//! it, one change at a time.
//! **Invariant:** a text with a problem is never in force, and never in the file's place.
//! **Invariant:** secrets leave this module neither in answers nor in events.

mod actor;
mod book;
mod change;
mod file;
mod keeper;
mod plan;
pub(crate) mod request;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use journal::Journal;
use kernel::{AskError, ChildRef, ChildSpec};
use parking_lot::{Mutex, RwLock};
use thiserror::Error;
use tokio::sync::{Notify, Semaphore, SetOnce};

pub(crate) use actor::ConfigActor;
pub(crate) use book::Book;
pub(crate) use change::{Changed, What};
pub(crate) use plan::Difference;

use self::actor::{Make, Refuse, Stage};
use crate::access::Access;
use crate::config::{self, Config, Loaded, Origin, Problem, ProblemShown, Set};
use crate::station::{Shared, door_problem};
use crate::web::Tls;

/// Who speaks of the configuration, and its name as a producer.
pub(crate) const CONFIG: &str = "config";

/// Largest configuration file that can be changed at run time, in bytes; that of all keys has ten thousand.
pub(crate) const TEXT_MAX: usize = 60 * 1024;

/// How long a change may take, with those before it.
const CHANGE_LIMIT: Duration = Duration::from_secs(30);

/// Most problems that are told.
const PROBLEMS_TOLD: usize = 100;

/// Changes the directives by which the service logs.
pub(crate) type LevelSwitch = Arc<dyn Fn(&str) + Send + Sync>;

/// Why the configuration stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum LiveError {
    #[error("the configuration has problems: {}", list(.0))]
    Problems(Vec<ProblemShown>),
    #[error("{0}")]
    NoFile(String),
    #[error("there is no version {0} any more")]
    NoVersion(u64),
    #[error("version {0} is on trial; wait, or roll it back")]
    OnTrial(u64),
    #[error("somebody has changed {0} meanwhile; reload it first")]
    Edited(String),
    #[error("the file cannot be replaced: {0}")]
    NotWritten(String),
    #[error("the file has {0} bytes, at most {TEXT_MAX} can be changed at run time")]
    TooLarge(usize),
    #[error("{0}")]
    Unavailable(String),
}

fn list(problems: &[ProblemShown]) -> String {
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    told.join("; ")
}

impl From<AskError> for LiveError {
    fn from(error: AskError) -> LiveError {
        LiveError::Unavailable(error.to_string())
    }
}

/// A configuration that was checked.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) config: Config,
    pub(crate) set: Set,
}

/// The configuration of now.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    /// What is in force.
    pub(crate) config: Config,
    /// What the file and the environment say; parts of it may wait for the next start of the service.
    pub(crate) wanted: Candidate,
    /// What the file said when it was read.
    text: String,
    /// All versions.
    pub(crate) book: Book,
}

/// What the actor and all handles share.
pub(crate) struct State {
    running: RwLock<Arc<Running>>,
    launched: Config,
    file: Result<PathBuf, String>,
    access: Access,
    level: LevelSwitch,
    /// A check takes processor time; one at a time.
    checks: Semaphore,
    /// Children that have not taken what is in force yet.
    restarts: Mutex<Vec<String>>,
    /// There are such children, or a trial.
    news: Notify,
}

/// The handle that everybody has.
#[derive(Clone)]
pub(crate) struct Live {
    state: Arc<State>,
    writer: ChildRef<ConfigActor>,
}

impl State {
    pub(crate) fn running(&self) -> Arc<Running> {
        Arc::clone(&self.running.read())
    }

    fn put(&self, running: Running) {
        *self.running.write() = Arc::new(running);
    }

    /// Who has to take what is in force next.
    fn next_restart(&self) -> Option<String> {
        self.restarts.lock().pop()
    }

    /// The file that can be changed.
    fn file(&self) -> Result<&Path, LiveError> {
        let file = self.file.as_ref();
        file.map(PathBuf::as_path).map_err(|why| LiveError::NoFile(why.clone()))
    }

    /// Checks a text as the next start of the service would.
    async fn check(self: &Arc<Self>, text: String) -> Result<Candidate, LiveError> {
        let _turn = self.checks.acquire().await;
        let state = Arc::clone(self);
        let checked = tokio::task::spawn_blocking(move || state.check_now(&text)).await;
        checked.map_err(|error| LiveError::Unavailable(error.to_string()))?
    }

    fn check_now(&self, text: &str) -> Result<Candidate, LiveError> {
        if text.len() > TEXT_MAX {
            return Err(LiveError::TooLarge(text.len()));
        }
        let path = self.file.as_deref().unwrap_or(Path::new("the configuration"));
        let checked = config::check_text(path, text).and_then(|(config, set)| {
            let found = self.obstacles(&config, path);
            if found.is_empty() {
                Ok(Candidate { config, set })
            } else {
                Err(found)
            }
        });
        checked.map_err(|problems| {
            let told = problems.iter().take(PROBLEMS_TOLD);
            LiveError::Problems(told.map(|problem| problem.shown(text)).collect())
        })
    }

    /// What would keep the service from starting with it.
    fn obstacles(&self, config: &Config, path: &Path) -> Vec<Problem> {
        let origin = Origin::File(path.display().to_string());
        let problem = |key: &str, reason: String| Problem {
            key: key.to_owned(),
            reason,
            origin: origin.clone(),
        };
        let door = door_problem(&config.web, &self.access).map(|reason| problem("web.bind", reason));
        let tls = config.web.tls.files();
        let tls = tls.and_then(|(certificate, key)| Tls::open(certificate, key).err());
        let tls = tls.map(|error| problem("web.tls.certificate", error.to_string()));
        door.into_iter().chain(tls).collect()
    }

    /// What the file says now.
    async fn read_file(&self) -> Result<String, LiveError> {
        let path = self.file()?.to_owned();
        let name = path.display().to_string();
        let read = blocking(move || std::fs::read_to_string(&path)).await;
        read.map_err(|error| LiveError::NoFile(format!("{name} cannot be read: {error}")))
    }

    fn difference(&self, candidate: &Candidate) -> Difference {
        let possible = plan::possible(&candidate.config, &self.launched);
        Difference::new(&self.running().config, &possible, &candidate.config)
    }
}

/// Works with files, off this thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

impl Live {
    /// What was read at the start, in force, and the child that changes it. `fixed`: why it cannot be changed, if so.
    pub(crate) fn new(
        loaded: &Loaded,
        fixed: Option<&str>,
        (journal, access): (&Journal, &Access),
        level: LevelSwitch,
        station: &Arc<SetOnce<Shared>>,
    ) -> (Live, ChildSpec<ConfigActor>) {
        let (file, text) = match (fixed, &loaded.file) {
            (Some(why), _) => (Err(why.to_owned()), String::new()),
            (None, None) => (
                Err("the station runs without a configuration file".to_owned()),
                String::new(),
            ),
            (None, Some((_, text))) if text.len() > TEXT_MAX => {
                (Err(LiveError::TooLarge(text.len()).to_string()), String::new())
            }
            (None, Some((path, text))) => (Ok(path.clone()), text.clone()),
        };
        let wanted = Candidate {
            config: loaded.config.clone(),
            set: loaded.set.clone(),
        };
        let running = Running {
            config: loaded.config.clone(),
            wanted,
            text,
            book: Book::default(),
        };
        let state = Arc::new(State {
            running: RwLock::new(Arc::new(running)),
            launched: loaded.config.clone(),
            file,
            access: access.clone(),
            level,
            checks: Semaphore::new(1),
            restarts: Mutex::default(),
            news: Notify::new(),
        });
        let child = actor::child(&state, journal, station);
        let writer = child.child_ref();
        (Live { state, writer }, child)
    }

    /// The configuration of now.
    pub(crate) fn running(&self) -> Arc<Running> {
        self.state.running()
    }

    /// The file that can be changed, or why there is none.
    pub(crate) fn file(&self) -> Result<&Path, LiveError> {
        self.state.file()
    }

    /// Checks a text, and says what would be different with it. Changes nothing.
    ///
    /// # Errors
    /// All its problems.
    pub(crate) async fn validate(&self, text: String) -> Result<Difference, LiveError> {
        let candidate = self.state.check(text).await?;
        Ok(self.state.difference(&candidate))
    }

    /// What is wrong with the file as it is now, and what is different in it.
    pub(crate) async fn look_at_file(&self) -> Result<Difference, LiveError> {
        self.validate(self.state.read_file().await?).await
    }

    /// What a change would come to. Changes nothing.
    ///
    /// # Errors
    /// Why it cannot be made.
    pub(crate) async fn plan(&self, what: What) -> Result<Difference, LiveError> {
        self.state.file()?;
        match what {
            What::Reload => self.look_at_file().await,
            What::Apply(version) | What::Rollback(version) => {
                let running = self.running();
                let text = running.book.text(version).ok_or(LiveError::NoVersion(version))?;
                self.validate(text.to_owned()).await
            }
        }
    }

    /// Keeps a text until it is applied under the number that this answers.
    ///
    /// # Errors
    /// All its problems, or why it cannot be kept.
    pub(crate) async fn stage(&self, text: String, who: &str) -> Result<u64, LiveError> {
        let who = who.to_owned();
        self.writer.ask(Stage { text, who }, CHANGE_LIMIT).await?
    }

    /// Makes a change. `Err(None)`: nobody knows whether it was made.
    pub(crate) async fn make(&self, what: What, who: &str, why: &str) -> Result<Changed, Option<LiveError>> {
        let make = Make {
            what,
            who: who.to_owned(),
            why: why.to_owned(),
        };
        match self.writer.ask(make, CHANGE_LIMIT).await {
            Ok(made) => made.map_err(Some),
            Err(error @ (AskError::Down | AskError::Full)) => Err(Some(error.into())),
            Err(AskError::Timeout | AskError::Died) => Err(None),
        }
    }

    /// Tells the journal that a change was refused.
    pub(crate) async fn refuse(&self, who: &str, why: &str, reason: &LiveError) {
        let refuse = Refuse {
            who: who.to_owned(),
            why: why.to_owned(),
            reason: reason.clone(),
        };
        if let Err(error) = self.writer.ask(refuse, CHANGE_LIMIT).await {
            tracing::warn!(%error, "the journal was not told of a refused configuration");
        }
    }
}
