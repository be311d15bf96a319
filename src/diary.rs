//! The words of the diary, and the one way in which they reach the journal.
//!
//! **Invariant:** how far the diary has come is its checkpoint, stored with the lines themselves. So a line is there once:
//! an append whose answer got lost is recognised, and the next incarnation goes on where the journal knows it.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use journal::{Append, AppendError, CheckpointUpdate, Journal};
use kernel::{Change, ChildPath, ExitView, Heard, TreeChange};
use model::{EventData, NewEvent, Source, Timestamp};
use serde::{Deserialize, Serialize};

use crate::health::Health;

/// Most lines in one append.
const BATCH: usize = 64;

/// How long one append may take before it is tried again.
const APPEND_LIMIT: Duration = Duration::from_secs(5);

/// Pause before a refused append is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long the last line may take: nobody waits for the journal then.
const FAREWELL_LIMIT: Duration = Duration::from_secs(1);

/// Who the station's own diary speaks for, and its name as a producer.
pub(crate) const SOURCE: &str = "station";

/// Where the supervisor tree speaks from.
const KERNEL: &str = "kernel";

/// What the diary says.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Line {
    /// The service has started.
    Started { version: &'static str, demo: bool },
    /// The service begins its ordered shutdown.
    Stopping {},
    /// The station is better or worse than before.
    HealthChanged(Health),
    /// A child is up.
    ChildUp {
        path: ChildPath,
        incarnation: u64,
        after_ms: u64,
    },
    /// A child is gone.
    ChildExited {
        path: ChildPath,
        incarnation: u64,
        #[serde(flatten)]
        exit: ExitView,
        state: &'static str,
        restart_in_ms: Option<u64>,
    },
    /// The diary fell behind.
    ChangesMissed { count: u64 },
}

impl EventData for Line {
    fn event_type(&self) -> &'static str {
        match self {
            Line::Started { .. } => "station_started",
            Line::Stopping {} => "station_stopping",
            Line::HealthChanged(_) => "health_changed",
            Line::ChildUp { .. } => "child_up",
            Line::ChildExited { .. } => "child_exited",
            Line::ChangesMissed { .. } => "changes_missed",
        }
    }
}

impl Line {
    /// What is worth a line: ends and beginnings, not the steps between.
    pub(crate) fn of(change: TreeChange) -> Option<Line> {
        let TreeChange {
            path,
            incarnation,
            change,
            ..
        } = change;
        match change {
            Change::Up { after_ms } => Some(Line::ChildUp {
                path,
                incarnation,
                after_ms,
            }),
            Change::Exited {
                exit,
                state,
                restart_in_ms,
            } => Some(Line::ChildExited {
                path,
                incarnation,
                exit: ExitView::from(&exit),
                state,
                restart_in_ms,
            }),
            Change::Starting | Change::Stopping | Change::Killing | Change::Over { .. } => None,
        }
    }

    pub(crate) fn at(&self, at: Timestamp) -> Option<NewEvent> {
        let source = match self {
            Line::Started { .. } | Line::Stopping {} | Line::HealthChanged(_) => SOURCE,
            Line::ChildUp { .. } | Line::ChildExited { .. } | Line::ChangesMissed { .. } => KERNEL,
        };
        let written = NewEvent::new(at, &Source::new(source), self);
        written
            .map_err(|error| tracing::error!(%error, "diary line not written"))
            .ok()
    }
}

/// How far the diary has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Which run of the service: each counts its changes from 1.
    run: u64,
    /// The newest change of the tree that is in the diary, or told as missed.
    pub(crate) change: u64,
    /// The newest change of health.
    pub(crate) health: u64,
}

/// Lines that go in together with the progress that they make.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    events: Vec<NewEvent>,
    pub(crate) progress: Progress,
}

impl Page {
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.events.len() < BATCH
    }

    /// Takes what was heard of the tree.
    pub(crate) fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Change(change) => {
                let at = i64::try_from(change.at.unix_ms()).map_or_else(|_| Timestamp::now(), Timestamp::from_unix_ms);
                self.progress.change = change.number;
                self.events.extend(Line::of(change).and_then(|line| line.at(at)));
            }
            Heard::Missed(count) => {
                self.progress.change = self.progress.change.saturating_add(count);
                self.events.extend(Line::ChangesMissed { count }.at(Timestamp::now()));
            }
        }
    }

    /// Takes a change of health.
    pub(crate) fn note_health(&mut self, number: u64, health: Health) {
        self.progress.health = number;
        let since = health.since;
        self.events.extend(Line::HealthChanged(health).at(since));
    }
}

/// Another writer has moved the checkpoint: an append of the incarnation before this one was still on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overtaken;

/// One writer's way into the journal.
pub(crate) struct Diary {
    journal: Journal,
    /// What the next page begins with.
    page: Page,
    /// Version of the checkpoint that is stored.
    version: u64,
    /// This writer's name.
    writer: u64,
}

impl Diary {
    /// Goes on where the journal knows the diary of this run, which begins with a greeting.
    pub(crate) async fn resume(journal: &Journal, run: u64, greeting: Option<NewEvent>) -> Diary {
        let stored = loop {
            let reader = journal.clone();
            let read = tokio::task::spawn_blocking(move || reader.checkpoint(SOURCE)).await;
            match read {
                Ok(Ok(stored)) => break stored,
                Ok(Err(error)) => tracing::warn!(%error, "the diary waits"),
                Err(error) => tracing::error!(%error, "the diary waits"),
            }
            tokio::time::sleep(RETRY_AFTER).await;
        };
        let version = stored.as_ref().map_or(0, |stored| stored.version);
        let progress = stored.and_then(|stored| serde_json::from_str(&stored.data).ok());
        let known = progress.filter(|progress: &Progress| progress.run == run);
        let page = match known {
            Some(progress) => Page {
                events: Vec::new(),
                progress,
            },
            None => Page {
                events: greeting.into_iter().collect(),
                progress: Progress {
                    run,
                    change: 0,
                    health: 0,
                },
            },
        };
        Diary {
            journal: journal.clone(),
            page,
            version,
            // The only randomness in the standard library; it has to differ between writers, no more.
            writer: RandomState::new().hash_one(version),
        }
    }

    /// The page to fill.
    pub(crate) fn next_page(&self) -> Page {
        self.page.clone()
    }

    /// Returns once the page is in, or can never be.
    ///
    /// # Errors
    /// When the page begins where the diary does not end any more: [`Diary::resume`] says where it does.
    pub(crate) async fn write(&mut self, page: Page) -> Result<(), Overtaken> {
        let Page { events, progress } = page;
        let data = match serde_json::to_string(&progress) {
            Ok(data) => data,
            Err(error) => {
                tracing::error!(%error, "diary's checkpoint not written");
                return Ok(());
            }
        };
        let mut append = Append {
            producer: SOURCE.to_owned(),
            events,
            checkpoint: Some(CheckpointUpdate {
                expect: self.version,
                writer: self.writer,
                data,
            }),
        };
        loop {
            match self.journal.append(append.clone(), APPEND_LIMIT).await {
                Ok(appended) => {
                    self.version = appended.version;
                    break;
                }
                Err(AppendError::Conflict { stored }) => {
                    tracing::info!(stored, expected = self.version, "the diary went on meanwhile");
                    return Err(Overtaken);
                }
                Err(AppendError::Unavailable | AppendError::Storage(_)) => tokio::time::sleep(RETRY_AFTER).await,
                // A bug, and the same tomorrow: the lines behind these need not be lost as well.
                Err(error @ (AppendError::Projection { .. } | AppendError::Invalid(_))) => {
                    tracing::error!(%error, count = append.events.len(), "diary lines set aside");
                    if append.events.is_empty() {
                        break;
                    }
                    append.events.clear();
                }
            }
        }
        let events = Vec::new();
        self.page = Page { events, progress };
        Ok(())
    }
}

/// The last line before the ordered shutdown; the journal is still up then, but nobody waits for it. Tried once: whether a
/// line without an answer is there is not known.
pub(crate) async fn say_stopping(journal: &Journal) {
    let append = Append {
        producer: SOURCE.to_owned(),
        events: Line::Stopping {}.at(Timestamp::now()).into_iter().collect(),
        checkpoint: None,
    };
    if let Err(error) = journal.append(append, FAREWELL_LIMIT).await {
        tracing::warn!(%error, "shutdown perhaps not in the journal");
    }
}

#[cfg(test)]
mod tests {
    use journal::{EventQuery, JournalConfig, Synchronous};
    use kernel::{Supervision, SupervisorSpec};
    use tempfile::TempDir;

    use super::*;

    const RUN: u64 = 7;

    fn journal(directory: &TempDir) -> (Journal, Supervision) {
        let config = JournalConfig {
            path: directory.path().join("journal.db"),
            synchronous: Synchronous::Normal,
            ..JournalConfig::default()
        };
        let (journal, writer) = Journal::open(&config, Vec::new()).unwrap();
        let root = SupervisorSpec::new("root").child(writer);
        (journal, kernel::launch(root).unwrap())
    }

    async fn resume(journal: &Journal, run: u64) -> Diary {
        let greeting = Line::Started {
            version: "0",
            demo: false,
        };
        Diary::resume(journal, run, greeting.at(Timestamp::from_unix_ms(0))).await
    }

    /// The next page with this many missed changes on it.
    fn missed(diary: &Diary, count: u64) -> Page {
        let mut page = diary.next_page();
        page.hear(Heard::Missed(count));
        page
    }

    fn told(journal: &Journal) -> Vec<String> {
        let events = journal.events(&EventQuery::default()).unwrap();
        events.iter().map(|event| event.event_type.to_string()).collect()
    }

    #[tokio::test]
    async fn page_whose_answer_got_lost_is_in_once() {
        let directory = TempDir::new().unwrap();
        let (journal, supervision) = journal(&directory);
        let mut diary = resume(&journal, RUN).await;
        let page = missed(&diary, 3);
        let before = diary.version;
        assert_eq!(diary.write(page.clone()).await, Ok(()));
        // As if nothing had been heard of it: the same append again.
        diary.version = before;
        assert_eq!(diary.write(page).await, Ok(()));
        assert_eq!(told(&journal), ["station_started", "changes_missed"]);
        supervision.shutdown(APPEND_LIMIT).await;
    }

    #[tokio::test]
    async fn next_incarnation_goes_on_where_the_journal_knows_the_diary_and_the_old_one_writes_no_more() {
        let directory = TempDir::new().unwrap();
        let (journal, supervision) = journal(&directory);
        let mut old = resume(&journal, RUN).await;
        old.write(missed(&old, 3)).await.unwrap();
        let mut new = resume(&journal, RUN).await;
        assert_eq!((new.next_page().progress.change, new.next_page().is_empty()), (3, true));
        new.write(missed(&new, 2)).await.unwrap();
        assert_eq!(old.write(missed(&old, 2)).await, Err(Overtaken));
        assert_eq!(told(&journal), ["station_started", "changes_missed", "changes_missed"]);
        let next_run = resume(&journal, RUN + 1).await;
        assert_eq!(next_run.next_page().progress.change, 0, "each run counts from 1");
        assert!(!next_run.next_page().is_empty(), "each run begins with a greeting");
        supervision.shutdown(APPEND_LIMIT).await;
    }
}
