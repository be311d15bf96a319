//! Follows the host's log: the actor around the [`tail`](crate::tail).
//!
//! Owns: the open file and the watch on its directory. Talks to: the parser, whose answer it awaits before it reads
//! on; the state machine, which knows the position. Fails when: never by what the files are; a directory that is not
//! there is a state, looked at again every second.
//!
//! ```text
//! Locating ─ position ─> Reading ─ nothing more ─> Waiting ─ file changed, or 1 s ─> Reading
//!     ^                     │ refused, no answer
//!     └─────────────────────┘
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{Actor, AsyncContext, Context, WrapFuture};
use journal::SignalBoard;
use kernel::ChildRef;
use model::Source;
use model::repeater::Crashed;
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use serde::Serialize;
use tokio::sync::Notify;

use crate::follower::{CHUNK_BYTES, Chunk, Follower, Look};
use crate::grammar::Memory;
use crate::log::Log;
use crate::parser::{LinesRead, ParserActor};
use crate::poison::{Crash, Notes};
use crate::state_machine::{ANSWER_LIMIT, Begin, Beginning, Bookmark, CaughtUp, StateMachineActor, TryLine};
use crate::tail::{Place, Position};

/// How often to look without being told: file systems without notification, directories that appear, deadlines of the
/// state machine.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Pause before asking for the position again.
const LOCATE_AFTER: Duration = Duration::from_millis(200);

/// Reads the log.
pub struct LogTailActor {
    tail: Option<Tail>,
}

impl LogTailActor {
    pub(crate) fn new(
        log: &Log,
        signals: SignalBoard,
        parser: ChildRef<ParserActor>,
        state_machine: ChildRef<StateMachineActor>,
    ) -> LogTailActor {
        LogTailActor {
            tail: Some(Tail {
                follower: Some(Follower::new(log)),
                watch: Watch::new(&log.directory),
                no_file: no_file(log),
                signals,
                teller: log.teller("log_tail"),
                shown: None,
                parser,
                state_machine,
            }),
        }
    }
}

impl Actor for LogTailActor {
    type Context = Context<LogTailActor>;

    fn started(&mut self, ctx: &mut Context<LogTailActor>) {
        if let Some(tail) = self.tail.take() {
            ctx.spawn(tail.follow().into_actor(self));
        }
    }
}

kernel::answers_ping!(LogTailActor);

/// How far the tail is, as a signal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Progress {
    /// The file, while there is one.
    file: Option<String>,
    /// Bytes of it that were read.
    offset: u64,
    /// Bytes of it that were not.
    behind_bytes: u64,
    /// Why nothing can be read.
    problem: Option<String>,
}

/// The work of the actor: one loop, so that nothing is read before the answer to what was read.
struct Tail {
    /// Away while it works on the blocking pool.
    follower: Option<Follower>,
    watch: Watch,
    /// What to say while there is no file.
    no_file: String,
    signals: SignalBoard,
    teller: Source,
    shown: Option<Progress>,
    parser: ChildRef<ParserActor>,
    state_machine: ChildRef<StateMachineActor>,
}

impl Tail {
    async fn follow(mut self) {
        loop {
            let beginning = self.begin().await;
            self.read_from(beginning).await;
            tokio::time::sleep(LOCATE_AFTER).await;
        }
    }

    /// Asks the state machine how far it has come.
    async fn begin(&self) -> Beginning {
        loop {
            self.state_machine.wait_up(0).await;
            match self.state_machine.ask(Begin, ANSWER_LIMIT).await {
                Ok(Ok(beginning)) => return beginning,
                Ok(Err(refused)) => tracing::debug!(%refused, "position not known yet"),
                Err(error) => tracing::debug!(%error, "position not known yet"),
            }
            tokio::time::sleep(LOCATE_AFTER).await;
        }
    }

    /// Reads on and on; returns when the position has to be asked anew.
    async fn read_from(&mut self, beginning: Beginning) {
        let Bookmark { mut position, memory } = beginning.bookmark;
        let mut known = Some((memory, beginning.notes));
        let mut careful_bytes = if beginning.careful { CHUNK_BYTES } else { 0 };
        loop {
            let as_of = Instant::now();
            match self.look(&position).await {
                Ok(Look::Lines(mut chunk)) => {
                    let mut given_up = None;
                    if careful_bytes > 0 {
                        chunk = chunk.first_line();
                        careful_bytes = careful_bytes.saturating_sub(chunk.lines.len());
                        let Some(verdict) = self.try_line(&chunk).await else {
                            return;
                        };
                        given_up = verdict;
                    }
                    let to = chunk.to.clone();
                    if !self.hand_on(chunk, known.take(), given_up).await {
                        return;
                    }
                    position = Some(to);
                }
                Ok(Look::Nothing { behind }) => {
                    let problem = position.as_ref().and_then(set_back);
                    self.show_waiting(&position, behind, problem);
                    self.caught_up(as_of).await;
                    self.wait().await;
                }
                Ok(Look::NoFile { newest }) => {
                    let problem = newest.map_or_else(|| self.no_file.clone(), |newest| only_older(&newest));
                    self.show_waiting(&position, 0, Some(problem));
                    self.caught_up(as_of).await;
                    self.wait().await;
                }
                // Lines that nobody can read may be waiting: until they can be read no time goes by.
                Err(error) => {
                    self.show_waiting(&position, 0, Some(error.to_string()));
                    self.wait().await;
                }
            }
        }
    }

    async fn look(&mut self, position: &Position) -> io::Result<Look> {
        let Some(mut follower) = self.follower.take() else {
            return Err(io::Error::other("the reader was lost"));
        };
        let position = position.clone();
        let looked = tokio::task::spawn_blocking(move || (follower.look(&position), follower));
        let (look, follower) = looked.await.map_err(io::Error::other)?;
        self.follower = Some(follower);
        look
    }

    /// Notes that a line is about to be read. Answers why it is to be left out, if it is; `None` if nobody answered.
    async fn try_line(&self, chunk: &Chunk) -> Option<Option<Crash>> {
        let trial = Crash::new(
            Crashed::Process,
            chunk,
            chunk.start(),
            "it ended while this line was read",
        );
        match self.state_machine.ask(TryLine(trial.clone()), ANSWER_LIMIT).await {
            Ok(Ok(is_tried)) => Some((!is_tried).then_some(trial)),
            Ok(Err(error)) => {
                tracing::info!(%error, "line not tried");
                None
            }
            Err(error) => {
                tracing::info!(%error, "no answer from the state machine");
                None
            }
        }
    }

    async fn hand_on(&mut self, chunk: Chunk, beginning: Option<(Memory, Notes)>, given_up: Option<Crash>) -> bool {
        let progress = Progress {
            file: Some(chunk.to.name.clone()),
            offset: chunk.to.offset,
            behind_bytes: chunk.behind,
            problem: set_back(&chunk.to),
        };
        self.parser.wait_up(0).await;
        let lines = LinesRead {
            chunk,
            beginning,
            given_up,
        };
        match self.parser.ask(lines, ANSWER_LIMIT).await {
            Ok(Ok(())) => {
                self.show(progress);
                true
            }
            Ok(Err(error)) => {
                tracing::info!(%error, "lines not taken");
                false
            }
            Err(error) => {
                tracing::info!(%error, "no answer from the parser");
                false
            }
        }
    }

    fn show_waiting(&mut self, position: &Position, behind_bytes: u64, problem: Option<String>) {
        let place = position.as_ref();
        self.show(Progress {
            file: place.map(|place| place.name.clone()),
            offset: place.map_or(0, |place| place.offset),
            behind_bytes,
            problem,
        });
    }

    /// Lets time go by for the state machine.
    async fn caught_up(&self, as_of: Instant) {
        if let Err(error) = self.state_machine.ask(CaughtUp { as_of }, ANSWER_LIMIT).await {
            tracing::debug!(%error, "no answer from the state machine");
        }
    }

    /// Waits for the log to grow.
    async fn wait(&mut self) {
        self.watch.renew();
        // A change since the last look has left its mark: it ends the wait at once. Otherwise time is up after a while.
        tokio::select! {
            () = self.watch.changed() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }

    fn show(&mut self, progress: Progress) {
        if self.shown.as_ref() == Some(&progress) {
            return;
        }
        if let Some(problem) = progress.problem.as_ref()
            && self
                .shown
                .as_ref()
                .is_none_or(|shown| shown.problem.as_ref() != Some(problem))
        {
            tracing::warn!(%problem, directory = %self.watch.directory.display(), "log not readable");
        }
        self.signals.show(&self.teller, "progress", &progress);
        self.shown = Some(progress);
    }
}

/// What an operator has to look for.
fn no_file(log: &Log) -> String {
    let date = if log.rotate { "-YYYY-MM-DD" } else { "" };
    let (directory, file_root) = (log.directory.display(), &log.file_root);
    format!("no log file yet: {directory} holds no {file_root}{date}.log (none is written at FileLevel 0)")
}

/// What to say while an older file is followed.
fn set_back(place: &Place) -> Option<String> {
    let newest = &place.left.as_ref()?.name;
    let name = &place.name;
    Some(format!(
        "the log goes on in {name}, though {newest} is newer by its name: is the host's clock right?"
    ))
}

/// A host whose clock went back over midnight writes such files, and so does whoever deletes the newest one by hand.
fn only_older(newest: &str) -> String {
    format!("the newest log file, {newest}, is older than the one that was read last: is the host's clock right?")
}

/// Notification of changes in the directory, where the system gives it.
struct Watch {
    directory: PathBuf,
    change: Arc<Notify>,
    /// The directory that is watched, by its number: it may be removed and made anew.
    watched: Option<(u64, RecommendedWatcher)>,
}

impl Watch {
    fn new(directory: &Path) -> Watch {
        Watch {
            directory: directory.to_owned(),
            change: Arc::default(),
            watched: None,
        }
    }

    /// Watches the directory that is there now.
    fn renew(&mut self) {
        let there = std::fs::metadata(&self.directory).map(|metadata| std::os::unix::fs::MetadataExt::ino(&metadata));
        match (there, &self.watched) {
            (Ok(inode), Some((watched, _))) if inode == *watched => {}
            (Ok(inode), _) => {
                self.watched = self.start().map(|watcher| (inode, watcher));
                // What happened before the watch began was not noticed.
                self.change.notify_one();
            }
            (Err(_), _) => self.watched = None,
        }
    }

    fn start(&self) -> Option<RecommendedWatcher> {
        let change = Arc::clone(&self.change);
        // Our own looks at the directory are events too: to heed them would be to look for ever.
        let told = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| event.kind.is_access()) {
                return;
            }
            change.notify_one();
        };
        let watcher = notify::recommended_watcher(told).and_then(|mut watcher| {
            watcher.watch(&self.directory, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        watcher
            .map_err(|error| tracing::warn!(%error, "no notification of changes, looking every second"))
            .ok()
    }

    async fn changed(&self) {
        self.change.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use tempfile::TempDir;
    use tokio::time::timeout;

    use super::*;

    /// Long enough for a notification, if there were one.
    const MOMENT: Duration = Duration::from_millis(50);
    const LIMIT: Duration = Duration::from_secs(10);

    /// Waits until nothing more is told.
    async fn quiet(watch: &Watch) {
        while timeout(MOMENT, watch.changed()).await.is_ok() {}
    }

    #[tokio::test]
    async fn looking_at_the_log_is_no_change_of_it() {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("MMDVM-2026-11-21.log");
        let mut log = fs::File::create(&path).unwrap();
        let mut watch = Watch::new(directory.path());
        watch.renew();
        quiet(&watch).await;

        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        assert!(fs::read(&path).unwrap().is_empty());
        assert!(
            timeout(MOMENT, watch.changed()).await.is_err(),
            "reading was taken for a change"
        );

        log.write_all(b"M: ").unwrap();
        timeout(LIMIT, watch.changed()).await.unwrap();
    }

    #[tokio::test]
    async fn directory_that_was_made_anew_is_watched_again() {
        let directory = TempDir::new().unwrap();
        let logs = directory.path().join("log");
        fs::create_dir(&logs).unwrap();
        let mut watch = Watch::new(&logs);
        watch.renew();
        // The old directory lives on under another name, so that its number is not given away again.
        fs::rename(&logs, directory.path().join("old")).unwrap();
        fs::create_dir(&logs).unwrap();
        watch.renew();
        quiet(&watch).await;
        fs::write(logs.join("MMDVM-2026-11-21.log"), "M: ").unwrap();
        timeout(LIMIT, watch.changed()).await.unwrap();
    }
}
